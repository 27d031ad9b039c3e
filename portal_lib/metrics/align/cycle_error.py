"""Cycle error: how far cells that are translated, and back again, come to lie from where they were."""

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics.align._compared import mean_of_ways

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

    Parameters
    ----------
    translation
        What a method gave, :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        Known pairs, which are not scored, :class:`~portal_lib.metrics.align._translation.Correspondence`.

    Returns
    -------
    Mean over cells and features, in variances of the real domain; at least 0, lower is better, about 1 where every cell
    comes back as the mean. Mean of the domains ``1`` and ``2``, whose parts have their names. It asks for no truth: a
    translation to the wrong cells can have none.

    Raises
    ------
    NotApplicable
        The method cannot translate what it translated, or no cell is left to score.

    Notes
    -----
    MSE(z(x), z(G(F(x)))), z by mean and standard deviation of the real cells: L_r of dual GANs, in units of the data.
    """
    correspondence.check(translation)
    found = {}
    for domain, (real, again) in translation.reconstructed.items():
        rows = correspondence.scored_rows(translation, domain)
        if not len(rows):
            raise NotApplicable("every cell is of a known pair")
        scale = translation.scale(domain)
        found[domain] = float(np.square(scale.z(again[rows]) - scale.z(real[rows])).mean())
    return mean_of_ways(found)
