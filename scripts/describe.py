"""What was run, in words: the report's first page, its captions, and the configuration made explicit."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import json

import pandas as pd
import yaml

from portal_lib.benchmark import config, describe, registry
from portal_lib.benchmark.files import write_text_atomic
from portal_lib.benchmark.runs import machine_line, read_records
from portal_lib.benchmark.scored_cells import facts_by_dataset
from portal_lib.benchmark.scripting import logged
from portal_lib.reporting import text


def main(
    *, settings: dict, records: list[str], scored: list[str], prepared: list[str], tables: list[str], out: dict
) -> None:
    """Write the texts of the report, the summary as Markdown, and the configuration with its defaults filled in."""
    run, runs = config.parse_config(settings), read_records(records)
    tables = [pd.read_csv(file, sep="\t") for file in tables]
    methods, metrics = registry.find("methods"), registry.find("metrics")
    samples = facts_by_dataset(runs, scored)
    facts = describe.describe(run, runs, dict(zip(run.datasets, prepared, strict=True)), _manifests(run), samples)
    facts["warnings"] = text.find_warnings(tables[0], methods)
    texts = {"landing": text.landing_page(facts)}
    for data in facts["datasets"]:
        name, label = data["name"], data["label"]
        here = [row for row in runs if row["dataset"] == name]
        texts[f"table.{name}"] = text.table_caption(*tables, methods, metrics, name, label=label, scored=samples[name])
        texts[f"umap.{name}"] = _umap_caption(run, data, here)
        texts[f"resources.{name}"] = text.resources_caption(
            tables[1], methods, name, label=label, machine=machine_line(here)
        )
    write_text_atomic(out["texts"], json.dumps(texts, indent=1))
    write_text_atomic(out["markdown"], text.summary_markdown(*tables, methods, metrics, samples))
    write_text_atomic(out["config"], yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


def _manifests(run: config.Run) -> dict[str, Path]:
    files = {
        name: Path(f"results/data/{data.name}/manifest.json") for name, data in run.datasets.items() if not data.path
    }
    return {name: file for name, file in files.items() if registry.find("datasets")[run.datasets[name].name]["files"]}


def _umap_caption(run: config.Run, data: dict, records: list[dict]) -> str:
    umap, seed = run.settings["umap"], run.seeds[0]
    failed = {r["method"]: r["status"] for r in records if r["status"] != "ok" and r["seed"] == seed}
    cells = {"n_cells": min(data["n_scored"], umap["max_cells"]), "n_total": data["n_cells"]}
    return text.umap_caption(
        data["name"], label=data["label"], **cells, seed=umap["seed"], shown_seed=seed, failed=failed
    )


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            settings=snakemake.params.settings,
            records=snakemake.input.records,
            scored=snakemake.input.scored,
            prepared=snakemake.input.prepared,
            tables=[snakemake.input.summary, snakemake.input.resources],
            out=dict(snakemake.output.items()),
        )
