"""Files that hold counts of cells: h5ad, zarr, h5mu, 10x HDF5 and folders, loom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from portal_lib._text import some, suggest
from portal_lib.errors import DataError
from portal_lib.preparation.reading.names import Names
from portal_lib.preparation.reading.storage import is_zarr

# Names of row and column attributes of loom files that hold the names of genes and of cells, the most usual first.
LOOM_GENES = ("Gene", "gene", "gene_names", "gene_name", "var_names", "Accession", "gene_ids", "ID", "rownames")
LOOM_CELLS = ("CellID", "cell_names", "obs_names", "cell_id", "Cell", "barcode", "barcodes", "colnames")
GENES = "Gene Expression"
READ = "h5ad, zarr, h5mu, 10x HDF5, a folder with matrix.mtx, loom"
SEURAT = "zellkonverter::writeH5AD(Seurat::as.SingleCellExperiment(object), 'mine.h5ad') in R"
# What to do with a file of another kind, by suffix.
ELSEWHERE = {
    ".rds": f"Convert the object: {SEURAT}.",
    ".rdata": f"Convert the object: {SEURAT}.",
    ".rda": f"Convert the object: {SEURAT}.",
    ".h5seurat": "Convert it: SeuratDisk::Convert('mine.h5seurat', dest='h5ad') in R.",
    ".mtx": "Give the folder that holds it, with barcodes.tsv and features.tsv.",
    ".csv": "Read the table with pandas, and write anndata.AnnData(table) as h5ad; cells are rows.",
    ".gz": "Decompress it.",
    ".zip": "Unpack it.",
    ".tar": "Unpack it.",
}
TABLES = (".csv", ".tsv", ".txt", ".tab", ".xlsx", ".parquet", ".feather")
ELSEWHERE |= dict.fromkeys(TABLES, ELSEWHERE[".csv"])


@dataclass
class Matrix:
    """One matrix of a file.

    Parameters
    ----------
    place
        Its name in messages: ``X``, ``layers['counts']``, ``raw.X``.
    stored
        What :func:`portal_lib.preparation.reading.rows.rows_of` reads; None if it is missing.
    genes
        Names of its columns: an index, or a stored table.
    """

    place: str
    stored: Any
    genes: Any

    @property
    def found(self) -> str:
        """What it is, where it is not a matrix of numbers; empty if it is missing."""
        if self.stored is None:
            return ""
        kind = getattr(self.stored, "attrs", {}).get("encoding-type") if hasattr(self.stored, "attrs") else None
        return f"stored as {kind}" if kind else type(self.stored).__name__


@dataclass
class Content:
    """What a file or an object holds, before one of its matrices is chosen.

    Parameters
    ----------
    obs
        Table of the cells; from files only the requested columns.
    names
        Cell names.
    columns
        Names of all columns of obs.
    matrices
        By the value of `layer` that selects them; None for X.
    var
        Returns the table var.
    notes
        What was left out or renamed.
    """

    obs: pd.DataFrame
    names: Names
    columns: list[str]
    matrices: dict[str | None, Matrix]
    var: Callable[[], pd.DataFrame] = pd.DataFrame
    notes: list[str] = field(default_factory=list)

    def chosen(self, layer: str | None, data_name: str, setting: str) -> Matrix:
        """The matrix of a layer; DataError if there is none."""
        if layer in self.matrices:
            return self.matrices[layer]
        known = [name for name in self.matrices if name is not None]
        found = ", ".join(known) or "no layers"
        raise DataError(f"{data_name}has no layer '{layer}'{suggest(layer, known)} Found: {found}. Set {setting}layer.")


class readable:
    """Turns errors of HDF5 and of decoding into one DataError."""

    def __init__(self, path: Path):
        self._path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        from portal_lib.preparation.reading.files import cannot_read

        if kind is None or not issubclass(kind, Exception) or issubclass(kind, MemoryError):
            return
        if issubclass(kind, DataError):
            if str(error).startswith(str(self._path)):
                return
            raise DataError(f"{self._path}: {error}") from None
        if issubclass(kind, UnicodeDecodeError):
            found = bytes(error.object[:40])
            raise DataError(f"{self._path}: the text {found!r} is not UTF-8. Write it again as UTF-8.") from error
        raise cannot_read(self._path, error) from error


def content_of(path: Path, keys: Sequence[str], mod: str | None, setting: str, files: ExitStack) -> Content:
    """What a file or folder holds.

    Parameters
    ----------
    path
        A file or folder of one of the formats.
    keys
        Columns of obs to read.
    mod
        The modality of an h5mu file, or the genome of a 10x file with several; None if there is only one.
    setting
        Prefix of a setting in messages (``datasets[0].``).
    files
        Closes what is opened.

    Raises
    ------
    DataError
        It is none of the formats, or holds several modalities and `mod` chooses none.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file (current folder: {Path.cwd()}).")
    if is_zarr(path):
        import zarr

        return _of_store(zarr.open_group(path, mode="r"), path, keys, mod, setting)
    if path.is_dir():
        return _of_folder(path)
    return _of_store(files.enter_context(_hdf5(path)), path, keys, mod, setting)


def is_data_folder(path: Path) -> bool:
    """Whether a folder is of a format that is read."""
    return is_zarr(path) or bool(_matrices(path))


def _hdf5(path: Path) -> Any:
    import h5py

    from portal_lib.preparation.reading.files import cannot_open

    try:
        if not h5py.is_hdf5(path):
            size = path.stat().st_size
            raise DataError(f"{path}: is not an h5ad file ({size:,} bytes, not in HDF5 format). {_advice(path)}")
        return h5py.File(path, "r")
    except OSError as error:
        raise cannot_open(path, error) from error


def _advice(path: Path) -> str:
    """What to do with a file that is none of the formats, by its name; a compressed table is read as a table."""
    suffix = path.suffix.lower()
    if suffix == ".gz" and (inner := Path(path.stem).suffix.lower()) in TABLES:
        suffix = inner
    return ELSEWHERE.get(suffix, f"These are read: {READ}.")


def _of_store(store: Any, path: Path, keys: Sequence[str], mod: str | None, setting: str) -> Content:
    """Content of an HDF5 file or zarr store of any kind."""
    found = set(store)
    if "mod" in found:
        return _of_modality(store, keys, mod, setting)
    if {"obs", "var"} <= found:
        _no_modalities(mod, setting)
        return _of_anndata(store, keys, path)
    if "matrix" in found and "row_attrs" in found:
        _no_modalities(mod, setting)
        return _of_loom(store, keys)
    genomes = {name: store[name] for name in found if hasattr(store[name], "keys") and "barcodes" in store[name]}
    if "matrix" in genomes and "features" in genomes["matrix"] and hasattr(genomes["matrix"]["features"], "keys"):
        _no_modalities(mod, setting)
        return _of_10x(genomes["matrix"], "matrix")
    genomes = {name: group for name, group in genomes.items() if "indptr" in group and "genes" in group}
    if genomes:
        name = one_of(genomes, mod, "genomes", setting)
        return _of_10x(genomes[name], name)
    holds = ", ".join(sorted(found)) or "nothing"
    raise DataError(f"{path}: is HDF5, but not an h5ad: it has no obs and var. Found: {holds}. {_advice(path)}")


def _no_modalities(mod: str | None, setting: str) -> None:
    if mod is not None:
        raise DataError(f"has no modalities, so there is no '{mod}'. Leave out {setting}mod.")


def one_of(found: Any, mod: str | None, what: str, setting: str) -> str:
    """The chosen one of several parts of a file, or its only one."""
    known = sorted(found)
    if mod is None and len(known) == 1:
        return known[0]
    if mod in known:
        return str(mod)
    wrong = f"has no '{mod}'{suggest(mod, known)} It" if mod is not None else "it"
    raise DataError(f"{wrong} has the {what} {', '.join(known) or 'of none'}. Set {setting}mod to one of them.")


# --- AnnData, MuData


def _of_modality(store: Any, keys: Sequence[str], mod: str | None, setting: str) -> Content:
    """One modality of an h5mu; columns that only the table of all modalities has are taken from there."""
    name = one_of(store["mod"], mod, "modalities", setting)
    own = _of_anndata(store["mod"][name], keys, None)
    if "obs" not in store or "obsmap" not in store or name not in store["obsmap"]:
        return own
    # Place of every cell of the whole in the modality, from 1; 0 if it is not measured there.
    places = np.asarray(store["obsmap"][name][:]).ravel().astype(np.int64)
    whole, _, columns = _table(store["obs"], [key for key in keys if key not in own.columns])
    there = np.flatnonzero(places > 0)
    if sorted(places[there]) == list(range(1, len(own.names) + 1)):
        rows = np.empty(len(there), np.int64)
        rows[places[there] - 1] = there
        for key in keys:
            if key not in own.columns and key in columns:
                own.obs = own.obs.assign(**{key: whole[key].iloc[rows].set_axis(own.obs.index)})
        own.columns += [column for column in columns if column not in own.columns]
    return own


def _of_anndata(store: Any, keys: Sequence[str], path: Path | None) -> Content:
    """An AnnData on disk, of which only names and columns are read; one of an old version is read as a whole."""
    if path is not None and path.is_file() and _is_old(store):
        from portal_lib.preparation.reading.files import read_h5ad

        return of_object(read_h5ad(path), keys)
    raw, layers = _group(store, "raw"), _group(store, "layers")
    obs, names, columns = _table(store["obs"], keys)
    matrices: dict[str | None, Matrix] = {None: Matrix("X", store.get("X"), store["var"])}
    for name in sorted(layers):
        matrices[name] = Matrix(f"layers['{name}']", layers[name], store["var"])
    # A layer of this name goes first.
    if "X" in raw and "var" in raw:
        matrices.setdefault("raw", Matrix("raw.X", raw["X"], raw["var"]))
    return Content(obs, names, columns, matrices, lambda: _read(store["var"]))


def _group(store: Any, name: str) -> Any:
    """A group; empty where it is missing, which may be stored as a null."""
    held = store.get(name)
    return held if hasattr(held, "keys") else {}


def _is_old(store: Any) -> bool:
    """Whether tables are compound arrays or sparse matrices state their format in the words of anndata before 0.7."""
    matrices = [store[name] for name in ("X", "raw.X") if name in store]
    return (
        any(not hasattr(store[name], "keys") for name in ("obs", "var"))
        or "raw.X" in store
        or any("h5sparse_format" in matrix.attrs for matrix in matrices)
    )


def of_object(adata: Any, keys: Sequence[str]) -> Content:
    """An AnnData in memory, or backed."""
    columns = [str(name) for name in adata.obs]
    for key in keys:
        if (n := columns.count(key)) > 1:
            raise DataError(f"obs has {n} columns '{key}'. Rename or remove all but one.")
    matrices: dict[str | None, Matrix] = {None: Matrix("X", adata.X, adata.var_names)}
    for name in sorted(adata.layers):
        matrices[name] = Matrix(f"layers['{name}']", adata.layers[name], adata.var_names)
    if adata.raw is not None:
        matrices.setdefault("raw", Matrix("raw.X", adata.raw.X, adata.raw.var_names))
    return Content(adata.obs, Names.of(adata.obs_names), columns, matrices, lambda: adata.var)


def _table(group: Any, keys: Sequence[str]) -> tuple[pd.DataFrame, Names, list[str]]:
    """The requested columns of obs (all if one is missing or the file is old), cell names, and names of all columns."""
    columns = [str(name) for name in group.attrs.get("column-order", [])] if hasattr(group, "attrs") else []
    plain = hasattr(group, "keys") and "encoding-type" in group.attrs and "__categories" not in group
    if plain and set(keys) <= set(columns):
        stored = group[group.attrs["_index"]]
        names = Names.of(stored if hasattr(stored, "shape") else _read(stored))
        made = {key: _read(group[key]) for key in dict.fromkeys(keys)}
        return pd.DataFrame(made, index=pd.RangeIndex(len(names))), names, columns
    table = _read(group)
    return table, Names.of(table.index), [str(name) for name in table.columns]


def _read(stored: Any) -> Any:
    from anndata.io import read_elem

    return read_elem(stored)


def index_of(table: Any) -> pd.Index:
    """Row names of a table, on disk or in memory."""
    if table is None:
        return pd.Index([])
    if isinstance(table, pd.Index):
        return table
    key = table.attrs.get("_index") if hasattr(table, "keys") else None
    if key is None:
        return _read(table).index
    return pd.Index(_read(table[key]))


# --- 10x


def _of_10x(group: Any, place: str) -> Content:
    """A matrix of Cell Ranger: genes × cells by column, so cells × genes by row."""
    from portal_lib.preparation.reading.rows import stored_by_row

    features = group.get("features", group)
    n_genes, n_cells = (int(n) for n in group["shape"][:])
    names = _texts(features["name"] if "features" in group else group["gene_names"])
    kinds = np.array(_texts(features["feature_type"])) if "feature_type" in features else None
    ids = _texts(features["id"] if "features" in group else group["genes"])
    rows = stored_by_row(group, (n_cells, n_genes))
    return _from_10x(names, ids, kinds, _texts(group["barcodes"]), rows, place)


def _from_10x(names, ids, kinds, barcodes, rows, place: str) -> Content:
    from portal_lib.preparation.reading.rows import Columns

    notes, genes = [], pd.Index(names, dtype=object)
    table = pd.DataFrame({"gene_ids": ids})
    if kinds is not None and not (kinds == GENES).all() and (kinds == GENES).any():
        kept = np.flatnonzero(kinds == GENES)
        others = ", ".join(f"{n:,} of {kind}" for kind, n in pd.Series(kinds[kinds != GENES]).value_counts().items())
        notes.append(f"{len(kept):,} features of {GENES} are used, and {others} left out.")
        genes, table = genes[kept], table.iloc[kept]
        rows = Columns(rows, kept)
    genes = _unique(genes, notes)
    obs = pd.DataFrame(index=pd.RangeIndex(len(barcodes)))
    matrices: dict[str | None, Matrix] = {None: Matrix(place, rows, genes)}
    return Content(obs, Names([barcodes]), [], matrices, lambda: table.set_axis(genes), notes)


def _unique(genes: pd.Index, notes: list[str]) -> pd.Index:
    """Names, of which repeated ones get numbers, with a note: in these formats symbols repeat as a rule."""
    from anndata.utils import make_index_unique

    if n := int(genes.duplicated().sum()):
        have = "gene name that occurred before" if n == 1 else "gene names that occurred before"
        notes.append(f"{n:,} {have} got a number at the end, as in scanpy.")
        return pd.Index(make_index_unique(genes))
    return genes


def _matrices(folder: Path) -> list[Path]:
    """Files in Matrix Market format in a folder."""
    return sorted([*folder.glob("*matrix.mtx"), *folder.glob("*matrix.mtx.gz")])


def _of_folder(folder: Path) -> Content:
    """A folder of Cell Ranger, plain or compressed; file names may have a prefix, as in GEO."""
    from scipy.io import mmread
    from scipy.sparse import csr_matrix

    found = _matrices(folder)
    if len(found) != 1:
        holds = f"{len(found)} files matrix.mtx: {some(file.name for file in found)}" if found else "no matrix.mtx"
        raise DataError(f"{folder}: is a folder with {holds}, and not a zarr store. These are read: {READ}.")
    (file,) = found
    prefix = file.name.partition("matrix.mtx")[0]
    features = _lines(folder, prefix, ("features.tsv", "genes.tsv"))
    barcodes = _lines(folder, prefix, ("barcodes.tsv",))[0].tolist()
    matrix = csr_matrix(mmread(file).T)
    if matrix.shape != (len(barcodes), len(features)):
        of_matrix = f"{matrix.shape[1]:,} × {matrix.shape[0]:,}"
        raise DataError(
            f"{file}: has {of_matrix} entries, but there are {len(features):,} features and {len(barcodes):,} barcodes."
        )
    names = features[min(1, features.shape[1] - 1)].tolist()
    kinds = features[2].to_numpy() if features.shape[1] > 2 else None
    return _from_10x(names, features[0].tolist(), kinds, barcodes, matrix, file.name)


def _lines(folder: Path, prefix: str, names: Sequence[str]) -> pd.DataFrame:
    """A table without header, of text."""
    for name in names:
        for file in (folder / f"{prefix}{name}", folder / f"{prefix}{name}.gz"):
            if file.exists():
                return pd.read_csv(file, sep="\t", header=None, dtype=str, keep_default_na=False)
    raise DataError(f"{folder}: has no {' or '.join(prefix + name for name in names)}, plain or with .gz.")


# --- loom


def _of_loom(store: Any, keys: Sequence[str]) -> Content:
    """A loom file: genes × cells, dense, with attributes of rows and columns."""
    from portal_lib.preparation.reading.rows import Transposed

    n_genes, n_cells = store["matrix"].shape
    rows, columns = store["row_attrs"], store["col_attrs"]
    notes: list[str] = []
    named = _texts(rows[_attribute(rows, LOOM_GENES, "row_attrs", n_genes)])
    genes = _unique(pd.Index(named, dtype=object), notes)
    plain = [name for name in columns if columns[name].shape == (n_cells,)]
    cells = _texts(columns[_attribute(columns, LOOM_CELLS, "col_attrs", n_cells)])
    read = keys if set(keys) <= set(plain) else plain
    obs = pd.DataFrame({name: _column(columns[name]) for name in dict.fromkeys(read)}, index=pd.RangeIndex(n_cells))
    layers = store.get("layers", {})
    matrices: dict[str | None, Matrix] = {None: Matrix("matrix", Transposed(store["matrix"]), genes)}
    matrices |= {name: Matrix(f"layers['{name}']", Transposed(layers[name]), genes) for name in sorted(layers)}
    texts = {name: _column(rows[name]) for name in rows if rows[name].shape == (n_genes,)}
    return Content(obs, Names([cells]), plain, matrices, lambda: pd.DataFrame(texts), notes)


def _attribute(group: Any, names: Sequence[str], where: str, n: int) -> str:
    """The attribute that holds names."""
    for name in names:
        if name in group and group[name].shape == (n,):
            return name
    found = ", ".join(sorted(group)) or "nothing"
    raise DataError(f"{where} has no names: none of {', '.join(names)}. Found: {found}. Rename the right one.")


def _column(stored: Any) -> Any:
    return _texts(stored) if stored.dtype.kind in "SO" else stored[:]


def _texts(stored: Any) -> list[str]:
    """Texts of fixed or variable length as text."""
    return [value.decode() if isinstance(value, bytes) else str(value) for value in _values(stored)]


def _values(stored: Any) -> Iterator[Any]:
    yield from np.asarray(stored[:]).ravel().tolist()
