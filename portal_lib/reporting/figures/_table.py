"""Shared by the tables of methods by metrics: names of methods, slanted heads under coloured bands, rows, failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Rectangle

from portal_lib.reporting.figures import _style

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from portal_lib.reporting._rows import Row

ROW, GAP, BAND = 0.34, 0.16, 0.22
NAME_SIZE, HEAD_SIZE, INPUT_SIZE = 8, 7.5, 6.5
MAX_NAME, MAX_HEAD = 2.6, 1.7
# Width of the columns "Output" and "Runs", and of the messages in a table without any number.
OUTPUT_AND_RUNS, FAILURE_WIDTH = 1.35, 2.5
TAG, TAG_SIZE = "uses labels", 6
OUTPUT_WORDS = {"embed": "embedding", "knn": "graph", "full": "expression"}


@dataclass(frozen=True)
class Column:
    """A column of numbers, in inches; `kind` says how they are drawn, `head` is its slanted head, if it has one."""

    name: str
    group: str
    left: float
    width: float
    kind: str
    head: str = ""

    @property
    def middle(self) -> float:
        """Where the head and short values are centred; for a bar, near its left end."""
        return self.left + (0.3 if self.kind in ("bar", "short bar") else self.width / 2)


@dataclass(frozen=True)
class Band:
    """The coloured title above the columns of one group."""

    title: str
    left: float
    right: float
    colour: str


@dataclass(frozen=True)
class Layout:
    """Positions of the parts of a table, in inches from the upper left corner."""

    columns: list[Column]
    bands: list[Band]
    name_width: float
    right: float
    width: float
    top: float
    input_width: float = 0

    @property
    def left(self) -> float:
        """Left end of the numbers."""
        return numbers_start(self.name_width + self.input_width)

    @property
    def runs(self) -> float:
        """Middle of the column "Runs"."""
        return _style.MARGIN + self.name_width + self.input_width + 1.12

    @property
    def output(self) -> float:
        """Middle of the column "Output"."""
        return self.runs - 0.72


def name_column(rows: Sequence[Row]) -> float:
    """Width of the column of names."""
    return min(MAX_NAME, max(0.7, *(_style.text_width(row.label, NAME_SIZE) + _tag_width(row) for row in rows))) + 0.12


def input_column(rows: Sequence[Row]) -> float:
    """Width of the column "Input"; 0 where no row has one."""
    spans = [_style.text_width(row.short_input, INPUT_SIZE) for row in rows if row.input]
    return max(0.45, *spans) + 0.12 if spans else 0


def numbers_start(name_width: float) -> float:
    """Left end of the first column of numbers, behind columns of names and inputs that are so wide together."""
    return _style.MARGIN + name_width + OUTPUT_AND_RUNS


def lay_out(columns: list[Column], bands: list[Band], rows: Sequence[Row], right: float) -> Layout:
    """Fit the slanted column heads, and messages where every method failed; columns end at `right`."""
    spans = [(column, _style.text_width(column.head, HEAD_SIZE)) for column in columns if column.head]
    rise = max((span for _, span in spans), default=0) * np.sin(np.pi / 4)
    reach = [column.left + column.width / 2 + span * np.cos(np.pi / 4) + _style.MARGIN for column, span in spans]
    right += FAILURE_WIDTH if all(row.failed for row in rows) else 0
    width = max(right + _style.MARGIN, *reach, 0)
    return Layout(columns, bands, name_column(rows), right, width, 0.55 + rise + 0.1 + BAND, input_column(rows))


def draw_table(
    layout: Layout,
    rows: Sequence[Row],
    *,
    title: str,
    notes: Sequence[str],
    outputs: Mapping[str, str],
    messages: Mapping[str, str],
    draw_numbers: Callable[[Axes, Row, float], None],
) -> Figure:
    """Draw a table: a title, heads, a row per method, notes.

    Parameters
    ----------
    layout
        From :func:`lay_out`.
    rows
        In the order of the table; controls last, below a line.
    title
        Of the figure.
    notes
        Text below the table.
    outputs
        Words for kinds of output.
    messages
        What is written for a failed method, by name.
    draw_numbers
        Draws the numbers of one row, whose middle is at the given height.

    Returns
    -------
    The figure.
    """
    lines = _style.wrap_notes(notes, layout.right - _style.MARGIN)
    split = GAP if 0 < sum(row.control for row in rows) < len(rows) else 0
    bottom = layout.top + len(rows) * ROW + split
    figure, axes = _style.inch_canvas(layout.width, bottom + 0.2 + _style.LINE * len(lines))
    _style.draw_title(axes, title)
    _draw_heads(axes, layout)
    top = layout.top
    for i, row in enumerate(rows):
        if row.control and split and not rows[i - 1].control:
            axes.plot([_style.MARGIN, layout.right], [top + split / 2] * 2, color=_style.INK, lw=0.7)
            top += split
        if i % 2 == 0:
            stripe = (_style.MARGIN - 0.05, top), layout.right - _style.MARGIN + 0.1, ROW
            axes.add_patch(Rectangle(*stripe, color="#f5f5f5", lw=0, zorder=0))
        middle = top + ROW / 2
        _draw_name(axes, layout, row, middle, outputs)
        if row.failed:
            _draw_failure(axes, layout, messages[row.name], middle)
        else:
            draw_numbers(axes, row, middle)
        top += ROW
    _style.draw_notes(axes, lines, bottom + 0.2)
    return figure


def draw_missing(axes: Axes, column: Column, y: float) -> None:
    """Say that a metric does not apply to a method."""
    axes.text(column.middle, y, "n/a", size=6, style="italic", color=_style.FAINT, ha="center", va="center")


def dropped_note(names: Sequence[str]) -> str:
    """A note that names the metrics without any value; empty where there are none."""
    return f"Not applicable to this data set, left out: {', '.join(names)}." if names else ""


def counts_note(rows: Sequence[Row]) -> str:
    """Number of values behind a mean, such as ``"n = 5"`` or ``"n = 1 to 5"``; empty without any value."""
    counts = sorted({value.n for row in rows for value in row.values.values()})
    if not counts:
        return ""
    return f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"


def _draw_heads(axes: Axes, layout: Layout) -> None:
    y = layout.top - BAND / 2 - 0.02
    bold = {"size": HEAD_SIZE, "weight": "bold", "va": "center"}
    for band in layout.bands:
        width = band.right - band.left
        axes.add_patch(Rectangle((band.left, layout.top - BAND), width, BAND - 0.04, color=band.colour, lw=0))
        axes.text((band.left + band.right) / 2, y, band.title, color="white", ha="center", **bold)
    for column in layout.columns:
        if column.head:
            style = {"size": HEAD_SIZE, "color": _style.INK, "rotation": 45, "rotation_mode": "anchor"}
            place = column.middle - 0.04, layout.top - BAND - 0.05
            axes.text(*place, column.head, ha="left", va="bottom", **style)
    heads_of_text = [(_style.MARGIN, "Method", "left")]
    if layout.input_width:
        heads_of_text.append((_style.MARGIN + layout.name_width, "Input", "left"))
    for x, head, align in (
        *heads_of_text,
        (layout.output, "Output", "center"),
        (layout.runs, "Runs", "center"),
    ):
        axes.text(x, y, head, color=_style.INK, ha=align, **bold)


def _tag_width(row: Row) -> float:
    return 0.08 + _style.text_width(TAG, TAG_SIZE) if row.uses_labels else 0


def _draw_name(axes: Axes, layout: Layout, row: Row, y: float, outputs: Mapping[str, str]) -> None:
    colour = _style.FAINT if row.control else _style.INK
    name = _style.shorten(row.label, NAME_SIZE, layout.name_width - 0.12 - _tag_width(row))
    axes.text(_style.MARGIN, y, name, size=NAME_SIZE, color=colour, va="center")
    if row.uses_labels:
        x = _style.MARGIN + _style.text_width(name, NAME_SIZE) + 0.08
        axes.text(x, y, TAG, size=TAG_SIZE, style="italic", color=_style.ALERT, va="center")
    place = _style.MARGIN + layout.name_width
    axes.text(place, y, row.short_input, size=INPUT_SIZE, color=_style.FAINT, va="center")
    centred = {"size": 7, "ha": "center", "va": "center"}
    axes.text(layout.output, y, outputs.get(row.output, row.output), color=_style.FAINT, **centred)
    runs = str(row.n_ok) if row.n_ok == row.n_runs else f"{row.n_ok}/{row.n_runs}"
    axes.text(layout.runs, y, runs, color=colour, **centred)


def _draw_failure(axes: Axes, layout: Layout, message: str, y: float) -> None:
    width = layout.right - layout.left
    place = (layout.left, y - ROW / 2 + 0.05), width, ROW - 0.1
    axes.add_patch(Rectangle(*place, fc="none", ec=_style.RULE, hatch="////", lw=0))
    frame = {"fc": "white", "ec": "none", "pad": 1.5}
    text = _style.shorten(message, 7.5, width - 0.3)
    axes.text(layout.left + 0.1, y, text, size=7.5, color=_style.ALERT, va="center", bbox=frame)
