"""The contract of every method of the task integrate, on a small atlas."""

import hashlib

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from plugin_facts import of_task

from portal_lib.benchmark import registry
from portal_lib.benchmark.tasks.integrate.run import check_result, load_prepared
from portal_lib.methods._result import Result
from portal_lib.preparation.reading.storage import H5adWriter

METHODS = of_task("methods", registry.find("methods"), "integrate")
# Parameters that make methods fast, where they have them.
QUICK = {"training_steps": 4, "batch_size": 64, "max_iter_harmony": 2}


def quick(name):
    params = METHODS[name]["params"]
    return {key: spec["default"] for key, spec in params.items()} | {k: v for k, v in QUICK.items() if k in params}


@pytest.fixture(scope="module", autouse=True)
def _given_table(prepared, tmp_path_factory):
    """What reads an embedding that was made elsewhere gets one: a table with its rows in another order."""
    file = tmp_path_factory.mktemp("given") / "embedding.csv"
    values = np.random.default_rng(0).normal(size=(prepared.n_obs, 3))
    pd.DataFrame(values, prepared.obs_names).iloc[::-1].to_csv(file)
    QUICK["table"] = str(file)
    yield
    del QUICK["table"]


def fingerprint(*arrays):
    digest = hashlib.sha256()
    for array in arrays:
        for part in (array.data, array.indices, array.indptr) if sp.issparse(array) else (np.asarray(array),):
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def parts(result):
    return [part for part in (result.embedding, result.connectivities, result.expression) if part is not None]


def state(data):
    """A snapshot of everything that a method could change."""
    arrays = [data.X, *(data.obsm[key] for key in sorted(data.obsm)), *(data.varm[key] for key in sorted(data.varm))]
    tables = [data.obs.to_csv(), data.var.to_csv(), *data.obsm, *data.layers, *data.obsp, *data.uns]
    return fingerprint(*arrays), "".join(tables)


@pytest.fixture(scope="module")
def runs(prepared):
    """Function that runs a method as the child does, once per (name, seed, occasion)."""
    made = {}

    def run(name, seed=0, occasion=0):
        if (name, seed, occasion) not in made:
            data = prepared.copy()
            if not METHODS[name]["uses_labels"]:
                del data.obs["label"]
            before = state(data)
            result = registry.load("methods", name).run(data, quick(name), seed, "cpu")
            made[name, seed, occasion] = result, before == state(data), data
        return made[name, seed, occasion]

    return run


@pytest.mark.parametrize("name", METHODS)
def test_the_result_is_valid_without_labels_unless_they_are_declared(runs, name):
    result, _, data = runs(name)
    assert isinstance(result, Result)
    check_result(result, name, METHODS[name]["output"], data)
    assert all(isinstance(key, str) for key in (*result.notes, *result.tables))
    assert bool(result.models) == METHODS[name]["has_model"]


@pytest.mark.parametrize("name", METHODS)
def test_the_input_is_not_changed(runs, name):
    _, untouched, data = runs(name)
    assert untouched
    result, _, _ = runs(name)
    for part in parts(result):
        if isinstance(part, np.ndarray):
            assert not any(np.shares_memory(part, data.obsm[key]) for key in data.obsm)


@pytest.mark.parametrize("name", METHODS)
def test_data_on_disk_give_the_same_bytes(prepared, runs, name, tmp_path):
    """As in the child: components memory-mapped, counts on disk, rows of obs numbered, labels hidden."""
    with H5adWriter(tmp_path / "prepared.h5ad") as out:
        out.element("/", prepared)
        for key, values in prepared.obsm.items():
            out.dense(f"obsm/{key}", values.shape)[:] = values
    with load_prepared(tmp_path / "prepared.h5ad", uses_labels=METHODS[name]["uses_labels"]) as data:
        result = registry.load("methods", name).run(data, quick(name), 3, "cpu")
        check_result(result, name, METHODS[name]["output"], data)
    assert fingerprint(*parts(result)) == fingerprint(*parts(runs(name, 3)[0]))


@pytest.mark.parametrize("name", METHODS)
def test_a_seed_gives_the_same_bytes(runs, name):
    assert fingerprint(*parts(runs(name, 3, 0)[0])) == fingerprint(*parts(runs(name, 3, 1)[0]))


@pytest.mark.parametrize("name", METHODS)
def test_another_seed_gives_other_bytes_only_if_stochastic(runs, name):
    differs = fingerprint(*parts(runs(name, 3)[0])) != fingerprint(*parts(runs(name, 4)[0]))
    assert differs == METHODS[name]["stochastic"]


@pytest.mark.parametrize("name", [name for name, facts in METHODS.items() if facts["uses_labels"]])
def test_methods_that_declare_labels_need_them(prepared, name):
    data = prepared.copy()
    del data.obs["label"]
    with pytest.raises(KeyError, match="label"):
        registry.load("methods", name).run(data, quick(name), 0, "cpu")


@pytest.mark.parametrize("name", [name for name, facts in METHODS.items() if not facts["uses_labels"]])
def test_undeclared_labels_have_no_effect(prepared, runs, name):
    data = prepared.copy()
    data.obs["label"] = data.obs["label"].to_numpy()[::-1]
    seen = registry.load("methods", name).run(data, quick(name), 3, "cpu")
    assert fingerprint(*parts(seen)) == fingerprint(*parts(runs(name, 3)[0]))


def test_there_are_at_least_two_controls():
    assert sum(facts["control"] for facts in METHODS.values()) >= 2
    assert any(not facts["control"] for facts in METHODS.values())
