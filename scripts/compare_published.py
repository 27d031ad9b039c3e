"""Published numbers next to ours, as a table."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from portal_lib._files import write_table
from portal_lib.benchmark.script_logging import logged
from portal_lib.benchmark.tables.published import compare_published
from portal_lib.benchmark.tables.reading import read_table


def main(*, published: list[str], tables: dict[str, str], sources: dict[str, str], table: str) -> None:
    """Write published numbers next to those of this run."""
    known = pd.concat([read_table(file) for file in published], ignore_index=True)
    ours = {name: read_table(file) for name, file in tables.items()}
    write_table(compare_published(known, **ours, sources=sources), table)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            published=snakemake.input.published,
            tables={name: snakemake.input[name] for name in ("summary", "scores", "destinations")},
            sources=snakemake.params.sources,
            table=snakemake.output.table,
        )
