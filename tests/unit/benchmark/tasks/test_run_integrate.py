"""What a run of the task integrate reads, checks and writes."""

import anndata
import h5py
import numpy as np
import package_copy
import pandas as pd
import pytest
import scipy.sparse as sp

from portal_lib.benchmark.tasks.integrate import run as stage
from portal_lib.errors import DataError
from portal_lib.methods._result import Result

N, GENES = package_copy.N_CELLS, package_copy.N_GENES


@pytest.fixture(params=[7, 65_536])
def data(request, tmp_path, monkeypatch):
    """Prepared data as a method has them; rows are checked and written a few, or all, at a time."""
    monkeypatch.setattr(stage, "CHUNK", request.param)
    package_copy.made_prepared().write_h5ad(tmp_path / "prepared.h5ad")
    with stage.load_prepared(tmp_path / "prepared.h5ad", uses_labels=False) as opened:
        yield opened


def written(result, data, tmp_path):
    stage.write_result(result, data, tmp_path / "result.h5ad")
    return anndata.read_h5ad(tmp_path / "result.h5ad")


def test_labels_are_hidden_unless_they_are_declared(data):
    assert list(data.obs) == ["batch"]
    with stage.load_prepared(data.path, uses_labels=True) as seen:
        assert list(seen.obs) == ["batch", "label"]


def test_coordinates_are_written_in_one_piece_with_the_names_of_the_cells(data, tmp_path):
    values = np.random.default_rng(0).normal(size=(N, 3))
    table = pd.DataFrame({"a": [1, 2]})
    made = written(Result(embedding=values, tables={"history": table}), data, tmp_path)
    assert made.obs_names.equals(package_copy.made_prepared().obs_names)
    np.testing.assert_array_equal(made.obsm["X_emb"], values.astype(np.float32))
    assert made.obsm["X_emb"].dtype == np.float32
    with h5py.File(tmp_path / "result.h5ad") as file:
        assert file["obsm/X_emb"].chunks is None
        assert "X" not in file
    assert pd.read_csv(tmp_path / "tables" / "history.tsv", sep="\t").equals(table)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prepared.h5ad", "result.h5ad", "tables"]


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
def test_expression_has_the_names_of_the_genes(data, tmp_path, kind):
    values = np.random.default_rng(0).normal(size=(N, GENES)).astype(np.float32)
    made = written(Result(embedding=values[:, :2], expression=kind(values)), data, tmp_path)
    assert made.var_names.equals(package_copy.made_prepared().var_names)
    np.testing.assert_array_equal(made.X.toarray() if sp.issparse(made.X) else made.X, values)


def test_a_graph_is_written_by_rows(data, tmp_path):
    graph = sp.random(N, N, 0.2, format="csc", random_state=0)
    made = written(Result(connectivities=graph), data, tmp_path)
    assert (made.obsp["connectivities"] != graph).nnz == 0
    assert list(made.obsm) == []


def test_a_failed_run_has_the_names_and_nothing_else(data, tmp_path):
    stage.write_empty(data.path, tmp_path / "result.h5ad")
    made = anndata.read_h5ad(tmp_path / "result.h5ad")
    assert made.obs_names.equals(package_copy.made_prepared().obs_names)
    assert made.shape == (N, 0)
    assert (list(made.obsm), list(made.obsp), made.X) == ([], [], None)


def test_wrong_values_in_the_last_rows_are_found(data):
    values = np.zeros((N, 2))
    values[-1, 1] = np.inf
    with pytest.raises(DataError, match="returned 1 values that are not finite in its embedding"):
        stage.check_result(Result(embedding=values), "x", "embed", data)
    values[-1, 1] = 0
    with pytest.raises(DataError, match="returned the same coordinates for all cells"):
        stage.check_result(Result(embedding=values), "x", "embed", data)
    values[-1, 1] = 1
    stage.check_result(Result(embedding=values), "x", "embed", data)
    graph = sp.eye(N, format="csr")
    graph.data[-2:] = -1
    with pytest.raises(DataError, match="returned 2 negative weights in its connectivities"):
        stage.check_result(Result(connectivities=graph), "x", "knn", data)
    with pytest.raises(DataError, match="returned a graph without edges"):
        stage.check_result(Result(connectivities=sp.csr_matrix((N, N))), "x", "knn", data)
