"""Sources of raw counts: an AnnData in memory or backed, a file of any format, or several files as one data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from portal_lib._text import some
from portal_lib.errors import DataError
from portal_lib.preparation.reading.formats import Content, content_of, index_of, of_object, readable
from portal_lib.preparation.reading.gene_names import FEW, GenesOfFile, difference
from portal_lib.preparation.reading.names import Names
from portal_lib.preparation.reading.rows import Rows, canonical, rows_of
from portal_lib.preparation.reading.values import joined_columns

if TYPE_CHECKING:
    from anndata import AnnData

# The column of obs that tells the files of one data set apart, where none of them has a column of this name.
FILE = "file"
# What is left out of the name of a file.
SUFFIXES = (".h5ad", ".h5mu", ".h5", ".hdf5", ".zarr", ".loom")
# Files that share fewer genes cannot be one data set; as many as the preparation needs.
MIN_SHARED = 100


@dataclass
class Source:
    """Raw counts of cells, chunk by chunk.

    Parameters
    ----------
    obs
        Table of the cells; from files only the requested columns.
    names
        Cell names.
    columns
        Names of all columns of obs.
    genes
        Gene names, the columns of the counts.
    rows
        The counts; None if they are not a matrix of numbers.
    place
        Name of the matrix in messages: ``X``, ``layers['counts']``, ``raw.X``.
    found
        Type of what was found instead of a matrix of numbers.
    others
        Other matrices that may hold counts, by the value of `layer` that selects them.
    notes
        What was left out of the files, or renamed.
    parts
        The files of which it consists, with their names; empty for one.
    same_names
        Places of cells of two files that have the same name, as two arrays.
    var
        Returns the table var.
    """

    obs: pd.DataFrame
    names: Names
    columns: list[str]
    genes: pd.Index
    rows: Rows | None
    place: str = "X"
    found: str = ""
    others: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    parts: list[tuple[str, Source]] = field(default_factory=list)
    same_names: tuple[np.ndarray, np.ndarray] | None = None
    var: Callable[[], pd.DataFrame] = pd.DataFrame
    _files: ExitStack = field(default_factory=ExitStack)

    @property
    def shape(self) -> tuple[int, int]:
        """Cells × genes."""
        return len(self.obs), len(self.genes)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error) -> None:
        if self.rows is not None:
            self.rows.close()
        self._files.close()


def open_source(
    data: AnnData | str | Path | Sequence[str | Path],
    *,
    layer: str | None = None,
    mod: str | None = None,
    keys: Sequence[str] = (),
    threads: int | None = None,
    scratch: str | Path | None = None,
    config_key: str | None = None,
) -> Source:
    """Open raw counts.

    Parameters
    ----------
    data
        An AnnData, in memory or backed; the path of a file, a zarr store or a folder (h5ad, h5mu, zarr of either, 10x
        HDF5 or folder, loom); or a list of paths, whose cells are concatenated: genes are then those of all files, in
        the order of the first. Of these, 10x folders and h5ad files written by anndata before 0.7 are read into memory.
    layer
        None for X, the name of a layer, or ``"raw"`` for `raw` with its genes, unless a layer has that name.
    mod
        The modality, of an h5mu file or a MuData, or the genome of a 10x file with several. None if there is only one.
    keys
        Columns of obs to read from files. The key ``"file"``, if no file has such a column, is the name of the file of
        each cell: the shortest end of its path that tells it from the others.
    threads
        For decompression; default: all.
    scratch
        Folder for the transposed copy of a matrix that is stored by columns.
    config_key
        Place of the data set in the configuration (``datasets[0]``), for hints that name the setting.

    Returns
    -------
    A context manager that closes the files it opened.

    Raises
    ------
    DataError
        A file cannot be read, or the layer or modality does not exist; a file is listed twice, repeats names of cells
        or genes, or lacks a column that others have; or the files share fewer than 100 names of genes.

    Notes
    -----
    Where cells of several files have the same name, all names get the name of the file as a prefix (``"a:AAAC-1"``).
    """
    setting = f"{config_key}." if config_key else ""
    how = {"layer": layer, "threads": threads, "scratch": scratch, "setting": setting}
    if isinstance(data, str | Path):
        return _of_file(Path(data), keys, mod, **how)
    if isinstance(data, Sequence):
        return _of_files([Path(path) for path in data], keys, mod, **how)
    if hasattr(data, "mod"):
        from portal_lib.preparation.reading.formats import one_of

        data = data.mod[one_of(data.mod, mod, "modalities", setting)]
    return _of_content(of_object(data, keys), "", **how)


def _of_content(content: Content, data_name: str, layer, threads, scratch, setting) -> Source:
    matrix = content.chosen(layer, data_name, setting)
    rows = None if matrix.stored is None else rows_of(matrix.stored, threads=threads, scratch=scratch)
    others = {name: other.stored for name, other in content.matrices.items() if name is not None}
    return Source(
        content.obs,
        content.names,
        content.columns,
        index_of(matrix.genes),
        rows,
        matrix.place,
        matrix.found,
        others,
        list(content.notes),
        var=content.var,
    )


def _of_file(path: Path, keys, mod, setting, **how) -> Source:
    files = ExitStack()
    try:
        with readable(path):
            made = _of_content(content_of(path, keys, mod, setting, files), f"{path}: ", setting=setting, **how)
    except BaseException:
        files.close()
        raise
    made._files = files
    return made


def _of_files(paths: list[Path], keys, mod, **how) -> Source:
    """Several files as one; closes them if they do not fit together."""
    files = ExitStack()
    try:
        _check_listed_once(paths)
        parts = [files.enter_context(_of_file(path, keys, mod, **how)) for path in paths]
        made = _joined(parts, paths, keys, how["setting"])
    except BaseException:
        files.close()
        raise
    made._files = files
    return made


def _check_listed_once(paths: list[Path]) -> None:
    real = [path.resolve() for path in paths]
    if twice := [path for n, path in enumerate(paths) if real[n] in real[:n]]:
        raise DataError(f"{some(twice)}: is listed twice, as one data set. List each file once.")


def _joined(parts: list[Source], paths: list[Path], keys: Sequence[str], setting: str) -> Source:
    """Several sources as one, with the genes that all have, in the order of the first."""
    for part, path in zip(parts, paths, strict=True):
        _check_part(part, path, setting)
    short, first = short_names(paths), parts[0]
    genes = first.genes[np.all([first.genes.isin(part.genes) for part in parts], axis=0)]
    notes = [f"{name}: {note}" for name, part in zip(short, parts, strict=True) for note in part.notes]
    notes += _gene_notes(parts, paths, len(genes))
    columns = [column for column in first.columns if all(column in part.columns for part in parts)]
    _check_columns(parts, paths, [key for key in keys if key not in columns and key != FILE])
    made = {str(key): joined_columns([part.obs[key] for part in parts]) for key in _read_by_all(parts)}
    obs = pd.DataFrame(made, index=pd.RangeIndex(sum(len(part.obs) for part in parts)))
    if FILE in keys and FILE not in columns:
        sizes = [len(part.obs) for part in parts]
        obs[FILE] = pd.Categorical.from_codes(np.repeat(np.arange(len(parts)), sizes), short)
        columns.append(FILE)
    rows = _Joined(
        [part.rows for part in parts if part.rows is not None],
        [genes.get_indexer(part.genes) for part in parts],
        len(genes),
    )
    names = Names.joined([part.names for part in parts])
    same = None
    if shared := names.repeated():
        same = names.pairs()
        names = Names.joined([part.names for part in parts], [f"{name}:" for name in short])
        have = f"{len(shared):,} cell name{'s are' if len(shared) > 1 else ' is'} in more than one file"
        notes.append(
            f"{have} ({some(map(repr, shared), 3)}); all got the name of their file as a prefix, as {names[0]!r}."
        )
    named = list(zip([str(path) for path in paths], parts, strict=True))
    return Source(obs, names, columns, genes, rows, first.place, notes=notes, parts=named, same_names=same)


def _check_part(part: Source, path: Path, setting: str) -> None:
    """Raise DataError for a file that cannot be joined with any other."""
    if part.rows is None:
        others = f" It has {', '.join(part.others)}: set {setting}layer." if part.others else ""
        raise DataError(f"{path}: {part.place} is {part.found or 'missing'}; a matrix of numbers is needed.{others}")
    if part.rows.shape != part.shape:
        of_matrix, of_names = (f"{n} × {m}" for n, m in (part.rows.shape, part.shape))
        raise DataError(f"{path}: {part.place} has shape {of_matrix}, but the names are those of {of_names}.")
    for names, what, function in ((Names.of(part.genes), "gene", "var"), (part.names, "cell", "obs")):
        if twice := names.repeated():
            said = f"{path}: {what} names occur more than once: {some(map(repr, twice))}."
            raise DataError(f"{said} adata.{function}_names_make_unique() renames them.")


def _read_by_all(parts: list[Source]) -> list[Any]:
    return [key for key in parts[0].obs if all(key in part.obs for part in parts)]


def _check_columns(parts: list[Source], paths: list[Path], keys: Sequence[str]) -> None:
    """Raise DataError if only some of the files have a column."""
    for key in keys:
        have = [key in part.columns for part in parts]
        if any(have):
            lacking = have.index(False)
            found = some(parts[lacking].columns, 20) or "no columns"
            others = some(path for path, there in zip(paths, have, strict=True) if there)
            raise DataError(f"{paths[lacking]}: obs has no column '{key}', which {others} has. Found: {found}.")


def short_names(paths: Sequence[Path]) -> list[str]:
    """Names of files without suffix: the shortest ends of their paths that differ."""
    parts = [(*path.parts[:-1], path.stem if path.suffix in SUFFIXES else path.name) for path in map(Path, paths)]
    for n in range(1, max(map(len, parts)) + 1):
        # Where the names are equal (Cell Ranger), a folder tells files apart.
        found = ["/".join(part[-n:]) for part in parts]
        if len(set(found)) == len(found):
            return found if n == 1 else _without_common_end(found)
    return [str(path) for path in paths]


def _without_common_end(names: list[str]) -> list[str]:
    """Names without the last parts of the path that all have."""
    split = [name.split("/") for name in names]
    while all(len(parts) > 1 for parts in split) and len({parts[-1] for parts in split}) == 1:
        split = [parts[:-1] for parts in split]
    return ["/".join(parts) for parts in split]


def _gene_notes(parts: list[Source], paths: list[Path], n_shared: int) -> list[str]:
    """One note on the genes that not all files have, if there are any; DataError if they share too few."""
    sizes = sorted({len(part.genes) for part in parts})
    if sizes == [n_shared]:
        return []
    files = [GenesOfFile(str(path), part.genes, part.var) for path, part in zip(paths, parts, strict=True)]
    if n_shared < min(MIN_SHARED, sizes[0]):
        raise DataError(difference(files, n_shared))
    measured = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    note = (
        f"{n_shared:,} genes are in all {len(parts)} files, which measured {measured} each; the others are left out, "
        "but count in the totals of the cells."
    )
    if n_shared >= FEW * sizes[0]:
        return [note]
    said = difference(files, n_shared)
    return [f"{note} {said[0].upper()}{said[1:]}"]


class _Joined(Rows):
    """Rows of several matrices; `columns` gives the new position of each column of each matrix, -1 to drop it."""

    def __init__(self, parts: Sequence[Rows], columns: Sequence[np.ndarray], n_columns: int):
        self._parts, self._columns = parts, columns
        self.shape = (sum(part.shape[0] for part in parts), n_columns)
        self.dtype = np.result_type(*(part.dtype for part in parts))
        self.dropped: np.ndarray = np.zeros(self.shape[0])

    def chunks(self) -> Iterator[sp.csr_matrix]:
        start = 0
        for part, columns in zip(self._parts, self._columns, strict=True):
            same = len(columns) == self.shape[1] and (columns == np.arange(len(columns))).all()
            for chunk in part.chunks():
                if not same:
                    lost = chunk[:, np.flatnonzero(columns < 0)].sum(axis=1, dtype=np.float64)
                    self.dropped[start : start + chunk.shape[0]] = np.asarray(lost).ravel()
                    chunk = _renumbered(chunk, columns, self.shape[1])
                yield chunk
                start += chunk.shape[0]


def _renumbered(chunk: sp.csr_matrix, columns: np.ndarray, n_columns: int) -> sp.csr_matrix:
    """The same rows with columns selected and reordered."""
    places = columns[chunk.indices]
    kept = places >= 0
    pointers = np.concatenate([[0], np.cumsum(kept)])[chunk.indptr]
    made = sp.csr_matrix((chunk.shape[0], n_columns), dtype=chunk.dtype)
    made.data, made.indices = chunk.data[kept], places[kept].astype(np.int32)
    made.indptr = pointers.astype(np.int32)
    made.has_sorted_indices = False
    return canonical(made)
