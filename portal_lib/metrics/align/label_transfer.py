"""Label transfer: labels of translated cells, predicted from their nearest real cells."""

import numpy as np

from portal_lib.metrics.align._compared import mean_of_parts, reachable

METRIC = {
    "label": "label transfer accuracy",
    "group": "align",
    "block": "align",
    "order": 3,
    "needs": ["translated", "label"],
    "citation": "Amodio & Krishnaswamy, ICML (2018); Singh et al. (SCOT), RECOMB (2021)",
}


def score(translation, correspondence):
    """Accuracy of the labels that the five nearest real cells predict for translated cells.

    Returns
    -------
    Share of cells with the right label, mean of the directions ``12`` and ``21``; part ``balanced`` is the mean over
    labels of the share within a label, mean of the directions. 0 to 1, higher is better.

    Raises
    ------
    NotApplicable
        No translation, no labels, one label in the target domain, or no label that both domains have.

    Notes
    -----
    A vote of the k = 5 nearest real cells of the target domain, all weights equal. Of labels with equally many votes
    the one with the nearest voter wins, so that names of labels have no influence (scikit-learn takes the first name).
    Cells whose label no cell of the target domain has are left out.
    """
    found = reachable(translation, correspondence)
    right = {one.name: majority(one.real[one.nearest]) == one.own for one in found}
    accuracy = mean_of_parts({name: float(cells.mean()) for name, cells in right.items()})
    return {**accuracy, "balanced": float(np.mean([mean_within(right[one.name], one.own) for one in found]))}


def majority(votes):
    """The most common code of each row, of equally common ones the first; `votes` (n, k) -> (n,)."""
    same = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    return votes[np.arange(len(votes)), same.argmax(axis=1)]


def mean_within(right, label):
    """Mean over labels of the share of their cells that are right."""
    cells = np.bincount(label)
    return float((np.bincount(label, weights=right)[cells > 0] / cells[cells > 0]).mean())
