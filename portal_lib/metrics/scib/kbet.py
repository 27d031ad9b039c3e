"""kBET: whether the batches around a cell have the proportions that they have in its label, or among all cells."""

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics._arrays import rows_of_groups
from portal_lib.metrics._kbet import rejection_rate

METRIC = {
    "label": "kBET",
    "shares": "_scib",
    "group": "batch",
    "implementation": "ours; scib 1.1.7 around R's kBET, every cell tested; from 8,192 cells on scanpy's neighbours "
    "are approximate and ours exact",
    "needs": ["graph", "batch"],
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Buettner et al., Nature Methods 16, 43 (2019)",
}


def score(space, truth):
    """One minus the rejection rate of kBET, averaged over labels; without labels, of all cells together.

    Returns
    -------
    kBET in [0, 1]; higher is better mixed.

    Raises
    ------
    NotApplicable
        One batch, no label with ten cells of several batches, or a graph that gives no cell 50 neighbours
        within 25 steps.

    Notes
    -----
    1 - mean_l (share of the cells of l whose neighbourhood is rejected). Graph of 50 neighbours, or for a graph alone
    that graph diffused until each cell has 50; among the cells of a label the k0 = min(70, max(10, mean batch size /
    4)) largest of T + T² + ...; Pearson's chi-square of k0 - 1 of them and the cell itself against the label's
    proportions, p < 0.05. A label whose graph is not connected is tested in its components of at least 3 k0 cells, if
    these hold 75 % of it, else it counts as rejected; as in R, cells outside these components are tested by themselves
    against a full neighbourhood. Labels with one batch or fewer than ten cells are left out.

    Departs from scib: every cell is tested, where R draws a tenth a hundred times and averages: the expectation of
    that, without chance. Of the k0 neighbours the weakest is left out, where scib leaves out one that depends on the
    order of the cells. Neighbours within components of a label are those cells, where scib takes their numbers for
    other cells.
    """
    label, batch, graph = truth.label_or_one, truth.batch, None
    rates = []
    for rows in rows_of_groups(label):
        found, codes = np.unique(batch[rows], return_inverse=True)
        if len(rows) >= 10 and len(found) > 1:
            graph = space.wide_connectivities if graph is None else graph
            rates.append(rejection_rate(graph[rows][:, rows].tocsr(), codes))
    if not rates:
        raise NotApplicable("no label has ten cells and several batches")
    return 1 - float(np.mean(rates))
