"""Counts to principal components, by the Portal recipe."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.preparing import prepare_dataset
from portal_lib.benchmark.scripting import logged, paths_of
from portal_lib.datasets._checks import check_expected


def main(
    *, dataset: dict, entry: str, source: str | list[str], prepared: str, record: str, settings: dict, threads: int
) -> None:
    """Prepare a data set of the registry, a sample, or an h5ad of the user's, and write down what it took."""
    files = {"source": paths_of(source), "prepared": Path(prepared), "record": Path(record)}
    prepare_dataset(dataset, **files, entry=entry, settings=settings, check=check_expected, threads=threads)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            dataset=snakemake.params.dataset,
            entry=snakemake.config["entries"][snakemake.wildcards.dataset],
            source=snakemake.params.source,
            prepared=snakemake.output.prepared,
            record=snakemake.output.record,
            settings=snakemake.params.settings,
            threads=snakemake.threads,
        )
