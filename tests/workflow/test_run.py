"""The main job on a small atlas: failures are rows, a second run does nothing, a change reruns what it touches."""

import csv
import json
import re
import shutil
import subprocess

import pytest
from workdir import ROOT, job_counts

from portal_lib.benchmark.config.parse import parse_config

FAILING = {
    "raises": ("error", "ValueError: this method always raises"),
    "exits": ("error", "exited with code 3 before it returned a result"),
    "hangs": ("timeout", "not done after 30 s"),
    "allocates": ("oom", "used more than the limit of 1536 MiB"),
    "transposed": (
        "error",
        "method 'transposed' returned (30, 400) for 400 cells; expected (400, n_dims). Cells are rows.",
    ),
    "not_a_number": ("error", "method 'not_a_number' returned 1 values that are not finite in its embedding."),
    "unsuited": ("not_applicable", "needs three species"),
}
SETTINGS = {
    "run": "small",
    "datasets": [{"name": "toy_atlas", "params": {"n_cells": 400, "n_genes": 800}}],
    "methods": [
        "unintegrated",
        "shuffle",
        "harmony",
        {"name": "portal", "params": {"training_steps": [5, 10]}},
        "centre",
        *FAILING,
    ],
    "seeds": [0, 1],
    "limits": {"time_minutes": 0.5, "memory_gb": 1.5},
}
N_METRICS = len(parse_config({}).metrics_of("toy_atlas"))
# Controls that are not named, by the number of their runs.
ADDED = {"unintegrated_by_batch": 1, "shuffle_by_batch": 2, "shuffle_by_label": 2, "label_embedding_jittered": 2}
STOCHASTIC = ["shuffle", "harmony", "portal.training_steps-5", "portal.training_steps-10"]


def table(workdir, name):
    with (workdir.root / "results" / "small" / name).open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def finished(shared_workdir):
    """A finished run with methods that fail in every way, and the one that CONTRIBUTING.md shows."""
    example = re.search(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S)[1]
    shared_workdir.add_methods(*FAILING)
    (shared_workdir.root / "portal_lib" / "methods" / "integrate" / "centre.py").write_text(example)
    shared_workdir.configure(**SETTINGS)
    shared_workdir.first = shared_workdir.snakemake(timeout=1800)
    return shared_workdir


def test_every_run_is_a_row_with_its_status(finished):
    rows = {(row["method"], row["seed"]): row for row in table(finished, "resources.tsv")}
    assert len(rows) == 2 * len(STOCHASTIC) + 2 + len(FAILING) + sum(ADDED.values())
    for method, outcome in FAILING.items():
        row = rows[method, "0"]
        assert (row["status"], row["reason"]) == outcome
    assert {row["status"] for key, row in rows.items() if key[0] not in FAILING} == {"ok"}


def test_failed_runs_have_no_scores_and_the_others_have_all(finished):
    rows = table(finished, "scores.tsv")
    scored = {(row["method"], row["seed"]) for row in rows}
    assert {method for method, _ in scored} == {*STOCHASTIC, "unintegrated", "centre", *ADDED}
    assert len(rows) == N_METRICS * len(scored)
    pcr = next(row for row in rows if row["method"] == "unintegrated" and row["metric"] == "pcr")
    assert float(pcr["value"]) == 0


def test_controls_that_are_not_named_set_ends_and_are_in_no_other_table(finished):
    for name in ("scores.tsv", "resources.tsv"):
        found = {(row["method"], row["seed"]) for row in table(finished, name) if row["added"] == "yes"}
        assert {method: sum(one == method for one, _ in found) for method, _ in found} == ADDED
    ends = {row["scaling"]: set() for row in table(finished, "ranges.tsv")}
    for row in table(finished, "ranges.tsv"):
        ends[row["scaling"]].add(row["method"])
    assert ends["control"] & set(ADDED)
    assert not ends["minmax"] & set(ADDED)
    for name in ("summary.tsv", "overall.tsv", "overall_runs.tsv"):
        assert not {row["method"] for row in table(finished, name)} & set(ADDED)
    assert not {row[key] for row in table(finished, "differences.tsv") for key in ("method_a", "method_b")} & set(ADDED)
    drawn = {line.split("\t")[0] for line in finished.read("results/small/umaps/toy_atlas.tsv").splitlines()[1:]}
    assert drawn
    assert not drawn & set(ADDED)
    assert "Controls that were added on Toy atlas" in json.loads(finished.read("results/small/texts.json"))["landing"]


def test_records_are_complete(finished):
    record = json.loads(finished.read("results/toy_atlas/portal.training_steps-5/seed1/run.json"))
    assert record["status"] == "ok"
    assert record["seed"] == 1
    assert record["params"]["training_steps"] == 5
    assert record["versions"]["torch"].startswith("2.13.0")
    assert record["machine"]["cores"] >= 1
    assert sum(record["phases"].values()) <= record["wall_s"]
    assert record["probe"] == "vm_hwm_mb"
    assert 100 < record["peak_memory_mb"] < 1536
    failed = json.loads(finished.read("results/toy_atlas/raises/seed0/run.json"))
    assert any("this method always raises" in line for line in failed["log_tail"])


def test_figures_tables_and_report_are_there(finished):
    folder = finished.root / "results" / "small"
    for kind in ("table_scib", "umap", "resources"):
        assert (folder / "figures" / f"{kind}.toy_atlas.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / "figures" / f"{kind}.toy_atlas.pdf").read_bytes().startswith(b"%PDF")
    html = (folder / "report.html").read_text()
    assert "Toy atlas" in html
    assert "needs three species" in html
    assert "ComBat" not in html


def open_report(workdir, folder, click=None):
    """The text of the report as Chromium shows it, after a click on an entry of its menu if one is named."""
    page = folder / "report.html"
    script = "setTimeout(() => [...document.querySelectorAll('*')].filter(e => e.textContent.trim() === "
    script = f"<script>{script}{json.dumps(click)}).pop().click(), 1500)</script>" if click else ""
    page.write_text(workdir.read("results/small/report.html") + script)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    words = ["chromium", *flags, f"--user-data-dir={folder}", "--virtual-time-budget=8000", "--dump-dom", page.as_uri()]
    dom = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120).stdout
    return re.sub(r"<script.*?</script>", "", dom, flags=re.S)


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("chromium"), reason="no Chromium here")
@pytest.mark.parametrize(
    ("click", "shown"),
    [
        (None, ["Benchmark: small", "24 runs (7 of added controls)", "Machine", "torch 2.13.0", "Time and memory"]),
        ("Scores", ["toy_atlas: methods by metrics (scib)", "all data sets: numbers"]),
        ("UMAP", ["toy_atlas: by batch and by label"]),
        ("Time and memory", ["toy_atlas: time and memory"]),
        ("Configuration", ["configuration as run"]),
    ],
)
def test_the_report_opens_in_a_browser(finished, tmp_path, click, shown):
    text = open_report(finished, tmp_path, click)
    for words in shown:
        assert words in text, words


def test_nothing_is_left_half_done(finished):
    left = [path for path in (finished.root / "results").rglob(".*") if path.name != ".gitkeep"]
    assert left == []


def test_a_second_run_does_nothing(finished):
    assert "Nothing to be done" in finished.snakemake().text


def test_a_figure_that_was_removed_is_drawn_again(finished):
    figure = finished.root / "results" / "small" / "figures" / "umap.toy_atlas.pdf"
    figure.unlink()
    counts = job_counts(finished.snakemake().text)
    assert figure.exists()
    assert counts["plot"] == 1
    assert "integrate" not in counts


def test_the_same_seeds_give_the_same_scores_to_the_byte(finished):
    before = finished.read("results/small/scores.tsv")
    for name in ("portal.training_steps-10", "harmony", "shuffle"):
        for file in ("result.h5ad", "run.json", "scores.tsv"):
            (finished.root / "results" / "toy_atlas" / name / "seed0" / file).unlink()
    (finished.root / "results" / "small" / "scores.tsv").unlink()
    counts = job_counts(finished.snakemake("tables").text)
    assert counts["integrate"] == counts["score"] == 3
    assert finished.read("results/small/scores.tsv") == before
    finished.snakemake()


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("portal_lib/training/trainer.py", {"integrate": 4}),
        ("portal_lib/methods/integrate/centre.py", {"integrate": 1}),
        ("portal_lib/metrics/scib/ilisi.py", {"score": 24, "integrate": 0}),
        ("portal_lib/reporting/figures/table.py", {"plot": 1, "integrate": 0, "score": 0}),
        ("portal_lib/datasets/integrate/scmixology.py", {}),
        ("README.md", {}),
    ],
)
def test_a_change_reruns_exactly_what_it_touches(finished, file, expected):
    touched = finished.touched_by(file)
    for rule, count in expected.items():
        assert touched.count(rule) == count, (rule, touched)
    if not expected:
        assert touched == []


def test_keeping_models_reruns_the_methods_that_have_some(finished):
    finished.configure(**SETTINGS | {"keep_models": True})
    try:
        counts = job_counts(finished.snakemake("--dry-run").text)
    finally:
        finished.configure(**SETTINGS)
    # Portal, with two values of a parameter and two seeds.
    assert counts["integrate"] == counts["score"] == 4


def test_other_limits_rerun_no_method(finished):
    finished.configure(**SETTINGS | {"limits": {"time_minutes": 9, "memory_gb": 3}})
    try:
        counts = job_counts(finished.snakemake("--dry-run").text)
    finally:
        finished.configure(**SETTINGS)
    assert "integrate" not in counts
    assert "score" not in counts
