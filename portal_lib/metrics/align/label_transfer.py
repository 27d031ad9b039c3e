"""Label transfer: labels of real cells, given to translated cells by their neighbours."""

import numpy as np

from portal_lib.metrics.align._compared import labelled, mean_of_ways

METRIC = {
    "label": "label transfer accuracy",
    "group": "align",
    "block": "align",
    "order": 3,
    "needs": ["translated", "label"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Amodio & Krishnaswamy, ICML (2018); Singh et al. (SCOT), RECOMB (2021)",
}


def score(translation, correspondence):
    """Accuracy of the labels that the five nearest real cells give to translated cells.

    Parameters
    ----------
    translation
        What a method gave, :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        Labels of both domains, :class:`~portal_lib.metrics.align._translation.Correspondence`.

    Returns
    -------
    Share of cells that get their own label, mean of the directions ``12`` and ``21``; part ``balanced`` is the mean
    over labels of the share within a label, mean of the directions. 0 to 1, higher is better.

    Raises
    ------
    NotApplicable
        No translation, no labels, one label in the domain to reach, or no label that both domains have.

    Notes
    -----
    A vote of the k = 5 nearest real cells of the target domain, all weights equal. Of labels with equally many votes
    the one with the nearest voter wins, so that names of labels change nothing (scikit-learn takes the first name).
    Cells whose label no cell of the target domain has are left out.
    """
    ways = [way.reachable() for way in labelled(translation, correspondence)]
    right = {way.name: majority(way.real[way.nearest]) == way.own for way in ways}
    balanced = [mean_within(right[way.name], way.own) for way in ways]
    accuracy = mean_of_ways({name: float(one.mean()) for name, one in right.items()})
    return {**accuracy, "balanced": float(np.mean(balanced))}


def majority(votes):
    """The commonest code of each row; of equally common ones that which comes first; `votes` (n, k) -> (n,)."""
    same = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    return votes[np.arange(len(votes)), same.argmax(axis=1)]


def mean_within(right, label):
    """Mean over labels of the share of their cells that are right."""
    cells = np.bincount(label)
    return float((np.bincount(label, weights=right)[cells > 0] / cells[cells > 0]).mean())
