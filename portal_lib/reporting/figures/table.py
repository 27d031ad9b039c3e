"""Methods by metrics of a data set to integrate, with the scores of each group and overall, in the style of scIB."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from portal_lib.errors import DataError
from portal_lib.reporting._overall import (
    RANK_NOTE,
    SCALING_WORDS,
    OverallScores,
    overall_by_method,
    range_sentence,
    scalings_of,
    weights_words,
)
from portal_lib.reporting._rows import (
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
from portal_lib.reporting.figures import _style, _table

FIGURE = {
    "label": "{dataset}: methods by metrics ({definition})",
    "category": "Scores",
    "file": "table_{definition}.{dataset}",
    "tasks": ["integrate"],
    "inputs": ["summary", "resources", "overall", "ranges", "scored"],
    "facts": ["methods", "metrics", "dataset", "label", "weights", "definition"],
}

CIRCLE_COLUMN = 0.42
BAR, BAR_COLUMN = 0.62, 1.72
# A bar with its number alone.
SHORT_BAR, SHORT_COLUMN = 0.36, 0.78
# Width of the number of metrics behind a score.
COUNT_WIDTH = 0.24
NUMBER_SIZE = 6.5
AUXILIARY = "auxiliary"
SHADES = {"overall": "Purples", "batch": "Blues", "bio": "Oranges", AUXILIARY: "Greens", "control": "Greys"}
BARS = {"overall": "#6a51a3", "batch": "#2171b5", "bio": "#d94801", AUXILIARY: "#238b45"}


@_style.styled
def draw(
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
        Columns dataset, method, metric, group, n, mean, ci_low, ci_high; ``metric`` includes batch, bio and overall.
    resources
        Columns dataset, method, seed, status, reason: which methods ran, and why one failed; and, if known, input: the
        genes that a method worked on.
    methods
        Facts by name: label, control, uses_labels, output. A variant ``name.variant`` has those of ``name``.
    metrics
        Facts by name: label, group, range. Their order is the order of the columns.
    dataset
        Which data set of both tables.
    label
        Its display name.
    scored
        Which cells were scored, in the form that :func:`portal_lib.reporting._sample.sample_sentences` takes.
    overall, ranges
        ``overall.tsv`` and ``ranges.tsv``: overall scores with the other scalings, and the runs that set their ranges.
        Without them only the raw scores are drawn.
    weights
        Of batch and bio in the overall score; by default 0.4 and 0.6.
    definition
        Whose metrics: ``"scib"`` or ``"portal"`` (the Portal paper's); by default scIB's where there are any.

    Returns
    -------
    The figure. Methods are sorted by their mean raw overall score; failed methods follow with their status, controls
    are grey and below a line. Brackets hold the 95 % interval of the mean over seeds. Where a method lacks a
    metric, the number of metrics in its score is written next to the score.

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
    names, dropped = metric_columns(summary, metrics, shown)
    placed = overall_by_method(overall, dataset, shown)
    layout = _layout(rows, names, metrics, shown, scalings_of(placed))
    scales = {column.name: _scale(column.name, rows, metrics) for column in layout.columns}
    notes = [
        *_notes(rows, names, dropped, metrics, shown, weights),
        *(range_sentence(ranges, dataset, shown, name, methods, metrics) for name in ("minmax", "control")),
        *([RANK_NOTE] if any(one.mark(name) for one in placed.values() for name in one.ranks) else []),
        *sample_sentences(scored),
    ]

    def draw_numbers(axes: Axes, row: Row, y: float) -> None:
        _draw_numbers(axes, layout, row, y, scales, placed.get(row.name, OverallScores()))

    words = {"title": label or dataset, "notes": notes, "outputs": _table.OUTPUT_WORDS}
    words["messages"] = {row.name: row.message for row in rows}
    return _table.draw_table(layout, rows, **words, draw_numbers=draw_numbers)


def _head(metrics: Mapping[str, Mapping], name: str) -> str:
    """Label of a metric, with an arrow where lower is better."""
    lower = metrics.get(name, {}).get("better") == "lower"
    label = f"{metric_label(metrics, name)} ↓" if lower else metric_label(metrics, name)
    return _style.shorten(label, _table.HEAD_SIZE, _table.MAX_HEAD)


def _layout(
    rows: list[Row],
    names: dict[str, list[str]],
    metrics: Mapping[str, Mapping],
    definition: Definition,
    scalings: list[str],
) -> _table.Layout:
    """Columns under a band per group: its score as a bar, then its metrics as circles."""
    left = _table.numbers_start(_table.name_column(rows) + _table.input_column(rows))
    columns, bands = [], []
    for i, group in enumerate(_groups(rows, names, definition)):
        left += _table.GAP if i else 0
        if group == "overall":
            block = _overall_block(definition, scalings)
        else:
            block = [(name, CIRCLE_COLUMN, "circle", _head(metrics, name)) for name in names[group]]
            if group != AUXILIARY:
                counts = COUNT_WIDTH if any(_count(row, names[group]) for row in rows) else 0
                block.insert(0, (group, BAR_COLUMN + counts, "bar", ""))
        # A band is at least as wide as its title, with its columns in the middle.
        title, wide = GROUP_LABELS[group], sum(width for _, width, _, _ in block)
        margin = max(0, _style.text_width(title, _table.HEAD_SIZE, bold=True) + 0.1 - wide) / 2
        bands.append(_table.Band(title, left, left + wide + 2 * margin, BARS[_theme(group)]))
        left += margin
        for name, width, kind, head in block:
            columns.append(_table.Column(name, group, left, width, kind, head))
            left += width
        left += margin
    return _table.lay_out(columns, bands, rows, left)


def _groups(rows: list[Row], names: dict[str, list[str]], definition: Definition) -> list[str]:
    """Groups of columns: overall, those of the definition that have values, and metrics outside any score."""
    scored = [group for group in definition.groups if names[group] or any(group in row.values for row in rows)]
    return ["overall", *scored, *([AUXILIARY] if names[AUXILIARY] else [])]


def _overall_block(definition: Definition, scalings: list[str]) -> list[tuple[str, float, str, str]]:
    """Name, width, kind and head of the overall scores: raw, and those with another scaling."""
    others = [name for name in scalings if name != "raw"]
    first = (definition.overall, BAR_COLUMN, "bar", SCALING_WORDS["raw"] if others else "")
    return [first, *((name, SHORT_COLUMN, "short bar", SCALING_WORDS[name]) for name in others)]


def _theme(group: str) -> str:
    """The key of the colours of a group."""
    return group.removeprefix("portal_")


def _count(row: Row, names: Sequence[str]) -> str:
    """How many of the metrics are in a score, where a method lacks some."""
    used = sum(name in row.values for name in names)
    return "" if row.failed or used == len(names) else f"{used}/{len(names)}"


def _draw_numbers(
    axes: Axes, layout: _table.Layout, row: Row, y: float, scales: Mapping, placed: OverallScores
) -> None:
    for column in layout.columns:
        value = (placed.values if column.kind == "short bar" else row.values).get(column.name)
        if value is None:
            _table.draw_missing(axes, column, y)
        elif column.kind == "circle":
            shade = SHADES["control" if row.control else _theme(column.group)]
            _draw_circle(axes, column.middle, y, value, scales[column.name], shade)
        elif column.kind == "short bar":
            text = f"{value.mean:.3f}{placed.mark(column.name)}"
            _draw_bar(axes, column, row, value, y, text, SHORT_BAR)
        else:
            text = f"{value.mean:.3f} {value.interval()}"
            if column.group == "overall":
                text += placed.mark("raw")
            else:
                names = [one.name for one in layout.columns if one.group == column.group and one.kind == "circle"]
                text = f"{text}  {_count(row, names)}".rstrip()
            _draw_bar(axes, column, row, value, y, text, BAR)


def _draw_bar(axes: Axes, column: _table.Column, row: Row, value: Value, y: float, text: str, full: float) -> None:
    left, height = column.left + 0.05, 0.17
    axes.add_patch(Rectangle((left, y - height / 2), full, height, color="#e6e6e6", lw=0))
    colour = _style.CONTROL if row.control else BARS[_theme(column.group)]
    length = full * float(np.clip(value.mean, 0, 1))
    axes.add_patch(Rectangle((left, y - height / 2), length, height, color=colour, lw=0, label=f"bar {column.name}"))
    if value.has_interval:
        ends = np.clip(value.ends, 0, 1)
        axes.plot(
            left + full * ends, [y, y], color=_style.INK, lw=1.1, solid_capstyle="butt", label=f"interval {column.name}"
        )
    _style.write(axes, left + full + 0.06, y, text, NUMBER_SIZE, _style.FAINT if row.control else _style.INK)


def _draw_circle(axes: Axes, x: float, y: float, value: Value, scale: tuple[float, float], shade: str) -> None:
    worst, best = scale
    share = float(np.clip((value.mean - worst) / (best - worst), 0, 1)) if best != worst else 1.0
    colour = _style.shades(shade)(share)
    radius = 0.075 + 0.075 * np.sqrt(share)
    axes.add_patch(Circle((x, y), radius, facecolor=colour, edgecolor="#00000030", lw=0.4))
    # z: no minus sign for a value that rounds to zero.
    text = f"{value.mean:z.{0 if max(scale) >= 10 else 2}f}"
    axes.text(x, y, text, size=6, color=_style.contrast(colour), ha="center", va="center")


def _scale(name: str, rows: list[Row], metrics: Mapping[str, Mapping]) -> tuple[float, float]:
    """Values drawn as worst and best: the ends of the range of the metric, but not below 0."""
    facts = metrics.get(name, {})
    low, high = facts.get("range") or (0, 1)
    seen = [row.values[name].mean for row in rows if name in row.values]
    high = float(high if high is not None and np.isfinite(high) else max(seen, default=1))
    low = max(0.0, low if low is not None and np.isfinite(low) else 0.0)
    return (high, low) if facts.get("better") == "lower" else (low, high)


def _notes(
    rows: list[Row],
    names: dict[str, list[str]],
    dropped: list[str],
    metrics: Mapping[str, Mapping],
    definition: Definition,
    weights: Mapping[str, float] | None,
) -> list[str]:
    whose = "" if definition.name == "scib" else f" Metrics of the {definition.label}."
    notes = []
    if counts := _table.counts_note(rows):
        notes.append(
            f"Mean over seeds ({counts} runs) and, in brackets, its 95 % t-interval, cut at the range of the score; "
            "one run (n=1) has none. "
            f"Overall = {weights_words(weights)}, per run. Higher is better.{whose}"
        )
    if any(row.input for row in rows):
        notes.append(
            "Input: number of genes (HVG: highly variable ones; Portal: those of Portal), unscaled, scaled over all "
            "cells, or scaled per batch."
            + (" Given: an embedding that was made elsewhere." if any(row.is_given for row in rows) else "")
        )
    if any(row.control for row in rows):
        notes.append("Grey: controls, which show the range of possible scores. They are not ranked.")
    if any(_count(row, names[group]) for row in rows for group in definition.groups):
        notes.append(
            "n/a: the metric does not apply to this output. 2/5, for example: the score is the mean of the 2 of 5 "
            "metrics that the method has."
        )
    if names[AUXILIARY]:
        notes.append("Auxiliary: not part of any score.")
    return [*notes, _table.dropped_note([metric_label(metrics, name) for name in dropped])]
