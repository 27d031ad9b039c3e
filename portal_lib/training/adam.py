"""The optimiser of a player."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim.adam import adam


class Adam:
    """torch's fused Adam for a list of parameters and given gradients, without weight decay.

    Parameters
    ----------
    parameters
        The parameters to update, all on one device.
    learning_rate, betas
        As in Kingma and Ba (2015); eps is 1e-8.

    Notes
    -----
    Departs from ``torch.optim.Adam``: the update only. Its groups, hooks and checks take a quarter of its time for
    networks of our sizes.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], learning_rate: float, betas: tuple[float, float]):
        self.parameters: list[torch.Tensor] = list(parameters)
        self._learning_rate, self._betas = learning_rate, betas
        self._mean = [torch.zeros_like(p) for p in self.parameters]
        self._square = [torch.zeros_like(p) for p in self.parameters]
        self._steps = [torch.zeros((), dtype=torch.float32, device=p.device) for p in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[torch.Tensor]) -> None:
        """One update; `gradients` in the order of the parameters."""
        adam(
            self.parameters,
            list(gradients),
            self._mean,
            self._square,
            [],
            self._steps,
            foreach=False,
            fused=True,
            amsgrad=False,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
            lr=self._learning_rate,
            beta1=self._betas[0],
            beta2=self._betas[1],
        )

    def state(self) -> dict[str, Any]:
        """Moments and counts, in the order of the parameters."""
        return {"mean": self._mean, "square": self._square, "steps": self._steps}

    @torch.no_grad()
    def load(self, state: Mapping[str, Any]) -> None:
        """Restore a state."""
        for mine, theirs in ((self._mean, "mean"), (self._square, "square"), (self._steps, "steps")):
            for to, value in zip(mine, state[theirs], strict=True):
                to.copy_(value)
