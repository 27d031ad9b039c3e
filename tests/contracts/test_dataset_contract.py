"""The contract of every data set of the task integrate."""

import inspect

import numpy as np
import pytest
import scipy.sparse as sp
from plugin_facts import of_task
from realdata import mirror

from portal_lib.benchmark import registry
from portal_lib.benchmark.fetch.fetch import fetch_files
from portal_lib.datasets._checks import check_expected

DATASETS = of_task("datasets", registry.find("datasets"), "integrate")
# Parameters that make a simulated data set small.
SMALL = {"n_cells": 300, "n_genes": 600}


def small_params(name):
    return {key: value for key, value in SMALL.items() if key in DATASETS[name]["params"]}


def marked(names):
    return [pytest.param(n, marks=pytest.mark.realdata if DATASETS[n]["files"] else ()) for n in names]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Function that loads a data set once; files are taken from the mirror and verified."""
    made = {}

    def load(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            if DATASETS[name]["files"]:
                lock = folder / "lock.yaml"
                fetch_files(DATASETS[name]["files"], folder, mirror=str(mirror()), lock_path=lock, progress=False)
            made[name] = registry.load("datasets", name).load(folder, **small_params(name))
        return made[name], DATASETS[name]

    return load


@pytest.mark.parametrize("name", marked(DATASETS))
def test_counts_are_raw_and_sparse(loaded, name):
    adata, _ = loaded(name)
    assert sp.isspmatrix_csr(adata.X) or isinstance(adata.X, sp.csr_array)
    values = adata.X.data
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert np.array_equal(values, np.round(values))
    assert adata.X.sum(axis=1).min() > 0


@pytest.mark.parametrize("name", marked(DATASETS))
def test_names_are_unique_and_both_keys_complete(loaded, name):
    adata, facts = loaded(name)
    assert adata.obs_names.is_unique
    assert adata.var_names.is_unique
    for key in (facts["batch_key"], facts["label_key"]):
        assert not adata.obs[key].isna().any()
        assert (adata.obs[key].astype(str) != "").all()
    assert adata.obs[facts["label_key"]].nunique() >= 2


@pytest.mark.parametrize("name", marked(DATASETS))
def test_batches_are_grouped_in_the_stated_order(loaded, name):
    adata, facts = loaded(name)
    batch = adata.obs[facts["batch_key"]].astype(str)
    if "batches" in facts:
        assert list(dict.fromkeys(batch)) == facts["batches"]
    assert (batch != batch.shift()).sum() == batch.nunique()


@pytest.mark.parametrize("name", marked(DATASETS))
def test_numbers_of_cells_and_genes_are_as_expected(loaded, name):
    adata, facts = loaded(name)
    check_expected(adata, facts)
    assert adata.n_obs > 100
    assert adata.n_vars > 100
    for key, value in small_params(name).items():
        assert {"n_cells": adata.n_obs, "n_genes": adata.n_vars}[key] == value


@pytest.mark.parametrize("name", [name for name, facts in DATASETS.items() if "seed" in facts["params"]])
def test_the_seed_determines_a_simulation(name):
    load = registry.load("datasets", name).load
    first, again, other = (load(None, **small_params(name), seed=seed) for seed in (1, 1, 2))
    assert (first.X != again.X).nnz == 0
    assert first.obs.equals(again.obs)
    assert first.shape != other.shape or (first.X != other.X).nnz > 0


@pytest.mark.parametrize("name", [n for n in DATASETS if hasattr(registry.load("datasets", n), "load_chunks")])
def test_load_chunks_gives_the_data_of_load(name):
    plugin = registry.load("datasets", name)
    whole = plugin.load(None, **small_params(name))
    obs, var, chunks = plugin.load_chunks(None, 2, **small_params(name))
    joined = sp.vstack(list(chunks), format="csr")
    assert (joined != whole.X).nnz == 0
    assert joined.dtype == whole.X.dtype
    assert obs.equals(whole.obs)
    assert var.equals(whole.var)
    parameters = list(inspect.signature(plugin.load_chunks).parameters)
    assert parameters == ["folder", "threads", *DATASETS[name]["params"]]
