"""UMAP of one run, from the neighbours that its metrics used."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import h5py
import pandas as pd
import scipy.sparse as sp

from portal_lib._files import write_table
from portal_lib.benchmark.data.scored_cells import read_facts, rows_scored
from portal_lib.benchmark.script_logging import logged
from portal_lib.preparation.prepared import read_rows
from portal_lib.reporting.figures._layout import draw_cells, umap_layout


def main(*, result: str, graph: str, scored: str, umap: str, max_cells: int, seed: int) -> None:
    """Lay out the scored cells of a run, or some of them; a failed run gets a table without rows."""
    connectivities, facts = sp.load_npz(graph), read_facts(scored)
    rows = rows_scored(facts)
    cells = draw_cells(connectivities.shape[0], max_cells, seed)
    table = pd.DataFrame({"cell": cells if rows is None else rows[cells], "x": 0.0, "y": 0.0})
    if len(cells):
        print(f"UMAP of {len(cells):,} of {facts['n_cells_total']:,} cells", flush=True)
        with h5py.File(result, "r") as made:
            embedding = read_rows(made["obsm/X_emb"], rows) if "obsm/X_emb" in made else None
        table[["x", "y"]] = umap_layout(connectivities, embedding=embedding, cells=cells, seed=seed, progress=True)
    write_table(table, umap)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            result=snakemake.input.result,
            graph=snakemake.input.graph,
            scored=snakemake.input.scored,
            umap=snakemake.output.umap,
            **snakemake.params.settings,
        )
