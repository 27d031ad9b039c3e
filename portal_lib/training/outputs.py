"""All that a training of two data sets says about their cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import nn

from portal_lib.training.inference import discriminator_scores, latent, translate


@dataclass(frozen=True, eq=False)
class Outputs:
    """Outputs of trained networks, each computed when first asked for. Rows are the cells of A, then those of B.

    Parameters
    ----------
    networks
        From :func:`portal_lib.training.trainer.fit`.
    x_a, x_b
        The cells as in training, shape (n_cells, n_features). Not written to.
    space
        Array that `data_Aspace` is written into, shape (n_cells of both, n_features), whose first rows may be `x_a`
        itself; None makes one.

    Notes
    -----
    Departs from upstream: scores are one-dimensional; what nobody asks for takes neither time nor memory.
    """

    networks: nn.Module
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
        """[x_A; G_A(E_B(x_B))], shape (n_cells, n_features): the cells of A as they came."""
        together, rows_a, rows_b = self._empty(self.networks.n_features["a"], self.space)
        rows_a[:] = self.x_a
        translate(self.networks, self.x_b, source="b", out=rows_b)
        return together

    @cached_property
    def data_Bspace(self) -> np.ndarray:
        """[G_B(E_A(x_A)); x_B], shape (n_cells, n_features): the cells of B as they came."""
        together, rows_a, rows_b = self._empty(self.networks.n_features["b"])
        translate(self.networks, self.x_a, source="a", out=rows_a)
        rows_b[:] = self.x_b
        return together

    @cached_property
    def score_Aspace(self) -> np.ndarray:
        """D_A of `data_Aspace`: raw logits within ±50, shape (n_cells,); higher looks more like a cell of A."""
        return discriminator_scores(self.networks, self.data_Aspace, domain="a")

    @cached_property
    def score_Bspace(self) -> np.ndarray:
        """D_B of `data_Bspace`: raw logits within ±50, shape (n_cells,); higher looks more like a cell of B."""
        return discriminator_scores(self.networks, self.data_Bspace, domain="b")

    def _empty(self, width, together=None):
        """An array for all cells in the precision of the networks, its rows of A, and its rows of B."""
        if together is None:
            dtype = str(next(self.networks.parameters()).dtype).removeprefix("torch.")
            together = np.empty((len(self.x_a) + len(self.x_b), width), dtype)
        return together, together[: len(self.x_a)], together[len(self.x_a) :]
