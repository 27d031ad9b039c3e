"""More than two data sets: one by one into the space of the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from portal_lib.errors import ConfigError, ShapeError
from portal_lib.training.cells import as_cells
from portal_lib.training.objectives._contract import Objective
from portal_lib.training.outputs import Outputs
from portal_lib.training.trainer import Trained, fit


@dataclass(frozen=True, eq=False)
class Chain:
    """What :func:`fit_chain` gives back. Rows of the arrays are the data sets in order, one after the other.

    Parameters
    ----------
    rounds
        The trained networks of every round; round i brought data set i + 1 in.
    history
        Columns round (from 0), step, player, term, value.
    outputs
        Of the last round, with everything brought in before as A and the last data set as B. With two data sets they
        are all that Portal gives: both spaces, and the scores in both.
    """

    rounds: tuple[Trained, ...]
    history: pd.DataFrame
    outputs: Outputs

    @property
    def data_Aspace(self) -> np.ndarray:
        """All cells in the space of the first data set, shape (n_cells, n_features); its own cells as they came."""
        return self.outputs.data_Aspace

    @property
    def latent(self) -> np.ndarray:
        """Latent coordinates of the last round, shape (n_cells, n_latent)."""
        return self.outputs.latent


def fit_chain(
    objective: Objective,
    domains: Sequence,
    *,
    lambda_cos: float | Sequence[float] | None = None,
    precision: str = "auto",
    checkpoint: str | Path | None = None,
    **settings,
) -> Chain:
    """Train round after round: A is everything brought into the first space so far, B the next data set.

    Parameters
    ----------
    objective
        Whose latent space and translation are used, such as Portal.
    domains
        Two or more arrays, shape (n_cells, n_features) each, all of one space, in the order in which they are brought
        in. The first is the reference.
    lambda_cos
        One value for all rounds, or one per round; None leaves the objective's own.
    checkpoint
        As in :func:`portal_lib.training.trainer.fit`; with more than two data sets every round has a file of its own,
        ``NAME.round0.steps2000.SUFFIX`` and so on: a later round starts from what an earlier one became, so that one
        with more steps is another training.
    precision, settings
        As in :func:`portal_lib.training.trainer.fit`. Every round starts from the same seed, as in the published
        package.

    Raises
    ------
    ConfigError
        Fewer than two data sets, a list of `lambda_cos` of another length than there are rounds, or an objective
        without `lambda_cos`.
    DataError, ShapeError, DivergedError, DeviceMemoryError
        As in :func:`portal_lib.training.trainer.fit`.

    Notes
    -----
    Later rounds train on translated cells as if they had been measured. With two data sets this is one call of `fit`
    on the arrays as they are; with more, one array takes up the growing reference. Latent coordinates and spaces are
    computed when they are asked for.
    """
    domains = check_domains(domains, precision)
    objectives = _one_per_round(objective, lambda_cos, len(domains) - 1)

    def train(i, reference, new):
        file = _file_of_round(checkpoint, i, len(domains) - 1, settings.get("steps"))
        return fit(objectives[i], reference, new, precision=precision, checkpoint=file, **settings)

    return train_rounds(domains, precision, train)


def train_rounds(
    domains: Sequence[np.ndarray], precision: str, train: Callable[[int, np.ndarray, np.ndarray], Trained]
) -> Chain:
    """The rounds of a chain, however a round is trained.

    Parameters
    ----------
    domains
        From :func:`check_domains`.
    precision
        As in :func:`portal_lib.training.trainer.fit`.
    train
        Called with the number of the round, the reference as it has grown, and the next data set.
    """
    ends = np.cumsum([len(x) for x in domains])
    reference, rounds, space = domains[0], [], None
    if len(domains) > 2:
        space = np.empty((ends[-1], reference.shape[1]), str(_weights(precision)).removeprefix("torch."))
    for i, x in enumerate(domains[1:]):
        rounds.append(train(i, reference, x))
        outputs = Outputs(rounds[-1].networks, reference, x, None if space is None else space[: ends[i + 1]])
        if i + 2 < len(domains):
            reference = outputs.data_Aspace
    history = pd.concat([_with_round(trained.history, i) for i, trained in enumerate(rounds)], ignore_index=True)
    return Chain(tuple(rounds), history, outputs)


def check_domains(domains: Sequence, precision: str) -> list[np.ndarray]:
    """The data sets of a chain, checked; arrays and memory maps of floating-point numbers are not copied.

    Raises
    ------
    ConfigError
        There are fewer than two.
    DataError, ShapeError
        As in :func:`portal_lib.training.cells.as_cells`, or they differ in their number of features.
    """
    if len(domains) < 2:
        raise ConfigError(f"domains: {len(domains)} data set(s); at least 2 are needed.")
    checked = [as_cells(x, f"domains[{i}]", _weights(precision)) for i, x in enumerate(domains)]
    widths = [x.shape[1] for x in checked]
    if len(set(widths)) > 1:
        raise ShapeError(f"domains: the data sets have {widths} features; all must lie in one space.")
    return checked


def with_lambda_cos(objective: Objective, value: float) -> Objective:
    """The objective with another weight of its cosine term. Raises `ConfigError` where it has none."""
    if not hasattr(objective, "lambda_cos"):
        raise ConfigError(f"lambda_cos is given, but the objective {objective.name} has no such weight.")
    return replace(objective, lambda_cos=float(value))


def _weights(precision):
    return torch.float64 if precision == "float64" else torch.float32


def _one_per_round(objective, lambda_cos, n_rounds):
    if lambda_cos is None:
        return [objective] * n_rounds
    values = [lambda_cos] * n_rounds if np.ndim(lambda_cos) == 0 else list(lambda_cos)
    if len(values) != n_rounds:
        raise ConfigError(f"lambda_cos has {len(values)} values for {n_rounds} rounds; give one, or one per round.")
    return [with_lambda_cos(objective, value) for value in values]


def _file_of_round(checkpoint, i, n_rounds, steps):
    """A file of its own for every round, so that none goes on from, or is lost to, another."""
    if checkpoint is None or n_rounds == 1:
        return checkpoint
    path = Path(checkpoint)
    return path.with_name(f"{path.stem}.round{i}.steps{steps}{path.suffix}")


def _with_round(history, i):
    history = history.copy()
    history.insert(0, "round", i)
    return history
