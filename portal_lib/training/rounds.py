"""Outputs of a trained chain for cells of any of its data sets, those of the training or new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from portal_lib.errors import ShapeError
from portal_lib.training import inference
from portal_lib.training.chain import Chain
from portal_lib.training.objectives._contract import Objective
from portal_lib.training.serialization import networks_of, state_of


@dataclass(frozen=True)
class Rounds:
    """The networks of all rounds. Data sets are numbered in order from 0, the reference; round i added data set i + 1.

    Parameters
    ----------
    networks
        One per round, all on one device.

    Notes
    -----
    Cells `x` of one data set have shape (n_cells, n_features). Errors are those of
    :mod:`portal_lib.training.inference`.
    """

    networks: tuple[Any, ...]

    @classmethod
    def of_chain(cls, chain: Chain) -> Rounds:
        """Those of a chain."""
        return cls(tuple(trained.networks for trained in chain.rounds))

    @classmethod
    def of_states(
        cls, objective: Objective, n_features: int, states: Sequence[Mapping[str, Any]], device: torch.device
    ) -> Rounds:
        """Networks of an objective with the weights of :meth:`states`.

        Raises
        ------
        ShapeError
            The weights are not those of such networks.
        """
        rounds = []
        for i, state in enumerate(states):
            try:
                rounds.append(networks_of(objective, (n_features, n_features), state, device))
            except ShapeError as error:
                raise ShapeError(f"round {i}: {error}") from None
        return cls(tuple(rounds))

    @property
    def n_features(self) -> int:
        """Columns of the cells."""
        return self.networks[0].n_features["a"]

    @property
    def n_latent(self) -> int:
        """Dimensions of the latent space."""
        return self.networks[0].n_latent

    @property
    def hidden(self) -> int:
        """Units of every hidden layer."""
        return self.networks[0].encoder.biases[0].shape[-1]

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.networks[0].parameters()).device

    @property
    def dtype(self) -> np.dtype:
        """Precision of the weights and of the outputs."""
        return np.dtype(str(next(self.networks[0].parameters()).dtype).removeprefix("torch."))

    def states(self) -> list[dict[str, torch.Tensor]]:
        """Weights by name of every round, on the CPU."""
        return [state_of(networks) for networks in self.networks]

    def translate(self, x: np.ndarray, source: int, target: int) -> np.ndarray:
        """Cells of data set `source` translated to `target`, shape of `x`; unchanged if both are the same.

        Every translation passes through the reference: for two data sets G_B(E_A(x)) and G_A(E_B(x)), as published.
        """
        if source == target:
            return x
        if source > 0:
            x = inference.translate(self.networks[source - 1], x, source="b")
        return x if target == 0 else inference.translate(self.networks[target - 1], x, source="a")

    def latent(self, x: np.ndarray, source: int) -> np.ndarray:
        """Latent coordinates of the last round, the only one whose latent space contains all data sets."""
        if source == len(self.networks):
            return inference.latent(self.networks[-1], x, domain="b")
        return inference.latent(self.networks[-1], self.translate(x, source, 0), domain="a")

    def discriminator_logits(self, x: np.ndarray, source: int, target: int) -> np.ndarray:
        """Logits of the discriminator of `target` for cells of `source` translated to it, shape (n_cells,).

        A data set has the discriminator of the round that added it. The reference has one in every round: cells are
        scored by that of the round that added `source`, cells of the reference itself by that of the first.
        """
        translated = self.translate(x, source, target)
        if target == 0:
            return inference.discriminator_logits(self.networks[max(source, 1) - 1], translated, domain="a")
        return inference.discriminator_logits(self.networks[target - 1], translated, domain="b")
