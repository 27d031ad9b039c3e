"""MSE over random: the squared error of translated cells, beside that of real cells paired at random."""

import numpy as np

from portal_lib.metrics.align._compared import compared, mean_of_ways, relative_error

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

    Parameters
    ----------
    translation
        What a method gave, :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        What the other domain would have measured, :class:`~portal_lib.metrics.align._translation.Correspondence`.

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
    the real target domain, repeated where the source has more cells. What is a superposition without alignment, a
    plain dual GAN at its best, has about 1.
    """
    return mean_of_ways({one.name: _of(one) for one in compared(translation, correspondence)})


def _of(one):
    """The ratio in one direction."""
    predicted, target, real = (one.scale.z(x) for x in (one.predicted, one.target, one.real))
    return relative_error(
        predicted, target, float(np.mean([_shuffled(real, target, i) for i in range(N_PERMUTATIONS)]))
    )


def _shuffled(real, target, seed):
    """Mean squared error of one random pairing."""
    rows = np.resize(np.random.default_rng(seed).permutation(len(real)), len(target))
    return np.square(real[rows] - target).mean()
