"""Facts for the texts of the task "integrate"."""

from collections.abc import Mapping

from portal_lib.reporting._overall import (
    SCALING_WORDS,
    OverallScores,
    of_kind,
    overall_by_method,
    range_facts,
    scalings_of,
)
from portal_lib.reporting._rows import (
    AUXILIARY,
    DEFINITIONS,
    GROUP_LABELS,
    STATUS_WORDS,
    Definition,
    Row,
    Value,
    definition_of,
    metric_columns,
    metric_label,
    table_rows,
)
from portal_lib.reporting._sample import sample_facts
from portal_lib.reporting.texts.overall import missing_facts, overall_warnings
from portal_lib.reporting.texts.report import Report, implementations, resource_facts, row_facts, single_runs

# Scalings that take a range from runs.
SCALED = ("minmax", "control")
# The control that returns the components of the preparation unchanged.
UNINTEGRATED = "unintegrated"


def warnings(report: Report, name: str) -> list[dict]:
    """Failed controls that set ends of scaled scores, and methods of a data set that score below a control."""
    data = next(data for data in report.facts["datasets"] if data["name"] == name)
    failed = data["failed_ends"] if (report.table("ranges", name)["scaling"] == "control").any() else []
    ends = [_ends_warning(one) for one in failed]
    return ends + overall_warnings(report.table("summary", name), report.table("overall", name), report.methods)


def _ends_warning(failed: Mapping) -> dict:
    """Warning of a failed control; its label is the fact ``control``, since ``label`` is that of the data set."""
    status = STATUS_WORDS.get(failed["status"], failed["status"])
    counts = {name: failed[name] for name in ("n_failed", "n_runs", "reason")}
    return {"kind": "ends", "control": failed["label"], "status": status} | counts


def table_facts(report: Report, data: Mapping, version: str) -> dict:
    """Facts of the table of scores by one definition of the metrics."""
    name, metrics = data["name"], report.metrics
    summary = report.table("summary", name)
    shown = definition_of(summary, version or None)
    columns, _ = metric_columns(summary, metrics, shown)
    groups = [group for group in (*shown.groups, AUXILIARY) if columns[group] or group != AUXILIARY]
    named = {GROUP_LABELS[group]: [metric_label(metrics, one) for one in columns[group]] for group in groups}
    rows = table_rows(summary, report.table("resources", name), report.methods, shown)
    return {
        **row_facts(rows),
        "definition": shown,
        "groups": named,
        "ranges": _ranges(report, name, shown),
        "single": _single(report, name, shown),
        "split": split_facts(rows, shown),
        "implementations": implementations([one for group in columns.values() for one in group], metrics),
        "warnings": warnings(report, name),
    }


def _ranges(report: Report, name: str, shown: Definition) -> list[dict]:
    tables = report.tables["ranges"], name, shown
    return [range_facts(*tables, scaling, report.methods, report.metrics) for scaling in SCALED]


def _single(report: Report, name: str, shown: Definition) -> dict | None:
    """Overall scores of single runs, where there are few."""
    runs = of_kind(report.table("overall_runs", name), shown.overall, "raw", "ignore")
    return single_runs(runs, report.methods, "overall score, raw values")


def split_facts(rows: list[Row], shown: Definition) -> dict | None:
    """What the preparation gives to each method, and what the method itself gives.

    Parameters
    ----------
    rows
        Of the table of scores.
    shown
        Definition of the metrics.

    Returns
    -------
    ``label`` and ``value``: of the data without any integration, in their usual form; ``rows``: dicts of label, input
    in words, value (the overall score of the method), ``untrained`` (of the components that the method works on),
    ``preparation`` (their difference to `value` of the unintegrated data) and ``method`` (the difference of the method
    to them). Only methods with an embedding, which have the metrics of the unintegrated data, and with a row of the
    unintegrated data on the same input; None without such a method.
    """
    scored = [row for row in rows if shown.overall in row.values and row.input]
    untrained = {row.input: row.values[shown.overall].mean for row in scored if row.name.split(".")[0] == UNINTEGRATED}
    base = next((row for row in scored if row.name == UNINTEGRATED), None)
    found = [row for row in scored if not row.control and row.input in untrained and row.output == "embed"]
    if base is None or not found:
        return None
    start = base.values[shown.overall].mean
    made = []
    for row in found:
        value, same = row.values[shown.overall].mean, untrained[row.input]
        gains = {"untrained": same, "preparation": same - start, "method": value - same}
        made.append({"label": row.label, "input": row.input_words, "value": value} | gains)
    return {"label": base.label, "value": start, "rows": made}


def umap_facts(report: Report, data: Mapping, version: str) -> dict:
    """Facts of the UMAP grid: cells drawn of those with a label and of all cells, and methods without a result."""
    failed = {name: STATUS_WORDS.get(status, status) for name, status in data["failed"].items()}
    n_labelled = data["n_cells"] - ((data.get("sample") or {}).get("n_unlabelled") or 0)
    return {"n_drawn": min(data["n_scored"], data["umap_cells"]), "n_labelled": n_labelled, "failed": failed}


# Facts of each figure, beyond those that all captions of a data set have.
CAPTIONS = {"table": table_facts, "umap": umap_facts, "resources": resource_facts}


def section_facts(report: Report, data: Mapping) -> dict:
    """Facts of the section of a data set in ``summary.md``: a table for each definition of the metrics."""
    summary = report.table("summary", data["name"])
    groups = set(summary["group"].astype(str))
    shown = [one for one in DEFINITIONS.values() if groups & set(one.groups)] or [definition_of(summary)]
    return {
        "definitions": [_definition_facts(report, data["name"], definition) for definition in shown],
        "sample": sample_facts(data["sample"]),
    }


def _definition_facts(report: Report, name: str, shown: Definition) -> dict:
    summary, metrics = report.table("summary", name), report.metrics
    columns, _ = metric_columns(summary, metrics, shown)
    placed = overall_by_method(report.tables["overall"], name, shown)
    scaled = [scaling for scaling in scalings_of(placed) if scaling != "raw"]
    order = [one for group in shown.groups for one in (group, *columns[group])] + columns[AUXILIARY]
    heads = [f"Overall ({SCALING_WORDS[scaling]})" for scaling in ("raw", *scaled)] if scaled else ["Overall"]
    isolated = any("isolated" in one for one in columns[shown.groups[1]])
    if isolated:
        heads.insert(1, "Overall without isolated labels")
    table, rows = table_rows(summary, report.table("resources", name), report.methods, shown), []
    for row in table:
        others = placed.get(row.name, OverallScores()).values
        scores = [row.values.get(shown.overall), *(others.get(scaling) for scaling in scaled)]
        if isolated:
            without = placed.get(row.name, OverallScores()).without_isolated
            scores.insert(1, None if without is None or not scores[0] else Value(without, scores[0].n))
        cells = [(value, None) for value in scores] + [
            (row.values.get(one), _used(row, columns.get(one))) for one in order
        ]
        rows.append({"row": row, "cells": cells})
    ranges = {facts["scaling"]: facts for facts in _ranges(report, name, shown)}
    return {
        "definition": shown,
        "heads": [*heads, *(_head(metrics, one, shown) for one in order)],
        "rows": rows,
        "single": _single(report, name, shown),
        "inputs": any(row.input for row in table),
        "split": split_facts(table, shown),
        "missing": missing_facts(report.tables["overall"], name, shown, report.methods),
        "ranges": ranges,
        "range_rows": _by_metric(ranges),
    }


def _head(metrics: Mapping, name: str, shown: Definition) -> str:
    if name in shown.groups:
        return GROUP_LABELS[name].partition(" ")[0]
    return metric_label(metrics, name) + (" ↓" if metrics.get(name, {}).get("better") == "lower" else "")


def _used(row: Row, names: list[str] | None) -> tuple[int, int] | None:
    """How many of the metrics of a group a method has, where some are missing."""
    n_used = sum(name in row.values for name in names or ())
    return (n_used, len(names)) if names and n_used < len(names) else None


def _by_metric(ranges: Mapping[str, Mapping]) -> dict[str, dict[str, dict]]:
    """Ranges by label of the metric and scaling."""
    rows: dict[str, dict[str, dict]] = {}
    for scaling, facts in ranges.items():
        for metric in facts["metrics"]:
            rows.setdefault(metric["label"], {})[scaling] = metric
    return rows
