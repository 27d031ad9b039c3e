"""Methods by metrics of a data set to align; the better a value, the darker its cell."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from portal_lib.errors import DataError
from portal_lib.reporting._align import (
    GROUP_TITLES,
    Measure,
    align_measures,
    align_rows,
    part_label,
    part_of,
    pick_headline,
    write_number,
)
from portal_lib.reporting._rows import STATUS_WORDS, Row, Value, of_dataset
from portal_lib.reporting.figures import _style, _table

FIGURE = {
    "label": "{dataset}: methods by metrics",
    "category": "Scores",
    "file": "scores.{dataset}",
    "tasks": ["align"],
    "inputs": ["summary", "resources"],
    "facts": ["methods", "metrics", "dataset", "label"],
}

CELL = 0.66
SHADES = {"align": "Blues", "translate": "Oranges", "control": "Greys"}
BANDS = {"align": "#2171b5", "translate": "#d94801"}
# The output "embed" is that of a method for both tasks: when it aligns, it translates.
OUTPUTS = _table.OUTPUT_WORDS | {"translate": "translation", "embed": "translation"}
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@_style.styled
def draw(
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
        Columns dataset, method, metric, group, n, mean, ci_low, ci_high. Parts of metrics are called ``metric:part``.
    resources
        Columns dataset, method, seed, status, reason: which methods ran, and why one failed.
    methods
        Facts by name: label, control, uses_labels, output. A variant ``name.variant`` has those of ``name``.
    metrics
        Facts by name: label, range, better.
    dataset
        Which data set of both tables.
    label
        Its display name.
    headline
        The metric (or ``metric:part``) that orders the methods; by default the first of the figure.

    Returns
    -------
    The figure. Cells hold the mean and its 95 % interval over runs. The nearer a mean is to perfect,
    the darker its cell, on a scale that starts at the value of an uninformative translation. The best mean of a column,
    controls excluded, is bold. Failed methods show their status, with the reason in a note; controls are grey, below a
    line.

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
    best = {measure.name: _best(rows, measure) for measure in measures}
    by_name = {measure.name: measure for measure in measures}
    reasons, marks = _failures(rows)

    def draw_numbers(axes: Axes, row: Row, y: float) -> None:
        for column in layout.columns:
            _draw_cell(axes, column, by_name[column.name], row, y, bold=row.name in best[column.name])

    messages = {row.name: f"{STATUS_WORDS.get(row.status, row.status)}{marks.get(row.name, '')}" for row in rows}
    notes = [*_notes(rows, measures, dropped, lead, metrics), *reasons]
    words = {"title": label or dataset, "notes": notes, "outputs": OUTPUTS, "messages": messages}
    return _table.draw_table(layout, rows, **words, draw_numbers=draw_numbers)


def _layout(rows: list[Row], measures: list[Measure]) -> _table.Layout:
    """A column per measure, under the bands of their groups."""
    left = _table.numbers_start(_table.name_column(rows))
    columns, bands = [], []
    for group, title in GROUP_TITLES.items():
        members = [measure for measure in measures if measure.group == group]
        if not members:
            continue
        left += _table.GAP if columns else 0
        # A band is at least as wide as its title.
        right = left + max(CELL * len(members), _style.text_width(title, _table.HEAD_SIZE, bold=True) + 0.1)
        bands.append(_table.Band(title, left, right, BANDS[group]))
        columns += [
            _table.Column(measure.name, group, left + CELL * i, CELL, "cell", _head(measure))
            for i, measure in enumerate(members)
        ]
        left = right
    return _table.lay_out(columns, bands, rows, left)


def _head(measure: Measure) -> str:
    """Shortened label, with the whole arrow."""
    arrow = measure.head.removeprefix(measure.label)
    width = _table.MAX_HEAD - _style.text_width(arrow, _table.HEAD_SIZE)
    return _style.shorten(measure.label, _table.HEAD_SIZE, width) + arrow


def _best(rows: list[Row], measure: Measure) -> set[str]:
    """Methods with the best printed mean, controls excluded; none for a metric that needs no ground truth."""
    if not measure.judges:
        return set()
    means = {
        row.name: round(row.values[measure.name].mean, measure.decimals)
        for row in rows
        if not row.control and measure.name in row.values
    }
    top = (max if measure.better == "higher" else min)(means.values(), default=None)
    return {name for name, mean in means.items() if mean == top}


def _draw_cell(axes: Axes, column: _table.Column, measure: Measure, row: Row, y: float, *, bold: bool) -> None:
    value = row.values.get(measure.name)
    if value is None:
        return _table.draw_missing(axes, column, y)
    shade = _style.shades(SHADES["control" if row.control else measure.group])(measure.quality(value.mean))
    box = (column.left + 0.015, y - _table.ROW / 2 + 0.015), CELL - 0.03, _table.ROW - 0.03
    axes.add_patch(Rectangle(*box, facecolor=shade, lw=0, label=f"cell {measure.name}"))
    style = {"color": _style.contrast(shade), "ha": "center", "va": "center"}
    mean, interval = _cell_texts(value, measure)
    axes.text(column.middle, y - 0.055, mean, size=7, weight="bold" if bold else "normal", **style)
    axes.text(column.middle, y + 0.08, interval, size=5.5, **style)


def _cell_texts(value: Value, measure: Measure) -> tuple[str, str]:
    """Mean, and below it the interval or that there is one run."""
    return write_number(value.mean, measure.decimals), value.interval(measure.decimals)


def _failures(rows: list[Row]) -> tuple[list[str], dict[str, str]]:
    """Footnotes with the reasons, and the mark of each method that has one; equal reasons share a note."""
    notes: dict[str, str] = {}
    marks = {}
    for row in rows:
        if row.failed and row.reason:
            marks[row.name] = " " + notes.setdefault(row.reason, str(len(notes) + 1).translate(SUPERSCRIPTS))
    partly = [
        f"{row.label}: {row.n_runs - row.n_ok} of {row.n_runs} runs failed ({row.message}); its numbers are those of "
        "the other runs."
        for row in rows
        if not row.failed and row.n_ok < row.n_runs
    ]
    return [*(f"{mark} {reason}" for reason, mark in notes.items()), *partly], marks


def _notes(
    rows: list[Row], measures: list[Measure], dropped: list[str], lead: Measure | None, metrics: Mapping
) -> list[str]:
    notes = []
    if counts := _table.counts_note(rows):
        notes.append(
            f"Mean over runs ({counts}), below it the 95 % t-interval, cut at the range of the metric; "
            "one run (n=1) has none. "
            f"Sorted by {lead.label}. Bold: best mean of a column; a lead smaller than the intervals is not conclusive."
        )
    if measures:
        notes.append(
            "↑ higher is better, ↓ lower is better. Shade: from the value of an uninformative translation (FOSCTTM "
            "0.5, the error of the column means or of random cells, r = 0; else the worse end of the range) to perfect."
        )
    for name in dict.fromkeys(part_of(measure.name)[0] for measure in measures):
        if note := metrics.get(name, {}).get("note"):
            notes.append(f"{part_label(metrics, name)}: {note}")
    if any(row.control for row in rows):
        notes.append("Grey: controls, which show the range of possible scores. They are not ranked.")
    if any(row.uses_labels for row in rows):
        notes.append("Uses labels: sees the ground truth that scores are computed from.")
    if any(0 < sum(m.name in row.values for m in measures) < len(measures) for row in rows):
        notes.append("n/a: the metric does not apply to this output.")
    return [*notes, _table.dropped_note([part_label(metrics, name) for name in dropped])]
