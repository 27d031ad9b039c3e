"""Write one data set of the registry as one file, from which samples are drawn."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.data.nested_samples import write_counts
from portal_lib.benchmark.script_logging import logged


def main(*, name: str, params: dict, counts: str, threads: int) -> None:
    """Write the counts of a data set as h5ad, in chunks if its plug-in makes chunks."""
    write_counts(name, params, Path(counts).parent, Path(counts), threads=threads)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            name=snakemake.wildcards.source,
            params=snakemake.params.params,
            counts=snakemake.output.counts,
            threads=snakemake.threads,
        )
