"""The UMAP grid of one data set, by batch and by label."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd

from portal_lib.benchmark import registry
from portal_lib.benchmark.run.runs import read_records
from portal_lib.benchmark.script_logging import logged
from portal_lib.preparation.prepared import Prepared
from portal_lib.reporting.figures.style import save_figure
from portal_lib.reporting.figures.umap import plot_umap_grid


def main(*, umaps: list[str], records: list[str], prepared: str, label: str, png: str) -> None:
    """Draw every method's cells by batch and by label, as PNG and PDF; a failed run is a panel that says so."""
    shown, cells = {}, np.empty(0, int)
    for umap, run in zip(umaps, read_records(records), strict=True):
        table = pd.read_csv(umap, sep="\t")
        shown[run["method"]] = table[["x", "y"]].to_numpy() if run["status"] == "ok" else run["status"]
        cells = table["cell"].to_numpy() if run["status"] == "ok" else cells
    with Prepared(prepared) as data:
        keys, n_total = [data.column(name)[cells] for name in ("batch", "label")], data.n_obs
    figure = plot_umap_grid(shown, *keys, methods=registry.find("methods"), title=label, n_total=n_total)
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
