"""The task align from data made by code to the report: tables, figures, and what reruns."""

import csv
import json

import numpy as np
import pytest

SETTINGS = {
    "run": "both",
    "repeats": 2,
    "datasets": [
        {"name": "gaussians", "params": {"n_cells": 60}, "defaults": {"batch_size": 20}},
        {"name": "digits_rotated", "params": {"n_draws": 4}},
        {"name": "toy_atlas", "params": {"n_cells": 300, "n_genes": 600}},
    ],
    "methods": [
        {"name": "magan", "params": {"training_steps": 3}},
        {"name": "gan", "params": {"training_steps": 3}},
        *("ridge", "lle_alignment", "random_pairing", "true_partner", "unintegrated"),
    ],
    "seeds": [0, 1],
    "metrics": ["destination", "label_transfer", "mse_rel_mean", "superimposition", "nmi", "pcr"],
}


def table(workdir, name):
    with (workdir.root / "results" / "both" / name).open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def finished(shared_workdir):
    shared_workdir.configure(**SETTINGS)
    shared_workdir.snakemake()
    return shared_workdir


def test_each_method_runs_on_the_data_sets_of_its_tasks_with_every_seed_that_matters(finished):
    rows = {(row["dataset"], row["method"], row["seed"]): row["status"] for row in table(finished, "resources.tsv")}
    assert rows["toy_atlas", "magan", "1"] == "ok"
    assert ("toy_atlas", "gan", "0") not in rows
    assert ("gaussians", "unintegrated", "0") not in rows
    # What is known of digits is drawn anew for each seed, so methods without chance run with each.
    assert {key[2] for key in rows if key[:2] == ("digits_rotated", "lle_alignment")} == {"0", "1"}
    assert {key[2] for key in rows if key[:2] == ("gaussians", "ridge")} == {"0"}
    assert rows["gaussians", "lle_alignment", "0"] == "not_applicable"
    assert "error" not in rows.values()


def test_every_training_has_rows_of_its_own(finished):
    scores = [row for row in table(finished, "scores.tsv") if row["metric"] == "destination"]
    seeds = {(row["dataset"], row["method"]): set() for row in scores}
    for row in scores:
        seeds[row["dataset"], row["method"]].add(row["seed"])
    assert seeds["gaussians", "magan"] == seeds["digits_rotated", "gan"] == {"0", "1", "2", "3"}
    assert seeds["gaussians", "ridge"] == {"0"}
    summary = {(row["dataset"], row["method"], row["metric"]): row for row in table(finished, "summary.tsv")}
    assert summary["gaussians", "magan", "destination"]["n"] == "4"
    assert float(summary["gaussians", "true_partner", "destination"]["mean"]) == 1
    assert ("gaussians", "magan", "overall") not in summary
    assert ("toy_atlas", "magan", "overall") in summary


def test_methods_do_not_get_the_ground_truth(finished):
    folder = finished.root / "results" / "digits_rotated"
    with np.load(folder / "domains.npz") as seen, np.load(folder / "truth.npz") as hidden:
        assert "label1" not in seen.files
        assert {"label1", "label2", "partner"} <= set(hidden.files)
    record = json.loads(finished.read("results/digits_rotated/magan/seed1/run.json"))
    assert (record["task"], record["repeats"], record["notes"]["trainings"]) == ("align", 2, 2)
    assert record["params"]["hidden_d"] == [100, 50]


def test_published_numbers_are_next_to_ours(finished):
    rows = table(finished, "published.tsv")
    assert {row["dataset"] for row in rows} == {"gaussians"}
    ours = {(row["method"], row["metric"]): row for row in rows}
    row = ours["gan", "destination:12:0>0"]
    assert (row["published"], row["n"]) == ("0.362", "4")
    assert 0 <= float(row["ours"]) <= 1
    assert "Published and ours" in finished.read("results/both/summary.md")


def test_figures_and_report_are_there(finished):
    folder = finished.root / "results" / "both"
    kinds = [
        f"{kind}.{name}" for name in ("gaussians", "digits_rotated") for kind in ("scores", "cells", "destinations")
    ]
    others = ("published.gaussians", "table_scib.toy_atlas", "ranks_scib.raw", "ranks_scib.minmax")
    for name in (*kinds, *others):
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    html = (folder / "report.html").read_text()
    assert "Rotated digits" in html
    assert "Toy atlas" in html


def test_a_second_run_has_nothing_to_do(finished):
    assert "Nothing to be done" in finished.snakemake().text


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("portal_lib/methods/align/gan.py", {"align": 4, "integrate": 0}),
        ("portal_lib/methods/align/magan.py", {"align": 4, "integrate": 2}),
        ("portal_lib/metrics/align/destination.py", {"score_alignment": 20, "score": 0, "align": 0}),
        # MAGAN twice, and six controls, four of them twice.
        ("portal_lib/metrics/scib/nmi.py", {"score_alignment": 0, "score": 12, "align": 0}),
        ("portal_lib/datasets/align/gaussians.py", {"prepare_domains": 1, "prepare": 0}),
        ("portal_lib/reporting/figures/destinations.py", {"plot": 2, "score_alignment": 0}),
    ],
)
def test_a_change_touches_only_what_uses_it(finished, file, expected):
    found = finished.touched_by(file)
    assert {rule: found.count(rule) for rule in expected} == expected
