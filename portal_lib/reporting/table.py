"""The scIB table: methods by metrics, with the scores of each group and overall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, ListedColormap, to_rgb
from matplotlib.patches import Circle, Rectangle

from portal_lib.errors import DataError
from portal_lib.reporting._rows import (
    GROUP_LABELS,
    GROUPS,
    Row,
    Value,
    metric_columns,
    metric_label,
    of_dataset,
    table_rows,
)
from portal_lib.reporting._sample import sample_sentences
from portal_lib.reporting.style import ALERT, CONTROL, FAINT, INK, RULE, inch_canvas, shorten, styled, text_width, wrap

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
GAP = 0.16
BAND = 0.22
NAME_SIZE, NUMBER_SIZE, HEAD_SIZE, NOTE_SIZE = 8, 6.5, 7.5, 6.5
MAX_NAME = 2.6
MAX_HEAD = 1.7
# A table without any number is widened by this for its messages.
FAILURE_ROOM = 2.5

OUTPUT_WORDS = {"embed": "embedding", "knn": "graph", "full": "expression"}
_SHADES = {"overall": "Purples", "batch": "Blues", "bio": "Oranges", "control": "Greys"}
_BARS = {"overall": "#6a51a3", "batch": "#2171b5", "bio": "#d94801"}


@dataclass(frozen=True)
class Column:
    """A column of numbers: where it begins, and whether it is a bar (a score) or a circle (a metric)."""

    name: str
    group: str
    left: float
    bar: bool

    @property
    def width(self) -> float:
        """Inches."""
        return BAR_COLUMN if self.bar else CIRCLE_COLUMN


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

    Returns
    -------
    The figure. Methods are sorted by their mean overall score, failed ones come last and say their status; controls are
    grey, below a line. A half-width is that of the 95 % interval of the mean over seeds.

    Raises
    ------
    DataError
        Neither table has a row of the data set.
    """
    summary, resources = of_dataset(summary, dataset), of_dataset(resources, dataset)
    rows = table_rows(summary, resources, methods)
    if not rows:
        raise DataError(f"no results of data set '{dataset}' to draw")
    columns, dropped = metric_columns(summary, metrics)
    heads = {name: metric_label(metrics, name) for group in GROUPS for name in columns[group]}
    layout = _layout(rows, columns, heads)
    notes = [
        line
        for note in [*_notes(rows, columns, dropped, metrics), *sample_sentences(scored)]
        for line in wrap(note, NOTE_SIZE, layout.right - MARGIN)
    ]
    split = GAP if 0 < sum(row.control for row in rows) < len(rows) else 0
    bottom = layout.top + len(rows) * ROW + split
    figure, axes = inch_canvas(layout.width, bottom + 0.2 + 0.135 * len(notes))
    axes.text(MARGIN, 0.26, label or dataset, size=11, weight="bold", color=INK, va="center")
    _draw_heads(axes, layout, heads)
    _draw_rows(axes, layout, rows, metrics, split)
    for i, note in enumerate(notes):
        axes.text(MARGIN, bottom + 0.2 + 0.135 * i, note, size=NOTE_SIZE, color=FAINT, va="center")
    return figure


def _layout(rows: list[Row], columns: dict[str, list[str]], heads: dict[str, str]) -> Layout:
    name_width = min(MAX_NAME, max(0.7, *(_name_width(row) for row in rows))) + 0.12
    left = MARGIN + name_width + 1.35
    placed = [Column("overall", "overall", left, True)]
    left += BAR_COLUMN
    for group in GROUPS:
        if any(group in row.values for row in rows) or columns[group]:
            left += GAP
            placed.append(Column(group, group, left, True))
            left += BAR_COLUMN
            for name in columns[group]:
                placed.append(Column(name, group, left, False))
                left += CIRCLE_COLUMN
    spans = [text_width(shorten(head, HEAD_SIZE, MAX_HEAD), HEAD_SIZE) for head in heads.values()]
    rise = max(spans, default=0) * np.sin(np.pi / 4)
    circles = [column.left + CIRCLE_COLUMN / 2 for column in placed if not column.bar]
    reach = [x + span * np.cos(np.pi / 4) + MARGIN for x, span in zip(circles, spans, strict=True)]
    if all(row.failed for row in rows):
        left += FAILURE_ROOM
    return Layout(placed, name_width, left, max(left + MARGIN, *reach, 0), 0.55 + rise + 0.1 + BAND)


def _name_width(row: Row) -> float:
    tag = 0.08 + text_width("uses labels", 6) if row.uses_labels else 0
    return text_width(row.label, NAME_SIZE) + tag


def _draw_heads(axes: Axes, layout: Layout, heads: dict[str, str]) -> None:
    bottom = layout.top
    for group in ("overall", *GROUPS):
        members = [column for column in layout.columns if column.group == group]
        if members:
            left, right = members[0].left, members[-1].left + members[-1].width
            axes.add_patch(Rectangle((left, bottom - BAND), right - left, BAND - 0.04, color=_BARS[group], lw=0))
            place = (left + right) / 2, bottom - BAND / 2 - 0.02
            axes.text(
                *place, GROUP_LABELS[group], size=HEAD_SIZE, weight="bold", color="white", ha="center", va="center"
            )
    for column in layout.columns:
        if not column.bar:
            place = column.left + column.width / 2 - 0.04, bottom - BAND - 0.05
            head = shorten(heads[column.name], HEAD_SIZE, MAX_HEAD)
            style = {"size": HEAD_SIZE, "color": INK, "rotation": 45, "rotation_mode": "anchor"}
            axes.text(*place, head, ha="left", va="bottom", **style)
    for x, head, align in (
        (MARGIN, "Method", "left"),
        (layout.seeds - 0.72, "Output", "center"),
        (layout.seeds, "Runs", "center"),
    ):
        axes.text(x, bottom - BAND / 2 - 0.02, head, size=HEAD_SIZE, color=INK, ha=align, va="center", weight="bold")


def _draw_rows(axes: Axes, layout: Layout, rows: list[Row], metrics: Mapping[str, Mapping], split: float) -> None:
    scales = {column.name: _scale(column.name, rows, metrics) for column in layout.columns}
    widest = {group: _most_metrics(rows, layout, group) for group in GROUPS}
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
            _draw_numbers(axes, layout, row, middle, scales, widest)
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


def _draw_numbers(axes: Axes, layout: Layout, row: Row, y: float, scales: dict, widest: dict[str, int]) -> None:
    for column in layout.columns:
        value = row.values.get(column.name)
        middle = column.left + (0.3 if column.bar else column.width / 2)
        if value is None:
            axes.text(middle, y, "n/a", size=6, style="italic", color=FAINT, ha="center", va="center")
        elif column.bar:
            fewer = column.group in GROUPS and _n_metrics(row, layout, column.group) < widest[column.group]
            _draw_bar(axes, column, row, value, y, "†" if fewer else "")
        else:
            _draw_circle(
                axes, middle, y, value, scales[column.name], _SHADES["control" if row.control else column.group]
            )


def _draw_bar(axes: Axes, column: Column, row: Row, value: Value, y: float, mark: str) -> None:
    left, height = column.left + 0.05, 0.17
    axes.add_patch(Rectangle((left, y - height / 2), BAR, height, color="#e6e6e6", lw=0))
    colour = CONTROL if row.control else _BARS[column.group]
    length = BAR * float(np.clip(value.mean, 0, 1))
    axes.add_patch(Rectangle((left, y - height / 2), length, height, color=colour, lw=0, label=f"bar {column.name}"))
    if np.isfinite(value.half_width):
        ends = np.clip([value.mean - value.half_width, value.mean + value.half_width], 0, 1)
        axes.plot(left + BAR * ends, [y, y], color=INK, lw=1.1, solid_capstyle="butt", label=f"interval {column.name}")
    text = f"{value.mean:.3f} {value.interval}{mark}"
    axes.text(left + BAR + 0.06, y, text, size=NUMBER_SIZE, color=FAINT if row.control else INK, va="center")


def _draw_circle(axes: Axes, x: float, y: float, value: Value, scale: tuple[float, float], shade: str) -> None:
    low, high = scale
    share = float(np.clip((value.mean - low) / (high - low), 0, 1)) if high > low else 1.0
    colour = _shades(shade)(share)
    radius = 0.075 + 0.075 * np.sqrt(share)
    axes.add_patch(Circle((x, y), radius, facecolor=colour, edgecolor="#00000030", lw=0.4))
    axes.text(x, y, f"{value.mean:.2f}", size=6, color=_contrast(colour), ha="center", va="center")


def _shades(name: str) -> Colormap:
    """The part of a colour map between nearly white and nearly black."""
    return ListedColormap(matplotlib.colormaps[name](np.linspace(0.08, 0.6 if name == "Greys" else 0.85, 256)))


def _contrast(colour: tuple) -> str:
    red, green, blue = to_rgb(colour)
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else INK


def _scale(name: str, rows: list[Row], metrics: Mapping[str, Mapping]) -> tuple[float, float]:
    """Values drawn smallest and largest: 0 (or a higher lower end) and the upper end of the metric's range."""
    low, high = metrics.get(name, {}).get("range") or (0, 1)
    seen = [row.values[name].mean for row in rows if name in row.values]
    high = high if high is not None and np.isfinite(high) else max(seen, default=1)
    return max(0.0, low if low is not None and np.isfinite(low) else 0.0), float(high)


def _n_metrics(row: Row, layout: Layout, group: str) -> int:
    return sum(column.name in row.values for column in layout.columns if column.group == group and not column.bar)


def _most_metrics(rows: list[Row], layout: Layout, group: str) -> int:
    return max(_n_metrics(row, layout, group) for row in rows)


def _notes(
    rows: list[Row], columns: dict[str, list[str]], dropped: list[str], metrics: Mapping[str, Mapping]
) -> list[str]:
    counts = sorted({value.n for row in rows for value in row.values.values()})
    notes = []
    if counts:
        runs = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
        notes.append(
            f"Mean over seeds ({runs} runs) ± half-width of the 95 % t-interval; one run (n=1) has no interval. "
            "Overall = 0.4 batch + 0.6 bio, per run. Higher is better."
        )
    if any(row.control for row in rows):
        notes.append("Grey: controls, which bound what a score means. They are no candidates.")
    if any(0 < sum(name in row.values for name in columns[g]) < len(columns[g]) for row in rows for g in GROUPS):
        notes.append("n/a: the metric does not apply to this output. † mean of fewer metrics than in other rows.")
    if dropped:
        names = ", ".join(metric_label(metrics, name) for name in dropped)
        notes.append(f"Not applicable to this data set, left out: {names}.")
    return notes
