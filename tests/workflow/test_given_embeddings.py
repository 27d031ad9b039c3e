"""Embeddings that were made elsewhere are rows from the configuration to the report."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from test_own_data import atlas, entry
from workdir import job_counts

import portal_lib

METRICS = ["asw_label", "pcr", "graph_connectivity"]
GIVEN = {"my_scvi": "X_scVI", "seurat": "seurat.csv"}


@pytest.fixture(scope="module")
def made(shared_workdir):
    """A run with two given embeddings: the one of obsm is good, the one of the table has no structure."""
    workdir, rng, cells = shared_workdir, np.random.default_rng(0), atlas()
    label = pd.factorize(cells.obs["cell_type"])[0]
    cells.obsm["X_scVI"] = (5 * np.eye(3)[label] + rng.normal(size=(cells.n_obs, 3))).astype(np.float32)
    cells.write_h5ad(workdir.root / "mine.h5ad")
    table = pd.DataFrame(rng.normal(size=(cells.n_obs, 4)), cells.obs_names)
    table.iloc[::-1].to_csv(workdir.root / "seurat.csv")
    settings = {"methods": ["unintegrated"], "metrics": METRICS, "seeds": [0, 1]}
    workdir.configure(run="given", datasets=[entry(embeddings=GIVEN)], **settings)
    workdir.snakemake()
    return workdir


def table(workdir, name):
    read = pd.read_csv(workdir.root / "results" / "given" / f"{name}.tsv", sep="\t", dtype={"reason": str})
    return read[read["method"].isin(GIVEN)]


def test_their_scores_are_those_of_score(made):
    keys = {"batch_key": "donor", "label_key": "cell_type"}
    sources = {"my_scvi": "X_scVI", "seurat": made.root / "seurat.csv"}
    found = portal_lib.score(made.root / "mine.h5ad", sources, **keys, metrics=METRICS)
    found = found.set_index(["embedding", "metric"])["value"]
    scores = table(made, "scores").set_index(["method", "metric"])["value"]
    assert len(scores) == len(GIVEN) * len(METRICS)
    np.testing.assert_allclose(scores, found[scores.index], rtol=1e-9)
    overall = table(made, "summary").query("group == 'aggregate'").set_index(["method", "metric"])["mean"]
    np.testing.assert_allclose(overall, found[overall.index], rtol=1e-8)
    assert overall["my_scvi", "overall"] > overall["seurat", "overall"]


def test_they_have_a_status_and_no_time(made):
    rows = table(made, "resources").set_index("method")
    assert rows["status"].to_dict() == dict.fromkeys(GIVEN, "ok")
    assert rows["input"].to_dict() == {name: f"given ({source})" for name, source in GIVEN.items()}
    assert rows["seed"].eq(0).all()
    measured = ["wall_s", "cpu_s", "load_s", "fit_s", "write_s", "peak_memory_mb", "threads", "device", "trainings"]
    assert rows[measured].isna().all(axis=None)


def test_they_are_in_every_figure_and_text(made):
    folder = made.root / "results" / "given"
    for name in ("umap.mine", "table_scib.mine", "resources.mine", "ranks"):
        assert list(folder.glob(f"figures/{name}*.png")), name
    umaps = pd.read_csv(folder / "umaps" / "mine.tsv", sep="\t")
    assert umaps.groupby("method").size().to_dict() == dict.fromkeys(["unintegrated", *GIVEN], 240)
    texts = json.loads((folder / "texts.json").read_text())
    assert "my_scvi**; given: X_scVI" in texts["landing"].replace("\\", "")
    assert "my_scvi, seurat: made elsewhere" in texts["resources.mine"].replace("\\", "")
    summary = (folder / "summary.md").read_text().replace("\\", "")
    assert re.search(r"\| my_scvi \| given \(X_scVI\) \| 1/1 \| 0\.\d", summary)
    assert re.search(r"\| seurat \| given \(seurat.csv\) \| 1/1 \| 0\.\d", summary)
    assert (folder / "report.html").exists()


def test_a_second_run_does_nothing_and_a_new_table_runs_its_embedding_alone(made):
    assert "Nothing to be done" in made.snakemake().text
    file = made.root / "seurat.csv"
    before = file.read_text()
    file.write_text(before + "\n")
    try:
        text = made.snakemake("--dry-run").text
    finally:
        file.write_text(before)
    counts = job_counts(text)
    assert (counts["integrate"], counts["score"]) == (1, 1)
    assert "prepare" not in counts
    assert "seurat.csv" in text


def test_a_mistake_in_a_table_is_the_status_of_its_row(made):
    file = made.root / "seurat.csv"
    before = file.read_text()
    file.write_text(before.replace("\n7,", "\nseven,"))
    try:
        made.snakemake("results/mine/seurat/seed0/run.json")
        record = json.loads(made.read("results/mine/seurat/seed0/run.json"))
    finally:
        file.write_text(before)
    assert record["status"] == "error"
    assert record["reason"].startswith("seurat.csv has 2 problems 1 of 240 cells of the data have no row: '7'.")
