"""Facts of a run for the texts of the report: data sets, methods, metrics, machine and versions."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from portal_lib.benchmark import registry
from portal_lib.benchmark.config.model import Run
from portal_lib.benchmark.data.figure_inputs import method_inputs
from portal_lib.benchmark.data.scored_cells import rows_scored
from portal_lib.benchmark.run import provenance
from portal_lib.benchmark.run.runs import machine_line


def facts_of_run(
    run: Run,
    records: list[dict],
    prepared: dict[str, Path],
    manifests: dict[str, Path],
    samples: dict[str, dict] | None = None,
) -> dict:
    """Facts of a run for :class:`portal_lib.reporting.texts.report.Report`.

    Parameters
    ----------
    run
        The checked configuration.
    records
        The records of all runs.
    prepared
        Prepared data by data set; for the task align the record of the domains (``domains.json``).
    manifests
        Manifests of downloaded files by data set, for data sets with files.
    samples
        Which cells were scored, by data set (:func:`portal_lib.benchmark.data.scored_cells.facts_of_dataset`); by
        default all.

    Returns
    -------
    ``title``, ``when``, ``seeds``, ``weights`` (of overall scores), ``definitions`` (of metrics), ``statuses`` (number
    of runs by status), ``n_added`` (number of runs of controls that only set ends of scaled scores), ``machine`` and
    ``versions`` (values by name), and lists of dicts: ``methods`` that the configuration names (name, label, control,
    uses_labels, the params that differ from their defaults, and ``given``, where a given embedding is from),
    ``metrics`` (name, label, group) and ``datasets``. A data set has name, label, task, verified (None without files),
    machine (in one line), seed (of the runs that figures draw), n_cells, and the facts of its task
    (:data:`TASK_FACTS`).
    """
    samples = samples or {}
    commit = provenance.commit()
    return {
        "title": f"Benchmark: {run.name}",
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "datasets": [
            _dataset(run, name, manifests.get(name), records)
            | TASK_FACTS[run.datasets[name].task](run, name, Path(prepared[name]), records, samples.get(name, {}))
            for name in run.datasets
        ],
        "methods": [_method(run, name) for name in run.named],
        "seeds": run.seeds,
        "weights": run.settings["weights"],
        "definitions": run.definitions,
        "metrics": _metrics(run),
        "statuses": dict(Counter(record["status"] for record in records)),
        "n_added": len(run.runs()) - len(run.runs(added=False)),
        "machine": _machines(records),
        "versions": ({"commit": commit} if commit else {}) | _versions(records),
    }


if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# Labels with fewer scored cells are named.
SMALL_LABEL = 10


def _pick(facts: dict, *keys: str) -> dict:
    return {key: facts[key] for key in keys}


def manifests_of(run: Run) -> dict[str, Path]:
    """Manifests of downloaded files by data set, for data sets with files."""
    known = registry.find("datasets")
    fetched = {name: data for name, data in run.datasets.items() if not data.path and known[data.name]["files"]}
    return {name: Path(f"results/data/{data.name}/manifest.json") for name, data in fetched.items()}


def _dataset(run: Run, name: str, manifest: Path | None, records: list[dict]) -> dict:
    files = json.loads(Path(manifest).read_text()) if manifest else []
    return {
        "name": name,
        "label": dataset_label(run, name),
        "task": run.datasets[name].task,
        "verified": all(file["status"] == "verified" for file in files) if files else None,
        "machine": machine_line(_of_dataset(records, name)),
        "seed": run.seeds[0],
    }


def _of_dataset(records: list[dict], name: str) -> list[dict]:
    return [record for record in records if record.get("dataset") == name]


def _align_facts(run: Run, name: str, prepared: Path, records: list[dict], sample: dict) -> dict:
    """What methods were given, and which figures are drawn."""
    inputs = method_inputs(prepared)
    facts = registry.find("datasets")[run.datasets[name].name]
    return {"method_inputs": inputs, "n_cells": inputs["n1"] + inputs["n2"]} | _pick(facts, "figures", "shown")


def _integrate_facts(run: Run, name: str, prepared: Path, records: list[dict], sample: dict) -> dict:
    """Sizes, which cells were scored, and what the UMAP grid shows."""
    umap, added, own = run.settings["umap"], run.added.get(name, []), _of_dataset(records, name)
    failed = {
        record["method"]: record["status"]
        for record in own
        if record["status"] != "ok" and record["seed"] == run.seeds[0] and record["method"] not in added
    }
    umap_facts = {"umap_cells": umap["max_cells"], "umap_seed": umap["seed"], "failed": failed}
    controls = {"added": [_method(run, method)["label"] for method in added], "failed_ends": _failed_ends(own)}
    return {"sample": sample} | umap_facts | controls | _prepared_sizes(prepared, sample)


def _failed_ends(records: list[dict]) -> list[dict]:
    """Controls that set ends of scaled scores and of which a run failed: label, numbers of runs, a status, a reason."""
    known, found = registry.find("methods"), []
    for name in dict.fromkeys(record["method"] for record in records):
        runs = [record for record in records if record["method"] == name]
        failed = [record for record in runs if record["status"] != "ok"]
        if failed and name in known and known[name]["control"]:
            counts = {"label": known[name]["label"], "n_failed": len(failed), "n_runs": len(runs)}
            found.append(counts | _pick(failed[0], "status", "reason"))
    return found


# Further facts of a data set by its task.
TASK_FACTS = {"integrate": _integrate_facts, "align": _align_facts}


def _prepared_sizes(prepared: Path, sample: dict) -> dict:
    import numpy as np

    from portal_lib.preparation.prepared import Prepared

    with Prepared(prepared) as data:
        n_cells, batch, label = data.n_obs, data.column("batch"), data.label
    return {
        "n_cells": n_cells,
        "n_scored": sample.get("n_cells_scored", n_cells),
        "n_batches": len(np.unique(batch.codes)),
        "n_labels": 0 if label is None else len(label.categories),
        "small_label": SMALL_LABEL,
        "small_labels": {} if label is None else small_labels(label, rows_scored(sample, label)),
    }


def small_labels(labels: "pd.Categorical", rows: "np.ndarray | None" = None) -> dict[str, int]:
    """Labels with at least one and fewer than :data:`SMALL_LABEL` cells among the scored rows, rarest first."""
    import numpy as np

    codes = np.asarray(labels.codes) if rows is None else np.asarray(labels.codes)[rows]
    cells = np.bincount(codes[codes >= 0], minlength=len(labels.categories))
    small = sorted((int(n), str(name)) for n, name in zip(cells, labels.categories, strict=True) if 0 < n < SMALL_LABEL)
    return {name: n for n, name in small}


def dataset_label(run: Run, name: str) -> str:
    """Label of a data set, followed by its variant; of the user's own data its name."""
    dataset = run.datasets[name]
    if dataset.path:
        return name
    return registry.find("datasets")[dataset.name]["label"] + name.removeprefix(dataset.name).replace(".", " · ", 1)


def _method(run: Run, name: str) -> dict:
    method = run.methods[name]
    if method.is_given:
        sources = [run.given_source(there, name) for there, dataset in run.datasets.items() if method.fits(dataset)]
        label = {"name": name, "label": name, "params": {}, "given": list(dict.fromkeys(sources))}
        return label | {"control": False, "uses_labels": False}
    facts = registry.find("methods")[method.name]
    changed = {key: value for key, value in method.given.items() if value != facts["params"][key]["default"]}
    return {"name": name, "params": changed, "given": []} | _pick(facts, "label", "control", "uses_labels")


def _metrics(run: Run) -> list[dict]:
    """Metrics that are computed on a data set of the run, in the order of the configuration."""
    computed = {name for dataset in run.datasets for name in run.metrics_of(dataset)}
    known = registry.find("metrics")
    return [{"name": name} | _pick(known[name], "label", "group") for name in run.metrics if name in computed]


def _machines(records: list[dict]) -> dict:
    """Properties of the machines of the runs; where they differ, all values."""
    found: dict[str, dict] = {}
    for record in records:
        for key, value in record["machine"].items():
            found.setdefault(key, {})[f"{value / 1024:.0f} GiB" if key == "memory_mb" else str(value or "none")] = None
    found["memory"] = found.pop("memory_mb", {})
    found["threads per run"] = dict.fromkeys(str(record["threads"]) for record in records)
    return {key: "; ".join(values) for key, values in found.items()}


def _versions(records: list[dict]) -> dict[str, str]:
    """Versions of packages that the runs used, and of the programs around them."""
    found = provenance.versions(
        ["portal-lib", "snakemake", "scanpy", "anndata", "scikit-learn", "igraph", "umap-learn"]
    )
    for record in records:
        found |= {name: version for name, version in (record["versions"] or {}).items() if name != "python"}
    return dict(sorted(found.items()))
