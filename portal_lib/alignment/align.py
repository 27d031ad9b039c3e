"""Two measurement spaces mapped onto each other: arrays in, each predicted in the other, and a model for new cells."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn

from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.portal.parameters import checked_parameters
from portal_lib.preparation.checks import near, some
from portal_lib.preparation.standardise import Scale, no_scale, pooled_scales
from portal_lib.training import inference, objectives
from portal_lib.training.cells import as_cells
from portal_lib.training.device import resolve_device
from portal_lib.training.serialization import load_folder, save_folder, versions
from portal_lib.training.trainer import fit

KIND, FORMAT = "Aligner", 1
# What an objective may know beside its weights, where it has such a field.
CORRESPONDENCE = ("shared", "pairs", "relation")
_LISTS = (list, tuple, np.ndarray)
# Scaled values beyond this make training unstable.
FAR = 10.0


def align(
    x1,
    x2,
    *,
    shared: Sequence | Mapping | str | None = None,
    pairs: Sequence | Mapping | None = None,
    relation: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    method: str = "magan",
    use_rep: str | tuple[str | None, str | None] | None = None,
    scale: bool = True,
    training_steps: int = 2000,
    batch_size: int = 256,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    checkpoint: str | Path | None = None,
    progress: bool | None = None,
    data_name: tuple[str, str] = ("x1", "x2"),
    **weights,
) -> Alignment:
    """Learn to translate cells between two spaces, so that cells of one kind meet, and not only clouds.

    Parameters
    ----------
    x1, x2
        Cells of the two domains, shapes (n1, d1) and (n2, d2): arrays, tables, or AnnData (see `use_rep`). Cells are
        rows, and need not be paired; the widths may differ. Not written to. Values without long tails, such as
        logarithms of counts or arcsinh of intensities.
    shared
        Features that both domains measure: (column of 1, column of 2), or one name that both have; or a mapping from
        columns of 1 to columns of 2. Columns are given by number, or by name where the data have names; ``"same"`` for
        all names that both have.
    pairs
        Cells that are known to be the same: (row of 1, row of 2), or a mapping; by number, or by name where rows have
        names.
    relation
        Anything else that is known: ``relation(in_1, in_2)`` of the same cells in both domains, tensors of shapes
        (n, d1) and (n, d2) in the units of `x1` and `x2`; gives a scalar tensor, 0 where all is as it should be. What
        it raises is the cause of one ConfigError.
    method
        An objective: ``"magan"``, or one that is told nothing of the above: ``"gan"`` (the plain dual GAN),
        ``"cyclegan"``, ``"discogan"``; or ``"portal"``, where both domains have the same features in the same order.
        To those `shared` only gives one scale to features of both domains, and a note says so.
    use_rep
        Of AnnData, the key of obsm to take instead of X; two for one of each domain.
    scale
        Standardise features before training; False for values that are of one scale, and within ±10, already, such as
        pixels. Only then a feature may be constant.
    training_steps
        Batches to see. The paper has 100,000; toys need 500, mass cytometry 2,000 to 4,000.
    batch_size
        Cells of each domain per step, drawn with replacement; a domain may have fewer.
    seed
        Of weights and batches. No global generator is touched.
    device
        ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    precision
        ``"auto"`` (bfloat16 products where the device has them), ``"bfloat16"``, ``"float32"`` or ``"float64"``.
    checkpoint
        File in which training keeps its state: the same call goes on from there after an interruption.
    progress
        A progress bar on stderr; None shows one only if stderr is a terminal.
    data_name
        What messages call the data, such as the names of files.
    weights
        Parameters of the objective, such as ``lambda_corr=10``, ``pair_reduction="mean"``,
        ``augment_reconstructions=False`` or ``augment_start=0`` of MAGAN, which shows reconstructions to the
        discriminators as real cells from half of the training on.

    Returns
    -------
    Predictions of every cell in the other domain, in its units, and the model.

    Raises
    ------
    DataError, ConfigError, ShapeError
        Data, correspondences or parameters cannot be used; the message lists every problem that is found before
        training.
    DivergedError
        A loss is no longer finite.
    DeviceMemoryError
        The memory of the GPU is not enough.

    Notes
    -----
    Every feature has its mean subtracted and is divided by its standard deviation; a shared feature has one mean and
    one standard deviation, of the cells of both domains, so that a shift between the domains stays a shift. Known pairs
    weigh the same in every scaled feature. Predictions are brought back to the units of the input.

    References
    ----------
    Amodio and Krishnaswamy, ICML 2018, arXiv 1803.00385.

    Examples
    --------
    >>> found = portal_lib.align(panel_1, panel_2, shared=["CD3", "CD4", "CD8"], lambda_corr=10)
    >>> found.x12  # cells of panel_1 as panel_2 would have measured them
    >>> found.translate(new_cells, source=1)
    """
    problems = _Problems()
    shared, pairs, tables = _listed(shared), _listed(pairs), []
    reps = _representations(use_rep, problems)
    for x, name, rep in zip((x1, x2), data_name, reps, strict=True):
        tables.append(_read(x, name, rep, problems))
        _check_domain(tables[-1], scale, problems)
    known = {
        "shared": _resolved("shared", shared, tables, 1, problems),
        "pairs": _resolved("pairs", pairs, tables, 0, problems),
        "relation": relation,
    }
    if relation is not None and not callable(relation):
        problems.add(f"relation is {relation!r}; it must be a function of two tensors.", ConfigError)
    weights = {name: _plain(value) for name, value in weights.items()}
    training_steps, batch_size, seed = map(_plain, (training_steps, batch_size, seed))
    settings = {"training_steps": training_steps, "batch_size": batch_size, "seed": seed, "precision": precision}
    _check_settings(settings, device, problems)
    given = {"shared": shared, "pairs": pairs, "relation": relation}
    told = [name for name, value in given.items() if value is not None and (not isinstance(value, list) or value)]
    make = _objective(method, told, weights, problems)
    if method == "portal":
        _check_same_features(tables, problems)
    problems.raise_all()
    values = [table.values for table in tables]
    scales = pooled_scales(values, known["shared"] or ()) if scale else [no_scale(x.shape[1]) for x in values]
    if relation is not None:
        known["relation"] = _in_units(relation, scales)
    if "augment_start" in (field.name for field in fields(make)):
        weights = {"augment_start": training_steps // 2} | weights
    objective = make(**{name: known[name] for name in _knows(make) if known[name] is not None}, **weights)
    dtype = np.float64 if precision == "float64" else np.float32
    scaled = [by.apply(x, dtype) for by, x in zip(scales, values, strict=True)]
    trained = fit(
        objective, *scaled, steps=training_steps, batch_size=batch_size, seed=seed, device=device, precision=precision,
        checkpoint=checkpoint, progress=progress,
    )  # fmt: skip
    columns = [None if table.columns is None else list(table.columns) for table in tables]
    plain = {name: value for name, value in asdict(objective).items() if name not in CORRESPONDENCE}
    record = {"training": settings, "n_shared": len(known["shared"] or ()), "n_pairs": len(known["pairs"] or ())}
    model = Aligner(method, plain, trained.networks, tuple(scales), tuple(columns), trained.history, record)
    x12, x21 = (model._translate(x, source) for source, x in enumerate(scaled))
    unused = [name for name in told if name not in _knows(make)]
    return Alignment(x12, x21, model, (*_notes(scaled, data_name), *_unused_notes(method, unused, scale)))


@dataclass(frozen=True, eq=False)
class Alignment:
    """What :func:`align` found.

    Parameters
    ----------
    x12
        Cells of domain 1 as domain 2 would have measured them, shape (n1, d2), in the units of domain 2; rows in the
        order of `x1`, columns in that of `x2`. float32, or float64 if trained in it.
    x21
        Cells of domain 2 in domain 1, shape (n2, d1).
    model
        Translates new cells; can be saved.
    notes
        What in the data may stand in the way of training, and what the method was given but does not use.
    """

    x12: np.ndarray
    x21: np.ndarray
    model: Aligner
    notes: tuple[str, ...] = ()

    @property
    def history(self) -> pd.DataFrame:
        """Losses before each logged step, unweighted: columns step, player, term, value. Domain A is 1, B is 2."""
        return self.model.history

    def translate(self, x, *, source: int) -> np.ndarray:
        """New cells in the other domain, see :meth:`Aligner.translate`."""
        return self.model.translate(x, source=source)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the model, without the predictions, for :meth:`Aligner.load`."""
        self.model.save(folder, overwrite=overwrite)


@dataclass(frozen=True, eq=False)
class Aligner:
    """A trained translation between two domains; :func:`align` makes it.

    Parameters
    ----------
    method
        Name of the objective.
    parameters
        Its weights.
    networks
        On the device where they compute.
    scales
        Mean and standard deviation of the features of both domains.
    columns
        Their names, where the data had names.
    history
        Losses before each logged step, unweighted: columns step, player, term, value.
    record
        Settings of the training, and how many features and cells were known to correspond.
    """

    method: str
    parameters: Mapping[str, Any]
    networks: nn.Module
    scales: tuple[Scale, Scale]
    columns: tuple[list[str] | None, list[str] | None]
    history: pd.DataFrame
    record: Mapping[str, Any]

    def translate(self, x, *, source: int, use_rep: str | None = None, data_name: str = "x") -> np.ndarray:
        """Say how cells of one domain would look in the other.

        Parameters
        ----------
        x
            Cells as in training, shape (n, features of the source). A table's columns are found by name, if the data of
            the training had names.
        source
            The domain they come from, 1 or 2.
        use_rep
            Of AnnData, the key of obsm to take instead of X.
        data_name
            What messages call the cells, such as the name of a file.

        Returns
        -------
        Shape (n, features of the other domain), in its units, rows in the order of `x`.

        Raises
        ------
        ConfigError
            `source` is neither 1 nor 2.
        DataError, ShapeError
            A column is missing, a value is not finite, or the number of columns is another one.
        """
        if source not in (1, 2):
            raise ConfigError(f"source is {source!r}; allowed: 1, 2.")
        problems = _Problems()
        table = _read(x, data_name, use_rep, problems)
        problems.raise_all()
        scale, names = self.scales[source - 1], self.columns[source - 1]
        values = _in_order(table, names)
        if values.shape[1] != len(scale.mean):
            known = f"domain {source} has {len(scale.mean)} features"
            raise ShapeError(f"{data_name}: has {values.shape[1]} columns; {known}. Cells are rows.")
        dtype = str(next(self.networks.parameters()).dtype).removeprefix("torch.")
        return self._translate(scale.apply(values, dtype), source - 1)

    def _translate(self, scaled, source):
        """Scaled cells of domain 0 or 1 in the units of the other."""
        return self.scales[1 - source].undo(inference.translate(self.networks, scaled, source="ab"[source]))

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the model to a folder, whole or not at all.

        Parameters
        ----------
        folder
            Holds ``description.json`` and ``tensors.pt`` afterwards.
        overwrite
            Replace a model that is there. A folder that holds anything else is never replaced.

        Raises
        ------
        ConfigError, DataError
            `folder` is there and must not be replaced, or the system cannot write.
        """
        description = {
            "versions": versions(),
            "method": self.method,
            "parameters": dict(self.parameters),
            "columns": list(self.columns),
            "record": dict(self.record),
            "history": self.history.to_dict("list"),
        }
        state = {name: value.cpu() for name, value in self.networks.state_dict().items()}
        scales = [[torch.from_numpy(values) for values in scale] for scale in self.scales]
        save_folder(folder, KIND, FORMAT, description, {"networks": state, "scales": scales}, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "auto") -> Aligner:
        """Read a saved model.

        Parameters
        ----------
        folder
            As written by :meth:`save`, on any device.
        device
            Where to compute from now on: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

        Raises
        ------
        DataError
            There is no such folder, it is not a saved model, is of another version of the format, or is damaged.
        ConfigError
            The device is not there.
        """
        place = resolve_device(device)
        description, tensors = load_folder(folder, KIND, FORMAT)
        try:
            scales = tuple(Scale(*(values.numpy() for values in scale)) for scale in tensors["scales"])
            objective = objectives.find(description["method"])(**description["parameters"])
            networks = objective.build(*(len(scale.mean) for scale in scales), torch.Generator())
            networks = networks.to(next(iter(tensors["networks"].values())).dtype)
            networks.load_state_dict(tensors["networks"])
            networks = networks.to(place).requires_grad_(False)
            history = pd.DataFrame(description["history"])
            said = {name: description[name] for name in ("method", "parameters", "record")}
            return cls(networks=networks, scales=scales, columns=tuple(description["columns"]), history=history, **said)
        except (LookupError, TypeError, AttributeError, ValueError, RuntimeError, ConfigError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise DataError(f"{folder}: is damaged ({type(error).__name__}: {reason}). Save it again.") from error

    def __repr__(self) -> str:
        d1, d2 = (len(scale.mean) for scale in self.scales)
        return f"Aligner(method={self.method!r}, {d1} features and {d2})"


class _Problems:
    """What is wrong, gathered, and raised as one error."""

    def __init__(self):
        self._found: list[tuple[type[Exception], str]] = []

    def add(self, text: str, kind: type[Exception] = DataError) -> None:
        self._found.append((kind, text))

    def raise_all(self) -> None:
        """One error with everything in it; of the data's kind if anything is wrong with them."""
        if not self._found:
            return
        kinds = [kind for kind, _ in self._found]
        kind = next((k for k in (DataError, ShapeError) if k in kinds), ConfigError)
        texts = [text for _, text in self._found]
        raise kind(texts[0] if len(texts) == 1 else "\n  ".join([f"align has {len(texts)} problems", *texts]))


def _listed(items):
    """A list of anything that can be gone through, a table by its rows, a mapping by its items; all else as it is.

    So is a tuple of two arrays: rows of 1 and rows of 2 would be taken for two pairs.
    """
    if isinstance(items, tuple) and len(items) == 2 and all(isinstance(x, np.ndarray) and x.ndim == 1 for x in items):
        return items
    items = items.to_numpy() if isinstance(items, pd.DataFrame) else items
    items = items.items() if isinstance(items, Mapping) else items
    return list(items) if np.iterable(items) and not isinstance(items, str) else items


def _representations(use_rep, problems) -> tuple[str | None, str | None]:
    """The key of each domain; X where they cannot be told."""
    reps = _listed(use_rep)
    reps = reps if isinstance(reps, list) else [reps, reps]
    if len(reps) == 2 and all(rep is None or isinstance(rep, str) for rep in reps):
        return tuple(reps)
    problems.add(f"use_rep is {use_rep!r}; allowed: None, a key of obsm, or two of these.", ConfigError)
    return None, None


class _Table(NamedTuple):
    """Cells of a domain. Names are None where there are none; values and shape where they cannot be read."""

    name: str
    values: np.ndarray | None = None
    shape: tuple[int, int] | None = None
    rows: pd.Index | None = None
    columns: pd.Index | None = None


def _read(x, name, use_rep, problems) -> _Table:
    """Values and names of arrays, tables and AnnData; what cannot be used is noted."""
    rows, columns = names_of(x, use_rep)
    if hasattr(x, "obsm"):
        if use_rep is not None and use_rep not in x.obsm:
            problems.add(f"{name}: obsm has no key '{use_rep}'{near(use_rep, x.obsm)} Found: {some(x.obsm, 20)}.")
            return _Table(name)
        x = x.X if use_rep is None else x.obsm[use_rep]
    elif use_rep is not None:
        problems.add(f"{name}: use_rep is {use_rep!r}, but the data are no AnnData.", ConfigError)
    for to_memory in ("to_memory", "toarray"):
        x = getattr(x, to_memory)() if hasattr(x, to_memory) else x
    try:
        values = as_cells(x, name)
    except (DataError, ShapeError) as error:
        problems.add(str(error), type(error))
        shape = np.shape(x) if np.ndim(x) == 2 else None
        return _Table(name, None, shape, rows, columns)
    return _Table(name, values, values.shape, rows, columns)


def names_of(x, use_rep: str | None = None) -> tuple[pd.Index | None, pd.Index | None]:
    """Names of the rows and of the columns, None where they are no text: numbers say no more than the place.

    Parameters
    ----------
    x
        An array, a table, or AnnData.
    use_rep
        Of AnnData, the key of obsm that is taken instead of X; one that is not there has no names of columns.
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


def _check_domain(table, scale, problems) -> None:
    """Note why nothing could be learnt from a domain."""
    if table.columns is not None and not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()].unique()
        problems.add(f"{table.name}: column names are not unique ({some(map(repr, twice))}).")
    if table.values is None:
        return
    if len(table.values) < 2:
        problems.add(f"{table.name}: has 1 cell; a domain needs 2 or more.")
        return
    constant = np.flatnonzero(table.values.min(axis=0) == table.values.max(axis=0)) if scale else ()
    if len(constant):
        which = some(i if table.columns is None else repr(table.columns[i]) for i in constant)
        what = "column is" if len(constant) == 1 else "columns are"
        problems.add(f"{table.name}: {len(constant)} {what} constant ({which}). Remove what says nothing.")


def _resolved(what, items, tables, axis, problems) -> tuple[tuple[int, int], ...] | None:
    """Numbers of columns (axis 1) or rows (axis 0) for what a user named; what is not there is noted."""
    if items is None:
        return None
    if not isinstance(items, list):
        items = _same(what, items, tables, problems)
    found = []
    for i, item in enumerate(items):
        both = (item, item) if isinstance(item, str) else tuple(item) if isinstance(item, _LISTS) else ()
        if len(both) != 2:
            problems.add(f"{what}[{i}] is {item!r}; it must be two, of 1 and of 2.", ConfigError)
            continue
        places = [_place(f"{what}[{i}]", one, table, axis, problems) for one, table in zip(both, tables, strict=True)]
        if None not in places:
            found.append(tuple(places))
    if axis == 1:
        for side, table in enumerate(tables):
            columns = [places[side] for places in found]
            for twice in sorted({column for column in columns if columns.count(column) > 1}):
                problems.add(f"shared: column {twice} of {table.name} stands there more than once.", ConfigError)
    return tuple(found)


def _same(what, word, tables, problems) -> list[str]:
    """What ``"same"`` stands for; any other word, or thing, is noted."""
    names = [table.columns for table in tables]
    if what != "shared" or not isinstance(word, str) or word != "same":
        allowed = " (or 'same')" if what == "shared" else ""
        found, hint = repr(word), ""
        if isinstance(word, tuple):
            found, hint = "a tuple of two arrays", f" Give [(i, j), ...], such as list(zip(*{what}))."
        problems.add(f"{what} is {found}; it must be a list{allowed}.{hint}", ConfigError)
    elif any(of_domain is None for of_domain in names):
        problems.add("shared is 'same', which needs names of features in both domains. Give numbers.", ConfigError)
    elif both := [name for name in dict.fromkeys(names[0]) if name in names[1]]:
        return both
    else:
        found = "; ".join(f"{table.name} has {some(map(repr, table.columns))}" for table in tables)
        problems.add(f"shared is 'same', but no name of a feature is common: {found}.", ConfigError)
    return []


def _place(data_name, item, table, axis, problems) -> int | None:
    """The number of one column or row, or None where it is not there."""
    kind, names = ("column", table.columns) if axis else ("row", table.rows)
    item = item.item() if isinstance(item, np.generic) else item
    if isinstance(item, str):
        if names is None:
            problems.add(
                f"{data_name}: {kind}s of {table.name} have no names, found {item!r}. Give numbers.", ConfigError
            )
        elif item not in names:
            problems.add(f"{data_name}: {table.name} has no {kind} '{item}'{near(item, names)}", ConfigError)
        elif names.get_indexer_for([item]).size > 1:
            problems.add(f"{data_name}: {table.name} has more than one {kind} '{item}'.", ConfigError)
        else:
            return names.get_loc(item)
    elif isinstance(item, bool) or not isinstance(item, int):
        problems.add(f"{data_name}: {item!r} is neither the number nor the name of a {kind}.", ConfigError)
    elif table.shape is not None and not 0 <= item < table.shape[axis]:
        text = f"{data_name}: {table.name} has {table.shape[axis]} {kind}s, no {kind} {item}; the first is 0."
        problems.add(text, ConfigError)
    else:
        return item
    return None


def _plain(value):
    """Numbers and arrays of numpy, also in lists, as Python has them: only these can be written with the model."""
    if isinstance(value, list | tuple):
        plain = map(_plain, value)
        return list(plain) if isinstance(value, list) else tuple(plain)
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _check_settings(settings, device, problems):
    for name, value in settings.items():
        try:
            if value is None:
                raise ConfigError(f"{name} is None; it must have a value.")
            checked_parameters(**{name: value})
        except ConfigError as error:
            problems.add(str(error), ConfigError)
    try:
        resolve_device(device)
    except ConfigError as error:
        problems.add(str(error), ConfigError)


def _knows(objective) -> list[str]:
    """What correspondences an objective takes."""
    return [field.name for field in fields(objective) if field.name in CORRESPONDENCE]


def _objective(method, told, weights, problems):
    """The class of the objective; None, and what is wrong is noted, where it cannot be set up so."""
    try:
        make = objectives.find(method)
    except ConfigError as error:
        problems.add(f"method: {error}", ConfigError)
        return None
    allowed = [field.name for field in fields(make) if field.name not in CORRESPONDENCE]
    unknown = [name for name in weights if name not in allowed]
    for name in unknown:
        text = f"method {method!r} has no parameter '{name}'{near(name, allowed)} Allowed: {', '.join(allowed)}."
        problems.add(text, ConfigError)
    try:
        objective = make(**{name: value for name, value in weights.items() if name not in unknown})
    except ConfigError as error:
        problems.add(str(error), ConfigError)
        return None
    if _knows(make) and objective.lambda_corr > 0 and not told:
        text = f"method {method!r} must know what corresponds: give shared features, pairs of cells, or a relation."
        problems.add(text, ConfigError)
    return make


def _check_same_features(tables, problems) -> None:
    """Note features of the same place and another name. Other widths are another matter."""
    names = [table.columns for table in tables]
    if any(columns is None for columns in names) or len(names[0]) != len(names[1]):
        return
    i = next((i for i, both in enumerate(zip(*names, strict=True)) if both[0] != both[1]), None)
    if i is not None:
        order = "another order" if set(names[0]) == set(names[1]) else "other names"
        found = " and ".join(f"{columns[i]!r} of {table.name}" for columns, table in zip(names, tables, strict=True))
        text = f"method 'portal' needs the same features in the same order; found {order}: column {i} is {found}."
        problems.add(text)


def _in_units(relation, scales):
    """A relation of scaled values, from one in the units of the input."""
    held = {}

    @functools.wraps(relation)
    def scaled(in_1, in_2):
        where = in_1.device, in_1.dtype
        if where not in held:
            held[where] = [[torch.as_tensor(v, device=where[0], dtype=where[1]) for v in scale] for scale in scales]
        return relation(*(x * sd + mean for x, (mean, sd) in zip((in_1, in_2), held[where], strict=True)))

    return scaled


def _notes(scaled, data_name) -> Iterable[str]:
    for name, z in zip(data_name, scaled, strict=True):
        far = int((np.abs(z) > FAR).sum())
        if far:
            yield (
                f"{name}: {far:,} of {z.size:,} scaled values lie beyond ±{FAR:g}, which can make training unstable. "
                "Take logarithms, or arcsinh, first."
            )


def _unused_notes(method, unused, scale) -> Iterable[str]:
    """What was told to a method that takes no correspondence, and what it does all the same."""
    if not unused:
        return
    text = f"method {method!r} does not use {', '.join(unused)}"
    if "shared" in unused and scale:
        text += "; shared features only have one mean and one standard deviation, of the cells of both domains"
    yield f"{text}."


def _in_order(table, names):
    """Values with the columns of the training, by name if both have names."""
    if names is None or table.columns is None or list(table.columns) == names:
        return table.values
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise DataError(f"{table.name}: has no column {some(map(repr, missing))}{near(missing[0], table.columns)}")
    return table.values[:, table.columns.get_indexer_for(names)]
