"""Alignment of files: read domains from h5ad, FCS or tables; write predictions and the model; translate new cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from portal_lib._files import replacing, replacing_folder
from portal_lib._text import some, suggest
from portal_lib.alignment.align import Alignment
from portal_lib.alignment.aligner import KIND, Aligner
from portal_lib.alignment.checks import names_of
from portal_lib.errors import ConfigError, DataError
from portal_lib.preparation.reading.fcs import read_fcs
from portal_lib.preparation.reading.files import read_h5ad
from portal_lib.training.serialization import check_target

if TYPE_CHECKING:
    from anndata import AnnData

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
# Kinds of files, as listed in messages.
TABLES = ".csv, .tsv, .txt (also with .gz)"
# The usual cofactor of mass cytometry.
COFACTOR = 5.0
# Prefix of the name that pandas gives to a column with an empty header.
UNNAMED = "Unnamed: "


def read_domain(
    path: str | Path, *, cofactor: float = COFACTOR, features: Sequence[str] | None = None
) -> AnnData | pd.DataFrame:
    """Read the cells of one domain.

    Parameters
    ----------
    path
        An h5ad file; an FCS file, of which the channels with a marker name are used; or a table (csv, tsv or txt, also
        with .gz) of cells × features: with feature names in the first line, unless these are numbers, and cell names
        in the first column, unless these are numbers below a header.
    cofactor
        Values of FCS files become arcsinh(value / cofactor); 0 keeps them.
    features
        Names of the columns to use, in this order, or their numbers from 0 as text, where they have no names. Of FCS
        files any channel, by its marker or else by its short name.

    Raises
    ------
    DataError
        The file does not exist, is of an unsupported type or cannot be read, a column after the first has no header, or
        `features` has an unknown name.
    """
    path = Path(path)
    kind = _kind(path)
    if kind == ".h5ad":
        domain = read_h5ad(path)
    elif kind == ".fcs":
        domain = _read_cytometry(path, cofactor, every=features is not None)
    else:
        domain = _read_table(path, SEPARATORS[kind])
    return domain if features is None else _chosen(domain, features, path)


def read_domains(
    paths: Sequence[str | Path],
    *,
    cofactor: float = COFACTOR,
    features: Sequence[Sequence[str] | None] = (None, None),
    use_rep: Sequence[str | None] = (None, None),
) -> list[AnnData | pd.DataFrame]:
    """Read the cells of both domains.

    Parameters
    ----------
    paths, cofactor, features
        As for :func:`read_domain`, for each domain.
    use_rep
        Keys of obsm that are used instead of X, and thus instead of features.

    Raises
    ------
    DataError, ConfigError
        As in :func:`read_domain`, or both `features` and `use_rep` are given for a domain.
    """
    for number, names, key in zip((1, 2), features, use_rep, strict=True):
        if names is not None and key is not None:
            raise ConfigError(
                f"--features{number} selects columns of X, --use-rep uses '{key}' instead of X. Give one."
            )
    return [read_domain(path, cofactor=cofactor, features=names) for path, names in zip(paths, features, strict=True)]


def notes_on_channels(paths: Sequence[str | Path], domains: Sequence[AnnData | pd.DataFrame]) -> list[str]:
    """Which channels of FCS files are features.

    Parameters
    ----------
    paths, domains
        Files, and what was read from them.
    """
    return [
        f"{path}: features are {domain.shape[1]} channels: {', '.join(domain.columns)}."
        for path, domain in zip(paths, domains, strict=True)
        if _kind(Path(path)) == ".fcs"
    ]


def _chosen(domain, features, path):
    """Columns by name, or by number where they have no names."""
    names = names_of(domain)[1]
    names = pd.Index(map(str, range(domain.shape[1]))) if names is None else names
    if missing := [name for name in features if name not in names]:
        wrong = " ".join(f"'{name}' is not a column{suggest(name, names)}" for name in missing)
        raise DataError(f"{path}: {wrong} Found: {some(names, 20)}.")
    places = names.get_indexer_for(features)
    return domain[:, places] if hasattr(domain, "obsm") else domain.iloc[:, places]


def _read_table(path, separator):
    if not path.is_file():
        raise DataError(f"{path}: there is no such file (current folder: {Path.cwd()}).")
    try:
        header = _header(path, separator)
        table = pd.read_csv(path, sep=separator, header=header, dtype={f"{UNNAMED}0": str})
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table ({str(error).strip().partition(chr(10))[0]}).") from error
    _check_headers(path, table.columns)
    if table.shape[1] > 1 and not pd.api.types.is_numeric_dtype(table.iloc[:, 0]):
        table = table.set_index(table.columns[0]).rename_axis(None)
    return table


def _header(path, separator):
    """The line with names: 0, or None where it holds numbers. Whole numbers after an empty field are names (to_csv)."""
    values = pd.read_csv(path, sep=separator, header=None, nrows=1).iloc[0]
    texts = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0]
    numbered = texts[0] == "" and texts[1:].str.isdecimal().all()
    return 0 if numbered or not all(map(_is_number, values)) else None


def _check_headers(path, columns):
    """Refuse columns without a header, except the first, which holds the names of the rows."""
    texts = [str(name).strip() for name in columns]
    blank = [i for i, text in enumerate(texts) if i and (not text or text.startswith(UNNAMED))]
    if blank:
        found = f"{len(blank)} {'column has' if len(blank) == 1 else 'columns have'} no header"
        raise DataError(f"{path}: {found} ({some(blank)}; the first is 0). Give a name, or remove it.")


def _read_cytometry(path, cofactor, every):
    """Channels of an FCS file that have a marker name, or all; by the short name where two have the same marker."""
    events, kept = read_fcs(path), []
    if not every:
        kept = [i for i, marker in enumerate(events.markers) if marker]
    kept = kept or list(range(len(events.channels)))
    markers = [events.markers[i] or events.channels[i] for i in kept]
    names = [name if markers.count(name) == 1 else events.channels[i] for i, name in zip(kept, markers, strict=True)]
    values = events.values[:, kept]
    return pd.DataFrame(np.arcsinh(values / cofactor) if cofactor else values, columns=names)


def correspondences(
    shared: str | None,
    pairs: str | Path | None,
    domains: Sequence[AnnData | pd.DataFrame],
    *,
    data_name: Sequence[str],
    use_rep: Sequence[str | None] = (None, None),
) -> tuple[dict[str, Any], list[str]]:
    """The correspondence, as :func:`portal_lib.align` takes it.

    Parameters
    ----------
    shared, pairs
        As for :func:`shared_features` and :func:`read_pairs`; None for none.
    domains, data_name, use_rep
        Data, their names in messages, and the key of obsm that is used instead of X; one of each domain.

    Returns
    -------
    `shared` and `pairs`, and notes on names that could be read as numbers.

    Raises
    ------
    ConfigError, DataError
        Numbers and names cannot be distinguished, or as in :func:`read_pairs`.

    Notes
    -----
    A text is a name if the domain has it, else a number from 0. If a number is the name of another row (or column), all
    numbers of this domain are names, and one that is not a name is an error.
    """
    given: dict[str, Any] = {"shared": None if shared is None else shared_features(shared)}
    given |= {"pairs": None if pairs is None else read_pairs(pairs)}
    notes = []
    for axis, (name, items) in zip((1, 0), given.items(), strict=True):
        if isinstance(items, list):
            names = [names_of(x, rep)[axis] for x, rep in zip(domains, use_rep, strict=True)]
            notes += _notes_on_numbers(f"--{name}", ("row", "column")[axis], items, names, data_name)
            given[name] = [[_name_or_number(*both) for both in zip(item, names, strict=True)] for item in items]
    return given, notes


def _notes_on_numbers(option, kind, items, names, data_name):
    """Notes on numbers that are names of other rows or columns; an error if some numbers are not names."""
    sides = list(zip(*items, strict=True))
    notes = [
        f"numbers are read as names of {kind}s of {name}, such as '{text}', which is {kind} {place}."
        for name, texts, known in zip(data_name, sides, names, strict=True)
        for text, place in _ambiguous(texts, known)[:1]
    ]
    for name, texts, known in zip(data_name, sides, names, strict=True):
        bare = [text for text in texts if text.isdecimal() and known is not None and text not in known]
        if notes and bare:
            raise ConfigError(f"{option}: {name} has no {kind} {some(map(repr, bare))}; {notes[0]} Give names.")
    return [f"{option}: {note}" for note in notes]


def _ambiguous(texts, names):
    """Numbers that name one row (or column) and are the position of another, with the position of the named one."""
    places = {name: place for place, name in enumerate(() if names is None else names) if name.isdecimal()}
    return [(text, places[text]) for text in texts if text in places and places[text] != int(text) < len(names)]


def _name_or_number(text, names):
    return int(text) if text.isdecimal() and (names is None or text not in names) else text


def read_pairs(path: str | Path) -> list[tuple[str, str]]:
    """Read known pairs of cells.

    Parameters
    ----------
    path
        A text file of two columns without header, separated by a tab or a comma: the cell of 1 and the cell of 2.

    Returns
    -------
    Names, or numbers of rows from 0, as texts, in the order of the file.

    Raises
    ------
    DataError
        The file cannot be read, or a line does not have two fields.
    """
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    pairs = []
    for number, line in enumerate(lines, start=1):
        parts = [part.strip() for part in line.split("\t" if "\t" in line else ",")]
        if line.strip() and (len(parts) != 2 or not all(parts)):
            raise DataError(f"{path}, line {number}: {line!r} must be two cells, separated by a tab or a comma.")
        if line.strip():
            pairs.append((parts[0], parts[1]))
    if not pairs:
        raise DataError(f"{path}: contains no pairs.")
    return pairs


def shared_features(text: str) -> str | list:
    """Shared features from the text of an option.

    Parameters
    ----------
    text
        ``same``, or ``CD3,CD4=cd4,7=2``: names that both domains have, or one of 1 and one of 2.

    Returns
    -------
    ``"same"``, or two names for each feature.

    Raises
    ------
    ConfigError
        A part is neither.
    """
    if text == "same":
        return text
    items = [[part.strip() for part in item.split("=")] for item in text.split(",")]
    if bad := ["=".join(item) for item in items if len(item) > 2 or not all(item)]:
        raise ConfigError(f"--shared {text}: {bad[0]!r} must be NAME, or NAME1=NAME2.")
    return [item * 2 if len(item) == 1 else item for item in items]


def representations(text: str | None) -> tuple[str | None, str | None]:
    """Keys of obsm from the text of an option.

    Parameters
    ----------
    text
        ``KEY``, for both domains, or ``KEY1,KEY2``. None and an empty part stand for X.

    Returns
    -------
    The key of each domain, None for X.

    Raises
    ------
    ConfigError
        There are more than two.
    """
    keys = [key.strip() or None for key in ("" if text is None else text).split(",")]
    if len(keys) > 2:
        raise ConfigError(f"--use-rep {text}: must be KEY, or KEY1,KEY2.")
    return keys[0], keys[-1]


def check_out(folder: str | Path, *, overwrite: bool) -> None:
    """Refuse a folder that must not be written.

    Parameters
    ----------
    folder
        Where an alignment is to be written.
    overwrite
        Whether it may replace another alignment.

    Raises
    ------
    ConfigError, DataError
        It exists, and `overwrite` is False or it was not written by :func:`write_alignment`.
    """
    folder = Path(folder)
    if not folder.exists():
        return
    if not overwrite:
        raise ConfigError(f"{folder}: exists already. Choose another folder, or give --overwrite to replace it.")
    if not (folder / "model").exists():
        raise DataError(f"{folder}: contains no alignment, so it is not overwritten.")
    check_target(folder / "model", KIND, overwrite=True)


def write_alignment(
    folder: str | Path, found: Alignment, domains: Sequence[AnnData | pd.DataFrame], paths: Sequence[str | Path]
) -> list[Path]:
    """Write a folder with predictions, history and model, atomically; an existing one is replaced.

    Parameters
    ----------
    folder
        Holds ``x12`` and ``x21`` afterwards, in the format of the first and of the second file (csv for FCS, in the
        units of the training), ``history.tsv`` and ``model`` (for :meth:`Aligner.load`).
    found
        From :func:`portal_lib.align`.
    domains, paths
        Data and their files, for names of cells and formats.

    Returns
    -------
    Paths of both predictions.

    Raises
    ------
    DataError
        Writing fails; no partial files are left.
    """
    folder = Path(folder).absolute()
    names = [f"{name}{_suffix(path)}" for name, path in zip(("x12", "x21"), paths, strict=True)]
    with replacing_folder(folder) as part:
        for side, (name, values, cells) in enumerate(zip(names, (found.x12, found.x21), domains, strict=True)):
            _write(part / name, _kind(part / name), _named(values, cells, found.model, 1 - side))
        found.history.to_csv(part / "history.tsv", sep="\t", index=False)
        found.save(part / "model")
    return [folder / name for name in names]


def translated(
    model: Aligner, path: str | Path, *, source: int, use_rep: str | None = None, cofactor: float = COFACTOR
) -> pd.DataFrame:
    """Translate the cells of a file.

    Parameters
    ----------
    model, source, use_rep
        As for :meth:`portal_lib.Aligner.translate`.
    path, cofactor
        As for :func:`read_domain`; of FCS files the channels of the training are used.

    Returns
    -------
    Cells × features of the other domain, with their names.

    Raises
    ------
    DataError, ShapeError, ConfigError
        As in both.
    """
    features = model.columns[source - 1] if _kind(Path(path)) == ".fcs" else None
    cells = read_domain(path, cofactor=cofactor, features=features)
    values = model.translate(cells, source=source, use_rep=use_rep, data_name=str(path))
    return _named(values, cells, model, 2 - source)


def check_table(path: str | Path) -> None:
    """Refuse a file name that is not that of a table.

    Parameters
    ----------
    path
        The file to be written.

    Raises
    ------
    ConfigError
        The name has another ending.
    """
    if _ending(Path(path)) not in SEPARATORS:
        raise ConfigError(f"{path}: unsupported file type. Allowed: {TABLES}.")


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table atomically; an existing file is replaced.

    Parameters
    ----------
    path
        The file; its ending says how values are separated.
    table
        Cells × features.

    Raises
    ------
    DataError
        Writing fails; no partial file is left.
    """
    path = Path(path).absolute()
    try:
        with replacing(path) as part:
            _write(part, _kind(path), table)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}). No partial file is left.") from error


def weights_of(texts: Sequence[str]) -> dict[str, Any]:
    """Parameters of an objective from the texts of an option.

    Parameters
    ----------
    texts
        Each ``NAME=VALUE``; values are numbers, true, false, lists in brackets, or text.

    Returns
    -------
    Values by name.

    Raises
    ------
    ConfigError
        A text has no name or no value.
    """
    weights = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not name or not value:
            raise ConfigError(f"--set {text}: must be NAME=VALUE, such as lambda_corr=10.")
        try:
            weights[name.replace("-", "_")] = json.loads(value)
        except ValueError:
            weights[name.replace("-", "_")] = value
    return weights


def _ending(path):
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def _kind(path):
    kind = _ending(path)
    if kind not in (".h5ad", ".fcs", *SEPARATORS):
        raise DataError(f"{path}: unsupported file type. Allowed: .h5ad, .fcs, {TABLES}.")
    return kind


def _suffix(path):
    """Suffix of the prediction for the cells of a file: that of the file, but a table for FCS files."""
    path = Path(path)
    return ".csv" if _kind(path) == ".fcs" else _kind(path) + (".gz" if path.suffix == ".gz" else "")


def _is_number(value):
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _named(values, cells, model, side):
    """Predictions in domain `side` (0 or 1) with names of cells and features; numbers if there are no names."""
    rows = cells.obs_names if hasattr(cells, "obs_names") else cells.index
    columns = model.columns[side] or [str(number) for number in range(values.shape[1])]
    return pd.DataFrame(values, index=rows, columns=columns)


def _write(path, kind, table):
    """Write cells × features in a format; the suffix .gz compresses."""
    if kind == ".h5ad":
        from anndata import AnnData

        names = {"obs": pd.DataFrame(index=table.index.astype(str)), "var": pd.DataFrame(index=table.columns)}
        AnnData(table.to_numpy(), **names).write_h5ad(path)
    else:
        table.to_csv(path, sep=SEPARATORS[kind], index=not isinstance(table.index, pd.RangeIndex))
