"""Loops over the stored values of sparse rows, compiled by numba. They release the interpreter lock.

A chunk of cells is given by the arrays `indptr`, `indices`, `data` of a CSR matrix; `code` is the batch number of each
row. Sums are added to the given arrays in the order of the rows, so that the same chunks give the same bytes for any
number of threads.
"""

import math

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def count_odd(values, largest):
    """Number of values that are not counts (fractional, negative, NaN, infinite), and of values above `largest`."""
    n_odd, n_above = 0, 0
    for value in values:
        n_odd += (value != np.floor(value)) | (value < 0) | (value > 1e300)
        n_above += value > largest
    return n_odd, n_above


@njit(nogil=True, cache=True)
def add_moments(indptr, indices, data, code, total, squares, row_total):
    """Add values and their squares per batch and gene, shape (n_batches, n_genes); sum every row."""
    for row in range(len(indptr) - 1):
        batch, here = code[row], 0.0
        for at in range(indptr[row], indptr[row + 1]):
            value, gene = np.float64(data[at]), indices[at]
            here += value
            total[batch, gene] += value
            squares[batch, gene] += value * value
        row_total[row] = here


@njit(nogil=True, cache=True)
def add_clipped(indptr, indices, data, code, limit, total, squares, n_over):
    """As `add_moments`, but values above `limit` are counted in `n_over`; all of shape (n_batches, n_genes)."""
    for row in range(len(indptr) - 1):
        batch = code[row]
        for at in range(indptr[row], indptr[row + 1]):
            value, gene = np.float64(data[at]), indices[at]
            if value > limit[batch, gene]:
                n_over[batch, gene] += 1
            else:
                total[batch, gene] += value
                squares[batch, gene] += value * value


@njit(nogil=True, cache=True)
def select_columns(indptr, indices, data, column, n_columns):
    """Columns of the rows, selected and reordered; `column` is the new position of each column, -1 to drop it.

    Returns indptr, sorted indices, and data of the result, float32, without zeros.
    """
    n_rows = len(indptr) - 1
    new_indptr = np.zeros(n_rows + 1, np.int32)
    new_indices = np.empty(indptr[-1] - indptr[0], np.int32)
    new_data = np.empty(len(new_indices), np.float32)
    dense = np.zeros(n_columns, np.float32)
    end = 0
    for row in range(n_rows):
        for at in range(indptr[row], indptr[row + 1]):
            place = column[indices[at]]
            if place >= 0:
                dense[place] += np.float32(data[at])
        for place in range(n_columns):
            if dense[place] != 0:
                new_indices[end], new_data[end] = place, dense[place]
                dense[place] = 0
                end += 1
        new_indptr[row + 1] = end
    return new_indptr, new_indices[:end].copy(), new_data[:end].copy()


@njit(nogil=True, cache=True)
def log_values(indptr, data, factor):
    """log1p of counts times the factor of their row, float64."""
    result = np.empty(len(data), np.float64)
    for row in range(len(indptr) - 1):
        for at in range(indptr[row], indptr[row + 1]):
            result[at] = math.log1p(np.float64(data[at]) * factor[row])
    return result


@njit(nogil=True, cache=True)
def add_log_sums(indptr, indices, data, factor, code, total):
    """Add log1p of counts times the factor of their row, per batch and gene, shape (n_batches, n_genes)."""
    for row in range(len(indptr) - 1):
        batch = code[row]
        for at in range(indptr[row], indptr[row + 1]):
            total[batch, indices[at]] += math.log1p(np.float64(data[at]) * factor[row])


@njit(nogil=True, cache=True)
def sum_marked_logs(indptr, indices, data, factor, code, marks, sums):
    """Sums of every row over the genes that have each of four bits in `marks` of its batch, of log1p as above."""
    for row in range(len(indptr) - 1):
        batch = code[row]
        for at in range(indptr[row], indptr[row + 1]):
            mark = marks[batch, indices[at]]
            if mark:
                value = math.log1p(np.float64(data[at]) * factor[row])
                for bit in range(4):
                    if mark & (1 << bit):
                        sums[row, bit] += value


@njit(nogil=True, cache=True)
def add_spread(indptr, indices, values, code, n, total, squares, lowest, largest):
    """Number, sum, sum of squares, minimum and maximum of the stored values of each batch and gene."""
    for row in range(len(indptr) - 1):
        batch = code[row]
        for at in range(indptr[row], indptr[row + 1]):
            gene, value = indices[at], values[at]
            n[batch, gene] += 1
            total[batch, gene] += value
            squares[batch, gene] += value * value
            lowest[batch, gene] = min(lowest[batch, gene], value)
            largest[batch, gene] = max(largest[batch, gene], value)


@njit(nogil=True, cache=True)
def scale_stored(indptr, indices, values, code, mean, sd, zero, clip):
    """Each stored value after scaling and clipping, minus 0 after scaling and clipping."""
    result = np.empty(len(values), np.float64)
    for row in range(len(indptr) - 1):
        batch = code[row]
        for at in range(indptr[row], indptr[row + 1]):
            gene = indices[at]
            scaled = (values[at] - mean[batch, gene]) / sd[batch, gene]
            result[at] = min(max(scaled, -clip), clip) - zero[batch, gene]
    return result


@njit(nogil=True, cache=True)
def add_values(indptr, indices, values, code, total):
    """Add the stored values per batch and gene."""
    for row in range(len(indptr) - 1):
        batch = code[row]
        for at in range(indptr[row], indptr[row + 1]):
            total[batch, indices[at]] += values[at]


@njit(nogil=True, cache=True)
def by_column(indptr, indices, start, stop, n_columns):
    """Rows start to stop by column.

    Returns the start of each column, row and position of each stored value, and the amount of work of
    :func:`add_products` per column.
    """
    begins = np.zeros(n_columns + 1, np.int64)
    work = np.zeros(n_columns, np.int64)
    for at in range(indptr[start], indptr[stop]):
        begins[indices[at] + 1] += 1
    for column in range(n_columns):
        begins[column + 1] += begins[column]
    free = begins[:-1].copy()
    rows = np.empty(begins[-1], np.int32)
    places = np.empty(begins[-1], np.int64)
    for row in range(start, stop):
        for at in range(indptr[row], indptr[row + 1]):
            column = indices[at]
            rows[free[column]], places[free[column]] = row, at
            free[column] += 1
            work[column] += indptr[row + 1] - at
    return begins, rows, places, work


@njit(nogil=True, cache=True)
def add_products(indptr, indices, values, begins, rows, places, first, last, gram):
    """Add the upper triangle of XᵀX, columns first to last, where X are the rows given to :func:`by_column`.

    A row of the result stays in the L1 cache while all cells that express the gene are added to it.
    """
    for column in range(first, last):
        target = gram[column]
        for k in range(begins[column], begins[column + 1]):
            at = places[k]
            value = values[at]
            for other in range(at, indptr[rows[k] + 1]):
                target[indices[other]] += value * values[other]


@njit(nogil=True, cache=True)
def project(indptr, indices, values, code, offset, loadings, start, stop, scores):
    """scores[row] = offset[batch of the row] + values of the row · loadings, for rows start to stop."""
    width = loadings.shape[1]
    here = np.empty(width, np.float64)
    for row in range(start, stop):
        here[:] = offset[code[row]]
        for at in range(indptr[row], indptr[row + 1]):
            value, line = values[at], loadings[indices[at]]
            for k in range(width):
                here[k] += value * line[k]
        for k in range(width):
            scores[row, k] = here[k]
