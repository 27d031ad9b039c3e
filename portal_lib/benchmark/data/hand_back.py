"""A data set as its owner gave it, with the embeddings of all methods, and the graph and UMAP of the best one."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata.io import read_elem

from portal_lib import __version__
from portal_lib.benchmark import registry
from portal_lib.benchmark.data.figure_inputs import read_table
from portal_lib.benchmark.run.runs import read_records
from portal_lib.benchmark.tables.overall import FAMILIES
from portal_lib.metrics._graph import N_NEIGHBORS, graph_of_neighbors
from portal_lib.metrics._neighbors import nearest_neighbors
from portal_lib.preparation.prepared import length, read_graph
from portal_lib.preparation.reading.copies import copied

if TYPE_CHECKING:
    from portal_lib.metrics._neighbors import Neighbors
    from portal_lib.preparation.reading.storage import H5adWriter

# The record of the run, in uns.
RECORD = "integration"
# How the neighbours of embeddings are found, in the words of scanpy.
NEIGHBORS = {"method": "umap", "n_neighbors": N_NEIGHBORS, "metric": "euclidean", "random_state": 0}
# Where a key of the user's object is kept that this file has, too.
BEFORE = "_before"


def hand_back(
    dataset: dict,
    source: Path | list[Path],
    prepared: Path,
    results: Sequence[Path],
    records: Sequence[Path],
    umaps: Path,
    summary: Path,
    integrated: Path,
    *,
    run: str,
    controls: Collection[str],
) -> None:
    """Write the object of a data set with what the methods made of it.

    Parameters
    ----------
    dataset
        Fields of :class:`portal_lib.benchmark.config.model.Dataset`.
    source
        The file or files of the data set; of one of the registry the folder of its files.
    prepared
        The prepared data, which have the same cells in the same order.
    results, records
        ``result.h5ad`` and ``run.json`` of the first seed of each method.
    umaps
        Table of the UMAPs of the data set: method, cell, x, y.
    summary
        Table of the scores of the run.
    integrated
        The h5ad to write: the object (:func:`portal_lib.preparation.reading.copies.copied`), ``obsm["X_<method>"]``, or
        ``obsp["<method>"]`` of a method that gives a graph, for each method that ended well; of the best method
        ``obsp["connectivities"]``, ``obsp["distances"]`` (not of a given graph) and ``uns["neighbors"]`` as scanpy has
        them, and ``obsm["X_umap"]``, NaN for cells that were not drawn; and ``uns["integration"]`` (:func:`record_of`).
    run
        Name of the run.
    controls
        Methods that are controls, see :func:`best_method`.

    Raises
    ------
    DataError
        The source cannot be read, or its cells are no longer those that were prepared; or the disk is full.

    Notes
    -----
    An element of the object that would be replaced is kept with ``_before`` after its key.
    """
    runs = read_records(list(records))
    ended_well = {row["method"]: file for row, file in zip(runs, results, strict=True) if row["status"] == "ok"}
    scores = read_table(str(summary))
    scores = scores[scores["dataset"] == dataset["id"]]
    best, reason = best_method(scores, list(ended_well), controls)
    how = {"mod": dataset["mod"]}
    kept: list[str] = []
    with (
        h5py.File(prepared, "r") as cells,
        copied(_object(dataset, source), integrated, names=cells["obs"], **how) as out,
    ):
        _add_batch(out, dataset, cells)
        keys = {method: _add_result(out, method, file, kept) for method, file in ended_well.items()}
        if best is not None:
            _add_neighbors(out, best, ended_well[best], kept)
            _add_umap(out, best, umaps, length(cells["obs"]), kept)
        record = record_of(runs, scores, keys) | {"run": run, "dataset": dataset["id"]}
        _put_aside(out, f"uns/{RECORD}", kept)
        record |= {"best": best or "none", "best_by": reason, "renamed": np.array(kept, dtype=str)}
        out.element(f"uns/{RECORD}", record)


def best_method(scores: pd.DataFrame, methods: Sequence[str], controls: Collection[str]) -> tuple[str | None, str]:
    """The method with the highest overall score, and a sentence that says by which score.

    Parameters
    ----------
    scores
        Rows of ``summary.tsv`` of one data set.
    methods
        Those that have a result.
    controls
        Methods that are controls; the best one is one of these only if there are no others.

    Notes
    -----
    The overall score is that of scIB, of raw metrics; without it that of the Portal paper; without labels, which both
    need, the score of batch correction. Without any score it is the first method.
    """
    eligible = [name for name in methods if name not in controls] or list(methods)
    words = [family.overall for family in FAMILIES] + [family.batch for family in FAMILIES]
    of_runs = scores[(scores["group"] == "aggregate") & scores["method"].isin(eligible)].dropna(subset=["mean"])
    for word in words:
        ranked = of_runs[of_runs["metric"] == word].sort_values(["mean", "method"], ascending=[False, True])
        if len(ranked):
            name = word.replace("_", " ")
            return str(ranked["method"].iloc[0]), f"highest {name} score, {ranked['mean'].iloc[0]:.4f}"
    return (eligible[0], "first method; no method has a score") if eligible else (None, "no method ended well")


def record_of(runs: Sequence[Mapping[str, Any]], scores: pd.DataFrame, keys: Mapping[str, str]) -> dict[str, Any]:
    """What ``uns["integration"]`` says about the methods.

    Parameters
    ----------
    runs
        Records of the first seed of each method.
    scores
        Rows of ``summary.tsv`` of the data set.
    keys
        Where the result of each method is that has one: ``obsm/X_harmony``.

    Returns
    -------
    ``version`` of this package; ``methods``, a table by method: the place of its result (empty where it failed), seed,
    status, reason, and parameters as JSON; ``versions`` of packages by method; ``scores``, the means over seeds,
    methods × metrics and overall scores. To these are added ``run``, ``dataset``, ``best``, ``best_by`` and
    ``renamed``, the new keys of elements of the object that were put aside.
    """
    rows = {
        row["method"]: {
            "key": keys.get(row["method"], ""),
            "seed": int(row["seed"]),
            "status": row["status"],
            "reason": row["reason"],
            "parameters": json.dumps(row["params"]),
        }
        for row in runs
    }
    table = scores.pivot_table(index="method", columns="metric", values="mean", sort=False, dropna=False)
    # No key of a file may have a slash; names of batch columns do.
    table.columns = pd.Index([str(name).replace("/", "_") for name in table.columns])
    return {
        "version": __version__,
        "methods": pd.DataFrame.from_dict(rows, orient="index"),
        "versions": {row["method"]: row["versions"] for row in runs if row.get("versions")},
        "scores": table.rename_axis(index=None, columns=None),
    }


def _object(dataset: dict, source: Path | list[Path]) -> Any:
    """The file or files of a data set, or the object that its plug-in loads."""
    if dataset["path"] or dataset["cells"] or dataset["n_batches"]:
        return source
    return registry.load("datasets", dataset["name"]).load(source, **dataset["params"])


def _add_batch(out: H5adWriter, dataset: dict, cells: h5py.File) -> None:
    """The column of batches, where it is no column of the files, but their names."""
    key = dataset["batch"]
    if isinstance(key, str) and key not in out.file["obs"]:
        out.column("obs", key, read_elem(cells["obs/batch"]))


def _add_result(out: H5adWriter, method: str, file: Path, kept: list[str]) -> str:
    """Copy the embedding of a method, or its graph, without reading it; returns its key."""
    with h5py.File(file, "r") as made:
        part, key = (
            ("obsm/X_emb", f"obsm/X_{method}") if "obsm/X_emb" in made else ("obsp/connectivities", f"obsp/{method}")
        )
        _put_aside(out, key, kept)
        group, _, name = key.partition("/")
        made.copy(part, out.group(group), name)
    out.check()
    return key


def _add_neighbors(out: H5adWriter, method: str, file: Path, kept: list[str]) -> None:
    """The neighbour graph of a method, as scanpy has it: that of all metrics, for all cells."""
    for key in ("uns/neighbors", "obsp/connectivities", "obsp/distances"):
        _put_aside(out, key, kept)
    about: dict[str, Any] = {"connectivities_key": "connectivities", "distances_key": "distances"}
    with h5py.File(file, "r") as made:
        if "obsm/X_emb" in made:
            neighbors = nearest_neighbors(made["obsm/X_emb"][:].astype(np.float64), N_NEIGHBORS)
            graph, params = graph_of_neighbors(neighbors), NEIGHBORS | {"use_rep": f"X_{method}"}
            out.element("obsp/distances", _distances(neighbors))
        else:
            graph, params = read_graph(made["obsp/connectivities"]), {"method": method}
    out.element("obsp/connectivities", graph)
    out.element("uns/neighbors", about | {"params": params})


def _distances(neighbors: Neighbors) -> sp.csr_matrix:
    """Distances to the neighbours of each cell, shape (n_cells, n_cells), without the cell itself."""
    n_cells, n_neighbors = neighbors.indices.shape
    rows, columns = np.repeat(np.arange(n_cells), n_neighbors), neighbors.indices.ravel()
    others = rows != columns
    values = neighbors.distances.ravel()[others].astype(np.float32)
    return sp.csr_matrix((values, (rows[others], columns[others])), shape=(n_cells, n_cells))


def _add_umap(out: H5adWriter, method: str, umaps: Path, n_cells: int, kept: list[str]) -> None:
    """The UMAP of a method; NaN for cells that were not drawn."""
    layouts = read_table(str(umaps))
    layout = layouts[layouts["method"] == method]
    if len(layout):
        _put_aside(out, "obsm/X_umap", kept)
        coordinates = np.full((n_cells, 2), np.nan, np.float32)
        coordinates[layout["cell"].to_numpy()] = layout[["x", "y"]]
        out.dense("obsm/X_umap", coordinates.shape)[:] = coordinates


def _put_aside(out: H5adWriter, key: str, kept: list[str]) -> None:
    """Rename an element, if there is one, to a free key; parameters of neighbours follow their graphs."""
    if key not in out.file:
        return
    free = f"{key}{BEFORE}"
    while free in out.file:
        free += BEFORE
    out.file.move(key, free)
    kept.append(free)
    before = out.file.get(next((name for name in kept if name.startswith("uns/neighbors")), ""), {})
    group, _, name = key.partition("/")
    stored = before.get(f"{name}_key") if group == "obsp" else None
    if stored is not None and stored.asstr()[()] == name:
        out.element(f"{before.name}/{name}_key", free.removeprefix("obsp/"))
