import ast
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from portal_lib.preparation.normalise import log_normalised

UNINTEGRATED = ["unintegrated", "unintegrated_by_batch"]
SHUFFLES = ["shuffle", "shuffle_by_batch", "shuffle_by_label"]
CONTROLS = [*UNINTEGRATED, *SHUFFLES, "label_embedding_jittered"]
USE_LABELS = {"shuffle_by_label", "label_embedding_jittered"}


def run(name, data, seed=0, **params):
    method = import_module(f"portal_lib.methods.controls.{name}")
    defaults = {key: fact["default"] for key, fact in method.METHOD["params"].items()}
    return method.run(data, defaults | params, seed, "cpu")


def rows(matrix):
    """The rows as a sorted list, to compare as multisets."""
    return sorted(map(tuple, np.asarray(matrix).tolist()))


@pytest.mark.parametrize("name", CONTROLS)
def test_facts_are_a_literal_and_declare_a_control(name):
    module = import_module(f"portal_lib.methods.controls.{name}")
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    literal = next(node.value for node in tree.body if isinstance(node, ast.Assign))
    facts = ast.literal_eval(literal)
    assert facts == module.METHOD
    assert facts["control"]
    assert facts["environment"] == ("scanpy" if name == "unintegrated_by_batch" else "core")
    assert facts["uses_labels"] == (name in USE_LABELS)
    assert facts["stochastic"] == (name not in UNINTEGRATED)


@pytest.mark.parametrize("name", CONTROLS)
def test_same_seed_same_bytes_other_seed_other_bytes_input_untouched(prepared, hidden, name):
    data = prepared.copy() if name in USE_LABELS else hidden
    before = {key: value.tobytes() for key, value in data.obsm.items()}
    first, again, other = (run(name, data, seed).embedding for seed in (0, 0, 1))
    assert first.shape[0] == data.n_obs
    assert first.dtype == np.float32
    assert first.tobytes() == again.tobytes()
    assert (first.tobytes() == other.tobytes()) == (name in UNINTEGRATED)
    assert {key: value.tobytes() for key, value in data.obsm.items()} == before


@pytest.mark.parametrize("rep", ["X_unintegrated", "X_pca"])
def test_unintegrated_is_the_embedding_it_names(hidden, rep):
    result = run("unintegrated", hidden, use_rep=rep)
    np.testing.assert_array_equal(result.embedding, hidden.obsm[rep])
    assert not np.shares_memory(result.embedding, hidden.obsm[rep])


def test_unintegrated_by_batch_has_the_components_of_each_batch(prepared):
    from sklearn.decomposition import PCA

    embedding, values = run("unintegrated_by_batch", prepared).embedding, log_normalised(prepared).toarray()
    assert embedding.shape == prepared.obsm["X_unintegrated"].shape
    for name in prepared.obs["batch"].cat.categories:
        cells = (prepared.obs["batch"] == name).to_numpy()
        pca = PCA(embedding.shape[1], svd_solver="full").fit(values[cells])
        largest = pca.components_[np.arange(embedding.shape[1]), np.abs(pca.components_).argmax(axis=1)]
        expected = pca.transform(values[cells]) * np.sign(largest)
        np.testing.assert_allclose(embedding[cells], expected, rtol=1e-4, atol=1e-4)


def test_batches_with_fewer_components_than_the_embedding_have_0_in_the_last(prepared):
    few = np.flatnonzero(prepared.obs["batch"] == prepared.obs["batch"].iloc[0])
    rest = np.setdiff1d(np.arange(prepared.n_obs), few)
    for size in (1, 2, 8):
        data = prepared[np.append(few[:size], rest)].copy()
        embedding = run("unintegrated_by_batch", data).embedding
        assert (np.abs(embedding[:size]).max(axis=0) > 0).sum() == size - 1
        assert (np.abs(embedding[size:]).max(axis=0) > 0).all()


@pytest.mark.parametrize("name", SHUFFLES)
def test_shuffles_keep_the_rows_and_move_most_of_them(prepared, name):
    before, after = prepared.obsm["X_unintegrated"], run(name, prepared).embedding
    assert rows(after) == rows(before)
    assert (after != before).any(axis=1).mean() > 0.8


@pytest.mark.parametrize(("name", "key"), [("shuffle_by_batch", "batch"), ("shuffle_by_label", "label")])
def test_rows_stay_in_their_group(prepared, name, key):
    before, after = prepared.obsm["X_unintegrated"], run(name, prepared).embedding
    for group in prepared.obs[key].cat.categories:
        cells = (prepared.obs[key] == group).to_numpy()
        assert rows(after[cells]) == rows(before[cells])


@pytest.mark.parametrize(("name", "other"), [("shuffle_by_batch", "label"), ("shuffle_by_label", "batch")])
def test_rows_leave_the_other_group(prepared, name, other):
    before, after = prepared.obsm["X_unintegrated"], run(name, prepared).embedding
    cells = prepared.obs[other].cat.codes.to_numpy() == 0
    assert rows(after[cells]) != rows(before[cells])


def test_label_embedding_is_one_hot_within_the_jitter(prepared):
    embedding = run("label_embedding_jittered", prepared).embedding
    codes = prepared.obs["label"].cat.codes.to_numpy()
    distance = np.abs(embedding - np.eye(3)[codes])
    assert embedding.shape == (150, 3)
    assert distance.max() <= 0.01 + 1e-6
    assert distance.max() > 0.009
    assert len(np.unique(embedding, axis=0)) == 150


def test_the_jitter_is_a_parameter(prepared):
    wide = run("label_embedding_jittered", prepared, jitter=0.3).embedding
    assert np.abs(wide - np.eye(3)[prepared.obs["label"].cat.codes]).max() > 0.2
