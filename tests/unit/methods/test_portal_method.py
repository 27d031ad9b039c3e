"""The method "portal" gives what the public API gives: what is benchmarked is what is shipped."""

import anndata
import numpy as np
import pandas as pd
import pytest

from portal_lib import PortalModel
from portal_lib.benchmark import imports, registry
from portal_lib.errors import DataError, NotApplicable
from portal_lib.methods.integrate import portal
from portal_lib.portal import model as portal_model
from portal_lib.preparation.prepared import Prepared

FACTS = registry.find("methods")["portal"]


def prepared(names, n=80, seed=0, n_pcs=10):
    rng = np.random.default_rng(seed)
    batch = pd.Categorical(rng.choice(names, n), categories=names)
    data = anndata.AnnData(obs=pd.DataFrame({"batch": batch}, index=[f"cell{i}" for i in range(n)]))
    data.obsm["X_pca"] = rng.normal(size=(n, n_pcs)).astype(np.float32)
    return data


def params(**changes):
    defaults = {name: spec["default"] for name, spec in FACTS["params"].items()}
    return defaults | {"training_steps": 3, "batch_size": 20, "n_pcs": 8} | changes


CASES = [("yx", 20.0), ("yx", "search"), ("yzx", 15.0), ("yzx", [15.0, 30.0]), ("yzx", "search")]


@pytest.mark.parametrize(("names", "lambda_cos"), CASES)
def test_the_method_and_the_model_give_the_same_bytes(names, lambda_cos):
    data = prepared(list(names), n_pcs=8)
    settings = params(lambda_cos=lambda_cos, batch_size=16)
    result = portal.run(data, settings, 3, "cpu")
    model = PortalModel(**settings, seed=3, device="cpu")
    embedding = model.fit_transform(data, batch_key="batch", batches=list(names), use_rep="X_pca")
    assert result.embedding.tobytes() == embedding.tobytes()
    pd.testing.assert_frame_equal(result.tables["history"], model.history, check_exact=True)
    assert result.notes["lambda_cos"] == list(model.record()["lambda_cos"])
    if lambda_cos == "search":
        trials = [table.drop(columns="seconds") for table in (result.tables["trials"], model.trials)]
        pd.testing.assert_frame_equal(*trials, check_exact=True)


def test_components_of_a_prepared_file_stay_on_disk(tmp_path, monkeypatch):
    data = prepared(["y", "x"])
    data = data[np.argsort(data.obs["batch"].cat.codes.to_numpy(), kind="stable")].copy()
    data.write_h5ad(tmp_path / "prepared.h5ad")
    expected = portal.run(data, params(), 0, "cpu").embedding
    seen = []
    real = portal_model.fit_chain
    monkeypatch.setattr(
        portal_model, "fit_chain", lambda o, domains, **s: seen.extend(domains) or real(o, domains, **s)
    )
    with Prepared(tmp_path / "prepared.h5ad") as opened:
        np.testing.assert_array_equal(portal.run(opened, params(), 0, "cpu").embedding, expected)
        assert all(np.shares_memory(x, opened.obsm["X_pca"]) for x in seen)
    assert len(seen) == 2


def test_a_change_of_the_model_or_of_its_parameters_reruns_the_method():
    files = imports.library_files(registry.source("methods", "portal"))
    assert {f"{name}.py" for name in ("parameters", "model", "fitted", "_parameters")} <= {file.name for file in files}


def test_two_batches_give_latent_coordinates_in_the_order_of_the_cells():
    data = prepared(["y", "x"])
    result = portal.run(data, params(), 0, "cpu")
    assert result.embedding.shape == (80, 20)
    assert result.embedding.dtype == np.float32
    assert sorted(result.notes) == ["lambda_cos", "precision", "rounds", "space", "training_steps"]
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


def test_the_seed_decides_the_result_and_input_is_not_modified():
    data = prepared(["y", "x"])
    before = data.obsm["X_pca"].copy()
    first, again, other = (portal.run(data, params(), seed, "cpu").embedding for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(data.obsm["X_pca"], before)
    assert list(data.obsm) == ["X_pca"]


def test_unusable_data_are_refused():
    with pytest.raises(NotApplicable, match="only one batch"):
        portal.run(prepared(["y"]), params(), 0, "cpu")
    data = prepared(["y", "x"])
    with pytest.raises(DataError, match=r"X_pca'\] has 10 components; n_pcs is 30"):
        portal.run(data, params(n_pcs=30), 0, "cpu")
    data.obs["batch"] = data.obs["batch"].cat.add_categories(["empty"])
    with pytest.raises(DataError, match=r"obs\['batch'\] lacks the batches 'empty'"):
        portal.run(data, params(), 0, "cpu")
