"""Cycle error: the distance of cells from their origin after translation to the other domain and back."""

import numpy as np

from portal_lib.metrics.align._compared import mean_of_parts, rows_to_score

METRIC = {
    "label": "cycle error",
    "group": "align",
    "block": "translate",
    "order": 12,
    "needs": ["reconstructed"],
    "range": [0, None],
    "better": "lower",
    "citation": "Amodio & Krishnaswamy, ICML (2018)",
}


def score(translation, correspondence):
    """Squared error of cells after both translations.

    Returns
    -------
    Mean over cells and features, in variances of the real domain; at least 0, lower is better, about 1 where every cell
    comes back as the mean. Mean of the domains ``1`` and ``2``, which are its parts. It needs no ground truth: a
    translation to the wrong cells can have an error of 0.

    Raises
    ------
    NotApplicable
        The method cannot translate back, or no cell is left to score.

    Notes
    -----
    MSE(z(x), z(G(F(x)))), z by mean and standard deviation of the real cells: L_r of dual GANs, in units of the data.
    """
    correspondence.check(translation)
    found = {}
    for domain, (real, again) in translation.reconstructed.items():
        rows, scale = rows_to_score(translation, correspondence, domain), translation.scale(domain)
        found[domain] = float(np.square(scale.z(again[rows]) - scale.z(real[rows])).mean())
    return mean_of_parts(found)
