"""The UMAP grid of one data set, by batch and by label."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import anndata
import pandas as pd

from portal_lib.benchmark import registry
from portal_lib.benchmark.runs import read_records
from portal_lib.benchmark.scripting import logged
from portal_lib.reporting.style import save_figure
from portal_lib.reporting.umap import plot_umap_grid


def main(*, umaps: list[str], records: list[str], prepared: str, label: str, png: str) -> None:
    """Draw every method's cells by batch and by label, as PNG and PDF; a failed run is a panel that says so."""
    obs = anndata.read_h5ad(prepared, backed="r").obs
    shown, cells = {}, obs.index[:0]
    for umap, run in zip(umaps, read_records(records), strict=True):
        table = pd.read_csv(umap, sep="\t")
        shown[run["method"]] = table[["x", "y"]].to_numpy() if run["status"] == "ok" else run["status"]
        cells = obs.index[table["cell"]] if run["status"] == "ok" else cells
    drawn = obs.loc[cells]
    facts = registry.find("methods")
    figure = plot_umap_grid(shown, drawn["batch"], drawn["label"], methods=facts, title=label, n_total=len(obs))
    save_figure(figure, Path(png).with_suffix(""))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            umaps=snakemake.input.umaps,
            records=snakemake.input.records,
            prepared=snakemake.input.prepared,
            label=snakemake.params.label,
            png=snakemake.output.png,
        )
