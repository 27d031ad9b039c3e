"""One figure, drawn by its plug-in."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark import registry
from portal_lib.benchmark.data.figure_inputs import INPUTS
from portal_lib.benchmark.script_logging import logged
from portal_lib.reporting.figures._style import save_figure


def main(*, figure: str, inputs: dict[str, str | list[str]], facts: dict, files: list[str]) -> None:
    """Read the inputs of a figure, draw it, and save it in every format."""
    asked = registry.find("figures")[figure]["facts"]
    known = {kind: registry.find(kind) for kind in ("methods", "metrics") if kind in asked}
    read = {name: INPUTS[name].read(given) for name, given in inputs.items()}
    drawn = registry.load("figures", figure).draw(**read, **known, **facts)
    save_figure(drawn, Path(files[0]).with_suffix(""), [Path(file).suffix[1:] for file in files])


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            figure=snakemake.params.figure,
            inputs={name: snakemake.input[name] for name in snakemake.params.inputs},
            facts=snakemake.params.facts,
            files=list(snakemake.output),
        )
