"""What the trainer asks of an objective."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import nn


class Objective(Protocol):
    """A two-domain adversarial objective: a frozen dataclass of weights with these members.

    Attributes
    ----------
    name
        How messages call it; the name of its file.
    players
        Names of the players in the order in which they move.
    fresh_pass
        True when the forward pass is computed anew before the second player moves; False when the second player is
        judged on the pass of the first.
    steady_from
        From this step on `losses` does not depend on the number of the step: a GPU may record one step and replay it.
    remedy
        What to try when training diverges; ends the message of `DivergedError`.
    learning_rate, betas
        Of the Adam optimiser that each player has.
    """

    name: ClassVar[str]
    players: ClassVar[tuple[str, ...]]
    fresh_pass: ClassVar[bool]
    remedy: ClassVar[str]
    steady_from: int
    learning_rate: float
    betas: tuple[float, float]

    def build(self, n_features_a: int, n_features_b: int, generator: torch.Generator) -> nn.Module:
        """Networks with drawn weights, float64, on the CPU. Raises `ShapeError` for widths that do not fit."""

    def attach(self, networks: nn.Module, cells_a: np.ndarray, cells_b: np.ndarray) -> None:
        """Check against the data what the objective knows beside them, and hand it to the networks.

        Called once, before the first step; cells are rows and may be memory maps. What is needed in every step, such as
        known pairs, becomes a buffer of the networks that is not part of their state. Raises `ConfigError`.
        """

    def parameters(self, networks: nn.Module, player: str) -> list[nn.Parameter]:
        """What this player may change."""

    def forward(self, networks: nn.Module, x_a: torch.Tensor, x_b: torch.Tensor) -> Any:
        """One pass over a batch of each domain; whatever `losses` needs."""

    def losses(self, player: str, networks: nn.Module, outputs: Any, step: int) -> dict[str, torch.Tensor]:
        """Named terms of a player, unweighted scalars, always the same names in the same order."""

    def total(self, player: str, terms: dict[str, torch.Tensor]) -> torch.Tensor:
        """The scalar that the player lowers: how the terms are weighted and reduced."""
