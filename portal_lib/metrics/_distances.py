"""Sums of distances from each cell to the cells of each group, and the silhouette widths that follow from them."""

from dataclasses import dataclass

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics._arrays import rows_of_groups

TILE = 512


@dataclass(frozen=True)
class DistanceSums:
    """Sums of Euclidean distances from each cell.

    Attributes
    ----------
    by_label
        To all cells of each label, shape (n_cells, n_labels).
    by_batch
        To all cells of each batch, shape (n_cells, n_batches).
    inside
        To the cells of its own label in each batch, shape (n_cells, n_batches).
    """

    by_label: np.ndarray
    by_batch: np.ndarray
    inside: np.ndarray


def distance_sums(embedding, label, batch):
    """Sum the distances of every pair of cells by label and by batch, in one pass.

    Parameters
    ----------
    embedding
        Shape (n_cells, n_dims), float64. Cells are rows.
    label, batch
        Codes from 0, shape (n_cells,) both.

    Returns
    -------
    :class:`DistanceSums`.

    Notes
    -----
    |x - y|² = |x|² + |y|² - 2 x·y on the centred embedding, so that the work is products of matrices, tile by tile. A
    pair of cells of different label or batch is visited once. Equal to a sum over exact distances within rounding.
    """
    from threadpoolctl import threadpool_limits

    n_labels, n_batches = int(label.max()) + 1, int(batch.max()) + 1
    pairs, group = np.unique(label * n_batches + batch, return_inverse=True)
    order, starts = np.argsort(group, kind="stable"), np.append(0, np.cumsum(np.bincount(group)))
    points = np.ascontiguousarray((embedding - embedding.mean(axis=0))[order])
    sums = DistanceSums(*(np.zeros((len(label), width)) for width in (n_labels, n_batches, n_batches)))
    labels, batches = pairs // n_batches, pairs % n_batches
    to_label, to_batch = np.eye(n_labels)[labels], np.eye(n_batches)[batches]
    with threadpool_limits(1, "blas"):
        for one, (own_label, own_batch) in enumerate(zip(labels, batches, strict=True)):
            found, back = _from_group(points, starts, one)
            rows, later = order[starts[one] : starts[one + 1]], order[starts[one + 1] :]
            sums.by_label[rows] += found @ to_label
            sums.by_batch[rows] += found @ to_batch
            sums.inside[rows] += found[:, labels == own_label] @ to_batch[labels == own_label]
            sums.by_label[later, own_label] += back
            sums.by_batch[later, own_batch] += back
            same = label[later] == own_label
            sums.inside[later[same], own_batch] += back[same]
    return sums


def _from_group(points, starts, one):
    """Sums of distances from the cells of a group to itself and to later groups, and back to it from later cells."""
    from portal_lib.metrics import _kernels

    first, last, n_cells = starts[one], starts[one + 1], len(points)
    squares, found = (points**2).sum(axis=1), np.zeros((last - first, len(starts) - 1))

    def some_rows(begin, end):
        rows, back = slice(first + begin, first + end), np.zeros(n_cells - first)
        for left in range(first, n_cells, TILE):
            others = slice(left, min(left + TILE, n_cells))
            group, beyond = np.searchsorted(starts, [left, others.stop - 1], side="right") - 1
            edges = np.clip(starts[group : beyond + 2], left, others.stop) - left
            tile = (
                squares[rows],
                squares[others],
                edges,
                group,
                found[begin:end],
                back[left - first : others.stop - first],
            )
            _kernels.add_distances(points[rows] @ points[others].T, *tile)
        return back[last - first :]

    return found, np.sum(_kernels.in_threads(some_rows, last - first, TILE), axis=0)


def silhouettes(sums, codes):
    """Silhouette width of each cell.

    Parameters
    ----------
    sums
        Sums of distances to the cells of each group, shape (n_cells, n_groups); groups without a cell are left out.
    codes
        Group of each cell, shape (n_cells,). The cells are all that `sums` describes.

    Returns
    -------
    (b - a) / max(a, b), shape (n_cells,), with a the mean distance to the others of the own group and b the smallest
    mean distance to another group; 0 for the only cell of a group, and where a and b are 0.
    """
    sizes = np.bincount(codes, minlength=sums.shape[1])
    rows = np.arange(len(codes))
    means = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)
    means[rows, codes] = np.inf
    between = means.min(axis=1)
    return widths(sums[rows, codes] / np.maximum(sizes[codes] - 1, 1), between, alone=sizes[codes] == 1)


def widths(within, between, alone):
    """(between - within) / max of both; 0 where that is 0 / 0, and for cells that are alone in their group."""
    larger = np.maximum(within, between)
    return np.where(alone | (larger == 0), 0, (between - within) / np.where(larger == 0, 1, larger))


def label_silhouette(space, truth):
    """Mean silhouette width over labels, scaled: the cell-type ASW.

    Returns
    -------
    ASW in [0, 1]; 0.5 where labels overlap, higher is better.

    Raises
    ------
    NotApplicable
        One label, every cell its own label, or no embedding.

    Notes
    -----
    (mean_i s(i) + 1) / 2 with s(i) = (b_i - a_i) / max(a_i, b_i): a_i the mean Euclidean distance to the label's own
    cells, b_i the smallest mean distance to another label's. A label with one cell has s = 0.
    """
    label = truth.labels_to_compare
    return (float(silhouettes(space.distance_sums(truth).by_label, label).mean()) + 1) / 2


def batch_mixing(label, batch, width_of):
    """Mean over labels of the mean over a label's cells of one minus the absolute silhouette width over batches.

    Parameters
    ----------
    label, batch
        Codes, shape (n_cells,) both.
    width_of
        Silhouette widths of the cells of a label, called with their rows, the codes of their batches, and the batch
        of each cell as its place among these codes.

    Returns
    -------
    In [0, 1]; higher is better mixed.

    Raises
    ------
    NotApplicable
        No label has cells of several batches, and more cells than batches.
    """
    means = []
    for rows in rows_of_groups(label):
        found, codes = np.unique(batch[rows], return_inverse=True)
        if len(found) not in (1, len(rows)):
            means.append(np.mean(1 - np.abs(width_of(rows, found, codes))))
    if not means:
        raise NotApplicable("no label has cells of several batches, and more cells than batches")
    return float(np.mean(means))
