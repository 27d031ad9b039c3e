"""MSE: the squared error of translated cells."""

import numpy as np

from portal_lib.metrics.align._compared import compared, mean_of_ways

METRIC = {
    "label": "MSE",
    "group": "align",
    "block": "translate",
    "order": 9,
    "needs": ["translated", "target"],
    "range": [0, None],
    "better": "lower",
    "citation": "Amodio & Krishnaswamy, ICML (2018)",
}


def score(translation, correspondence):
    """Mean squared error of translated cells, in standard deviations of the real target domain.

    Parameters
    ----------
    translation
        What a method gave, :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        What the other domain would have measured, :class:`~portal_lib.metrics.align._translation.Correspondence`.

    Returns
    -------
    Mean of the directions ``12`` and ``21``, 0 or more, lower is better.

    Raises
    ------
    NotApplicable
        No translation, no target, fewer than two cells to score, or nothing but constant features.

    Notes
    -----
    Mean over cells and features of (z(predicted) - z(target))^2, with z of
    :class:`~portal_lib.metrics.align._translation.Scale`: all features count the same, however many there are, and
    those that are constant in the real target domain do not count. The paper does not say how it scaled features, so
    its absolute values cannot be compared.
    """
    found = {}
    for one in compared(translation, correspondence):
        found[one.name] = float(np.square(one.scale.z(one.predicted) - one.scale.z(one.target)).mean())
    return mean_of_ways(found)
