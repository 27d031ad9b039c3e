"""The scIB table: methods by metrics, with the scores of each group and overall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, ListedColormap, to_rgb
from matplotlib.patches import Circle, Rectangle

from portal_lib.errors import DataError
from portal_lib.reporting._overall import (
    MOVED_NOTE,
    SCALING_WORDS,
    Standing,
    range_sentence,
    scalings_of,
    standings,
    weights_words,
)
from portal_lib.reporting._rows import (
    AUXILIARY,
    GROUP_LABELS,
    Definition,
    Row,
    Value,
    definition_of,
    metric_columns,
    metric_label,
    of_dataset,
    table_rows,
)
from portal_lib.reporting._sample import sample_sentences
from portal_lib.reporting.figures.style import (
    ALERT,
    CONTROL,
    FAINT,
    INK,
    RULE,
    inch_canvas,
    shorten,
    styled,
    text_width,
    wrap,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.15
ROW = 0.34
CIRCLE_COLUMN = 0.42
BAR = 0.62
BAR_COLUMN = 1.52
# A bar with its number alone.
SHORT_BAR, SHORT_COLUMN = 0.36, 0.78
# Room for the number of metrics that a score is made of.
COUNT_ROOM = 0.24
GAP = 0.16
BAND = 0.22
NAME_SIZE, NUMBER_SIZE, HEAD_SIZE, NOTE_SIZE = 8, 6.5, 7.5, 6.5
MAX_NAME = 2.6
MAX_HEAD = 1.7
# A table without any number is widened by this for its messages.
FAILURE_ROOM = 2.5

OUTPUT_WORDS = {"embed": "embedding", "knn": "graph", "full": "expression"}
_SHADES = {"overall": "Purples", "batch": "Blues", "bio": "Oranges", AUXILIARY: "Greens", "control": "Greys"}
_BARS = {"overall": "#6a51a3", "batch": "#2171b5", "bio": "#d94801", AUXILIARY: "#238b45"}


@dataclass(frozen=True)
class Column:
    """A column of numbers: a score as a bar, the same scaled otherwise as a short bar, or a metric as a circle."""

    name: str
    group: str
    left: float
    width: float
    kind: str

    @property
    def bar(self) -> bool:
        """Whether it shows a score."""
        return self.kind != "circle"

    @property
    def theme(self) -> str:
        """Which colours it has."""
        return self.group.removeprefix("portal_")


@dataclass(frozen=True)
class Layout:
    """Places of the parts of the table, in inches from the upper left corner."""

    columns: list[Column]
    name_width: float
    right: float
    width: float
    top: float

    @property
    def seeds(self) -> float:
        """Middle of the column of runs."""
        return MARGIN + self.name_width + 1.12


@styled
def plot_table(
    summary: pd.DataFrame,
    resources: pd.DataFrame,
    methods: Mapping[str, Mapping],
    metrics: Mapping[str, Mapping],
    dataset: str,
    *,
    label: str | None = None,
    scored: Mapping | None = None,
    overall: pd.DataFrame | None = None,
    ranges: pd.DataFrame | None = None,
    weights: Mapping[str, float] | None = None,
    definition: str | None = None,
) -> Figure:
    """Draw the table of one data set: a bar per score, a circle per metric, a row per method.

    Parameters
    ----------
    summary
        Columns dataset, method, metric, group, n, mean, half_width; ``metric`` includes batch, bio and overall.
    resources
        Columns dataset, method, seed, status, reason: says which methods ran and why one failed.
    methods
        Facts by name: label, control, uses_labels, output. A variant ``name.variant`` finds those of ``name``.
    metrics
        Facts by name: label, group, range. Their order is the order of the columns.
    dataset
        Which data set of both tables.
    label
        Its name for people.
    scored
        Which cells were scored, as :func:`portal_lib.reporting._sample.sample_sentences` takes it.
    overall, ranges
        ``overall.tsv`` and ``ranges.tsv``: overall scores of the other scalings, and who set their ranges. Without
        them only the raw scores are drawn.
    weights
        Of batch and bio in overall; 0.4 and 0.6 if not given.
    definition
        Whose metrics: ``"scib"`` or ``"portal"`` (the Portal paper's); by default scIB's where there are some.

    Returns
    -------
    The figure. Methods are sorted by their mean raw overall score, failed ones come last and say their status; controls
    are grey, below a line. A half-width is that of the 95 % interval of the mean over seeds. Where a method lacks a
    metric, the number of metrics in its score is written beside it.

    Raises
    ------
    DataError
        Neither table has a row of the data set.
    """
    summary, resources = of_dataset(summary, dataset), of_dataset(resources, dataset)
    shown = definition_of(summary, definition)
    rows = table_rows(summary, resources, methods, shown)
    if not rows:
        raise DataError(f"no results of data set '{dataset}' to draw")
    columns, dropped = metric_columns(summary, metrics, shown)
    placed = standings(overall, dataset, shown)
    heads = {name: _head(metrics, name) for group in (*shown.groups, AUXILIARY) for name in columns[group]}
    layout = _layout(rows, columns, heads, shown, scalings_of(placed))
    said = [
        *_notes(rows, columns, dropped, metrics, shown, weights),
        *(range_sentence(ranges, dataset, shown, name, methods, metrics) for name in ("minmax", "control")),
        *([MOVED_NOTE] if any(one.mark(name) for one in placed.values() for name in one.moved) else []),
        *sample_sentences(scored),
    ]
    notes = [line for note in said if note for line in wrap(note, NOTE_SIZE, layout.right - MARGIN)]
    split = GAP if 0 < sum(row.control for row in rows) < len(rows) else 0
    bottom = layout.top + len(rows) * ROW + split
    figure, axes = inch_canvas(layout.width, bottom + 0.2 + 0.135 * len(notes))
    axes.text(MARGIN, 0.26, label or dataset, size=11, weight="bold", color=INK, va="center")
    _draw_heads(axes, layout, heads)
    _draw_rows(axes, layout, rows, metrics, split, placed)
    for i, note in enumerate(notes):
        axes.text(MARGIN, bottom + 0.2 + 0.135 * i, note, size=NOTE_SIZE, color=FAINT, va="center")
    return figure


def _head(metrics: Mapping[str, Mapping], name: str) -> str:
    """Label of a metric; it says so where lower is better."""
    lower = metrics.get(name, {}).get("better") == "lower"
    return f"{metric_label(metrics, name)} ↓" if lower else metric_label(metrics, name)


def _layout(
    rows: list[Row],
    columns: dict[str, list[str]],
    heads: dict[str, str],
    definition: Definition,
    scalings: list[str],
) -> Layout:
    name_width = min(MAX_NAME, max(0.7, *(_name_width(row) for row in rows))) + 0.12
    blocks = _blocks(rows, columns, definition, scalings)
    left, placed = MARGIN + name_width + 1.35, []
    for i, block in enumerate(blocks):
        left += GAP if i else 0
        for name, group, width, kind in block:
            placed.append(Column(name, group, left, width, kind))
            left += width
    heads = heads | {name: SCALING_WORDS[name] for name in scalings}
    leaning = [(column, text_width(shorten(heads[column.name], HEAD_SIZE, MAX_HEAD), HEAD_SIZE))
               for column in placed if column.name in heads]  # fmt: skip
    rise = max((span for _, span in leaning), default=0) * np.sin(np.pi / 4)
    reach = [column.left + column.width / 2 + span * np.cos(np.pi / 4) + MARGIN for column, span in leaning]
    if all(row.failed for row in rows):
        left += FAILURE_ROOM
    return Layout(placed, name_width, left, max(left + MARGIN, *reach, 0), 0.55 + rise + 0.1 + BAND)


def _blocks(
    rows: list[Row], columns: dict[str, list[str]], definition: Definition, scalings: list[str]
) -> list[list[tuple[str, str, float, str]]]:
    """Name, group, width and kind of the columns under each band."""
    overall = [(definition.overall, "overall", BAR_COLUMN, "bar")]
    overall += [(name, "overall", SHORT_COLUMN, "short") for name in scalings if name != "raw"]
    blocks = [overall]
    for group in definition.groups:
        if any(group in row.values for row in rows) or columns[group]:
            room = COUNT_ROOM if any(_count(row, columns[group]) for row in rows) else 0
            circles = [(name, group, CIRCLE_COLUMN, "circle") for name in columns[group]]
            blocks.append([(group, group, BAR_COLUMN + room, "bar"), *circles])
    if columns[AUXILIARY]:
        blocks.append([(name, AUXILIARY, CIRCLE_COLUMN, "circle") for name in columns[AUXILIARY]])
    return blocks


def _count(row: Row, names: list[str]) -> str:
    """How many of the metrics a score is made of, where a row lacks some."""
    used = sum(name in row.values for name in names)
    return "" if row.failed or used == len(names) else f"{used}/{len(names)}"


def _name_width(row: Row) -> float:
    tag = 0.08 + text_width("uses labels", 6) if row.uses_labels else 0
    return text_width(row.label, NAME_SIZE) + tag


def _draw_heads(axes: Axes, layout: Layout, heads: dict[str, str]) -> None:
    bottom = layout.top
    for group in dict.fromkeys(column.group for column in layout.columns):
        members = [column for column in layout.columns if column.group == group]
        left, right = members[0].left, members[-1].left + members[-1].width
        colour = _BARS[members[0].theme]
        axes.add_patch(Rectangle((left, bottom - BAND), right - left, BAND - 0.04, color=colour, lw=0))
        place = (left + right) / 2, bottom - BAND / 2 - 0.02
        title = shorten(GROUP_LABELS[group], HEAD_SIZE, right - left)
        axes.text(*place, title, size=HEAD_SIZE, weight="bold", color="white", ha="center", va="center")
    scaled = any(column.kind == "short" for column in layout.columns)
    for column in layout.columns:
        head = heads.get(column.name) or SCALING_WORDS.get(column.name)
        if column.group == "overall" and column.kind == "bar" and scaled:
            head = SCALING_WORDS["raw"]
        if head:
            middle = column.left + (0.3 if column.bar else column.width / 2)
            style = {"size": HEAD_SIZE, "color": INK, "rotation": 45, "rotation_mode": "anchor"}
            head = shorten(head, HEAD_SIZE, MAX_HEAD)
            axes.text(middle - 0.04, bottom - BAND - 0.05, head, ha="left", va="bottom", **style)
    for x, head, align in (
        (MARGIN, "Method", "left"),
        (layout.seeds - 0.72, "Output", "center"),
        (layout.seeds, "Runs", "center"),
    ):
        axes.text(x, bottom - BAND / 2 - 0.02, head, size=HEAD_SIZE, color=INK, ha=align, va="center", weight="bold")


def _draw_rows(
    axes: Axes,
    layout: Layout,
    rows: list[Row],
    metrics: Mapping[str, Mapping],
    split: float,
    placed: Mapping[str, Standing],
) -> None:
    scales = {column.name: _scale(column.name, rows, metrics) for column in layout.columns}
    top = layout.top
    for i, row in enumerate(rows):
        if row.control and split and not rows[i - 1].control:
            axes.plot([MARGIN, layout.right], [top + split / 2] * 2, color=INK, lw=0.7)
            top += split
        if i % 2 == 0:
            axes.add_patch(
                Rectangle((MARGIN - 0.05, top), layout.right - MARGIN + 0.1, ROW, color="#f5f5f5", lw=0, zorder=0)
            )
        middle = top + ROW / 2
        _draw_name(axes, layout, row, middle)
        if row.failed:
            _draw_failure(axes, layout, row, middle)
        else:
            _draw_numbers(axes, layout, row, middle, scales, placed.get(row.name, Standing()))
        top += ROW


def _draw_name(axes: Axes, layout: Layout, row: Row, y: float) -> None:
    colour = FAINT if row.control else INK
    tag = 0.08 + text_width("uses labels", 6) if row.uses_labels else 0
    name = shorten(row.label, NAME_SIZE, layout.name_width - 0.12 - tag)
    axes.text(MARGIN, y, name, size=NAME_SIZE, color=colour, va="center")
    if row.uses_labels:
        x = MARGIN + text_width(name, NAME_SIZE) + 0.08
        axes.text(x, y, "uses labels", size=6, style="italic", color=ALERT, va="center")
    word = OUTPUT_WORDS.get(row.output, row.output)
    axes.text(layout.seeds - 0.72, y, word, size=7, color=FAINT, ha="center", va="center")
    runs = str(row.n_ok) if row.n_ok == row.n_runs else f"{row.n_ok}/{row.n_runs}"
    axes.text(layout.seeds, y, runs, size=7, color=colour, ha="center", va="center")


def _draw_failure(axes: Axes, layout: Layout, row: Row, y: float) -> None:
    left = layout.columns[0].left
    box = Rectangle((left, y - ROW / 2 + 0.05), layout.right - left, ROW - 0.1, fc="none", ec=RULE, hatch="////", lw=0)
    axes.add_patch(box)
    message = shorten(row.message, 7.5, layout.right - left - 0.3)
    frame = {"fc": "white", "ec": "none", "pad": 1.5}
    axes.text(left + 0.1, y, message, size=7.5, color=ALERT, va="center", bbox=frame)


def _draw_numbers(axes: Axes, layout: Layout, row: Row, y: float, scales: dict, placed: Standing) -> None:
    for column in layout.columns:
        value = (placed.values if column.kind == "short" else row.values).get(column.name)
        middle = column.left + (0.3 if column.bar else column.width / 2)
        if value is None:
            axes.text(middle, y, "n/a", size=6, style="italic", color=FAINT, ha="center", va="center")
        elif column.kind == "circle":
            shade = _SHADES["control" if row.control else column.theme]
            _draw_circle(axes, middle, y, value, scales[column.name], shade)
        elif column.kind == "short":
            text = f"{value.mean:.3f}{placed.mark(column.name)}"
            _draw_bar(axes, column, row, value, y, text, SHORT_BAR)
        else:
            text = f"{value.mean:.3f} {value.interval}"
            if column.group == "overall":
                text += placed.mark("raw")
            else:
                names = [one.name for one in layout.columns if one.group == column.group and not one.bar]
                text = f"{text}  {_count(row, names)}".rstrip()
            _draw_bar(axes, column, row, value, y, text, BAR)


def _draw_bar(axes: Axes, column: Column, row: Row, value: Value, y: float, text: str, full: float) -> None:
    left, height = column.left + 0.05, 0.17
    axes.add_patch(Rectangle((left, y - height / 2), full, height, color="#e6e6e6", lw=0))
    colour = CONTROL if row.control else _BARS[column.theme]
    length = full * float(np.clip(value.mean, 0, 1))
    axes.add_patch(Rectangle((left, y - height / 2), length, height, color=colour, lw=0, label=f"bar {column.name}"))
    if np.isfinite(value.half_width):
        ends = np.clip([value.mean - value.half_width, value.mean + value.half_width], 0, 1)
        axes.plot(left + full * ends, [y, y], color=INK, lw=1.1, solid_capstyle="butt", label=f"interval {column.name}")
    axes.text(left + full + 0.06, y, text, size=NUMBER_SIZE, color=FAINT if row.control else INK, va="center")


def _draw_circle(axes: Axes, x: float, y: float, value: Value, scale: tuple[float, float], shade: str) -> None:
    worst, best = scale
    share = float(np.clip((value.mean - worst) / (best - worst), 0, 1)) if best != worst else 1.0
    colour = _shades(shade)(share)
    radius = 0.075 + 0.075 * np.sqrt(share)
    axes.add_patch(Circle((x, y), radius, facecolor=colour, edgecolor="#00000030", lw=0.4))
    # z: what rounds to zero has no sign.
    text = f"{value.mean:z.{0 if max(scale) >= 10 else 2}f}"
    axes.text(x, y, text, size=6, color=_contrast(colour), ha="center", va="center")


def _shades(name: str) -> Colormap:
    """The part of a colour map between nearly white and nearly black."""
    return ListedColormap(matplotlib.colormaps[name](np.linspace(0.08, 0.6 if name == "Greys" else 0.85, 256)))


def _contrast(colour: tuple) -> str:
    red, green, blue = to_rgb(colour)
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else INK


def _scale(name: str, rows: list[Row], metrics: Mapping[str, Mapping]) -> tuple[float, float]:
    """Values drawn as worst and best: of the range of the metric, but not from below 0 on."""
    facts = metrics.get(name, {})
    low, high = facts.get("range") or (0, 1)
    seen = [row.values[name].mean for row in rows if name in row.values]
    high = float(high if high is not None and np.isfinite(high) else max(seen, default=1))
    low = max(0.0, low if low is not None and np.isfinite(low) else 0.0)
    return (high, low) if facts.get("better") == "lower" else (low, high)


def _notes(
    rows: list[Row],
    columns: dict[str, list[str]],
    dropped: list[str],
    metrics: Mapping[str, Mapping],
    definition: Definition,
    weights: Mapping[str, float] | None,
) -> list[str]:
    counts = sorted({value.n for row in rows for value in row.values.values()})
    whose = "" if definition.name == "scib" else f" Metrics of the {definition.label}."
    notes = []
    if counts:
        runs = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
        notes.append(
            f"Mean over seeds ({runs} runs) ± half-width of the 95 % t-interval; one run (n=1) has no interval. "
            f"Overall = {weights_words(weights)}, per run. Higher is better.{whose}"
        )
    if any(row.control for row in rows):
        notes.append("Grey: controls, which bound what a score means. They are no candidates.")
    if any(_count(row, columns[group]) for row in rows for group in definition.groups):
        notes.append(
            "n/a: the metric does not apply to this output. Such as 2/5: the score is the mean of the 2 metrics of 5 "
            "that the method has."
        )
    if columns[AUXILIARY]:
        notes.append("Beside: enters no score.")
    if dropped:
        names = ", ".join(metric_label(metrics, name) for name in dropped)
        notes.append(f"Not applicable to this data set, left out: {names}.")
    return notes
