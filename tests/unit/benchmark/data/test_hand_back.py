"""An object comes back as it was, with the results of all methods and the neighbours of the best one."""

import json

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata.tests.helpers import assert_equal

from portal_lib.benchmark.data.hand_back import best_method, hand_back
from portal_lib.metrics._space import Space
from portal_lib.preparation.reading.files import write_h5ad_atomic

N = 60
OWN = {
    "id": "mine",
    "name": "mine",
    "path": "mine.h5ad",
    "cells": None,
    "n_batches": None,
    "mod": None,
    "params": {},
    "batch": "donor",
}


def atlas():
    rng = np.random.default_rng(0)
    data = anndata.AnnData(sp.csr_matrix(rng.poisson(1.0, (N, 20)).astype(np.float32)))
    data.obs["donor"] = pd.Categorical(np.array(["a", "b"])[np.arange(N) % 2])
    data.layers["doubled"] = data.X * 2
    return data


def summary(**means):
    """Overall scores of methods, as in summary.tsv."""
    rows = [("mine", method, "overall", "aggregate", 3, mean) for method, mean in means.items()]
    for method in means:
        rows += [("mine", method, "nmi", "bio", 3, 0.5), ("mine", method, "ilisi:10x/v3", "batch", 3, 0.25)]
    rows.append(("other", "bad", "overall", "aggregate", 3, 1.0))
    return pd.DataFrame(rows, columns=["dataset", "method", "metric", "group", "n", "mean"])


@pytest.fixture
def finished(tmp_path):
    """A run that ended: arguments of `hand_back`. The graph method and harmony ended well, scanorama failed."""
    rng = np.random.default_rng(1)
    adata = atlas()
    adata.obs["batch"] = adata.obs["donor"]
    names = anndata.AnnData(obs=adata.obs[["batch"]])
    write_h5ad_atomic(names, tmp_path / "prepared.h5ad")
    graph = sp.random(N, N, 0.2, format="csr", random_state=0)
    made = {"harmony": {"obsm": {"X_emb": rng.normal(size=(N, 4)).astype(np.float32)}}, "scanorama": {}}
    made |= {"bbknn.near": {"obsp": {"connectivities": graph + graph.T}}, "true_labels": made["harmony"]}
    for method, parts in made.items():
        write_h5ad_atomic(anndata.AnnData(obs=names.obs, **parts), tmp_path / f"{method}.h5ad")
        failed = {"status": "error", "reason": "ValueError: no", "versions": None}
        record = {"method": method, "seed": 0, "status": "ok", "reason": "", "params": {"theta": 2}}
        record |= {"versions": {"harmonypy": "2.1"}} | (failed if not parts else {})
        (tmp_path / f"{method}.json").write_text(json.dumps(record))
    cells = pd.DataFrame({"cell": np.arange(0, N, 2), "x": 1.0, "y": np.arange(0, N, 2)})
    umaps = pd.concat([cells.assign(method=method, x=x) for x, method in enumerate(made)])
    umaps.to_csv(tmp_path / "umaps.tsv", sep="\t", index=False)
    means = {"harmony": 0.7, "bbknn.near": 0.6, "true_labels": 0.9, "scanorama": np.nan}
    summary(**means).to_csv(tmp_path / "summary.tsv", sep="\t", index=False)
    files = {
        "prepared": tmp_path / "prepared.h5ad",
        "umaps": tmp_path / "umaps.tsv",
        "summary": tmp_path / "summary.tsv",
    }
    files |= {"results": [tmp_path / f"{method}.h5ad" for method in made], "integrated": tmp_path / "out.h5ad"}
    files |= {"records": [tmp_path / f"{method}.json" for method in made], "controls": ["true_labels"], "run": "demo"}
    return files


def handed_back(adata, finished, tmp_path, dataset=OWN, **changes):
    write_h5ad_atomic(adata, tmp_path / "mine.h5ad")
    hand_back(dataset, tmp_path / "mine.h5ad", **finished | changes)
    return anndata.read_h5ad(tmp_path / "out.h5ad")


def test_the_object_has_all_results_and_the_neighbours_of_the_best_method(finished, tmp_path):
    made = handed_back(atlas(), finished, tmp_path)
    made.write_h5ad(tmp_path / "again.h5ad")
    embedding = anndata.read_h5ad(tmp_path / "harmony.h5ad").obsm["X_emb"]
    np.testing.assert_array_equal(made.obsm["X_harmony"], embedding)
    assert_equal(made.obsp["bbknn.near"], anndata.read_h5ad(tmp_path / "bbknn.near.h5ad").obsp["connectivities"])
    assert sorted(made.obsm) == ["X_harmony", "X_true_labels", "X_umap"]
    # The graph is that of the metrics.
    assert_equal(made.obsp["connectivities"], Space(embedding).connectivities)
    params = made.uns["neighbors"]["params"]
    assert (params["use_rep"], params["n_neighbors"], params["method"]) == ("X_harmony", 15, "umap")
    assert np.isnan(made.obsm["X_umap"][1::2]).all()
    np.testing.assert_array_equal(made.obsm["X_umap"][::2], np.column_stack([np.zeros(N // 2), np.arange(0, N, 2)]))
    for name in ("X_harmony", "X_true_labels", "X_umap"):
        del made.obsm[name]
    made.uns, made.obsp = {}, {}
    assert_equal(made, atlas())


def test_distances_are_those_to_the_nearest_cells(finished, tmp_path):
    made = handed_back(atlas(), finished, tmp_path)
    points = made.obsm["X_harmony"].astype(float)
    between = np.linalg.norm(points[:, None] - points, axis=2)
    nearest = np.sort(between, axis=1)[:, 1:15]
    assert (np.diff(made.obsp["distances"].indptr) == 14).all()
    found = np.sort(made.obsp["distances"].data.reshape(N, 14), axis=1)
    np.testing.assert_allclose(found, nearest, rtol=1e-5)


def test_the_record_says_what_ran_what_failed_and_why_the_best_is_best(finished, tmp_path):
    record = handed_back(atlas(), finished, tmp_path).uns["integration"]
    assert (record["run"], record["dataset"], record["best"]) == ("demo", "mine", "harmony")
    assert record["best_by"] == "highest overall score, 0.7000"
    methods = record["methods"]
    assert methods["key"].to_dict() == {
        "harmony": "obsm/X_harmony",
        "scanorama": "",
        "bbknn.near": "obsp/bbknn.near",
        "true_labels": "obsm/X_true_labels",
    }
    assert methods.loc["scanorama", ["status", "reason"]].tolist() == ["error", "ValueError: no"]
    assert json.loads(methods.loc["harmony", "parameters"]) == {"theta": 2}
    assert record["versions"]["harmony"] == {"harmonypy": "2.1"}
    assert record["scores"].loc["harmony"].to_dict() == {"overall": 0.7, "nmi": 0.5, "ilisi:10x_v3": 0.25}
    assert "bad" not in record["scores"].index


def test_a_graph_method_that_is_best_gives_the_neighbours(finished, tmp_path):
    summary(harmony=0.1, **{"bbknn.near": 0.6}).to_csv(finished["summary"], sep="\t", index=False)
    made = handed_back(atlas(), finished, tmp_path)
    assert_equal(made.obsp["connectivities"], made.obsp["bbknn.near"])
    assert "distances" not in made.obsp
    assert made.uns["neighbors"]["params"] == {"method": "bbknn.near"}


def test_what_would_be_replaced_is_kept_under_another_key(finished, tmp_path):
    adata = atlas()
    adata.obsm["X_umap"], adata.obsm["X_harmony"] = np.ones((N, 2)), np.zeros((N, 3))
    adata.obsp["connectivities"], adata.obsp["distances"] = sp.eye(N, format="csr"), sp.eye(N, format="csr") * 2
    adata.uns["neighbors"] = {"connectivities_key": "connectivities", "distances_key": "distances", "params": {"n": 5}}
    adata.uns["integration"] = "mine"
    made = handed_back(adata, finished, tmp_path)
    assert (made.obsm["X_umap_before"] == 1).all()
    assert (made.obsm["X_harmony_before"] == 0).all()
    before = made.uns["neighbors_before"]
    assert before["params"] == {"n": 5}
    assert_equal(made.obsp[before["connectivities_key"]], sp.eye(N, format="csr"))
    assert_equal(made.obsp[before["distances_key"]], sp.eye(N, format="csr") * 2)
    assert made.uns["integration_before"] == "mine"
    renamed = ["uns/neighbors", "obsp/connectivities", "obsp/distances", "obsm/X_umap", "uns/integration"]
    assert made.uns["integration"]["renamed"].tolist() == [f"{key}_before" for key in ["obsm/X_harmony", *renamed]]
    again = handed_back(made, finished, tmp_path)
    assert (again.obsm["X_umap_before"] == 1).all()
    assert "X_umap_before_before" in again.obsm


def test_batches_that_are_files_become_a_column(finished, tmp_path):
    made = handed_back(atlas(), finished, tmp_path, OWN | {"batch": "file"})
    assert list(made.obs) == ["donor", "file"]
    assert made.obs["file"].tolist() == atlas().obs["donor"].tolist()


def test_without_any_result_the_object_comes_back_with_the_record(finished, tmp_path):
    made = handed_back(
        atlas(), finished, tmp_path, results=[tmp_path / "scanorama.h5ad"], records=[tmp_path / "scanorama.json"]
    )
    assert (made.uns["integration"]["best"], made.uns["integration"]["best_by"]) == ("none", "no method ended well")
    assert list(made.obsm) == list(made.obsp) == []
    assert "neighbors" not in made.uns


@pytest.mark.parametrize(
    ("rows", "methods", "expected"),
    [
        ({"overall": {"a": 0.2, "b": 0.3}}, ["a", "b"], ("b", "highest overall score, 0.3000")),
        ({"overall": {"a": 0.2, "b": 0.3}}, ["a"], ("a", "highest overall score, 0.2000")),
        ({"overall": {"a": 0.2, "control": 0.9}}, ["a", "control"], ("a", "highest overall score, 0.2000")),
        ({"overall": {"control": 0.9}}, ["control"], ("control", "highest overall score, 0.9000")),
        ({"overall": {"a": np.nan}, "batch": {"a": 0.2, "b": 0.4}}, ["a", "b"], ("b", "highest batch score, 0.4000")),
        ({"portal_overall": {"a": 0.5, "b": 0.5}}, ["b", "a"], ("a", "highest portal overall score, 0.5000")),
        ({}, ["b", "a"], ("b", "first method; no method has a score")),
        ({}, [], (None, "no method ended well")),
    ],
)
def test_the_best_method_is_no_control_and_has_a_result(rows, methods, expected):
    table = [(method, word, "aggregate", mean) for word, means in rows.items() for method, mean in means.items()]
    scores = pd.DataFrame(table, columns=["method", "metric", "group", "mean"]).astype({"mean": float})
    assert best_method(scores, methods, ["control"]) == expected
