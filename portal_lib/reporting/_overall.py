"""Overall scores in figures and texts: scalings, ranges, and which methods differ significantly."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from portal_lib.reporting._rows import Definition, Value, method_label, metric_label
from portal_lib.reporting.texts.render import render_note

# All data sets, in the column ``dataset``.
ALL = "*"
SCALINGS = ("raw", "minmax", "control")
TREATMENTS = ("ignore", "zero", "complete")
SCALING_WORDS = {"raw": "raw", "minmax": "min-max", "control": "control-scaled"}
TREATMENT_WORDS = {"ignore": "left out", "zero": "as 0", "complete": "complete metrics"}
WEIGHTS = {"batch": 0.4, "bio": 0.6}
# A rank is marked where it differs by more than this between the treatments of missing metrics.
STEADY = 1
RANK_NOTE = (
    "‡ the rank differs by more than 1 between the three treatments of missing metrics (left out; counted as 0; only "
    "metrics that every run has)."
)


@dataclass
class OverallScores:
    """Overall scores of one method on one data set, missing metrics left out, by scaling."""

    values: dict[str, Value] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    rank_ranges: dict[str, int] = field(default_factory=dict)
    # Mean of the raw score without metrics of isolated labels; None without such a score.
    without_isolated: float | None = None

    def mark(self, scaling: str) -> str:
        """The mark of a rank that depends on how missing metrics are treated."""
        return "‡" if self.rank_ranges.get(scaling, 0) > STEADY else ""


def overall_by_method(overall: pd.DataFrame | None, dataset: str, definition: Definition) -> dict[str, OverallScores]:
    """Overall scores of each method on a data set, by name; empty without a table."""
    if overall is None:
        return {}
    rows = of_kind(overall, definition.overall)
    rows = rows[(rows["dataset"].astype(str) == str(dataset)) & (rows["missing"] == "ignore")]
    found: dict[str, OverallScores] = {}
    for row in rows[rows["mean"].notna()].itertuples(index=False):
        one = found.setdefault(str(row.method), OverallScores())
        one.values[row.scaling] = Value.of(row)
        if row.scaling == "raw" and pd.notna(row.without_isolated):
            one.without_isolated = float(row.without_isolated)
        if pd.notna(row.rank):
            one.ranks[row.scaling], one.rank_ranges[row.scaling] = int(row.rank), int(row.rank_range)
    return found


def of_kind(table: pd.DataFrame, group: str, scaling: str | None = None, missing: str | None = None) -> pd.DataFrame:
    """Rows of one kind of score."""
    rows = table[table["group"] == group]
    rows = rows if scaling is None else rows[rows["scaling"] == scaling]
    return rows if missing is None else rows[rows["missing"] == missing]


def scalings_of(found: Mapping[str, OverallScores]) -> list[str]:
    """Scalings with a score, in their order."""
    return [name for name in SCALINGS if any(name in one.values for one in found.values())]


def weights_words(weights: Mapping[str, float] | None) -> str:
    """Weights in words, scaled to sum to 1, such as ``"0.4 batch + 0.6 bio"``."""
    weights = weights or WEIGHTS
    total = sum(weights.values())
    return " + ".join(f"{weights[name] / total:.3g} {name}" for name in ("batch", "bio"))


def range_facts(
    ranges: pd.DataFrame | None, dataset: str, definition: Definition, scaling: str, methods: Mapping, metrics: Mapping
) -> dict:
    """Ranges by which the metrics of a data set were scaled.

    Returns
    -------
    ``scaling``; ``metrics``: dicts of label, n_runs, and ``low`` and ``high`` (value, method, seed, and how many more
    runs have this value), in the order of the facts, others by name after them; ``left_out``: labels of the
    metrics without a range, by reason.
    """
    facts: dict = {"scaling": scaling, "metrics": [], "left_out": {}}
    if ranges is None:
        return facts
    here = ranges[(ranges["dataset"].astype(str) == str(dataset)) & (ranges["scaling"] == scaling)]
    here = here[here["group"].isin(definition.groups)]
    here = here.assign(metric=here["metric"].astype(str), note=here["note"].fillna("").astype(str))
    for row in here[here["note"] != ""].drop_duplicates("metric").itertuples():
        facts["left_out"].setdefault(row.note.removeprefix("left out: "), []).append(metric_label(metrics, row.metric))
    pairs = dict(list(here[here["note"] == ""].groupby("metric")))
    places = {name: place for place, name in enumerate(metrics)}
    for name in sorted(pairs, key=lambda name: (places.get(name, len(places)), name)):
        ends = {row.end: _end(row, methods) for row in pairs[name].itertuples()}
        facts["metrics"].append(
            {"label": metric_label(metrics, name), "n_runs": int(pairs[name]["n_runs"].iloc[0])} | ends
        )
    return facts


def _end(row: Any, methods: Mapping) -> dict:
    n_tied = int(row.tied) if pd.notna(row.tied) else 0
    return {
        "value": row.value,
        "method": method_label(methods, str(row.method)),
        "seed": int(row.seed),
        "n_tied": n_tied,
    }


def range_sentence(
    ranges: pd.DataFrame | None, dataset: str, definition: Definition, scaling: str, methods: Mapping, metrics: Mapping
) -> str:
    """Which runs set the ranges of a scaling, in short; or why there is no score. Empty where nothing is known."""
    facts = range_facts(ranges, dataset, definition, scaling, methods, metrics)
    # A metric without any value is listed as not applicable by the figure itself.
    facts["left_out"] = {reason: names for reason, names in facts["left_out"].items() if "no run" not in reason}
    counts = {end: Counter(metric[end]["method"] for metric in facts["metrics"]) for end in ("low", "high")}
    setters = {end: sorted(count.items(), key=lambda item: (-item[1], item[0])) for end, count in counts.items()}
    return " ".join(render_note("ranges", facts | setters | {"scalings": SCALING_WORDS}))


def separation(differences: pd.DataFrame, scaling: str, group: str, dataset: str) -> Callable[[str, str], str]:
    """Function that says of two methods whether they differ: ``yes``, ``no``, or ``unknown`` without an interval."""
    rows = of_kind(differences, group, scaling)
    rows = rows[rows["dataset"].astype(str) == str(dataset)]
    pairs = zip(rows["method_a"].astype(str), rows["method_b"].astype(str), strict=True)
    words = dict(zip(map(frozenset, pairs), rows["ci_excludes_zero"].astype(str), strict=True))
    return lambda a, b: words.get(frozenset((a, b)), "unknown")


def joined_sets(names: list[str], apart: Callable[[str, str], str]) -> list[list[str]]:
    """Sets of methods of which no two differ significantly; each pair that does not is in one of them.

    Parameters
    ----------
    names
        Methods, the best first.
    apart
        As :func:`separation` returns it.

    Returns
    -------
    Sets in the order of their best methods, each in the order of `names` and as large as it can be. A method that
    differs significantly from every other is in none.

    Notes
    -----
    The relation is not transitive: of three methods the first and the last may differ significantly while neither
    differs from the second, which is then in two sets. The members of a set need not be neighbours in rank.
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


def rank_note(table: pd.DataFrame, dataset: str) -> str:
    """Why the scores of a data set are not ranked, by ``overall.tsv``; empty where they are."""
    notes = table.loc[table["dataset"] == dataset, "note"].fillna("").astype(str)
    return next((note.removeprefix("no rank: ") for note in notes if note), "")


def means_by_dataset(
    overall: pd.DataFrame, group: str, scaling: str | None = None, missing: str = "ignore"
) -> pd.DataFrame:
    """Rows of one kind of score that have a mean, names as text."""
    rows = of_kind(overall, group, scaling, missing)
    rows = rows[rows["mean"].notna() & np.isfinite(rows["mean"].astype(float))]
    return rows.assign(dataset=rows["dataset"].astype(str), method=rows["method"].astype(str))
