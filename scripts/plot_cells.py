"""Translated cells beside real ones, of the first training of each method, as a figure."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark import registry
from portal_lib.benchmark.data.figure_inputs import shown_cells
from portal_lib.benchmark.script_logging import logged
from portal_lib.reporting.figures.aligned_cells import plot_cells
from portal_lib.reporting.figures.aligned_images import plot_images
from portal_lib.reporting.figures.style import save_figure


def main(*, files: dict[str, str], results: dict[str, str], records: list[str], shown: list, label: str, png: str):
    """Draw images where the features are pixels, else two features against each other, as PNG and PDF."""
    cells = shown_cells(**{name: Path(file) for name, file in files.items()}, results=results, records=records)
    methods = registry.find("methods")
    if cells["image"]:
        parts = {name: None if cells[name] is None else cells[name].to_numpy() for name in ("x1", "target")}
        images = parts["x1"], cells["x12"], cells["label1"], tuple(cells["image"]), methods
        figure = plot_images(*images, title=label, truth=parts["target"])
    else:
        columns = [list(cells["x2"].columns).index(name) for name in shown]
        real = [cells[name][shown].to_numpy() for name in ("x1", "x2")]
        translated = {name: x[:, columns] for name, x in cells["x12"].items()}
        names = cells["label1"] if cells["label1"] is not None else ["cells"] * len(real[0])
        figure = plot_cells(*real, translated, names, cells["label2"], tuple(shown), methods, title=label)
    save_figure(figure, Path(png).with_suffix(""))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            files={name: snakemake.input[name] for name in ("domains", "truth")},
            results=dict(zip(snakemake.params.methods, snakemake.input.results, strict=True)),
            records=snakemake.input.records,
            shown=snakemake.params.shown,
            label=snakemake.params.label,
            png=snakemake.output.png,
        )
