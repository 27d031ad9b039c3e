"""kNN AUC: whether the neighbours of a cell are its neighbours in the other domain."""

import math

import numpy as np

from portal_lib.metrics.align._compared import by_way_and_joint, row_chunks, squared_distances

METRIC = {
    "label": "kNN AUC",
    "group": "align",
    "block": "align",
    "order": 4,
    "needs": ["translated", "target"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Lance et al. (Open Problems), PMLR 176, 162 (2022)",
}
SHARE_OF_NEIGHBOURS = 0.1
# Above this, the mean is that of so many cells, drawn with a seed; their neighbours are sought among all.
MOST_CELLS = 2_500
SEED = 0


def score(translation, correspondence):
    """Overlap of the neighbours of cells in domain 1 and in the integrated space, over numbers of neighbours.

    Parameters
    ----------
    translation
        What a method gave, :class:`~portal_lib.metrics.align._translation.Translation`: a translation or a joint space.
    correspondence
        What the other domain would have measured, or partners,
        :class:`~portal_lib.metrics.align._translation.Correspondence`.

    Returns
    -------
    From 0 to 1, about 0.05 for chance; higher is better. Parts ``12``, ``21`` and their mean, and ``joint`` of a joint
    space, which is the value where nothing is translated.

    Raises
    ------
    NotApplicable
        Neither a translation nor a joint space, no target, or fewer than two cells to score.

    Notes
    -----
    K = ceil(0.1 n). T_i are the K cells nearest to cell i by what domain 1 measures, itself included; P_i are the K
    cells whose integrated row of domain 1 is nearest to the integrated row of cell i of domain 2. With the first k of
    each list,

        1/n sum_i 1/K sum_{k=1..K} |T_i[:k] & P_i[:k]| / k

    In a joint space the integrated rows are z1 and z2. Of a translation 12 they are the translated row and the target,
    of 21 the target and the translated row.

    Departs from Open Problems: domain 1 is compared in the units and components of
    :class:`~portal_lib.metrics.align._translation.Scale` instead of up to 100 components of values that are not
    centred. Above 2,500 cells i runs over a seeded sample of 2,500, and all are its possible neighbours.

    References
    ----------
    Lance et al., "Multimodal single cell data integration challenge", PMLR 176, 162 (2022); task "match modalities".
    """

    def of_joint(rows1, rows2):
        true = translation.scale("1").coordinates(translation.x1[rows1])
        return knn_auc(true, translation.z1[rows1], translation.z2[rows2])

    return by_way_and_joint(translation, correspondence, _of_way, of_joint)


def _of_way(one):
    """The value of one direction."""
    predicted, target = (one.scale.coordinates(x) for x in (one.predicted, one.target))
    if one.name == "12":
        return knn_auc(one.way.source_scale().coordinates(one.way.source[one.rows]), predicted, target)
    return knn_auc(target, target, predicted)


def knn_auc(true, integrated, cells, most_cells=MOST_CELLS):
    """Mean overlap of neighbours.

    Parameters
    ----------
    true
        Cells in the space of the true neighbours, shape (n, d).
    integrated
        The same cells where neighbours are sought, shape (n, k).
    cells
        The same cells, to which neighbours in `integrated` are sought, shape (n, k).
    most_cells
        The mean is over at most so many cells.
    """
    n_neighbours = math.ceil(SHARE_OF_NEIGHBOURS * len(true))
    true, integrated, cells = (
        true - true.mean(axis=0),
        integrated - integrated.mean(axis=0),
        cells - integrated.mean(axis=0),
    )
    rows = np.arange(len(true))
    if len(true) > most_cells:
        rows = np.random.default_rng(SEED).choice(len(true), most_cells, replace=False)
    # A neighbour that is in both lists from their first k on adds 1/k' to all k' from k to K.
    gain = np.append(np.cumsum(1 / np.arange(n_neighbours, 0, -1))[::-1], 0) / n_neighbours
    total = 0.0
    for chunk in row_chunks(len(rows), len(true)):
        picked = rows[chunk]
        place = _places(_nearest(true[picked], true, n_neighbours), len(true))
        found = _nearest(cells[picked], integrated, n_neighbours)
        met = np.maximum(np.take_along_axis(place, found, axis=1), np.arange(n_neighbours))
        total += gain[met].sum()
    return float(total / len(rows))


def _nearest(cells, others, n_nearest):
    """Rows of the nearest others, ascending by distance, (cells, n_nearest)."""
    distances = squared_distances(cells, others)
    found = np.argpartition(distances, n_nearest - 1, axis=1)[:, :n_nearest]
    order = np.argsort(np.take_along_axis(distances, found, axis=1), axis=1)
    return np.take_along_axis(found, order, axis=1)


def _places(lists, n_cells):
    """Place of every cell in the list of a row; the length of the list where it is not in it."""
    places = np.full((len(lists), n_cells), lists.shape[1])
    np.put_along_axis(places, lists, np.arange(lists.shape[1])[None], axis=1)
    return places
