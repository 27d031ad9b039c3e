"""Where the cells of each label end, as a figure."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from portal_lib.benchmark import registry
from portal_lib.benchmark.script_logging import logged
from portal_lib.reporting.figures.destinations import plot_destinations
from portal_lib.reporting.figures.style import save_figure


def main(*, destinations: str, dataset: str, label: str, png: str) -> None:
    """Draw the destinations of one data set, as PNG and PDF."""
    table = pd.read_csv(destinations, sep="\t", dtype=str).astype({"share": float, "seed": int})
    save_figure(plot_destinations(table, registry.find("methods"), dataset, label=label), Path(png).with_suffix(""))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            destinations=snakemake.input.destinations,
            dataset=snakemake.wildcards.dataset,
            label=snakemake.params.label,
            png=snakemake.output.png,
        )
