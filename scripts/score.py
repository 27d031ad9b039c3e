"""Compute all metrics of one run; its neighbours are found once."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.script_logging import logged
from portal_lib.benchmark.tasks.scoring import score_run


def main(*, run: dict, metrics: list[str], settings: dict, organism: str | None, files: dict) -> None:
    """Score a run that went well; one that did not gets no rows."""
    score_run(run, metrics, settings=settings, organism=organism, **{name: Path(file) for name, file in files.items()})


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            run=dict(snakemake.wildcards),
            metrics=snakemake.params.metrics,
            settings=snakemake.params.settings,
            organism=snakemake.params.organism,
            files={name: snakemake.input[name] for name in ("prepared", "result", "record")}
            | dict(snakemake.output.items()),
        )
