"""An h5ad of the user's: it runs as any data set does, and bad input ends in one clear message."""

import json
import subprocess
import sys

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

METHODS = {"methods": ["unintegrated"], "seeds": [0]}


def atlas(n_cells=240, n_genes=400, seed=0):
    """Counts of three types in two batches."""
    rng = np.random.default_rng(seed)
    label, batch = rng.integers(0, 3, n_cells), rng.integers(0, 2, n_cells)
    rate = rng.gamma(0.6, 2.0, (3, n_genes))[label] * rng.gamma(5, 0.2, (2, n_genes))[batch]
    data = anndata.AnnData(sp.csr_matrix(rng.poisson(rate).astype(np.float32)))
    data.obs["donor"] = np.array(["d1", "d2"])[batch]
    data.obs["cell_type"] = np.array(["T", "B", "NK"])[label]
    return data


def entry(**changes):
    return {"name": "mine", "path": "mine.h5ad", "batch": "donor", "label": "cell_type"} | changes


def test_own_data_in_five_lines(workdir):
    atlas().write_h5ad(workdir.root / "mine.h5ad")
    workdir.configure(run="own", datasets=[entry()], **METHODS)
    workdir.snakemake()
    assert "mine\tunintegrated\t0\tnmi" in workdir.read("results/own/scores.tsv")
    assert (workdir.root / "results" / "own" / "report.html").exists()


def test_several_files_are_one_data_set_and_samples_are_drawn_from_all(workdir):
    whole = atlas()
    whole[:100].copy().write_h5ad(workdir.root / "a.h5ad")
    whole[100:, ::-1].copy().write_h5ad(workdir.root / "b.h5ad")
    workdir.configure(run="own", datasets=[entry(path=["a.h5ad", "b.h5ad"], cells=[150, 240])], **METHODS)
    workdir.snakemake("results/mine.n150/prepared.h5ad", "results/mine.n240/prepared.h5ad")
    made = anndata.read_h5ad(workdir.root / "results" / "mine.n240" / "prepared.h5ad")
    assert made.obs_names.tolist() == whole.obs_names.tolist()
    np.testing.assert_array_equal(made.X.toarray(), whole[:, made.var_names].X.toarray())
    some = anndata.read_h5ad(workdir.root / "results" / "mine.n150" / "prepared.h5ad")
    assert some.obs_names.tolist() == [name for name in whole.obs_names if name in set(some.obs_names)]
    assert some.n_obs == 150


def test_above_a_number_of_cells_a_sample_is_scored_and_every_page_says_so(workdir):
    atlas().write_h5ad(workdir.root / "mine.h5ad")
    scoring = {"max_cells": 200, "sample_cells": 150, "seed": 3}
    workdir.configure(run="own", datasets=[entry()], **METHODS, scoring=scoring, umap={"max_cells": 120})
    workdir.snakemake()
    run = "results/mine/unintegrated/seed0"
    facts = json.loads(workdir.read(f"{run}/scored.json"))
    assert [facts[f"n_cells_{kind}"] for kind in ("total", "scored")] == [240, 150]
    layouts = pd.read_csv(workdir.root / "results/own/umaps/mine.tsv", sep="\t")
    assert layouts.groupby("method")["cell"].nunique().to_dict() == dict.fromkeys(METHODS["methods"], 120)
    assert layouts.groupby("cell")["method"].nunique().eq(len(METHODS["methods"])).all()
    texts = json.loads(workdir.read("results/own/texts.json"))
    assert "150 of 240 cells" in texts["table_scib.mine"].replace("\\", "")
    assert "120 of 240 cells" in texts["umap.mine"].replace("\\", "")
    assert "150 cells scored" in texts["landing"]
    assert "150 of 240 cells" in workdir.read("results/own/summary.md")
    assert "UMAP of 120 of 240 cells" in workdir.read("results/own/logs/umap.mine.log")
    assert "Nothing to be done" in workdir.snakemake().text


def test_no_labels_some_labels_and_several_batch_columns(workdir):
    data = atlas()
    data.obs["lane"] = np.array(["l1", "l2"])[np.arange(240) % 2]
    data.obs["some"] = data.obs["cell_type"].where(np.arange(240) % 4 > 0, "unknown")
    data.write_h5ad(workdir.root / "mine.h5ad")
    some = {"name": "some", "label": "some", "unlabelled": ["unknown"], "batch": ["donor", "lane"]}
    bare = {key: value for key, value in entry(name="bare").items() if key != "label"}
    methods = ["unintegrated", "harmony", "shuffle_by_label"]
    workdir.configure(run="own", datasets=[bare, entry(**some)], methods=methods, seeds=[0])
    workdir.snakemake()
    scores = pd.read_csv(workdir.root / "results/own/scores.tsv", sep="\t", keep_default_na=False)
    of_bare = scores[(scores["dataset"] == "bare") & (scores["method"] == "harmony")].set_index("metric")
    for name in ("pcr", "ilisi", "kbet"):
        assert float(of_bare.loc[name, "value"]) >= 0
    for name in ("nmi", "ari", "asw_label", "asw_batch", "graph_connectivity", "clisi", "isolated_labels_f1"):
        assert of_bare.loc[name, ["value", "reason"]].tolist() == ["", "no labels are known"]
    assert "shuffle_by_label" not in set(scores.loc[scores["dataset"] == "bare", "method"])
    of_some = scores[(scores["dataset"] == "some") & (scores["method"] == "harmony")].set_index("metric")
    parts = {name: float(of_some.loc[name, "value"]) for name in ("pcr", "pcr:donor", "pcr:lane")}
    assert len(set(parts.values())) == 3
    assert "nmi:donor" not in of_some.index
    assert of_some.loc["pcr:donor", "group"] == "auxiliary"
    facts = json.loads(workdir.read("results/some/harmony/seed0/scored.json"))
    assert [facts[name] for name in ("n_cells_total", "n_cells_scored", "n_unlabelled")] == [240, 180, 60]
    texts = json.loads(workdir.read("results/own/texts.json"))
    assert "180 of 240 cells: 60 have no label" in texts["table_scib.some"].replace("\\", "")
    assert "The data have no labels" in texts["table_scib.bare"]
    assert "no labels" in texts["landing"]
    assert "Controls that were added on some, since all" in texts["landing"]
    assert "Controls that were added on bare, since all" in texts["landing"]
    for name in ("bare", "some"):
        assert (workdir.root / f"results/own/figures/umap.{name}.png").stat().st_size > 10_000
    assert "Nothing to be done" in workdir.snakemake().text


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (None, {"batch": "btach"}, "DataError: mine.h5ad: obs has no column 'btach'. Found: donor, cell_type."),
        ("logged", {}, "it looks log-normalised"),
        ("not_h5ad", {}, "DataError: mine.h5ad"),
    ],
)
def test_bad_input_is_one_message_and_no_file(workdir, change, settings, message):
    data = atlas()
    if change == "logged":
        counts = data.X.toarray()
        data.X = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    data.write_h5ad(workdir.root / "mine.h5ad")
    if change == "not_h5ad":
        (workdir.root / "mine.h5ad").write_text("cell,gene\n")
    workdir.configure(run="own", datasets=[entry(**settings)], **METHODS)
    done = workdir.snakemake(check=False)
    log = workdir.read("results/mine/prepare.log")
    assert done.returncode != 0
    assert message in log, log
    assert message in done.text
    assert "Traceback" not in log
    assert not (workdir.root / "results" / "mine" / "prepared.h5ad").exists()


# Opens what was handed back as a user would.
OPEN = """
import numpy as np, scanpy as sc
adata = sc.read_h5ad("results/own/integrated/mine.h5ad")
sc.tl.leiden(adata, flavor="igraph", n_iterations=2)
fig = sc.pl.umap(adata, color=["cell_type", "leiden"], show=False, return_fig=True)
fig.savefig("umap.png")
print(adata.obs["leiden"].nunique(), int(np.isnan(adata.obsm["X_umap"]).any(axis=1).sum()))
"""


def test_the_object_is_handed_back_with_all_results_for_scanpy(workdir):
    given = atlas()
    given.layers["counts"], given.uns["title"] = given.X.copy(), "mine"
    given.write_h5ad(workdir.root / "mine.h5ad")
    workdir.add_methods("raises")
    settings = {"methods": ["harmony", "raises"], "seeds": [0], "metrics": ["asw_batch", "asw_label"]}
    scoring = {"scoring": {"max_cells": 200, "sample_cells": 150, "seed": 3}, "umap": {"max_cells": 120}}
    workdir.configure(run="own", datasets=[entry()], **settings, **scoring)
    workdir.snakemake("integrated")
    made = anndata.read_h5ad(workdir.root / "results" / "own" / "integrated" / "mine.h5ad")
    result = anndata.read_h5ad(workdir.root / "results" / "mine" / "harmony" / "seed0" / "result.h5ad")
    np.testing.assert_array_equal(made.obsm["X_harmony"], result.obsm["X_emb"])
    np.testing.assert_array_equal(made.layers["counts"].toarray(), given.X.toarray())
    assert made.obs["cell_type"].tolist() == given.obs["cell_type"].tolist()
    assert made.uns["title"] == "mine"
    record = made.uns["integration"]
    assert record["best"] == "harmony"
    assert record["methods"].loc["raises", ["key", "status"]].tolist() == ["", "error"]
    assert sorted(made.obsm) == ["X_harmony", "X_umap"]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OPEN], cwd=workdir.root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    clusters, not_drawn = map(int, done.stdout.split())
    assert clusters > 1
    assert not_drawn == 120
    assert "Nothing to be done" in workdir.snakemake("integrated").text


NAMES = ["001", "NA", "1e5"]


def test_data_sets_batches_and_labels_with_names_like_numbers_reach_every_table_and_figure(workdir):
    data = atlas(n_cells=200, n_genes=200)
    data.obs["donor"] = data.obs["donor"].map({"d1": "001", "d2": "NA"})
    data.obs["cell_type"] = data.obs["cell_type"].map({"T": "T细胞\n1", "B": "nan", "NK": "1e5"})
    data.write_h5ad(workdir.root / "mine.h5ad")
    datasets = [entry(name=name) for name in NAMES]
    # No metric that is scaled between controls, so that these do not run.
    workdir.configure(run="own", datasets=datasets, **METHODS, metrics=["cilisi"])
    figures = [f"results/own/figures/{figure}.{name}.png" for figure in ("umap", "resources") for name in NAMES]
    workdir.snakemake("results/own/summary.md", "results/own/preparation.tsv", *figures)
    for table in ("scores", "summary", "resources", "preparation"):
        lines = workdir.read(f"results/own/{table}.tsv").splitlines()[1:]
        assert {line.split("\t")[0] for line in lines} & {*NAMES, "1", "nan", "100000.0"} == set(NAMES)
    assert all((workdir.root / figure).exists() for figure in figures)
    assert all(name in workdir.read("results/own/summary.md") for name in NAMES)


def test_the_command_line_gives_numbers_and_a_repeated_key_is_refused(workdir):
    atlas().write_h5ad(workdir.root / "mine.h5ad")
    workdir.configure(run="own", datasets=[entry()], **METHODS)
    workdir.snakemake("results/mine/prepared.h5ad", "--config", "preparation={n_pcs: 5, n_pcs_unintegrated: 6}")
    made = anndata.read_h5ad(workdir.root / "results" / "mine" / "prepared.h5ad")
    assert made.obsm["X_pca"].shape[1] == 5
    assert made.obsm["X_unintegrated"].shape[1] == 6
    with (workdir.root / "config" / "config.yaml").open("a") as file:
        file.write("seeds: [1]\n")
    done = workdir.snakemake("-n", check=False)
    assert done.returncode != 0
    assert "config/config.yaml, line" in done.text
    assert "'seeds' is given twice" in done.text
    assert "Traceback" not in done.text
