"""How well each marker is predicted: a panel per method, a row per marker, with published values."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from portal_lib.errors import DataError
from portal_lib.reporting._align import even_columns, part_label, part_of, rows_of_dataset, write_number
from portal_lib.reporting._markers import MEAN, lead_sentence, marker_rows
from portal_lib.reporting._rows import facts_of, method_label
from portal_lib.reporting.figures import _style

FIGURE = {
    "label": "{dataset}: markers",
    "category": "Alignment",
    "file": "markers.{dataset}",
    "tasks": ["align"],
    "chosen": True,
    "inputs": ["summary", "published_values"],
    "facts": ["methods", "metrics", "dataset", "source", "label"],
}

OURS, THEIRS = "#0072B2", "#D55E00"
PAGE, ROW, GAP = 10.0, 0.19, 0.14
NARROW, WIDE, COLUMNS = 1.0, 2.1, 8
TOP, HEAD, FOOT = 0.5, 0.42, 0.42
MAX_NAME = 1.3


@_style.styled
def draw(
    summary: pd.DataFrame,
    methods: Mapping[str, Mapping],
    dataset: str,
    *,
    metric: str = "pearson",
    metrics: Mapping[str, Mapping] | None = None,
    published_values: pd.DataFrame | None = None,
    source: str | None = None,
    label: str | None = None,
) -> Figure:
    """Draw a correlation for every marker and method.

    Parameters
    ----------
    summary
        Columns dataset, method, metric, n, mean, ci_low, ci_high; the parts ``<metric>:<marker>`` and the metric
        itself.
    methods
        Facts by name: label, control.
    dataset
        Which data set.
    metric
        ``"pearson"`` or ``"spearman"``.
    metrics
        Facts of metrics by name: label.
    published_values
        Columns dataset, method, metric, value: the same correlations from a paper, drawn as open diamonds in the panels
        of that method and of its variants. A marker may have several values.
    source
        The name of the data set in `published_values`, where it differs.
    label
        Display name of the data set.

    Returns
    -------
    The figure: a panel per method, best mean first, controls grey and last. Dots are means over runs, bars their 95 %
    intervals, short lines the best method for that marker. The best predicted marker comes first, the mean last.

    Raises
    ------
    DataError
        No marker of the data set has a value.
    """
    table = marker_rows(rows_of_dataset(summary, dataset, "scores"), metric)
    if (table["marker"] == MEAN).all():
        raise DataError(f"no marker of data set '{dataset}' has a '{metric}' to draw")
    names, markers = _order(table, methods)
    theirs = _published(published_values, source or dataset, metric, markers)
    rows = [*markers, *([MEAN] if len(markers) > 1 else [])]
    left = _style.MARGIN + min(MAX_NAME, max(_style.text_width(name, 8) for name in rows)) + 0.1
    n_columns = even_columns(len(names), COLUMNS)
    panel = float(np.clip((PAGE - left - _style.MARGIN + GAP) / n_columns - GAP, NARROW, WIDE))
    width = max(left + n_columns * (panel + GAP) - GAP + _style.MARGIN, 4.5)
    line = HEAD + ROW * (len(rows) + 0.4) + FOOT
    bottom = TOP + line * -(-len(names) // n_columns)
    limits, best = _limits(table, theirs), _best(table, methods)
    notes = _style.wrap_notes([*_notes(table, theirs, best), lead_sentence(table, methods)], width - 2 * _style.MARGIN)
    figure, page = _style.inch_canvas(width, bottom + 0.15 + _style.LINE * len(notes))
    _style.draw_title(page, label or dataset)
    for i, name in enumerate(names):
        place = left + (i % n_columns) * (panel + GAP), TOP + HEAD + (i // n_columns) * line
        axes = _style.inch_axes(figure, *place, panel, ROW * (len(rows) + 0.4))
        control = bool(facts_of(methods, name).get("control"))
        values = theirs.get(name.split(".")[0], {})
        _draw_panel(axes, table[table["method"] == name], rows, values, best, _style.CONTROL if control else OURS)
        _dress(axes, rows, limits, named=i % n_columns == 0)
        bold = {"size": 8, "weight": "bold", "color": _style.FAINT if control else _style.INK, "va": "center"}
        page.text(place[0], place[1] - 0.27, _style.shorten(method_label(methods, name), 8, panel), **bold)
        _style.write(page, place[0], place[1] - 0.1, _mean_words(table, name, values, panel), 6.5, _style.FAINT)
    what = part_label(metrics or {}, metric)
    axis = f"{what} of measured and predicted value, per marker"
    page.text(left, bottom - 0.02, axis, size=7.5, color=_style.INK, va="center")
    _style.draw_notes(page, notes, bottom + 0.17)
    return figure


def _order(table: pd.DataFrame, methods: Mapping[str, Mapping]) -> tuple[list[str], list[str]]:
    """Methods by their mean over markers, controls last; markers by their mean over the methods, controls excluded."""
    markers = table[table["marker"] != MEAN]
    means = markers.groupby("method")["mean"].mean()
    control = {name: bool(facts_of(methods, name).get("control")) for name in means.index}
    names = sorted(means.index, key=lambda name: (control[name], -means[name], name))
    real = markers[~markers["method"].map(control)]
    each = (real if len(real) else markers).groupby("marker")["mean"].mean()
    rest = [name for name in sorted(markers["marker"].unique()) if name not in each]
    return names, [*sorted(each.index, key=lambda name: (-each[name], name)), *rest]


def _published(
    published: pd.DataFrame | None, dataset: str, metric: str, markers: Sequence[str]
) -> dict[str, dict[str, list[float]]]:
    """Published values by method and marker; their mean only where every marker has one."""
    found: dict[str, dict[str, list[float]]] = {}
    if published is not None:
        here = published[published["dataset"] == dataset]
        for row in here[["method", "metric", "value"]].itertuples(index=False):
            whole, marker = part_of(str(row.metric))
            if whole == metric and marker in markers:
                found.setdefault(str(row.method), {}).setdefault(marker, []).append(float(row.value))
    for values in found.values():
        if set(values) == set(markers):
            values[MEAN] = [float(np.mean([given[0] for given in values.values()]))]
    return found


def _limits(table: pd.DataFrame, theirs: Mapping) -> tuple[float, float]:
    given = [value for values in theirs.values() for many in values.values() for value in many]
    low = np.nanmin([*table["mean"], *table["ci_low"], *given, 0.0])
    return max(-1.08, float(low) - 0.08), 1.06


def _best(table: pd.DataFrame, methods: Mapping[str, Mapping]) -> dict[str, float]:
    """Highest mean of each marker, controls excluded."""
    real = table[~table["method"].map(lambda name: bool(facts_of(methods, name).get("control")))]
    return real.groupby("marker")["mean"].max().to_dict() if real["method"].nunique() > 1 else {}


def _draw_panel(
    axes: Axes, table: pd.DataFrame, rows: list[str], theirs: Mapping, best: Mapping[str, float], colour: str
) -> None:
    ours = table.set_index("marker")
    for y, name in enumerate(rows):
        if name in best:
            axes.plot(
                [best[name]] * 2, [y - 0.38, y + 0.38], color=_style.RULE, lw=1.2, solid_capstyle="butt", label="best"
            )
        for value in theirs.get(name, ()):
            style = {"marker": "D", "s": 17, "facecolor": "white", "edgecolor": THEIRS, "lw": 1.0, "zorder": 3}
            axes.scatter([value], [y], label="published", **style)
        if name in ours.index:
            row = ours.loc[name]
            if np.isfinite(row["ci_low"]):
                ends = np.clip([row["ci_low"], row["ci_high"]], -1, 1)
                axes.plot(ends, [y, y], color=colour, lw=1.3, solid_capstyle="butt", label="interval", zorder=4)
            axes.scatter([row["mean"]], [y], s=15, color=colour, lw=0, label="ours", zorder=5)


def _dress(axes: Axes, rows: list[str], limits: tuple[float, float], *, named: bool) -> None:
    axes.set_xlim(*limits)
    axes.set_ylim(len(rows) - 0.3, -0.7)
    axes.xaxis.set_major_locator(FixedLocator([x for x in (-1, -0.5, 0, 0.5, 1) if limits[0] <= x <= limits[1]]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    axes.grid(axis="x", color="#e6e6e6", lw=0.5)
    axes.axvline(0, color="#999999", lw=0.7, zorder=1)
    for y in range(0, len(rows), 2):
        axes.axhspan(y - 0.5, y + 0.5, color="#f5f5f5", lw=0, zorder=0)
    if rows[-1] == MEAN:
        axes.axhline(len(rows) - 1.5, color=_style.INK, lw=0.7)
    axes.set_yticks(
        range(len(rows)), [_style.shorten(name, 8, MAX_NAME) for name in rows] if named else [""] * len(rows)
    )
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _mean_words(table: pd.DataFrame, name: str, theirs: Mapping, width: float) -> str:
    """Mean of the correlations of a method, of this study and published."""
    own = table[(table["method"] == name) & (table["marker"] == MEAN)]["mean"]
    if not len(own):
        return ""
    paper = f" (paper {write_number(theirs[MEAN][0], 2)})" if MEAN in theirs else ""
    words = f"{write_number(own.iloc[0], 2)}{paper}"
    return f"mean {words}" if _style.text_width(f"mean {words}", 6.5) <= width else words


def _notes(table: pd.DataFrame, theirs: Mapping, best: Mapping) -> list[str]:
    counts = sorted(table["n"].unique())
    runs = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    notes = [
        f"Dots: mean over runs ({runs}); bars: 95 % t-interval, none for a single run. Sorted by the mean over "
        "methods, controls excluded."
    ]
    if best:
        notes.append("Short grey lines: the best method for that marker, controls excluded.")
    if theirs:
        notes.append("Open diamonds: published values of that method, also shown for its variants.")
    return notes
