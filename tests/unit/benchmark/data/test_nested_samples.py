"""A data set on disk equals the one in memory; its samples are nested."""

import os

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from portal_lib.benchmark import registry
from portal_lib.benchmark.data import nested_samples
from portal_lib.benchmark.data.nested_samples import joining_order, sample_cells, write_counts
from portal_lib.errors import DataError

N_CELLS = 60
SMALL = {"n_cells": 1300, "n_genes": 500, "seed": 2, "depth": 0.5}


def simulated():
    """A data set to integrate that needs no file and has the parameters of `SMALL`."""
    known = registry.find("datasets").items()
    return next(name for name, facts in known if facts["task"] == "integrate" and set(SMALL) <= set(facts["params"]))


def cells(**layers):
    rng = np.random.default_rng(0)
    counts = sp.csr_matrix(rng.poisson(1.0, (N_CELLS, 9)).astype(np.float32))
    obs = pd.DataFrame({"batch": np.tile(["a", "b", "c"], N_CELLS // 3), "type": "T", "other": 1.0})
    made = anndata.AnnData(counts, obs=obs.set_axis([f"cell{i}" for i in range(N_CELLS)]))
    made.layers.update({name: counts * factor for name, factor in layers.items()})
    return made


@pytest.fixture
def source(tmp_path):
    cells(twice=2.0).write_h5ad(tmp_path / "source.h5ad")
    return tmp_path / "source.h5ad"


def sample(source, n, seed=0, **changes):
    out = source.with_name(f"n{n}.h5ad")
    given = {"keys": ["batch", "type"], "data_name": "mine.n9", "config_key": "datasets[0]"} | changes
    sample_cells(source, out, cells=n, seed=seed, **given)
    return anndata.read_h5ad(out)


def same(one, other):
    return one.shape == other.shape and all(
        np.array_equal(getattr(one, field), getattr(other, field)) for field in ("data", "indices", "indptr")
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_a_stored_data_set_is_what_load_gives(tmp_path, threads):
    name = simulated()
    write_counts(name, SMALL, tmp_path, tmp_path / "a.h5ad", threads=threads)
    stored, loaded = anndata.read_h5ad(tmp_path / "a.h5ad"), registry.load("datasets", name).load(**SMALL)
    assert same(stored.X, loaded.X)
    assert stored.X.dtype == loaded.X.dtype
    pd.testing.assert_frame_equal(stored.obs, loaded.obs)
    assert stored.var_names.equals(loaded.var_names)


def test_a_data_set_without_chunks_is_loaded_and_written(tmp_path, monkeypatch):
    plugin = type("plugin", (), {"load": staticmethod(lambda folder, factor: cells())})
    monkeypatch.setattr(registry, "load", lambda kind, name: plugin)
    monkeypatch.setattr(registry, "facts", lambda kind, name: {"label": "Whole"})
    seen = []
    monkeypatch.setattr(nested_samples, "check_expected", lambda *given: seen.append(given))
    write_counts("whole", {"factor": 1}, tmp_path, tmp_path / "a.h5ad", threads=1)
    assert same(anndata.read_h5ad(tmp_path / "a.h5ad").X, cells().X)
    ((checked, facts),) = seen
    assert (checked.shape, facts) == ((N_CELLS, 9), {"label": "Whole"})


def test_counts_other_than_expected_are_not_written(tmp_path, monkeypatch):
    name = simulated()

    def refuse(data, facts):
        raise DataError("not the data expected")

    monkeypatch.setattr(nested_samples, "check_expected", refuse)
    with pytest.raises(DataError, match="not the data expected"):
        write_counts(name, SMALL, tmp_path, tmp_path / "a.h5ad", threads=1)
    assert list(tmp_path.iterdir()) == []


def test_every_sample_contains_the_smaller_ones():
    order = joining_order(1000, seed=3)
    assert sorted(order) == list(range(1000))
    chosen = [set(np.flatnonzero(order < n)) for n in (10, 200, 999)]
    assert [len(cells) for cells in chosen] == [10, 200, 999]
    assert chosen[0] < chosen[1] < chosen[2]
    assert not np.array_equal(order, joining_order(1000, seed=4))


def test_a_sample_holds_its_cells_in_the_order_of_the_source(source):
    whole, part = cells(), sample(source, 20, seed=5)
    chosen = joining_order(N_CELLS, 5) < 20
    assert part.obs_names.tolist() == whole.obs_names[chosen].tolist()
    assert same(part.X, whole.X[chosen])
    assert part.obs.columns.tolist() == ["batch", "type"]
    assert part.obs["batch"].tolist() == whole.obs["batch"][chosen].tolist()
    assert part.var_names.tolist() == whole.var_names.tolist()


def test_a_layer_becomes_x_even_of_all_cells(source):
    for n in (20, N_CELLS):
        part = sample(source, n, layer="twice")
        assert same(part.X, cells().X[joining_order(N_CELLS, 0) < n] * 2)


def test_all_cells_are_a_copy_whose_times_are_its_own(source):
    """Snakemake sets the times of outputs; a hard link would make the source newer than samples made before."""
    before = source.stat().st_mtime_ns
    made = source.with_name(f"n{N_CELLS}.h5ad")
    for _ in range(2):
        assert same(sample(source, N_CELLS).X, cells().X)
        os.utime(made, ns=(before + 10**12, before + 10**12))
        assert not made.samefile(source)
        assert source.stat().st_mtime_ns == before


def test_more_cells_than_there_are_is_one_message(source):
    with pytest.raises(DataError, match=r"^mine\.n9: a sample of 1,000 of 60 cells\. Lower datasets\[0\]\.cells\.$"):
        sample(source, 1000)
    assert [path.name for path in source.parent.iterdir()] == ["source.h5ad"]


def test_a_column_that_is_missing_keeps_all_others_for_the_message(source):
    assert set(sample(source, 9, keys=["btach", "type"]).obs) == {"batch", "type", "other"}


def test_a_sample_of_batches_holds_the_first_ones_of_the_file(source):
    whole, part = cells(), sample(source, None, n_batches=2)
    first = pd.unique(whole.obs["batch"])[:2]
    chosen = whole.obs["batch"].isin(first).to_numpy()
    assert 0 < chosen.sum() < N_CELLS
    assert part.obs_names.tolist() == whole.obs_names[chosen].tolist()
    assert same(part.X, whole.X[chosen])


def test_cells_are_sampled_from_the_chosen_batches(source):
    small, large = (sample(source, n, n_batches=2) for n in (8, 12))
    assert (small.n_obs, large.n_obs) == (8, 12)
    assert set(small.obs_names) < set(large.obs_names) < set(sample(source, None, n_batches=2).obs_names)


def test_more_batches_than_there_are_is_one_message(source):
    message = r"^mine\.n9: a sample of 99 of \d+ batches\. Lower datasets\[0\]\.n_batches\.$"
    with pytest.raises(DataError, match=message):
        sample(source, None, n_batches=99)
