"""Published numbers beside ours: a table, its Markdown form and a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from portal_lib.errors import DataError
from portal_lib.reporting._align import DIRECTIONS, LINE, part_label, part_of, write_number
from portal_lib.reporting._rows import method_label
from portal_lib.reporting.style import (
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
from portal_lib.reporting.text import _cells, _markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ["dataset", "metric", "method", "published", "ours", "low", "high", "n", "source"]
RATIO = "mse_ratio"
MARGIN, PANEL, ROW, NOTE_SIZE, MAX_NAME = 0.15, 3.4, 0.24, 6.5, 1.6


def compare_published(
    published: pd.DataFrame,
    summary: pd.DataFrame,
    scores: pd.DataFrame,
    destinations: pd.DataFrame,
    *,
    sources: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Put what we measured beside what was published.

    Parameters
    ----------
    published
        Columns dataset, method, metric, value, source. A metric is one of the summary; ``destination:12:a>b``, the
        share of the cells of cluster a of domain 1 that end at cluster b (``21``: of domain 2); or ``mse_ratio:12``
        with two methods ``a:b``, the mean squared error of a over that of b in this direction.
    summary
        Columns dataset, method, metric, n, mean, low, high.
    scores
        Columns dataset, method, seed, metric, value.
    destinations
        Columns dataset, method, seed, direction, source, target, share.
    sources
        Name of the data set in `published` by its name in the run, where they differ.

    Returns
    -------
    Columns dataset, metric, method, published, ours, low, high, n, source: a row for each published number and each of
    our methods and variants that it belongs to, for the data sets of the run. `ours` is the mean over `n` runs, of
    ratios the geometric mean over seeds that both methods have; `low` and `high` are its 95 % t-interval, of ratios
    that of their logarithms. Without runs of the method `ours` is NaN and `n` is 0.
    """
    datasets = dict.fromkeys(str(name) for table in (summary, destinations) for name in table["dataset"])
    rows = []
    for dataset in datasets:
        own = [table[table["dataset"].astype(str) == dataset] for table in (summary, scores, destinations)]
        own = [table.assign(method=table["method"].astype(str)) for table in own]
        source = (sources or {}).get(dataset, dataset)
        for row in published[published["dataset"].astype(str) == source].itertuples(index=False):
            for method in _our_names(str(row.method), {*own[0]["method"], *own[2]["method"]}):
                ours = _measured(str(row.metric), method, *own)
                rows.append((dataset, str(row.metric), method, float(row.value), *ours, str(row.source)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _our_names(method: str, there: Iterable[str]) -> list[str]:
    """Names of ours for a published one: the method and its variants; every pair of them for ``a:b``."""
    whole, _, below = method.partition(":")
    found = [sorted(name for name in there if name.split(".")[0] == base) or [base] for base in (whole, below) if base]
    return [":".join(pair) for pair in ([(a, b) for a in found[0] for b in found[1]] if below else zip(found[0]))]


def _measured(metric: str, method: str, summary: pd.DataFrame, scores: pd.DataFrame, destinations: pd.DataFrame):
    """Mean, lower and upper end and number of runs."""
    whole, part = part_of(metric)
    if whole == RATIO:
        return _ratio(scores, *method.split(":"), part)
    if whole == "destination" and ">" in part:
        return _share(destinations[destinations["method"] == method], part)
    row = summary[(summary["method"] == method) & (summary["metric"] == metric) & summary["mean"].notna()]
    return (*row[["mean", "low", "high"]].iloc[0].astype(float), int(row["n"].iloc[0])) if len(row) else _NOTHING


_NOTHING = (np.nan, np.nan, np.nan, 0)


def _share(runs: pd.DataFrame, part: str) -> tuple[float, float, float, int]:
    """Share of a cluster that ends at another; 0 in a run where that pair has no row but the cluster has one."""
    direction, _, pair = part.partition(":")
    source, _, target = pair.partition(">")
    here = runs[(runs["direction"].astype(str) == direction) & (runs["source"].astype(str) == source)]
    ends = here["share"].where(here["target"].astype(str) == target, 0.0)
    mean, low, high, n = t_interval(ends.groupby(here["seed"]).sum())
    return mean, *(float(end) for end in np.clip([low, high], 0, 1)), n


def _ratio(scores: pd.DataFrame, above: str, below: str, direction: str) -> tuple[float, float, float, int]:
    """Geometric mean over common seeds of the ratio of two errors."""
    errors = scores[scores["metric"] == f"mse:{direction}"]
    each = [errors[errors["method"] == name].groupby("seed")["value"].mean() for name in (above, below)]
    both = pd.concat(each, axis=1, join="inner").dropna().to_numpy()
    both = both[(both > 0).all(axis=1)]
    mean, low, high, n = t_interval(np.log(both[:, 0] / both[:, 1]))
    return (*(float(np.exp(value)) for value in (mean, low, high)), n)


def t_interval(values: Iterable[float]) -> tuple[float, float, float, int]:
    """Mean of some runs with its interval.

    Parameters
    ----------
    values
        One number per run; those that are not finite are left out.

    Returns
    -------
    Mean, lower and upper end of the 95 % t-interval (NaN for one run), number of runs.

    Notes
    -----
    Mean ± t(0.975, n - 1) s / √n, as in ``summary.tsv``.
    """
    from scipy.special import stdtrit

    values = np.asarray(list(values), float)
    values = values[np.isfinite(values)]
    n = len(values)
    if n == 0:
        return _NOTHING
    half = stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half), n


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


def published_markdown(
    comparison: pd.DataFrame,
    methods: Mapping[str, Mapping] | None = None,
    metrics: Mapping[str, Mapping] | None = None,
    labels: Mapping[str, str] | None = None,
) -> str:
    """Write published numbers beside ours as a Markdown table, with the sources below it.

    Parameters
    ----------
    comparison
        As :func:`compare_published` makes it.
    methods, metrics
        Facts by name.
    labels
        Names of data sets for people.

    Returns
    -------
    "mean (low to high)", "not run" where we have no number; nothing where the table is empty.
    """
    if comparison.empty:
        return ""
    sources = {source: i for i, source in enumerate(dict.fromkeys(comparison["source"]), 1)}
    lines = [
        _cells(["Data set", "Metric", "Method", "Published", "Ours (95 % interval)", "Runs", "Source"]),
        _cells(["---", "---", "---", "---:", "---:", "---:", "---:"]),
    ]
    for row in comparison.itertuples(index=False):
        names = (labels or {}).get(row.dataset, row.dataset), comparison_label(metrics or {}, row.metric)
        texts = [*names, comparison_method(methods or {}, row.method)]
        numbers = [f"{row.published:.3g}".replace("-", "−"), _ours(row), str(row.n), str(sources[row.source])]
        lines.append(_cells([*map(_markdown, texts), *numbers]))
    return "\n".join([*lines, "", *(f"{i}. {_markdown(source)}." for source, i in sources.items())]) + "\n"


def _ours(row) -> str:
    if not np.isfinite(row.ours):
        return "not run"
    places = 2 if row.metric.startswith(RATIO) else 3
    mean, low, high = (write_number(value, places) for value in (row.ours, row.low, row.high))
    return f"{mean} ({low} to {high})" if np.isfinite(row.low) else f"{mean} (n=1)"


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
        if np.isfinite(row.low):
            axes.plot(
                [row.low, row.high], [y, y], color=colour, lw=1.4, solid_capstyle="butt", label="interval", zorder=4
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
    values = table[["published", "ours", "low", "high"]].to_numpy(float)
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
