"""Outputs of a training of two data sets for their cells."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from portal_lib.training.inference import latent, translate


@dataclass(frozen=True, eq=False)
class Outputs:
    """Outputs of trained networks, each computed at its first use. Rows are the cells of A, then those of B.

    Parameters
    ----------
    networks
        From :func:`portal_lib.training.trainer.fit`.
    x_a, x_b
        The cells as in training, shape (n_cells, n_features). Not modified.
    space
        Array to write `data_Aspace` into, shape (n_cells of both, n_features), whose first rows may be `x_a` itself;
        None makes one.

    Notes
    -----
    Departs from upstream: outputs that are not used take neither time nor memory.
    """

    networks: Any
    x_a: np.ndarray
    x_b: np.ndarray
    space: np.ndarray | None = None

    @cached_property
    def latent(self) -> np.ndarray:
        """[E_A(x_A); E_B(x_B)], shape (n_cells, n_latent)."""
        together, rows_a, rows_b = self._empty(self.networks.n_latent)
        latent(self.networks, self.x_a, domain="a", out=rows_a)
        latent(self.networks, self.x_b, domain="b", out=rows_b)
        return together

    @cached_property
    def data_Aspace(self) -> np.ndarray:
        """[x_A; G_A(E_B(x_B))], shape (n_cells, n_features): the cells of A unchanged."""
        together, rows_a, rows_b = self._empty(self.networks.n_features["a"], self.space)
        rows_a[:] = self.x_a
        translate(self.networks, self.x_b, source="b", out=rows_b)
        return together

    def _empty(self, width, together=None):
        """An array for all cells in the precision of the networks, its rows of A, and its rows of B."""
        if together is None:
            dtype = str(next(self.networks.parameters()).dtype).removeprefix("torch.")
            together = np.empty((len(self.x_a) + len(self.x_b), width), dtype)
        return together, together[: len(self.x_a)], together[len(self.x_a) :]
