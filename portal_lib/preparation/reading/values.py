"""Values of columns of obs as text: equal whatever type a file stores them in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from portal_lib._text import some

WHOLE = re.compile(r"-?\d+\.0")


def text_of(value: Any) -> str:
    """One value as text; a whole number has no decimal point: pandas makes numbers with missing values floats."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    # A lone surrogate, left by a text that was decoded wrongly, cannot be written.
    return str(value).encode(errors="backslashreplace").decode()


def texts_of(values: Iterable[Any]) -> list[str]:
    """The distinct values of one column as text.

    Where all of them are whole numbers with a decimal point (``"3.0"``), as in a column of floats that was converted to
    text, they lose it.
    """
    values = list(values)
    texts = [text_of(value) for value in values]
    given = [text for value, text in zip(values, texts, strict=True) if not _is_missing(value, text)]
    if given and all(WHOLE.fullmatch(text) for text in given):
        return [text.removesuffix(".0") if WHOLE.fullmatch(text) else text for text in texts]
    return texts


def text_column(column: pd.Series) -> pd.Categorical:
    """A column as text, shape (n_cells,); missing values stay missing."""
    codes, found = pd.factorize(column)
    merged, texts = pd.factorize(np.array(texts_of(found), dtype=object))
    places = np.append(merged, -1)[codes] if len(merged) else codes
    return pd.Categorical.from_codes(places, [str(text) for text in texts])


def joined_columns(parts: Sequence[pd.Series]) -> pd.Series:
    """The column of several files as one.

    Numbers of one type stay numbers; anything else becomes text, so that 3, 3.0 and ``"3"`` are one value.
    """
    kinds = {part.dtype.kind if isinstance(part.dtype, np.dtype) else "O" for part in parts}
    if len(kinds) == 1 and kinds <= set("iuf"):
        return pd.concat(parts, ignore_index=True)
    return pd.Series(pd.api.types.union_categoricals([text_column(part) for part in parts]))


def alike_notes(obs: pd.DataFrame, keys: Iterable[str | Sequence[str] | None]) -> list[str]:
    """Notes on values that differ only in spaces or in upper and lower case, which count as different values.

    Parameters
    ----------
    obs
        Table of the cells.
    keys
        Columns of it, or lists of columns; None for none.
    """
    columns = [one for key in keys if key is not None for one in ([key] if isinstance(key, str) else key)]
    return [note for key in columns for note in _alike(key, text_column(obs[key]).categories)]


def _alike(key: str, names: Iterable[str]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(" ".join(name.split()).casefold(), []).append(name)
    same = [" and ".join(map(repr, group)) for group in groups.values() if len(group) > 1]
    differ = "differ only in spaces or in upper and lower case, and count as different values"
    return [f"obs['{key}']: {some(same)} {differ}."] if same else []


def _is_missing(value: Any, text: str) -> bool:
    return value is None or value is pd.NA or value != value or not text.strip()
