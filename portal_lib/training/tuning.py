"""Search for the weight of the cosine term: one training per value; the latent space that mixes best is chosen."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from portal_lib._files import write_text_atomic
from portal_lib.errors import ConfigError, DataError, DivergedError
from portal_lib.training.cells import checksum
from portal_lib.training.chain import Chain, check_domains, train_rounds, with_lambda_cos
from portal_lib.training.device import resolve_device
from portal_lib.training.mixing import drawn_cells, mixing_metric
from portal_lib.training.objectives._contract import Objective
from portal_lib.training.outputs import Outputs
from portal_lib.training.precision import resolve_precision
from portal_lib.training.trainer import Trained, fit

GRID = (15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0)
COLUMNS = ["round", "lambda_cos", "mixing_metric", "seconds", "chosen", "reason"]
# Settings that a search sets itself, or that cannot be the same for every trial.
_NOT_GIVEN = ("initial", "batches", "checkpoint")
# Settings that do not change the result.
_NOT_COMPARED = ("domain_a", "domain_b", "objective", "device", "progress", "checkpoint_every", "resident", *_NOT_GIVEN)


@dataclass(frozen=True, eq=False)
class Search:
    """The result of :func:`search_lambda_cos`.

    Parameters
    ----------
    lambda_cos
        The value chosen in each round.
    trials
        One row per trial, in order: round (from 0), lambda_cos, mixing_metric (lower is better mixed), seconds (wall
        time of training and scoring), chosen (true for the best value of the round), reason (error of a training that
        diverged, whose metric is infinite; else empty).
    chain
        Trained with the chosen values: equal to :func:`portal_lib.training.chain.fit_chain` with `lambda_cos`.
    """

    lambda_cos: tuple[float, ...]
    trials: pd.DataFrame
    chain: Chain


def search_lambda_cos(
    objective: Objective,
    domains: Sequence,
    *,
    grid: Sequence[float] = GRID,
    folder: str | Path | None = None,
    precision: str = "auto",
    progress: bool | None = None,
    **settings,
) -> Search:
    """Choose the weight of the cosine term in each round of a chain.

    Parameters
    ----------
    objective
        Such as Portal; its own `lambda_cos` is not used.
    domains
        Two or more arrays, shape (n_cells, n_features) each, as in :func:`portal_lib.training.chain.fit_chain`.
    grid
        Values to try, the same in every round; every trial is a full training from the same seed.
    folder
        Where finished trials are recorded: ``trials.tsv``, and per trial a checkpoint of its training. A second call
        with the same input and settings resumes from it and gives the same result.
    precision, settings
        As in :func:`portal_lib.training.trainer.fit`, without `initial`, `batches` and `checkpoint`.
    progress
        A progress bar of trials on stderr; None shows one only if stderr is a terminal.

    Raises
    ------
    ConfigError
        The grid is empty, contains something else than numbers or has a value twice; a setting cannot be given here; or
        the folder contains a search of other input or settings.
    DataError
        The folder cannot be read or written, or as in :func:`portal_lib.training.trainer.fit`.
    DivergedError
        The trainings of all values of a round diverged. A single one is listed in the trials, and is not chosen.
    ShapeError, DeviceMemoryError
        As in :func:`portal_lib.training.trainer.fit`.

    Notes
    -----
    Chosen is the value with the lowest mixing metric of the latent space between the current reference and the next
    data set, the first one on ties. The metric rewards mixing only, not the conservation of biological variation: look
    at the trials before trusting it.
    Departs from upstream: every trial is kept, and the best is not trained again; only cells that the metric uses are
    encoded.
    """
    if wrong := [name for name in _NOT_GIVEN if settings.get(name) is not None]:
        raise ConfigError(
            f"search_lambda_cos: {', '.join(wrong)} cannot be set in a search; `folder` stores the trials."
        )
    values = _check_grid(grid)
    settings = {"precision": precision, **settings}
    domains = check_domains(domains, precision)
    trials = _Trials(folder, None if folder is None else _fingerprint(objective, domains, values, settings))
    hidden = None if progress is None else not progress
    total = len(values) * (len(domains) - 1)
    with tqdm(total=total, desc="lambda_cos", unit="trial", disable=hidden) as bar:
        rounds = _Rounds(objective, values, settings | {"progress": False}, trials, bar)
        chain = train_rounds(domains, precision, rounds.train)
    return Search(tuple(rounds.chosen), trials.table(), chain)


def _check_grid(grid):
    try:
        values = [float(value) for value in grid]
    except (TypeError, ValueError):
        raise ConfigError(f"search_lambda_cos: grid is {grid!r}; expected numbers.") from None
    if not values or len(set(values)) < len(values) or not np.isfinite(values).all():
        raise ConfigError(f"search_lambda_cos: grid is {values}; expected one or more numbers, each once.")
    return values


@dataclass
class _Rounds:
    """Trains each value of the grid in a round, and returns the best."""

    objective: Objective
    grid: list[float]
    settings: dict[str, Any]
    trials: _Trials
    bar: tqdm

    def __post_init__(self):
        self.chosen: list[float] = []

    def train(self, i: int, reference: np.ndarray, new: np.ndarray) -> Trained:
        """The training with the best value of the round."""
        best: tuple[float, float, Any] | None = None
        for value in self.grid:
            if not self.trials.has(i, value):
                start, trained, metric, reason = time.perf_counter(), None, np.inf, ""
                try:
                    trained = self._fit(i, value, reference, new)
                    metric = _mixing(trained, reference, new)
                except DivergedError as error:
                    reason = str(error)
                self.trials.add(i, value, metric, time.perf_counter() - start, reason)
                if best is None or metric < best[1]:
                    best = value, metric, trained
            self.bar.update()
        winner = self.trials.choose(i)
        self.chosen.append(winner)
        # The best training of an earlier call is in its checkpoint.
        return best[2] if best is not None and best[0] == winner else self._fit(i, winner, reference, new)

    def _fit(self, i, value, reference, new):
        objective = with_lambda_cos(self.objective, value)
        try:
            return fit(objective, reference, new, checkpoint=self.trials.file(i, value), **self.settings)
        except DivergedError as error:
            raise DivergedError(f"round {i}, lambda_cos {value:g}: {error}") from None


def _mixing(trained, reference, new):
    """Mixing metric of the latent space; only the cells that it uses are encoded."""
    codes = np.repeat(np.array([0, 1], np.int8), [len(reference), len(new)])
    rows = np.arange(len(codes))[drawn_cells(codes)]
    in_a = rows < len(reference)
    outputs = Outputs(trained.networks, reference[rows[in_a]], new[rows[~in_a] - len(reference)])
    return mixing_metric(outputs.latent, codes[rows], max_cells=len(rows))


class _Trials:
    """Finished trials, and their record on disk if there is a folder.

    A trial is finished once it is a row of ``trials.tsv``, which is replaced atomically after each trial;
    ``search.json`` identifies the search.
    """

    def __init__(self, folder, fingerprint):
        self._folder: Any = None if folder is None else Path(folder)
        self._fingerprint = fingerprint
        self._rows: dict[tuple[int, float], dict[str, Any]] = {}
        if self._folder is not None:
            with _file_errors(self._folder, "cannot be created or written"):
                self._folder.mkdir(parents=True, exist_ok=True)
            if self._check_fingerprint():
                self._read()

    def file(self, i: int, value: float) -> Path | None:
        """Checkpoint of a trial."""
        return None if self._folder is None else self._folder / f"round{i}_lambda_cos{value!r}.pt"

    def has(self, i: int, value: float) -> bool:
        """Whether a trial is finished."""
        return (i, value) in self._rows

    def add(self, i: int, value: float, metric: float, seconds: float, reason: str) -> None:
        """Record a finished trial."""
        self._rows[i, value] = dict(zip(COLUMNS, (i, value, metric, seconds, False, reason), strict=True))
        self._write()

    def choose(self, i: int) -> float:
        """Mark and return the value of a round with the lowest metric, the first on ties.

        Raises `DivergedError` if there is none.
        """
        rows = [row for row in self._rows.values() if row["round"] == i]
        winner = min(rows, key=lambda row: row["mixing_metric"])
        if winner["reason"]:
            raise DivergedError(winner["reason"])
        if not winner["chosen"]:
            winner["chosen"] = True
            self._write()
        return winner["lambda_cos"]

    def table(self) -> pd.DataFrame:
        """One row per trial."""
        return pd.DataFrame(list(self._rows.values()), columns=COLUMNS)

    def _check_fingerprint(self):
        """Whether the folder contains a record of this search; `ConfigError` if it contains another search."""
        path = self._folder / "search.json"
        if not path.exists():
            return False
        with _file_errors(path, "cannot be read", "Choose another folder or remove it."):
            there = json.loads(path.read_text(encoding="utf-8"))
        here = self._fingerprint
        names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
        if names:
            listed = ", ".join(f"{name} {there.get(name)} there, {here.get(name)} here" for name in names)
            raise ConfigError(f"{self._folder}: contains another search: {listed}. Choose another folder or remove it.")
        return True

    def _read(self):
        path = self._folder / "trials.tsv"
        if not path.exists():
            return
        with _file_errors(path, "cannot be read", "Remove it: the trainings next to it are kept."):
            table = pd.read_csv(path, sep="\t", float_precision="round_trip", keep_default_na=False)[COLUMNS]
        for row in table.to_dict("records"):
            self._rows[row["round"], float(row["lambda_cos"])] = row

    def _write(self):
        if self._folder is None:
            return
        path = self._folder / "search.json"
        if not path.exists():
            write_text_atomic(path, json.dumps(self._fingerprint, indent=2) + "\n")
        write_text_atomic(self._folder / "trials.tsv", self.table().to_csv(sep="\t", index=False, lineterminator="\n"))


def _fingerprint(objective, domains, grid, settings):
    """What determines the result of a search, as plain values by name."""
    given = signature(fit).bind(objective, None, None, **settings)
    given.apply_defaults()
    kept = {name: value for name, value in given.arguments.items() if name not in _NOT_COMPARED}
    types = resolve_precision(given.arguments["precision"], resolve_device(given.arguments["device"]))
    weights = {name: value for name, value in asdict(objective).items() if name != "lambda_cos"}
    found = {"objective": objective.name, **weights, **kept, "precision": [str(t) for t in types], "grid": grid}
    found |= {f"domain_{i}": [*x.shape, checksum(x, types.weights)] for i, x in enumerate(domains)}
    return json.loads(json.dumps(found, default=lambda value: value.item()))


@contextlib.contextmanager
def _file_errors(path, what, hint=""):
    """Turn errors of a file into one message."""
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        reason = getattr(error, "strerror", None) or (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: {what} ({reason}). {hint}".rstrip()) from error
