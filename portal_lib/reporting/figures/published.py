"""Published numbers and those of this study, metric by metric."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from portal_lib.errors import DataError
from portal_lib.reporting._align import DIRECTIONS, part_label, part_of
from portal_lib.reporting._rows import method_label
from portal_lib.reporting.figures import _style

FIGURE = {
    "label": "{dataset}: published and this study",
    "category": "Alignment",
    "file": "published.{dataset}",
    "tasks": ["align"],
    "requires": ["published_values"],
    "replaced_by": ["markers"],
    "inputs": ["published"],
    "facts": ["methods", "metrics", "dataset", "label"],
}

PANEL, ROW, MAX_NAME = 3.4, 0.24, 2.2
RATIO = "mse_ratio"


@_style.styled
def draw(
    published: pd.DataFrame,
    methods: Mapping[str, Mapping],
    metrics: Mapping[str, Mapping],
    dataset: str,
    *,
    label: str | None = None,
) -> Figure:
    """Draw published numbers and those of this study, for one data set.

    Parameters
    ----------
    published
        Columns dataset, metric, method, published, ours, ci_low, ci_high: ``published.tsv``.
    methods, metrics
        Facts by name: label.
    dataset
        Which data set.
    label
        Its display name.

    Returns
    -------
    The figure: a row per metric; per method an open diamond for each published value, and a dot with its 95 % interval
    for this study. Ratios are on a log axis.

    Raises
    ------
    DataError
        Nothing was published for this data set.
    """
    table = published[published["dataset"].astype(str) == dataset]
    if table.empty:
        raise DataError(f"no published numbers for data set '{dataset}' to draw")
    rows, names = list(dict.fromkeys(table["metric"])), list(dict.fromkeys(table["method"]))
    colours = _style.category_colours(names)
    words, what = _row_words(rows, metrics)
    left = _style.MARGIN + min(2.4, max(_style.text_width(word, 8) for word in words.values())) + 0.1
    tall = max(ROW, 0.12 * len(names) + 0.08)
    height, side = tall * (len(rows) + 0.3), _style.MARGIN + left + PANEL + 0.1
    legend = max(
        _style.text_width(_style.shorten(comparison_method(methods, name), 7.5, MAX_NAME), 7.5) for name in names
    )
    width = side + 0.3 + legend + _style.MARGIN
    notes = _style.wrap_notes([_NOTE], width - 2 * _style.MARGIN)
    figure, page = _style.inch_canvas(width, 0.5 + height + 0.58 + _style.LINE * len(notes))
    _style.draw_title(page, f"{label or dataset}: published and this study")
    axes = _style.inch_axes(figure, left, 0.5, PANEL, height)
    _draw_rows(axes, table, rows, names, colours)
    axes.set_yticks(range(len(rows)), [_style.shorten(words[row], 8, 2.4) for row in rows])
    axes.set_xlabel(what, size=7.5, color=_style.INK)
    for i, name in enumerate(names):
        y = 0.62 + 0.2 * i
        page.scatter([side + 0.08], [y], s=18, color=colours[name], lw=0)
        short = _style.shorten(comparison_method(methods, name), 7.5, MAX_NAME)
        page.text(side + 0.2, y, short, size=7.5, color=_style.INK, va="center")
    _style.draw_notes(page, notes, 0.5 + height + 0.56)
    return figure


def _row_words(rows: list[str], metrics: Mapping[str, Mapping]) -> tuple[dict[str, str], str]:
    """Names of the rows, and the label of the axis: the metric, where all rows are parts of one."""
    wholes = {part_of(row)[0] for row in rows}
    words = {row: comparison_label(metrics, row) for row in rows}
    if wholes == {RATIO}:
        return words, "Ratio of mean squared errors, log scale"
    if wholes == {"destination"}:
        return words, "Share of the cells of a cluster"
    if len(wholes) == 1:
        return {row: part_of(row)[1] or words[row] for row in rows}, part_label(metrics, wholes.pop())
    return words, ""


_NOTE = (
    "Open diamonds: published; dots: this study, mean over runs with the 95 % t-interval. Cells, preparation and "
    "training differ from those of the paper: compare the order of the methods rather than the digits."
)


def _draw_rows(axes: Axes, table: pd.DataFrame, rows: list[str], names: list[str], colours: Mapping[str, str]) -> None:
    step = 0.72 / len(names)
    for row in table.itertuples(index=False):
        y = rows.index(row.metric) + step * (names.index(row.method) - (len(names) - 1) / 2)
        colour = colours[row.method]
        style = {"marker": "D", "s": 20, "facecolor": "white", "edgecolor": colour, "lw": 1.1, "zorder": 3}
        axes.scatter([row.published], [y], label="published", **style)
        if np.isfinite(row.ci_low):
            line = {"color": colour, "lw": 1.4, "solid_capstyle": "butt", "zorder": 4}
            axes.plot([row.ci_low, row.ci_high], [y, y], label="interval", **line)
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
    """A log axis for ratios; else one that holds all values, 0 and 1."""
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


def comparison_label(metrics: Mapping[str, Mapping], metric: str) -> str:
    """Display name of a published metric."""
    whole, part = part_of(metric)
    direction, _, rest = part.partition(":")
    if whole == RATIO:
        return f"MSE ratio {DIRECTIONS[direction].replace(' ', '')}"
    if whole == "destination" and ">" in rest:
        source, _, target = rest.partition(">")
        return f"{source} mapped to {target}, {DIRECTIONS[direction].replace(' ', '')}"
    return part_label(metrics, metric)


def comparison_method(methods: Mapping[str, Mapping], name: str) -> str:
    """Display name of a method, or of the two methods of a ratio."""
    return " / ".join(method_label(methods, one) for one in name.split(":"))
