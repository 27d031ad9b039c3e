"""Counts to principal components, by the Portal recipe."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.data.preparing import prepare_dataset
from portal_lib.benchmark.script_logging import logged, paths_of
from portal_lib.datasets._checks import check_expected


def main(
    *, dataset: dict, config_key: str, source: str | list[str], prepared: str, record: str, settings: dict, threads: int
) -> None:
    """Prepare a data set of the registry, a sample, or an h5ad of the user's, and write down what it took."""
    files = {"source": paths_of(source), "prepared": Path(prepared), "record": Path(record)}
    prepare_dataset(dataset, **files, config_key=config_key, settings=settings, check=check_expected, threads=threads)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            dataset=snakemake.params.dataset,
            config_key=snakemake.config["config_keys"][snakemake.wildcards.dataset],
            source=snakemake.params.source,
            prepared=snakemake.output.prepared,
            record=snakemake.output.record,
            settings=snakemake.params.settings,
            threads=snakemake.threads,
        )
