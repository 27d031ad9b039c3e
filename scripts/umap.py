"""UMAPs of a data set, one for each method, from the neighbours that its metrics used.

One process for all of them: importing umap-learn takes longer than the layout of some thousand cells.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import h5py
import pandas as pd
import scipy.sparse as sp

from portal_lib._files import write_table
from portal_lib.benchmark.data.scored_cells import read_facts, rows_scored
from portal_lib.benchmark.script_logging import logged
from portal_lib.preparation.prepared import Prepared, read_rows
from portal_lib.reporting.figures._layout import draw_cells, umap_layout


def main(
    *, prepared: str, results: list[str], graphs: list[str], scored: list[str], table: str, max_cells: int, seed: int
) -> None:
    """Lay out the scored cells of every run, or some of them: columns method, cell, x, y; a failed run has no rows."""
    with Prepared(prepared) as data:
        label = data.label
    layouts = [_layout(*files, label, max_cells, seed) for files in zip(results, graphs, scored, strict=True)]
    methods = [Path(result).parents[1].name for result in results]
    write_table(pd.concat(layouts, keys=methods, names=["method", None]).reset_index(level="method"), table)


def _layout(
    result: str, graph: str, scored: str, label: pd.Categorical | None, max_cells: int, seed: int
) -> pd.DataFrame:
    connectivities, facts = sp.load_npz(graph), read_facts(scored)
    rows = rows_scored(facts, label)
    cells = draw_cells(connectivities.shape[0], max_cells, seed)
    layout = pd.DataFrame({"cell": cells if rows is None else rows[cells], "x": 0.0, "y": 0.0})
    if len(cells):
        print(f"{result}: UMAP of {len(cells):,} of {facts['n_cells_total']:,} cells", flush=True)
        with h5py.File(result, "r") as made:
            embedding = read_rows(made["obsm/X_emb"], rows) if "obsm/X_emb" in made else None
        layout[["x", "y"]] = umap_layout(connectivities, embedding=embedding, cells=cells, seed=seed, progress=True)
    return layout


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        files = {name: snakemake.input[name] for name in ("prepared", "results", "graphs", "scored")}
        main(**files, table=snakemake.output.table, **snakemake.params.settings)
