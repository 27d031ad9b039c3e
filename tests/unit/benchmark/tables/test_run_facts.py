"""Facts of a run."""

import json

import numpy as np
import package_copy
import pandas as pd
import pytest

from portal_lib.benchmark import registry
from portal_lib.benchmark.config.parse import parse_config
from portal_lib.benchmark.tables.run_facts import _failed_ends, dataset_label, facts_of_run, small_labels

MACHINE = {"cpu": "Abacus", "cores": 2, "memory_mb": 16_000, "gpu": None, "system": "Linux 1", "python": "3.11.7"}
RECORD = {"status": "ok", "machine": MACHINE, "threads": 2, "versions": {"python": "3.11.7", "harmonypy": "2.1.0"}}


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """Facts of a run of three data sets, one of them the user's own, and four records."""
    monkeypatch.chdir(tmp_path)
    package_copy.made_prepared().write_h5ad("prepared.h5ad")
    (tmp_path / "bad.json").write_text(json.dumps([{"status": "verified"}, {"status": "unverified"}]))
    raw = {
        "run": "mine",
        "datasets": [
            {"name": "toy_atlas", "variant": "small", "params": {"n_cells": 300}},
            "scmixology",
            {"name": "own", "path": "prepared.h5ad", "batch": "batch", "label": "label"},
        ],
        "methods": ["shuffle", {"name": "portal", "params": {"margin": [5.0, 3]}}],
        "metrics": ["pcr"],
    }
    run = parse_config(raw)
    other = RECORD | {"machine": MACHINE | {"gpu": "Engine"}, "threads": 1, "status": "oom", "versions": None}
    prepared = dict.fromkeys(run.datasets, tmp_path / "prepared.h5ad")
    manifests, samples = {"scmixology": tmp_path / "bad.json"}, {"own": {"n_cells_scored": 20}}
    return facts_of_run(run, [RECORD, RECORD, other], prepared, manifests, samples)


def test_data_sets_are_counted_and_say_whether_they_were_verified(facts):
    assert [(d["name"], d["label"], d["verified"]) for d in facts["datasets"]] == [
        ("toy_atlas.small", "Toy atlas · small", None),
        ("scmixology", registry.find("datasets")["scmixology"]["label"], False),
        ("own", "own", None),
    ]
    assert {(d["n_cells"], d["n_batches"], d["n_labels"]) for d in facts["datasets"]} == {(package_copy.N_CELLS, 2, 2)}
    assert [d["n_scored"] for d in facts["datasets"]] == [package_copy.N_CELLS, package_copy.N_CELLS, 20]


def test_verified_files_are_said_to_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package_copy.made_prepared().write_h5ad("prepared.h5ad")
    (tmp_path / "good.json").write_text(json.dumps([{"status": "verified"}] * 2))
    run = parse_config({"datasets": ["scmixology"]})
    made = facts_of_run(run, [RECORD], {"scmixology": "prepared.h5ad"}, {"scmixology": tmp_path / "good.json"})
    assert made["datasets"][0]["verified"] is True


def test_methods_name_only_the_parameters_that_were_changed(facts):
    assert [(m["name"], m["params"]) for m in facts["methods"]] == [
        ("shuffle", {}),
        ("portal.margin-5.0", {}),
        ("portal.margin-3", {"margin": 3}),
    ]
    assert [m["control"] for m in facts["methods"]] == [True, False, False]


ADDED = ["Label embedding", "Shuffle by batch", "Shuffle by label", "Unintegrated", "Unintegrated by batch"]


def test_controls_that_were_added_are_listed_with_their_data_set_and_not_as_methods(facts):
    assert [sorted(data["added"]) for data in facts["datasets"]] == [ADDED] * 3
    # Three of them run with three seeds, the deterministic ones once.
    assert facts["n_added"] == 3 * (3 * 3 + 2)


def test_failed_controls_that_set_ends_are_named_with_a_reason():
    def record(method, seed, status="ok", reason=None):
        return {"method": method, "seed": seed, "status": status, "reason": reason}

    records = [record("shuffle", 0), record("shuffle", 1, "oom", "too much"), record("unintegrated", 0)]
    records += [record("portal", 0, "error", "bad"), record("unintegrated.pcs", 0, "error", "bad")]
    records += [record("shuffle_by_label", 0, "timeout", "not done")]
    assert _failed_ends(records) == [
        {"label": "Shuffle", "n_failed": 1, "n_runs": 2, "status": "oom", "reason": "too much"},
        {"label": "Shuffle by label", "n_failed": 1, "n_runs": 1, "status": "timeout", "reason": "not done"},
    ]


def test_several_machines_are_named_with_what_differs(facts):
    assert facts["machine"]["cpu"] == "Abacus"
    assert facts["machine"]["gpu"] == "none; Engine"
    assert facts["machine"]["memory"] == "16 GiB"
    assert facts["machine"]["threads per run"] == "2; 1"


def test_statuses_versions_and_metrics(facts):
    assert facts["title"] == "Benchmark: mine"
    assert facts["statuses"] == {"ok": 2, "oom": 1}
    assert facts["versions"]["harmonypy"] == "2.1.0"
    assert "python" not in facts["versions"]
    assert facts["metrics"] == [{"name": "pcr", "label": "PCR", "group": "batch"}]
    assert facts["seeds"] == [0, 1, 2]
    json.dumps(facts)


def test_metrics_are_those_of_the_tasks_of_the_run(tmp_path):
    asked = {"n1": 3, "n2": 4, "d1": 2, "d2": 2, "n_shared": [1], "n_pairs": [0], "hidden": [[]], "draw_by_seed": False}
    (tmp_path / "domains.json").write_text(json.dumps(asked))
    package_copy.made_prepared().write_h5ad(tmp_path / "prepared.h5ad")
    prepared = {"gaussians": tmp_path / "domains.json", "scmixology": tmp_path / "prepared.h5ad"}
    known = registry.find("metrics")
    for datasets in (["gaussians"], ["scmixology"], list(prepared)):
        run = parse_config({"datasets": datasets, "methods": ["magan"]})
        made = facts_of_run(run, [RECORD], {name: prepared[name] for name in datasets}, {})
        aligned = {known[metric["name"]]["group"] == "align" for metric in made["metrics"]}
        assert aligned == {name == "gaussians" for name in datasets}
        assert [metric["name"] for metric in made["metrics"]] == [
            name for name in run.metrics if (known[name]["group"] == "align") in aligned
        ]


def test_label_of_a_registry_data_set_with_a_variant():
    run = parse_config({"datasets": ["toy_atlas", {"name": "toy_atlas", "variant": "b"}]})
    assert [dataset_label(run, name) for name in run.datasets] == ["Toy atlas", "Toy atlas · b"]


def test_labels_of_few_scored_cells_are_named_with_their_number():
    labels = pd.Categorical(
        ["big"] * 12 + ["ten"] * 10 + ["nine"] * 9 + ["three"] * 3, [*"x", "big", "ten", "nine", "three"]
    )
    assert small_labels(labels) == {"three": 3, "nine": 9}
    assert small_labels(labels, np.arange(5, 32)) == {"three": 1, "big": 7, "nine": 9}
