"""The scaling study: time and memory of preparation and runs at each size, and fitted exponents."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.stats import linregress, t

from portal_lib._intervals import CONFIDENCE

PREPARATION = "preparation"
SETTINGS = ["time_limit_s", "memory_limit_mb", "threads", "device"]
RUN_COLUMNS = ["source", "against", "size", "dataset", "n_cells", "n_batches", "method", "seed", "status", "reason"]
SCALING_COLUMNS = [*RUN_COLUMNS, "quantity", "phase", "value", *SETTINGS]
FIT_COLUMNS = [
    *("source", "against", "method", "quantity", "phase", "exponent", "ci_low", "ci_high", "factor", "n"),
    *("size_min", "size_max", "dropped", "failed", "rule"),
]
# What exponents are fitted to; the last only where a GPU was used.
FITTED = [("seconds", "fit"), ("seconds", "whole_way"), ("memory_mb", "run"), ("memory_mb", "whole_way")]
FITTED_IF_THERE = ("gpu_memory_mb", "run")
# Phases of a run that are work on the data: not the start of the process, not imports, not our own check.
WORK = ("load", "fit", "write")
FLOOR_S = 1.0


def gather_scaling(
    wholes: dict[str, str], of_batches: Sequence[str], preparations: list[dict], runs: list[dict]
) -> pd.DataFrame:
    """All that was measured, one number per row.

    Parameters
    ----------
    wholes
        For each data set, the name that it shares with the other samples of the same cells.
    of_batches
        Data sets that are samples of batches; the others are compared by their number of cells.
    preparations
        Records of the preparation of each data set.
    runs
        Records of runs, failed ones included.

    Returns
    -------
    Columns source (of all samples), against (``"cells"`` or ``"batches"``: what its sizes are numbers of), size,
    dataset, n_cells, n_batches, method (``"preparation"`` or a row of the tables), seed, status, reason, quantity,
    phase, value, and the settings time_limit_s, memory_limit_mb, threads, device. `quantity` is
    ``seconds`` (wall clock), ``cpu_seconds``, ``memory_mb`` or ``gpu_memory_mb`` (peaks, MiB); `phase` is the phase
    that was timed, or

    run
        the process as a whole, its start and imports included;
    whole_way
        from raw counts to the result on disk. Seconds: the preparation without imports, and the phases load, fit and
        write of the run. Memory: the greater of both peaks. Only of runs that succeeded.

    Data sets in the order of their sizes, the preparation before the runs; a failed run keeps the rows that it
    has, at least one.
    """
    prepared = {record["dataset"]: record for record in preparations}
    rows = [row for record in preparations for row in _rows(record | {"method": PREPARATION, "seed": 0}, record)]
    rows += [row for record in runs for row in _rows(record, prepared[record["dataset"]])]
    table = pd.DataFrame(rows, columns=SCALING_COLUMNS)
    by_batches = table["dataset"].isin(of_batches)
    table["source"] = table["dataset"].map(wholes)
    table["against"] = np.where(by_batches, "batches", "cells")
    table["size"] = table["n_cells"].mask(by_batches, table["n_batches"])
    first = {name: place for place, name in enumerate(dict.fromkeys(wholes.values()))}
    order = table.assign(place=table["source"].map(first), later=table["method"] != PREPARATION)
    return table.loc[order.sort_values(["place", "size", "later"], kind="stable").index].reset_index(drop=True)


def _rows(record: dict, preparation: dict) -> Iterator[dict]:
    """The rows of one record."""
    known = {key: record.get(key) for key in ("dataset", "method", "seed", "status", "reason", *SETTINGS)}
    known |= {"n_cells": preparation["n_cells"], "n_batches": len(preparation["batches"])}
    for quantity, phase, value in _measures(record, preparation):
        if value is not None or (quantity, phase) == ("seconds", "run"):
            yield known | {"quantity": quantity, "phase": phase, "value": value}


def _measures(record: dict, preparation: dict) -> Iterator[tuple[str, str, float | None]]:
    """Quantity, phase and value of everything in a record; None if a value is missing."""
    phases, memory = record["phases"], record.get("peak_memory_mb")
    yield from (("seconds", phase, seconds) for phase, seconds in phases.items())
    yield "seconds", "run", record.get("wall_s")
    yield "cpu_seconds", "run", record.get("cpu_s")
    yield "memory_mb", "run", memory
    yield "gpu_memory_mb", "run", (record.get("gpu") or {}).get("torch_reserved_mb")
    if record["status"] == "ok":
        before = preparation["wall_s"] - preparation["phases"].get("import", 0)
        run = record["method"] != PREPARATION
        yield "seconds", "whole_way", before + (sum(phases.get(name, 0) for name in WORK) if run else 0)
        yield "memory_mb", "whole_way", max(filter(None, [preparation["peak_memory_mb"], memory]), default=None)


def fit_scaling(table: pd.DataFrame) -> pd.DataFrame:
    """Exponents of time and memory in the number of cells, or of batches.

    Parameters
    ----------
    table
        As :func:`gather_scaling` makes it.

    Returns
    -------
    Columns source, against, method, quantity, phase, exponent, ci_low, ci_high (95 % interval), factor (value =
    factor · size^exponent), n (points), size_min, size_max, dropped (sizes with their value), failed (sizes without a
    run that succeeded, with the status), rule (which points are dropped). NaN where there are too few points: two for
    an exponent, three for its interval.

    Notes
    -----
    One point per size: the median over the seeds that succeeded. Repeats of one size carry no information about growth,
    and as separate points would make the interval too narrow. Times under 1 s are dropped, since a fixed cost (a call
    compiled, threads started) is a large part of them; peak memory keeps all points, whatever fixed part it has.
    """
    rows = []
    for (source, against, method), runs in table.groupby(["source", "against", "method"], sort=False):
        failed = "; ".join(_failed_sizes(runs))
        for quantity, phase in _fitted(runs, method):
            values = medians(runs, quantity, phase)
            floor = FLOOR_S if quantity == "seconds" else 0.0
            kept, dropped = values[values > floor], values[values <= floor]
            words = "; ".join(f"{size} ({value:.3g})" for size, value in dropped.items())
            rule = f"times of {FLOOR_S:g} s or less are dropped" if floor else "none is dropped"
            row = {"source": source, "against": against, "method": method, "quantity": quantity, "phase": phase}
            row |= fit_power(kept.index.to_numpy(float), kept.to_numpy(float))
            row |= {"size_min": kept.index.min(), "size_max": kept.index.max()}
            rows.append(row | {"dropped": words, "failed": failed, "rule": rule})
    return pd.DataFrame(rows, columns=FIT_COLUMNS).astype({"size_min": "Int64", "size_max": "Int64"})


def medians(runs: pd.DataFrame, quantity: str, phase: str) -> pd.Series:
    """Median over the seeds that succeeded, by size, ascending."""
    chosen = (runs["status"] == "ok") & (runs["quantity"] == quantity) & (runs["phase"] == phase)
    return runs[chosen].groupby("size")["value"].median()


def fit_power(sizes: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Exponent of values in sizes by ordinary least squares of the logarithms, with its 95 % t-interval.

    Parameters
    ----------
    sizes, values
        Positive numbers, shape (n,).

    Returns
    -------
    exponent, ci_low, ci_high, factor and n; NaN where n is too small.

    Notes
    -----
    log value = log factor + b log size + noise; b ± t(0.975, n - 2) s / sqrt(Σ (x - x̄)²), s² = RSS / (n - 2).
    """
    fit = dict.fromkeys(("exponent", "ci_low", "ci_high", "factor"), np.nan) | {"n": len(sizes)}
    if len(set(sizes)) < 2:
        return fit
    line = linregress(np.log(sizes), np.log(values))
    fit |= {"exponent": line.slope, "factor": np.exp(line.intercept)}
    if (free := len(sizes) - 2) > 0:
        half = t.ppf((1 + CONFIDENCE) / 2, free) * line.stderr
        fit |= {"ci_low": line.slope - half, "ci_high": line.slope + half}
    return fit


def _fitted(runs: pd.DataFrame, method: str) -> list[tuple[str, str]]:
    """Quantities and phases to which an exponent is fitted."""
    if method == PREPARATION:
        return [("seconds", "whole_way"), ("memory_mb", "run")]
    on_gpu = (runs["quantity"] == FITTED_IF_THERE[0]).any()
    return FITTED + ([FITTED_IF_THERE] if on_gpu else [])


def _failed_sizes(runs: pd.DataFrame) -> Iterator[str]:
    """Sizes without a successful run, with the most frequent status."""
    for size, here in runs.groupby("size"):
        if not (here["status"] == "ok").any():
            yield f"{size} {here['status'].mode().iloc[0]}"
