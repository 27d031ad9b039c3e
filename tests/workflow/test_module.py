"""A local clone serves workflows in other folders: as a module, and by ``--directory``."""

import subprocess
import sys

import pytest
import yaml
from workdir import build, job_counts

SETTINGS = {
    "run": "elsewhere",
    "datasets": [{"name": "toy_atlas", "params": {"n_cells": 300, "n_genes": 600}}],
    "methods": ["unintegrated"],
    "metrics": ["nmi"],
    "seeds": [0],
}
IMPORTER = """
configfile: "mine.yaml"


module benchmark:
    snakefile: "{snakefile}"
    config: config


use rule * from benchmark{renamed}
"""


@pytest.fixture
def clone(tmp_path):
    return build(tmp_path / "clone")


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "mine.yaml").write_text(yaml.safe_dump(SETTINGS))
    return folder


def snakemake(clone, folder, *words):
    words = [sys.executable, "-m", "snakemake", "--cores", "2", *map(str, words)]
    done = subprocess.run(words, cwd=folder, env=clone.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize("prefix", ["", "bench_"])
def test_all_rules_can_be_used_as_a_module(clone, elsewhere, prefix):
    renamed = f" as {prefix}*" if prefix else ""
    importer = IMPORTER.format(snakefile=clone.root / "Snakefile", renamed=renamed)
    (elsewhere / "Snakefile").write_text(importer)
    counts = job_counts(snakemake(clone, elsewhere, "--dry-run"))
    # The method that is named, and five controls that set the ends of the scaled scores.
    expected = {"prepare": 1, "integrate": 6, "score": 6, "umap": 1, "report": 1, "all": 1}
    assert expected.items() <= {name.removeprefix(prefix): n for name, n in counts.items()}.items()


def test_a_module_runs_in_the_folder_of_the_importing_workflow(clone, elsewhere):
    (elsewhere / "Snakefile").write_text(IMPORTER.format(snakefile=clone.root / "Snakefile", renamed=""))
    snakemake(clone, elsewhere, "results/elsewhere/summary.tsv")
    assert "toy_atlas\tunintegrated\tnmi" in (elsewhere / "results" / "elsewhere" / "summary.tsv").read_text()
    assert not (clone.root / "results").exists()


def test_a_run_in_another_directory_leaves_its_results_there(clone, elsewhere):
    words = ["--snakefile", clone.root / "Snakefile", "--directory", elsewhere, "--configfile", elsewhere / "mine.yaml"]
    snakemake(clone, clone.root.parent, "results/toy_atlas/prepare.json", *words)
    assert (elsewhere / "results" / "toy_atlas" / "prepared.h5ad").exists()
    assert not (clone.root / "results").exists()
