"""Checks of the input of an alignment: data, correspondence, settings. All problems are reported in one error."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from portal_lib._parameters import checked
from portal_lib._text import some, suggest
from portal_lib.alignment.parameters import TrainingParameters
from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.preparation.standardise import SCALES
from portal_lib.training import objectives
from portal_lib.training.cells import as_cells
from portal_lib.training.device import resolve_device
from portal_lib.training.objectives._contract import Objective

# Fields of an objective that hold a correspondence instead of a weight.
CORRESPONDENCE = ("shared", "pairs", "relation")
# Scaled values beyond this make training unstable.
FAR = 10.0


class Problems:
    """Problems of the input, collected and raised as one error."""

    def __init__(self):
        self._found: list[tuple[type[Exception], str]] = []

    def add(self, text: str, kind: type[Exception] = ConfigError) -> None:
        """Note a problem, and the class of error that it is by itself."""
        """Keep one problem; ``kind`` is the error it would raise alone."""
        self._found.append((kind, text))

    def raise_all(self) -> None:
        """Raise one error with all problems; a DataError or ShapeError if the data have a problem."""
        if not self._found:
            return
        kinds = [kind for kind, _ in self._found]
        kind = next((k for k in (DataError, ShapeError) if k in kinds), ConfigError)
        texts = [text for _, text in self._found]
        raise kind(texts[0] if len(texts) == 1 else "\n  ".join([f"align has {len(texts)} problems", *texts]))


class Table(NamedTuple):
    """Cells of a domain. Names are None where the data have none; values and shape where they cannot be read."""

    name: str
    values: Any = None
    shape: tuple[int, int] | None = None
    rows: pd.Index | None = None
    columns: pd.Index | None = None


class Request(NamedTuple):
    """Input of an alignment that passed all checks.

    Parameters
    ----------
    tables
        Both domains.
    shared
        (column of 1, column of 2) of shared features.
    n_pairs
        Number of known pairs.
    used
        Names of the correspondences that were given.
    settings
        Of the training, plain values.
    objective
        With its weights and correspondence.
    order
        From :func:`feature_order`; None also for methods that take any features.
    """

    tables: list[Table]
    shared: tuple[tuple[int, int], ...]
    n_pairs: int
    used: list[str]
    settings: dict[str, Any]
    objective: Any
    order: np.ndarray | None


def check(data, data_name, use_rep, correspondence, method, weights, settings, scale) -> Request:
    """Check the arguments of :func:`portal_lib.align`.

    Parameters
    ----------
    data, data_name
        Both domains, and their names in messages.
    correspondence
        `shared`, `pairs` and `relation` by name.
    settings
        Parameters of the training by name.
    use_rep, method, weights, scale
        As there.

    Returns
    -------
    The checked input.

    Raises
    ------
    DataError, ConfigError, ShapeError
        As there.
    """
    problems, order = Problems(), None
    given = {name: listed(value) for name, value in correspondence.items()}
    used = [name for name, value in given.items() if value is not None and (not isinstance(value, list) or value)]
    tables = read_domains(data, data_name, use_rep, problems)
    known = resolve(given, tables, problems)
    settings = check_settings(settings, scale, problems)
    objective = make_objective(method, known, used, weights, problems)
    if objective is not None and objective.same_features:
        order = feature_order(method, tables, known["shared"], problems)
    problems.raise_all()
    return Request(tables, known["shared"], len(known["pairs"]), used, settings, objective, order)


def read_domains(data: Sequence, data_name: Sequence[str], use_rep, problems: Problems) -> list[Table]:
    """Both domains as tables.

    Parameters
    ----------
    data, data_name, use_rep
        As for :func:`check`.
    problems
        Where problems are added.
    """
    tables = [read_table(*one, problems) for one in zip(data, data_name, _keys(use_rep, problems), strict=True)]
    for table in tables:
        if table.columns is not None and not table.columns.is_unique:
            repeated = table.columns[table.columns.duplicated()].unique()
            problems.add(f"{table.name}: column names are not unique ({some(map(repr, repeated))}).", DataError)
        if table.values is not None and len(table.values) < 2:
            problems.add(f"{table.name}: has 1 cell; a domain needs 2 or more.", DataError)
    return tables


def _keys(use_rep, problems) -> tuple[str | None, str | None]:
    """The key of obsm for each domain; None for X."""
    keys = listed(use_rep)
    keys = keys if isinstance(keys, list) else [keys, keys]
    if len(keys) == 2 and all(key is None or isinstance(key, str) for key in keys):
        return tuple(keys)
    problems.add(f"use_rep is {use_rep!r}; allowed: None, a key of obsm, or two of these.")
    return None, None


def read_table(x, name: str, use_rep: str | None, problems: Problems) -> Table:
    """Values and names of an array, table or AnnData.

    Parameters
    ----------
    x
        The cells of one domain.
    name
        Name of the domain in messages.
    use_rep
        Of AnnData, the key of obsm that is used instead of X.
    problems
        Where problems are added.
    """
    rows, columns = names_of(x, use_rep)
    if hasattr(x, "obsm"):
        if use_rep is not None and use_rep not in x.obsm:
            text = f"{name}: obsm has no key '{use_rep}'{suggest(use_rep, x.obsm)} Found: {some(x.obsm, 20)}."
            problems.add(text, DataError)
            return Table(name)
        x = x.X if use_rep is None else x.obsm[use_rep]
    elif use_rep is not None:
        problems.add(f"{name}: use_rep is {use_rep!r}, but the data are not an AnnData.")
    for to_memory in ("to_memory", "toarray"):
        x = getattr(x, to_memory)() if hasattr(x, to_memory) else x
    try:
        values = as_cells(x, name)
    except (DataError, ShapeError) as error:
        problems.add(str(error), type(error))
        shape = np.shape(x) if np.ndim(x) == 2 else None
        return Table(name, None, shape, rows, columns)
    return Table(name, values, values.shape, rows, columns)


def names_of(x, use_rep: str | None = None) -> tuple[pd.Index | None, pd.Index | None]:
    """Names of rows and of columns; None if they are not texts, since numbers are no better than positions.

    Parameters
    ----------
    x
        An array, a table, or AnnData.
    use_rep
        Of AnnData, the key of obsm that is used instead of X; without names of columns where it does not exist.
    """
    rows = columns = None
    if hasattr(x, "obsm"):
        rows, columns = x.obs_names, x.var_names if use_rep is None else None
        x = None if use_rep is None else x.obsm.get(use_rep)
    if isinstance(x, pd.DataFrame):
        rows, columns = x.index if rows is None else rows, x.columns
    return _texts(rows), _texts(columns)


def _texts(names):
    return names if names is not None and len(names) and all(isinstance(name, str) for name in names) else None


def in_order(table: Table, names: Sequence[str] | None) -> np.ndarray:
    """Values with the columns of the training, by name if both have names.

    Parameters
    ----------
    table
        New cells.
    names
        Names of the columns of the training; None where they had none.

    Raises
    ------
    DataError
        A column of the training is missing.
    """
    if names is None or table.columns is None or list(table.columns) == names:
        return table.values
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise DataError(f"{table.name}: has no column {some(map(repr, missing))}{suggest(missing[0], table.columns)}")
    return table.values[:, table.columns.get_indexer_for(names)]


def listed(items):
    """Any iterable as a list, a table by its rows, a mapping by its items; other values unchanged.

    A tuple of two arrays is unchanged, too: rows of 1 and rows of 2, which would be read as two pairs.
    """
    if isinstance(items, tuple) and len(items) == 2 and all(isinstance(x, np.ndarray) and x.ndim == 1 for x in items):
        return items
    items = items.to_numpy() if isinstance(items, pd.DataFrame) else items
    items = items.items() if isinstance(items, Mapping) else items
    return list(items) if np.iterable(items) and not isinstance(items, str) else items


def resolve(given: Mapping[str, Any], tables: Sequence[Table], problems: Problems) -> dict[str, Any]:
    """The correspondence with numbers of columns and rows in place of names.

    Parameters
    ----------
    given
        `shared`, `pairs` and `relation`, lists after :func:`listed`.
    tables
        Both domains.
    problems
        Where problems are added.
    """
    relation = given["relation"]
    if relation is not None and not callable(relation):
        problems.add(f"relation is {relation!r}; it must be a function of two tensors.")
    shared = _positions("shared", given["shared"], tables, 1, problems)
    for side, table in enumerate(tables):
        columns = [positions[side] for positions in shared]
        for column in sorted({column for column in columns if columns.count(column) > 1}):
            problems.add(f"shared: column {column} of {table.name} is listed more than once.")
    pairs = _positions("pairs", given["pairs"], tables, 0, problems)
    return {"shared": shared, "pairs": pairs, "relation": relation if callable(relation) else None}


def _positions(what, items, tables, axis, problems) -> tuple[tuple[int, int], ...]:
    """Numbers of columns (axis 1) or rows (axis 0)."""
    if items is not None and not isinstance(items, list):
        items = _same(what, items, tables, problems)
    found = []
    for i, item in enumerate(items or ()):
        both = (item, item) if isinstance(item, str) else tuple(item) if _is_sequence(item) else ()
        if len(both) != 2:
            problems.add(f"{what}[{i}] is {item!r}; it must have two items, one of each domain.")
            continue
        places = [
            _position(f"{what}[{i}]", one, table, axis, problems) for one, table in zip(both, tables, strict=True)
        ]
        if places[0] is not None and places[1] is not None:
            found.append((places[0], places[1]))
    return tuple(found)


def _is_sequence(item):
    return isinstance(item, list | tuple | np.ndarray)


def _same(what, word, tables, problems) -> list[str]:
    """The names that ``"same"`` stands for; another value is a problem."""
    names = [table.columns for table in tables]
    if what != "shared" or not isinstance(word, str) or word != "same":
        allowed = " (or 'same')" if what == "shared" else ""
        found, hint = repr(word), ""
        if isinstance(word, tuple):
            found, hint = "a tuple of two arrays", f" Give [(i, j), ...], such as list(zip(*{what}))."
        problems.add(f"{what} is {found}; it must be a list{allowed}.{hint}")
    elif any(of_domain is None for of_domain in names):
        problems.add("shared is 'same', which needs names of features in both domains. Give numbers.")
    elif both := [name for name in dict.fromkeys(names[0]) if name in names[1]]:
        return both
    else:
        found = "; ".join(f"{table.name} has {some(map(repr, table.columns))}" for table in tables)
        problems.add(f"shared is 'same', but the domains have no feature name in common: {found}.")
    return []


def _position(label, item, table, axis, problems) -> int | None:
    """The number of one column or row; None where it does not exist."""
    kind, names = ("column", table.columns) if axis else ("row", table.rows)
    item = item.item() if isinstance(item, np.generic) else item
    if isinstance(item, str):
        return _position_of_name(label, item, table.name, kind, names, problems)
    if isinstance(item, bool) or not isinstance(item, int):
        problems.add(f"{label}: {item!r} is neither the number nor the name of a {kind}.")
    elif table.shape is not None and not 0 <= item < table.shape[axis]:
        problems.add(f"{label}: {table.name} has {table.shape[axis]} {kind}s, no {kind} {item}; the first is 0.")
    else:
        return item
    return None


def _position_of_name(label, name, table_name, kind, names, problems) -> int | None:
    if names is None:
        problems.add(f"{label}: {kind}s of {table_name} have no names, found {name!r}. Give numbers.")
    elif name not in names:
        problems.add(f"{label}: {table_name} has no {kind} '{name}'{suggest(name, names)}")
    elif names.get_indexer_for([name]).size > 1:
        problems.add(f"{label}: {table_name} has more than one {kind} '{name}'.")
    else:
        return names.get_loc(name)
    return None


def check_settings(settings: Mapping[str, Any], scale: bool | str, problems: Problems) -> dict[str, Any]:
    """Settings of the training as plain values.

    Parameters
    ----------
    settings
        Parameters of the training by name.
    scale
        As for :func:`portal_lib.align`.
    problems
        Where problems are added.
    """
    plain: dict[str, Any] = {}
    for name, value in settings.items():
        try:
            plain |= checked(TrainingParameters, {name: value})
            if name == "device":
                resolve_device(value)
        except ConfigError as error:
            problems.add(str(error))
    if scale not in SCALES:
        problems.add(f"scale is {scale!r}; allowed: {', '.join(map(repr, SCALES))}.")
    return plain


def make_objective(
    method: str, correspondence: Mapping[str, Any], used: Sequence[str], weights: Mapping[str, Any], problems: Problems
) -> Objective | None:
    """The objective with its weights and correspondence; None where it has a problem.

    Parameters
    ----------
    method, weights
        As for :func:`portal_lib.align`.
    correspondence
        From :func:`resolve`.
    used
        Which correspondences the caller gave.
    problems
        Where problems are added.
    """
    try:
        make = objectives.find(method)
    except ConfigError as error:
        problems.add(f"method: {error}")
        return None
    allowed = [field.name for field in fields(make) if field.name not in CORRESPONDENCE]
    for name in (name for name in weights if name not in allowed):
        meant = suggest(name, allowed)
        problems.add(f"method {method!r} has no parameter '{name}'{meant} Allowed: {', '.join(allowed)}.")
    plain = {name: _plain(value) for name, value in weights.items() if name in allowed}
    try:
        objective = make(**plain, **{name: correspondence[name] for name in correspondences(make)})
    except ConfigError as error:
        problems.add(str(error))
        return None
    if getattr(objective, "lambda_corr", 0) > 0 and not used:
        problems.add(f"method {method!r} needs a correspondence: shared features, known pairs of cells, or a relation.")
    return objective


def correspondences(objective: Objective | type[Objective]) -> list[str]:
    """Names of the correspondences that an objective uses."""
    return [field.name for field in fields(objective) if field.name in CORRESPONDENCE]


def _plain(value):
    """The Python value of a number or array of numpy."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def feature_order(
    method: str, tables: Sequence[Table], shared: Sequence[tuple[int, int]], problems: Problems
) -> np.ndarray | None:
    """Column of domain 2 for each column of domain 1, for methods that need the same features in both domains.

    Parameters
    ----------
    method
        Its name, for messages.
    tables
        Both domains.
    shared
        (column of 1, column of 2) of shared features. The order follows from them where they cover all features; else
        the names must agree.
    problems
        Where problems are added.

    Returns
    -------
    Shape (n_features,); None for the same order.
    """
    widths = {None if table.shape is None else table.shape[1] for table in tables}
    if {len(shared)} == widths:
        order = np.array(sorted(shared))[:, 1]
        return None if (order == np.arange(len(order))).all() else order
    names = [table.columns for table in tables]
    if names[0] is None or names[1] is None or len(names[0]) != len(names[1]):
        return None
    i = next((i for i, (one, other) in enumerate(zip(names[0], names[1], strict=True)) if one != other), None)
    if i is not None:
        difference = "another order" if set(names[0]) == set(names[1]) else "other names"
        found = f"{names[0][i]!r} of {tables[0].name} and {names[1][i]!r} of {tables[1].name}"
        needed = f"method {method!r} needs the same features in the same order, or all of them in shared"
        problems.add(f"{needed}; found {difference}: column {i} is {found}.", DataError)
    return None


def notes_on_data(tables: Sequence[Table], scaled: Sequence[np.ndarray], scale: bool | str) -> Iterable[str]:
    """Properties of the data that can make training worse."""
    for table, z in zip(tables, scaled, strict=True):
        constant = np.flatnonzero(table.values.min(axis=0) == table.values.max(axis=0)) if scale is True else ()
        if len(constant):
            which = some(i if table.columns is None else repr(table.columns[i]) for i in constant)
            what = "column is" if len(constant) == 1 else "columns are"
            yield f"{table.name}: {len(constant)} {what} constant ({which}), and could be removed."
        far = int((np.abs(z) > FAR).sum())
        if far:
            yield (
                f"{table.name}: {far:,} of {z.size:,} scaled values are beyond ±{FAR:g}, which can make training "
                "unstable. Take logarithms, or arcsinh, first."
            )


def notes_on_use(request: Request, scale: bool | str) -> Iterable[str]:
    """Correspondences that were given to a method that does not use them."""
    needed = correspondences(request.objective)
    unused = [
        name for name in request.used if name not in needed and not (name == "shared" and request.order is not None)
    ]
    if not unused:
        return
    text = f"method {request.objective.name!r} does not use {', '.join(unused)}"
    if "shared" in unused and scale is True:
        text += "; shared features only have one mean and one standard deviation, of the cells of both domains"
    yield f"{text}."
