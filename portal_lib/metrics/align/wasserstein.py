"""Wasserstein distance: how far the distribution of translated cells is from that of real ones, feature by feature."""

import numpy as np

from portal_lib.metrics.align._compared import mean_of_parts, rows_to_score

METRIC = {
    "label": "Wasserstein distance",
    "group": "align",
    "block": "translate",
    "order": 11,
    "needs": ["translated"],
    "range": [0, None],
    "better": "lower",
    "citation": "Vallender, Theory of Probability and its Applications 18, 784 (1974)",
}


def score(translation, correspondence):
    """Distance between the distributions of translated and real cells.

    Returns
    -------
    Mean over features of the distance, in standard deviations of the real target domain; at least 0, lower is better,
    mean of the directions ``12`` and ``21``. 0 says that the domains have the same distribution feature by feature, not
    that they are aligned.

    Raises
    ------
    NotApplicable
        No translation, or no cell to score.

    Notes
    -----
    W₁(F, G) = ∫ |F⁻¹(u) - G⁻¹(u)| du, the mean distance between the quantiles of both.
    """
    correspondence.check(translation)
    rows = {one: rows_to_score(translation, correspondence, one.name[0]) for one in translation.directions}
    return mean_of_parts({one.name: _distance(one, rows[one]) for one in translation.directions})


def _distance(direction, rows):
    """Mean over features of W₁ of one direction."""
    from scipy.stats import wasserstein_distance

    scale = direction.scale()
    translated, real = scale.z(direction.predicted[rows]), scale.z(direction.real)
    return float(np.mean([wasserstein_distance(translated[:, i], real[:, i]) for i in range(real.shape[1])]))
