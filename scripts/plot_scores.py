"""The scores of one data set to align, as a figure."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from portal_lib.benchmark import registry
from portal_lib.benchmark.script_logging import logged
from portal_lib.reporting.figures.align_scores import plot_align_scores
from portal_lib.reporting.figures.style import save_figure


def main(*, summary: str, resources: str, dataset: str, label: str, png: str) -> None:
    """Draw methods by metrics, as PNG and PDF."""
    tables = [pd.read_csv(file, sep="\t") for file in (summary, resources)]
    facts = [registry.find(kind) for kind in ("methods", "metrics")]
    save_figure(plot_align_scores(*tables, *facts, dataset, label=label), Path(png).with_suffix(""))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            summary=snakemake.input.summary,
            resources=snakemake.input.resources,
            dataset=snakemake.wildcards.dataset,
            label=snakemake.params.label,
            png=snakemake.output.png,
        )
