"""Compute all metrics of one run; its neighbours are found once."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.scoring import score_run
from portal_lib.benchmark.scripting import logged


def main(*, run: dict, metrics: list[str], prepared: str, result: str, record: str, scores: str, graph: str) -> None:
    """Score a run that went well; one that did not gets no rows."""
    files = {"prepared": prepared, "result": result, "record": record, "scores": scores, "graph": graph}
    score_run(run, metrics, **{name: Path(file) for name, file in files.items()})


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            run=dict(snakemake.wildcards),
            metrics=snakemake.params.metrics,
            prepared=snakemake.input.prepared,
            result=snakemake.input.result,
            record=snakemake.input.record,
            scores=snakemake.output.scores,
            graph=snakemake.output.graph,
        )
