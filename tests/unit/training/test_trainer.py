from dataclasses import dataclass

import numpy as np
import pytest
import torch

from portal_lib.errors import ConfigError, DataError, DivergedError, ShapeError
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.trainer import fit

SMALL = Portal(n_latent=3, hidden=16)


def train(domains, objective=SMALL, **settings):
    return fit(objective, *domains, **({"steps": 12, "batch_size": 20, "device": "cpu"} | settings))


def weights(trained):
    return b"".join(p.numpy().tobytes() for p in trained.networks.state_dict().values())


@pytest.mark.parametrize("precision", ["bfloat16", "float32", "float64"])
def test_same_seed_same_bytes_other_seed_other_bytes(domains, precision):
    first, again, other = (train(domains, seed=seed, precision=precision) for seed in (3, 3, 4))
    assert weights(first) == weights(again)
    assert first.history.equals(again.history)
    assert weights(first) != weights(other)


def test_same_seed_same_bytes_with_two_threads():
    rng = np.random.default_rng(0)
    domains = rng.normal(size=(600, 30)), rng.normal(size=(700, 30))
    torch.set_num_threads(2)
    first, again = (train(domains, objective=Portal(), steps=4, batch_size=500) for _ in range(2))
    assert weights(first) == weights(again)


def test_precisions_start_from_the_same_weights_and_batches(domains):
    single, double = (train(domains, precision=name, steps=1) for name in ("float32", "float64"))
    np.testing.assert_allclose(single.history["value"], double.history["value"], rtol=1e-5)


def test_networks_keep_the_precision_and_are_frozen(domains):
    for parameter in train(domains, precision="float64").networks.parameters():
        assert parameter.dtype == torch.float64
        assert not parameter.requires_grad


def test_input_is_not_modified(domains):
    before = [x.copy() for x in domains]
    train(domains, precision="float64")
    for x, copy in zip(domains, before, strict=True):
        np.testing.assert_array_equal(x, copy)


def test_read_only_input_is_accepted(domains):
    for x in domains:
        x.flags.writeable = False
    train(domains, precision="float64")


def test_losses_fall(domains):
    trained = train(domains, objective=Portal(n_latent=8, hidden=128), steps=300, log_every=299)
    table = trained.history.pivot(index="step", columns="term", values="value")
    for term in ("autoencoder", "latent", "cosine"):
        assert table.loc[299, term] < 0.5 * table.loc[0, term]


def test_history_is_tidy_and_ends_with_the_last_step(domains):
    history = train(domains, steps=12, log_every=5).history
    assert list(history.columns) == ["step", "player", "term", "value"]
    assert history["step"].unique().tolist() == [0, 5, 10, 11]
    first = history[history["step"] == 0]
    assert (first["player"] + "/" + first["term"]).tolist() == [
        "D/a", "D/b", "G/gan", "G/cosine", "G/autoencoder", "G/latent",
    ]  # fmt: skip


def test_history_does_not_depend_on_how_often_it_is_logged(domains):
    every, some = (train(domains, steps=120, log_every=n).history for n in (1, 50))
    kept = every[every["step"].isin([0, 50, 100, 119])].reset_index(drop=True)
    assert kept.equals(some)


def test_logging_and_progress_change_nothing(domains, capsys):
    quiet, loud = train(domains, progress=False), train(domains, progress=True, log_every=1)
    assert weights(quiet) == weights(loud)
    out, err = capsys.readouterr()
    assert out == ""
    assert "portal: 100%" in err
    assert "12/12" in err


@pytest.mark.parametrize(("n_a", "n_b"), [(1, 1), (1, 30), (7, 3)])
def test_fewer_cells_than_a_batch(domains, n_a, n_b):
    trained = train((domains[0][:n_a], domains[1][:n_b]), batch_size=500, steps=3)
    assert np.isfinite(trained.history["value"]).all()


@pytest.mark.parametrize("step", [0, 60])
def test_divergence_names_the_step_the_term_and_the_last_finite_values(domains, step):
    with pytest.raises(DivergedError) as caught:
        train(domains, objective=BreaksAt(n_latent=3, hidden=16, breaks_at=step), steps=100)
    message = str(caught.value)
    assert message.startswith(f"portal, step {step}: G/gan is nan. ")
    assert message.endswith("Lower the learning rate or raise the margin.")
    if step:
        finite = message.split("Last finite: ")[1].split(". Lower")[0].split(", ")
        assert [part.split(" ")[0] for part in finite][:4] == ["D/a", "D/b", "G/gan", "G/cosine"]
        assert all(np.isfinite(float(part.split(" ")[1])) for part in finite)
    else:
        assert "No step was finite." in message


def test_divergence_before_the_first_check_is_found(domains):
    with pytest.raises(DivergedError, match="step 2: "):
        train(domains, objective=BreaksAt(n_latent=3, hidden=16, breaks_at=2), steps=4)


@dataclass(frozen=True)
class BreaksAt(Portal):
    breaks_at: int = 0

    def losses(self, player, networks, outputs, step):
        terms = super().losses(player, networks, outputs, step)
        if player == "G" and step >= self.breaks_at:
            terms["gan"] = terms["gan"] * float("nan")
        return terms


def test_the_objective_decides_the_order_of_players_and_fresh_passes(domains):
    for players, fresh, expected in [
        (("D", "G"), False, ["pass", "D", "G"]),
        (("G", "D"), True, ["pass", "G", "pass", "D"]),
    ]:
        calls = []
        train(domains, objective=recording(calls, players, fresh), steps=1)
        assert calls == expected


def recording(calls, order, fresh):
    class Recording(Portal):
        players = order
        fresh_pass = fresh

        def forward(self, *args):
            calls.append("pass")
            return super().forward(*args)

        def losses(self, player, *args):
            calls.append(player)
            return super().losses(player, *args)

    return Recording(n_latent=3, hidden=16)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(domains, value):
    domains[1][4, 2] = value
    with pytest.raises(DataError, match="domain_b: 1 of 720 values are NaN or infinite, the first in row 4, column 2"):
        train(domains)


def test_values_too_large_for_single_precision_are_refused(domains):
    domains[0][0, 0] = 1e300
    with pytest.raises(DataError, match="domain_a: 1 of 480 values"):
        train(domains)


def test_domains_without_cells_or_columns_are_refused(domains):
    a, b = domains
    with pytest.raises(DataError, match="domain_b: has no cells"):
        train((a, b[:0]))
    with pytest.raises(ShapeError, match=r"domain_a: has shape \(60, 0\)"):
        train((a[:, :0], b))
    with pytest.raises(ShapeError, match=r"domain_a: has shape \(8,\)"):
        train((a[0], b))
    with pytest.raises(DataError, match="domain_a: cannot be read as numbers"):
        train((np.full((3, 8), "x"), b))


def test_all_wrong_settings_are_named(domains):
    with pytest.raises(ConfigError, match="steps is 0, must be at least 1; batch_size is -3, must be at least 1"):
        train(domains, steps=0, batch_size=-3)
    with pytest.raises(ConfigError, match=r"precision 'float16' is unknown. Allowed: auto, bfloat16, float32"):
        train(domains, precision="float16")


@pytest.mark.parametrize("progress", [False, True])
def test_too_few_batches_are_an_error(domains, progress):
    batch = (torch.arange(5), torch.arange(5))
    with pytest.raises(ConfigError, match="batches ended after 2 of 12 steps"):
        train(domains, batches=[batch, batch], progress=progress)
