"""Wasserstein distance: how far the distribution of translated cells is from that of real ones, feature by feature."""

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics.align._compared import mean_of_ways

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

    Parameters
    ----------
    translation
        What a method gave, :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        Known pairs, which are not scored, :class:`~portal_lib.metrics.align._translation.Correspondence`.

    Returns
    -------
    Mean over features of the distance, in standard deviations of the real target domain; at least 0, lower is better,
    mean of the directions ``12`` and ``21``. 0 says that the domains are superimposed feature by feature, not that
    they are aligned.

    Raises
    ------
    NotApplicable
        No translation, or no cell to score.

    Notes
    -----
    W₁(F, G) = ∫ |F⁻¹(u) - G⁻¹(u)| du, the mean distance between the quantiles of both.
    """
    correspondence.check(translation)
    ways = {way.name: (way, correspondence.scored_rows(translation, way.name[0])) for way in translation.ways}
    return mean_of_ways({name: _distance(way, rows) for name, (way, rows) in ways.items()})


def _distance(way, rows):
    """Mean over features of W₁ of one direction."""
    from scipy.stats import wasserstein_distance

    if not len(rows):
        raise NotApplicable("every cell is of a known pair")
    scale = way.scale()
    translated, real = scale.z(way.predicted[rows]), scale.z(way.real)
    return float(np.mean([wasserstein_distance(translated[:, i], real[:, i]) for i in range(real.shape[1])]))
