"""Facts for texts on overall scores: warnings, missing metrics and ranks."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from portal_lib.reporting._overall import (
    ALL,
    SCALING_WORDS,
    SCALINGS,
    STEADY,
    TREATMENT_WORDS,
    TREATMENTS,
    joined_sets,
    means_by_dataset,
    of_kind,
    rank_note,
    separation,
)
from portal_lib.reporting._rows import DEFINITIONS, Definition, Value, facts_of, is_baseline, method_label

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portal_lib.reporting.texts.report import Report

# Treatments of missing metrics under which methods are compared with controls.
COMPARED = ("ignore", "complete")


def overall_warnings(summary: pd.DataFrame, overall: pd.DataFrame, methods: Mapping[str, Mapping]) -> list[dict]:
    """Methods whose overall score on a data set is below that of a baseline control, and under which scalings.

    Parameters
    ----------
    summary
        Columns method, metric, mean, of one data set; the raw scores ``overall`` and ``portal_overall`` are read.
    overall
        ``overall.tsv``, rows of the same data set: the other scores.
    methods
        Facts by name: label, control, uses_labels, baseline.

    Returns
    -------
    A dict per method and definition of the metrics, in the order of the names: ``kind`` ("overall"), ``method`` (its
    label), ``definition``, and ``controls``, each with ``label`` and ``scores``: dicts of scaling, missing, own and
    control.

    Notes
    -----
    Means are compared, whether or not their difference is significant. Since scores made of different metrics are not
    comparable, the scores over the metrics that every run has are compared too, and reported where they differ.
    """
    found = []
    for definition in DEFINITIONS.values():
        means = _means(summary, overall, definition)
        for name in sorted({name for _, name in means}):
            if not facts_of(methods, name).get("control") and (above := _controls_above(name, means, methods)):
                warning = {"method": method_label(methods, name), "definition": definition, "controls": above}
                found.append((name, {"kind": "overall"} | warning))
    return [warning for _, warning in sorted(found, key=lambda item: item[0])]


def _means(summary: pd.DataFrame, overall: pd.DataFrame, definition: Definition) -> dict[tuple, float]:
    """Mean by kind (scaling and treatment of missing metrics) and method."""
    raw = summary[(summary["metric"] == definition.overall) & summary["mean"].notna()]
    parts = [raw.assign(scaling="raw", missing="ignore")]
    for missing in COMPARED:
        rows = means_by_dataset(overall, definition.overall, missing=missing)
        parts.append(rows[(rows["scaling"] != "raw") | (missing != "ignore")])
    rows = [row for part in parts for row in part.itertuples()]
    return {((row.scaling, row.missing), str(row.method)): float(row.mean) for row in rows}


def _controls_above(name: str, means: Mapping[tuple, float], methods: Mapping) -> list[dict]:
    """Baseline controls with a higher score than one method, and these scores."""
    found = []
    for control in sorted({other for _, other in means if is_baseline(facts_of(methods, other))}):
        pairs = {
            kind: (means[kind, name], means[kind, control])
            for kind in product(SCALINGS, COMPARED)
            if (kind, name) in means and (kind, control) in means
        }
        scores = [
            {"scaling": SCALING_WORDS[scaling], "missing": missing, "own": pair[0], "control": pair[1]}
            for (scaling, missing), pair in pairs.items()
            if pair[0] < pair[1] and (missing == "ignore" or not _same(pair, pairs.get((scaling, "ignore"))))
        ]
        found += [{"label": method_label(methods, control), "scores": scores}] if scores else []
    return found


def _same(pair: tuple[float, float], other: tuple[float, float] | None) -> bool:
    return other is not None and np.allclose(pair, other, rtol=0, atol=1e-9)


def missing_facts(overall: pd.DataFrame, dataset: str, definition: Definition, methods: Mapping) -> dict | None:
    """Overall scores and ranks under each treatment of missing metrics; None where no metric is missing.

    Returns
    -------
    ``heads`` (scaling and treatment of each column) and ``rows``: dicts of label, unsteady (whether the rank depends on
    the treatment), counts (metrics used and all, by group) and scores (pairs of mean and rank; either may be None).
    """
    here = overall[(overall["dataset"].astype(str) == str(dataset)) & overall["mean"].notna()]
    here = here.assign(method=here["method"].astype(str))
    counted = here[(here["scaling"] == "raw") & (here["missing"] == "ignore")].set_index(["group", "method"])
    totals = counted[counted.index.get_level_values("group") == definition.overall]
    if not (totals["n_used"] < totals["n_total"]).any():
        return None
    scores = of_kind(here, definition.overall)
    kinds = [kind for kind in product(SCALINGS, TREATMENTS) if kind[0] in set(scores["scaling"])]
    cells = {key: row.iloc[0] for key, row in scores.groupby(["method", "scaling", "missing"])}
    rows = []
    for name in _by_rank(scores, methods):
        own = {key[1:]: cell for key, cell in cells.items() if key[0] == name}
        places = [(group, name) for group in definition.groups]
        used = [counted.loc[place] if place in counted.index else None for place in places]
        rows.append({
            "label": method_label(methods, name),
            "unsteady": any(pd.notna(cell["rank_range"]) and cell["rank_range"] > STEADY for cell in own.values()),
            "counts": [None if row is None else (int(row["n_used"]), int(row["n_total"])) for row in used],
            "scores": [_mean_and_rank(own.get(kind)) for kind in kinds],
        })  # fmt: skip
    return {"heads": [(SCALING_WORDS[scaling], TREATMENT_WORDS[missing]) for scaling, missing in kinds], "rows": rows}


def _mean_and_rank(cell: pd.Series | None) -> tuple[float | None, int | None]:
    if cell is None:
        return None, None
    return float(cell["mean"]), int(cell["rank"]) if pd.notna(cell["rank"]) else None


def _by_rank(scores: pd.DataFrame, methods: Mapping) -> list[str]:
    """Names of methods, highest raw mean first, controls last."""
    raw = of_kind(scores, scores["group"].iloc[0], "raw", "ignore").set_index("method")["mean"]
    names = set(scores["method"])
    return sorted(names, key=lambda name: (bool(facts_of(methods, name).get("control")), -raw.get(name, -np.inf), name))


def rank_facts(report: Report, scaling: str, version: str) -> dict:
    """Facts of the ranks of methods by overall score.

    Parameters
    ----------
    report
        Tables ``overall`` and ``differences`` are read.
    scaling
        ``"raw"``, ``"minmax"`` or ``"control"``.
    version
        Name of the definition of the metrics.

    Returns
    -------
    ``scaling``, ``definition``, ``n_datasets`` with a score, ``note`` (why there are no ranks, else empty);
    ``rows`` by rank: dicts of rank, label, value, and the labels of the methods from which it does not differ
    significantly (``alike``) or for which there is no interval (``unknown``); ``alike`` and ``unknown``: sets of such
    methods (:func:`joined_sets`). Over several data sets the scores are means over data sets.
    """
    definition, methods = DEFINITIONS[version], report.methods
    table = means_by_dataset(report.tables["overall"], definition.overall, scaling)
    datasets = list(dict.fromkeys(table.loc[table["dataset"] != ALL, "dataset"]))
    facts: dict[str, Any] = {"scaling": SCALING_WORDS[scaling], "definition": definition}
    facts |= {"n_datasets": len(datasets), "rows": [], "note": ""}
    if not datasets:
        return facts
    whole = ALL if len(datasets) > 1 else datasets[0]
    facts["note"] = rank_note(table, whole)
    table = table[(table["dataset"] == whole) & table["rank"].notna()].sort_values(["rank", "method"])
    differ = separation(report.tables["differences"], scaling, definition.overall, whole)
    names = list(table["method"])

    def labels(chosen: list[str]) -> list[str]:
        return [method_label(methods, name) for name in chosen]

    for row in table.itertuples(index=False):
        others = {word: [name for name in names if name != row.method and differ(row.method, name) == word]
                  for word in ("no", "unknown")}  # fmt: skip
        value = Value.of(row)
        named: dict[str, Any] = {"label": method_label(methods, row.method), "alike": labels(others["no"])}
        named |= {"rank": int(row.rank), "value": value, "unknown": labels(others["unknown"])}
        facts["rows"].append(named)
    for key, word in (("alike", "no"), ("unknown", "unknown")):
        sets = joined_sets(names, _only(word, differ))
        facts[key] = [labels(members) for members in sets]
    return facts


def _only(word: str, differ: Callable[[str, str], str]) -> Callable[[str, str], str]:
    """Relation in which two methods are alike only if the answer about them is one word."""
    return lambda a, b: word if differ(a, b) == word else "yes"


# Facts of the figures of a run as a whole, by the name of their template.
CAPTIONS = {"ranks": rank_facts}
