"""Scale the features of two domains, and undo it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

# How features can be scaled: standardised, not at all, or as pixels.
SCALES = (True, False, "pixels")


class Scale(NamedTuple):
    """Linear scale of the features of a domain.

    Parameters
    ----------
    mean, sd
        Mean and standard deviation of each feature, shape (d,), float64.
    order
        Column of the domain for each column of the scaled values; None for the same order.
    """

    mean: np.ndarray
    sd: np.ndarray
    order: np.ndarray | None = None

    def apply(self, x: np.ndarray, dtype) -> np.ndarray:
        """Scaled values."""
        z = ((x - self.mean) / self.sd).astype(dtype)
        return z if self.order is None else np.take(z, self.order, axis=1)

    def undo(self, z: np.ndarray) -> np.ndarray:
        """Scaled values in the units of the domain, with the dtype of `z`."""
        z = z if self.order is None else np.take(z, np.argsort(self.order), axis=1)
        return (z * self.sd + self.mean).astype(z.dtype)


def scales_of(values: Sequence[np.ndarray], how: bool | str, shared: Iterable[tuple[int, int]] = ()) -> list[Scale]:
    """Scales of two domains.

    Parameters
    ----------
    values
        Cells × features of both domains.
    how
        True to standardise features as in :func:`pooled_scales`, False to keep the values, ``"pixels"`` to map [0, 1]
        to [-1, 1], so that black and white are symmetric for a network.
    shared
        (column of domain 1, column of domain 2) of features that both domains measure.
    """
    if how == "pixels":
        return [Scale(np.full(x.shape[1], 0.5), np.full(x.shape[1], 0.5)) for x in values]
    if how:
        return pooled_scales(values, shared)
    return [Scale(np.zeros(x.shape[1]), np.ones(x.shape[1])) for x in values]


def pooled_scales(values: Sequence[np.ndarray], shared: Iterable[tuple[int, int]]) -> list[Scale]:
    """Mean and sd of every feature; shared features are pooled over both domains, so that a shift stays a shift.

    Parameters are those of :func:`scales_of`.

    Notes
    -----
    A constant feature is divided by 1, and is 0 when scaled. Constant means that all values are equal: in float64,
    rounding of the mean can give such values a standard deviation above 0.
    """
    means, sds = [x.mean(axis=0, dtype=np.float64) for x in values], [x.std(axis=0, dtype=np.float64) for x in values]
    constant = [x.min(axis=0) == x.max(axis=0) for x in values]
    for pair in shared:
        both = np.concatenate([x[:, column] for x, column in zip(values, pair, strict=True)]).astype(np.float64)
        for side, column in enumerate(pair):
            means[side][column], sds[side][column] = both.mean(), both.std()
            constant[side][column] = both.min() == both.max()
    for x, mean, sd, same in zip(values, means, sds, constant, strict=True):
        mean[same], sd[same | (sd == 0)] = x[0, same], 1
    return [Scale(mean, sd) for mean, sd in zip(means, sds, strict=True)]
