"""MSE over mean: the squared error of translated cells relative to that of predicting the mean."""

import numpy as np

from portal_lib.metrics.align._compared import by_direction

METRIC = {
    "label": "MSE / MSE of the mean",
    "group": "align",
    "block": "translate",
    "order": 7,
    "needs": ["translated", "target"],
    "range": [0, None],
    "better": "lower",
    "baseline_value": 1.0,
    "shown_parts": ["12", "21"],
    "citation": "Amodio & Krishnaswamy, ICML (2018)",
}


def score(translation, correspondence):
    """Mean squared error of translated cells over that of the means of the real target domain.

    Returns
    -------
    Mean of the directions ``12`` and ``21``; 0 is perfect, 1 as good as the mean; lower is better.

    Raises
    ------
    NotApplicable
        As ``mse``, or every target is the mean.

    Notes
    -----
    Both errors in the units of ``mse``, in which the mean is 0. Where the target domain is a sample of the population
    of the source, 1 minus this is a coefficient of determination over all features.
    """
    return by_direction(
        translation, correspondence, lambda one: one.relative_error(float(np.square(one.scale.z(one.target)).mean()))
    )
