"""The domains of a data set to align, and the truth apart from them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.data.preparing_domains import prepare_domains
from portal_lib.benchmark.script_logging import logged


def main(*, dataset: dict, source: str, files: dict[str, str]) -> None:
    """Write what methods may see, what only scoring sees, and the record of both."""
    prepare_domains(dataset, Path(source), **{name: Path(file) for name, file in files.items()})


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            dataset=snakemake.params.dataset,
            source=snakemake.params.source,
            files=dict(snakemake.output.items()),
        )
