"""The interface between the trainer and an objective."""

from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from torch import nn


class Objective(Protocol):
    """A two-domain adversarial objective: a frozen dataclass of weights with these members.

    Attributes
    ----------
    name
        Name in messages; the name of its file.
    players
        Names of the players in the order of their updates.
    same_features
        True when both domains must have the same features in the same order.
    fresh_pass
        True when the forward pass is recomputed before the second player is updated; False when both players use one
        pass.
    remedy
        What to try when training diverges; ends the message of `DivergedError`.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    name: ClassVar[str]
    players: ClassVar[tuple[str, ...]]
    same_features: ClassVar[bool]
    fresh_pass: ClassVar[bool]

    @property
    def remedy(self) -> str:
        """What to try when training diverges."""

    @property
    def steady_from(self) -> int:
        """From this step on `losses` is the same function in every step: a GPU may record one step and replay it."""

    @property
    def learning_rate(self) -> float:
        """Of the Adam optimiser of each player."""

    @property
    def betas(self) -> tuple[float, float]:
        """Decay rates of the Adam optimiser of each player."""

    def for_steps(self, steps: int) -> Self:
        """The objective of a training of this length: parameters that depend on it get their value."""

    def build(self, n_features_a: int, n_features_b: int, generator: torch.Generator) -> nn.Module:
        """Networks with drawn weights, float64, on the CPU. Raises `ShapeError` for widths that do not fit."""

    def attach(self, networks: Any, cells_a: np.ndarray, cells_b: np.ndarray) -> None:
        """Check the objective's correspondences against the data, and register them with the networks.

        Called once, before the first step; cells are rows and may be memory maps. Data needed in every step, such as
        known pairs, become non-persistent buffers of the networks. Raises `ConfigError`.
        """

    def parameters(self, networks: Any, player: str) -> list[nn.Parameter]:
        """The parameters that this player updates."""

    def forward(self, networks: Any, x_a: torch.Tensor, x_b: torch.Tensor) -> Any:
        """One pass over a batch of each domain: the input of `losses`."""

    def losses(self, player: str, networks: Any, outputs: Any, step: int) -> dict[str, torch.Tensor]:
        """Named terms of a player, unweighted scalars, always the same names in the same order."""

    def total(self, player: str, terms: dict[str, torch.Tensor]) -> torch.Tensor:
        """The scalar that the player minimises: the terms weighted and reduced."""
