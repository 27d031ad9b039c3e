"""MSE over mean: the squared error of translated cells, beside that of predicting the mean."""

import numpy as np

from portal_lib.metrics.align._compared import compared, mean_of_ways, relative_error

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

    Parameters
    ----------
    translation
        What a method gave, :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        What the other domain would have measured, :class:`~portal_lib.metrics.align._translation.Correspondence`.

    Returns
    -------
    Mean of the directions ``12`` and ``21``; 0 is perfect, 1 as good as knowing no cell; lower is better.

    Raises
    ------
    NotApplicable
        As ``mse``, or every target is the mean.

    Notes
    -----
    Both errors in the units of ``mse``. Where the target domain is a sample of the population of the source, 1 minus
    this is a coefficient of determination over all features.
    """
    return mean_of_ways({one.name: _of(one) for one in compared(translation, correspondence)})


def _of(one):
    """The ratio in one direction; z of the means is 0."""
    predicted, target = one.scale.z(one.predicted), one.scale.z(one.target)
    return relative_error(predicted, target, float(np.square(target).mean()))
