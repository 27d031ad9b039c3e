"""Confidence intervals that tables and figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal_lib.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

CONFIDENCE = 0.95
# Least and greatest value that a number can have.
Bounds = tuple[float | None, float | None]
UNBOUNDED: Bounds = (None, None)
# Of scores, and of their differences.
SCORE, DIFFERENCE = (0.0, 1.0), (-1.0, 1.0)


def t_interval(values: ArrayLike, confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """Mean, standard deviation (n - 1) and half width of the t-interval of finite numbers; NaN where n is too small."""
    import numpy as np
    from scipy.stats import t

    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        return (values[0] if n else np.nan), np.nan, np.nan
    sd = values.std(ddof=1)
    return values.mean(), sd, t.ppf((1 + confidence) / 2, n - 1) * sd / np.sqrt(n)


def mean_row(values: ArrayLike, bounds: Bounds = UNBOUNDED) -> tuple[int, float, float, float, float, float]:
    """n, mean, standard deviation, half width, lower and upper end of the t-interval.

    The ends are cut at the least and the greatest possible value, `bounds` (None where there is none), but never beyond
    the mean. The half width is that of the interval before the cut.
    """
    import numpy as np

    mean, sd, half = t_interval(values)
    low, high = mean - half, mean + half
    least, greatest = bounds
    if least is not None:
        low = np.maximum(low, min(least, mean))
    if greatest is not None:
        high = np.minimum(high, max(greatest, mean))
    return len(np.asarray(values)), mean, sd, half, low, high


def wilson(successes: float, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Lower and upper end of Wilson's interval of a proportion.

    Raises
    ------
    DataError
        `n` is not positive, or `successes` is not between 0 and `n`.
    """
    from scipy.stats import binomtest

    if n < 1 or not 0 <= successes <= n:
        raise DataError(f"{successes} of {n} runs is not a proportion")
    interval = binomtest(int(successes), int(n)).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)
