"""The files of a run, its scores, and the tables made of many."""

import json

import anndata
import numpy as np
import package_copy
import pandas as pd
import pytest
import scipy.sparse as sp

from portal_lib.benchmark.data.scored_cells import draw_scored, rows_scored
from portal_lib.benchmark.run import runs
from portal_lib.benchmark.run.runs import (
    RESOURCE_COLUMNS,
    SCORE_COLUMNS,
    gather_resources,
    gather_tables,
    machine_line,
    mark_added,
)
from portal_lib.benchmark.run.supervise import Limits
from portal_lib.benchmark.tasks.integrate.score import score as score_run
from portal_lib.errors import DataError

RUN = {"dataset": "toy", "method": "x", "seed": 3}
RECORD = RUN | {
    "task": "integrate",
    **{"status": "ok", "reason": "", "wall_s": 2.5, "cpu_s": 2.0, "peak_memory_mb": 200.0, "probe": "vm_hwm_mb"},
    **{"phases": {"import": 0.1, "load": 0.2, "fit": 1.5, "write": 0.3}, "gpu": None, "threads": 2, "device": "cpu"},
    **{"memory_limit_mb": 2048, "time_limit_s": 60},
    "machine": {"cpu": "Abacus", "cores": 2, "memory_mb": 16_000, "gpu": None},
}


def test_a_given_embedding_has_a_row_without_time_and_memory(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(RECORD | {"given": "X_scVI"}))
    row = gather_resources([tmp_path / "run.json"]).iloc[0]
    assert row.dropna().to_dict() == RUN | {"status": "ok", "reason": "", "input": "given (X_scVI)"}


@pytest.fixture
def folder(tmp_path):
    """Prepared cells, and a method's result for them."""
    data = package_copy.made_prepared()
    data.write_h5ad(tmp_path / "prepared.h5ad")
    write_result(tmp_path, data.obs_names, np.random.default_rng(1).normal(size=(data.n_obs, 4)))
    return tmp_path


def write_result(folder, names, embedding, **record):
    made = anndata.AnnData(obs=pd.DataFrame(index=names))
    if embedding is not None:
        made.obsm["X_emb"] = embedding.astype(np.float32)
    made.write_h5ad(folder / "result.h5ad")
    (folder / "run.json").write_text(json.dumps(RECORD | record))


def score(folder, metrics=("asw_label", "pcr"), **settings):
    files = {"prepared": "prepared.h5ad", "result": "result.h5ad", "record": "run.json"}
    files |= {"scores": "scores.tsv", "graph": "neighbors.npz", "scored": "scored.json"}
    settings = {"max_cells": 1000, "sample_cells": 1000, "seed": 1} | settings
    score_run(RUN, list(metrics), **{key: folder / name for key, name in files.items()}, settings=settings)
    return pd.read_csv(folder / "scores.tsv", sep="\t"), sp.load_npz(folder / "neighbors.npz")


def test_scores_are_tidy_rows_and_the_graph_is_kept(folder):
    scores, graph = score(folder)
    assert list(scores.columns) == SCORE_COLUMNS
    assert scores[["dataset", "method", "seed", "metric", "group"]].values.tolist() == [
        ["toy", "x", 3, "asw_label", "bio"],
        ["toy", "x", 3, "pcr", "batch"],
    ]
    assert scores["value"].between(0, 1).all()
    assert graph.shape == (package_copy.N_CELLS, package_copy.N_CELLS)
    assert graph.nnz > 0
    assert json.loads((folder / "scored.json").read_text()) == {
        **{
            "n_cells_total": package_copy.N_CELLS,
            "n_cells_scored": package_copy.N_CELLS,
            "n_unlabelled": 0,
            "subsample_seed": None,
        },
        **{"cut_graph": False, "lost_batches": {}, "lost_labels": {}},
        "neighbors": {"n_neighbors": 50, "search": "exact"},
    }


def test_identical_cells_are_counted_and_the_graph_keeps_the_rows_of_the_file(folder):
    made = anndata.read_h5ad(folder / "result.h5ad")
    made.obsm["X_emb"][30:] = made.obsm["X_emb"][:30]
    made.write_h5ad(folder / "result.h5ad")
    _, graph = score(folder, ["graph_connectivity"])
    assert json.loads((folder / "scored.json").read_text())["neighbors"]["identical_cells"] == package_copy.N_CELLS
    # Each cell is nearest to its copy, 30 rows away.
    assert graph.diagonal(30).min() > 0.99


def test_above_the_limit_scores_are_those_of_a_sample(folder, capsys):
    """The oracle: the same files with nothing but the drawn cells in them."""
    sampled, graph = score(folder, max_cells=59, sample_cells=40, seed=7)
    facts = json.loads((folder / "scored.json").read_text())
    assert (facts["n_cells_total"], facts["n_cells_scored"], facts["subsample_seed"]) == (60, 40, 7)
    assert "toy · x · seed 3: 40 of 60 cells are scored." in capsys.readouterr().out
    np.random.seed(7)  # noqa: NPY002
    rows = np.sort(np.random.choice(60, size=40, replace=False))  # noqa: NPY002
    np.testing.assert_array_equal(rows_scored(facts, None), rows)
    for name in ("prepared.h5ad", "result.h5ad"):
        anndata.read_h5ad(folder / name)[rows].copy().write_h5ad(folder / name)
    alone, its_graph = score(folder)
    pd.testing.assert_frame_equal(sampled, alone)
    assert (graph != its_graph).nnz == 0


def test_a_graph_is_cut_to_the_sample_and_the_record_says_so(folder):
    n = package_copy.N_CELLS
    given = sp.random(n, n, 0.3, format="csr", random_state=0)
    made = anndata.read_h5ad(folder / "result.h5ad")
    del made.obsm["X_emb"]
    made.obsp["connectivities"] = given
    made.write_h5ad(folder / "result.h5ad")
    _, whole = score(folder)
    assert (whole != given).nnz == 0
    _, cut = score(folder, max_cells=59, sample_cells=40)
    facts = json.loads((folder / "scored.json").read_text())
    rows = rows_scored(facts, None)
    assert facts["cut_graph"]
    assert (cut != given[rows][:, rows]).nnz == 0


def test_labels_missing_from_the_scored_sample_are_recorded(folder):
    data = package_copy.made_prepared()
    data.obs["label"] = pd.Categorical(["rare"] + ["common"] * 59, categories=["none", "rare", "common"])
    data.write_h5ad(folder / "prepared.h5ad")
    seed = next(k for k in range(99) if 0 not in draw_scored(60, max_cells=59, sample_cells=30, seed=k))
    score(folder, max_cells=59, sample_cells=30, seed=seed)
    facts = json.loads((folder / "scored.json").read_text())
    assert (facts["lost_labels"], facts["lost_batches"]) == ({"rare": 1}, {})


def test_with_many_cells_each_metric_prints_a_line(folder, monkeypatch, capsys):
    monkeypatch.setattr("portal_lib.benchmark.tasks.integrate.score.MANY_CELLS", 10)
    score(folder)
    said = capsys.readouterr().out.splitlines()
    assert [line.split(" (")[0].rpartition(" ")[0] for line in said] == [
        "toy · x · seed 3: asw_label",
        "toy · x · seed 3: pcr",
    ]


def test_cells_in_another_order_are_refused(folder):
    names = package_copy.made_prepared().obs_names
    write_result(folder, names[::-1], np.zeros((len(names), 2)))
    with pytest.raises(DataError, match=r"result\.h5ad: the cells differ from those of .*, or are in another order\."):
        score(folder)
    assert not (folder / "scores.tsv").exists()


def test_a_failed_run_has_no_scores_and_an_empty_graph(folder):
    write_result(folder, package_copy.made_prepared().obs_names, None, status="oom")
    scores, graph = score(folder)
    assert list(scores.columns) == SCORE_COLUMNS
    assert len(scores) == 0
    assert graph.shape == (0, 0)
    assert json.loads((folder / "scored.json").read_text()) == {}


def test_scored_cells_at_one_place_give_reasons_and_a_graph_without_edges(folder):
    """All cells but the first are at one place, and the first is not drawn."""
    names = package_copy.made_prepared().obs_names
    seed = next(k for k in range(99) if 0 not in draw_scored(60, max_cells=59, sample_cells=30, seed=k))
    write_result(folder, names, np.eye(len(names))[:, :2] * [1, 0])
    scores, graph = score(folder, max_cells=59, sample_cells=30, seed=seed)
    assert set(scores["reason"]) == {"the embedding is constant"}
    assert (graph.shape, graph.nnz) == ((30, 30), 0)
    assert json.loads((folder / "scored.json").read_text())["neighbors"] == {}


def test_a_metric_that_does_not_fit_is_a_row_with_its_reason(folder):
    scores, _ = score(folder, ["ilisi", "asw_label"])
    assert scores["value"].isna().tolist() == [True, False]
    assert scores["reason"].fillna("").tolist() == ["no cell reaches 90 others in the neighbour graph", ""]


def test_what_a_killed_run_left_in_its_folder_is_removed(methods_package, tmp_path):
    (tmp_path / ".work-old").mkdir()
    (tmp_path / ".work-old" / "result.h5ad").touch()
    run = methods_package.run("unsuited", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"result.h5ad", "run.json"}
    assert run.out == f"toy · unsuited · seed 0: not_applicable (needs three species), {took(run.record)}\n"


def took(record):
    return f"{record['wall_s']:.1f} s, {record['peak_memory_mb']:.0f} MiB"


def test_the_record_is_written_even_where_the_program_of_the_method_is_gone(folder, monkeypatch):
    monkeypatch.setattr("portal_lib.benchmark.run.supervise.sys.executable", "/bin/false")
    task = RUN | {"task": "integrate", "plugin": "shuffle", "params": {}, "device": "cpu"}
    runs.run_method(task, folder / "prepared.h5ad", folder / "result.h5ad", folder / "new.json", Limits(9, 900, 1))
    record = json.loads((folder / "new.json").read_text())
    assert (record["status"], record["reason"]) == ("error", "exited with code 1 before it returned a result")
    assert record["versions"] is None


def test_resources_are_one_row_per_run_in_order(tmp_path):
    gpu = {"name": "Engine", "torch_alloc_mb": 10.0, "torch_reserved_mb": 12.0}
    failed = {"status": "timeout", "reason": "not done after 60 s", "phases": {}}
    aligned = {"task": "align", "notes": {"trainings": 10, "seconds_per_training": 0.15}}
    lost = failed | {"task": "align", "notes": None}
    for name, change in (("b", {"gpu": gpu}), ("a", failed), ("c", aligned), ("d", lost)):
        (tmp_path / name).write_text(json.dumps(RECORD | change))
    table = gather_resources([tmp_path / name for name in "bacd"])
    assert list(table.columns) == RESOURCE_COLUMNS
    assert table.to_csv(columns=["trainings"], index=False).split() == ["trainings", "1", "1", "10", '""']
    first, second = table.to_dict("records")[:2]
    assert (first["load_s"], first["fit_s"], first["write_s"], first["peak_gpu_mb"]) == (0.2, 1.5, 0.3, 12.0)
    assert (second["status"], second["reason"]) == ("timeout", "not done after 60 s")
    assert np.isnan(second["fit_s"])
    assert second["time_limit_s"] == 60


def test_scores_are_gathered_in_order_and_names_stay_text(tmp_path):
    rows = [["1e3", "m", 0, "ari", "bio", 0.5, ""], ["toy", "12", 1, "ari", "bio", float("nan"), "why"]]
    for number, row in enumerate(rows):
        pd.DataFrame([row], columns=SCORE_COLUMNS).to_csv(tmp_path / f"{number}.tsv", sep="\t", index=False)
    pd.DataFrame(columns=SCORE_COLUMNS).to_csv(tmp_path / "2.tsv", sep="\t", index=False)
    table = gather_tables([tmp_path / f"{number}.tsv" for number in (1, 2, 0)], SCORE_COLUMNS)
    assert table["dataset"].tolist() == ["toy", "1e3"]
    assert table["method"].tolist() == ["12", "m"]
    empty = gather_tables([tmp_path / "2.tsv"], SCORE_COLUMNS)
    assert (list(empty.columns), len(empty)) == (SCORE_COLUMNS, 0)


def test_runs_of_controls_that_are_not_named_are_marked_by_data_set():
    table = pd.DataFrame({"dataset": ["a", "a", "b"], "method": ["shuffle", "portal", "shuffle"], "value": [1, 2, 3]})
    marked = mark_added(table, {"b": ["shuffle", "unintegrated"]})
    assert marked["added"].tolist() == ["no", "no", "yes"]
    assert list(marked.columns) == ["dataset", "method", "value", "added"]
    assert list(mark_added(table[:0], {"b": ["shuffle"]})) == ["dataset", "method", "value", "added"]


def test_machines_are_named_once_each():
    other = RECORD | {"machine": RECORD["machine"] | {"gpu": "Engine"}}
    assert machine_line([RECORD, RECORD]) == "Abacus, 2 cores, 16 GiB"
    assert machine_line([RECORD, other, RECORD]) == "Abacus, 2 cores, 16 GiB; Abacus, 2 cores, 16 GiB, Engine"


@pytest.mark.parametrize(
    ("scaled", "text"),
    [("no", "not scaled"), ("per batch", "scaled per batch"), ("over all cells", "scaled over all cells")],
)
def test_the_input_of_a_method_is_a_column(tmp_path, scaled, text):
    used = {"genes": "highly_variable", "n_genes": 2000, "scaled": scaled}
    (tmp_path / "a.json").write_text(json.dumps(RECORD | {"input": used}))
    (tmp_path / "b.json").write_text(json.dumps(RECORD))
    made = gather_resources([tmp_path / "a.json", tmp_path / "b.json"])["input"]
    assert made[0] == f"2000 highly_variable genes, {text}"
    assert pd.isna(made[1])
