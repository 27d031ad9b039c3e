"""An embedding that was made elsewhere, read for all cells of a data set or for a sample of them."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from portal_lib.benchmark.data.nested_samples import sample_cells
from portal_lib.benchmark.tasks.integrate.run import load_prepared
from portal_lib.errors import DataError
from portal_lib.methods.integrate.given_embedding import METHOD, run
from portal_lib.preparation import prepare

KEYS = {"batch_key": "donor", "label_key": "cell_type"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two files with an embedding, the same as one table, and what is prepared of all cells and of a sample."""
    folder, rng = tmp_path_factory.mktemp("given"), np.random.default_rng(0)
    obs = pd.DataFrame({"donor": np.repeat(["a", "b"], 80), "cell_type": np.tile(["T", "B"], 80)})
    obs.index = [f"c{i}" for i in rng.permutation(160)]
    cells = anndata.AnnData(sp.csr_matrix(rng.poisson(rng.gamma(1, 2, (160, 200))).astype(np.float32)), obs=obs)
    cells.layers["counts"] = cells.X.copy()
    cells.X = np.log1p(cells.X)
    cells.obsm["X_scVI"] = rng.normal(size=(160, 3)).astype(np.float32)
    paths = [folder / "a.h5ad", folder / "b.h5ad"]
    for path, rows in zip(paths, (slice(None, 90), slice(90, None)), strict=True):
        cells[rows].copy().write_h5ad(path)
    pd.DataFrame(cells.obsm["X_scVI"], cells.obs_names).iloc[::-1].to_csv(folder / "table.tsv", sep="\t")
    prepare(paths, **KEYS, layer="counts", out=folder / "whole.h5ad")
    chosen = {"cells": 70, "seed": 1, "keys": list(KEYS.values()), "layer": "counts"}
    sample_cells(paths, folder / "sample.h5ad", **chosen, data_name="mine", config_key="datasets[0]")
    prepare(folder / "sample.h5ad", **KEYS, out=folder / "some.h5ad")
    cells.write_h5ad(folder / "all.h5ad")
    return folder


def params(**given):
    return {name: spec["default"] for name, spec in METHOD["params"].items()} | given


def of_files(folder, names=("a.h5ad", "b.h5ad"), **given):
    return params(key="X_scVI", path=[str(folder / name) for name in names], layer="counts", **given)


@pytest.mark.parametrize(("prepared", "n_cells"), [("whole.h5ad", 160), ("some.h5ad", 70)])
@pytest.mark.parametrize("source", ["obsm of two files", "table"])
def test_every_cell_gets_its_own_coordinates(folder, prepared, n_cells, source):
    whole = anndata.read_h5ad(folder / "all.h5ad")
    is_sample = prepared == "some.h5ad"
    table = params(table=str(folder / "table.tsv"), sample=is_sample)
    with load_prepared(folder / prepared, uses_labels=False) as data:
        found = run(data, table if source == "table" else of_files(folder, sample=is_sample), 0, "cpu").embedding
        wanted = pd.DataFrame(whole.obsm["X_scVI"], whole.obs_names).loc[data.obs_names]
    assert len(found) == n_cells
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_table_of_more_cells_is_refused_where_the_data_set_is_no_sample(folder):
    with load_prepared(folder / "some.h5ad", uses_labels=False) as data:
        with pytest.raises(DataError, match=r"table.tsv: 90 of 160 rows are of no cell of the data"):
            run(data, params(table=str(folder / "table.tsv")), 0, "cpu")
        with pytest.raises(DataError, match=r"a.h5ad: obsm\['X_scVI'\] has 90 rows for 90 cells, of which"):
            run(data, of_files(folder, ["a.h5ad"]), 0, "cpu")
