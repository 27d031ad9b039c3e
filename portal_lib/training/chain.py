"""More than two data sets: one by one into the space of the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from portal_lib.errors import ConfigError, ShapeError
from portal_lib.training.cells import as_cells
from portal_lib.training.inference import latent, translate
from portal_lib.training.objectives._contract import Objective
from portal_lib.training.trainer import Trained, fit


@dataclass(frozen=True)
class Chain:
    """What :func:`fit_chain` gives back. Rows of the arrays are the data sets in order, one after the other.

    Parameters
    ----------
    data_Aspace
        All cells in the space of the first data set, shape (n_cells, n_features); its own cells as they came.
    latent
        Latent coordinates of the last round, shape (n_cells, n_latent).
    rounds
        The trained networks of every round; round i brought data set i + 1 in.
    history
        Columns round (from 0), step, player, term, value.
    """

    data_Aspace: np.ndarray
    latent: np.ndarray
    rounds: tuple[Trained, ...]
    history: pd.DataFrame


def fit_chain(
    objective: Objective,
    domains: Sequence,
    *,
    lambda_cos: float | Sequence[float] | None = None,
    precision: str = "auto",
    **settings,
) -> Chain:
    """Train round after round: A is everything brought into the first space so far, B the next data set.

    Parameters
    ----------
    objective
        Whose latent space and translation are used, such as Portal.
    domains
        Two or more arrays, shape (n_cells, n_features) each, all of one space. The first is the reference.
    lambda_cos
        One value for all rounds, or one per round; None leaves the objective's own.
    precision, settings
        As in :func:`portal_lib.training.trainer.fit`. Every round starts from the same seed, as in the published
        package.

    Raises
    ------
    ConfigError
        Fewer than two data sets, or a list of `lambda_cos` of another length than there are rounds.
    DataError, ShapeError, DivergedError
        As in :func:`portal_lib.training.trainer.fit`.

    Notes
    -----
    Later rounds train on translated cells as if they had been measured. With two data sets this is one call of `fit`.
    """
    dtype = torch.float64 if precision == "float64" else torch.float32
    domains = _check_domains(domains, dtype)
    objectives = _one_per_round(objective, lambda_cos, len(domains) - 1)
    ends = np.cumsum([len(x) for x in domains])
    data_aspace = np.empty((ends[-1], domains[0].shape[1]), str(dtype).removeprefix("torch."))
    data_aspace[: ends[0]] = domains[0]
    rounds = []
    for i, x in enumerate(domains[1:]):
        rounds.append(fit(objectives[i], data_aspace[: ends[i]], x, precision=precision, **settings))
        before_last = data_aspace[: ends[i]]
        data_aspace[ends[i] : ends[i + 1]] = translate(rounds[-1].networks, x, source="b")
    last = rounds[-1].networks
    together = np.concatenate((latent(last, before_last, domain="a"), latent(last, domains[-1], domain="b")))
    history = pd.concat([_with_round(trained.history, i) for i, trained in enumerate(rounds)], ignore_index=True)
    return Chain(data_aspace, together, tuple(rounds), history)


def _check_domains(domains, dtype):
    if len(domains) < 2:
        raise ConfigError(f"fit_chain: {len(domains)} data set(s); at least 2 are needed.")
    checked = [as_cells(x, f"domains[{i}]", dtype) for i, x in enumerate(domains)]
    widths = [x.shape[1] for x in checked]
    if len(set(widths)) > 1:
        raise ShapeError(f"fit_chain: the data sets have {widths} features; all must lie in one space.")
    return checked


def _one_per_round(objective, lambda_cos, n_rounds):
    if lambda_cos is None:
        return [objective] * n_rounds
    values = [lambda_cos] * n_rounds if np.ndim(lambda_cos) == 0 else list(lambda_cos)
    if len(values) != n_rounds:
        raise ConfigError(f"lambda_cos has {len(values)} values for {n_rounds} rounds; give one, or one per round.")
    return [replace(objective, lambda_cos=float(value)) for value in values]


def _with_round(history, i):
    history = history.copy()
    history.insert(0, "round", i)
    return history
