"""The table of scores of one data set, as a figure."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from portal_lib.benchmark import registry
from portal_lib.benchmark.scored_cells import facts_of_dataset
from portal_lib.benchmark.scripting import logged
from portal_lib.reporting.style import save_figure
from portal_lib.reporting.table import plot_table


def main(*, summary: str, resources: str, scored: list[str], dataset: str, label: str, png: str) -> None:
    """Draw methods by metrics, as PNG and PDF; a note says which cells were scored where it was not all."""
    tables = [pd.read_csv(file, sep="\t") for file in (summary, resources)]
    names = {"label": label, "scored": facts_of_dataset(scored)}
    figure = plot_table(*tables, registry.find("methods"), registry.find("metrics"), dataset, **names)
    save_figure(figure, Path(png).with_suffix(""))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            summary=snakemake.input.summary,
            resources=snakemake.input.resources,
            scored=snakemake.input.scored,
            dataset=snakemake.wildcards.dataset,
            label=snakemake.params.label,
            png=snakemake.output.png,
        )
