"""Features of two domains brought to one scale, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Scale(NamedTuple):
    """Mean and standard deviation of the features of a domain, shape (d,), float64."""

    mean: np.ndarray
    sd: np.ndarray

    def apply(self, x: np.ndarray, dtype) -> np.ndarray:
        """Standardised values."""
        return ((x - self.mean) / self.sd).astype(dtype)

    def undo(self, z: np.ndarray) -> np.ndarray:
        """Standardised values in the units of the domain, of the type that they have."""
        return (z * self.sd + self.mean).astype(z.dtype)


def no_scale(n_features: int) -> Scale:
    """What leaves values as they are."""
    return Scale(np.zeros(n_features), np.ones(n_features))


def pooled_scales(values: Sequence[np.ndarray], shared: Iterable[tuple[int, int]]) -> list[Scale]:
    """Mean and sd of every feature; of a shared one those of the cells of both domains, so that a shift stays a shift.

    Parameters
    ----------
    values
        Cells × features of both domains.
    shared
        (column of domain 1, column of domain 2) of features that both measure.

    Notes
    -----
    A constant feature is divided by 1.
    """
    means, sds = [x.mean(axis=0, dtype=np.float64) for x in values], [x.std(axis=0, dtype=np.float64) for x in values]
    for pair in shared:
        both = np.concatenate([x[:, column] for x, column in zip(values, pair, strict=True)]).astype(np.float64)
        for side, column in enumerate(pair):
            means[side][column], sds[side][column] = both.mean(), both.std()
    for sd in sds:
        sd[sd == 0] = 1
    return [Scale(mean, sd) for mean, sd in zip(means, sds, strict=True)]
