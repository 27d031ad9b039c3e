"""The scores of one run of the task "integrate"."""

import json
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata.io import read_elem

from portal_lib._files import replacing, write_table, write_text_atomic
from portal_lib.benchmark import registry
from portal_lib.benchmark.data.scored_cells import draw_scored, sample_facts
from portal_lib.benchmark.run.runs import SCORE_COLUMNS
from portal_lib.benchmark.tables.aggregate import AUXILIARY
from portal_lib.errors import DataError, NotApplicable
from portal_lib.metrics._score import score_all
from portal_lib.metrics._space import Space, Truth
from portal_lib.preparation.normalise import log_normalised
from portal_lib.preparation.prepared import Prepared, read_graph, read_rows, same_names

# Above this number of cells metrics are slow, and each prints a line when it is done.
MANY_CELLS = 20_000
# Components of the data before integration; cells whose counts are not known have none.
UNINTEGRATED = "obsm/X_unintegrated"


def score(
    run: dict,
    metrics: list[str],
    *,
    prepared: Path,
    result: Path,
    record: Path,
    scores: Path,
    graph: Path,
    scored: Path,
    settings: dict,
) -> None:
    """Compute the metrics of one run.

    Parameters
    ----------
    run
        ``dataset``, ``method`` and ``seed`` for the rows.
    metrics
        Names of the metrics.
    prepared, result, record
        The files of the run.
    scores
        Tidy TSV, one row per metric; no rows when the run failed.
    graph
        The neighbour graph that all metrics used (:func:`scipy.sparse.save_npz`); without edges where the scored cells
        have none, empty when the run failed.
    scored
        JSON: which cells the scores and the graph are of (:func:`portal_lib.benchmark.data.scored_cells.sample_facts`);
        an empty object when the run failed.
    settings
        ``max_cells``, ``sample_cells`` and ``seed`` of :func:`portal_lib.benchmark.data.scored_cells.draw_scored`.
    """
    rows, connectivities, facts = [], sp.csr_matrix((0, 0)), {}
    if json.loads(record.read_text())["status"] == "ok":
        with Prepared(prepared) as data, h5py.File(result, "r") as made:
            space, truths, facts = _space_and_truths(data, made, settings)
            rows = [run | row for row in _score(run, space, truths, metrics, facts)]
            connectivities = _graph_of(space)
        facts["neighbors"] = space.neighbor_facts
    write_table(pd.DataFrame(rows, columns=SCORE_COLUMNS), scores)
    write_text_atomic(scored, json.dumps(facts, indent=1))
    with replacing(graph) as temporary:
        sp.save_npz(temporary, connectivities)


def _score(run: dict, space, truths: dict[str, Truth], metrics: list[str], facts: dict) -> list[dict]:
    """The rows of all metrics; where there are many cells, with a line for each.

    `truths` holds the batches under an empty name, and each of several batch columns under its own: batch metrics of a
    column are parts, as ``ilisi:donor``, which enter no overall score.
    """
    rows, name = [], f"{run['dataset']} · {run['method']} · seed {run['seed']}"
    if facts["n_cells_scored"] < facts["n_cells_total"]:
        print(f"{name}: {facts['n_cells_scored']:,} of {facts['n_cells_total']:,} cells are scored.", flush=True)
    for column, truth in truths.items():
        for metric in metrics if not column else [name for name in metrics if _is_of_batches(name)]:
            started = time.monotonic()
            found = score_all(space, truth, [metric])
            rows += [row | _of_column(row, column) if column else row for row in found]
            if space.n_cells > MANY_CELLS:
                took = time.monotonic() - started
                print(f"{name}: {rows[-1]['metric']} {rows[-1]['value']:.4f} ({took:.1f} s)", flush=True)
    return rows


def _of_column(row: dict, column: str) -> dict:
    return {"metric": f"{row['metric']}:{column}", "group": AUXILIARY}


def _is_of_batches(metric: str) -> bool:
    """Whether a metric measures how well batches are mixed."""
    facts = registry.facts("metrics", metric)
    return "batch" in facts["needs"] and "bio" not in facts["group"]


def _graph_of(space):
    """The graph of the scored cells; without edges where there are no neighbours."""
    try:
        return space.connectivities
    except NotApplicable:
        return sp.csr_matrix((space.n_cells, space.n_cells))


def _space_and_truths(data: Prepared, made, settings: dict):
    """What is scored and its ground truths: all cells, or a part, of which only the rows are read."""
    if not same_names(data.file, made):
        raise DataError(f"{made.filename}: the cells differ from those of {data.path}, or are in another order.")
    rows = draw_scored(data.n_obs, data.label, **settings)
    # The genes that the method corrected, in the same order, or the highly variable ones.
    names = pd.Index(read_elem(made["var"]).index.astype(str)) if "X" in made else None
    graph, embedding = made.get("obsp/connectivities"), made.get("obsm/X_emb")
    space = Space(
        None if embedding is None else read_rows(embedding, rows),
        connectivities=None if graph is None else read_graph(graph, rows),
        before=read_rows(data.file[UNINTEGRATED], rows) if UNINTEGRATED in data.file else None,
        expression=lambda: _expression(data.path, "highly_variable" if names is None else names, rows),
        corrected=None if names is None else (lambda: (_rows_of(read_elem(made["X"]), rows), names)),
        cell_cycle=_cell_cycle(data, rows),
        pseudotime=_rows_of(data.column("pseudotime"), rows) if "pseudotime" in data.file["obs"] else None,
    )
    batch, label = data.column("batch"), data.label
    facts = sample_facts(rows, {"batch": batch, "label": label}, settings["seed"], cut_graph=graph is not None)
    label = None if label is None else _rows_of(label, rows)
    batches = {"": batch} | {name: data.column(stored) for name, stored in data.batch_columns.items()}
    return space, {name: Truth(_rows_of(column, rows), label) for name, column in batches.items()}, facts


def _expression(path: Path, genes: str | pd.Index, rows):
    """Log-normalised values of some genes of the scored cells, and the names of the genes."""
    with Prepared(path, genes=genes) as data:
        return _rows_of(log_normalised(data), rows), data.var_names.astype(str)


def _cell_cycle(data: Prepared, rows) -> np.ndarray | str:
    """Scores of S and of G2/M of the scored cells, or why there are none."""
    names = ("S_score", "G2M_score")
    if not all(name in data.file["obs"] for name in names):
        return str(data.uns["preparation"].get("cell_cycle", "the data were prepared without"))
    return _rows_of(np.column_stack([data.column(name) for name in names]), rows)


def _rows_of(matrix, rows):
    return matrix if rows is None else matrix[rows]
