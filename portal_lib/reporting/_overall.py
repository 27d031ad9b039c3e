"""What figures and texts say of overall scores: their scalings, what set their ranges, who cannot be told apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from portal_lib.reporting._rows import Definition, Value, method_label, metric_label

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

# In the place of a data set: all of them.
ALL = "*"
SCALINGS = ("raw", "minmax", "control")
TREATMENTS = ("ignore", "zero", "complete")
SCALING_WORDS = {"raw": "raw", "minmax": "min-max", "control": "control-scaled"}
TREATMENT_WORDS = {"ignore": "left out", "zero": "as 0", "complete": "complete metrics"}
WEIGHTS = {"batch": 0.4, "bio": 0.6}
# A rank that differs by more between the treatments of missing values is marked.
STEADY = 1
MOVED_NOTE = (
    "‡ the rank differs by more than 1 between the three ways to treat a missing metric (left out; counted as 0; only "
    "metrics that every run has)."
)


@dataclass(frozen=True)
class Standing:
    """Overall scores of one method on one data set, missing metrics left out, by scaling."""

    values: dict[str, Value] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)

    def mark(self, scaling: str) -> str:
        """The mark of a rank that depends on how missing metrics are treated."""
        return "‡" if self.moved.get(scaling, 0) > STEADY else ""


def standings(overall: pd.DataFrame | None, dataset: str, definition: Definition) -> dict[str, Standing]:
    """Standing of each method on a data set, by name; empty without a table."""
    if overall is None:
        return {}
    rows = of_kind(overall, definition.overall)
    rows = rows[(rows["dataset"].astype(str) == str(dataset)) & (rows["missing"] == "ignore")]
    found: dict[str, Standing] = {}
    for row in rows[rows["mean"].notna()].itertuples(index=False):
        one = found.setdefault(str(row.method), Standing())
        one.values[row.scaling] = Value(float(row.mean), float(row.half_width), int(row.n))
        if pd.notna(row.rank):
            one.ranks[row.scaling], one.moved[row.scaling] = int(row.rank), int(row.rank_range)
    return found


def of_kind(table: pd.DataFrame, group: str, scaling: str | None = None, missing: str | None = None) -> pd.DataFrame:
    """Rows of one kind of score."""
    rows = table[table["group"] == group]
    rows = rows if scaling is None else rows[rows["scaling"] == scaling]
    return rows if missing is None else rows[rows["missing"] == missing]


def scalings_of(found: Mapping[str, Standing]) -> list[str]:
    """Scalings of which there is a score, in their order."""
    return [name for name in SCALINGS if any(name in one.values for one in found.values())]


def weights_words(weights: Mapping[str, float] | None) -> str:
    """Such as ``"0.4 batch + 0.6 bio"``; the weights as they sum to 1."""
    weights = weights or WEIGHTS
    total = sum(weights.values())
    return " + ".join(f"{weights[name] / total:.3g} {name}" for name in ("batch", "bio"))


def range_facts(
    ranges: pd.DataFrame | None, dataset: str, definition: Definition, scaling: str
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Ends of the metrics that were scaled, and why others were left out."""
    if ranges is None:
        return pd.DataFrame(columns=["metric", "end", "value", "method", "seed", "n_runs", "tied"]), {}
    here = ranges[(ranges["dataset"].astype(str) == str(dataset)) & (ranges["scaling"] == scaling)]
    here = here[here["group"].isin(definition.groups)]
    note = here["note"].fillna("").astype(str)
    left_out = here[note != ""].drop_duplicates("metric")
    reasons = dict(zip(left_out["metric"].astype(str), note[left_out.index], strict=True))
    return here[note == ""], reasons


def range_sentence(
    ranges: pd.DataFrame | None, dataset: str, definition: Definition, scaling: str, methods: Mapping, metrics: Mapping
) -> str:
    """Number of runs that a range was taken over and who set its ends, in short; or why nothing was scaled."""
    ends, reasons = range_facts(ranges, dataset, definition, scaling)
    if ends.empty:
        whys = dict.fromkeys(reason.removeprefix("left out: ") for reason in reasons.values() if "no run" not in reason)
        return f"No {SCALING_WORDS[scaling]} score: {', '.join(whys)}." if whys else ""
    setters = {end: _counted(ends[ends["end"] == end], methods) for end in ("low", "high")}
    runs = "runs" if scaling == "minmax" else "runs of controls"
    line = (
        f"{SCALING_WORDS[scaling].capitalize()}: each metric over {_span(ends['n_runs'])} {runs} of this data set; "
        f"low ends: {setters['low']}; high ends: {setters['high']}."
    )
    # What no run has is named as not applicable elsewhere.
    reasons = {metric: reason for metric, reason in reasons.items() if "no run" not in reason}
    return " ".join([line, *left_out_sentence(reasons, metrics)])


def left_out_sentence(reasons: Mapping[str, str], metrics: Mapping) -> list[str]:
    """One sentence per reason with the metrics that it left out."""
    by_reason: dict[str, list[str]] = {}
    for metric, reason in reasons.items():
        by_reason.setdefault(reason.removeprefix("left out: "), []).append(metric_label(metrics, metric))
    return [f"Left out, as {reason}: {', '.join(names)}." for reason, names in by_reason.items()]


def _counted(ends: pd.DataFrame, methods: Mapping) -> str:
    """Methods that set ends, most first, with the number of metrics."""
    counts = sorted(Counter(ends["method"].astype(str)).items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{method_label(methods, name)} ({n})" for name, n in counts)


def _span(counts: Collection[int]) -> str:
    low, high = int(min(counts)), int(max(counts))
    return f"{low}" if low == high else f"{low} to {high}"


def end_words(end: object, methods: Mapping) -> str:
    """Value at one end of a range, and the run that set it."""
    tied = f", and {int(end.tied)} more" if pd.notna(end.tied) and end.tied else ""
    return f"{end.value:.3f} ({method_label(methods, str(end.method))}, seed {int(end.seed)}{tied})"


def separation(differences: pd.DataFrame, scaling: str, group: str, dataset: str) -> Callable[[str, str], str]:
    """Ask of two methods whether they are told apart: ``yes``, ``no``, or ``unknown`` where there is no interval."""
    rows = of_kind(differences, group, scaling)
    rows = rows[rows["dataset"].astype(str) == str(dataset)]
    pairs = zip(rows["method_a"].astype(str), rows["method_b"].astype(str), strict=True)
    words = dict(zip(map(frozenset, pairs), rows["ci_excludes_zero"].astype(str), strict=True))
    return lambda a, b: words.get(frozenset((a, b)), "unknown")


def joined_sets(names: list[str], apart: Callable[[str, str], str]) -> list[list[str]]:
    """Sets of methods of which no two are told apart; each pair that is not lies in one of them.

    Parameters
    ----------
    names
        Methods, the best first.
    apart
        As :func:`separation` returns it.

    Returns
    -------
    Sets in the order of their best methods, each in the order of `names` and as large as it can be. A method that is
    told apart from every other is in none.

    Notes
    -----
    "Not told apart" is not transitive: of three methods the first and the last may differ while neither differs from
    the second. The second is then in two sets. Sets need not be runs of neighbours.
    """
    sets: list[list[str]] = []
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if apart(one, other) == "yes" or any(one in have and other in have for have in sets):
                continue
            members = [one, other]
            for name in names:
                if name not in members and all(apart(name, member) != "yes" for member in members):
                    members.append(name)
            sets.append([name for name in names if name in members])
    return sets


def means_by_dataset(
    overall: pd.DataFrame, group: str, scaling: str | None = None, missing: str = "ignore"
) -> pd.DataFrame:
    """Rows of one kind of score that have a mean, names as text."""
    rows = of_kind(overall, group, scaling, missing)
    rows = rows[rows["mean"].notna() & np.isfinite(rows["mean"].astype(float))]
    return rows.assign(dataset=rows["dataset"].astype(str), method=rows["method"].astype(str))
