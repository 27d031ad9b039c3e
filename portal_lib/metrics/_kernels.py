"""Loops over cells, compiled by numba. They release the GIL, so that threads share the rows.

A graph is given as the arrays `indptr`, `indices`, `weights` of a CSR matrix. Each kernel fills its own rows of the
output arrays, always in the same order, so that the number of threads changes no value.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit


def in_threads(work, n_rows, rows_each):
    """Call ``work(start, stop)`` for consecutive pieces of the rows, on the cores that this process may use.

    Parameters
    ----------
    work
        Function of the first row and the one after the last; pieces must not write to the same place.
    n_rows
        How many rows there are.
    rows_each
        Rows per piece; bounds the memory of a piece.

    Returns
    -------
    What the calls return, in the order of the pieces.
    """
    starts = range(0, n_rows, rows_each)
    with ThreadPoolExecutor(n_threads()) as pool:
        return list(pool.map(lambda start: work(start, min(start + rows_each, n_rows)), starts))


def n_threads():
    """Cores this process may use, or OMP_NUM_THREADS where that is fewer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(given)) if given.isdigit() and int(given) > 0 else cores


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def add_distances(products, squares, other_squares, starts, group, sums, back):
    """Add the distances of some cells to others, from scalar products, shape (n_cells, n_others).

    The others are sorted by group: those from ``starts[i]`` to ``starts[i + 1]`` are of `group` + i. Distances are
    added to `sums` of each cell and group, shape (n_cells, n_groups), and to `back` of each other.
    """
    for row in range(len(products)):
        own = squares[row]
        for place in range(len(starts) - 1):
            total = 0.0
            for other in range(starts[place], starts[place + 1]):
                distance = np.sqrt(max(own + other_squares[other] - 2.0 * products[row, other], 0.0))
                back[other] += distance
                total += distance
            sums[row, group + place] += total


@njit(nogil=True, cache=True)
def nearest_by_path(indptr, indices, weights, first, last, n_nearest, nearest, lengths, n_tied):
    """Fill the rows `first` to `last` of `nearest` and `lengths`: the nearest others by path, by length, then by row.

    `n_tied` is the number of cells at the length of the last one. Rows of cells that reach fewer than `n_nearest`
    others are left unchanged.
    """
    n_cells = len(indptr) - 1
    reached, done = np.full(n_cells, np.inf), np.zeros(n_cells, np.bool_)
    touched, met, met_lengths = np.empty(n_cells, np.int32), np.empty(n_cells, np.int32), np.empty(n_cells)
    for source in range(first, last):
        n_met = _reach(indptr, indices, weights, source, n_nearest, reached, done, touched, met, met_lengths)
        if n_met >= n_nearest:
            _first_in_order(met[:n_met], met_lengths[:n_met], nearest[source], lengths[source])
            n_tied[source] = np.sum(met_lengths[:n_met] == met_lengths[n_nearest - 1])


@njit(nogil=True, cache=True)
def count_tied_by_path(indptr, indices, weights, sources, first, last, n_nearest, codes, counts):
    """Fill the rows `first` to `last` of `counts`: of each code, the cells at the path length of the last one wanted.

    Rows are those of `sources`, cells that reach at least `n_nearest` others.
    """
    n_cells = len(indptr) - 1
    reached, done = np.full(n_cells, np.inf), np.zeros(n_cells, np.bool_)
    touched, met, met_lengths = np.empty(n_cells, np.int32), np.empty(n_cells, np.int32), np.empty(n_cells)
    for row in range(first, last):
        n_met = _reach(indptr, indices, weights, sources[row], n_nearest, reached, done, touched, met, met_lengths)
        for at in range(n_met):
            if met_lengths[at] == met_lengths[n_nearest - 1]:
                counts[row, codes[met[at]]] += 1


@njit(nogil=True, cache=True)
def _reach(indptr, indices, weights, source, n_nearest, reached, done, touched, met, met_lengths):
    """Dijkstra from a cell: fill `met` and `met_lengths` with others by length; returns their number.

    It ends once all cells at the path length of the last one wanted are found. `reached` is infinity and `done` false
    before and after.
    """
    keys, nodes = np.empty(64), np.empty(64, np.int32)
    reached[source], touched[0], n_touched, n_met = 0.0, source, 1, 0
    keys[0], nodes[0], size = 0.0, source, 1
    while size > 0:
        length, node = keys[0], nodes[0]
        size = _pop(keys, nodes, size)
        if done[node] or length > reached[node]:
            continue
        if n_met >= n_nearest and length > met_lengths[n_nearest - 1]:
            break
        done[node] = True
        if node != source:
            met[n_met], met_lengths[n_met] = node, length
            n_met += 1
        for at in range(indptr[node], indptr[node + 1]):
            other, longer = indices[at], length + weights[at]
            if longer < reached[other]:
                if reached[other] == np.inf:
                    touched[n_touched] = other
                    n_touched += 1
                reached[other] = longer
                if size == len(keys):
                    keys, nodes = np.append(keys, keys), np.append(nodes, nodes)
                size = _push(keys, nodes, size, longer, other)
    for at in range(n_touched):
        reached[touched[at]], done[touched[at]] = np.inf, False
    return n_met


@njit(nogil=True, cache=True)
def _first_in_order(met, met_lengths, nearest, lengths):
    """The first of the cells found, by length, equal ones by row; they are sorted by length already."""
    order = np.argsort(met)
    order = order[np.argsort(met_lengths[order], kind="mergesort")]
    for at in range(len(nearest)):
        nearest[at], lengths[at] = met[order[at]], met_lengths[order[at]]


@njit(nogil=True, cache=True)
def _push(keys, nodes, size, key, node):
    """Put a node into a binary heap; return its new size."""
    at = size
    while at > 0:
        above = (at - 1) // 2
        if keys[above] <= key:
            break
        keys[at], nodes[at] = keys[above], nodes[above]
        at = above
    keys[at], nodes[at] = key, node
    return size + 1


@njit(nogil=True, cache=True)
def _pop(keys, nodes, size):
    """Take the first node out of a binary heap; return its new size."""
    size -= 1
    key, node, at = keys[size], nodes[size], 0
    while 2 * at + 1 < size:
        below = 2 * at + 1
        if below + 1 < size and keys[below + 1] < keys[below]:
            below += 1
        if keys[below] >= key:
            break
        keys[at], nodes[at] = keys[below], nodes[below]
        at = below
    keys[at], nodes[at] = key, node
    return size


@njit(nogil=True, cache=True)
def largest_of_powers(indptr, indices, weights, n_powers, first, last, largest, n_entries):
    """Fill the rows `first` to `last` of `largest` with the columns of the largest entries of T + T² + ... .

    `n_powers` powers of T are added up. The diagonal counts in `n_entries` but not in `largest`; of equal entries the
    first columns are used. Rows with too few entries are filled with -1. `indices` are unsigned, which saves a test
    for negative numbers in the innermost loop.
    """
    n_cells = len(indptr) - 1
    step, following, total = np.zeros(n_cells), np.zeros(n_cells), np.zeros(n_cells)
    nodes, n_nodes = np.empty(n_cells, np.int64), 0
    for row in range(first, last):
        step[row], nodes[0], n_nodes, total[:] = 1.0, row, 1, 0.0
        for _ in range(n_powers):
            for where in range(n_nodes):
                node = nodes[where]
                share, step[node] = step[node], 0.0
                for at in range(indptr[node], indptr[node + 1]):
                    following[indices[at]] += share * weights[at]
            n_nodes = 0
            for node in range(n_cells):
                if following[node] > 0.0:
                    nodes[n_nodes] = node
                    n_nodes += 1
                    total[node] += following[node]
            step, following = following, step
        step[:], total[row] = 0.0, 0.0
        n_entries[row] = np.sum(total > 0.0) + 1
        _columns_of_largest(total, n_entries[row] - 1, largest[row])


@njit(nogil=True, cache=True)
def _columns_of_largest(values, n_positive, largest):
    """Columns of the largest values, `n_positive` of which are above 0; -1 where there are too few."""
    n_largest, found, at = len(largest), 0, 0
    largest[:] = -1
    if n_positive < n_largest:
        return
    positive = np.empty(n_positive)
    for value in values:
        if value > 0.0:
            positive[at] = value
            at += 1
    cut = np.partition(positive, n_positive - n_largest)[n_positive - n_largest]
    for column in range(len(values)):
        if values[column] > cut:
            largest[found] = column
            found += 1
    for column in range(len(values)):
        if found < n_largest and values[column] == cut:
            largest[found] = column
            found += 1
