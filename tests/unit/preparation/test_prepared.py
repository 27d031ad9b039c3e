"""Prepared data on disk: the same as in memory, memory-mapped, and read by rows."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from portal_lib.preparation import prepared as module
from portal_lib.preparation.inputs import input_facts
from portal_lib.preparation.normalise import counts_of, log_normalised
from portal_lib.preparation.prepared import Prepared, mapped, read_graph, read_rows, same_names
from portal_lib.preparation.reading.storage import H5adWriter

N = 50


@pytest.fixture
def data():
    """A few cells in the form of prepared.h5ad."""
    rng = np.random.default_rng(0)
    obs = pd.DataFrame({"batch": np.repeat(["a", "b"], N // 2), "label": np.tile(["T", "B"], N // 2)}, dtype="category")
    obs.index = [f"ä{i}" for i in range(N)]
    made = anndata.AnnData(sp.csr_matrix(rng.poisson(1, (N, 12)).astype(np.float32)), obs=obs)
    made.var_names = [f"g{i}" for i in range(12)]
    made.obs["total_counts"] = rng.random(N) * 100
    made.obsm["X_pca"] = rng.normal(size=(N, 3)).astype(np.float32)
    made.varm["PCs"] = rng.normal(size=(12, 3))
    made.uns["preparation"] = {"seed": 3}
    return made


@pytest.fixture(params=["mapped", "compressed"])
def path(request, data, tmp_path):
    """The file in the current format, and in an earlier one with compressed components."""
    file = tmp_path / "prepared.h5ad"
    if request.param == "compressed":
        data.write_h5ad(file, compression="gzip")
        return file
    with H5adWriter(file) as out:
        for key in ("X", "obs", "var"):
            out.element(key, getattr(data, key))
        out.element("uns", dict(data.uns))
        out.element("varm/PCs", data.varm["PCs"])
        out.dense("obsm/X_pca", (N, 3))[:] = data.obsm["X_pca"]
    return file


def test_prepared_data_on_disk_equal_the_object_in_memory(path, data):
    with Prepared(path) as found:
        assert (found.shape, found.n_obs, found.n_vars) == (data.shape, N, 12)
        assert found.obs_names.equals(data.obs_names)
        assert found.var_names.equals(data.var_names)
        pd.testing.assert_frame_equal(found.obs, data.obs.reset_index(drop=True))
        assert list(found.obsm) == ["X_pca"]
        assert len(found.obsm) == 1
        np.testing.assert_array_equal(found.obsm["X_pca"], data.obsm["X_pca"])
        np.testing.assert_array_equal(found.varm["PCs"], data.varm["PCs"])
        assert found.uns["preparation"]["seed"] == 3
        assert (counts_of(found) != data.X).nnz == 0
        assert (log_normalised(found) != log_normalised(data)).nnz == 0
        assert not isinstance(found.X, sp.spmatrix)


def test_components_are_read_only_and_memory_mapped_if_possible(path):
    with Prepared(path) as found, h5py.File(path) as file:
        values = found.obsm["X_pca"]
        assert isinstance(values, np.memmap) == (file["obsm/X_pca"].chunks is None)
        assert found.obsm["X_pca"] is values
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 1


def test_hidden_columns_are_inaccessible(path, data):
    with Prepared(path, hidden=["label"]) as found:
        assert list(found.obs) == ["batch", "total_counts"]
        with pytest.raises(KeyError, match="label"):
            found.column("label")
        whole = found.to_memory()
    assert list(whole.obs) == ["batch", "total_counts"]
    assert whole.obs_names.equals(data.obs_names)
    assert (whole.X != data.X).nnz == 0


def test_unaligned_or_chunked_arrays_are_read(tmp_path):
    values = np.arange(20, dtype=np.float32).reshape(10, 2)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("odd", data=np.zeros(3, np.uint8))
        for i in range(4):
            file.create_dataset(f"x{i}", data=values)
            file.create_dataset(f"odd{i}", data=np.zeros(1 + i, np.uint8))
        file.create_dataset("pieces", data=values, chunks=(3, 2))
        file.create_dataset("none", (0, 2), np.float32)
        names = [*(f"x{i}" for i in range(4)), "pieces"]
        file.flush()
        for name in names:
            np.testing.assert_array_equal(mapped(file[name]), values)
        assert mapped(file["none"]).shape == (0, 2)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
@pytest.mark.parametrize("rows", [None, [], [0], [3, 4, 30, 49], list(range(N))])
def test_selected_rows_of_a_matrix_are_read(path, data, rows, chunk, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", chunk)
    rows = rows if rows is None else np.array(rows, int)
    expected = data.obsm["X_pca"] if rows is None else data.obsm["X_pca"][rows]
    with h5py.File(path) as file:
        np.testing.assert_array_equal(read_rows(file["obsm/X_pca"], rows), expected)


@pytest.mark.parametrize("chunk", [16, 40, 10**6])
def test_the_subgraph_of_some_cells_is_read(tmp_path, chunk, monkeypatch):
    monkeypatch.setattr("portal_lib.preparation.reading.rows.CHUNK", chunk)
    graph = sp.random(N, N, 0.1, format="csr", random_state=0)
    with H5adWriter(tmp_path / "a.h5ad") as out:
        out.element("obsp/connectivities", graph)
    with h5py.File(tmp_path / "a.h5ad") as file:
        stored = file["obsp/connectivities"]
        assert (read_graph(stored) != graph).nnz == 0
        for rows in (np.array([0]), np.array([3, 4, 30, 49]), np.arange(N)):
            cut = read_graph(stored, rows)
            assert cut.shape == (len(rows), len(rows))
            assert (cut != graph[rows][:, rows]).nnz == 0


def test_names_are_compared_in_order(path, data, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    others = {"same": list(data.obs_names), "turned": list(data.obs_names[::-1]), "fewer": list(data.obs_names[1:])}
    others["last"] = [*others["same"][:-1], "x"]
    with h5py.File(path) as file:
        for name, names in others.items():
            anndata.AnnData(obs=pd.DataFrame(index=names)).write_h5ad(path.with_name("other.h5ad"))
            with h5py.File(path.with_name("other.h5ad")) as other:
                assert same_names(file, other) == (name == "same")


@pytest.mark.parametrize("genes", ["portal", pd.Index(["g7", "g2", "g11"])])
def test_some_genes_are_those_columns_of_everything(path, data, genes):
    with h5py.File(path, "r+") as file:
        del file["var"]
        table = data.var.assign(portal=np.isin(np.arange(12), [2, 7, 11]))
        anndata.io.write_elem(file, "var", table)
    with Prepared(path, genes=genes) as found:
        assert (found.shape, found.n_vars, found.var_names.tolist()) == ((N, 3), 3, ["g2", "g7", "g11"])
        np.testing.assert_array_equal(counts_of(found).toarray(), data.X[:, [2, 7, 11]].toarray())
        assert log_normalised(found).shape == (N, 3)
        np.testing.assert_array_equal(found.varm["PCs"], data.varm["PCs"][[2, 7, 11]])
        np.testing.assert_array_equal(found.to_memory().X.toarray(), data.X[:, [2, 7, 11]].toarray())


@pytest.mark.parametrize(
    ("genes", "components", "expected"),
    [
        ("highly_variable", None, {"genes": "highly_variable", "n_genes": 2000, "scaled": "no"}),
        ("highly_variable", "X_scaled", {"genes": "highly_variable", "n_genes": 2000, "scaled": "over all cells"}),
        ("highly_variable", "X_pca", {"genes": "portal", "n_genes": 1500, "scaled": "per batch"}),
        ("all", None, {"genes": "all", "n_genes": 9000, "scaled": "no"}),
    ],
)
def test_what_a_method_works_on_is_stated(data, genes, components, expected):
    data.uns["preparation"] = {"highly_variable_genes": 2000, "portal_genes": 1500, "n_genes": 9000}
    assert input_facts(data, genes, components) == expected


def test_a_set_of_every_gene_is_called_all(data):
    data.uns["preparation"] = {"highly_variable_genes": 9000, "portal_genes": 1500, "n_genes": 9000}
    assert input_facts(data, "highly_variable", "X_scaled") == {
        "genes": "all",
        "n_genes": 9000,
        "scaled": "over all cells",
    }
    assert input_facts(data, "portal", None)["genes"] == "portal"
