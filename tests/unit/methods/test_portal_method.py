import ast
import inspect

import anndata
import numpy as np
import pandas as pd
import pytest

from portal_lib.errors import DataError, NotApplicable
from portal_lib.methods.integrate import portal


def prepared(names, n=80, seed=0, n_pcs=10):
    rng = np.random.default_rng(seed)
    batch = pd.Categorical(rng.choice(names, n), categories=names)
    data = anndata.AnnData(obs=pd.DataFrame({"batch": batch}, index=[f"cell{i}" for i in range(n)]))
    data.obsm["X_pca"] = rng.normal(size=(n, n_pcs)).astype(np.float32)
    return data


def params(**changes):
    defaults = {name: spec["default"] for name, spec in portal.METHOD["params"].items()}
    return defaults | {"training_steps": 3, "batch_size": 20, "n_pcs": 8} | changes


def test_facts_are_a_literal():
    tree = ast.parse(inspect.getsource(portal))
    (facts,) = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "METHOD"]
    assert ast.literal_eval(facts) == portal.METHOD


def test_two_batches_give_latent_coordinates_in_the_order_of_the_cells():
    data = prepared(["y", "x"])
    result = portal.run(data, params(), 0, "cpu")
    assert result.embedding.shape == (80, 20)
    assert result.embedding.dtype == np.float32
    assert result.notes.pop("precision") in ("bfloat16", "float32")
    assert result.notes == {"training_steps": 3, "rounds": 1, "space": "latent", "lambda_cos": [20.0]}
    order = np.argsort(data.obs["batch"].cat.codes.to_numpy(), kind="stable")
    grouped = portal.run(data[order].copy(), params(), 0, "cpu")
    np.testing.assert_array_equal(result.embedding[order], grouped.embedding)


def test_more_batches_give_the_space_of_the_first_category():
    data = prepared(["y", "z", "x"])
    result = portal.run(data, params(lambda_cos=[15, 30]), 0, "cpu")
    assert result.embedding.shape == (80, 8)
    assert result.notes["space"] == "reference"
    first = (data.obs["batch"] == "y").to_numpy()
    np.testing.assert_array_equal(result.embedding[first], data.obsm["X_pca"][first, :8])
    assert list(result.tables["history"].columns) == ["round", "step", "player", "term", "value"]


def test_seed_and_input():
    data = prepared(["y", "x"])
    before = data.obsm["X_pca"].copy()
    first, again, other = (portal.run(data, params(), seed, "cpu").embedding for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(data.obsm["X_pca"], before)
    assert list(data.obsm) == ["X_pca"]


@pytest.mark.parametrize(("given", "n_cells", "steps"), [(None, 19_999, 1000), (None, 20_000, 2000), (7, 20_000, 7)])
def test_the_published_rule_for_steps(given, n_cells, steps):
    assert portal._training_steps(given, n_cells) == steps


def test_data_that_do_not_fit():
    with pytest.raises(NotApplicable, match="only one batch"):
        portal.run(prepared(["y"]), params(), 0, "cpu")
    data = prepared(["y", "x"])
    with pytest.raises(DataError, match="X_pca has 10 components; n_pcs asks for 30"):
        portal.run(data, params(n_pcs=30), 0, "cpu")
    data.obs["batch"] = data.obs["batch"].cat.add_categories(["empty"])
    with pytest.raises(DataError, match="no cells in empty"):
        portal.run(data, params(), 0, "cpu")
