"""kNN AUC: whether the neighbours of a cell are its neighbours in the other domain, too."""

import math

import numpy as np

from portal_lib.metrics._arrays import sample_rows, smallest_columns
from portal_lib.metrics.align._compared import by_direction_and_joint, row_chunks, squared_distances

METRIC = {
    "label": "kNN AUC",
    "group": "align",
    "block": "align",
    "order": 4,
    "needs": ["translated", "target"],
    "citation": "Lance et al. (Open Problems), PMLR 176, 162 (2022)",
}
SHARE_OF_NEIGHBOURS = 0.1
# Of more cells, the mean is over a seeded sample of this size; their neighbours are found among all.
MOST_CELLS = 2_500


def score(translation, correspondence):
    """Overlap of the neighbours of cells in domain 1 and in the integrated space, over numbers of neighbours.

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
    K = ceil(0.1 n). T_i are the K cells nearest to cell i by the measurements of domain 1, including i; P_i are the K
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

    return by_direction_and_joint(translation, correspondence, _of_direction, of_joint)


def _of_direction(one):
    """The value of one direction."""
    predicted, target = (one.scale.coordinates(x) for x in (one.predicted, one.target))
    if one.name == "12":
        source = one.direction.source_scale().coordinates(one.direction.source[one.rows])
        return knn_auc(source, predicted, target)
    return knn_auc(target, target, predicted)


def knn_auc(true, integrated, cells):
    """Mean overlap of neighbours.

    Parameters
    ----------
    true
        Cells in the space of the true neighbours, shape (n, d).
    integrated
        The same cells among which neighbours are found, shape (n, k).
    cells
        The same cells whose neighbours in `integrated` are found, shape (n, k).
    """
    n_neighbours = math.ceil(SHARE_OF_NEIGHBOURS * len(true))
    centre = integrated.mean(axis=0)
    true, integrated, cells = true - true.mean(axis=0), integrated - centre, cells - centre
    rows = sample_rows(len(true), MOST_CELLS)
    # A neighbour that is in both lists from their first k on adds 1/k' to all k' from k to K.
    gain = np.append(np.cumsum(1 / np.arange(n_neighbours, 0, -1))[::-1], 0) / n_neighbours
    total = 0.0
    for chunk in row_chunks(len(rows), len(true)):
        picked = rows[chunk]
        place = _places(smallest_columns(squared_distances(true[picked], true), n_neighbours), len(true))
        found = smallest_columns(squared_distances(cells[picked], integrated), n_neighbours)
        shared_from = np.maximum(np.take_along_axis(place, found, axis=1), np.arange(n_neighbours))
        total += gain[shared_from].sum()
    return float(total / len(rows))


def _places(lists, n_cells):
    """Position of every cell in the list of a row; the length of the list where it is not in it."""
    places = np.full((len(lists), n_cells), lists.shape[1])
    np.put_along_axis(places, lists, np.arange(lists.shape[1])[None], axis=1)
    return places
