"""Published numbers: which files hold some about the data sets of a run."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.benchmark.config import Run

COLUMNS = ["dataset", "method", "metric", "value", "source"]


def published_files(folder: Path, run: Run, dataset: str | None = None) -> list[Path]:
    """Files of published numbers that hold one of the data sets of a run, or of the one that is named.

    Parameters
    ----------
    folder
        Holds TSV files; those without the columns dataset, method, metric, value, source are about other things.
    run
        The checked configuration.
    dataset
        One of its data sets.
    """
    asked = run.datasets.values() if dataset is None else [run.datasets[dataset]]
    names = {item.name for item in asked}
    return [file for file in sorted(folder.glob("*.tsv")) if names & _datasets(file)]


def _datasets(file: Path) -> set[str]:
    """Data sets of a file of published numbers."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["dataset"] for row in rows} if rows.fieldnames == COLUMNS else set()
