"""Run one method with one seed, supervised: the script of the rules ``integrate`` and ``align``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.run.runs import run_method
from portal_lib.benchmark.run.supervise import Limits
from portal_lib.benchmark.script_logging import files_of, logged


def main(*, task: dict, prepared: Path, result: Path, record: Path, limits: Limits, truth: Path | None = None) -> None:
    """Run the method in a child process; result and record are written whatever happens."""
    run_method(task if truth is None else task | {"truth": str(truth)}, prepared, result, record, limits)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            task=snakemake.params.task,
            limits=Limits(snakemake.resources.limit_s, snakemake.resources.limit_mb, snakemake.threads),
            **files_of(snakemake.input, snakemake.output),
        )
