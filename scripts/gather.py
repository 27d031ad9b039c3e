"""All scores, their means with intervals, and time, memory and status of all runs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.aggregate import summarise
from portal_lib.benchmark.files import write_table
from portal_lib.benchmark.runs import gather_resources, gather_scores
from portal_lib.benchmark.scripting import logged


def main(*, score_files: list[str], records: list[str], scores: str, summary: str, resources: str) -> None:
    """Write the three tables of a run."""
    rows = gather_scores([Path(file) for file in score_files])
    write_table(rows, scores)
    write_table(summarise(rows), summary)
    write_table(gather_resources([Path(file) for file in records]), resources)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            score_files=snakemake.input.scores,
            records=snakemake.input.records,
            scores=snakemake.output.scores,
            summary=snakemake.output.summary,
            resources=snakemake.output.resources,
        )
