"""The only training loop."""

import inspect
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from portal_lib.errors import ConfigError, DivergedError, ShapeError
from portal_lib.training.adam import Adam
from portal_lib.training.cells import Domain, as_cells, checksum
from portal_lib.training.checkpoint import as_one_error, load_checkpoint, save_checkpoint
from portal_lib.training.device import keep_freed_memory, on_device, resolve_device
from portal_lib.training.history import History
from portal_lib.training.networks import set_products
from portal_lib.training.objectives._contract import Objective
from portal_lib.training.precision import Precision, resolve_precision
from portal_lib.training.sampling import generators, uniform_batches

# Steps whose batches are drawn, copied to the device and checked together.
BLOCK = 50
# Steps on a GPU before one is recorded: libraries initialise in the first ones.
_EAGER_STEPS = 3


@dataclass(frozen=True)
class Trained:
    """The result of :func:`fit`.

    Parameters
    ----------
    networks
        Networks with the weights of the last step, on the device of the training; frozen.
    history
        Columns step (from 0), player, term, value: the losses before each logged step's update, unweighted.
    precision
        Of the matrix products in training: ``"bfloat16"``, ``"float32"`` or ``"float64"``.
    """

    networks: nn.Module
    history: pd.DataFrame
    precision: str


def fit(
    objective: Objective,
    domain_a,
    domain_b,
    *,
    steps: int,
    batch_size: int = 500,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    log_every: int = 10,
    progress: bool | None = None,
    initial: Mapping[str, torch.Tensor] | None = None,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
    resident: bool | None = None,
) -> Trained:
    """Train the networks of an objective on two domains.

    Parameters
    ----------
    objective
        What to train: see :mod:`portal_lib.training.objectives`.
    domain_a, domain_b
        Features of the cells, such as PCA scores, shape (n_cells, n_features). Cells are rows; not modified. Memory
        maps stay on disk.
    steps
        Number of batches. Every player is updated once per step.
    batch_size
        Cells of each domain per step, drawn with replacement; a domain may have fewer.
    seed
        Of the initial weights and the batches. Global random generators are not used. The same seed gives the same
        bytes on one machine with the same number of threads.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    precision
        ``"auto"`` (bfloat16 products where the device multiplies it in hardware, else float32), ``"bfloat16"``,
        ``"float32"`` or ``"float64"``. All start from the same weights and use the same batches. The returned
        networks compute in the precision of their weights: float64, or float32 in all other cases.
    log_every
        Steps between two rows of the history; the last step is always included.
    progress
        A progress bar on stderr; None shows one only if stderr is a terminal.
    initial
        State of the networks to start from, instead of drawn weights.
    batches
        Pairs of row numbers, one pair per step and all of one size, instead of drawn ones; at least `steps` pairs.
    checkpoint
        File for the state, written every `checkpoint_every` steps and at the end. If it exists, training resumes from
        it and ends with the same weights as without the interruption; `steps` may be larger than before.
    checkpoint_every
        Steps between two checkpoints.
    resident
        On a GPU: copy all cells to it (True) or each batch from the host (False); None decides by free memory.

    Raises
    ------
    DataError, ShapeError
        A domain has NaN or infinite values, no cells or no columns, or the widths do not fit the objective; `initial`
        has other shapes; the checkpoint cannot be read or written.
    ConfigError
        The device does not exist, `steps`, `batch_size`, `log_every`, `checkpoint_every` or `precision` is out of
        range, there are fewer `batches` than `steps`, or the checkpoint is of another training or beyond `steps`.
    DeviceMemoryError
        The GPU has too little memory.
    DivergedError
        A loss is no longer finite; detected up to 100 steps later, so that steps need not wait for the device.
    """
    _check_settings(steps=steps, batch_size=batch_size, log_every=log_every, checkpoint_every=checkpoint_every)
    place = resolve_device(device)
    types = resolve_precision(precision, place)
    cells = as_cells(domain_a, "domain_a", types.weights), as_cells(domain_b, "domain_b", types.weights)
    keep_freed_memory()
    with on_device(place, "Lower batch_size, train with resident=False, or choose another device."):
        run = _begin(objective, cells, seed, batch_size, log_every, place, types, initial)
        keep = None
        if checkpoint is not None:
            identity = _fingerprint(objective, cells, batch_size, seed, types)
            _resume(run, checkpoint, identity, steps)
            keep = partial(_keep, run, checkpoint, identity)
        if batches is not None:
            run.batches = islice(iter(batches), run.step, None)
        domains = [Domain(x, types.weights, place, resident) for x in cells]
        _loop(run, domains, steps, checkpoint_every, keep, progress)
    _check_weights(run)
    set_products(run.networks, None)
    return Trained(run.networks.requires_grad_(False), run.history.table(), str(types.products).removeprefix("torch."))


@dataclass
class _Run:
    """A training in progress."""

    objective: Objective
    networks: nn.Module
    optimizers: dict[str, Adam]
    generator: torch.Generator
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]]
    history: History
    step: int = 0

    def state(self) -> dict[str, Any]:
        """The content of a checkpoint."""
        return {
            "step": self.step,
            "networks": self.networks.state_dict(),
            "optimizers": {player: optimizer.state() for player, optimizer in self.optimizers.items()},
            "generator": self.generator.get_state(),
            "history": self.history.state(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore a state."""
        self.step = state["step"]
        self.networks.load_state_dict(state["networks"])
        for player, moments in state["optimizers"].items():
            self.optimizers[player].load(moments)
        self.generator.set_state(state["generator"])
        self.history.load(state["history"])


def _check_settings(**settings):
    wrong = [f"{name} is {value}, must be at least 1" for name, value in settings.items() if value < 1]
    if wrong:
        raise ConfigError("fit: " + "; ".join(wrong) + ".")


def _begin(objective, cells, seed, batch_size, log_every, place, types: Precision, initial):
    weights_generator, batch_generator = generators(seed)
    networks = objective.build(cells[0].shape[1], cells[1].shape[1], weights_generator)
    if initial is not None:
        try:
            networks.load_state_dict(initial)
        except RuntimeError as error:
            raise ShapeError(f"initial: weights do not fit {objective.name} with these parameters ({error}).") from None
    objective.attach(networks, *cells)
    networks = networks.to(place, types.weights)
    set_products(networks, types.products)
    optimizers = {
        player: Adam(objective.parameters(networks, player), objective.learning_rate, objective.betas)
        for player in objective.players
    }
    batches = uniform_batches(len(cells[0]), len(cells[1]), batch_size, batch_generator)
    history = History(objective.name, objective.remedy, log_every)
    return _Run(objective, networks, optimizers, batch_generator, batches, history)


def _keep(run, checkpoint, identity):
    run.history.check()
    save_checkpoint(checkpoint, identity, run.state())


def _fingerprint(objective, cells, batch_size, seed, types):
    settings = {"objective": objective.name, **asdict(objective), "batch_size": batch_size, "seed": seed}
    data = {f"domain_{name}": [*x.shape, checksum(x, types.weights)] for name, x in zip("ab", cells, strict=True)}
    plain = {name: _plain(value) for name, value in settings.items()}
    return plain | data | {"precision": [str(t) for t in types]}


def _plain(value):
    """A setting for a checkpoint: lists for tuples, name and checksum of the code for a function."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if callable(value):
        function = inspect.unwrap(value)
        code = getattr(function, "__code__", None)
        name = getattr(function, "__qualname__", type(function).__qualname__)
        return name if code is None else f"{name} {zlib.crc32(code.co_code + repr(code.co_names).encode()):08x}"
    return value


def _resume(run, checkpoint, identity, steps):
    if not Path(checkpoint).exists():
        return
    state = load_checkpoint(checkpoint, identity)
    with as_one_error(checkpoint):
        run.load(state)
    if run.step > steps:
        raise ConfigError(f"{checkpoint}: has {run.step} steps, more than the requested {steps}. Raise steps.")


def _loop(run, domains, steps, checkpoint_every, keep: Callable[[], None] | None, progress):
    move = _Move(run)
    hidden = None if progress is None else not progress
    bar = tqdm(total=steps, initial=run.step, desc=run.objective.name, unit="step", mininterval=1, disable=hidden)
    with bar:
        while run.step < steps:
            end = min(run.step + BLOCK, steps, _next_multiple(run.step, checkpoint_every))
            rows = _rows_of_block(run, end - run.step, steps)
            batches = [domain.take(r) for domain, r in zip(domains, rows, strict=True)]
            values = torch.stack([move(run.step + i, a, b) for i, (a, b) in enumerate(zip(*batches, strict=True))])
            run.history.add(move.terms, values)
            run.step = end
            bar.update(len(values))
            if keep is not None and (end % checkpoint_every == 0 or end == steps):
                keep()
    run.history.check()


def _check_weights(run):
    """Check the weights: no loss is computed after the last update."""
    bad = [name for name, values in run.networks.state_dict().items() if not torch.isfinite(values).all()]
    if bad:
        remedy = run.objective.remedy
        raise DivergedError(f"{run.objective.name}, step {run.step - 1}: {bad[0]} is no longer finite. {remedy}")


def _next_multiple(step, every):
    return (step // every + 1) * every


def _rows_of_block(run, n, steps):
    """Row numbers of the next `n` steps, one tensor of shape (n, batch_size) per domain."""
    drawn = list(islice(run.batches, n))
    if len(drawn) < n:
        raise ConfigError(f"fit: batches ended after {run.step + len(drawn)} of {steps} steps.")
    try:
        return [torch.stack(rows) for rows in zip(*drawn, strict=True)]
    except RuntimeError:
        raise ConfigError("fit: batches must all have the same number of rows.") from None


class _Move:
    """One step of the training: every player is updated once.

    On a GPU, once steps no longer differ, the step is recorded as a CUDA graph and replayed: one launch instead of
    about a hundred.
    """

    def __init__(self, run: _Run):
        self._run, self._eager = run, 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self.terms: list[tuple[str, str]] = []

    def __call__(self, step: int, batch_a: torch.Tensor, batch_b: torch.Tensor) -> torch.Tensor:
        """Losses before the update, in the order of `terms`."""
        if batch_a.is_cuda and self._graph is None:
            if step >= self._run.objective.steady_from and self._eager >= _EAGER_STEPS:
                self._record(step, batch_a, batch_b)
            self._eager += 1
        if self._graph is None:
            return self._step(step, batch_a, batch_b)
        self._buffers[0].copy_(batch_a)
        self._buffers[1].copy_(batch_b)
        self._graph.replay()
        return self._values.clone()

    def _record(self, step, batch_a, batch_b):
        self._buffers = batch_a.clone(), batch_b.clone()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._values = self._step(step, *self._buffers)
        self._graph = graph

    def _step(self, step, batch_a, batch_b):
        run, outputs = self._run, None
        seen: dict[tuple[str, str], torch.Tensor] = {}
        for player, optimizer in run.optimizers.items():
            if outputs is None or run.objective.fresh_pass:
                outputs = run.objective.forward(run.networks, batch_a, batch_b)
            terms = run.objective.losses(player, run.networks, outputs, step)
            # Gradients are computed for this player's parameters only.
            optimizer.step(torch.autograd.grad(run.objective.total(player, terms), optimizer.parameters))
            seen |= {(player, term): loss for term, loss in terms.items()}
        self.terms = list(seen)
        return torch.stack([loss.detach() for loss in seen.values()])
