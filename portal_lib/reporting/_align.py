"""Shared by figures and texts of the task "align": which metrics are shown, and which methods and controls compare."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from portal_lib.errors import DataError
from portal_lib.reporting._rows import Row, facts_of, method_label, metric_label, of_dataset, table_rows
from portal_lib.reporting._words import write_number as write_number

DIRECTIONS = {"12": "1 → 2", "21": "2 → 1"}
# Blocks of columns, in their order.
GROUP_TITLES = {"align": "Alignment", "translate": "Translation"}
ARROWS = {"higher": "↑", "lower": "↓"}
# What a metric needs of the ground truth.
TRUTH = frozenset({"target", "partner", "label"})
# Inches from a line of notes to the next.
LINE = 0.135


@dataclass(frozen=True)
class Measure:
    """A column: a metric or a part of one."""

    name: str
    label: str
    group: str
    better: str
    # Value of a translation without information.
    baseline_value: float
    best: float
    decimals: int
    # Whether it needs the ground truth. Without it a metric can be good for a translation that is wrong.
    judges: bool = True
    # Sentence for the notes of a table.
    note: str = ""

    @property
    def head(self) -> str:
        """Label with an arrow for the better direction."""
        return f"{self.label} {ARROWS[self.better]}"

    def quality(self, value: float) -> float:
        """Value on the scale from no information (0) to perfect (1)."""
        span = self.best - self.baseline_value
        return float(np.clip((value - self.baseline_value) / span, 0, 1)) if span else 1.0

    def is_better(self, value: float, other: float) -> bool:
        """Whether a value is better than another."""
        return value > other if self.better == "higher" else value < other


def part_of(metric: str) -> tuple[str, str]:
    """Metric and part of a name; the part of a whole metric is empty."""
    whole, _, part = metric.partition(":")
    return whole, part


def part_label(metrics: Mapping[str, Mapping], name: str) -> str:
    """Label of a metric or a part of one."""
    whole, part = part_of(name)
    label = metric_label(metrics, whole)
    # "kNN" keeps its small letter.
    label = label[:1].upper() + label[1:] if label.partition(" ")[0].islower() else label
    word = DIRECTIONS[part].replace(" ", "") if part in DIRECTIONS else part
    return f"{label} {word}".strip()


def align_measures(summary: pd.DataFrame, metrics: Mapping[str, Mapping]) -> tuple[list[Measure], list[str]]:
    """Columns of one data set in their order, and the metrics that have no value at all."""
    with_value = set(summary.loc[summary["mean"].notna(), "metric"].astype(str))
    wholes = {part_of(name)[0] for name in summary["metric"].astype(str)}
    measures, dropped = [], []
    for name in sorted(wholes, key=lambda name: _place(metrics.get(name, {}), name)):
        parts = [f"{name}:{part}" for part in metrics.get(name, {}).get("shown_parts", ())]
        shown = [part for part in parts if part in with_value] or [name] * (name in with_value)
        measures += [_measure(summary, metrics, one) for one in shown]
        dropped += [] if shown else [name]
    return measures, dropped


def _block(facts: Mapping) -> str:
    return str(facts.get("block", next(iter(GROUP_TITLES))))


def _place(facts: Mapping, name: str) -> tuple:
    """Sort key: block, place in it, and the name where no place is stated."""
    return (list(GROUP_TITLES).index(_block(facts)), facts.get("order", np.inf), name)


def _measure(summary: pd.DataFrame, metrics: Mapping[str, Mapping], name: str) -> Measure:
    facts = metrics.get(part_of(name)[0], {})
    better = str(facts.get("better", "higher"))
    low, high = facts.get("range") or (0, 1)
    good, bad = (high, low) if better == "higher" else (low, high)
    seen = summary.loc[summary["metric"] == name, "mean"]
    good = good if good is not None else (seen.max() if better == "higher" else seen.min())
    bad = facts.get("baseline_value", bad)
    bad = bad if bad is not None else (seen.min() if better == "higher" else seen.max())
    places = decimals_of(seen) if low is None or high is None else 3
    judges = not TRUTH.isdisjoint(facts.get("needs", TRUTH))
    label, note = part_label(metrics, name), str(facts.get("note", ""))
    return Measure(name, label, _block(facts), better, float(bad), float(good), places, judges, note)


def align_rows(
    summary: pd.DataFrame, resources: pd.DataFrame, methods: Mapping[str, Mapping], headline: Measure | None
) -> list[Row]:
    """Rows of one data set, best headline first, then those without it and the failed ones; controls last.

    If no run failed, trainings are counted instead of runs, since a run may contain several.
    """
    rows = [_counted(row) for row in table_rows(summary, resources, methods)]

    def place(row: Row) -> tuple:
        value = row.values.get(headline.name) if headline else None
        if headline is None or value is None:
            return (row.control, row.failed, True, 0.0, row.name)
        sign = -1 if headline.better == "higher" else 1
        return (row.control, row.failed, False, sign * value.mean, row.name)

    return sorted(rows, key=place)


def _counted(row: Row) -> Row:
    n = max((value.n for value in row.values.values()), default=row.n_ok)
    return replace(row, n_ok=n, n_runs=n) if row.n_ok == row.n_runs and not row.failed else row


def pick_headline(measures: list[Measure], name: str | None) -> Measure | None:
    """The measure that sorts the rows: the named one, else the first."""
    named = [measure for measure in measures if measure.name == name]
    if name is not None and not named:
        names = ", ".join(measure.name for measure in measures)
        raise DataError(f"'{name}' cannot order the methods: no method has it. There are: {names or 'none'}.")
    return next(iter(named or measures), None)


def decimals_of(values: Iterable[float]) -> int:
    """Decimals of a column: three around 1, else four significant figures of large numbers and three of small ones."""
    sizes = [abs(value) for value in values if value and np.isfinite(value)]
    power = int(np.floor(np.log10(np.median(sizes)))) if sizes else 0
    return int(np.clip(3 - power if power > 0 else 2 - power if power < -1 else 3, 0, 6))


def even_columns(n: int, most: int) -> int:
    """Number of columns of a grid of n panels, such that its rows are about equally full."""
    return -(-n // -(-n // most))


def rows_of_dataset(table: pd.DataFrame, dataset: str, what: str) -> pd.DataFrame:
    """Rows of one data set; an error where there are none."""
    table = of_dataset(table, dataset)
    if table.empty:
        raise DataError(f"no {what} of data set '{dataset}' to draw")
    return table


def lead_facts(table: pd.DataFrame, methods: Mapping[str, Mapping]) -> dict:
    """On how many markers the best stochastic method has a higher mean than each of the others.

    Parameters
    ----------
    table
        Columns marker, method and mean; one row per marker and method.
    methods
        Facts by name: label, control, stochastic.

    Returns
    -------
    ``best`` (a label, None where fewer than two such methods have a value) and ``others``: dicts of label, n_above and
    n, the number of markers that both have. The best method has the highest mean over markers.
    """
    values = table.pivot_table(index="marker", columns="method", values="mean")
    facts = {name: facts_of(methods, name) for name in values}
    random = [name for name, known in facts.items() if known.get("stochastic") and not known.get("control")]
    names = sorted(random, key=lambda name: (-values[name].mean(), name))
    if len(names) < 2:
        return {"best": None, "others": []}
    pairs = {name: values[[names[0], name]].dropna().to_numpy() for name in names[1:]}
    others = [
        {"label": method_label(methods, name), "n_above": int((pair[:, 0] > pair[:, 1]).sum()), "n": len(pair)}
        for name, pair in pairs.items()
    ]
    return {"best": method_label(methods, names[0]), "others": others}
