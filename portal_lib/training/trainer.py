"""The only training loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from portal_lib.errors import ConfigError
from portal_lib.training.cells import as_cells
from portal_lib.training.device import resolve_device
from portal_lib.training.history import History
from portal_lib.training.objectives._contract import Objective
from portal_lib.training.sampling import generators, uniform_batches


@dataclass(frozen=True)
class Trained:
    """What :func:`fit` gives back.

    Parameters
    ----------
    networks
        With the weights of the last step, on the device they were trained on; frozen.
    history
        Columns step (from 0), player, term, value: the losses before each logged step's update, unweighted.
    """

    networks: nn.Module
    history: pd.DataFrame


def fit(
    objective: Objective,
    domain_a,
    domain_b,
    *,
    steps: int,
    batch_size: int = 500,
    seed: int = 0,
    device: str = "auto",
    dtype: torch.dtype = torch.float32,
    log_every: int = 10,
    progress: bool | None = None,
    initial: Mapping[str, torch.Tensor] | None = None,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]] | None = None,
) -> Trained:
    """Train the networks of an objective on two domains.

    Parameters
    ----------
    objective
        What to train: see :mod:`portal_lib.training.objectives`.
    domain_a, domain_b
        Features of the cells, such as PCA scores, shape (n_cells, n_features). Cells are rows; not written to.
    steps
        Batches to see. Every player moves once per step.
    batch_size
        Cells of each domain per step, drawn with replacement; a domain may have fewer.
    seed
        Of the initial weights and the batches. No global generator is touched. The same seed gives the same bytes on
        one machine with the same number of threads.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    dtype
        ``torch.float32`` or ``torch.float64``. Both start from the same weights and see the same batches.
    log_every
        Steps between two rows of the history; the last step is always there.
    progress
        A progress bar on stderr; None shows one only if stderr is a terminal.
    initial
        State of the networks to start from, instead of drawn weights.
    batches
        Pairs of row numbers, one pair per step, instead of drawn ones; at least `steps` of them.

    Raises
    ------
    DataError, ShapeError
        A domain has NaN or infinite values, no cells or no columns, or the widths do not fit the objective.
    ConfigError
        The device is not there, `steps`, `batch_size`, `log_every` or `dtype` is out of range, or there are fewer
        `batches` than `steps`.
    DivergedError
        A loss is no longer finite. Found up to 50 steps later, so that a step need not wait for the device.
    """
    _check_settings(steps, batch_size, log_every)
    place = resolve_device(device)
    x_a = torch.from_numpy(as_cells(domain_a, "domain_a", dtype)).to(place)
    x_b = torch.from_numpy(as_cells(domain_b, "domain_b", dtype)).to(place)
    weights_generator, batch_generator = generators(seed)
    networks = objective.build(x_a.shape[1], x_b.shape[1], weights_generator)
    if initial is not None:
        networks.load_state_dict(initial)
    networks = networks.to(place, dtype)
    if batches is None:
        batches = uniform_batches(len(x_a), len(x_b), batch_size, batch_generator)
    history = History(objective.name, objective.remedy, log_every)
    _loop(objective, networks, x_a, x_b, islice(batches, steps), steps, history, progress)
    return Trained(networks.requires_grad_(False), history.table())


def _check_settings(steps, batch_size, log_every):
    wrong = [
        f"{name} is {value}, must be at least 1"
        for name, value in {"steps": steps, "batch_size": batch_size, "log_every": log_every}.items()
        if value < 1
    ]
    if wrong:
        raise ConfigError("fit: " + "; ".join(wrong) + ".")


def _loop(objective, networks, x_a, x_b, batches, steps, history, progress):
    optimizers = {player: _adam(objective, networks, player) for player in objective.players}
    place = x_a.device
    hidden = None if progress is None else not progress
    bar = tqdm(batches, total=steps, desc=objective.name, unit="step", mininterval=1, disable=hidden)
    for step, (rows_a, rows_b) in enumerate(bar):
        batch_a = x_a[rows_a.to(place, non_blocking=True)]
        batch_b = x_b[rows_b.to(place, non_blocking=True)]
        history.add(_step(objective, networks, optimizers, batch_a, batch_b, step))
    if history.n_steps < steps:
        raise ConfigError(f"fit: batches ended after {history.n_steps} of {steps} steps.")


def _adam(objective, networks, player):
    parameters = objective.parameters(networks, player)
    return torch.optim.Adam(parameters, lr=objective.learning_rate, betas=objective.betas, fused=True)


def _step(objective, networks, optimizers, batch_a, batch_b, step):
    """Every player moves once; returns the terms by player and name."""
    seen, outputs = {}, None
    for player, optimizer in optimizers.items():
        if outputs is None or objective.fresh_pass:
            outputs = objective.forward(networks, batch_a, batch_b)
        terms = objective.losses(player, networks, outputs, step)
        _descend(objective.total(player, terms), optimizer)
        seen |= {(player, term): loss for term, loss in terms.items()}
    return seen


def _descend(loss, optimizer):
    """One update. Gradients are computed for this player's parameters and for nothing else."""
    parameters = optimizer.param_groups[0]["params"]
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()
