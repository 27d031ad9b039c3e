import tracemalloc

import numpy as np
import pytest

from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.training.chain import fit_chain
from portal_lib.training.inference import latent, translate
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.trainer import fit

SMALL = Portal(n_latent=3, hidden=16)
SETTINGS = {"steps": 4, "batch_size": 20, "device": "cpu", "precision": "float64", "seed": 1}


@pytest.fixture
def three(domains):
    return [*domains, np.random.default_rng(9).normal(size=(30, 8)) - 1]


def test_every_round_trains_on_the_growing_reference(three):
    """Written out by hand: the reference grows by the translated cells, in the order of the data sets."""
    chain = fit_chain(SMALL, three, lambda_cos=[15, 30], **SETTINGS)
    first = fit(Portal(n_latent=3, hidden=16, lambda_cos=15), three[0], three[1], **SETTINGS).networks
    grown = np.concatenate((three[0], translate(first, three[1], source="b")))
    second = fit(Portal(n_latent=3, hidden=16, lambda_cos=30), grown, three[2], **SETTINGS).networks
    space = np.concatenate((grown, translate(second, three[2], source="b")))
    np.testing.assert_array_equal(chain.data_Aspace, space)
    last = np.concatenate((latent(second, grown, domain="a"), latent(second, three[2], domain="b")))
    np.testing.assert_array_equal(chain.latent, last)


def test_cells_of_the_first_data_set_are_unchanged(three):
    chain = fit_chain(SMALL, three, **SETTINGS)
    np.testing.assert_array_equal(chain.data_Aspace[:60], three[0])
    assert chain.data_Aspace.shape == (180, 8)
    assert chain.latent.shape == (180, 3)


def test_two_data_sets_take_one_call_of_fit(domains):
    chain = fit_chain(SMALL, domains, **SETTINGS)
    networks = fit(SMALL, *domains, **SETTINGS).networks
    expected = np.concatenate((latent(networks, domains[0], domain="a"), latent(networks, domains[1], domain="b")))
    np.testing.assert_array_equal(chain.latent, expected)


@pytest.mark.parametrize("given", [15, np.float64(15), np.int64(15), np.array(15.0)])
def test_one_lambda_cos_is_for_all_rounds(three, given):
    one, many = (fit_chain(SMALL, three, lambda_cos=value, **SETTINGS) for value in (given, [15, 15]))
    np.testing.assert_array_equal(one.data_Aspace, many.data_Aspace)


@pytest.mark.parametrize("kind", [tuple, np.array, lambda values: np.array(values, np.float32), list])
def test_lambda_cos_per_round_is_any_sequence(three, kind):
    """Upstream ends in an unbound variable where a value is a numpy number."""
    given = fit_chain(SMALL, three, lambda_cos=kind([15, 30]), **SETTINGS)
    np.testing.assert_array_equal(given.latent, fit_chain(SMALL, three, lambda_cos=[15.0, 30.0], **SETTINGS).latent)
    assert not np.array_equal(given.latent, fit_chain(SMALL, three, lambda_cos=[30, 15], **SETTINGS).latent)


def test_the_order_of_data_sets_matters_and_input_is_not_modified(three):
    before = [x.copy() for x in three]
    forward = fit_chain(SMALL, three, **SETTINGS).data_Aspace
    back = fit_chain(SMALL, three[::-1], **SETTINGS).data_Aspace
    np.testing.assert_array_equal(back[:30], three[2])
    assert not np.allclose(forward[:60], back[-60:])
    for x, copy in zip(three, before, strict=True):
        np.testing.assert_array_equal(x, copy)


def test_history_names_the_round(three):
    history = fit_chain(SMALL, three, **SETTINGS).history
    assert list(history.columns) == ["round", "step", "player", "term", "value"]
    assert history["round"].unique().tolist() == [0, 1]


def test_memory_maps_are_not_copied_and_give_the_same(three, tmp_path):
    mapped = []
    for i, x in enumerate(three):
        np.save(tmp_path / f"{i}.npy", x)
        mapped.append(np.load(tmp_path / f"{i}.npy", mmap_mode="r"))
    chain = fit_chain(SMALL, mapped, **SETTINGS)
    np.testing.assert_array_equal(chain.data_Aspace, fit_chain(SMALL, three, **SETTINGS).data_Aspace)
    assert chain.outputs.x_b is mapped[2]
    two = fit_chain(SMALL, mapped[:2], **SETTINGS).outputs
    assert two.x_a is mapped[0]
    assert two.x_b is mapped[1]


def test_two_data_sets_are_not_copied():
    """For 48 MB of cells only the latent coordinates, 4.8 MB, and chunks are allocated."""
    rng = np.random.default_rng(0)
    domains = [rng.random((200_000, 30), dtype=np.float32) for _ in "ab"]
    tracemalloc.start()
    try:
        assert fit_chain(SMALL, domains, **SETTINGS | {"precision": "float32"}).latent.shape == (400_000, 3)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12e6


def test_the_growing_reference_is_part_of_the_result(three):
    """One array holds every cell: no round copies the reference."""
    chain = fit_chain(SMALL, three, **SETTINGS)
    assert np.shares_memory(chain.outputs.x_a, chain.data_Aspace)
    assert chain.outputs.x_a.shape == (150, 8)
    assert chain.data_Aspace is chain.data_Aspace


def test_spaces_have_the_precision_of_the_networks(three):
    for precision, dtype in [("float32", np.float32), ("float64", np.float64)]:
        chain = fit_chain(SMALL, three, **SETTINGS | {"precision": precision})
        assert chain.data_Aspace.dtype == chain.latent.dtype == dtype
        np.testing.assert_array_equal(chain.data_Aspace[:60], three[0].astype(dtype))


def test_more_steps_use_other_checkpoint_files(three, tmp_path):
    first = fit_chain(SMALL, three, checkpoint=tmp_path / "chain.pt", **SETTINGS)
    longer = fit_chain(SMALL, three, checkpoint=tmp_path / "chain.pt", **SETTINGS | {"steps": 6})
    again = fit_chain(SMALL, three, checkpoint=tmp_path / "chain.pt", **SETTINGS)
    np.testing.assert_array_equal(first.latent, again.latent)
    np.testing.assert_array_equal(longer.latent, fit_chain(SMALL, three, **SETTINGS | {"steps": 6}).latent)


def test_every_round_has_a_separate_checkpoint(three, tmp_path):
    """An interrupted second round: its file is gone, that of the first is resumed."""
    plain = fit_chain(SMALL, three, **SETTINGS)
    kept = fit_chain(SMALL, three, checkpoint=tmp_path / "chain.pt", **SETTINGS)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["chain.round0.steps4.pt", "chain.round1.steps4.pt"]
    (tmp_path / "chain.round1.steps4.pt").unlink()
    before = (tmp_path / "chain.round0.steps4.pt").stat().st_mtime_ns
    again = fit_chain(SMALL, three, checkpoint=str(tmp_path / "chain.pt"), **SETTINGS)
    assert (tmp_path / "chain.round0.steps4.pt").stat().st_mtime_ns == before
    for chain in (kept, again):
        np.testing.assert_array_equal(chain.data_Aspace, plain.data_Aspace)
        np.testing.assert_array_equal(chain.latent, plain.latent)
        assert chain.history.equals(plain.history)
    fit_chain(SMALL, three[:2], checkpoint=tmp_path / "two.pt", **SETTINGS)
    assert (tmp_path / "two.pt").exists()


def test_an_objective_without_lambda_cos_is_refused(three):
    class Other:
        name = "other"

    with pytest.raises(ConfigError, match="objective other has no such weight"):
        fit_chain(Other(), three, lambda_cos=3, **SETTINGS)


def test_wrong_arguments_are_refused_before_training(three):
    with pytest.raises(ConfigError, match=r"domains: 1 data set\(s\)"):
        fit_chain(SMALL, three[:1], **SETTINGS)
    with pytest.raises(ConfigError, match="lambda_cos has 3 values for 2 rounds"):
        fit_chain(SMALL, three, lambda_cos=[1, 2, 3], **SETTINGS)
    with pytest.raises(ShapeError, match=r"\[8, 8, 5\] features"):
        fit_chain(SMALL, [*three[:2], three[2][:, :5]], **SETTINGS)
    three[2][0, 0] = np.nan
    with pytest.raises(DataError, match=r"domains\[2\]: 1 of 240 values"):
        fit_chain(SMALL, three, **SETTINGS)
