"""Write the texts of the report, the summary in Markdown, and the configuration with its defaults filled in."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import json

import yaml

from portal_lib._files import write_text_atomic
from portal_lib.benchmark import registry
from portal_lib.benchmark.config import parse as config
from portal_lib.benchmark.data.scored_cells import facts_by_dataset
from portal_lib.benchmark.run.runs import read_records
from portal_lib.benchmark.script_logging import logged
from portal_lib.benchmark.tables.overall import of_named
from portal_lib.benchmark.tables.reading import read_table
from portal_lib.benchmark.tables.run_facts import facts_of_run, manifests_of
from portal_lib.reporting.texts.pages import report_texts, summary_page
from portal_lib.reporting.texts.report import Report

TABLES = ("scores", "summary", "resources", "preparation", "destinations")
TABLES += ("overall", "overall_runs", "ranges", "differences")


def main(
    *,
    settings: dict,
    records: list[str],
    scored: list[str],
    prepared: list[str],
    tables: dict,
    figures: list[str],
    out: dict,
) -> None:
    """Write the captions of `figures` (stems of their files) and the first page, the summary, and the configuration."""
    run, runs = config.parse_config(settings), read_records(records)
    read = {name: of_named(read_table(file)) for name, file in tables.items()}
    integrated = [record for record in runs if record["dataset"] in run.of_task("integrate")]
    samples = facts_by_dataset(integrated, scored)
    facts = facts_of_run(run, runs, dict(zip(run.datasets, prepared, strict=True)), manifests_of(run), samples)
    report = Report(facts, read, registry.find("methods"), registry.find("metrics"))
    write_text_atomic(out["texts"], json.dumps(report_texts(report, figures), indent=1))
    write_text_atomic(out["markdown"], summary_page(report))
    write_text_atomic(out["config"], yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        tables = {name: snakemake.input[name] for name in TABLES}
        main(
            settings=snakemake.params.settings,
            records=snakemake.input.records,
            scored=snakemake.input.scored,
            prepared=snakemake.input.prepared,
            figures=snakemake.params.figures,
            tables=tables | ({"published": snakemake.input.published[0]} if snakemake.input.published else {}),
            out=dict(snakemake.output.items()),
        )
