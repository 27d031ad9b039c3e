"""The task align from data set to scores, by real child processes."""

import json

import numpy as np
import pandas as pd
import pytest

from portal_lib.benchmark import registry
from portal_lib.benchmark.config.parse import parse_config
from portal_lib.benchmark.data.figure_inputs import method_inputs, read_translations
from portal_lib.benchmark.run.runs import DESTINATION_COLUMNS, SCORE_COLUMNS, read_records, run_method
from portal_lib.benchmark.run.supervise import Limits
from portal_lib.benchmark.tasks.align.prepare import prepare as prepare_domains
from portal_lib.benchmark.tasks.align.run import check_result
from portal_lib.benchmark.tasks.align.score import score as score_alignment
from portal_lib.errors import DataError, ShapeError
from portal_lib.methods._result import Result
from portal_lib.preparation.domains import Correspondence, Domains, TaskInput, Truth
from portal_lib.preparation.reading.domain_files import read_domains, read_truth, write_domains, write_truth

METRICS = [name for name, facts in registry.find("metrics").items() if facts["group"] == "align"]
LIMITS = Limits(time_s=120, memory_mb=4000, threads=1)


@pytest.fixture(scope="module")
def gaussians(tmp_path_factory):
    """Prepared domains of a small data set."""
    folder = tmp_path_factory.mktemp("gaussians")
    entry = {"name": "gaussians", "params": {"n_cells": 60}}
    run = parse_config({"datasets": [entry], "methods": ["ridge"]})
    dataset = {"id": "gaussians", "name": "gaussians", "params": run.datasets["gaussians"].params}
    files = {name: folder / f"{name}.npz" for name in ("domains", "truth")}
    prepare_domains(dataset, folder, **files, record=folder / "domains.json")
    return folder


def run(prepared, folder, plugin, *, seed=0, repeats=1, **params):
    facts = registry.find("methods")[plugin]
    complete = {key: spec["default"] for key, spec in facts["params"].items()} | params
    folder.mkdir(parents=True)
    task = {"task": "align", "dataset": "gaussians", "method": plugin, "plugin": plugin, "params": complete}
    task |= {"seed": seed, "device": "cpu", "repeats": repeats, "truth": str(prepared / "truth.npz")}
    run_method(task, prepared / "domains.npz", folder / "aligned.npz", folder / "run.json", LIMITS)
    return read_records([folder / "run.json"])[0]


def score(prepared, folder):
    files = {name: prepared / f"{name}.npz" for name in ("domains", "truth")}
    files |= {"result": folder / "aligned.npz", "record": folder / "run.json"}
    files |= {name: folder / f"{name}.tsv" for name in ("scores", "destinations")}
    score_alignment({"dataset": "gaussians", "method": "x", "seed": "0"}, METRICS, **files)
    return [
        pd.read_csv(folder / f"{name}.tsv", sep="\t", dtype={"direction": str}) for name in ("scores", "destinations")
    ]


def test_the_ground_truth_is_a_file_of_its_own_and_both_are_read_back(gaussians):
    domains, truth = read_domains(gaussians / "domains.npz"), read_truth(gaussians / "truth.npz")
    assert domains.x1.shape == (180, 2)
    assert domains.correspondences == (Correspondence(shared=(("c0", "c0"),)),)
    assert set(truth.label1) == {"0", "1", "2"}
    assert "label" not in (gaussians / "domains.npz").read_bytes().decode("latin-1")
    record = json.loads((gaussians / "domains.json").read_text())
    assert (record["n1"], record["d2"], record["labels"]) == (180, 2, ["0", "1", "2"])
    assert method_inputs(gaussians / "domains.json")["n_shared"] == 1


@pytest.mark.slow
def test_each_repeat_is_a_training_with_its_own_seed_and_rows(gaussians, tmp_path):
    record = run(gaussians, tmp_path / "m", "magan", seed=2, repeats=3, training_steps=3)
    assert record["status"] == "ok", record
    assert record["notes"]["trainings"] == 3
    assert record["notes"]["seconds_per_training"] > 0
    with np.load(tmp_path / "m" / "aligned.npz") as made:
        parts = ("x12", "x21", "x121", "x212")
        assert sorted(made.files) == sorted(f"{seed}/0/{part}" for seed in (6, 7, 8) for part in parts)
        assert made["6/0/x12"].shape == (180, 2)
        assert not np.array_equal(made["6/0/x12"], made["7/0/x12"])
        alone = run(gaussians, tmp_path / "alone", "magan", seed=7, training_steps=3)
        assert alone["status"] == "ok"
        with np.load(tmp_path / "alone" / "aligned.npz") as other:
            assert np.array_equal(made["7/0/x12"], other["7/0/x12"])
    scores, destinations = score(gaussians, tmp_path / "m")
    assert list(scores.columns) == SCORE_COLUMNS
    assert list(destinations.columns) == DESTINATION_COLUMNS
    assert set(scores["seed"]) == set(destinations["seed"]) == {6, 7, 8}
    assert np.allclose(destinations.groupby(["seed", "direction", "source"])["share"].sum(), 1)
    missing = scores[scores["value"].isna()]
    assert (missing["reason"] != "").all()
    assert {"foscttm", "mse"} <= set(missing["metric"])


def test_a_deterministic_method_is_trained_once(gaussians, tmp_path):
    record = run(gaussians, tmp_path / "r", "ridge", repeats=4)
    assert (record["status"], record["notes"]["trainings"]) == ("ok", 1)


def test_a_method_that_does_not_fit_is_a_row_with_its_reason_and_no_scores(gaussians, tmp_path):
    record = run(gaussians, tmp_path / "l", "lle_alignment")
    assert record["status"] == "not_applicable"
    assert "pair" in record["reason"]
    scores, destinations = score(gaussians, tmp_path / "l")
    assert len(scores) == len(destinations) == 0


def test_the_truth_scores_best_and_random_pairing_like_chance(gaussians, tmp_path):
    values = {}
    for name in ("true_partner", "random_pairing"):
        assert run(gaussians, tmp_path / name, name)["status"] == "ok"
        scores, _ = score(gaussians, tmp_path / name)
        values[name] = scores.set_index("metric")["value"]
    assert values["true_partner"]["destination"] == 1
    assert values["random_pairing"]["destination"] == pytest.approx(1 / 3, abs=0.1)


@pytest.mark.slow
def test_figures_show_the_first_training_of_each_successful_run(gaussians, tmp_path):
    run(gaussians, tmp_path / "ridge", "ridge")
    run(gaussians, tmp_path / "lle", "lle_alignment")
    ridge, failed = read_translations([tmp_path / name / "aligned.npz" for name in ("ridge", "lle")])
    assert ridge.shape == read_domains(gaussians / "domains.npz").x1.shape
    assert failed is None


def hidden_markers():
    """Domains of four features, in which each of two is hidden in turn."""
    rng = np.random.default_rng(0)
    names = ["a", "b", "c", "d"]
    whole = pd.DataFrame(rng.normal(size=(80, 4)) @ rng.normal(size=(4, 4)), columns=names)
    x1, x2 = (
        whole.iloc[:40].set_axis([f"x{i}" for i in range(40)]),
        whole.iloc[40:].set_axis([f"y{i}" for i in range(40)]),
    )
    correspondences = tuple(
        Correspondence(tuple((name, name) for name in names if name != hidden), (), (hidden,)) for hidden in ("b", "d")
    )
    return Domains(x1, x2, correspondences), Truth(target12=x1, target21=x2)


def test_hidden_features_are_scored_one_by_one_and_averaged(tmp_path):
    domains, truth = hidden_markers()
    write_domains(domains, tmp_path / "domains.npz")
    write_truth(truth, tmp_path / "truth.npz")
    assert run(tmp_path, tmp_path / "r", "ridge")["status"] == "ok"
    scores, _ = score(tmp_path, tmp_path / "r")
    values = scores.set_index("metric")["value"]
    parts = {"pearson:b", "pearson:d", "pearson:constant_predictions"}
    assert parts == {name for name in values.index if name.startswith("pearson:")}
    assert values["pearson"] == pytest.approx((values["pearson:b"] + values["pearson:d"]) / 2)
    assert "foscttm" not in values


@pytest.mark.parametrize(("plugin", "n_constant"), [("ridge", 0), ("mean_predictor", 2)])
@pytest.mark.slow
def test_constant_predictions_are_counted_over_all_that_was_hidden(tmp_path, plugin, n_constant):
    domains, truth = hidden_markers()
    write_domains(domains, tmp_path / "domains.npz")
    write_truth(truth, tmp_path / "truth.npz")
    assert run(tmp_path, tmp_path / "m", plugin)["status"] == "ok"
    scores, _ = score(tmp_path, tmp_path / "m")
    values = scores.set_index("metric")["value"]
    assert [values[f"{name}:constant_predictions"] for name in ("pearson", "spearman")] == [n_constant] * 2


def test_a_task_input_does_not_contain_hidden_features():
    domains, _ = hidden_markers()
    task_input = domains.task_input(0)
    assert task_input.features1 == ("a", "c", "d")
    assert task_input.shared == ((0, 0), (1, 2), (2, 3))
    assert task_input.truth is None


@pytest.mark.parametrize(
    ("result", "kind", "words"),
    [
        (None, ShapeError, "returned nothing"),
        (Result(x12=np.zeros((3, 2))), ShapeError, "expected x12 and x21"),
        (Result(x12=np.zeros((2, 3)), x21=np.zeros((4, 2))), ShapeError, r"x12 of shape \(2, 3\)"),
        (Result(x12=np.full((3, 2), np.nan), x21=np.zeros((4, 2))), DataError, "6 values in x12"),
        (Result(z1=np.zeros((3, 1)), z2=np.zeros((4, 2))), ShapeError, "different widths"),
        (Result(x12=np.full((3, 2), "x"), x21=np.zeros((4, 2))), DataError, "6 values in x12"),
    ],
)
def test_results_of_the_wrong_form_are_refused(result, kind, words):
    task_input = TaskInput(np.zeros((3, 2)), np.zeros((4, 2)), ("a", "b"), ("a", "b"))
    with pytest.raises(kind, match=words):
        check_result(result, "x", task_input)
