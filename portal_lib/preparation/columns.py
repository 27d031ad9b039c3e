"""Columns of obs (batch key, labels, pseudotime): how they are read and checked."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from portal_lib._text import some, suggest
from portal_lib.errors import DataError
from portal_lib.preparation.reading.names import Names
from portal_lib.preparation.reading.values import text_of, texts_of

MIN_CELLS = 10
# Values of a column of labels that often mean "no label", in lower case. They are named in a note, and stay labels.
LIKELY_UNLABELLED = (
    *("", "-", ".", "?", "na", "n/a", "nan", "none", "null", "unlabelled", "unlabeled", "unknown", "unassigned"),
    *("unannotated", "undefined", "undetermined", "not available", "not assigned", "no label"),
)


def raise_problems(data_name: str, problems: Sequence[str]) -> None:
    """Raise one DataError with all problems, if there are any."""
    if len(problems) == 1:
        raise DataError(f"{data_name}: {problems[0]}")
    if problems:
        raise DataError("\n  ".join([f"{data_name} has {len(problems)} problems", *problems]))


def as_categorical(column: pd.Series, order: Sequence[str] | None = None) -> pd.Categorical:
    """Values as text (`texts_of`); categories in the given order, by default in order of first appearance."""
    codes, found = pd.factorize(column, use_na_sentinel=False)
    # Different values may have the same text.
    merged, texts = pd.factorize(np.array(texts_of(found), dtype=object))
    names = [str(name) for name in texts]
    if order is None:
        return pd.Categorical.from_codes(merged[codes], names)
    ordered = texts_of(order)
    places = pd.Index(ordered).get_indexer(names)
    return pd.Categorical.from_codes(places[merged[codes]], ordered)


def column_problems(obs: pd.DataFrame, key: str, setting: str, names: Names | None = None) -> Iterator[str]:
    """A missing column, or missing values; `names` are those of the cells, if `obs` does not contain them."""
    if key not in obs.columns:
        found = some(obs.columns, 20) or "no columns"
        yield f"obs has no column '{key}'{suggest(key, obs.columns)} Found: {found}. Set {setting}."
        return
    codes, found = pd.factorize(obs[key])
    missing = np.array([str(value).strip() == "" for value in found] + [True])[codes]
    if n := int(missing.sum()):
        cells = some(map(repr, obs.index[missing] if names is None else names.chosen(missing)))
        yield f"obs['{key}'] is empty for {n:,} of {len(obs):,} cells: {cells}. Fill in or remove these cells."


def combined(obs: pd.DataFrame, keys: Sequence[str]) -> pd.Series:
    """Each combination of the values of several columns as one text, shape (n_cells,)."""
    texts = [as_categorical(obs[key]).astype(object) for key in keys]
    return pd.Series([" · ".join(values) for values in zip(*texts, strict=True)], index=obs.index, dtype="category")


def batch_problems(
    obs: pd.DataFrame,
    batch_key: str,
    batches: Sequence[str] | None = None,
    config_key: str | None = None,
    names: Names | None = None,
) -> Iterator[str]:
    """Problems of the batch key, and of the batches if the column is complete."""
    problems = list(column_problems(obs, batch_key, f"{config_key}.batch" if config_key else "batch_key", names))
    yield from problems or _batch_problems(pd.Series(as_categorical(obs[batch_key]), name=batch_key), batches)


def known_batch_problems(obs: pd.DataFrame, batch_key: str, batches: Sequence[str]) -> Iterator[str]:
    """Problems of the batch key where each batch must be one of `batches`, of which not all need to occur."""
    problems = list(column_problems(obs, batch_key, "batch_key"))
    yield from problems
    if not problems and (unknown := sorted(set(as_categorical(obs[batch_key]).categories).difference(batches))):
        known = some(map(repr, batches), 20)
        yield f"obs['{batch_key}'] contains unknown batches {some(map(repr, unknown))}. Known: {known}."


def labels_of(obs: pd.DataFrame, key: str, unlabelled: Sequence[object] = ()) -> pd.Categorical:
    """The labels of the cells; missing where a cell has none.

    Parameters
    ----------
    obs, key
        Table of the cells, and its column of labels.
    unlabelled
        Values that mean "no label", compared as text. Missing values and empty texts always do.

    Returns
    -------
    Text, in the order of first appearance, with code -1 where there is no label.
    """
    found = as_categorical(obs[key])
    missing = obs[key].isna().to_numpy() | _is_blank(found) | found.isin([text_of(value) for value in unlabelled])
    codes = np.where(missing, -1, found.codes)
    return pd.Categorical.from_codes(codes, found.categories).remove_unused_categories()


def label_problems(obs: pd.DataFrame, key: str, setting: str, unlabelled: Sequence[object] = ()) -> Iterator[str]:
    """A missing column of labels, or one in which no cell has a label."""
    if key not in obs.columns:
        yield from column_problems(obs, key, setting)
    elif (labels_of(obs, key, unlabelled).codes < 0).all():
        yield f"obs['{key}'] is empty for all {len(obs):,} cells. Leave out {setting} if there are no labels."


def label_notes(labels: pd.Categorical, key: str, setting: str) -> list[str]:
    """Notes on cells without a label, and on values that often mean "no label"."""
    notes, names = [], [str(name) for name in labels.categories]
    sizes = dict(zip(names, np.bincount(labels.codes[labels.codes >= 0], minlength=len(names)).tolist(), strict=True))
    if n := int((labels.codes < 0).sum()):
        notes.append(f"{n:,} of {len(labels):,} cells have no label: they are integrated, and left out of scoring.")
    if likely := [name for name in names if name.strip().lower() in LIKELY_UNLABELLED]:
        listed = some(f"'{name}' ({sizes[name]:,} cells)" for name in likely)
        notes.append(
            f"obs['{key}'] holds {listed}, scored as a cell type. If it means that a cell has no label, name it in "
            f"{setting}."
        )
    return notes


def _is_blank(found: pd.Categorical) -> np.ndarray:
    """Whether the text of each value is empty."""
    return np.array([name.strip() == "" for name in found.categories])[found.codes]


def pseudotime_of(obs: pd.DataFrame, key: str | None, data_name: str) -> dict[str, np.ndarray]:
    """The column ``pseudotime`` of the prepared obs, shape (n_cells,), float64; an empty dict if `key` is None.

    Raises
    ------
    DataError
        The column is missing, contains values other than non-negative numbers and NaN, or no number at all.
    """
    if key is None:
        return {}
    if key not in obs.columns:
        raise DataError(f"{data_name}: obs has no column '{key}'{suggest(key, obs.columns)} Set pseudotime.")
    time = pd.to_numeric(obs[key], errors="coerce").to_numpy(np.float64)
    lost = np.isnan(time) & obs[key].notna().to_numpy()
    if lost.any() or np.isinf(time).any() or (time < 0).any() or np.isnan(time).all():
        raise DataError(
            f"{data_name}: obs['{key}'] must contain numbers from 0, and be empty where a cell has no pseudotime."
        )
    return {"pseudotime": time}


def _batch_problems(column: pd.Series, batches: Sequence[str] | None) -> Iterator[str]:
    sizes = column.value_counts(sort=False)
    if len(sizes) == 1:
        yield f"obs['{column.name}'] has only one batch, '{sizes.index[0]}'. Integration needs two or more."
    small = sizes[sizes < MIN_CELLS]
    if len(small):
        listed = some(f"'{name}' ({n})" for name, n in small.items())
        yield f"batches of fewer than {MIN_CELLS} cells: {listed}. Remove them or join them with others."
    if batches is not None:
        yield from _order_problems(column.name, set(sizes.index), texts_of(batches))


def _order_problems(key: str, found: set[str], named: Sequence[str]) -> Iterator[str]:
    if twice := sorted({name for name in named if named.count(name) > 1}):
        yield f"batches name {some(map(repr, twice))} more than once. Name each batch once."
    if unknown := sorted(found.difference(named)):
        expected = some(map(repr, named))
        yield f"obs['{key}'] contains unexpected batches {some(map(repr, unknown))}. Expected: {expected}."
    if absent := [name for name in named if name not in found]:
        yield f"obs['{key}'] lacks the batches {some(map(repr, absent))}. Found: {some(map(repr, sorted(found)))}."
