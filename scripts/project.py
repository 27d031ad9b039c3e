"""UMAP of one run, from the neighbours that its metrics used."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import anndata
import pandas as pd
import scipy.sparse as sp

from portal_lib.benchmark.files import write_table
from portal_lib.benchmark.scripting import logged
from portal_lib.reporting.umap import draw_cells, project


def main(*, result: str, graph: str, umap: str, max_cells: int, seed: int) -> None:
    """Lay out the cells of a run; one that gave no result gets a table without rows."""
    connectivities = sp.load_npz(graph)
    cells = draw_cells(connectivities.shape[0], max_cells, seed)
    table = pd.DataFrame({"cell": cells, "x": 0.0, "y": 0.0})
    if len(cells):
        embedding = anndata.read_h5ad(result).obsm.get("X_emb")
        table[["x", "y"]] = project(connectivities, embedding=embedding, cells=cells, seed=seed, progress=True)
    write_table(table, umap)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            result=snakemake.input.result,
            graph=snakemake.input.graph,
            umap=snakemake.output.umap,
            **snakemake.params.settings,
        )
