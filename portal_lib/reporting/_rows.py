"""Shared by figures and texts: names and facts of methods and metrics, and the rows of a table of scores."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from portal_lib.reporting._words import span, write_number

STATUS_WORDS = {
    "ok": "ok",
    "oom": "oom (out of memory)",
    "timeout": "timeout",
    "error": "error",
    "not_applicable": "not applicable",
}


@dataclass(frozen=True)
class Definition:
    """Definition of the metrics, their groups, and the name of the overall score made of them."""

    name: str
    label: str
    groups: tuple[str, str]
    overall: str


SCIB = Definition("scib", "scIB", ("batch", "bio"), "overall")
DEFINITIONS = {
    "scib": SCIB,
    "portal": Definition("portal", "Portal paper", ("portal_batch", "portal_bio"), "portal_overall"),
}
# Sets of genes and their scaling, in full and in short, by the words of the column ``input`` of ``resources.tsv``.
GENE_WORDS = {
    "highly_variable": ("highly variable genes", "HVG"),
    "portal": ("genes of Portal", "Portal"),
    "all": ("genes (all)", "all"),
}
# Begin of the column ``input`` of an embedding that was made elsewhere; its source follows in brackets.
GIVEN = "given"
SCALING_IN_SHORT = {"not scaled": "unscaled", "scaled over all cells": "scaled", "scaled per batch": "per batch"}
# Metrics that are shown but enter no overall score.
AUXILIARY = "auxiliary"
GROUP_LABELS = {"batch": "Batch correction", "bio": "Bio conservation", "overall": "Overall", AUXILIARY: "Auxiliary"}
GROUP_LABELS |= {f"portal_{name}": label for name, label in GROUP_LABELS.items() if name != AUXILIARY}
# Of fewer runs than this the single values are shown.
FEW_RUNS = 5
AGGREGATES = tuple(name for definition in DEFINITIONS.values() for name in (*definition.groups, definition.overall))


@dataclass(frozen=True)
class Value:
    """Mean over `n` runs, with the ends of its interval; NaN where there is none."""

    mean: float
    n: int
    low: float = np.nan
    high: float = np.nan

    @classmethod
    def of(cls, row: Any) -> "Value":
        """From a row of a table with columns mean, n, ci_low and ci_high."""
        return cls(float(row.mean), int(row.n), float(row.ci_low), float(row.ci_high))

    @property
    def has_interval(self) -> bool:
        """Whether there are runs enough for an interval."""
        return bool(np.isfinite(self.low))

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of the interval; the mean twice where there is none."""
        return (self.low, self.high) if self.has_interval else (self.mean, self.mean)

    def interval(self, places: int = 3) -> str:
        """The interval in brackets, or the number of runs; a wide interval has one decimal less than the mean."""
        if not self.has_interval:
            return f"n={self.n}"
        fewer = places - 1 if places and self.high - self.low >= 10.0 ** (2 - places) else places
        return f"[{write_number(self.low, fewer)}, {write_number(self.high, fewer)}]"

    def words(self, places: int = 3) -> str:
        """Mean with its interval in brackets, or with the number of runs where there is none."""
        interval = self.interval(places)
        return f"{write_number(self.mean, places)} {interval if self.has_interval else f'({interval})'}"


@dataclass(frozen=True)
class Row:
    """One method on one data set."""

    name: str
    label: str
    control: bool
    uses_labels: bool
    output: str
    n_ok: int
    n_runs: int
    status: str
    reason: str
    values: dict[str, Value] = field(default_factory=dict)
    # A control that every method should beat.
    baseline: bool = False
    # What the method worked on, as in ``resources.tsv``; empty where it is not known.
    input: str = ""

    @property
    def failed(self) -> bool:
        """Whether the row has no number to show."""
        return not self.values

    @property
    def input_words(self) -> str:
        """What the method worked on, such as ``"2,000 highly variable genes, scaled per batch"``."""
        n, genes, scaled = split_input(self.input)
        return f"{n:,} {GENE_WORDS.get(genes, (genes,))[0]}, {scaled}" if n else self.input

    @property
    def is_given(self) -> bool:
        """Whether it is an embedding that was made elsewhere."""
        return is_given(self.input)

    @property
    def short_input(self) -> str:
        """The same in short: ``"2,000 HVG, per batch"``; ``"given"`` for an embedding that was made elsewhere."""
        if self.is_given:
            return GIVEN
        n, genes, scaled = split_input(self.input)
        words = GENE_WORDS.get(genes, (genes,))[-1], SCALING_IN_SHORT.get(scaled, scaled)
        return f"{n:,} {words[0]}, {words[1]}" if n else self.input

    @property
    def message(self) -> str:
        """Status in words, with the reason."""
        word = STATUS_WORDS.get(self.status, self.status)
        return f"{word}: {self.reason}" if self.reason else word


def is_given(text: object) -> bool:
    """Whether the column ``input`` is that of an embedding that was made elsewhere."""
    return isinstance(text, str) and text.startswith(f"{GIVEN} (")


def split_input(text: str) -> tuple[int, str, str]:
    """Number of genes, their set, and their scaling, from the column ``input``; 0 and no words for another text."""
    found = re.fullmatch(r"(\d+) (\w+) genes, (.+)", text)
    return (int(found[1]), found[2], found[3]) if found else (0, "", "")


def facts_of(facts: Mapping[str, Mapping], name: str) -> dict:
    """Facts of a method; for a variant those of its method."""
    return dict(facts.get(name) or facts.get(name.split(".")[0]) or {})


def is_baseline(facts: Mapping) -> bool:
    """Whether a method is a control that every method should beat; if not stated, a control that sees no labels."""
    return bool(facts.get("baseline", facts.get("control") and not facts.get("uses_labels")))


def method_label(facts: Mapping[str, Mapping], name: str) -> str:
    """Label of a method, followed by its variant."""
    label = str(facts_of(facts, name).get("label", name))
    variant = name.partition(".")[2]
    return label if not variant or variant in label else f"{label} · {variant}"


def metric_label(facts: Mapping[str, Mapping], name: str) -> str:
    """Label of a metric, followed by its part, if it is one: ``iLISI (donor)``."""
    if name in facts:
        return str(facts[name].get("label", name))
    whole, _, part = name.partition(":")
    return f"{metric_label(facts, whole)} ({part})" if part else name


def definition_of(summary: pd.DataFrame, name: str | None = None) -> Definition:
    """The named definition; without a name the first one with metrics, scIB's if there is none."""
    if name is not None:
        return DEFINITIONS[name]
    there = set(summary["group"].astype(str))
    return next((one for one in DEFINITIONS.values() if there & set(one.groups)), SCIB)


def metric_columns(
    summary: pd.DataFrame, metrics: Mapping[str, Mapping], definition: Definition = SCIB
) -> tuple[dict[str, list[str]], list[str]]:
    """Metrics with a value, by group and in the order of the facts; and those without any."""
    table = summary[~summary["metric"].isin(AGGREGATES)]
    groups = {
        metric: group
        for metric, group in zip(table["metric"].astype(str), table["group"].astype(str), strict=True)
        if group in definition.groups or (group == AUXILIARY and _belongs_to(metrics.get(metric, {}), definition))
    }
    order = [name for name in metrics if name in groups] + sorted(set(groups) - set(metrics))
    known = set(table.loc[table["mean"].notna(), "metric"].astype(str))
    wanted = (*definition.groups, AUXILIARY)
    columns = {group: [name for name in order if groups[name] == group and name in known] for group in wanted}
    return columns, [name for name in order if name not in known]


def _belongs_to(facts: Mapping, definition: Definition) -> bool:
    """Whether an auxiliary metric is shown with a definition: its own, scIB's where it has none."""
    return DEFINITIONS.get(str(facts.get("definition")), SCIB) == definition


def table_rows(
    summary: pd.DataFrame, resources: pd.DataFrame, methods: Mapping[str, Mapping], definition: Definition = SCIB
) -> list[Row]:
    """Rows of one data set: best overall first, then the failed ones by name; controls after all others."""
    names = sorted({*summary["method"].astype(str), *resources["method"].astype(str)})
    rows = [_row(name, summary, resources, methods) for name in names]
    return sorted(rows, key=lambda row: (row.control, row.failed, -_overall(row, definition), row.name))


def _overall(row: Row, definition: Definition) -> float:
    value = row.values.get(definition.overall)
    return value.mean if value else -np.inf


def _row(name: str, summary: pd.DataFrame, resources: pd.DataFrame, methods: Mapping[str, Mapping]) -> Row:
    facts = facts_of(methods, name)
    values = _values(summary[summary["method"] == name])
    runs = resources[resources["method"] == name]
    n_seen = max((value.n for value in values.values()), default=0)
    status, reason = _failure(runs)
    worked_on = next(iter(runs["input"].dropna().astype(str)), "") if "input" in runs else ""
    return Row(
        name=name,
        label=method_label(methods, name),
        control=bool(facts.get("control", False)),
        uses_labels=bool(facts.get("uses_labels", False)),
        output=str(facts.get("output", "embed" if is_given(worked_on) else "")),
        n_ok=int((runs["status"] == "ok").sum()) if len(runs) else n_seen,
        n_runs=len(runs) or n_seen,
        status=status,
        reason=reason,
        values=values,
        baseline=is_baseline(facts),
        input=worked_on,
    )


def _values(table: pd.DataFrame) -> dict[str, Value]:
    table = table[table["mean"].notna()]
    return {
        str(row.metric): Value.of(row)
        for row in table[["metric", "mean", "n", "ci_low", "ci_high"]].itertuples(index=False)
    }


def _failure(runs: pd.DataFrame) -> tuple[str, str]:
    """The most frequent failure and its first reason; ``ok`` where no run failed."""
    failed = runs[runs["status"] != "ok"]
    if failed.empty:
        return ("ok", "no scores") if len(runs) else ("not run", "")
    status = str(failed["status"].value_counts(sort=True).index[0])
    reasons = failed.loc[failed["status"] == status, "reason"].dropna() if "reason" in failed else pd.Series(dtype=str)
    return status, " ".join(str(reasons.iloc[0]).split()) if len(reasons) else ""


def trainings_of(table: pd.DataFrame) -> str:
    """Number of trainings per run in words; empty where it is not known."""
    seen = pd.to_numeric(table["trainings"]).dropna().astype(int)
    return f"{span(seen)} training{'s' * (max(seen) > 1)} per run" if len(seen) else ""


def of_dataset(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Rows of one data set, with methods as text."""
    table = table[table["dataset"].astype(str) == str(dataset)]
    return table.assign(method=table["method"].astype(str))
