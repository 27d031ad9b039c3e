"""The table of scores of one data set, as a figure."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from portal_lib.benchmark import registry
from portal_lib.benchmark.data.scored_cells import facts_of_dataset
from portal_lib.benchmark.script_logging import logged
from portal_lib.reporting.figures.style import save_figure
from portal_lib.reporting.figures.table import plot_table

NAMES = dict.fromkeys(("dataset", "method"), str)


def main(
    *, tables: dict[str, str], scored: list[str], dataset: str, label: str, weights: dict, definition: str, png: str
):
    """Draw methods by metrics, as PNG and PDF; a note says which cells were scored where it was not all."""
    read = {name: pd.read_csv(file, sep="\t", dtype=NAMES) for name, file in tables.items()}
    facts = [registry.find(kind) for kind in ("methods", "metrics")]
    words = {"label": label, "scored": facts_of_dataset(scored), "weights": weights, "definition": definition}
    words |= {name: read[name] for name in ("overall", "ranges")}
    figure = plot_table(read["summary"], read["resources"], *facts, dataset, **words)
    save_figure(figure, Path(png).with_suffix(""))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            tables={name: snakemake.input[name] for name in ("summary", "resources", "overall", "ranges")},
            scored=snakemake.input.scored,
            dataset=snakemake.wildcards.dataset,
            label=snakemake.params.label,
            weights=snakemake.params.weights,
            definition=snakemake.wildcards.definition,
            png=snakemake.output.png,
        )
