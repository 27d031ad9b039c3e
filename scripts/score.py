"""Compute all metrics of one run: the script of the rules ``score`` and ``score_alignment``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.script_logging import files_of, logged
from portal_lib.benchmark.tasks import stage


def main(*, task: str, run: dict, metrics: list[str], files: dict[str, Path], options: dict) -> None:
    """Score a run by the task of its data set; a run that failed gets no rows."""
    stage(task, "score").score(run, metrics, **files, **options)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            task=snakemake.params.task,
            run=dict(snakemake.wildcards),
            metrics=snakemake.params.metrics,
            files=files_of(snakemake.input, snakemake.output),
            options=snakemake.params.options,
        )
