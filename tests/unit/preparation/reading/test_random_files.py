"""Random data, written and read in every form, give the result of memory or one message; damage gives one message.

``PORTAL_DRAWS`` sets the number of draws: few by default, 2,000 for the whole range; ``PORTAL_FIRST_DRAW`` the first.
"""

import logging
import os
import warnings
from itertools import pairwise

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from portal_lib.errors import DataError
from portal_lib.preparation import prepare
from portal_lib.preparation.reading import rows

DRAWS = int(os.environ.get("PORTAL_DRAWS", "12"))
FIRST = int(os.environ.get("PORTAL_FIRST_DRAW", "0"))
FEW = {"n_top_genes": 100, "n_pcs": 4, "n_highly_variable": 100, "n_pcs_unintegrated": 4}
TEXT = h5py.string_dtype()
WORDS = ["T", "B cell", "γδ", "T细胞", "NA", "nan", "001", "1e5", "null", "a/b", "a\nb", " x", "x" * 60, "True"]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch, caplog):
    """Small chunks, so that few cells make many."""
    monkeypatch.setattr(rows, "CHUNK", 700)
    caplog.set_level(logging.ERROR)


# --- the data


def drawn_cells(rng):
    """Counts of two to four batches in memory, CSR, with text in obs; some with faults, some of which are errors."""
    sizes = rng.integers(11, 30, rng.integers(2, 5))
    n_cells, n_genes = int(sizes.sum()), int(rng.integers(100, 150))
    mean = rng.gamma(0.8, 3.0, n_genes) * rng.lognormal(0, 0.5, (n_cells, n_genes))
    counts = rng.poisson(mean).astype(np.float32)
    batches, labels = (drawn_names(rng, n) for n in (len(sizes), 3))
    batch = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    obs = pd.DataFrame({"tech": np.array(batches)[batch], "type": np.array(labels)[rng.integers(3, size=n_cells)]})
    marks = rng.choice(["", "-1", "é", ".1"], 2)
    cells = [f"c{i}{marks[0]}" for i in range(n_cells)]
    genes = [f"G{i}{marks[1]}" for i in range(n_genes)]
    fault = rng.choice(["none"] * 6 + FAULTS)
    if fault == "repeated cell":
        cells[3] = cells[9]
    if fault == "repeated gene":
        genes[3] = genes[9]
    if fault in VALUES:
        counts[rng.integers(n_cells), rng.integers(n_genes)] = VALUES[fault]
    if fault == "logarithms":
        counts = np.log1p(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) * 1e4)
    if fault == "zeros":
        counts[:] = 0
    if fault == "empty cells and genes":
        counts[:2], counts[:, :2] = 0, 0
    obs = obs.astype(object)
    if fault == "missing label":
        obs.loc[rng.integers(n_cells), "type"] = np.nan
    if fault == "missing batch":
        obs.loc[rng.integers(n_cells), "tech"] = np.nan
    if fault == "small batch":
        obs.loc[:3, "tech"] = "small"
    obs.index = cells
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return anndata.AnnData(sp.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=genes))


VALUES = {"NaN": np.nan, "infinite": np.inf, "negative": -2, "fraction": 0.5, "large": 3000}
FAULTS = [*VALUES, "repeated cell", "repeated gene", "logarithms", "zeros", "empty cells and genes"]
FAULTS += ["missing label", "missing batch", "small batch"]


def drawn_names(rng, n):
    """Distinct names: words, or whole numbers that may be stored as numbers."""
    if rng.random() < 0.4:
        return [str(i) for i in rng.choice(50, n, replace=False)]
    return [str(name) for name in rng.choice(WORDS, n, replace=False)]


# --- its forms


def unsorted(matrix):
    """The same rows, each with its stored values in reverse."""
    order = np.concatenate([np.arange(stop - 1, start - 1, -1) for start, stop in pairwise(matrix.indptr)])
    return sp.csr_matrix((matrix.data[order], matrix.indices[order], matrix.indptr), shape=matrix.shape)


def with_zeros(matrix):
    """The same matrix with some zeros stored."""
    made = matrix.tocoo()
    extra = [np.append(values, more) for values, more in ((made.data, [0, 0]), (made.row, [0, 5]), (made.col, [0, 7]))]
    return sp.csr_matrix((extra[0], (extra[1], extra[2])), shape=matrix.shape)


MATRICES = {
    "csr": sp.csr_matrix,
    "csc": sp.csc_matrix,
    "dense": lambda x: x.toarray(),
    "dense by column": lambda x: np.asfortranarray(x.toarray()),
    "unsorted": unsorted,
    "stored zeros": with_zeros,
}


def drawn_matrix(rng, counts):
    """The counts in some form and number type that holds them exactly."""
    whole = bool(np.isfinite(counts.data).all() and (counts.data >= 0).all() and (counts.data % 1 == 0).all())
    kinds = ["f4", "f8"] + (["i4", "i8", "u2", "u4", "i2", "u8"] if whole else [])
    name = str(rng.choice(list(MATRICES)))
    made = MATRICES[name](counts.astype(str(rng.choice(kinds))))
    if name.startswith("dense") and (counts.data[np.isfinite(counts.data)] % 0.5 == 0).all() and rng.random() < 0.2:
        made = made.astype("f2")
    return made


def drawn_column(rng, values):
    """A column of text as some other type with the same values."""
    numeric = [value for value in values if value == value]
    forms = ["object", "categorical", "ordered", "unused"]
    if all(str(value).isdecimal() and str(int(value)) == value for value in numeric):
        forms += ["float", "categorical float", "nullable", "text of floats"]
        forms += ["int"] if len(numeric) == len(values) else []
    form = rng.choice(forms)
    categories = sorted(set(numeric))
    numbers = pd.Series([np.nan if value != value else float(value) for value in values]) if "float" in forms else None
    if form in ("categorical", "ordered", "unused"):
        more = ["never"] if form == "unused" else []
        return pd.Categorical(values, [*categories, *more], ordered=form == "ordered")
    if form == "object" or numbers is None:
        return np.array(values, dtype=object)
    return {
        "float": numbers.to_numpy(),
        "int": numbers.to_numpy(dtype=float, na_value=0).astype(np.int64),
        "categorical float": pd.Categorical(numbers),
        "nullable": pd.array(numbers.astype("Int64")),
        "text of floats": np.array([value if value != value else f"{value}.0" for value in values], dtype=object),
    }[form]


def drawn_object(rng, cells):
    """The same data with other types, in X, a layer or raw; and the layer."""
    matrix = drawn_matrix(rng, cells.X)
    obs = pd.DataFrame({key: drawn_column(rng, cells.obs[key].tolist()) for key in cells.obs}, index=cells.obs_names)
    obs["n"], obs["flag"] = rng.random(cells.n_obs), rng.random(cells.n_obs) < 0.5
    place = rng.choice(["X", "layer", "raw"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = anndata.AnnData(matrix, obs=obs, var=cells.var)
        if place == "raw":
            made.raw = made.copy()
        if place != "X":
            made.layers["counts"] = made.X.copy()
            made.X = sp.csr_matrix(np.round(np.log1p(np.abs(np.nan_to_num(cells.X.toarray(), posinf=0))), 2))
    return made, {"X": None, "layer": "counts", "raw": "raw"}[place]


FORMS = ["memory", "backed", "h5ad", "gzip", "lzf", "zarr", "h5mu", "loom", "files", "files"]


def written(rng, adata, layer, folder):
    """What to read, in some form on disk, and the layer in it."""
    form = str(rng.choice(FORMS))
    if form == "memory":
        return adata, layer
    path = folder / f"mine.{form}"
    if form == "loom":
        write_loom(adata, path, layer)
        return path, None
    if form == "zarr":
        adata.write_zarr(path)
    elif form == "h5mu":
        adata.strings_to_categoricals()
        with h5py.File(path, "w") as file:
            anndata.io.write_elem(file, "mod/rna", adata)
    elif form == "files":
        return split(rng, adata, folder), layer
    else:
        adata.write_h5ad(path, compression=form if form in ("gzip", "lzf") else None)
    return (anndata.read_h5ad(path, backed="r"), layer) if form == "backed" else (path, layer)


def split(rng, adata, folder):
    """Two files, of which each has its own types of obs and the second its own order of genes."""
    at = int(rng.integers(5, adata.n_obs - 5))
    parts, paths = [adata[:at].copy(), adata[at:].copy()], [folder / "one.h5ad", folder / "two.h5ad"]
    if parts[1].var_names.is_unique and parts[1].raw is None:
        parts[1] = parts[1][:, rng.permutation(adata.n_vars)].copy()
    for part, path in zip(parts, paths, strict=True):
        for key in ("tech", "type"):
            values = [np.nan if pd.isna(value) else str(value).removesuffix(".0") for value in part.obs[key]]
            part.obs[key] = drawn_column(rng, values)
        part.write_h5ad(path)
    return paths


def write_loom(adata, path, layer):
    """Genes × cells, dense; obs as numbers or text, where a missing value is an empty text."""
    matrix = {None: adata.X, "raw": None if adata.raw is None else adata.raw.X}.get(layer, adata.layers.get("counts"))
    values = matrix.toarray() if sp.issparse(matrix) else np.asarray(matrix)
    with h5py.File(path, "w") as file:
        file.create_dataset("matrix", data=values.T, chunks=(16, 16))
        file.create_dataset("row_attrs/Gene", data=adata.var_names.tolist(), dtype=TEXT)
        file.create_dataset("col_attrs/CellID", data=adata.obs_names.tolist(), dtype=TEXT)
        for key in ("tech", "type"):
            texts = ["" if pd.isna(value) else str(value).removesuffix(".0") for value in adata.obs[key]]
            file.create_dataset(f"col_attrs/{key}", data=texts, dtype=TEXT)


# --- the properties


def outcome(data, **how):
    """The prepared object, or the message of the DataError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return prepare(data, batch_key="tech", label_key="type", **FEW, **how)
        except DataError as error:
            return str(error)


@pytest.mark.parametrize("draw", range(FIRST, FIRST + DRAWS))
def test_any_form_gives_the_result_of_memory_or_one_message(tmp_path, draw):
    rng = np.random.default_rng(draw)
    cells = drawn_cells(rng)
    expected = outcome(cells)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adata, layer = drawn_object(rng, cells)
        data, layer = written(rng, adata, layer, tmp_path)
    made = outcome(data, layer=layer)
    if isinstance(expected, str):
        # Repeated genes of a loom file get a number, as in scanpy, and names that two files share a prefix.
        renamed = ("gene name" in expected and str(data).endswith("loom")) or (
            "cell name" in expected and isinstance(data, list)
        )
        assert renamed or isinstance(made, str), f"an error in memory only: {expected}"
        return
    assert not isinstance(made, str), made
    np.testing.assert_array_equal(made.X.toarray(), expected.X.toarray())
    assert made.var_names.tolist() == expected.var_names.tolist()
    assert made.obs_names.tolist() == expected.obs_names.tolist()
    for key in ("batch", "label"):
        assert made.obs[key].astype(str).tolist() == expected.obs[key].astype(str).tolist()
        assert list(made.obs[key].cat.categories) == list(expected.obs[key].cat.categories)
    for name in expected.obsm:
        np.testing.assert_array_equal(made.obsm[name], expected.obsm[name])


@pytest.mark.parametrize("draw", range(FIRST, FIRST + DRAWS))
def test_a_damaged_file_gives_a_result_or_one_message(tmp_path, draw):
    """Bytes of the file anywhere but in its first part, which HDF5 itself reads without checks."""
    rng = np.random.default_rng([1, draw])
    cells = drawn_cells(rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adata, layer = drawn_object(rng, cells)
        adata.write_h5ad(tmp_path / "mine.h5ad", compression=rng.choice(["gzip", "lzf", None]))
    image = bytearray((tmp_path / "mine.h5ad").read_bytes())
    with h5py.File(tmp_path / "mine.h5ad") as file:
        places = []
        file.visititems(lambda _, item: places.extend(_stored_ranges(item)))
    for _ in range(int(rng.integers(1, 4))):
        offset, size = places[rng.integers(len(places))]
        at = offset + int(rng.integers(max(size, 1)))
        image[at : at + 8] = rng.integers(0, 256, len(image[at : at + 8]), dtype=np.uint8).tobytes()
    if rng.random() < 0.2:
        image = image[: int(rng.integers(1, len(image)))]
    (tmp_path / "mine.h5ad").write_bytes(image)
    found = outcome(tmp_path / "mine.h5ad", layer=layer)
    if isinstance(found, str):
        assert str(tmp_path / "mine.h5ad") in found or found.startswith("the data")
        assert "Traceback" not in found


def _stored_ranges(item):
    """Where the values of a dataset are in the file."""
    if not isinstance(item, h5py.Dataset) or item.shape is None or not item.size:
        return []
    if item.chunks is None:
        return [(item.id.get_offset(), item.id.get_storage_size())] if item.id.get_offset() is not None else []
    chunks = [item.id.get_chunk_info(number) for number in range(item.id.get_num_chunks())]
    return [(chunk.byte_offset, chunk.size) for chunk in chunks]
