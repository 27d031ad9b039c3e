"""A random sample of the cells of one file."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.data.nested_samples import sample_cells
from portal_lib.benchmark.script_logging import logged, paths_of


def main(
    *, source: str | list[str], sample: str, data_name: str, config_key: str, threads: int, **chosen: object
) -> None:
    """Write the sample that `chosen` (cells, seed, keys, layer) describes."""
    sample_cells(paths_of(source), Path(sample), data_name=data_name, config_key=config_key, threads=threads, **chosen)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            source=snakemake.input.source,
            sample=snakemake.output.sample,
            data_name=snakemake.wildcards.dataset,
            config_key=snakemake.config["config_keys"][snakemake.wildcards.dataset],
            threads=snakemake.threads,
            **snakemake.params.chosen,
        )
