import logging

import harmonypy
import numpy as np
import pandas as pd
import pytest

from portal_lib.methods.integrate.harmony import METHOD, run

DEFAULTS = {key: fact["default"] for key, fact in METHOD["params"].items()}


def embed(data, seed=0, **params):
    return run(data, DEFAULTS | params, seed, "cpu").embedding


def between(embedding, batch):
    """Share of the variance between batches."""
    means = pd.DataFrame(embedding).groupby(batch.to_numpy(), observed=True).transform("mean").to_numpy()
    return ((means - embedding.mean(axis=0)) ** 2).sum() / ((embedding - embedding.mean(axis=0)) ** 2).sum()


def test_of_several_batch_columns_all_are_corrected(hidden):
    data = hidden.copy()
    rng = np.random.default_rng(0)
    data.obs["batch_1"] = data.obs["batch"]
    data.obs["batch_2"] = pd.Categorical(np.array(["lane 1", "lane 2"])[rng.integers(2, size=data.n_obs)])
    shift = np.where(data.obs["batch_2"] == "lane 1", 8.0, 0.0)[:, None] * np.eye(1, data.obsm["X_scaled"].shape[1])
    data.obsm["X_scaled"] = (data.obsm["X_scaled"] + shift).astype(np.float32)
    both = embed(data)
    data.obs = data.obs.drop(columns=["batch_1", "batch_2"])
    one = embed(data)
    lane = pd.Series(np.where(shift[:, 0] > 0, "lane 1", "lane 2"))
    assert between(both, lane) < 0.2 * between(one, lane)


@pytest.mark.parametrize(("rep", "n_dims"), [("X_unintegrated", 50), ("X_scaled", 50), ("X_pca", 30)])
def test_cells_are_rows_of_the_embedding(hidden, rep, n_dims):
    embedding = embed(hidden, use_rep=rep)
    assert embedding.shape == (150, n_dims)
    assert embedding.dtype == np.float32
    assert np.isfinite(embedding).all()


def test_most_of_the_batch_effect_of_unscaled_components_is_removed(hidden):
    before = between(hidden.obsm["X_unintegrated"], hidden.obs["batch"])
    assert between(embed(hidden), hidden.obs["batch"]) < 0.3 * before


def test_a_seed_gives_the_same_bytes_and_the_input_is_not_changed(hidden):
    before = hidden.obsm["X_scaled"].tobytes()
    assert embed(hidden).tobytes() == embed(hidden).tobytes()
    assert embed(hidden).tobytes() != embed(hidden, seed=1).tobytes()
    assert hidden.obsm["X_scaled"].tobytes() == before


def test_the_number_of_threads_changes_nothing(hidden, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one = embed(hidden)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert embed(hidden).tobytes() == one.tobytes()


def test_defaults_are_those_of_harmonypy(hidden):
    data = hidden.obsm["X_scaled"].astype(np.float64)
    direct = harmonypy.run_harmony(data, hidden.obs, "batch", random_state=0, verbose=False)
    np.testing.assert_array_equal(embed(hidden), direct.Z_corr.astype(np.float32))


def test_all_parameters_and_the_seed_are_passed_to_harmonypy(hidden, monkeypatch):
    seen = {}
    original = harmonypy.run_harmony
    monkeypatch.setattr(harmonypy, "run_harmony", lambda *a, **options: seen.update(options) or original(*a, **options))
    changed = {"theta": 0.5, "lamb": 1.0, "sigma": 0.2, "nclust": 3, "tau": 20, "max_iter_harmony": 2}
    embed(hidden, seed=7, **changed)
    assert {key: seen[key] for key in changed} == changed
    assert seen["max_iter_kmeans"] == 4
    assert seen["random_state"] == 7


def test_as_many_cells_as_components_are_not_transposed(hidden):
    few = hidden[:30].copy()
    few.obsm["X_pca"] = few.obsm["X_pca"] + np.arange(30, dtype=np.float32)[:, None]
    embedding = embed(few, use_rep="X_pca", theta=0.0)
    kept = np.corrcoef(embedding.mean(axis=1), few.obsm["X_pca"].mean(axis=1))[0, 1]
    assert embedding.shape == (30, 30)
    assert kept > 0.9


def test_the_smallest_data_are_integrated(hidden):
    rows = np.r_[
        np.flatnonzero(hidden.obs["batch"].cat.codes == 0)[:10], np.flatnonzero(hidden.obs["batch"].cat.codes == 1)[:10]
    ]
    assert np.isfinite(embed(hidden[rows].copy())).all()


def test_nothing_is_printed(hidden, capfd, caplog):
    with caplog.at_level(logging.INFO):
        embed(hidden)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_the_number_of_iterations_is_noted(hidden):
    assert run(hidden, DEFAULTS | {"max_iter_harmony": 1}, 0, "cpu").notes == {"rounds": 1}
