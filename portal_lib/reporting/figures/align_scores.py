"""The table of one data set of the task "align", as a figure: methods by metrics, better is darker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Rectangle

from portal_lib.errors import DataError
from portal_lib.reporting._align import (
    GROUP_TITLES,
    LINE,
    Measure,
    align_measures,
    align_rows,
    part_label,
    pick_headline,
    write_number,
)
from portal_lib.reporting._rows import STATUS_WORDS, Row, Value, of_dataset
from portal_lib.reporting.figures.style import FAINT, INK, inch_canvas, shorten, styled, text_width, wrap
from portal_lib.reporting.figures.table import (
    BAND,
    FAILURE_ROOM,
    GAP,
    HEAD_SIZE,
    MARGIN,
    MAX_HEAD,
    MAX_NAME,
    NOTE_SIZE,
    ROW,
    Layout,
    _contrast,
    _draw_failure,
    _draw_name,
    _name_width,
    _shades,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = 0.6

SHADES = {"align": "Blues", "translate": "Oranges", "control": "Greys"}
BANDS = {"align": "#2171b5", "translate": "#d94801"}
# A method of both tasks says what it gives when it integrates; when it aligns, it translates.
OUTPUT_WORDS = {"translate": "translation", "embed": "translation"}
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class _Cell:
    """A column and its left end in inches."""

    measure: Measure
    left: float


@styled
def plot_align_scores(
    summary: pd.DataFrame,
    resources: pd.DataFrame,
    methods: Mapping[str, Mapping],
    metrics: Mapping[str, Mapping],
    dataset: str,
    *,
    label: str | None = None,
    headline: str | None = None,
) -> Figure:
    """Draw the scores of one data set: a row per method, a shaded cell per metric.

    Parameters
    ----------
    summary
        Columns dataset, method, metric, group, n, mean, half_width. Parts of metrics are called ``metric:part``.
    resources
        Columns dataset, method, seed, status, reason: says which methods ran and why one failed.
    methods
        Facts by name: label, control, uses_labels, output. A variant ``name.variant`` finds those of ``name``.
    metrics
        Facts by name: label, range, better.
    dataset
        Which data set of both tables.
    label
        Its name for people.
    headline
        The metric (or ``metric:part``) that orders the methods; by default the first of the figure.

    Returns
    -------
    The figure. Cells hold the mean and the half-width of the 95 % interval over runs, and are the darker the nearer
    the mean is to perfect, on a scale from what a translation without any information gets; the best mean of a column,
    controls apart, is bold. Failed methods say their status, and their reason below; controls are grey, below a line.

    Raises
    ------
    DataError
        Neither table has a row of the data set, or no method has the headline.
    """
    summary, resources = of_dataset(summary, dataset), of_dataset(resources, dataset)
    measures, dropped = align_measures(summary, metrics)
    lead = pick_headline(measures, headline)
    rows = align_rows(summary, resources, methods, lead)
    if not rows:
        raise DataError(f"no results of data set '{dataset}' to draw")
    layout = _layout(rows, measures)
    reasons, marks = _failures(rows)
    said = [*_notes(rows, measures, dropped, lead, metrics), *reasons]
    notes = [line for note in said for line in wrap(note, NOTE_SIZE, layout.right - MARGIN)]
    split = GAP if 0 < sum(row.control for row in rows) < len(rows) else 0
    bottom = layout.top + len(rows) * ROW + split
    figure, axes = inch_canvas(layout.width, bottom + 0.2 + LINE * len(notes))
    axes.text(MARGIN, 0.26, label or dataset, size=11, weight="bold", color=INK, va="center")
    _draw_heads(axes, layout)
    _draw_rows(axes, layout, rows, marks, split)
    for i, note in enumerate(notes):
        axes.text(MARGIN, bottom + 0.2 + LINE * i, note, size=NOTE_SIZE, color=FAINT, va="center")
    return figure


def _layout(rows: list[Row], measures: list[Measure]) -> Layout:
    name_width = min(MAX_NAME, max(0.7, *(_name_width(row) for row in rows))) + 0.12
    left, cells = MARGIN + name_width + 1.35, []
    for group in GROUP_TITLES:
        members = [measure for measure in measures if measure.group == group]
        left += GAP if members and cells else 0
        cells += [_Cell(measure, left + CELL * i) for i, measure in enumerate(members)]
        # The title of a group is not wider than its band.
        least = text_width(GROUP_TITLES[group], HEAD_SIZE, bold=True) + 0.1 if members else 0
        left += max(CELL * len(members), least)
    spans = [text_width(_head(cell), HEAD_SIZE) for cell in cells]
    rise = max(spans, default=0) * np.sin(np.pi / 4)
    reach = [cell.left + CELL / 2 + span * np.cos(np.pi / 4) + MARGIN for cell, span in zip(cells, spans, strict=True)]
    left += FAILURE_ROOM if all(row.failed for row in rows) else 0
    return Layout(cells or [_Cell(None, left - FAILURE_ROOM)], name_width, left, max(left + MARGIN, *reach, 0),
                  0.55 + rise + 0.1 + BAND)  # fmt: skip


def _head(cell: _Cell) -> str:
    """Shortened label; the arrow stays."""
    arrow = cell.measure.head.removeprefix(cell.measure.label)
    return shorten(cell.measure.label, HEAD_SIZE, MAX_HEAD - text_width(arrow, HEAD_SIZE)) + arrow


def _cells(layout: Layout) -> list[_Cell]:
    return [cell for cell in layout.columns if cell.measure]


def _draw_heads(axes: Axes, layout: Layout) -> None:
    y = layout.top - BAND / 2 - 0.02
    bold = {"size": HEAD_SIZE, "weight": "bold", "va": "center"}
    for group, title in GROUP_TITLES.items():
        lefts = [cell.left for cell in _cells(layout) if cell.measure.group == group]
        if lefts:
            width = max(lefts[-1] + CELL - lefts[0], text_width(title, HEAD_SIZE, bold=True) + 0.1)
            axes.add_patch(Rectangle((lefts[0], layout.top - BAND), width, BAND - 0.04, color=BANDS[group], lw=0))
            axes.text(lefts[0] + width / 2, y, title, color="white", ha="center", **bold)
    for cell in _cells(layout):
        style = {"size": HEAD_SIZE, "color": INK, "rotation": 45, "rotation_mode": "anchor"}
        place = cell.left + CELL / 2 - 0.04, layout.top - BAND - 0.05
        axes.text(*place, _head(cell), ha="left", va="bottom", **style)
    axes.text(MARGIN, y, "Method", color=INK, ha="left", **bold)
    axes.text(layout.seeds - 0.72, y, "Output", color=INK, ha="center", **bold)
    axes.text(layout.seeds, y, "Runs", color=INK, ha="center", **bold)


def _draw_rows(axes: Axes, layout: Layout, rows: list[Row], marks: dict[str, str], split: float) -> None:
    best = {cell.measure.name: _best(rows, cell.measure) for cell in _cells(layout)}
    top = layout.top
    for i, row in enumerate(rows):
        if row.control and split and not rows[i - 1].control:
            axes.plot([MARGIN, layout.right], [top + split / 2] * 2, color=INK, lw=0.7)
            top += split
        if i % 2 == 0:
            stripe = (MARGIN - 0.05, top), layout.right - MARGIN + 0.1, ROW
            axes.add_patch(Rectangle(*stripe, color="#f5f5f5", lw=0, zorder=0))
        middle = top + ROW / 2
        _draw_name(axes, layout, replace(row, output=OUTPUT_WORDS.get(row.output, row.output)), middle)
        if row.failed:
            word = f"{STATUS_WORDS.get(row.status, row.status)}{marks.get(row.name, '')}"
            _draw_failure(axes, layout, replace(row, status=word, reason=""), middle)
        else:
            for cell in _cells(layout):
                _draw_cell(axes, cell, row, middle, bold=row.name in best[cell.measure.name])
        top += ROW


def _best(rows: list[Row], measure: Measure) -> set[str]:
    """Names of the methods with the best mean, as it is written; controls are no candidates, lying well is no race."""
    if not measure.judges:
        return set()
    means = {
        row.name: round(row.values[measure.name].mean, measure.decimals)
        for row in rows
        if not row.control and measure.name in row.values
    }
    top = (max if measure.better == "higher" else min)(means.values(), default=None)
    return {name for name, mean in means.items() if mean == top}


def _draw_cell(axes: Axes, cell: _Cell, row: Row, y: float, *, bold: bool) -> None:
    value, middle = row.values.get(cell.measure.name), cell.left + CELL / 2
    if value is None:
        axes.text(middle, y, "n/a", size=6, style="italic", color=FAINT, ha="center", va="center")
        return
    shade = _shades(SHADES["control" if row.control else cell.measure.group])(cell.measure.quality(value.mean))
    box = (cell.left + 0.015, y - ROW / 2 + 0.015), CELL - 0.03, ROW - 0.03
    axes.add_patch(Rectangle(*box, facecolor=shade, lw=0, label=f"cell {cell.measure.name}"))
    style = {"color": _contrast(shade), "ha": "center", "va": "center"}
    mean, interval = _cell_texts(value, cell.measure)
    axes.text(middle, y - 0.055, mean, size=7, weight="bold" if bold else "normal", **style)
    axes.text(middle, y + 0.08, interval, size=5.5, **style)


def _cell_texts(value: Value, measure: Measure) -> tuple[str, str]:
    """Mean, and below it the half-width or that there is one run."""
    mean = write_number(value.mean, measure.decimals)
    if not np.isfinite(value.half_width):
        return mean, value.interval
    return mean, f"± {write_number(value.half_width, measure.decimals)}"


def _failures(rows: list[Row]) -> tuple[list[str], dict[str, str]]:
    """Footnotes with the reasons, and the mark of each method that has one; equal reasons share a note."""
    notes: dict[str, str] = {}
    marks = {}
    for row in rows:
        if row.failed and row.reason:
            marks[row.name] = " " + notes.setdefault(row.reason, str(len(notes) + 1).translate(SUPERSCRIPTS))
    partly = [
        f"{row.label}: {row.n_runs - row.n_ok} of {row.n_runs} runs failed ({row.message}); its numbers are of the "
        "others."
        for row in rows
        if not row.failed and row.n_ok < row.n_runs
    ]
    return [*(f"{mark} {reason}" for reason, mark in notes.items()), *partly], marks


def _notes(
    rows: list[Row], measures: list[Measure], dropped: list[str], lead: Measure | None, metrics: Mapping
) -> list[str]:
    counts = sorted({value.n for row in rows for value in row.values.values()})
    notes = []
    if counts:
        runs = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
        notes.append(
            f"Mean over runs ({runs}), below it the half-width of the 95 % t-interval; one run (n=1) has none. "
            f"Sorted by {lead.label}. Bold: best mean of a column; a lead within the intervals is none."
        )
    if measures:
        notes.append(
            "↑ higher is better, ↓ lower is better. Shade: from what tells nothing (FOSCTTM 0.5, the error of the "
            "column means or of random cells, r = 0; else the worse end) to perfect."
        )
    notes += [f"{measure.label}: {measure.note}" for measure in measures if measure.note]
    if any(row.control for row in rows):
        notes.append("Grey: controls, which bound what a score means. They are no candidates.")
    if any(row.uses_labels for row in rows):
        notes.append("Uses labels: sees the truth that the others are scored by.")
    if any(0 < sum(m.name in row.values for m in measures) < len(measures) for row in rows):
        notes.append("n/a: the metric does not apply to this output.")
    if dropped:
        names = ", ".join(part_label(metrics, name) for name in dropped)
        notes.append(f"Not applicable to this data set, left out: {names}.")
    return notes
