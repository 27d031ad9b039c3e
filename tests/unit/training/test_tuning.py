import functools

import numpy as np
import pandas as pd
import pytest
import torch

from portal_lib.errors import ConfigError, DataError, DivergedError, ShapeError
from portal_lib.training import tuning
from portal_lib.training.chain import fit_chain
from portal_lib.training.inference import latent, translate
from portal_lib.training.mixing import mixing_metric
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.outputs import Outputs
from portal_lib.training.trainer import fit
from portal_lib.training.tuning import COLUMNS, GRID, search_lambda_cos

SMALL = Portal(n_latent=3, hidden=16)
SETTINGS = {"steps": 6, "batch_size": 20, "device": "cpu", "precision": "float64", "seed": 1}
TRIED = [1.0, 300.0, 40.0]


class Stopped(Exception):
    """Any error that ends a search in the middle."""


@pytest.fixture
def three(domains):
    return [*domains, np.random.default_rng(9).normal(size=(70, 8)) - 1]


@pytest.fixture
def trained(monkeypatch):
    """Weights of the cosine term of the trainings that took steps; `trained.stop_at` ends the search there."""

    class Log(list):
        stop_at = None

    log = Log()

    @functools.wraps(fit)
    def counted(objective, *domains, checkpoint=None, **settings):
        if checkpoint is None or not checkpoint.exists():
            if log.stop_at == len(log):
                raise Stopped
            log.append(objective.lambda_cos)
        return fit(objective, *domains, checkpoint=checkpoint, **settings)

    monkeypatch.setattr(tuning, "fit", counted)
    return log


def search(domains, **changes):
    return search_lambda_cos(SMALL, domains, **{"grid": TRIED} | SETTINGS | changes)


def same(one, other):
    assert one.lambda_cos == other.lambda_cos
    numbers = ["round", "lambda_cos", "mixing_metric", "chosen"]
    pd.testing.assert_frame_equal(one.trials[numbers], other.trials[numbers], check_exact=True)
    np.testing.assert_array_equal(one.chain.data_Aspace, other.chain.data_Aspace)
    np.testing.assert_array_equal(one.chain.latent, other.chain.latent)
    pd.testing.assert_frame_equal(one.chain.history, other.chain.history, check_exact=True)


def test_the_published_grid():
    assert GRID == (15, 20, 25, 30, 35, 40, 45, 50)


def test_the_search_agrees_with_a_literal_transcription(three):
    """One training per value, metric of the latent space of reference and new, lowest wins, reference grows."""
    reference, chosen, metrics = three[0], [], []
    for new in three[1:]:
        networks = [fit(Portal(value, n_latent=3, hidden=16), reference, new, **SETTINGS) for value in TRIED]
        spaces = [
            np.concatenate((latent(n.networks, reference, domain="a"), latent(n.networks, new, domain="b")))
            for n in networks
        ]
        batch = ["reference"] * len(reference) + ["new"] * len(new)
        values = [mixing_metric(space, batch) for space in spaces]
        best = int(np.argmin(values))
        chosen.append(TRIED[best])
        metrics += values
        reference = np.concatenate((reference, translate(networks[best].networks, new, source="b")))
    found = search(three)
    assert list(found.lambda_cos) == chosen
    assert found.trials["mixing_metric"].tolist() == pytest.approx(metrics)
    np.testing.assert_allclose(found.chain.data_Aspace, reference, rtol=1e-12)


def test_trials_and_chain(three, trained):
    found = search(three, progress=False)
    assert trained == TRIED * 2
    assert list(found.trials.columns) == COLUMNS
    assert found.trials["round"].tolist() == [0, 0, 0, 1, 1, 1]
    assert found.trials["lambda_cos"].tolist() == TRIED * 2
    assert found.trials["mixing_metric"].nunique() > 1
    assert (found.trials["seconds"] > 0).all()
    winners = found.trials[found.trials["chosen"]]
    assert winners["lambda_cos"].tolist() == list(found.lambda_cos)
    assert (winners["mixing_metric"].to_numpy() == found.trials.groupby("round")["mixing_metric"].min()).all()
    again = fit_chain(SMALL, three, lambda_cos=found.lambda_cos, **SETTINGS)
    np.testing.assert_array_equal(found.chain.data_Aspace, again.data_Aspace)
    np.testing.assert_array_equal(found.chain.latent, again.latent)
    pd.testing.assert_frame_equal(found.chain.history, again.history, check_exact=True)


def test_the_first_value_is_chosen_on_ties(three, monkeypatch):
    monkeypatch.setattr(tuning, "mixing_metric", lambda *_, **__: 12.0)
    assert search(three).lambda_cos == (1.0, 1.0)


def test_a_folder_changes_nothing_and_a_second_call_trains_nothing(three, trained, tmp_path):
    plain, first = search(three), search(three, folder=tmp_path / "new" / "search")
    same(plain, first)
    trained.clear()
    trained.stop_at = 0
    second = search(three, folder=str(tmp_path / "new" / "search"), progress=False, device="auto")
    same(plain, second)
    assert second.trials["seconds"].tolist() == first.trials["seconds"].tolist()


def test_the_record_holds_settings_and_trials(three, tmp_path):
    found = search(three, folder=tmp_path)
    names = {f"round{i}_lambda_cos{value}.pt" for i in (0, 1) for value in TRIED}
    assert {file.name for file in tmp_path.iterdir()} == names | {"trials.tsv", "search.json"}
    table = pd.read_csv(tmp_path / "trials.tsv", sep="\t", float_precision="round_trip", keep_default_na=False)
    pd.testing.assert_frame_equal(table, found.trials, check_exact=True)
    winner = tmp_path / f"round1_lambda_cos{found.lambda_cos[1]}.pt"
    weights = torch.load(winner, weights_only=True)["state"]["networks"]
    for name, value in found.chain.rounds[1].networks.state_dict().items():
        torch.testing.assert_close(weights[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("stop_at", [0, 1, 2, 4, 5])
def test_an_interrupted_search_resumes(three, trained, tmp_path, stop_at):
    plain = search(three)
    trained.clear()
    trained.stop_at = stop_at
    with pytest.raises(Stopped):
        search(three, folder=tmp_path)
    rows = pd.read_csv(tmp_path / "trials.tsv", sep="\t") if stop_at else []
    assert len(rows) == stop_at
    trained.stop_at = None
    same(plain, search(three, folder=tmp_path))
    assert trained == TRIED * 2


def test_a_trial_that_was_trained_but_not_recorded_is_not_trained_again(three, trained, tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(tuning, "mixing_metric", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            search(three, folder=tmp_path)
    same(search(three, folder=tmp_path), search(three))
    assert trained == TRIED * 2 + TRIED * 2


def test_half_written_and_missing_files_are_ignored(three, tmp_path):
    plain = search(three, folder=tmp_path)
    (tmp_path / ".trials.tsv.part").write_text("round\tlambda")
    (tmp_path / f".round0_lambda_cos{plain.lambda_cos[0]}.pt.part").write_bytes(b"PK")
    (tmp_path / f"round0_lambda_cos{plain.lambda_cos[0]}.pt").unlink()
    (tmp_path / "trials.tsv").unlink()
    same(plain, search(three, folder=tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 7}, "steps 6 there, 7 here"),
        ({"seed": 2}, "seed 1 there, 2 here"),
        ({"log_every": 1}, "log_every 10 there, 1 here"),
        ({"precision": "float32"}, "precision .*float64.* there"),
        ({"grid": [1.0, 300.0]}, r"grid \[1.0, 300.0, 40.0\] there, \[1.0, 300.0\] here"),
    ],
)
def test_a_folder_of_other_settings_is_refused(domains, tmp_path, change, message):
    search(domains, folder=tmp_path)
    before = (tmp_path / "trials.tsv").read_bytes()
    with pytest.raises(ConfigError, match=f"contains another search: {message}.*Choose another folder"):
        search(domains, folder=tmp_path, **change)
    assert (tmp_path / "trials.tsv").read_bytes() == before


def test_a_folder_of_other_input_or_objective_is_refused(domains, three, tmp_path):
    search(domains, folder=tmp_path)
    with pytest.raises(ConfigError, match="domain_2 None there"):
        search(three, folder=tmp_path)
    with pytest.raises(ConfigError, match=r"margin 5\.0 there, 4\.0 here"):
        search_lambda_cos(Portal(margin=4, n_latent=3, hidden=16), domains, grid=TRIED, folder=tmp_path, **SETTINGS)
    changed = domains[1].copy()
    changed[-1, -1] += 1e-9
    with pytest.raises(ConfigError, match="domain_1"):
        search([domains[0], changed], folder=tmp_path)
    with pytest.raises(ConfigError, match="domain_0"):
        search(domains[::-1], folder=tmp_path)


def test_equal_settings_of_other_types_resume_the_search(domains, trained, tmp_path):
    """Numpy numbers, a default that is given, the objective's own weight, another kind of array."""
    first = search(domains, folder=tmp_path)
    trained.stop_at = len(trained)
    settings = {"grid": np.array(TRIED), "steps": np.int64(6), "seed": np.int32(1), "log_every": 10}
    settings = SETTINGS | settings | {"folder": tmp_path, "checkpoint_every": 3}
    other = search_lambda_cos(Portal(7, n_latent=np.int64(3), hidden=16), [x.tolist() for x in domains], **settings)
    same(first, other)


def test_a_wrong_setting_leaves_no_record_behind(domains, tmp_path):
    with pytest.raises(ConfigError, match="steps is 0"):
        search(domains, folder=tmp_path, steps=0)
    assert list(tmp_path.iterdir()) == []
    assert len(search(domains, folder=tmp_path).trials) == 3


@pytest.mark.slow
def test_only_sampled_cells_are_encoded(monkeypatch):
    """Above 10,000 cells; it equals the metric of the whole latent space."""
    rng = np.random.default_rng(0)
    x_a, x_b = rng.normal(size=(11_000, 4)), rng.normal(size=(40, 4)) + 0.3
    trained = fit(SMALL, x_a, x_b, **SETTINGS)
    whole = Outputs(trained.networks, x_a, x_b).latent
    expected = mixing_metric(whole, np.repeat(["a", "b"], [11_000, 40]))
    seen = []
    monkeypatch.setattr(tuning, "Outputs", lambda n, a, b: seen.append((len(a), len(b))) or Outputs(n, a, b))
    assert tuning._mixing(trained, x_a, x_b) == pytest.approx(expected, rel=1e-9)
    ((n_a, n_b),) = seen
    assert n_b == 40
    assert 9_960 <= n_a <= 10_000


def test_a_diverged_trial_is_recorded_and_the_search_goes_on(domains, trained, tmp_path, monkeypatch):
    real = tuning.fit

    @functools.wraps(real)
    def diverging(objective, *args, **settings):
        if objective.lambda_cos == TRIED[0]:
            raise DivergedError("portal, step 3: G/gan is nan.")
        return real(objective, *args, **settings)

    monkeypatch.setattr(tuning, "fit", diverging)
    found = search(domains, folder=tmp_path)
    assert found.trials["reason"].tolist() == [
        f"round 0, lambda_cos {TRIED[0]:g}: portal, step 3: G/gan is nan.",
        "",
        "",
    ]
    assert found.trials["mixing_metric"].tolist()[0] == np.inf
    assert not found.trials["chosen"][0]
    trained.clear()
    same(search(domains, folder=tmp_path), found)
    assert trained == []


def test_divergence_names_the_trial(domains):
    with pytest.raises(DivergedError, match="round 0, lambda_cos 300: portal, step"):
        search_lambda_cos(Portal(n_latent=3, hidden=16, learning_rate=1e200), domains, grid=[300], **SETTINGS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": []}, "grid is"),
        ({"grid": 15}, "grid is 15; expected numbers"),
        ({"grid": ["a"]}, "expected numbers"),
        ({"grid": [15, 15.0]}, "each once"),
        ({"grid": [float("nan")]}, "grid is"),
        ({"grid": [-1]}, "lambda_cos is -1"),
        ({"batches": []}, "batches cannot be set in a search"),
        ({"checkpoint": "x.pt"}, "checkpoint cannot be set in a search; `folder`"),
        ({"precision": "float16"}, "precision 'float16' is unknown"),
    ],
)
def test_wrong_arguments_are_refused_before_training(domains, change, message):
    with pytest.raises(ConfigError, match=message):
        search(domains, **change)


def test_data_sets_are_checked(domains):
    with pytest.raises(ConfigError, match="1 data set"):
        search(domains[:1])
    with pytest.raises(ShapeError, match=r"\[8, 5\] features"):
        search([domains[0], domains[1][:, :5]])


def test_an_unusable_folder_is_one_message(domains, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: cannot be created"):
        search(domains, folder=tmp_path / "file")
    search(domains, folder=tmp_path / "search")
    (tmp_path / "search" / "trials.tsv").write_text("nothing\n")
    with pytest.raises(DataError, match=r"trials.tsv: cannot be read .*Remove it"):
        search(domains, folder=tmp_path / "search")
    record = tmp_path / "search" / "search.json"
    record.write_text(record.read_text()[:40])
    with pytest.raises(DataError, match=r"search.json: cannot be read .*another folder"):
        search(domains, folder=tmp_path / "search")
