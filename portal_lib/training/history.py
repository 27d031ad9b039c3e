"""The history of a training: losses in tidy rows, and the check that they are finite."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from portal_lib.errors import DivergedError


class History:
    """Losses of the steps, copied from the device and checked in blocks, so that steps need not wait for the device.

    Parameters
    ----------
    name, remedy
        Of the objective, for the message of `DivergedError`.
    log_every
        Keep steps 0, log_every, 2·log_every, ... and the last one.
    """

    def __init__(self, name: str, remedy: str, log_every: int):
        self._name, self._remedy, self._log_every = name, remedy, log_every
        self._pending: torch.Tensor | None = None
        self._kept: list[tuple[int, np.ndarray]] = []
        self._last_finite: np.ndarray | None = None
        self._n_checked = 0
        self._terms: list[tuple[str, str]] = []

    def add(self, terms: Sequence[tuple[str, str]], values: torch.Tensor) -> None:
        """Add the losses of the next steps, shape (n_steps, n_terms), by player and term; check those before."""
        self._terms = list(terms)
        before, self._pending = self._pending, values
        self._check_block(before)

    def check(self) -> None:
        """Check and keep pending losses; `DivergedError` for the first step that is not finite."""
        before, self._pending = self._pending, None
        self._check_block(before)

    def state(self) -> dict[str, Any]:
        """The history as plain values and tensors; nothing may be pending."""
        steps, values = [step for step, _ in self._kept], [values for _, values in self._kept]
        return {
            "n_checked": self._n_checked,
            "terms": [list(term) for term in self._terms],
            "steps": steps,
            "values": torch.from_numpy(np.array(values)),
            "last": torch.from_numpy(np.array(self._last_finite)),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore a history."""
        self._n_checked = state["n_checked"]
        self._terms = [tuple(term) for term in state["terms"]]
        self._kept = list(zip(state["steps"], state["values"].numpy(), strict=True))
        self._last_finite = state["last"].numpy()

    def _check_block(self, block):
        if block is not None:
            for values in block.cpu().numpy().astype(np.float64):
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
        """Columns step (from 0), player, term, value (unweighted); in the order of computation."""
        self.check()
        kept, last = list(self._kept), self._n_checked - 1
        if self._last_finite is not None and kept[-1][0] != last:
            kept.append((last, self._last_finite))
        rows = [
            (step, player, term, value)
            for step, values in kept
            for (player, term), value in zip(self._terms, values, strict=True)
        ]
        return pd.DataFrame(rows, columns=["step", "player", "term", "value"])
