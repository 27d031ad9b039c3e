"""Trained models are kept where the configuration says so, and give again what the run gave."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from made_data import made_counts

from portal_lib import Aligner, PortalModel
from portal_lib.benchmark import registry
from portal_lib.benchmark.run.runs import read_records, run_method
from portal_lib.benchmark.run.supervise import Limits
from portal_lib.preparation import prepare
from portal_lib.preparation.domains import Correspondence, Domains, Truth
from portal_lib.preparation.reading.domain_files import read_domains, write_domains, write_truth

# Each trains in a child process.
pytestmark = pytest.mark.slow

LIMITS = Limits(time_s=120, memory_mb=4000, threads=1)
N = 90


def run(folder, prepared, plugin, *, task="integrate", keep_models=True, params=None, **settings):
    """Run a method with few steps in a child process, and return its record."""
    specs = registry.find("methods")[plugin]["params"]
    complete = {key: spec["default"] for key, spec in specs.items()} | {"training_steps": 4, "batch_size": 16}
    facts = {"task": task, "dataset": "toy", "method": plugin, "plugin": plugin, "seed": 1}
    facts["params"] = complete | (params or {})
    facts |= {"device": "cpu", "keep_models": keep_models} | settings
    folder.mkdir(exist_ok=True)
    result = folder / ("result.h5ad" if task == "integrate" else "aligned.npz")
    run_method(facts, prepared, result, folder / "run.json", LIMITS)
    record = read_records([folder / "run.json"])[0]
    assert record["status"] == "ok", record["reason"]
    return record


@pytest.fixture
def prepared(tmp_path):
    """Components of three batches, whose rows are mixed."""
    rng = np.random.default_rng(0)
    batch = pd.Categorical(np.array(["y", "x", "z"])[np.arange(N) % 3], categories=["y", "x", "z"])
    data = anndata.AnnData(obs=pd.DataFrame({"batch": batch, "label": "T"}, index=[f"c{i}" for i in range(N)]))
    data.obsm["X_pca"] = rng.normal(3, 2, size=(N, 30)).astype(np.float32)
    data.var["portal"] = data.var["highly_variable"] = pd.Series(dtype=bool)
    data.uns["preparation"] = {"n_genes": 30, "portal_genes": 30, "highly_variable_genes": 30}
    data.write_h5ad(tmp_path / "prepared.h5ad")
    return tmp_path / "prepared.h5ad"


def test_a_kept_model_of_components_gives_the_embedding(prepared, tmp_path):
    run(tmp_path / "kept", prepared, "portal")
    model = PortalModel.load(tmp_path / "kept" / "model" / "portal", device="cpu")
    data, made = (anndata.read_h5ad(file) for file in (prepared, tmp_path / "kept" / "result.h5ad"))
    assert model.batches == ["y", "x", "z"]
    data.obsm["X_pca"] = data.obsm["X_pca"][:, : made.obsm["X_emb"].shape[1]]
    np.testing.assert_allclose(model.transform(data), made.obsm["X_emb"], atol=1e-6)


def test_a_kept_portal_model_embeds_counts(tmp_path):
    cells = made_counts()
    cells.layers["counts"], cells.X = cells.X.copy(), sp.csr_matrix(np.log1p(cells.X.toarray()))
    keys = {"batch_key": "tech", "label_key": "type", "layer": "counts"}
    prepare(cells, **keys, n_top_genes=250, n_pcs=10, n_pcs_unintegrated=5, out=tmp_path / "prepared.h5ad")
    run(tmp_path / "kept", tmp_path / "prepared.h5ad", "portal", params={"n_pcs": 8})
    model = PortalModel.load(tmp_path / "kept" / "model" / "portal", device="cpu")
    embedding = anndata.read_h5ad(tmp_path / "kept" / "result.h5ad").obsm["X_emb"]
    np.testing.assert_allclose(model.transform(cells), embedding, rtol=1e-3, atol=1e-3)
    some = cells[5:25, ::-1].copy()
    some.obs = some.obs.rename(columns={"tech": "donor"})
    np.testing.assert_allclose(model.transform(some, batch_key="donor"), embedding[5:25], rtol=1e-3, atol=1e-3)


def test_kept_magan_models_give_the_embedding_of_their_batches(prepared, tmp_path):
    run(tmp_path / "kept", prepared, "magan")
    data, made = (anndata.read_h5ad(file) for file in (prepared, tmp_path / "kept" / "result.h5ad"))
    assert sorted(path.name for path in (tmp_path / "kept" / "model").iterdir()) == ["magan.1", "magan.2"]
    for code, name in enumerate(["x", "z"], start=1):
        model = Aligner.load(tmp_path / "kept" / "model" / f"magan.{code}", device="cpu")
        cells = (data.obs["batch"] == name).to_numpy()
        found = model.translate(data.obsm["X_pca"][cells], source=1)
        np.testing.assert_allclose(found, made.obsm["X_emb"][cells], atol=1e-4)


def test_every_training_of_the_task_align_has_its_model(tmp_path):
    rng = np.random.default_rng(0)
    x1, x2 = (
        pd.DataFrame(rng.normal(5, 2, (40, 3)), index=[f"{side}{i}" for i in range(40)], columns=list("abc"))
        for side in "cd"
    )
    domains = Domains(x1, x2, (Correspondence((("a", "a"),), ()),))
    write_domains(domains, tmp_path / "domains.npz")
    write_truth(Truth(), tmp_path / "truth.npz")
    settings = {"task": "align", "repeats": 2, "truth": str(tmp_path / "truth.npz")}
    run(tmp_path / "kept", tmp_path / "domains.npz", "magan", **settings)
    stored = read_domains(tmp_path / "domains.npz")
    with np.load(tmp_path / "kept" / "aligned.npz") as made:
        assert sorted(path.name for path in (tmp_path / "kept" / "model").iterdir()) == ["magan.2.0", "magan.3.0"]
        for seed in (2, 3):
            model = Aligner.load(tmp_path / "kept" / "model" / f"magan.{seed}.0", device="cpu")
            np.testing.assert_allclose(model.translate(stored.x1, source=1), made[f"{seed}/0/x12"], atol=1e-5)
            np.testing.assert_allclose(model.translate(stored.x2, source=2), made[f"{seed}/0/x21"], atol=1e-5)


def test_models_are_kept_only_where_the_task_says_so_and_old_ones_are_removed(prepared, tmp_path):
    folder = tmp_path / "kept"
    (folder / "model" / "portal").mkdir(parents=True)
    run(folder, prepared, "portal", keep_models=False)
    assert not (folder / "model").exists()
    assert (folder / "tables").exists()
