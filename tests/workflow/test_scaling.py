"""The scaling study, tiny: samples that hold each other, a table of all that was measured, exponents, figures."""

import csv

import anndata
import pytest
from workdir import job_counts

from portal_lib.benchmark import registry

FIGURES = [name for name, facts in registry.find("figures").items() if facts.get("target") == "scaling"]
SIZES = (400, 800)
SETTINGS = {
    "run": "tiny",
    "datasets": [{"name": "toy_atlas", "params": {"n_cells": 1200, "n_genes": 600}, "cells": list(SIZES)}],
    "methods": ["unintegrated", "shuffle"],
    "seeds": [0, 1],
}


def table(workdir, name):
    with (workdir.root / "results" / "tiny" / name).open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def finished(shared_workdir):
    shared_workdir.configure(**SETTINGS)
    shared_workdir.first = job_counts(shared_workdir.snakemake("scaling").text)
    return shared_workdir


def test_the_scaling_study_needs_runs_but_no_scores(finished):
    assert finished.first == {
        **{"write_counts": 1, "subsample": 2, "prepare": 2, "integrate": 6},
        **{"gather_scaling": 1, "plot_scaling": len(FIGURES), "scaling": 1},
    }
    assert "Nothing to be done" in finished.snakemake("scaling").text


def test_larger_samples_contain_smaller_ones(finished):
    small, large = (anndata.read_h5ad(finished.root / f"results/toy_atlas.n{n}/counts.h5ad") for n in SIZES)
    assert (small.n_obs, large.n_obs) == SIZES
    shared = large[small.obs_names]
    assert (shared.X != small.X).nnz == 0
    assert shared.obs_names.equals(large.obs_names[large.obs_names.isin(small.obs_names)])


def test_every_preparation_and_run_is_there_with_time_and_memory(finished):
    rows = table(finished, "scaling.tsv")
    for n in map(str, SIZES):
        here = [row for row in rows if row["n_cells"] == n]
        runs = {(row["method"], row["seed"]) for row in here}
        assert runs == {("preparation", "0"), ("unintegrated", "0"), ("shuffle", "0"), ("shuffle", "1")}
        for method in ("preparation", "unintegrated", "shuffle"):
            known = {(r["quantity"], r["phase"]): float(r["value"]) for r in here if r["method"] == method}
            assert known["seconds", "run"] >= known["seconds", "whole_way"] * (method == "preparation") > -1
            assert known["memory_mb", "run"] > 50
    assert {row["source"] for row in rows} == {"toy_atlas"}


def test_exponents_are_there_without_an_interval_for_two_sizes(finished):
    fits = {(row["method"], row["quantity"], row["phase"]): row for row in table(finished, "scaling_fits.tsv")}
    memory = fits["preparation", "memory_mb", "run"]
    assert (memory["n"], memory["ci_low"], memory["failed"]) == ("2", "", "")
    assert abs(float(memory["exponent"])) < 2
    assert fits["shuffle", "seconds", "fit"]["dropped"].startswith("400 (")


@pytest.mark.parametrize("kind", ["time", "phases", "memory"])
def test_figures_are_png_and_svg(finished, kind):
    stem = finished.root / "results" / "tiny" / "figures" / f"scaling_{kind}.toy_atlas"
    assert stem.with_name(stem.name + ".png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in stem.with_name(stem.name + ".svg").read_text()


def test_an_additional_size_repeats_no_finished_one(finished):
    entry = SETTINGS["datasets"][0]
    finished.configure(**SETTINGS | {"datasets": [entry | {"cells": [*SIZES, 1200]}]})
    counts = job_counts(finished.snakemake("scaling", "--dry-run").text)
    assert (counts["subsample"], counts["prepare"], counts["integrate"]) == (1, 1, 3)
    assert "write_counts" not in counts


def test_more_cells_than_there_are_is_one_message(workdir):
    workdir.configure(**SETTINGS | {"datasets": [SETTINGS["datasets"][0] | {"cells": 1201}]})
    done = workdir.snakemake("scaling", check=False)
    message = "DataError: toy_atlas.n1201: a sample of 1,201 of 1,200 cells. Lower datasets[0].cells."
    assert message in done.text
    assert "Traceback" not in workdir.read("results/toy_atlas.n1201/subsample.log")


def test_the_scaling_study_has_exactly_these_jobs(workdir):
    counts = job_counts(workdir.snakemake("scaling", "--dry-run", "--configfile", "config/scaling.yaml").text)
    assert (counts["write_counts"], counts["subsample"], counts["prepare"], counts["gather_scaling"]) == (1, 5, 5, 1)
    assert counts["integrate"] == 100
    assert "score" not in counts
