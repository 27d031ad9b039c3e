"""The content of the report's texts, and the facts that captions of both tasks share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from portal_lib.reporting._rows import FEW_RUNS, Row, is_given, method_label, metric_label, of_dataset, trainings_of
from portal_lib.reporting._sample import sample_facts


@dataclass(frozen=True)
class Report:
    """The content of a report.

    Parameters
    ----------
    facts
        What was run (:func:`portal_lib.benchmark.tables.run_facts.facts_of_run`).
    tables
        The tables of the run by name: ``scores``, ``summary``, ``resources``, ``preparation``, ``destinations``,
        ``overall``, ``overall_runs``, ``ranges``, ``differences``; ``published`` where numbers are published about its
        data sets.
    methods, metrics
        Facts of plug-ins by name.
    """

    facts: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    methods: Mapping[str, Mapping]
    metrics: Mapping[str, Mapping]

    def table(self, name: str, dataset: str) -> pd.DataFrame:
        """Rows of one data set."""
        return of_dataset(self.tables[name], dataset)


def common_facts(report: Report, data: Mapping) -> dict:
    """Facts that every caption of a data set can use: those of the data set and of the run around it."""
    return {
        **data,
        "sample": sample_facts(data.get("sample")),
        "seeds": report.facts["seeds"],
        "methods": [method["label"] for method in report.facts["methods"]],
        "metrics": [metric["label"] for metric in report.facts["metrics"]],
    }


def row_facts(rows: list[Row]) -> dict:
    """How many methods, controls and runs the rows of a table have, and which runs failed."""
    return {
        "n_methods": sum(not row.control for row in rows),
        "n_controls": sum(row.control for row in rows),
        "n_runs": sorted({value.n for row in rows for value in row.values.values()}),
        "failed": [row for row in rows if row.failed],
        "partly_failed": [row for row in rows if not row.failed and row.n_ok < row.n_runs],
    }


def single_runs(
    values: pd.DataFrame, methods: Mapping[str, Mapping], what: str, places: int = 3
) -> dict[str, Any] | None:
    """Values of single runs of the methods that have more than one and fewer than :data:`FEW_RUNS`.

    Parameters
    ----------
    values
        Columns method, seed and value, of one score on one data set.
    methods
        Facts by name.
    what
        Name of the score.
    places
        Decimals.

    Returns
    -------
    ``what``, ``places``, ``below`` and ``rows``: values by label, in the order of the seeds; None without such a
    method.
    """
    known = values[values["value"].notna()].sort_values("seed", kind="stable")
    found = {str(name): list(rows["value"].astype(float)) for name, rows in known.groupby("method", sort=True)}
    rows = {method_label(methods, name): runs for name, runs in found.items() if 1 < len(runs) < FEW_RUNS}
    return {"what": what, "places": places, "below": FEW_RUNS, "rows": rows} if rows else None


def implementations(names: Iterable[str], metrics: Mapping[str, Mapping]) -> dict[str, list[str]]:
    """Labels of metrics by the implementation that gave their values, for those that state one."""
    found: dict[str, list[str]] = {}
    for name in names:
        if given := metrics.get(name, {}).get("implementation"):
            found.setdefault(given, []).append(metric_label(metrics, name))
    return found


def resource_facts(report: Report, data: Mapping, version: str) -> dict:
    """Facts of the figure of time and memory."""
    table = report.table("resources", data["name"])
    probes = sorted(table["probe"].dropna().astype(str).unique()) if "probe" in table else []
    made = table[table["input"].map(is_given)] if "input" in table else table.head(0)
    given = [method_label(report.methods, name) for name in made["method"].unique()]
    return {"any_failed": bool((table["status"] != "ok").any()), "probes": probes, "per_training": None, "given": given}


def training_facts(report: Report, data: Mapping, version: str) -> dict:
    """Facts of the figure of time and memory of a task whose runs hold several trainings."""
    trainings = trainings_of(report.table("resources", data["name"])) or "no run finished"
    return resource_facts(report, data, version) | {"per_training": trainings}
