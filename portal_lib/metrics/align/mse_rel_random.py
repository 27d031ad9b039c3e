"""MSE over random: the squared error of translated cells relative to that of real cells paired at random."""

import numpy as np

from portal_lib.metrics.align._compared import by_direction

METRIC = {
    "label": "MSE / MSE of random pairs",
    "group": "align",
    "block": "translate",
    "order": 8,
    "needs": ["translated", "target"],
    "range": [0, None],
    "better": "lower",
    "baseline_value": 1.0,
    "citation": "Amodio & Krishnaswamy, ICML (2018)",
}
N_PERMUTATIONS = 10


def score(translation, correspondence):
    """Mean squared error of translated cells over that of real cells paired at random.

    Returns
    -------
    Mean of the directions ``12`` and ``21``; 0 is perfect, 1 as good as chance, about 0.5 as good as the mean; lower
    is better.

    Raises
    ------
    NotApplicable
        As ``mse``, or all real cells and targets are one point.

    Notes
    -----
    Both errors in the units of ``mse``. The divisor is the mean over 10 permutations (seeds 0 to 9) of the rows of
    the real target domain, repeated where the source has more cells. A translation with the right distribution but the
    wrong cells, such as that of a plain dual GAN at its best, has about 1.
    """
    return by_direction(translation, correspondence, lambda one: one.relative_error(_random_error(one)))


def _random_error(one):
    """Mean squared error of random pairs of real cells and targets, over the permutations."""
    target, real = one.scale.z(one.target), one.scale.z(one.real)
    return float(np.mean([_shuffled(real, target, seed) for seed in range(N_PERMUTATIONS)]))


def _shuffled(real, target, seed):
    """Mean squared error of one random pairing."""
    rows = np.resize(np.random.default_rng(seed).permutation(len(real)), len(target))
    return np.square(real[rows] - target).mean()
