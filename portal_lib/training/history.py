"""The record of a training run: tidy rows, and the check that losses stay finite."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from portal_lib.errors import DivergedError

CHECK_EVERY = 50


class History:
    """Losses of the steps, taken from the device and checked in blocks, so that a step need not wait for the device.

    Parameters
    ----------
    name, remedy
        Of the objective, for the message of `DivergedError`.
    log_every
        Keep steps 0, log_every, 2·log_every, ... and the last one.
    """

    def __init__(self, name: str, remedy: str, log_every: int):
        self._name, self._remedy, self._log_every = name, remedy, log_every
        self._pending: list[torch.Tensor] = []
        self._kept: list[tuple[int, np.ndarray]] = []
        self._last_finite: np.ndarray | None = None
        self._n_checked = 0
        self._terms: list[tuple[str, str]] = []

    @property
    def n_steps(self) -> int:
        """Steps noted so far."""
        return self._n_checked + len(self._pending)

    def add(self, losses: dict[tuple[str, str], torch.Tensor]) -> None:
        """Note the losses of the next step, by player and term."""
        self._terms = list(losses)
        self._pending.append(torch.stack([loss.detach() for loss in losses.values()]))
        if len(self._pending) == CHECK_EVERY:
            self.check()

    def check(self) -> None:
        """Bring what is pending into the record; raise `DivergedError` for the first step that is not finite."""
        if not self._pending:
            return
        block = torch.stack(self._pending).cpu().numpy().astype(np.float64)
        self._pending.clear()
        for values in block:
            self._check_step(values)

    def _check_step(self, values):
        step = self._n_checked
        if not np.isfinite(values).all():
            raise DivergedError(self._message(step, values))
        self._last_finite = values
        if step % self._log_every == 0:
            self._kept.append((step, values))
        self._n_checked += 1

    def _message(self, step, values):
        names = [f"{player}/{term}" for player, term in self._terms]
        bad = next(i for i, value in enumerate(values) if not np.isfinite(value))
        if self._last_finite is None:
            before = "No step was finite."
        else:
            before = ", ".join(f"{name} {value:.3g}" for name, value in zip(names, self._last_finite, strict=True))
            before = f"Last finite: {before}."
        return f"{self._name}, step {step}: {names[bad]} is {values[bad]}. {before} {self._remedy}"

    def table(self) -> pd.DataFrame:
        """Columns step (from 0), player, term, value (unweighted); in the order in which they were computed."""
        self.check()
        kept, last = list(self._kept), self._n_checked - 1
        if last >= 0 and kept[-1][0] != last:
            kept.append((last, self._last_finite))
        rows = [
            (step, player, term, value)
            for step, values in kept
            for (player, term), value in zip(self._terms, values, strict=True)
        ]
        return pd.DataFrame(rows, columns=["step", "player", "term", "value"])
