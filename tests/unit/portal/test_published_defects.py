"""Defects of the published package that this one does not have, one test each."""

import os

import anndata
import h5py
import numpy as np
import pytest
import torch
from cells_of_batches import QUICK, made_cells, state_of

import portal_lib
from portal_lib.benchmark import imports, registry
from portal_lib.cli import main
from portal_lib.preparation import prepare
from portal_lib.training import inference
from portal_lib.training.chain import fit_chain
from portal_lib.training.mixing import mixing_metric
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.sampling import uniform_batches
from portal_lib.training.trainer import fit
from portal_lib.training.tuning import search_lambda_cos

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = Portal(n_latent=3, hidden=16)
SHORT = {"steps": 4, "batch_size": 16, "device": "cpu"}


@pytest.fixture
def three():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 6)) + i for i, n in enumerate((40, 30, 50))]


def test_neither_r_nor_pytables_is_needed():
    foreign = {"rpy2", "anndata2ri", "tables"}
    named = {name.partition(".")[0] for file in registry.PACKAGE.rglob("*.py") for name in imports.imported_names(file)}
    assert named & foreign == set()


def test_preparation_runs_with_the_installed_pandas():
    """Index & Index raises TypeError from pandas 2 on; shared genes are found in the rank order of the first batch."""
    cells = made_cells()
    shared = prepare(cells, batch_key="donor", n_pcs=8, n_top_genes=150).var_names
    assert 100 <= len(shared) <= 150
    assert shared.isin(cells.var_names).all()


@pytest.mark.parametrize("sizes", [(30, 24), (30, 24, 20)])
def test_a_second_call_does_not_normalise_twice(sizes):
    cells = made_cells(sizes)
    before = state_of(cells.X)
    portal_lib.integrate(cells, batch_key="donor", **QUICK)
    first = cells.obsm["X_portal"].copy()
    portal_lib.integrate(cells, batch_key="donor", **QUICK)
    assert state_of(cells.X) == before
    np.testing.assert_array_equal(cells.obsm["X_portal"], first)


def test_the_input_file_is_only_read_and_is_closed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made_cells((32, 32)).write_h5ad("in.h5ad")  # 64 cells: a multiple of every likely chunk
    os.chmod("in.h5ad", 0o444)
    before = (tmp_path / "in.h5ad").read_bytes()
    words = "integrate in.h5ad --batch-key donor --out out.h5ad --training-steps 2 --batch-size 16 --n-pcs 8"
    assert main([*words.split(), "--n-top-genes", "150", "--device", "cpu", "--quiet"]) == 0
    assert (tmp_path / "in.h5ad").read_bytes() == before
    for name in ("in.h5ad", "out.h5ad"):
        os.chmod(name, 0o644)
        with h5py.File(name, "r+"):
            pass
    assert anndata.read_h5ad("out.h5ad").n_obs == 64


def test_inference_runs_in_chunks_without_gradients(three, monkeypatch):
    networks = fit(SMALL, *three[:2], **SHORT).networks
    seen, encode = [], type(networks).encode

    def watched(self, x, domain):
        seen.append((len(x), torch.is_grad_enabled()))
        return encode(self, x, domain)

    monkeypatch.setattr(type(networks), "encode", watched)
    inference.latent(networks, np.zeros((2 * inference.CHUNK + 5, 6)), domain="a")
    assert seen == [(inference.CHUNK, False), (inference.CHUNK, False), (5, False)]


def test_the_cost_of_a_batch_does_not_grow_with_the_cells():
    """A list of 10¹⁵ row numbers could not be made."""
    rows_a, rows_b = next(uniform_batches(10**15, 3, 500, torch.Generator().manual_seed(0)))
    assert len(rows_a) == len(rows_b) == 500
    assert rows_a.max() > 10**14
    assert rows_b.unique().tolist() == [0, 1, 2]


def test_files_are_written_on_request_only_and_do_not_overwrite_each_other(three, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit_chain(SMALL, three, **SHORT)
    assert list(tmp_path.iterdir()) == []
    fit_chain(SMALL, three, checkpoint=tmp_path / "a" / "portal.pt", **SHORT)
    search_lambda_cos(SMALL, three, grid=(15, 20), folder=tmp_path / "b", **SHORT)
    assert sorted(f.name for f in (tmp_path / "a").iterdir()) == ["portal.round0.steps4.pt", "portal.round1.steps4.pt"]
    weights = list((tmp_path / "b").rglob("*.pt"))
    assert len(weights) == len({f.read_bytes() for f in weights}) == 4
    assert sorted(f.name for f in tmp_path.iterdir()) == ["a", "b"]


def test_a_search_returns_the_best_training_and_not_the_last(three):
    search = search_lambda_cos(SMALL, three[:2], grid=(50, 0), **SHORT)
    best = search.trials.loc[search.trials["mixing_metric"].idxmin(), "lambda_cos"]
    expected = fit_chain(SMALL, three[:2], lambda_cos=best, **SHORT)
    np.testing.assert_array_equal(search.chain.latent, expected.latent)


def test_the_mixing_metric_takes_more_than_two_batches_and_cells_that_coincide():
    embedding = np.repeat(np.random.default_rng(0).normal(size=(60, 2)), 5, axis=0)
    value = mixing_metric(embedding, np.tile(np.array(["p", "q", "r"]), 100))
    assert 1 <= value < 100


@pytest.mark.parametrize("value", [np.float32(30), np.int64(30), np.array(30.0), np.array([30, 30])])
def test_the_weight_of_the_cosine_term_may_be_a_number_of_numpy(three, value):
    plain = fit_chain(SMALL, three, lambda_cos=30, **SHORT)
    np.testing.assert_array_equal(fit_chain(SMALL, three, lambda_cos=value, **SHORT).latent, plain.latent)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("margin", 0.5), ("lambda_ae", 1.0), ("lambda_la", 1.0), ("learning_rate", 0.01), ("n_pcs", 5),
        ("lambda_cos", 50.0), ("seed", 1),
    ],
)  # fmt: skip
def test_every_parameter_is_an_argument_that_changes_the_result(name, value):
    """The published sweep of the latent-alignment weight set an attribute that nobody reads."""
    cells = made_cells((30, 24, 20))
    settings = QUICK | {"training_steps": 12}
    portal_lib.integrate(cells, batch_key="donor", space="latent", **settings)
    default = cells.obsm["X_portal"].copy()
    portal_lib.integrate(cells, batch_key="donor", space="latent", **(settings | {name: value}))
    assert not np.array_equal(cells.obsm["X_portal"], default)


def test_a_misspelt_parameter_is_refused():
    with pytest.raises(TypeError, match="lambda_ea"):
        portal_lib.PortalModel(lambda_ea=1.0)
