"""Time and memory of every preparation and run, and how they grow with the number of cells or batches."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib._files import write_table
from portal_lib.benchmark.run.runs import read_records
from portal_lib.benchmark.script_logging import logged
from portal_lib.benchmark.tables.scaling import fit_scaling, gather_scaling


def main(
    *,
    wholes: dict[str, str],
    of_batches: list[str],
    preparations: list[str],
    records: list[str],
    scaling: str,
    fits: str,
) -> None:
    """Write the tidy table of the scaling study, and the exponents."""
    table = gather_scaling(wholes, of_batches, read_records(preparations), read_records(records))
    write_table(table, scaling)
    write_table(fit_scaling(table), fits)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            wholes=snakemake.params.wholes,
            of_batches=snakemake.params.of_batches,
            preparations=snakemake.input.preparations,
            records=snakemake.input.records,
            scaling=snakemake.output.scaling,
            fits=snakemake.output.fits,
        )
