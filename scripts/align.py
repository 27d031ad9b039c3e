"""Run one method of the task align, supervised, once or several times."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.run.runs import run_method
from portal_lib.benchmark.run.supervise import Limits
from portal_lib.benchmark.script_logging import logged


def main(*, task: dict, domains: str, truth: str, result: str, record: str, limits: Limits) -> None:
    """Run the method in a child process; result and record are written whatever happens."""
    run_method(task | {"truth": truth}, Path(domains), Path(result), Path(record), limits)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            task=snakemake.params.task,
            domains=snakemake.input.domains,
            truth=snakemake.input.truth,
            result=snakemake.output.result,
            record=snakemake.output.record,
            limits=Limits(snakemake.resources.limit_s, snakemake.resources.limit_mb, snakemake.threads),
        )
