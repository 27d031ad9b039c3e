"""Facts for the texts of the task "align"."""

from collections.abc import Mapping, Sequence

import pandas as pd

from portal_lib._intervals import wilson
from portal_lib.errors import DataError
from portal_lib.reporting._align import (
    DIRECTIONS,
    Measure,
    align_measures,
    align_rows,
    lead_facts,
    part_label,
    pick_headline,
    write_number,
)
from portal_lib.reporting._rows import Row, Value, method_label
from portal_lib.reporting.figures.destinations import cluster_names, destination_of
from portal_lib.reporting.figures.markers import MEAN, marker_rows
from portal_lib.reporting.texts.published import sources
from portal_lib.reporting.texts.report import Report, row_facts, single_runs, training_facts

# The metric that the figure of markers shows.
MARKER_METRIC = "pearson"


def warnings(report: Report, name: str) -> list[dict]:
    """Methods that show mode collapse, and those that are worse than a baseline control.

    Returns
    -------
    Dicts of ``kind`` ("collapse" or "baseline") and ``method`` (its label), first those on collapse, by name of the
    method. Of a collapse ``n_collapsed`` of ``n_trainings`` and ``signs`` (part and mean); of a control ``metrics``
    (label, own value, control, and its value).

    Notes
    -----
    Collapse, by the fact ``collapse`` of a metric: the mean of one of its parts, or the first part of a single
    training, is below the limit of that part. Controls are compared by their means, in every metric that needs the
    ground truth.
    """
    summary, resources = report.table("summary", name), report.table("resources", name)
    measures, _ = align_measures(summary, report.metrics)
    rows = sorted(align_rows(summary, resources, report.methods, None), key=lambda row: row.name)
    methods = [row for row in rows if not row.control]
    controls = [row for row in rows if row.baseline and not row.failed]
    found = [_collapse(row, report, name) for row in methods] + [_below(row, controls, measures) for row in methods]
    return [warning for warning in found if warning]


def _collapse(row: Row, report: Report, dataset: str) -> dict | None:
    scores = report.table("scores", dataset)
    scores = scores[scores["method"] == row.name]
    signs, n_collapsed, n_trainings = [], 0, 0
    for metric, facts in report.metrics.items():
        limits = facts.get("collapse", {})
        for part in [part for part in limits if f"{metric}:{part}" in row.values]:
            mean = row.values[f"{metric}:{part}"].mean
            signs += [(part, mean)] if mean < limits[part] - 1e-9 else []
        for part in list(limits)[:1]:
            values = scores.loc[scores["metric"] == f"{metric}:{part}", "value"].dropna()
            n_collapsed, n_trainings = int((values < limits[part]).sum()), len(values)
    if not signs and not n_collapsed:
        return None
    trainings = {"n_collapsed": n_collapsed, "n_trainings": n_trainings}
    return {"kind": "collapse", "method": row.label, "signs": signs} | trainings


def _below(row: Row, controls: list[Row], measures: list[Measure]) -> dict | None:
    worse = []
    for measure in [one for one in measures if one.judges and one.name in row.values]:
        own, name = row.values[measure.name].mean, measure.name
        above = [
            other for other in controls if name in other.values and measure.is_better(other.values[name].mean, own)
        ]
        if above:
            sign = 1 if measure.better == "higher" else -1
            best = max(above, key=lambda other: sign * other.values[name].mean)
            numbers = [write_number(value, measure.decimals) for value in (own, best.values[name].mean)]
            worse.append({"label": measure.label, "own": numbers[0], "control": best.label, "value": numbers[1]})
    return {"kind": "baseline", "method": row.label, "metrics": worse} if worse else None


def scores_facts(report: Report, data: Mapping, version: str) -> dict:
    """Facts of the table of scores."""
    name = data["name"]
    summary = report.table("summary", name)
    measures, _ = align_measures(summary, report.metrics)
    headline = pick_headline(measures, None)
    rows = align_rows(summary, report.table("resources", name), report.methods, headline)
    if not rows:
        raise DataError(f"no results of data set '{name}' to describe")
    own = {"headline": headline.label if headline else None, "single": _single(report, name, headline)}
    return {**row_facts(rows), **own, "warnings": warnings(report, name)}


def _single(report: Report, name: str, headline: Measure | None) -> dict | None:
    """Values of the metric that sorts the rows in single trainings, where there are few."""
    if headline is None:
        return None
    scores = report.table("scores", name)
    chosen = scores[scores["metric"].astype(str) == headline.name]
    return single_runs(chosen, report.methods, headline.label, headline.decimals)


def destinations_facts(report: Report, data: Mapping, version: str) -> dict:
    """In how many runs each method maps the clusters of domain 1 correctly, and in how many two are swapped."""
    table = report.table("destinations", data["name"])
    forward = table[table["direction"].astype(str) == "12"]
    found = {name: destination_of(runs, cluster_names(table)) for name, runs in forward.groupby("method", sort=True)}
    return {
        "found": [
            {
                "label": method_label(report.methods, str(name)),
                "n_right": one.n_right,
                "n_swapped": one.n_swapped,
                "n_runs": one.n_runs,
                "interval": [f"{100 * end:.0f}" for end in one.interval],
            }
            for name, one in found.items()
        ]
    }


def markers_facts(report: Report, data: Mapping, version: str) -> dict:
    """Facts of the figure of the correlation of each marker."""
    name = data["name"]
    markers = _markers(report, name)
    return {
        "what": part_label(report.metrics, MARKER_METRIC),
        "n_markers": markers["marker"].nunique(),
        "lead": lead_facts(markers, report.methods),
        "sources": sources(report, name, MARKER_METRIC),
    }


def _markers(report: Report, name: str) -> pd.DataFrame:
    table = marker_rows(report.table("summary", name), MARKER_METRIC)
    return table[table["marker"] != MEAN]


def published_facts(report: Report, data: Mapping, version: str) -> dict:
    """Sources of the published numbers about a data set."""
    return {"sources": sources(report, data["name"])}


# Facts of each figure, beyond those that all captions of a data set have.
CAPTIONS = {
    "scores": scores_facts,
    "destinations": destinations_facts,
    "markers": markers_facts,
    "published": published_facts,
    "resources": training_facts,
}


def section_facts(report: Report, data: Mapping) -> dict:
    """Facts of the section of a data set in ``summary.md``.

    Returns
    -------
    ``heads`` of the table; ``rows`` with the value of each measure and, for each proportion, in how many trainings of
    how many it holds; ``best`` method by metric, with those whose intervals overlap its own; ``lead`` on markers;
    ``warnings``.
    """
    name = data["name"]
    summary = report.table("summary", name)
    measures, _ = align_measures(summary, report.metrics)
    rows = align_rows(summary, report.table("resources", name), report.methods, pick_headline(measures, None))
    shares = proportions(summary, report.metrics)
    return {
        "measures": measures,
        "shares": [part_label(report.metrics, share) for share in shares],
        "single": _single(report, name, pick_headline(measures, None)),
        "rows": [
            {
                "row": row,
                "cells": [(row.values.get(measure.name), measure.decimals) for measure in measures],
                "shares": [_share(row.values.get(share)) for share in shares],
            }
            for row in rows
        ],
        "best": [best for measure in measures if (best := _best(rows, measure))],
        "lead": lead_facts(_markers(report, name), report.methods) if "markers" in data["figures"] else None,
        "warnings": warnings(report, name),
    }


def proportions(summary: pd.DataFrame, metrics: Mapping[str, Mapping]) -> list[str]:
    """Parts of metrics that are 1 or 0 per training and have a value; those of a single direction are left out."""
    with_value = set(summary.loc[summary["mean"].notna(), "metric"].astype(str))
    stated = [(name, *part) for name, facts in metrics.items() for part in facts.get("parts", {}).items()]
    both = [f"{name}:{part}" for name, part, kind in stated if kind == "proportion" and part[-2:] not in DIRECTIONS]
    return [name for name in both if name in with_value]


def _share(value: Value | None) -> dict | None:
    """Number of trainings in which something holds, and the interval of the proportion."""
    if value is None:
        return None
    count = round(value.mean * value.n)
    return {"count": count, "n": value.n, "interval": wilson(count, value.n)}


def _best(rows: Sequence[Row], measure: Measure) -> dict | None:
    """Method with the best mean, and the methods whose intervals overlap its own; controls are left out."""
    here = [(row.values[measure.name], row.label) for row in rows if not row.control and measure.name in row.values]
    if not here or not measure.judges:
        return None
    sign = -1 if measure.better == "higher" else 1
    (top, label), *others = sorted(here, key=lambda pair: sign * pair[0].mean)
    near = [other for value, other in others if value.ends[0] <= top.ends[1] and top.ends[0] <= value.ends[1]]
    return {"measure": measure, "label": label, "value": top, "overlapping": near}
