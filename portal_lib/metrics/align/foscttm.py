"""FOSCTTM: the fraction of samples closer than the true match."""

import numpy as np

from portal_lib.metrics._arrays import sample_rows
from portal_lib.metrics.align._compared import by_direction_and_joint, row_chunks, squared_distances

METRIC = {
    "label": "FOSCTTM",
    "group": "align",
    "block": "align",
    "order": 2,
    "needs": ["translated", "target"],
    "better": "lower",
    "baseline_value": 0.5,
    "citation": "Liu et al., WABI (2019); Singh et al. (SCOT), RECOMB (2021)",
}
# Of more cells, a seeded sample of this size is compared with all others.
MOST_CELLS = 20_000
# Squared distances that differ by less than this share of the squared norms differ by rounding only.
ROUNDING = 4e-12


def score(translation, correspondence):
    """Fraction of samples closer than the true match.

    Returns
    -------
    From 0 (every cell at its match) to 1; 0.5 for chance and for a generator that gives one point; lower is better.
    Parts ``12``, ``21`` and their mean, and ``joint`` of a joint space, which is the value where nothing is translated.

    Raises
    ------
    NotApplicable
        Neither a translation nor a joint space, no target, or fewer than two cells to score.

    Notes
    -----
    With predictions A and truth B in one space, over the n cells that are scored,

        F(A, B) = 1/n sum_i [ #{j: d(A_i, B_j) < d(A_i, B_i)} + #{j != i: d(A_i, B_j) = d(A_i, B_i)} / 2 ] / (n - 1)

    and the value is (F(A, B) + F(B, A)) / 2. Ties count half, since a collapsed generator would otherwise have 0.25.
    Published variants differ: strict "<", the divisor n, one order only.
    Distances in a domain are those of :class:`~portal_lib.metrics.align._translation.Scale`, in a joint space Euclidean
    without scaling. Memory does not grow with the square of the cells; above 20,000 cells i runs over a seeded sample
    of 20,000 and j over all.
    """
    return by_direction_and_joint(
        translation,
        correspondence,
        lambda one: foscttm(one.scale.coordinates(one.predicted), one.scale.coordinates(one.target)),
        lambda rows1, rows2: foscttm(translation.z1[rows1], translation.z2[rows2]),
    )


def foscttm(a, b):
    """Mean over both orders of the share of others that are closer than the match; `a` and `b` (n, d), n at least 2."""
    centre = b.mean(axis=0)
    a, b = a - centre, b - centre
    own = np.square(a - b).sum(axis=1)
    rounding = ROUNDING * (np.square(a).sum(axis=1) + np.square(b).sum(axis=1))
    rows = sample_rows(len(a), MOST_CELLS)
    bounds = (own - rounding)[rows], (own + rounding)[rows]
    return float(_share_closer(a[rows], b, *bounds) + _share_closer(b[rows], a, *bounds)) / 2


def _share_closer(cells, others, below, up_to):
    """Mean share of others that are closer than the match, ties half; the match itself, a tie, is subtracted."""
    count = 0
    for rows in row_chunks(len(cells), len(others)):
        distances = squared_distances(cells[rows], others)
        count += np.count_nonzero(distances < below[rows, None]) + np.count_nonzero(distances <= up_to[rows, None])
    return (count / 2 - len(cells) / 2) / (len(cells) * (len(others) - 1))
