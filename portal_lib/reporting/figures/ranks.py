"""Methods by their mean overall score, and which of them do not differ."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from portal_lib.reporting._overall import (
    ALL,
    SCALING_WORDS,
    joined_sets,
    means_by_dataset,
    of_kind,
    rank_note,
    separation,
    weights_words,
)
from portal_lib.reporting._rows import DEFINITIONS, Value, facts_of, method_label
from portal_lib.reporting.figures import _style

FIGURE = {
    "label": "ranks: {scaling} ({definition})",
    "category": "Scores",
    "file": "ranks_{definition}.{scaling}",
    "variants": {"scaling": ["raw", "minmax"]},
    "tasks": ["integrate"],
    "inputs": ["overall", "differences", "overall_runs", "resources"],
    "facts": ["methods", "scaling", "definition", "labels", "weights"],
}

ROW = 0.3
# Means are above the middle of their row and single values below it, so that they do not overlap.
ABOVE, BELOW = 0.045, 0.065
RANK = 0.3
PLOT = 4.2
NUMBERS = 1.15
JOIN = 0.16
GAP = 0.2
NAME_SIZE, TICK_SIZE = 8, 7
MAX_NAME = 2.6
# With more data sets than this, all points are grey.
MOST_COLOURS = 8
MEAN = "#6a51a3"


@dataclass(frozen=True)
class Ranked:
    """One method: its rank (none for a control, or where data sets are missing), its mean, and the single values."""

    name: str
    label: str
    control: bool
    uses_labels: bool
    rank: int | None
    value: Value
    points: list[tuple[str, float]]
    lacking: str = ""


@dataclass(frozen=True)
class Frame:
    """Positions in inches, and the values at the ends of the axis."""

    left: float
    low: float
    high: float
    numbers: float
    joins: float
    width: float

    def x(self, value: float) -> float:
        """Position of a score."""
        return self.left + PLOT * (value - self.low) / (self.high - self.low)


@_style.styled
def draw(
    overall: pd.DataFrame,
    differences: pd.DataFrame,
    methods: Mapping[str, Mapping],
    *,
    scaling: str = "raw",
    definition: str = "scib",
    overall_runs: pd.DataFrame | None = None,
    resources: pd.DataFrame | None = None,
    labels: Mapping[str, str] | None = None,
    weights: Mapping[str, float] | None = None,
) -> Figure:
    """Draw methods by their mean overall score, with intervals, and join those that do not differ.

    Parameters
    ----------
    overall, differences
        ``overall.tsv`` and ``differences.tsv``; rows in which missing metrics are left out.
    methods
        Facts by name: label, control, uses_labels. A variant ``name.variant`` has those of ``name``.
    scaling
        ``"raw"``, ``"minmax"`` or ``"control"``.
    definition
        ``"scib"`` or ``"portal"``.
    overall_runs
        ``overall_runs.tsv``; with one data set its single runs are drawn as small points.
    resources
        ``resources.tsv``; methods without a score are named with their status.
    labels
        Display names of data sets.
    weights
        Of batch and bio in the overall score, for the notes; by default 0.4 and 0.6.

    Returns
    -------
    The figure. Diamonds are means over data sets with their 95 % t-interval, small points the data sets; with a single
    data set, means over seeds and the single runs. A bar at the right joins methods that are indistinguishable: for
    every two of them the interval of the paired differences includes 0. It is dashed where a pair has no interval.
    Methods that lack a data set are below the others, without a rank; controls are below a line. Without any score of
    this kind, and where min-max scores are of too few methods for ranks, the figure says so and draws nothing else.
    """
    kind = DEFINITIONS[definition].overall
    rows, datasets = _ranked(overall, methods, kind, scaling, overall_runs)
    if not rows:
        return _empty(f"No {SCALING_WORDS[scaling]} overall score of definition '{definition}' to draw.")
    whole = ALL if len(datasets) > 1 else datasets[0]
    if note := rank_note(means_by_dataset(overall, kind, scaling), whole):
        return _empty(f"Not ranked: {note}.")
    ranked = [row.name for row in rows if row.rank is not None]
    apart = separation(differences, scaling, kind, whole)
    sets = joined_sets(ranked, apart)
    frame = _frame(rows, len(sets))
    colours = _style.category_colours(datasets) if 1 < len(datasets) <= MOST_COLOURS else {}
    notes = [
        *_comparison_notes(rows, datasets, ranked, apart, overall_runs is not None),
        f"Overall = {weights_words(weights)} of {SCALING_WORDS[scaling]} values, per run; missing metrics left out.",
        *_missing_note(rows, resources, datasets, methods),
    ]
    lines = _style.wrap_notes(notes, frame.width - 2 * _style.MARGIN)
    legend = _legend(colours, labels or {}, frame)
    top = 0.72 + 0.16 * len(legend)
    places, bottom = _places(rows, top)
    figure, axes = _style.inch_canvas(frame.width, bottom + 0.38 + _style.LINE * len(lines))
    where = f"{len(datasets)} data sets" if len(datasets) > 1 else (labels or {}).get(datasets[0], datasets[0])
    title = _style.shorten(f"Overall score, {SCALING_WORDS[scaling]}: {where}", 11, frame.width - 2 * _style.MARGIN)
    _style.draw_title(axes, title, 0.24)
    _draw_legend(axes, legend)
    axes.text(frame.numbers, top - 0.12, "mean [interval]", size=_style.NOTE_SIZE, color=_style.FAINT, va="center")
    if sets:
        _style.write(axes, frame.joins - 0.05, top - 0.12, "indistinguishable", _style.NOTE_SIZE, _style.FAINT)
    _draw_axis(axes, frame, top, bottom)
    for row in rows:
        _draw_row(axes, frame, row, places[row.name], colours)
    _draw_splits(axes, frame, rows, places)
    for i, members in enumerate(sets):
        _draw_join(axes, frame.joins + i * JOIN, members, places, apart)
    _style.draw_notes(axes, lines, bottom + 0.38)
    return figure


def _empty(message: str) -> Figure:
    figure, axes = _style.inch_canvas(5.0, 0.6)
    axes.text(_style.MARGIN, 0.3, message, size=8, color=_style.FAINT, va="center")
    return figure


def _ranked(
    overall: pd.DataFrame, methods: Mapping, kind: str, scaling: str, runs: pd.DataFrame | None
) -> tuple[list[Ranked], list[str]]:
    """Methods (ranked ones best first, those that lack a data set, controls), and the data sets."""
    table = means_by_dataset(overall, kind, scaling)
    single = table[table["dataset"] != ALL]
    datasets = list(dict.fromkeys(single["dataset"]))
    shown = table[table["dataset"] == ALL] if len(datasets) > 1 else single
    made = []
    for row in shown.itertuples(index=False):
        facts = facts_of(methods, row.method)
        made.append(
            Ranked(
                name=row.method,
                label=method_label(methods, row.method),
                control=bool(facts.get("control", False)),
                uses_labels=bool(facts.get("uses_labels", False)),
                rank=None if np.isnan(float(row.rank)) else int(row.rank),
                value=Value.of(row),
                points=_points(single, runs, row.method, kind, scaling, len(datasets)),
                lacking=f"{row.n} of {len(datasets)} data sets" if 1 < len(datasets) != row.n else "",
            )
        )
    made.sort(key=lambda row: (row.control, bool(row.lacking), -row.value.mean, row.name))
    return made, datasets


def _points(
    single: pd.DataFrame, runs: pd.DataFrame | None, method: str, kind: str, scaling: str, n_datasets: int
) -> list[tuple[str, float]]:
    """Means on each data set; with a single data set the scores of its runs."""
    if n_datasets > 1:
        here = single[single["method"] == method]
        return list(zip(here["dataset"], here["mean"].astype(float), strict=True))
    if runs is None:
        return []
    here = of_kind(runs, kind, scaling, "ignore")
    here = here[(here["method"].astype(str) == method) & here["value"].notna()]
    # A single run equals the mean.
    here = here if len(here) > 1 else here.iloc[:0]
    return list(zip(here["dataset"].astype(str), here["value"].astype(float), strict=True))


def _frame(rows: Sequence[Ranked], n_sets: int) -> Frame:
    names = [_style.text_width(row.label, NAME_SIZE) + _tag_width(row) for row in rows]
    left = _style.MARGIN + RANK + min(MAX_NAME, max(0.8, *names)) + 0.2
    values = [value for row in rows for _, value in row.points] + [row.value.mean for row in rows]
    for row in rows:
        values += _interval(row)
    space = 0.04 * (max(values) - min(values)) or 0.05
    numbers = left + PLOT + 0.15
    joins = numbers + NUMBERS + 0.15
    heading = _style.text_width("indistinguishable", _style.NOTE_SIZE) if n_sets else 0
    width = joins + max(JOIN * (n_sets - 1) + 0.15, heading) + _style.MARGIN
    return Frame(left, min(values) - space, max(values) + space, numbers, joins, width)


def _interval(row: Ranked) -> list[float]:
    """Both ends of the interval of the mean; empty where there is none."""
    return [row.value.low, row.value.high] if row.value.has_interval else []


def _tag_width(row: Ranked) -> float:
    return sum(0.08 + _style.text_width(tag, 6) for tag in _tags(row))


def _tags(row: Ranked) -> list[str]:
    return (["uses labels"] if row.uses_labels else []) + ([row.lacking] if row.lacking else [])


def _places(rows: Sequence[Ranked], top: float) -> tuple[dict[str, float], float]:
    """Middle of each row, and the lower end of the last one."""
    places, y, before = {}, top, None
    for row in rows:
        part = (row.control, bool(row.lacking))
        y += GAP if before is not None and part != before else 0
        places[row.name], before = y + ROW / 2, part
        y += ROW
    return places, y


def _draw_axis(axes: Axes, frame: Frame, top: float, bottom: float) -> None:
    step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2) if (frame.high - frame.low) / s <= 8), 0.5)
    for i in range(int(np.ceil(frame.low / step - 1e-9)), int(np.floor(frame.high / step + 1e-9)) + 1):
        x = frame.x(i * step)
        axes.plot([x, x], [top, bottom], color="#e6e6e6", lw=0.6, zorder=0)
        axes.text(x, bottom + 0.12, f"{i * step:.2f}", size=TICK_SIZE, color=_style.FAINT, ha="center", va="center")
    axes.plot([frame.left, frame.left + PLOT], [bottom, bottom], color=_style.RULE, lw=0.6)


def _draw_row(axes: Axes, frame: Frame, row: Ranked, y: float, colours: Mapping[str, str]) -> None:
    quiet = row.control or bool(row.lacking)
    if row.rank is not None:
        axes.text(_style.MARGIN + 0.18, y, str(row.rank), size=NAME_SIZE, color=_style.FAINT, ha="right", va="center")
    x, width = _style.MARGIN + RANK, frame.left - 0.2 - _style.MARGIN - RANK - _tag_width(row)
    name = _style.shorten(row.label, NAME_SIZE, width)
    axes.text(x, y, name, size=NAME_SIZE, color=_style.FAINT if quiet else _style.INK, va="center")
    x += _style.text_width(name, NAME_SIZE)
    for tag in _tags(row):
        x += 0.08
        _style.write(axes, x, y, tag, 6, _style.FAINT if tag == row.lacking else _style.ALERT, style="italic")
        x += _style.text_width(tag, 6)
    for dataset, value in row.points:
        colour = colours.get(dataset, "#9a9a9a")
        axes.plot(frame.x(value), y + BELOW, "o", ms=3.4, mfc=colour, mec="white", mew=0.3, label="point")
    colour, middle = _style.CONTROL if quiet else MEAN, y - (ABOVE if row.points else 0)
    if ends := [frame.x(end) for end in np.clip(_interval(row), frame.low, frame.high)]:
        axes.plot(
            ends, [middle, middle], color=colour, lw=1.4, solid_capstyle="butt", zorder=3, label=f"interval {row.name}"
        )
    x = frame.x(row.value.mean)
    axes.plot(x, middle, "D", ms=5.2, mfc=colour, mec="white", mew=0.6, zorder=4, label=f"mean {row.name}")
    text = f"{row.value.mean:.3f} {row.value.interval()}"
    axes.text(frame.numbers, y, text, size=_style.NOTE_SIZE, color=_style.FAINT if quiet else _style.INK, va="center")


def _draw_splits(axes: Axes, frame: Frame, rows: Sequence[Ranked], places: Mapping[str, float]) -> None:
    """A dashed line above the methods that lack a data set, a solid one above the controls."""
    for above, below in pairwise(rows):
        y = (places[above.name] + places[below.name]) / 2
        if above.control != below.control:
            axes.plot([_style.MARGIN, frame.numbers + NUMBERS], [y, y], color=_style.INK, lw=0.7)
        elif bool(above.lacking) != bool(below.lacking):
            axes.plot([_style.MARGIN, frame.numbers + NUMBERS], [y, y], color=_style.RULE, lw=0.7, ls=(0, (4, 3)))


def _draw_join(
    axes: Axes, x: float, members: Sequence[str], places: Mapping[str, float], apart: Callable[[str, str], str]
) -> None:
    """A vertical bar over the rows of a set, with a point at each of its members."""
    known = all(apart(a, b) == "no" for a, b in combinations(members, 2))
    ys, colour = [places[name] for name in members], _style.INK if known else _style.FAINT
    style = {"color": colour, "lw": 1.6 if known else 1.1, "ls": "-" if known else (0, (2, 1.5))}
    axes.plot([x, x], [min(ys), max(ys)], solid_capstyle="round", label=f"join {' '.join(members)}", **style)
    axes.plot([x] * len(ys), ys, "o", ms=3.6, mfc=colour if known else "white", mec=colour, mew=0.8)


def _legend(colours: Mapping[str, str], labels: Mapping[str, str], frame: Frame) -> list[list[tuple[str, str, float]]]:
    """Lines of colours, names and positions of the data sets."""
    lines: list[list[tuple[str, str, float]]] = []
    x = np.inf
    for name, colour in colours.items():
        text = _style.shorten(labels.get(name, name), TICK_SIZE, 2.5)
        width = 0.12 + _style.text_width(text, TICK_SIZE) + 0.2
        if x + width > frame.width - _style.MARGIN:
            lines.append([])
            x = _style.MARGIN + 0.05
        lines[-1].append((colour, text, x))
        x += width
    return lines


def _draw_legend(axes: Axes, legend: list[list[tuple[str, str, float]]]) -> None:
    for i, line in enumerate(legend):
        for colour, text, x in line:
            y = 0.5 + 0.16 * i
            axes.plot(x, y, "o", ms=4, mfc=colour, mec="white", mew=0.3)
            axes.text(x + 0.09, y, text, size=TICK_SIZE, color=_style.INK, va="center")


def _comparison_notes(
    rows: Sequence[Ranked],
    datasets: Sequence[str],
    ranked: Sequence[str],
    apart: Callable[[str, str], str],
    with_runs: bool,
) -> list[str]:
    """What is drawn, and which methods differ."""
    if len(datasets) > 1:
        what = (
            f"Diamonds: mean over {len(datasets)} data sets, equally weighted, with its 95 % t-interval, cut at 0 and 1"
        )
        small = "small points: the data sets"
    else:
        what, small = "Diamonds: mean over seeds with its 95 % t-interval, cut at 0 and 1", "small points: single runs"
    notes = [f"{what}; {small}." if len(datasets) > 1 or with_runs else f"{what}."]
    if any(not row.value.has_interval for row in rows):
        notes[0] += " n=1: no interval."
    over = "data sets" if len(datasets) > 1 else "runs of the same seed (the run of a deterministic method with each)"
    found = {apart(*pair) for pair in combinations(ranked, 2)}
    if "no" in found:
        notes.append(
            f"Bars at the right join indistinguishable methods: the 95 % interval of their differences, paired over "
            f"{over}, on the metrics that both have, includes 0. Intervals are not adjusted for the number of pairs."
        )
    if "unknown" in found:
        notes.append(
            f"Dashed bars: some pair has fewer than two differences, paired over {over}, or no common metric, and so "
            "no interval; whether it differs is unknown."
        )
    if len(datasets) == 2:
        notes.append("Two data sets give wide intervals, with one degree of freedom (t = 12.7).")
    if found == {"yes"}:
        notes.append(
            f"All pairs of methods differ: the 95 % interval of their differences, paired over {over}, on the metrics "
            "that both have, excludes 0."
        )
    if not found:
        notes.append("Fewer than two methods have a rank, so that no pair is compared.")
    if any(row.lacking for row in rows):
        notes.append("Without a rank: methods without a score on some data set, whose means are not comparable.")
    if any(row.control for row in rows):
        notes.append("Grey, below the line: controls. They are not ranked.")
    return notes


def _missing_note(
    rows: Sequence[Ranked], resources: pd.DataFrame | None, datasets: Sequence[str], methods: Mapping
) -> list[str]:
    """Methods that ran on these data sets but have no score, with their most frequent status."""
    if resources is None:
        return []
    here = resources[resources["dataset"].astype(str).isin(datasets)]
    here = here[~here["method"].astype(str).isin([row.name for row in rows])]
    if here.empty:
        return []
    statuses = here.groupby(here["method"].astype(str))["status"].agg(lambda found: found.value_counts().index[0])
    parts = [f"{method_label(methods, name)} ({word.replace('_', ' ')})" for name, word in statuses.items()]
    return [f"Without a score: {', '.join(parts)}."]
