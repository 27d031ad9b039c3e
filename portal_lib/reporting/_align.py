"""What figures and texts of the task "align" share: which metrics are shown, what is good, who is to be beaten."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from portal_lib.errors import DataError
from portal_lib.reporting._rows import Row, metric_label, of_dataset, table_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DIRECTIONS = {"12": "1 → 2", "21": "2 → 1"}
GROUP_TITLES = {"align": "Alignment", "translate": "Translation"}
# Order of the columns; the first metric that is there orders the rows. Metrics that are not named join the first group.
ORDER = {
    "align": ("destination", "foscttm", "label_transfer", "knn_auc"),
    "translate": (
        "pearson",
        "spearman",
        "mse_rel_mean",
        "mse_rel_random",
        "mse",
        "superimposition",
        "wasserstein",
        "cycle_error",
    ),
}
# Metrics that are shown by their parts.
PARTS = {"mse_rel_mean": ("12", "21")}
# Values of a translation that tells nothing, where that is not the bad end of the range.
WORTHLESS = {"foscttm": 0.5, "mse_rel_mean": 1.0, "mse_rel_random": 1.0, "pearson": 0.0, "spearman": 0.0}
ARROWS = {"higher": "↑", "lower": "↓"}
# Says of a translation that it looks like real cells, not that it is right.
SUPERIMPOSED = "superimposition"
# What a metric needs of the truth.
TRUTH = frozenset({"target", "partner", "label"})
# Below this mean of sd(translated) / sd(real) the translated cells have collapsed.
LEAST_SPREAD = 0.2
# Inches from a line of notes to the next.
LINE = 0.135


@dataclass(frozen=True)
class Measure:
    """A column: a metric or a part of one, what it is called, and which values are worthless and perfect."""

    name: str
    label: str
    group: str
    better: str
    worthless: float
    best: float
    decimals: int
    # Whether it asks for what is true. What does not can find a translation good that is not right.
    judges: bool = True

    @property
    def head(self) -> str:
        """Label with the direction of what is better."""
        return f"{self.label} {ARROWS[self.better]}"

    def quality(self, value: float) -> float:
        """Place of a value between worthless (0) and perfect (1)."""
        span = self.best - self.worthless
        return float(np.clip((value - self.worthless) / span, 0, 1)) if span else 1.0

    def is_better(self, value: float, other: float) -> bool:
        """Whether a value is better than another."""
        return value > other if self.better == "higher" else value < other


def part_of(metric: str) -> tuple[str, str]:
    """Metric and part of a name; the part of a whole metric is empty."""
    whole, _, part = metric.partition(":")
    return whole, part


def part_label(metrics: Mapping[str, Mapping], name: str) -> str:
    """Name for people of a metric or a part of one."""
    whole, part = part_of(name)
    label = metric_label(metrics, whole)
    # "kNN" stays as it is.
    label = label[:1].upper() + label[1:] if label.partition(" ")[0].islower() else label
    word = DIRECTIONS[part].replace(" ", "") if part in DIRECTIONS else part
    return f"{label} {word}".strip()


def align_measures(summary: pd.DataFrame, metrics: Mapping[str, Mapping]) -> tuple[list[Measure], list[str]]:
    """Columns of one data set in their order, and the metrics that have no value at all."""
    there = set(summary.loc[summary["mean"].notna(), "metric"].astype(str))
    wholes = {part_of(name)[0] for name in summary["metric"].astype(str)}
    ordered = [(group, name) for group, names in ORDER.items() for name in names if name in wholes]
    known = {name for _, name in ordered}
    more = [("align", name) for name in [*metrics, *sorted(wholes - set(metrics))] if name in wholes - known]
    measures, dropped = [], []
    for group in GROUP_TITLES:
        for name in (name for g, name in [*ordered, *more] if g == group):
            shown = [f"{name}:{part}" for part in PARTS.get(name, ()) if f"{name}:{part}" in there]
            shown = shown or [name] * (name in there)
            measures += [_measure(summary, metrics, one, group) for one in shown]
            dropped += [] if shown else [name]
    return measures, dropped


def _measure(summary: pd.DataFrame, metrics: Mapping[str, Mapping], name: str, group: str) -> Measure:
    whole, _ = part_of(name)
    facts = metrics.get(name) or metrics.get(whole) or {}
    better = str(facts.get("better", "higher"))
    low, high = facts.get("range") or (0, 1)
    good, bad = (high, low) if better == "higher" else (low, high)
    seen = summary.loc[summary["metric"] == name, "mean"]
    good = good if good is not None else (seen.max() if better == "higher" else seen.min())
    bad = WORTHLESS.get(whole, bad)
    bad = bad if bad is not None else (seen.min() if better == "higher" else seen.max())
    places = decimals_of(seen) if low is None or high is None else 3
    judges = not TRUTH.isdisjoint(facts.get("needs", TRUTH))
    return Measure(name, part_label(metrics, name), group, better, float(bad), float(good), places, judges)


def align_rows(
    summary: pd.DataFrame, resources: pd.DataFrame, methods: Mapping[str, Mapping], headline: Measure | None
) -> list[Row]:
    """Rows of one data set, best in the headline first, those without it and the failed after; controls last.

    Where no run failed, what is counted are trainings: a run may hold several.
    """
    rows = [_counted(row) for row in table_rows(summary, resources, methods)]

    def place(row: Row) -> tuple:
        value = row.values.get(headline.name) if headline else None
        if value is None:
            return (row.control, row.failed, True, 0.0, row.name)
        sign = -1 if headline.better == "higher" else 1
        return (row.control, row.failed, False, sign * value.mean, row.name)

    return sorted(rows, key=place)


def _counted(row: Row) -> Row:
    n = max((value.n for value in row.values.values()), default=row.n_ok)
    return replace(row, n_ok=n, n_runs=n) if row.n_ok == row.n_runs and not row.failed else row


def pick_headline(measures: list[Measure], name: str | None) -> Measure | None:
    """The measure that orders the rows: the named one, else the first."""
    named = [measure for measure in measures if measure.name == name]
    if name is not None and not named:
        names = ", ".join(measure.name for measure in measures)
        raise DataError(f"'{name}' cannot order the methods: no method has it. There are: {names or 'none'}.")
    return (named or measures or [None])[0]


def floor_controls(rows: list[Row]) -> list[Row]:
    """Controls that every method should beat: those that do not see the truth."""
    return [row for row in rows if row.control and not row.uses_labels and not row.failed]


def write_number(value: float, places: int = 3) -> str:
    """A number with so many decimals and a true minus."""
    text = f"{value:,.{places}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text.replace("-", "−")


def decimals_of(values: Iterable[float]) -> int:
    """Decimals of a column: three of numbers around 1, four figures of large ones, three of small ones."""
    sizes = [abs(value) for value in values if value and np.isfinite(value)]
    power = int(np.floor(np.log10(np.median(sizes)))) if sizes else 0
    return int(np.clip(3 - power if power > 0 else 2 - power if power < -1 else 3, 0, 6))


def even_columns(n: int, most: int) -> int:
    """Columns of a grid of n panels, such that its lines are about equally long."""
    return -(-n // -(-n // most))


def rows_of_dataset(table: pd.DataFrame, dataset: str, what: str) -> pd.DataFrame:
    """Rows of one data set; an error that says what is missing where there are none."""
    table = of_dataset(table, dataset)
    if table.empty:
        raise DataError(f"no {what} of data set '{dataset}' to draw")
    return table
