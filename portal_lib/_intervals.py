"""Intervals that tables and figures share."""

import math

from portal_lib.errors import DataError

Z_95 = 1.959963984540054


def wilson(successes: float, n: int, z: float = Z_95) -> tuple[float, float]:
    """Interval of a share by Wilson's score.

    Parameters
    ----------
    successes, n
        How many of how many.
    z
        Quantile of the normal distribution; the default is that of 95 %.

    Returns
    -------
    Lower and upper end, within [0, 1].

    Raises
    ------
    DataError
        `n` is not positive, or `successes` lies outside 0 to `n`.

    Notes
    -----
    (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n) with p = successes / n.

    References
    ----------
    Wilson, J. Am. Stat. Assoc. 22:209, 1927.
    """
    if n < 1 or not 0 <= successes <= n:
        raise DataError(f"{successes} of {n} runs have no share")
    p, scale = successes / n, 1 + z * z / n
    middle = (p + z * z / (2 * n)) / scale
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale
    # None and all end at 0 and 1 but for rounding.
    return max(0.0, middle - half) if successes else 0.0, min(1.0, middle + half) if successes < n else 1.0
