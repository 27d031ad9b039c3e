"""Published numbers beside ours, as Markdown and as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from portal_lib.errors import DataError
from portal_lib.reporting._align import DIRECTIONS, LINE, part_label, part_of
from portal_lib.reporting._rows import method_label
from portal_lib.reporting.figures.style import (
    FAINT,
    INK,
    category_colours,
    inch_axes,
    inch_canvas,
    shorten,
    styled,
    text_width,
    wrap,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATIO = "mse_ratio"
MARGIN, PANEL, ROW, NOTE_SIZE, MAX_NAME = 0.15, 3.4, 0.24, 6.5, 2.2


def comparison_label(metrics: Mapping[str, Mapping], metric: str) -> str:
    """Name for people of a published metric."""
    whole, part = part_of(metric)
    direction, _, rest = part.partition(":")
    if whole == RATIO:
        return f"MSE ratio {DIRECTIONS[direction].replace(' ', '')}"
    if whole == "destination" and ">" in rest:
        source, _, target = rest.partition(">")
        return f"{source} ends at {target}, {DIRECTIONS[direction].replace(' ', '')}"
    return part_label(metrics, metric)


def comparison_method(methods: Mapping[str, Mapping], name: str) -> str:
    """Name for people of a method, or of two of a ratio."""
    return " / ".join(method_label(methods, one) for one in name.split(":"))


@styled
def plot_published(
    comparison: pd.DataFrame,
    methods: Mapping[str, Mapping],
    metrics: Mapping[str, Mapping],
    dataset: str,
    *,
    label: str | None = None,
) -> Figure:
    """Draw published numbers beside ours, for one data set.

    Parameters
    ----------
    comparison
        As :func:`compare_published` makes it.
    methods, metrics
        Facts by name: label.
    dataset
        Which data set.
    label
        Its name for people.

    Returns
    -------
    The figure: a row per metric; per method an open diamond for each published value, and beside it a dot with its 95 %
    interval for ours. Ratios are on a log axis.

    Raises
    ------
    DataError
        Nothing was published for this data set.
    """
    table = comparison[comparison["dataset"].astype(str) == dataset]
    if table.empty:
        raise DataError(f"no published numbers for data set '{dataset}' to draw")
    rows, names = list(dict.fromkeys(table["metric"])), list(dict.fromkeys(table["method"]))
    colours = category_colours(names)
    words, what = _row_words(rows, metrics)
    left = MARGIN + min(2.4, max(text_width(word, 8) for word in words.values())) + 0.1
    tall = max(ROW, 0.12 * len(names) + 0.08)
    height, side = tall * (len(rows) + 0.3), MARGIN + left + PANEL + 0.1
    legend = max(text_width(shorten(comparison_method(methods, name), 7.5, MAX_NAME), 7.5) for name in names)
    width = side + 0.3 + legend + MARGIN
    notes = [line for note in _NOTES for line in wrap(note, NOTE_SIZE, width - 2 * MARGIN)]
    figure, page = inch_canvas(width, 0.5 + height + 0.58 + LINE * len(notes))
    page.text(MARGIN, 0.26, f"{label or dataset}: published and ours", size=11, weight="bold", color=INK, va="center")
    axes = inch_axes(figure, left, 0.5, PANEL, height)
    _draw_rows(axes, table, rows, names, colours)
    axes.set_yticks(range(len(rows)), [shorten(words[row], 8, 2.4) for row in rows])
    axes.set_xlabel(what, size=7.5, color=INK)
    for i, name in enumerate(names):
        y = 0.62 + 0.2 * i
        page.scatter([side + 0.08], [y], s=18, color=colours[name], lw=0)
        short = shorten(comparison_method(methods, name), 7.5, MAX_NAME)
        page.text(side + 0.2, y, short, size=7.5, color=INK, va="center")
    for i, note in enumerate(notes):
        page.text(MARGIN, 0.5 + height + 0.56 + LINE * i, note, size=NOTE_SIZE, color=FAINT, va="center")
    return figure


def _row_words(rows: list[str], metrics: Mapping[str, Mapping]) -> tuple[dict[str, str], str]:
    """Names of the rows, and what the axis shows: where all rows are parts of one metric, its name is said once."""
    wholes = {part_of(row)[0] for row in rows}
    words = {row: comparison_label(metrics, row) for row in rows}
    if wholes == {RATIO}:
        return words, "Ratio of mean squared errors, log scale"
    if wholes == {"destination"}:
        return words, "Share of the cells of a cluster"
    if len(wholes) == 1:
        return {row: part_of(row)[1] or words[row] for row in rows}, part_label(metrics, wholes.pop())
    return words, ""


_NOTES = (
    "Open diamonds: published; dots: ours, mean over runs with the 95 % t-interval. Cells, preparation and training "
    "differ from those of the paper: compare the order of the methods, and what a method does, before the digits.",
)


def _draw_rows(axes: Axes, table: pd.DataFrame, rows: list[str], names: list[str], colours: Mapping[str, str]) -> None:
    step = 0.72 / len(names)
    for row in table.itertuples(index=False):
        y = rows.index(row.metric) + step * (names.index(row.method) - (len(names) - 1) / 2)
        colour = colours[row.method]
        style = {"marker": "D", "s": 20, "facecolor": "white", "edgecolor": colour, "lw": 1.1, "zorder": 3}
        axes.scatter([row.published], [y], label="published", **style)
        if np.isfinite(row.ci_low):
            axes.plot(
                [row.ci_low, row.ci_high],
                [y, y],
                color=colour,
                lw=1.4,
                solid_capstyle="butt",
                label="interval",
                zorder=4,
            )
        if np.isfinite(row.ours):
            axes.scatter([row.ours], [y], s=16, color=colour, lw=0, label="ours", zorder=5)
    for y in range(0, len(rows), 2):
        axes.axhspan(y - 0.5, y + 0.5, color="#f5f5f5", lw=0, zorder=0)
    axes.set_ylim(len(rows) - 0.35, -0.65)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#e6e6e6", lw=0.5)
    _set_scale(axes, table, ratios=all(part_of(row)[0] == RATIO for row in rows))


def _set_scale(axes: Axes, table: pd.DataFrame, *, ratios: bool) -> None:
    """Logarithms for ratios; else all values, 0 and the natural end 1."""
    values = table[["published", "ours", "ci_low", "ci_high"]].to_numpy(float)
    values = values[np.isfinite(values)]
    if ratios:
        axes.set_xscale("log")
        axes.set_xlim(min(0.5, *values) / 1.2, max(2.0, *values) * 1.2)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.axvline(1, color="#999999", lw=0.7, zorder=1)
    else:
        axes.set_xlim(min(0.0, *values) - 0.05, max(1.0, *values) + 0.05)
        axes.axvline(0, color="#999999", lw=0.7, zorder=1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
