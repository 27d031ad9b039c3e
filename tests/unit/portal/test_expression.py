import tracemalloc

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.portal.expression import harmonised_expression
from portal_lib.preparation import prepare
from portal_lib.preparation.normalise import CLIP, log_normalised


def made_counts():
    """Two batches of 150 and 60 cells that differ in depth, mixed; two genes of one cell each, 12 sd above the rest."""
    rng = np.random.default_rng(0)
    depth = np.repeat([1.0, 3.0], [150, 60])[:, None]
    counts = rng.poisson((rng.gamma(0.6, 5.0, 400) + 0.02) * depth * rng.lognormal(0, 0.5, (210, 400)))
    counts[:, :2] = 0
    counts[[3, 80, 160, 170], [0, 1, 0, 1]] = 40
    obs = pd.DataFrame({"tech": np.repeat(["x", "y"], [150, 60]), "type": "T"}, index=[f"cell{i}" for i in range(210)])
    return AnnData(sp.csr_matrix(counts.astype(np.float32)), obs=obs)[rng.permutation(210)].copy()


@pytest.fixture(scope="module")
def prepared():
    """All components of the data, so that no variation is lost."""
    return prepare(made_counts(), batch_key="tech", label_key="type", n_pcs=10_000)


def parts(prepared):
    return {
        "loadings": prepared.varm["PCs"],
        "centre": prepared.var["pca_mean"],
        "mean": prepared.varm["scale_mean"],
        "sd": prepared.varm["scale_sd"],
    }


def scaled_by_hand(prepared):
    values, batch = log_normalised(prepared).toarray(), prepared.obs["batch"].cat.codes.to_numpy()
    mean, sd = prepared.varm["scale_mean"].T[batch], prepared.varm["scale_sd"].T[batch]
    return np.clip((values - mean) / sd, -CLIP, CLIP)


def test_scaled_values_are_reconstructed(prepared):
    found = harmonised_expression(prepared.obsm["X_pca"], kind="scaled", **parts(prepared))
    assert found.dtype == np.float32
    assert found.shape == prepared.shape
    np.testing.assert_allclose(found, scaled_by_hand(prepared), atol=2e-5)


def test_log_normalised_values_of_each_cells_own_batch_are_reconstructed(prepared):
    """Except values that preparation clipped at 10 standard deviations."""
    batch = prepared.obs["batch"]
    codes = batch.cat.codes.to_numpy()
    values, cut = log_normalised(prepared).toarray(), scaled_by_hand(prepared) >= CLIP
    assert cut.sum() >= 2
    at_cut = (prepared.varm["scale_mean"] + CLIP * prepared.varm["scale_sd"]).T[codes]
    for given in (batch, batch.array, codes, codes.tolist(), codes.astype(np.uint8)):
        found = harmonised_expression(prepared.obsm["X_pca"], batch=given, **parts(prepared))
        np.testing.assert_allclose(found[~cut], values[~cut], atol=2e-5)
        np.testing.assert_allclose(found[cut], at_cut[cut], atol=2e-5)
        assert (found[cut] < values[cut] - 0.1).all()


def test_all_cells_can_have_the_scale_of_the_reference(prepared):
    """Cells of the reference are reconstructed; those of the other batch are changed by both standardisations."""
    given = parts(prepared)
    mean, sd = given["mean"], given["sd"]
    found = harmonised_expression(prepared.obsm["X_pca"], **given | {"mean": mean[:, 0], "sd": sd[:, 0]})
    scaled = scaled_by_hand(prepared)
    np.testing.assert_allclose(found, scaled * sd[:, 0] + mean[:, 0], atol=1e-4)
    own = harmonised_expression(prepared.obsm["X_pca"], batch=prepared.obs["batch"], **given)
    first = (prepared.obs["batch"].cat.codes == 0).to_numpy()
    np.testing.assert_allclose(found[first], own[first], rtol=1e-6, atol=1e-6)
    assert np.abs(found[~first] - own[~first]).max() > 0.5


def test_fewer_components_are_the_projection(prepared):
    """Only variation outside the components is lost."""
    given, k = parts(prepared), 10
    scaled, v = scaled_by_hand(prepared), prepared.varm["PCs"][:, :k]
    centre = prepared.var["pca_mean"].to_numpy()
    expected = (scaled - centre) @ v @ v.T + centre
    scores = prepared.obsm["X_pca"][:, :k]
    found = harmonised_expression(scores, kind="scaled", **given | {"loadings": v})
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("chunk", [1, 7, 210, 1000])
def test_chunks_and_out(prepared, tmp_path, chunk):
    given = parts(prepared) | {"batch": prepared.obs["batch"]}
    scores = prepared.obsm["X_pca"]
    before = scores.copy()
    whole = harmonised_expression(scores, **given)
    np.save(tmp_path / "scores.npy", scores)
    mapped = np.load(tmp_path / "scores.npy", mmap_mode="r")
    np.testing.assert_allclose(harmonised_expression(mapped, chunk=chunk, **given), whole, rtol=1e-6, atol=1e-6)
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float32, whole.shape)
    assert harmonised_expression(scores, chunk=chunk, out=out, **given) is out
    np.testing.assert_allclose(out, whole, rtol=1e-6, atol=1e-6)
    with h5py.File(tmp_path / "out.h5", "w") as file:
        data = file.create_dataset("X", whole.shape, "f4")
        harmonised_expression(scores, chunk=chunk, out=data, **given)
        np.testing.assert_allclose(data[:], whole, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(scores, before)


def test_memory_is_bounded_by_a_chunk_and_the_result():
    """The result has 40 MB; in float64, the precision of the computation, it would be 80."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20_000, 5)).astype(np.float32)
    out = np.empty((20_000, 500), np.float32)
    given = {"loadings": rng.normal(size=(500, 5)), "centre": np.zeros(500)}
    given |= {"mean": np.zeros((500, 2)), "sd": np.ones((500, 2)), "batch": np.arange(20_000) % 2}
    tracemalloc.start()
    try:
        harmonised_expression(scores, out=out, **given)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 15e6


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"kind": "counts"}, ConfigError, "kind 'counts'.*log_normalised, scaled"),
        ({"chunk": 0}, ConfigError, "chunk 0"),
        ({"mean": None}, ConfigError, "need mean and sd; kind 'scaled' does not"),
        ({"batch": None}, ConfigError, r"shape \(4, 2\) and batch is not given.*mean\[:, 0\]"),
        ({"mean": np.ones(4), "sd": np.ones(4)}, ConfigError, r"shape \(4,\) and batch is given"),
        ({"sd": np.ones(4)}, ShapeError, r"mean has shape \(4, 2\), sd \(4,\)"),
        ({"mean": np.ones((5, 2)), "sd": np.ones((5, 2))}, ShapeError, r"\(5, 2\), for 4 genes"),
        ({"scores": np.ones((6, 2))}, ShapeError, r"scores have shape \(6, 2\), loadings \(4, 3\), centre \(4,\)"),
        ({"scores": np.ones(6)}, ShapeError, r"scores have shape \(6,\)"),
        ({"centre": np.ones(3)}, ShapeError, r"centre \(3,\)"),
        ({"scores": np.full((6, 3), np.nan), "chunk": 4}, DataError, "scores: .*NaN.* the first in row 0"),
        ({"scores": np.diag([1, 1, 1, 1, 1, np.inf])[:, 3:], "chunk": 4}, DataError, "the first in row 5"),
        ({"loadings": [["a"] * 3] * 4}, DataError, "loadings: cannot be read as numbers"),
        ({"batch": [0, 1, 2, 0, 1, 0]}, DataError, "integers from 0 to 1, columns"),
        ({"batch": [0, 1, -1, 0, 1, 0]}, DataError, "integers from 0 to 1"),
        ({"batch": [0, 1, np.nan, 0, 1, 0]}, DataError, "integers from 0 to 1"),
        ({"batch": list("xyxyxy")}, DataError, "or be a categorical"),
        ({"batch": pd.Categorical(list("xyzyxy"))}, DataError, "batch has 3 categories, mean and sd 2 columns"),
        ({"batch": pd.Categorical([*"xyxyx", None])}, DataError, "without missing values"),
        ({"batch": [0, 1]}, ShapeError, "2 values of batch for 6 cells"),
        ({"out": np.empty((6, 4))}, ShapeError, r"out is float64 of shape \(6, 4\)"),
        ({"out": np.empty((4, 6), np.float32)}, ShapeError, r"the result is float32 of shape \(6, 4\)"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(change, error, message):
    given = {
        "scores": np.ones((6, 3)),
        "loadings": np.ones((4, 3)),
        "centre": np.ones(4),
        "out": np.zeros((6, 4), "f4"),
    }
    given |= {"mean": np.ones((4, 2)), "sd": np.ones((4, 2)), "batch": [0, 1, 0, 1, 0, 1]} | change
    with pytest.raises(error, match=f"harmonised_expression: .*{message}"):
        harmonised_expression(given.pop("scores"), **given)
    assert not given["out"].any() or "out" in change
