"""Methods by overall score over all data sets, as a figure."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from portal_lib.benchmark import registry
from portal_lib.benchmark.script_logging import logged
from portal_lib.reporting.figures.ranks import plot_ranks_or_why_not
from portal_lib.reporting.figures.style import save_figure

NAMES = dict.fromkeys(("dataset", "method", "method_a", "method_b"), str)


def main(
    *,
    tables: dict[str, str],
    scaling: str,
    definition: str,
    labels: dict[str, str],
    weights: dict[str, float],
    png: str,
) -> None:
    """Draw the rank plot of one scaling and definition, as PNG and PDF."""
    read = {name: pd.read_csv(file, sep="\t", dtype=NAMES) for name, file in tables.items()}
    figure = plot_ranks_or_why_not(
        read["overall"],
        read["differences"],
        registry.find("methods"),
        scaling=scaling,
        definition=definition,
        runs=read["overall_runs"],
        resources=read["resources"],
        labels=labels,
        weights=weights,
    )
    save_figure(figure, Path(png).with_suffix(""))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        names = ("overall", "differences", "overall_runs", "resources")
        main(
            tables={name: snakemake.input[name] for name in names},
            scaling=snakemake.wildcards.scaling,
            definition=snakemake.wildcards.definition,
            labels=snakemake.params.labels,
            weights=snakemake.params.weights,
            png=snakemake.output.png,
        )
