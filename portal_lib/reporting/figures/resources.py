"""Bars of wall time and peak memory of every method; failed runs are marked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from portal_lib.errors import DataError
from portal_lib.reporting._rows import GIVEN, facts_of, is_given, method_label, of_dataset, trainings_of
from portal_lib.reporting.figures import _style

FIGURE = {
    "label": "{dataset}: time and memory",
    "category": "Time and memory",
    "file": "resources.{dataset}",
    "tasks": ["integrate", "align"],
    # Tasks whose runs hold several trainings: their time is that of one training.
    "per_training": ["align"],
    "inputs": ["resources", "machine"],
    "facts": ["methods", "dataset", "label", "task"],
}

ROW = 0.27
PANEL = 2.9
GAP = 0.3
MAX_NAME = 2.4
# Above this ratio of the largest to the smallest value the axis is logarithmic.
LOG_RANGE = 30
SHORT_STATUS = {"not_applicable": "not applicable"}
_UNITS = {"s": ((1, "s"),), "MiB": ((1, "MiB"), (1024, "GiB"))}


@dataclass(frozen=True)
class _Panel:
    """One quantity: its column in full colour, the lighter one behind it, and the limit that a failed run reached."""

    title: str
    unit: str
    main: str
    whole: str | None
    limit: str
    limit_status: str
    colour: str


_PANELS = (
    _Panel("Wall time", "s", "fit_s", "wall_s", "time_limit_s", "timeout", "#2171b5"),
    _Panel("Peak memory", "MiB", "peak_memory_mb", None, "memory_limit_mb", "oom", "#238b8d"),
    _Panel("Peak GPU memory", "MiB", "peak_gpu_mb", None, "memory_limit_mb", "", "#5f9e4a"),
)


@_style.styled
def draw(
    resources: pd.DataFrame,
    methods: Mapping[str, Mapping],
    dataset: str,
    *,
    label: str | None = None,
    machine: str | None = None,
    task: str = "integrate",
) -> Figure:
    """Draw time and memory of every method on one data set.

    Parameters
    ----------
    resources
        Columns dataset, method, seed, status, wall_s, fit_s, peak_memory_mb, peak_gpu_mb, probe, memory_limit_mb,
        time_limit_s, threads, device; seconds and MiB; trainings per run, where time is per training; input, which says
        of an embedding that it was given.
    methods
        Facts by name: label, control.
    dataset
        Which data set.
    label
        Its display name.
    machine
        Processor and so on, for the notes.
    task
        Of the data set. ``"align"``: time is that of the fit, divided by the trainings of a run.

    Returns
    -------
    The figure. Bars are means over the successful runs, points are single runs. Of the time, the fit is in full colour
    and the rest (start, load, write) lighter behind it, unless time is per training. A failed run is a hatched bar up
    to the limit that it reached, or to what it had used, with its status. Fastest methods first, failed ones after
    them, controls grey and last. An embedding that was made elsewhere has no bar, but the word "given".

    Raises
    ------
    DataError
        The table has no row of the data set.
    """
    table = of_dataset(resources, dataset)
    if table.empty:
        raise DataError(f"no runs of data set '{dataset}' to draw")
    first, *more = _PANELS
    per_training = task in FIGURE["per_training"]
    if per_training:
        table, first = _per_training(table), replace(first, title="Fit, per training")
    panels = [first, *(panel for panel in more if panel.main != "peak_gpu_mb" or _number(table, panel.main).max() > 0)]
    names = _order(table, methods)
    labels = [_style.shorten(method_label(methods, name), 8, MAX_NAME) for name in names]
    left = _style.MARGIN + max(_style.text_width(text, 8) for text in labels) + 0.12
    width = left + len(panels) * (PANEL + GAP) + _style.MARGIN - GAP / 2
    notes = _style.wrap_notes(_notes(table, machine, per_training), width - 2 * _style.MARGIN)
    top, rows = 0.72, len(names) * ROW + 0.1
    height = top + rows + 0.55 + _style.LINE * len(notes)
    figure, page = _style.inch_canvas(width, height)
    _style.draw_title(page, label or dataset, 0.24)
    for i, panel in enumerate(panels):
        axes = _style.inch_axes(figure, left + i * (PANEL + GAP), top, PANEL, rows)
        _draw_panel(axes, panel, table, names, methods)
        axes.set_yticks(range(len(names)), labels if i == 0 else [""] * len(names))
    _style.draw_notes(page, notes, top + rows + 0.5)
    return figure


def _per_training(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the fit of one training as the time of each successful run; that of failed runs unchanged."""
    fit, wall = _number(table, "fit_s") / _number(table, "trainings"), _number(table, "wall_s")
    return table.assign(fit_s=fit, wall_s=wall.where(table["status"] != "ok", fit))


def _number(table: pd.DataFrame, column: str) -> pd.Series:
    """A column as numbers; NaN where it is missing."""
    if column not in table:
        return pd.Series(np.nan, index=table.index)
    return pd.to_numeric(table[column], errors="coerce")


def _order(table: pd.DataFrame, methods: Mapping[str, Mapping]) -> list[str]:
    """Names, fastest first; methods without a successful run after them, controls last."""
    ok = table[table["status"] == "ok"]
    mean = _number(ok, "fit_s").fillna(_number(ok, "wall_s")).groupby(ok["method"]).mean()
    names = sorted(set(table["method"]))
    return sorted(names, key=lambda n: (bool(facts_of(methods, n).get("control")), mean.get(n, np.inf), n))


def _draw_panel(
    axes: Axes, panel: _Panel, table: pd.DataFrame, names: list[str], methods: Mapping[str, Mapping]
) -> None:
    scale, unit = _unit(panel, table)
    bars = [_bar(panel, table[table["method"] == name], scale) for name in names]
    _set_axis(axes, bars, panel, unit)
    controls = {name for name in names if facts_of(methods, name).get("control")}
    for y, (name, bar) in enumerate(zip(names, bars, strict=True)):
        _draw_bar(axes, bar, y, _style.CONTROL if name in controls else panel.colour)
    n_real = len(names) - len(controls)
    if 0 < n_real < len(names):
        axes.axhline(n_real - 0.5, color=_style.INK, lw=0.7)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


@dataclass(frozen=True)
class _Bar:
    """What one row of a panel shows, in the unit of the axis."""

    main: float
    whole: float
    points: np.ndarray
    reached: float
    word: str

    @property
    def values(self) -> np.ndarray:
        values = np.array([self.main, self.whole, self.reached, *self.points])
        return values[np.isfinite(values) & (values > 0)]


def _bar(panel: _Panel, runs: pd.DataFrame, scale: float) -> _Bar:
    ok = runs["status"] == "ok"
    main = _number(runs, panel.main)
    if panel.whole:
        main = main.fillna(_number(runs, panel.whole))
    whole = _number(runs, panel.whole) if panel.whole else main
    limited = runs["status"] == panel.limit_status
    reached = whole.where(~limited, _number(runs, panel.limit).fillna(whole))[
        ~ok & (runs["status"] != "not_applicable")
    ]
    points = main[ok].dropna().to_numpy() / scale
    word = GIVEN if _given(runs).all() and ok.all() else _word(runs[~ok], len(runs))
    return _Bar(main[ok].mean() / scale, whole[ok].mean() / scale, points, reached.max() / scale, word)


def _given(table: pd.DataFrame) -> pd.Series:
    """Which runs are embeddings that were made elsewhere."""
    return table["input"].map(is_given) if "input" in table else pd.Series(False, index=table.index)


def _word(failed: pd.DataFrame, n_runs: int) -> str:
    """Statuses of the failed runs, with their number where others were successful."""
    counts = failed["status"].value_counts().sort_index()
    names = [SHORT_STATUS.get(status, status) for status in counts.index]
    if counts.sum() == n_runs and len(counts) == 1:
        return names[0]
    return ", ".join(f"{name} {n}/{n_runs}" for name, n in zip(names, counts, strict=True))


def _unit(panel: _Panel, table: pd.DataFrame) -> tuple[float, str]:
    columns = [panel.main] + ([panel.whole] if panel.whole else [])
    largest = max(_number(table, column).max() for column in columns)
    fitting = [(scale, unit) for scale, unit in _UNITS[panel.unit] if largest >= 2 * scale]
    return fitting[-1] if fitting else _UNITS[panel.unit][0]


def _set_axis(axes: Axes, bars: list[_Bar], panel: _Panel, unit: str) -> None:
    """Scale, ticks, and limits that leave space for the text at the end of the longest bar."""
    values = np.concatenate([bar.values for bar in bars])
    low, high = (values.min(), values.max()) if len(values) else (1.0, 1.0)
    ends = np.array([max(bar.values, default=0) for bar in bars])
    shares = np.array([PANEL / max(PANEL - _style.text_width(_text(bar), 6.5) - 0.15, 0.5) for bar in bars])
    log = high / low > LOG_RANGE
    if log:
        low = low / 2
        axes.set_xscale("log")
        axes.set_xlim(low, low * max((np.maximum(ends, low) / low) ** shares))
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(0, max(ends * shares) or 1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.grid(axis="x", color="#e6e6e6", lw=0.5)
    axes.set_xlabel(f"{unit}, log scale" if log else unit, size=7.5, color=_style.INK)
    axes.set_title(panel.title, size=8.5, weight="bold", color=_style.INK, loc="left")


def _text(bar: _Bar) -> str:
    number = _format(bar.main) if np.isfinite(bar.main) else ""
    return f"{number}  {bar.word}".strip()


def _format(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}" if value >= 0.001 else "<0.001"


def _draw_bar(axes: Axes, bar: _Bar, y: int, colour: str) -> None:
    if np.isfinite(bar.reached) and bar.reached > 0:
        axes.barh(y, bar.reached, height=0.62, facecolor="white", edgecolor=_style.RULE, hatch="/////", lw=0.5)
    if np.isfinite(bar.whole):
        axes.barh(y, bar.whole, height=0.62, color=colour, alpha=0.35, lw=0)
    if np.isfinite(bar.main):
        axes.barh(y, bar.main, height=0.62, color=colour, lw=0)
        axes.scatter(
            bar.points, np.full(len(bar.points), y), s=9, color="white", edgecolor=_style.INK, lw=0.6, zorder=3
        )
    end = max(bar.values, default=axes.get_xlim()[0])
    style = {"xytext": (5, 0), "textcoords": "offset points", "size": 6.5, "va": "center"}
    ink = _style.FAINT if bar.word == GIVEN else _style.ALERT if bar.word else _style.INK
    axes.annotate(_text(bar), (end, y), color=ink, **style)


def _notes(table: pd.DataFrame, machine: str | None, per_training: bool) -> list[str]:
    n = sorted(set(table.groupby("method").size()))
    runs = f"{n[0]}" if len(n) == 1 else f"{n[0]} to {n[-1]}"
    time = "Time: fit in full colour and as number; start, load and write lighter."
    if per_training:
        time = f"Time: fit, per training ({trainings_of(table) or 'none successful'}), without start, load and write."
    notes = [f"Mean of {runs} runs per method; points are single runs. {time}"]
    if (table["status"] != "ok").any():
        whole = ", all its trainings together" if per_training else ""
        notes.append(f"Hatched: a failed run, up to the limit that it reached or to what it had used{whole}.")
    if _given(table).any():
        notes.append("Given: an embedding that was made elsewhere; its time and memory are not known.")
    facts = {"Memory probe": "probe", "Device": "device", "Threads": "threads"}
    parts = [
        f"{title}: {', '.join(_distinct(table, column))}."
        for title, column in facts.items()
        if _distinct(table, column)
    ]
    machine_part = [f"Machine: {machine}."] if machine else []
    return [*notes, " ".join(parts + machine_part)]


def _distinct(table: pd.DataFrame, column: str) -> list[str]:
    if column not in table:
        return []
    values = table[column].dropna().unique()
    return sorted({f"{v:g}" if isinstance(v, float) else str(v) for v in values})
