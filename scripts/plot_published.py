"""Published numbers about one data set beside ours, as a figure."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from portal_lib.benchmark import registry
from portal_lib.benchmark.script_logging import logged
from portal_lib.reporting.figures.published import plot_published
from portal_lib.reporting.figures.style import save_figure


def main(*, published: str, dataset: str, label: str, png: str) -> None:
    """Draw published numbers beside ours as PNG and PDF."""
    table = pd.read_csv(published, sep="\t", dtype={"dataset": str, "method": str})
    facts = registry.find("methods"), registry.find("metrics")
    save_figure(plot_published(table, *facts, dataset, label=label), Path(png).with_suffix(""))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            published=snakemake.input.published,
            dataset=snakemake.wildcards.dataset,
            label=snakemake.params.label,
            png=snakemake.output.png,
        )
