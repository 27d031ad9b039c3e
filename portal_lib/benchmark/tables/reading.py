"""Reads the tables of a run: names stay text, whatever they look like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Columns of names and texts.
NAMES = (
    *("dataset", "method", "method_a", "method_b", "metric", "direction", "source", "target", "reference"),
    *("reason", "note", "notes"),
)


def read_table(file: str | Path) -> pd.DataFrame:
    """A table of a run, tab-separated.

    Names such as ``001``, ``NA``, ``null`` and ``1e5`` are names and not numbers or missing values; only an empty field
    is a missing value.
    """
    import pandas as pd

    return pd.read_csv(file, sep="\t", dtype=dict.fromkeys(NAMES, str), keep_default_na=False, na_values=[""])
