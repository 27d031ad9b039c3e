"""More than two data sets: integrated one by one into the space of the first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

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
    """The result of :func:`fit_chain`. Rows of the arrays are the data sets in order, one after the other.

    Parameters
    ----------
    rounds
        The trained networks of every round; round i added data set i + 1.
    history
        Columns round (from 0), step, player, term, value.
    outputs
        Of the last round, in which A is the reference with all data sets added before, and B the last data set.
    """

    rounds: tuple[Trained, ...]
    history: pd.DataFrame
    outputs: Outputs

    @property
    def data_Aspace(self) -> np.ndarray:
        """All cells in the space of the first data set, shape (n_cells, n_features); its own cells unchanged."""
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
    """Train round after round: A is the reference with all data sets added so far, B the next data set.

    Parameters
    ----------
    objective
        An objective with a latent space, such as Portal.
    domains
        Two or more arrays, shape (n_cells, n_features) each, with the same features, in the order in which they are
        added. The first is the reference.
    lambda_cos
        One value for all rounds, or one per round; None keeps that of the objective.
    checkpoint
        As in :func:`portal_lib.training.trainer.fit`; with more than two data sets every round has a file of its own,
        ``NAME.round0.steps2000.SUFFIX`` and so on: a round depends on the result of the rounds before it, so that
        other steps there make it another training.
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
    on the given arrays; with more, one array holds the growing reference. Latent coordinates and spaces are computed
    when they are first used.
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
    """The rounds of a chain, for any way of training a round.

    Parameters
    ----------
    domains
        From :func:`check_domains`.
    precision
        As in :func:`portal_lib.training.trainer.fit`.
    train
        Called with the number of the round, the current reference, and the next data set.
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
        raise ShapeError(f"domains: the data sets have {widths} features; all need the same features.")
    return checked


def with_lambda_cos(objective: Objective, value: float) -> Objective:
    """The objective with another weight of its cosine term. Raises `ConfigError` where it has none."""
    if not hasattr(objective, "lambda_cos"):
        raise ConfigError(f"lambda_cos is given, but the objective {objective.name} has no such weight.")
    return replace(cast(Any, objective), lambda_cos=float(value))


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
    """A separate file for every round, so that rounds neither resume from nor overwrite each other's."""
    if checkpoint is None or n_rounds == 1:
        return checkpoint
    path = Path(checkpoint)
    return path.with_name(f"{path.stem}.round{i}.steps{steps}{path.suffix}")


def _with_round(history, i):
    history = history.copy()
    history.insert(0, "round", i)
    return history
