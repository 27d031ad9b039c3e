"""All scores, their means with intervals, and time, memory and status of all runs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib._files import write_table
from portal_lib.benchmark import registry
from portal_lib.benchmark.run.runs import (
    DESTINATION_COLUMNS,
    SCORE_COLUMNS,
    gather_resources,
    gather_tables,
    mark_added,
    read_records,
)
from portal_lib.benchmark.script_logging import logged
from portal_lib.benchmark.tables.aggregate import summarise
from portal_lib.benchmark.tables.overall_tables import overall_tables
from portal_lib.benchmark.tables.preparation import preparation_table


def main(
    *,
    score_files: list,
    records: list,
    preparations: list,
    destination_files: list,
    weights: dict,
    added: dict[str, list[str]],
    out: dict[str, str],
) -> None:
    """Write the tables of a run; `added` are the controls by data set that only set ends of scaled scores."""
    rows = mark_added(gather_tables([Path(file) for file in score_files], SCORE_COLUMNS), added)
    write_table(rows, out["scores"])
    write_table(summarise(rows, weights), out["summary"])
    for name, table in overall_tables(rows, registry.find("methods"), weights).items():
        write_table(table, out[name])
    write_table(mark_added(gather_resources([Path(file) for file in records]), added), out["resources"])
    write_table(preparation_table(read_records(preparations)), out["preparation"])
    write_table(gather_tables([Path(file) for file in destination_files], DESTINATION_COLUMNS), out["destinations"])


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            score_files=snakemake.input.scores,
            records=snakemake.input.records,
            preparations=snakemake.input.preparations,
            destination_files=snakemake.input.destinations,
            weights=snakemake.params.weights,
            added=snakemake.params.added,
            out=dict(snakemake.output.items()),
        )
