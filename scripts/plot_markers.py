"""Correlation of real and predicted values, marker by marker, as a figure."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from portal_lib.benchmark import registry
from portal_lib.benchmark.script_logging import logged
from portal_lib.reporting.figures.markers import plot_markers
from portal_lib.reporting.figures.style import save_figure


def main(*, summary: str, published: str | None, dataset: str, source: str, label: str, png: str) -> None:
    """Draw the markers of one data set, published values beside ours, as PNG and PDF."""
    table, known = pd.read_csv(summary, sep="\t"), None
    if published:
        known = pd.read_csv(published, sep="\t")
        known = known[known["dataset"] == source]
    facts = {"metrics": registry.find("metrics"), "published": known, "label": label}
    save_figure(plot_markers(table, registry.find("methods"), dataset, **facts), Path(png).with_suffix(""))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            summary=snakemake.input.summary,
            published=next(iter(snakemake.input.published), None),
            dataset=snakemake.wildcards.dataset,
            source=snakemake.params.source,
            label=snakemake.params.label,
            png=snakemake.output.png,
        )
