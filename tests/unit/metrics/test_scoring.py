"""portal_lib.score: scib's scores, those of the stage of the workflow, and one message for every mistake."""

import json
import subprocess
import sys
from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scib_oracle import scib_scores
from scored_cells import ROOT, neighbor_graph

import portal_lib
from portal_lib.benchmark import registry
from portal_lib.benchmark.config.schema import read_schema
from portal_lib.benchmark.tables.overall import overall_scores
from portal_lib.benchmark.tasks.integrate.run import write_result
from portal_lib.benchmark.tasks.integrate.score import score as stage
from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.methods._result import Result
from portal_lib.preparation import prepare
from portal_lib.preparation.prepared import Prepared
from portal_lib.scoring import SCORED

KEYS = {"batch_key": "donor", "label_key": "cell_type"}
OF_COUNTS = ["cell_cycle_conservation", "hvg_overlap", "pcr"]


def atlas(n_cells=240, n_genes=320):
    """Counts of three types in two batches, and an embedding that is not theirs."""
    rng = np.random.default_rng(0)
    label, batch = rng.integers(0, 3, n_cells), rng.integers(0, 2, n_cells)
    rate = rng.gamma(0.6, 2.0, (3, n_genes))[label] * rng.gamma(5, 0.2, (2, n_genes))[batch]
    obs = pd.DataFrame({"donor": np.array(["d1", "d2"])[batch], "cell_type": np.array(["T", "B", "NK"])[label]})
    obs.index = [f"c{i}" for i in range(n_cells)]
    var = pd.DataFrame(index=[f"G{i}" for i in range(n_genes)])
    data = anndata.AnnData(sp.csr_matrix(rng.poisson(rate).astype(np.float32)), obs=obs, var=var)
    centres = rng.normal(size=(3, 6))[label] + 0.3 * rng.normal(size=(2, 6))[batch]
    data.obsm["X_scVI"] = (centres + rng.normal(size=(n_cells, 6))).astype(np.float32)
    data.obsp["connectivities"] = neighbor_graph(data.obsm["X_scVI"])
    return data


@pytest.fixture(scope="module")
def cells():
    return atlas()


@pytest.fixture
def file(cells, tmp_path):
    cells.copy().write_h5ad(tmp_path / "mine.h5ad")
    return tmp_path / "mine.h5ad"


@pytest.fixture(scope="module")
def found(cells):
    """All scIB metrics of the embedding and of its graph."""
    return portal_lib.score(cells, ["X_scVI", "connectivities"], **KEYS)


def by_metric(table, embedding="X_scVI"):
    return table[table["embedding"] == embedding].set_index("metric")


@pytest.mark.slow
def test_scores_equal_scib(scib, cells, found):
    before = prepare(cells, **KEYS).obsm["X_unintegrated"]
    known = SimpleNamespace(batch=cells.obs["donor"].to_numpy(), label=cells.obs["cell_type"].to_numpy())
    theirs = scib_scores(scib, known, cells.obsm["X_scVI"], before, lisi=False)
    ours = by_metric(found)["value"]
    close = {"nmi": 0.01, "ari": 0.01}
    assert [name for name, value in theirs.items() if abs(ours[name] - value) > close.get(name, 1e-6)] == []
    assert set(theirs) == {"asw_label", "asw_batch", "graph_connectivity", "pcr", "nmi", "ari"}


def test_scores_equal_those_of_the_stage_of_the_workflow(cells, found, tmp_path):
    prepare(cells, **KEYS, out=tmp_path / "prepared.h5ad")
    metrics = list(dict.fromkeys(found.loc[found["group"] != "aggregate", "metric"]))
    for name, result in {
        "X_scVI": Result(embedding=cells.obsm["X_scVI"]),
        "connectivities": Result(connectivities=cells.obsp["connectivities"]),
    }.items():
        folder = tmp_path / name
        with Prepared(tmp_path / "prepared.h5ad") as data:
            write_result(result, data, folder / "result.h5ad")
        (folder / "run.json").write_text(json.dumps({"status": "ok"}))
        files = {"result": "result.h5ad", "record": "run.json", "scores": "scores.tsv"}
        files |= {"graph": "neighbors.npz", "scored": "scored.json"}
        paths = {key: folder / end for key, end in files.items()} | {"prepared": tmp_path / "prepared.h5ad"}
        stage({"dataset": "d", "method": name, "seed": 0}, metrics, **paths, settings=SCORED)
        theirs = pd.read_csv(folder / "scores.tsv", sep="\t", keep_default_na=False, na_values={"value": [""]})
        ours = by_metric(found, name)
        rows = ours[ours["group"] != "aggregate"].reset_index()
        pd.testing.assert_frame_equal(rows[["metric", "group", "value", "reason"]], theirs[list(theirs)[3:]])
        overall = overall_scores(theirs, scalings=["raw"], treatments=["ignore"]).set_index("group")["value"]
        for group in ("batch", "bio", "overall"):
            assert ours.loc[group, "value"] == pytest.approx(overall[group], abs=1e-12)
    graph = by_metric(found, "connectivities")
    assert graph.loc["asw_label", "reason"] == "the method gives a graph, not an embedding"
    assert graph.loc["nmi", "value"] > 0


def test_the_sample_is_that_of_the_workflow():
    scoring = read_schema()["properties"]["scoring"]["properties"]
    assert {name: scoring[name]["default"] for name in SCORED} == SCORED


def test_a_file_a_table_a_frame_and_an_array_give_the_same(cells, file, found, tmp_path):
    frame = pd.DataFrame(cells.obsm["X_scVI"], cells.obs_names).iloc[::-1]
    frame.to_csv(tmp_path / "seurat.csv.gz")
    given = {"key": "X_scVI", "table": tmp_path / "seurat.csv.gz", "frame": frame, "array": cells.obsm["X_scVI"]}
    made = portal_lib.score(file, given, **KEYS, metrics=["pcr", "asw_label", "ilisi"])
    assert list(made["embedding"].unique()) == list(given)
    wanted = by_metric(found).loc[["pcr", "asw_label", "ilisi"], "value"]
    for name in given:
        rows = by_metric(made, name)
        assert list(rows.index) == ["pcr", "asw_label", "ilisi", "batch", "bio", "overall"]
        np.testing.assert_allclose(rows["value"].iloc[:3], wanted, rtol=1e-9)
    assert made.attrs["notes"] == []


def test_without_counts_what_compares_with_the_data_before_is_not_applicable(cells, found, tmp_path):
    bare = cells.copy()
    bare.X = np.log1p(cells.X)
    bare.write_h5ad(tmp_path / "log.h5ad")
    made = by_metric(portal_lib.score(tmp_path / "log.h5ad", "X_scVI", **KEYS))
    assert list(made.index) == list(by_metric(found).index)
    lost = made.index[made["reason"] == "the data hold no raw counts that can be prepared"]
    assert list(lost) == OF_COUNTS
    assert made.loc[lost, "value"].isna().all()
    others = made.index.difference([*OF_COUNTS, "batch", "bio", "overall"])
    pd.testing.assert_frame_equal(made.loc[others], by_metric(found).loc[others])
    (note,) = portal_lib.score(tmp_path / "log.h5ad", "X_scVI", **KEYS, metrics="pcr").attrs["notes"]
    assert "no comparison with the data before integration" in note
    assert "log-transformed" in note


@pytest.mark.parametrize(("layer", "place"), [("counts", "layers['counts']"), ("raw", "raw.X")])
def test_counts_are_found_where_they_are(cells, found, tmp_path, layer, place):
    moved = cells.copy()
    if layer == "raw":
        moved.raw = cells
    else:
        moved.layers["counts"] = cells.X.copy()
    moved.X = np.log1p(cells.X)
    moved.layers["a"] = moved.X.copy()
    moved.write_h5ad(tmp_path / "mine.h5ad")
    for data in (tmp_path / "mine.h5ad", moved):
        made = portal_lib.score(data, "X_scVI", **KEYS, metrics="pcr")
        assert made["value"].iloc[0] == by_metric(found).loc["pcr", "value"]
        assert [note.partition(": ")[2] for note in made.attrs["notes"]] == [f"the raw counts are those of {place}."]
    with pytest.raises(DataError, match=r"layers\['a'\] contains fractions"):
        portal_lib.score(tmp_path / "mine.h5ad", "X_scVI", **KEYS, metrics="pcr", layer="a")


def test_without_labels_metrics_that_need_them_say_so(cells, found):
    made = by_metric(portal_lib.score(cells, "X_scVI", batch_key="donor"))
    needs = {name: registry.find("metrics")[name]["needs"] for name in made.index[made["group"] != "aggregate"]}
    without = [name for name in made.index if "label" in needs.get(name, ())]
    assert len(without) > 5
    assert (
        made.loc[[name for name in without if name != "trajectory_conservation"], "reason"]
        .eq("no labels are known")
        .all()
    )
    assert made.loc[without, "value"].isna().all()
    for name in ("pcr", "ilisi"):
        assert made.loc[name, "value"] == by_metric(found).loc[name, "value"]
    assert np.isfinite(made.loc["batch", "value"])
    assert made.loc["bio", "reason"] == "no metric of this group has a value"


def test_labels_of_some_cells_and_several_batch_columns(cells):
    data = cells.copy()
    data.obs["cell_type"] = data.obs["cell_type"].astype(str).where(np.arange(data.n_obs) % 4 > 0, "unknown")
    data.obs["plate"] = np.array(["p1", "p2"])[np.arange(data.n_obs) % 2]
    keys = {"batch_key": ["donor", "plate"], "label_key": "cell_type", "unlabelled": ["unknown"]}
    made = portal_lib.score(data, "X_scVI", **keys, metrics=["asw_label", "ilisi"])
    assert "180 of 240 cells are scored." in made.attrs["notes"]
    kept = data[data.obs["cell_type"] != "unknown"].copy()
    kept.obs["both"] = kept.obs["donor"].astype(str) + kept.obs["plate"].astype(str)
    alone = portal_lib.score(kept, "X_scVI", batch_key="both", label_key="cell_type", metrics=["asw_label", "ilisi"])
    for name in ("asw_label", "ilisi"):
        assert by_metric(made).loc[name, "value"] == pytest.approx(by_metric(alone).loc[name, "value"], abs=1e-9)
    assert {"ilisi:donor", "ilisi:plate"} <= set(made["metric"])


def test_several_files_are_one_data_set(cells, found, tmp_path):
    paths = [tmp_path / "a.h5ad", tmp_path / "b.h5ad"]
    for path, rows in zip(paths, (slice(None, 100), slice(100, None)), strict=True):
        cells[rows].copy().write_h5ad(path)
    made = by_metric(portal_lib.score(paths, "X_scVI", **KEYS, metrics=["pcr", "asw_label"]))
    for name in ("pcr", "asw_label"):
        assert made.loc[name, "value"] == by_metric(found).loc[name, "value"]


def test_weights_are_those_of_the_overall_score(cells):
    made = by_metric(portal_lib.score(cells, "X_scVI", **KEYS, metrics="fast", weights={"batch": 1, "bio": 0}))
    assert made.loc["overall", "value"] == made.loc["batch", "value"]


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"embeddings": "X_scvi"}, DataError, r"has no obsm or obsp 'X_scvi', did you mean 'X_scVI'\?"),
        ({"embeddings": []}, ConfigError, "none is given"),
        ({"embeddings": {"x": np.zeros((3, 2))}}, ShapeError, r"x: has shape \(3, 2\) for 240 cells"),
        ({"embeddings": {"x": np.full((240, 2), np.nan)}}, DataError, "missing or infinite coordinates for 240 of 240"),
        ({"embeddings": {"x": "no.csv"}}, DataError, "no.csv: there is no such file"),
        ({"batch_key": "doner"}, DataError, "obs has no column 'doner', did you mean 'donor'"),
        ({"label_key": "donor"}, DataError, "batch and label are the same column, 'donor'"),
        ({"label_key": "type"}, DataError, "obs has no column 'type'"),
        ({"pseudotime_key": "time"}, DataError, "obs has no column 'time'"),
        ({"metrics": "fats"}, ConfigError, "did you mean 'fast'"),
        ({"metrics": ["nmi", "foscttm"]}, ConfigError, "'foscttm' is not a metric of integration"),
        ({"layer": "counts"}, DataError, "has no layer 'counts'"),
    ],
)
def test_a_mistake_is_one_message(file, change, kind, words):
    given = {"embeddings": "X_scVI"} | KEYS | change
    with pytest.raises(kind, match=words):
        portal_lib.score(file, **given)


def test_a_package_that_is_missing_is_named_with_the_extra(cells, monkeypatch):
    monkeypatch.setitem(sys.modules, "igraph", None)
    with pytest.raises(ConfigError, match=r"'igraph' is not installed; .* 'portal-lib\[preparation,metrics\]'"):
        portal_lib.score(cells, "X_scVI", **KEYS, metrics="nmi")


ALONE = """
import sys
for name in ("psutil", "jsonschema", "filelock", "requests", "snakemake", "matplotlib", "umap", "scanpy"):
    sys.modules[name] = None
import portal_lib
found = portal_lib.score(sys.argv[1], "X_scVI", batch_key="donor", label_key="cell_type", metrics="fast")
print(found["value"].notna().sum())
"""


@pytest.mark.slow
def test_scoring_needs_no_package_of_the_workflow(file):
    done = subprocess.run([sys.executable, "-c", ALONE, file], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5
