"""Bars of time and memory of one data set."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from portal_lib.benchmark import registry
from portal_lib.benchmark.run.runs import machine_line, read_records
from portal_lib.benchmark.script_logging import logged
from portal_lib.reporting.figures.resources import plot_resources
from portal_lib.reporting.figures.style import save_figure


def main(*, resources: str, records: list[str], dataset: str, label: str, png: str) -> None:
    """Draw time (of the task align, per training) and memory of every method, failures as such, as PNG and PDF."""
    runs, table = read_records(records), pd.read_csv(resources, sep="\t")
    said = {"machine": machine_line(runs), "per_training": any(run.get("task") == "align" for run in runs)}
    figure = plot_resources(table, registry.find("methods"), dataset, label=label, **said)
    save_figure(figure, Path(png).with_suffix(""))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            resources=snakemake.input.resources,
            records=snakemake.input.records,
            dataset=snakemake.wildcards.dataset,
            label=snakemake.params.label,
            png=snakemake.output.png,
        )
