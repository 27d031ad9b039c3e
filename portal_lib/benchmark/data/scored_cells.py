"""Which cells of a data set are scored: those with a label, or above a limit a seeded sample, the same for all runs."""

import json
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def draw_scored(
    n_cells: int, label: pd.Categorical | None = None, *, max_cells: int, sample_cells: int, seed: int
) -> np.ndarray | None:
    """Choose the cells that are scored.

    Parameters
    ----------
    n_cells
        Cells of the data set.
    label
        Label of each cell, shape (n_cells,): cells without one are not scored. None where there are no labels.
    max_cells
        Up to this number all are scored.
    sample_cells
        How many are drawn where there are more, without replacement.
    seed
        Of the draw.

    Returns
    -------
    Row numbers, increasing; None for all cells.

    Notes
    -----
    Portal's rule: ``numpy.random.seed(1234)``, then ``numpy.random.choice``. Departs from upstream: in the order of the
    file, and global random generators are not used.
    """
    labelled = _labelled(label)
    n = n_cells if labelled is None else len(labelled)
    return labelled if n <= max(max_cells, sample_cells) else _of(labelled, _draw(n, sample_cells, seed))


def _labelled(label: pd.Categorical | None) -> np.ndarray | None:
    """Rows of the cells that have a label; None for all cells."""
    if label is None:
        return None
    rows = np.flatnonzero(np.asarray(label.codes) >= 0)
    return None if len(rows) == len(label) else rows


def _of(labelled: np.ndarray | None, drawn: np.ndarray) -> np.ndarray:
    return drawn if labelled is None else labelled[drawn]


def _draw(n_cells: int, size: int, seed: int) -> np.ndarray:
    return np.sort(np.random.RandomState(seed).choice(n_cells, size=size, replace=False))


def sample_facts(rows: np.ndarray | None, truth: Mapping[str, Any], seed: int, *, cut_graph: bool) -> dict:
    """What is recorded about the cells that were scored.

    Parameters
    ----------
    rows
        From :func:`draw_scored`.
    truth
        ``batch`` and ``label`` of all cells, as pandas categoricals; the label may be None.
    seed
        Of the draw.
    cut_graph
        Whether the method returned a graph of all cells, of which edges are lost in a sample.

    Returns
    -------
    ``n_cells_total``, ``n_cells_scored``, ``n_unlabelled`` (cells without a label; None where there are no labels),
    ``subsample_seed`` (None without a draw), ``cut_graph``, and the batches and labels without a scored cell, with
    their number of cells (``lost_batches``, ``lost_labels``).
    """
    n_cells, label = len(truth["batch"]), truth["label"]
    labelled = _labelled(label)
    n_labelled = n_cells if labelled is None else len(labelled)
    n_scored = n_cells if rows is None else len(rows)
    return {
        "n_cells_total": n_cells,
        "n_cells_scored": n_scored,
        "n_unlabelled": None if label is None else n_cells - n_labelled,
        "subsample_seed": None if n_scored == n_labelled else seed,
        "cut_graph": cut_graph and rows is not None,
        "lost_batches": _lost(truth["batch"], rows),
        "lost_labels": _lost(label, rows),
    }


def _lost(column: pd.Categorical | None, rows: np.ndarray | None) -> dict[str, int]:
    """Categories with cells, but with none among the scored ones."""
    if rows is None or column is None:
        return {}
    codes, n = np.asarray(column.codes), len(column.categories)
    every, kept = (np.bincount(part[part >= 0], minlength=n) for part in (codes, codes[rows]))
    return {str(column.categories[i]): int(every[i]) for i in np.flatnonzero((every > 0) & (kept == 0))}


def rows_scored(facts: Mapping, label: pd.Categorical | None) -> np.ndarray | None:
    """The rows that were scored, from what is kept about them and the label of each cell; None for all cells."""
    labelled = _labelled(label) if facts.get("n_unlabelled") else None
    if facts.get("subsample_seed") is None:
        return labelled
    n = facts["n_cells_total"] if labelled is None else len(labelled)
    return _of(labelled, _draw(n, facts["n_cells_scored"], facts["subsample_seed"]))


def read_facts(file: str | Path) -> dict:
    """The stored facts about the cells that were scored; empty for a run without a result."""
    return json.loads(Path(file).read_text())


def facts_of_dataset(files: Sequence[str | Path]) -> dict:
    """Facts about the scores that hold for all runs of one data set.

    `cut_graph` is set if it is for one run; of approximate neighbour searches, the one with the lowest recall counts,
    and of runs with identical cells, the one with most of them.
    """
    found = [facts for file in files if (facts := read_facts(file))]
    if not found:
        return {}
    searches = [facts.get("neighbors", {}) for facts in found]
    worst = min(searches, key=lambda search: search.get("recall", inf))
    if identical := max(search.get("identical_cells", 0) for search in searches):
        worst = worst | {"identical_cells": identical}
    return found[0] | {"cut_graph": any(facts["cut_graph"] for facts in found), "neighbors": worst}


def facts_by_dataset(records: Sequence[Mapping], files: Sequence[str | Path]) -> dict[str, dict]:
    """:func:`facts_of_dataset` of each data set of some runs: their records, and their files in the same order."""
    found: dict[str, list] = {}
    for record, file in zip(records, files, strict=True):
        found.setdefault(record["dataset"], []).append(file)
    return {name: facts_of_dataset(group) for name, group in found.items()}
