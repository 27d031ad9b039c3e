"""Prepare one data set: the script of the rules ``prepare`` and ``prepare_domains``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.script_logging import files_of, logged, paths_of
from portal_lib.benchmark.tasks import stage


def main(*, task: str, dataset: dict, source: str | list[str], files: dict[str, Path], options: dict) -> None:
    """Write the prepared data set, and time and memory of its preparation, by the task of the data set."""
    stage(task, "prepare").prepare(dataset, paths_of(source), **files, **options)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        key = snakemake.config["config_keys"][snakemake.wildcards.dataset]
        main(
            task=snakemake.params.task,
            dataset=snakemake.params.dataset,
            source=snakemake.params.source,
            files=files_of(snakemake.output),
            options=snakemake.params.options | {"config_key": key, "threads": snakemake.threads},
        )
