"""One data set of the registry as one file, from which samples are drawn."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.data.nested_samples import store_dataset
from portal_lib.benchmark.script_logging import logged
from portal_lib.datasets._checks import check_expected


def main(*, name: str, params: dict, store: str, threads: int) -> None:
    """Write the counts of a data set as h5ad, piece by piece where its plug-in makes pieces."""
    folder = Path(store).parent
    store_dataset(name, params, folder, Path(store), check=check_expected, threads=threads)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            name=snakemake.wildcards.source,
            params=snakemake.params.params,
            store=snakemake.output.store,
            threads=snakemake.threads,
        )
