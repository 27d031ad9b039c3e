"""What was run, in words and numbers, for the first page of the report."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from portal_lib.benchmark import registry
from portal_lib.benchmark.config.model import Run
from portal_lib.benchmark.data.figure_inputs import asked_of
from portal_lib.benchmark.run import provenance
from portal_lib.benchmark.run.runs import machine_line


def describe(
    run: Run,
    records: list[dict],
    prepared: dict[str, Path],
    manifests: dict[str, Path],
    samples: dict[str, dict] | None = None,
) -> dict:
    """Facts of a run, as :func:`portal_lib.reporting.texts.pages.report_texts` takes them.

    Parameters
    ----------
    run
        The checked configuration.
    records
        The records of all runs.
    prepared
        Prepared data by data set; of those to align the record of their domains (``domains.json``).
    manifests
        What was fetched, by data set; those that fetch nothing are missing.
    samples
        Which cells were scored, by data set (:func:`portal_lib.benchmark.data.scored_cells.facts_of_dataset`); all
        where nothing is said.
    """
    samples = samples or {}
    commit = provenance.commit()
    return {
        "title": f"Benchmark: {run.name}" if run.of_task("align") else f"Integration benchmark: {run.name}",
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "datasets": [
            _dataset(run, name, manifests.get(name))
            | _task_facts(run, name, Path(prepared[name]), records, samples.get(name, {}))
            for name in run.datasets
        ],
        "methods": [_method(run, name) for name in run.methods],
        "seeds": run.seeds,
        "weights": run.settings["weights"],
        "definitions": run.definitions,
        "metrics": _metrics(run),
        "statuses": dict(Counter(record["status"] for record in records)),
        "machine": _machines(records),
        "versions": ({"commit": commit} if commit else {}) | _versions(records),
    }


def _pick(facts: dict, *keys: str) -> dict:
    return {key: facts[key] for key in keys}


def manifests_of(run: Run) -> dict[str, Path]:
    """What was fetched, by data set; those that fetch nothing are missing."""
    known = registry.find("datasets")
    fetched = {name: data for name, data in run.datasets.items() if not data.path and known[data.name]["files"]}
    return {name: Path(f"results/data/{data.name}/manifest.json") for name, data in fetched.items()}


def _dataset(run: Run, name: str, manifest: Path | None) -> dict:
    files = json.loads(Path(manifest).read_text()) if manifest else []
    return {
        "name": name,
        "label": dataset_label(run, name),
        "task": run.datasets[name].task,
        "verified": all(file["status"] == "verified" for file in files) if files else None,
    }


def _task_facts(run: Run, name: str, prepared: Path, records: list[dict], sample: dict) -> dict:
    """What captions say of a data set, by its task."""
    here = [record for record in records if record.get("dataset") == name]
    said = {"machine": machine_line(here), "seed": run.seeds[0]}
    if run.datasets[name].task == "align":
        facts = registry.find("datasets")[run.datasets[name].name]
        asked = asked_of(prepared)
        said |= {"asked": asked, "n_cells": asked["n1"] + asked["n2"]}
        return said | _pick(facts, "figures", "shown")
    umap, failed = run.settings["umap"], [r for r in here if r["status"] != "ok" and r["seed"] == run.seeds[0]]
    said |= {"umap_cells": umap["max_cells"], "umap_seed": umap["seed"], "sample": sample}
    said["failed"] = {record["method"]: record["status"] for record in failed}
    return said | _prepared_sizes(prepared, sample)


def _prepared_sizes(prepared: Path, sample: dict) -> dict:
    import numpy as np

    from portal_lib.preparation.prepared import Prepared

    with Prepared(prepared) as data:
        n_cells, columns = data.n_obs, {key: data.column(key) for key in ("batch", "label")}
    return {
        "n_cells": n_cells,
        "n_scored": sample.get("n_cells_scored", n_cells),
        "n_batches": len(np.unique(columns["batch"].codes)),
        "n_labels": len(np.unique(columns["label"].codes)),
    }


def dataset_label(run: Run, name: str) -> str:
    """Name of a data set for people: that of the registry with the variant behind it, or the user's own."""
    dataset = run.datasets[name]
    if dataset.path:
        return name
    return registry.find("datasets")[dataset.name]["label"] + name.removeprefix(dataset.name).replace(".", " · ", 1)


def _method(run: Run, name: str) -> dict:
    method = run.methods[name]
    facts = registry.find("methods")[method.name]
    changed = {key: value for key, value in method.given.items() if value != facts["params"][key]["default"]}
    return {"name": name, "params": changed} | _pick(facts, "label", "control", "uses_labels")


def _metrics(run: Run) -> list[dict]:
    """The metrics that judge a data set of the run, in the order of the configuration."""
    computed = {name for dataset in run.datasets for name in run.metrics_of(dataset)}
    known = registry.find("metrics")
    return [{"name": name} | _pick(known[name], "label", "group") for name in run.metrics if name in computed]


def _machines(records: list[dict]) -> dict:
    """The machine of the runs; where there were several, all values of each property."""
    found: dict[str, dict] = {}
    for record in records:
        for key, value in record["machine"].items():
            found.setdefault(key, {})[f"{value / 1024:.0f} GiB" if key == "memory_mb" else str(value or "none")] = None
    found["memory"] = found.pop("memory_mb", {})
    found["threads per run"] = dict.fromkeys(str(record["threads"]) for record in records)
    return {key: "; ".join(values) for key, values in found.items()}


def _versions(records: list[dict]) -> dict[str, str]:
    """Versions that the runs saw, by package, and those of the programs around them."""
    found = provenance.versions(
        ["portal-lib", "snakemake", "scanpy", "anndata", "scikit-learn", "igraph", "umap-learn"]
    )
    for record in records:
        found |= {name: version for name, version in (record["versions"] or {}).items() if name != "python"}
    return dict(sorted(found.items()))
