"""Embeddings that were made elsewhere are matched by name of the cell, and every mistake in them is one message."""

import gzip

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata.io import write_elem

from portal_lib.errors import DataError
from portal_lib.preparation.inputs import is_table
from portal_lib.preparation.reading.embeddings import keys_of, read_embedding, read_obsm, read_obsp

CELLS = pd.Index(["c0", "001", "NA", "c-3"])
POINTS = np.array([[0.5, -1], [1e-3, 2], [3, 4], [5, 6.25]], np.float32)


def frame(order=(2, 0, 3, 1)):
    return pd.DataFrame(POINTS[list(order)], index=CELLS[list(order)], columns=["PC_1", "PC_2"])


def as_r_writes(table, sep):
    """As R's write.table: quoted names, and no name of the first column."""
    lines = [sep.join(f'"{name}"' for name in table.columns)]
    lines += [
        sep.join([f'"{name}"', *map(repr, map(float, row))])
        for name, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    return "\n".join(lines) + "\n"


WRITTEN = {
    "named.csv": frame().to_csv(index_label="cell"),
    "numbered.csv": frame().set_axis([0, 1], axis=1).to_csv(),
    "tabs.tsv": frame().to_csv(sep="\t"),
    "r.tsv": as_r_writes(frame(), "\t"),
    "no_header.csv": frame().to_csv(header=False),
    "windows.csv": "\ufeff" + frame().to_csv(lineterminator="\r\n"),
    "UPPER.CSV": frame().to_csv(),
}


@pytest.mark.parametrize("name", [*WRITTEN, "packed.csv.gz", "packed.tsv.gz"])
def test_rows_come_in_the_order_of_the_cells_whatever_the_table_looks_like(tmp_path, name):
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(frame().to_csv(sep="\t" if ".tsv" in name else ",").encode()))
    else:
        path.write_bytes(WRITTEN[name].encode())
    found = read_embedding(path, CELLS)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, POINTS)
    np.testing.assert_array_equal(read_embedding(path, CELLS[[3, 1]], subset=True), POINTS[[3, 1]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (frame().drop("NA").to_csv(), ["1 of 4 cells of the data have no row: 'NA'"]),
        (frame().rename({"c-3": "c.3"}).to_csv(), ["no row: 'c-3'", "1 of 4 rows are of no cell of the data: 'c.3'"]),
        (frame().set_axis(list("wxyz")).to_csv(), ["4 of 4 cells", "Rows are called 'w', 'x', 'y'.", "called 'c0'"]),
        (frame((2, 0, 3, 1, 0)).to_csv(), ["1 cells have several rows: 'c0'. Keep one row per cell."]),
        (frame().to_csv().replace("-1.0", "high"), ["column 'PC_2' holds text, such as 'high' in row 2"]),
        (frame().to_csv().replace("-1.0", "True"), ["column 'PC_2' holds text"]),
        (frame().to_csv().replace("-1.0", ""), ["missing or infinite coordinates for 1 of 4 cells: 'c0'."]),
        (frame().to_csv().replace("-1.0", "NaN"), ["missing or infinite coordinates for 1 of 4 cells: 'c0'."]),
        (frame().to_csv().replace("-1.0", "1e300"), ["missing or infinite coordinates for 1 of 4 cells: 'c0'."]),
        (frame().to_csv(sep=";"), ["one column, where commas separate fields. Fields seem to be separated by ';'."]),
        (frame().to_csv(columns=[]), ["no coordinates"]),
        ("a,b,c,d\nc0,1\n", ["line 1 has 4 fields and line 2 has 2"]),
        (",x\nc0,1\n001,1,2\n", ["cannot be read as a table"]),
        ("", ["has no rows"]),
        (",x,y\n", ["has no rows"]),
    ],
)
def test_a_mistake_in_a_table_is_one_message_that_names_the_file(tmp_path, text, words):
    path = tmp_path / "seurat.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_embedding(path, CELLS)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert [word for word in words if word not in message] == [], message


def test_files_that_are_no_tables_are_refused(tmp_path):
    (tmp_path / "latin.csv").write_bytes(",x\nT\xe4,1\n".encode("latin-1"))
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(frame().to_csv().encode())[:-20])
    (tmp_path / "text.csv.gz").write_text("no")
    for name, words in {
        "latin.csv": "is not text in UTF-8",
        "cut.csv.gz": "cannot be read as a table",
        "text.csv.gz": "cannot be read as a table",
        "none.csv": "there is no such file",
        "table.xlsx": "must end with .csv",
    }.items():
        with pytest.raises(DataError, match=words):
            read_embedding(tmp_path / name, CELLS)


def test_a_table_is_known_by_its_ending():
    assert all(map(is_table, ("a.csv", "x/y.TSV", "b.csv.gz", "c.tsv.gz")))
    assert not any(map(is_table, ("X_scVI", "csv", "a.h5ad", "a.gz", "a.csv.zip")))


def cells_of(values, key="X_scVI"):
    data = anndata.AnnData(sp.csr_matrix((len(values), 2), dtype=np.float32))
    data.obsm[key] = values
    return data


@pytest.mark.filterwarnings("ignore:Writing zarr v2 data:UserWarning")
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_obsm_of_several_files_is_concatenated(tmp_path, kind):
    parts = [cells_of(POINTS), cells_of(POINTS[::-1].astype(np.float64))]
    paths = [tmp_path / f"{i}.{kind}" for i in range(2)]
    for part, path in zip(parts, paths, strict=True):
        getattr(part, f"write_{kind}")(path)
    found = read_obsm(None, paths, "X_scVI")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.concatenate([POINTS, POINTS[::-1]]))


def test_a_table_or_a_sparse_matrix_in_obsm_is_read(tmp_path):
    table = cells_of(POINTS)
    table.obsm["frame"] = pd.DataFrame(POINTS, index=table.obs_names, columns=["x", "y"])
    table.obsm["sparse"] = sp.csr_matrix(POINTS)
    table.write_h5ad(tmp_path / "a.h5ad")
    for key in ("frame", "sparse"):
        np.testing.assert_array_equal(read_obsm(None, [tmp_path / "a.h5ad"], key), POINTS)
        np.testing.assert_array_equal(read_obsm(table, ["in memory"], key), POINTS)
    assert keys_of(table, "") == keys_of(None, tmp_path / "a.h5ad")


def test_a_mistake_in_obsm_is_one_message_that_names_the_file(tmp_path):
    path, other = tmp_path / "a.h5ad", tmp_path / "b.h5ad"
    data = cells_of(POINTS)
    data.obsm["X_nan"] = np.where(POINTS > 5.5, np.nan, POINTS)
    data.obsm["X_flat"] = pd.DataFrame({"x": list("abcd")}, index=data.obs_names)
    data.write_h5ad(path)
    cells_of(POINTS[:, :1]).write_h5ad(other)
    for paths, key, words in [
        ([path], "X_scvi", r"a.h5ad: has no obsm\['X_scvi'\], did you mean 'X_scVI'\?"),
        ([path], "seurat", "Found in obsm: X_flat, X_nan, X_scVI"),
        ([path], "X_nan", r"a.h5ad: obsm\['X_nan'\] has missing or infinite coordinates for 1 of 4 cells: row 3"),
        ([path], "X_flat", "holds values of type object; coordinates must be numbers"),
        ([path, other], "X_scVI", "2 dimensions in .*a.h5ad, 1 dimensions in .*b.h5ad"),
        ([tmp_path / "c.h5ad"], "X_scVI", "there is no such file"),
    ]:
        with pytest.raises(DataError, match=words):
            read_obsm(None, paths, key)


def test_a_graph_is_read_from_obsp(tmp_path):
    data, graph = cells_of(POINTS), sp.csr_matrix(np.eye(4)[[1, 0, 3, 2]])
    data.obsp["connectivities"] = graph
    data.write_h5ad(tmp_path / "a.h5ad")
    for source in (data, None):
        found = read_obsp(source, tmp_path / "a.h5ad", "connectivities")
        np.testing.assert_array_equal(found.toarray(), graph.toarray())
    with pytest.raises(DataError, match=r"has no obsp\['connectivity'\], did you mean 'connectivities'"):
        read_obsp(None, tmp_path / "a.h5ad", "connectivity")


def test_obsm_of_a_modality_is_read(tmp_path):
    cells_of(POINTS).write_h5ad(tmp_path / "both.h5mu")
    with h5py.File(tmp_path / "both.h5mu", "a") as file:
        for name, values in {"rna": POINTS, "adt": POINTS[::-1]}.items():
            write_elem(file.require_group("mod"), name, cells_of(values))
    for name, values in {"rna": POINTS, "adt": POINTS[::-1]}.items():
        np.testing.assert_array_equal(read_obsm(None, [tmp_path / "both.h5mu"], "X_scVI", name), values)
    with pytest.raises(DataError, match=r"both.h5mu: it has the modalities adt, rna"):
        read_obsm(None, [tmp_path / "both.h5mu"], "X_scVI")
