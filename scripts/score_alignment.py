"""Compute all metrics of one run of the task align, training by training."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.script_logging import logged
from portal_lib.benchmark.tasks.scoring_alignment import score_alignment


def main(*, run: dict, metrics: list[str], files: dict[str, str]) -> None:
    """Score a run that went well; one that did not gets no rows."""
    score_alignment(run, metrics, **{name: Path(file) for name, file in files.items()})


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            run=dict(snakemake.wildcards),
            metrics=snakemake.params.metrics,
            files={name: snakemake.input[name] for name in ("domains", "truth", "result", "record")}
            | dict(snakemake.output.items()),
        )
