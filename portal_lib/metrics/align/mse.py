"""MSE: the mean squared error of translated cells."""

from portal_lib.metrics.align._compared import by_direction

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

    Returns
    -------
    Mean of the directions ``12`` and ``21``, 0 or more, lower is better.

    Raises
    ------
    NotApplicable
        No translation, no target, fewer than two cells to score, or only constant features.

    Notes
    -----
    Mean over cells and features of (z(predicted) - z(target))^2, with z of
    :class:`~portal_lib.metrics.align._translation.Scale`: all features have the same weight, and those that are
    constant in the real target domain are left out. The paper does not say how it scaled features, so its absolute
    values cannot be compared.
    """
    return by_direction(translation, correspondence, lambda one: one.squared_error)
