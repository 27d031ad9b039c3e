"""The scores of one run.

Apart from :mod:`portal_lib.benchmark.runs`, so that a change in what metrics share reruns no method.
"""

from __future__ import annotations

import json
from pathlib import Path

from portal_lib.benchmark.files import replacing, write_table
from portal_lib.benchmark.runs import SCORE_COLUMNS
from portal_lib.errors import DataError


def score_run(run: dict, metrics: list[str], *, prepared: Path, result: Path, record: Path, scores: Path, graph: Path):
    """Compute the metrics of one run.

    Parameters
    ----------
    run
        ``dataset``, ``method`` and ``seed`` for the rows.
    metrics
        Names of the metrics.
    prepared, result, record
        What the run was given and what it gave.
    scores
        Tidy TSV, one row per metric; no rows when the run failed.
    graph
        The neighbour graph that all metrics used (:func:`scipy.sparse.save_npz`); empty when the run failed.
    """
    import pandas as pd
    import scipy.sparse as sp

    from portal_lib.metrics._score import score_all

    rows, connectivities = [], sp.csr_matrix((0, 0))
    if json.loads(record.read_text())["status"] == "ok":
        space, truth = _space_and_truth(prepared, result)
        rows = [run | row for row in score_all(space, truth, metrics)]
        connectivities = space.connectivities
    write_table(pd.DataFrame(rows, columns=SCORE_COLUMNS), scores)
    with replacing(graph) as temporary:
        sp.save_npz(temporary, connectivities)


def _space_and_truth(prepared: Path, result: Path):
    import anndata

    from portal_lib.metrics._space import Space, Truth

    data, made = anndata.read_h5ad(prepared, backed="r"), anndata.read_h5ad(result)
    if not made.obs_names.equals(data.obs_names):
        raise DataError(f"{result}: the cells are not those of {prepared}, or not in their order.")
    graph = made.obsp.get("connectivities")
    space = Space(made.obsm.get("X_emb"), connectivities=graph, before=data.obsm["X_unintegrated"])
    return space, Truth(data.obs["batch"], data.obs["label"])
