"""A newcomer's walk: the examples of CONTRIBUTING.md, in a copy of the repository, are all that it takes."""

import csv
import json
import re
import shutil
import subprocess
import sys

import pytest
from workdir import ROOT, build

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
# A code block whose first line is a comment with the path of the file.
BLOCKS = dict(re.findall(r"```\w+\n(?:# |\{# )(\S+\.(?:py|j2))(?: #\})?\n(.*?)```", TEXT, re.S))
CONFIGURATION = re.search(r"```yaml\n(.*?)```", TEXT, re.S)[1]
FILES = {
    "method": ["portal_lib/methods/integrate/centre.py"],
    "metric": ["portal_lib/metrics/scib/neighbor_purity.py"],
    "data set": ["portal_lib/datasets/integrate/two_donors.py"],
    "figure": [
        "portal_lib/reporting/figures/failures.py",
        "portal_lib/reporting/templates/captions/failures.rst.j2",
        "tests/unit/reporting/figures/test_failures.py",
    ],
}
NAMES = ["centre", "neighbor_purity", "two_donors", "failures"]
# Tests that look at all plug-ins, and those of the new ones alone.
OF_ALL = [
    "tests/unit/benchmark/test_registry.py",
    "tests/unit/benchmark/test_facts.py",
    "tests/unit/benchmark/config/test_config_docs.py",
    "tests/contracts/test_arrows.py",
    "tests/contracts/test_functions.py",
]


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """A copy of the repository with the files of the examples, and nothing else changed."""
    workdir = build(tmp_path_factory.mktemp("walk"))
    for name in ("tests", "docs"):
        shutil.copytree(ROOT / name, workdir.root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (workdir.root / "results").mkdir()
    pages = [path.name for path in ROOT.glob("*.md")]
    for name in ("pyproject.toml", "requirements.lock", "CITATION.cff", *pages, "results/README.md"):
        shutil.copy(ROOT / name, workdir.root / name)
    for path, text in BLOCKS.items():
        assert not (workdir.root / path).exists()
        (workdir.root / path).write_text(text)
    (workdir.root / "walk.yaml").write_text(CONFIGURATION)
    return workdir


def test_each_example_is_as_many_files_as_stated():
    assert list(BLOCKS) == [path for paths in FILES.values() for path in paths]


@pytest.mark.parametrize("tests", [["tests/contracts", "-k", " or ".join(NAMES)], [*OF_ALL, FILES["figure"][2]]])
def test_tests_pass_without_a_change_elsewhere(walked, tests):
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    environment = walked.environment() | {"PYTHONPATH": str(walked.root)}
    done = subprocess.run(words, cwd=walked.root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert re.search(r"\d+ passed", done.stdout)


def test_the_example_run_scores_the_method_and_draws_the_figure(walked):
    walked.snakemake("--configfile", "walk.yaml")
    results = walked.root / "results" / "walk"
    with (results / "scores.tsv").open() as file:
        scores = {(row["method"], row["metric"]): float(row["value"]) for row in csv.DictReader(file, delimiter="\t")}
    assert scores["shuffle", "neighbor_purity"] < scores["unintegrated", "neighbor_purity"] <= 1
    assert scores["unintegrated", "ilisi"] < scores["centre", "ilisi"]
    assert (results / "figures" / "failures.two_donors.png").stat().st_size > 5000
    assert (
        "Runs of each method on Two donors" in json.loads((results / "texts.json").read_text())["failures.two_donors"]
    )
