"""Time and memory of one data set against the number of cells."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from portal_lib.benchmark import registry
from portal_lib.benchmark.run.runs import machine_line, read_records
from portal_lib.benchmark.script_logging import logged
from portal_lib.reporting.figures import scaling as figures
from portal_lib.reporting.figures.style import save_figure


def main(*, scaling: str, fits: str, published: str, records: list[str], whole: str, label: str, out: dict) -> None:
    """Draw time, its phases, and memory, as PNG and SVG."""
    table, lines, paper = (pd.read_csv(file, sep="\t") for file in (scaling, fits, published))
    methods = registry.find("methods")
    words = {"label": label, "machine": machine_line(read_records(records))}
    drawn = {
        "time": figures.plot_time(table, lines, paper, methods, whole, **words),
        "phases": figures.plot_phases(table, methods, whole, **words),
        "memory": figures.plot_memory(table, lines, paper, methods, whole, **words),
    }
    for kind, figure in drawn.items():
        save_figure(figure, Path(out[f"{kind}_png"]).with_suffix(""), ("png", "svg"))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            scaling=snakemake.input.scaling,
            fits=snakemake.input.fits,
            published=snakemake.input.published,
            records=snakemake.input.records,
            whole=snakemake.wildcards.whole,
            label=snakemake.params.label,
            out=dict(snakemake.output.items()),
        )
