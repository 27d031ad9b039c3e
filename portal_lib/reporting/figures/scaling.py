"""Time and memory against the number of cells, on log axes: measured, fitted, failed, published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from portal_lib.errors import DataError
from portal_lib.reporting._rows import facts_of, method_label
from portal_lib.reporting.figures.style import (
    ALERT,
    CONTROL,
    FAINT,
    INK,
    RULE,
    category_colours,
    inch_axes,
    inch_canvas,
    shorten,
    styled,
    text_width,
    wrap,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PREPARATION = "preparation"
MARGIN, PANEL, TALL, GAP = 0.15, 3.3, 3.0, 0.75
TOP, ROW, NOTE_SIZE = 0.72, 0.185, 6.5
MAX_NAME = 1.9
# Inches above the highest limit or value, for each failed method of one size.
STEP = 0.11
# Markers of controls, which all are grey, and of failures.
CONTROL_MARKERS = "s^vD*p"
STATUS_MARKERS = {"oom": "X", "timeout": ">", "error": "P", "not_applicable": "o"}
HOLLOW = "not_applicable"
STATUS_WORDS = {"oom": "out of memory", "not_applicable": "not applicable"}
SMALL_PANEL, SMALL_TALL, COLUMNS = 1.75, 1.35, 4
PHASE_WORDS = {"run": "whole process"}
PHASE_ORDER = ("import", "load", "fit", "check", "write")
# Units of each quantity, and where its axis may have ticks.
UNITS = {"seconds": ((1, "s"), (60, "min"), (3600, "h")), "memory_mb": ((1, "MiB"), (1024, "GiB"), (2**20, "TiB"))}
UNITS["gpu_memory_mb"] = UNITS["memory_mb"]
SECONDS = (0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36_000, 360_000, 3_600_000)
MIB = tuple(2.0**power for power in range(31))
TICKS = {"seconds": SECONDS, "memory_mb": MIB, "gpu_memory_mb": MIB}
MOST_TICKS = 9
# Beside a panel with published figures, for their words.
WORDS = 1.25


@dataclass(frozen=True)
class _Quantity:
    """What a panel shows: rows of the table, and the limit that belongs to it."""

    title: str
    short: str
    quantity: str
    phase: str
    limit: str
    published: bool = False


_FIT = _Quantity("Time of the fit", "Fit", "seconds", "fit", "time_limit_s")
_WHOLE = _Quantity("Time from counts to result", "Whole way", "seconds", "whole_way", "time_limit_s", published=True)
_MEMORY = _Quantity("Peak memory of a run", "Run", "memory_mb", "run", "memory_limit_mb", published=True)
_WHOLE_MEMORY = _Quantity("Peak memory from counts to result", "Whole way", "memory_mb", "whole_way", "memory_limit_mb")
_GPU = _Quantity("Peak GPU memory of a run", "GPU", "gpu_memory_mb", "run", "")


@dataclass(frozen=True)
class _Look:
    """How a method is drawn and called."""

    label: str
    colour: str
    marker: str
    line: str


@styled
def plot_time(
    table: pd.DataFrame,
    fits: pd.DataFrame,
    published: pd.DataFrame,
    methods: Mapping[str, Mapping],
    source: str,
    *,
    label: str | None = None,
    machine: str | None = None,
) -> Figure:
    """Draw the time of the fit, and of the whole way from counts to result, against the number of cells.

    Parameters
    ----------
    table
        Columns source, n_cells, method, seed, status, quantity, phase, value, time_limit_s, memory_limit_mb.
    fits
        Columns source, method, quantity, phase, exponent, ci_low, ci_high, factor, cells_min, cells_max.
    published
        Columns method, label, n_cells, quantity, relation (``"="``, or ``">"`` for a lower bound), value, words.
    methods
        Facts by name: label, control.
    source
        Which data set.
    label, machine
        Its name for people; processor and so on, for the note below.

    Returns
    -------
    The figure. Points are medians over the seeds that ended well, bars their range, lines the fitted power law over
    the sizes that it was fitted to; the exponent with its 95 % interval stands beside the name. Failures have marks of
    their own above the limit, which is a broken line; published figures are stars, lower bounds arrows.

    Raises
    ------
    DataError
        The table has no row of the data set.
    """
    return _plot(table, fits, published, methods, source, [_FIT, _WHOLE], label or source, machine)


@styled
def plot_memory(
    table: pd.DataFrame,
    fits: pd.DataFrame,
    published: pd.DataFrame,
    methods: Mapping[str, Mapping],
    source: str,
    *,
    label: str | None = None,
    machine: str | None = None,
) -> Figure:
    """Draw peak memory of runs, alone and with their preparation, against the number of cells; see :func:`plot_time`.

    A third panel shows memory of the GPU where one was used.
    """
    on_gpu = ((table["quantity"] == "gpu_memory_mb") & (table["source"] == source)).any()
    panels = [_MEMORY, _WHOLE_MEMORY, *([_GPU] if on_gpu else [])]
    return _plot(table, fits, published, methods, source, panels, label or source, machine)


@styled
def plot_phases(
    table: pd.DataFrame,
    methods: Mapping[str, Mapping],
    source: str,
    *,
    label: str | None = None,
    machine: str | None = None,
) -> Figure:
    """Draw the time of each phase against the number of cells, one panel per method; see :func:`plot_time`.

    Phases of the preparation are its own, and have a panel with a legend of its own.
    """
    table = _of_source(table, source)
    looks = _looks(table, methods)
    timed = table[(table["quantity"] == "seconds") & (table["status"] == "ok") & ~table["phase"].eq("whole_way")]
    names = [PREPARATION, *looks]
    rows = -(-len(names) // COLUMNS)
    phases = {key: _phases(timed, key == "preparation") for key in ("preparation", "run")}
    notes = _phase_notes(machine)
    legends = [_legend_entries(words) for words in phases.values()]
    width = 2 * MARGIN + 0.35 + COLUMNS * (SMALL_PANEL + 0.25)
    wrapped = [line for note in notes for line in wrap(note, NOTE_SIZE, width - 2 * MARGIN)]
    bottom = TOP + rows * (SMALL_TALL + 0.55)
    lines = sum(_legend_lines(entries, width) for entries in legends)
    figure, page = inch_canvas(width, bottom + 0.1 + ROW * lines + 0.12 + 0.135 * len(wrapped))
    page.text(MARGIN, 0.24, f"{label or source}: time by phase", size=11, weight="bold", color=INK, va="center")
    limits = _shared_limits(table["n_cells"], timed["value"])
    for i, name in enumerate(names):
        left = MARGIN + 0.35 + (i % COLUMNS) * (SMALL_PANEL + 0.25)
        axes = inch_axes(figure, left, TOP + (i // COLUMNS) * (SMALL_TALL + 0.55), SMALL_PANEL, SMALL_TALL)
        kind = "preparation" if name == PREPARATION else "run"
        title = "Preparation" if name == PREPARATION else looks[name].label
        _draw_phases(axes, timed[timed["method"] == name], phases[kind], limits, table["n_cells"], title)
        if i % COLUMNS:
            axes.tick_params(labelleft=False)
    y = bottom + 0.1
    for title, entries, colours in zip(("Preparation:", "Runs:"), legends, phases.values(), strict=True):
        y = _draw_legend(page, y, title, entries, colours, width)
    for i, line in enumerate(wrapped):
        page.text(MARGIN, y + 0.1 + 0.135 * i, line, size=NOTE_SIZE, color=FAINT, va="center")
    return figure


def _of_source(table: pd.DataFrame, source: str) -> pd.DataFrame:
    table = table[table["source"].astype(str) == str(source)]
    if table.empty:
        raise DataError(f"no runs of data set '{source}' to draw")
    return table.assign(method=table["method"].astype(str))


def _looks(table: pd.DataFrame, methods: Mapping[str, Mapping]) -> dict[str, _Look]:
    """Methods and how they look, controls grey and last."""
    names = [name for name in dict.fromkeys(table["method"]) if name != PREPARATION]
    controls = [name for name in names if facts_of(methods, name).get("control")]
    real = [name for name in names if name not in controls]
    colours = category_colours(sorted(real))
    looks = {name: _Look(method_label(methods, name), colours[name], "o", "-") for name in real}
    for i, name in enumerate(controls):
        marker = CONTROL_MARKERS[i % len(CONTROL_MARKERS)]
        looks[name] = _Look(method_label(methods, name), CONTROL, marker, ":")
    return looks


def _plot(table, fits, published, methods, source, panels: Sequence[_Quantity], label: str, machine) -> Figure:
    """Panels side by side, and to the right of them a table of names and exponents."""
    table = _of_source(table, source)
    fits = fits[fits["source"].astype(str) == str(source)]
    looks = {PREPARATION: _Look("Preparation", INK, "o", "-")} | _looks(table, methods)
    notes = _notes(table, panels, published, machine)
    name_width = max(text_width(shorten(look.label, 7.5, MAX_NAME), 7.5) for look in looks.values()) + 0.42
    columns = [text_width("-0.00 (-0.00, 0.00)", 6.5) + 0.12 for _ in panels]
    legend = name_width + sum(columns)
    wide = [PANEL + GAP + (WORDS - 0.3) * _has_words(panel, published) for panel in panels]
    lefts = MARGIN + 0.45 + np.concatenate([[0], np.cumsum(wide)])
    legend_left = lefts[-1] - GAP + 0.3
    width = legend_left + legend + MARGIN
    wrapped = [line for note in notes for line in wrap(note, NOTE_SIZE, width - 2 * MARGIN)]
    tall = max(TALL, 0.5 + ROW * (len(looks) + 1 + len(_statuses(table))))
    figure, page = inch_canvas(width, TOP + tall + 0.62 + 0.135 * len(wrapped))
    page.text(MARGIN, 0.24, label, size=11, weight="bold", color=INK, va="center")
    for i, panel in enumerate(panels):
        axes = inch_axes(figure, lefts[i], TOP, PANEL, tall)
        _draw_panel(axes, panel, table, fits, published, looks, tall)
    _draw_key(page, legend_left, name_width, columns, panels, fits, looks, _statuses(table))
    for i, line in enumerate(wrapped):
        page.text(MARGIN, TOP + tall + 0.55 + 0.135 * i, line, size=NOTE_SIZE, color=FAINT, va="center")
    return figure


def _has_words(panel: _Quantity, published: pd.DataFrame) -> bool:
    """Whether words of published figures stand beside a panel."""
    return panel.published and bool((published["quantity"] == panel.quantity).any())


def _draw_panel(axes: Axes, panel: _Quantity, table, fits, published, looks: dict[str, _Look], tall: float) -> None:
    chosen = table[(table["quantity"] == panel.quantity) & (table["phase"] == panel.phase)]
    ok = chosen[chosen["status"] == "ok"]
    shown = published[published["quantity"] == panel.quantity] if panel.published else published.iloc[:0]
    limits = _limits(table, panel.limit)
    _set_axes(axes, panel, table, [*ok["value"], *limits, *shown["value"]], shown, tall)
    for name, look in looks.items():
        line = fits[(fits["method"] == name) & (fits["quantity"] == panel.quantity) & (fits["phase"] == panel.phase)]
        _draw_method(axes, ok[ok["method"] == name], look, _dropped(line))
        _draw_line(axes, line, look)
    for limit in limits:
        axes.axhline(limit, color=ALERT, lw=0.7, ls="--", zorder=1)
        words = f"limit {_amount(limit, panel.quantity)}"
        axes.annotate(words, (0, limit), xycoords=("axes fraction", "data"), **_beside(3, -2, "left", "top", ALERT))
    _draw_failures(axes, _failures(table), looks, max([*limits, *_finite(ok["value"])], default=1.0))
    _draw_published(axes, shown, looks)


def _dropped(fit: pd.DataFrame) -> set[int]:
    """Sizes that were left out of a fit."""
    words = fit["dropped"].fillna("").iloc[0] if len(fit) and "dropped" in fit else ""
    return {int(part.split()[0]) for part in words.split("; ") if part}


def _draw_method(axes: Axes, ok: pd.DataFrame, look: _Look, dropped: set[int]) -> None:
    """Medians over seeds, with their range; hollow where the fit leaves them out."""
    groups = ok.dropna(subset="value").groupby("n_cells")["value"]
    for cells, values in groups:
        middle = values.median()
        face = "white" if cells in dropped else look.colour
        style = {"marker": look.marker, "ms": 3.5, "mfc": face, "mew": 0.5, "ls": "", "zorder": 3}
        style["mec"] = look.colour if cells in dropped else "white"
        spread = [[middle - values.min()], [values.max() - middle]]
        axes.errorbar([cells], [middle], spread, ecolor=look.colour, elinewidth=0.8, **style)


def _draw_line(axes: Axes, fit: pd.DataFrame, look: _Look) -> None:
    """The fitted power law, over the sizes that it was fitted to."""
    if fit.empty or not np.isfinite(fit["exponent"].iloc[0]):
        return
    row = fit.iloc[0]
    cells = np.array([float(row["cells_min"]), float(row["cells_max"])])
    axes.plot(cells, row["factor"] * cells ** row["exponent"], color=look.colour, lw=1, ls=look.line, zorder=2)


def _failures(table: pd.DataFrame) -> pd.DataFrame:
    """Method, size and status of failed runs, each once, with how many of how many."""
    runs = table.drop_duplicates(["method", "n_cells", "seed"])
    counts = runs.groupby(["method", "n_cells"])["seed"].size().rename("runs")
    failed = runs[runs["status"] != "ok"].groupby(["method", "n_cells", "status"]).size().rename("n").reset_index()
    return failed.merge(counts.reset_index(), on=["method", "n_cells"])


def _draw_failures(axes: Axes, failures: pd.DataFrame, looks: dict[str, _Look], limit: float) -> None:
    """Marks above the limit, those of one size above each other in the order of the key."""
    order = {name: place for place, name in enumerate(looks)}
    for cells, here in failures.groupby("n_cells"):
        here = here.sort_values("method", key=lambda names: names.map(order))
        for i, row in enumerate(here.itertuples()):
            look, marker = looks[row.method], STATUS_MARKERS.get(row.status, "X")
            offset = axes.transData + _shift(axes, STEP * (i + 0.8))
            style = _failure_style(row.status, look.colour) | {"zorder": 4, "clip_on": False}
            axes.plot([cells], [limit], marker=marker, transform=offset, **style)
            if row.n < row.runs:
                words = _beside(5, 72 * STEP * (i + 0.8), "left", "center", look.colour)
                axes.annotate(f"{row.n}/{row.runs}", (cells, limit), **words)


def _failure_style(status: str, colour: str) -> dict:
    face = "white" if status == HOLLOW else colour
    return {"ms": 4.5, "mfc": face, "mec": colour, "mew": 0.8 if status == HOLLOW else 0.2, "ls": ""}


def _shift(axes: Axes, up: float, right: float = 0.0) -> ScaledTranslation:
    """A shift by inches."""
    return ScaledTranslation(right, up, axes.figure.dpi_scale_trans)


def _draw_published(axes: Axes, published: pd.DataFrame, looks: dict[str, _Look]) -> None:
    """Stars; arrows that point up where only a lower bound was published. Their words stand beside the panel."""
    place = axes.transData + _shift(axes, 0, 0.13)
    for value, here in published.groupby("value"):
        known = [looks[name].colour for name in here["method"] if name in looks]
        colour = known[0] if len(known) == len(here) else FAINT
        at = (here["n_cells"].iloc[0], value)
        style = {"transform": place, "mec": colour, "zorder": 4, "clip_on": False}
        if here["relation"].iloc[0] == ">":
            arrow = {"arrowstyle": "-|>", "color": colour, "lw": 0.9, "shrinkA": 0, "shrinkB": 0}
            ends = {"xytext": at, "textcoords": place, "xycoords": place + _shift(axes, 0.2)}
            axes.annotate("", at, **ends, arrowprops=arrow, annotation_clip=False)
            axes.plot(*at, marker="_", ms=6, mew=1, **style)
        else:
            axes.plot(*at, marker="*", ms=8, mfc="white", mew=0.9, **style)
        lines = [", ".join(here["label"]), *wrap(f"{here['words'].iloc[0]} (paper)", 6, WORDS - 0.3)]
        words = "\n".join(lines)
        axes.annotate(words, (1, value), xycoords=("axes fraction", "data"), **_beside(9, 0, "left", "center", INK))


def _beside(x: float, y: float, ha: str, va: str, colour: str) -> dict:
    """How a small text stands beside a point."""
    style = {"xytext": (x, y), "textcoords": "offset points", "size": 6, "color": colour, "zorder": 5}
    return style | {"ha": ha, "va": va}


def _set_axes(axes: Axes, panel: _Quantity, table, values: list[float], published: pd.DataFrame, tall: float) -> None:
    """Log axes; room above the limit for the marks of failures."""
    cells = np.unique(np.concatenate([table["n_cells"].to_numpy(float), published["n_cells"].to_numpy(float)]))
    stacked = _failures(table).groupby("n_cells").size().max()
    room = STEP * (1.5 + (0 if np.isnan(stacked) else stacked)) if len(values) else 0.2
    room = max(room, 0.35 if len(published) else 0.15)
    values = _finite(values)
    low, high = (min(values), max(values)) if values else (0.5, 2.0)
    low, high = low / 1.4, max(high, 3 * low)
    # The share of the axis above `high` is that of the room.
    top = high * (high / low) ** (room / max(tall - room, 0.5))
    axes.set_xscale("log")
    axes.set_yscale("log")
    limits = cells.min() / 1.35, cells.max() * 1.35
    axes.set_xlim(*limits)
    axes.set_ylim(low, top)
    _tick_cells(axes, _spaced(cells, limits, PANEL))
    _tick_values(axes, panel.quantity)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel("cells", size=7.5, color=INK)
    axes.set_title(panel.title, size=8.5, weight="bold", color=INK, loc="left")


def _tick_cells(axes: Axes, cells: Sequence[float]) -> None:
    axes.xaxis.set_major_locator(FixedLocator(cells))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _count(value)))


def _tick_values(axes: Axes, quantity: str) -> None:
    """Ticks at round values of the units, thinned out where there are too many."""
    low, high = axes.get_ylim()
    inside = [tick for tick in TICKS[quantity] if low <= tick <= high]
    axes.yaxis.set_major_locator(FixedLocator(inside[:: -(-len(inside) // MOST_TICKS) or 1]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _amount(value, quantity)))
    axes.grid(axis="y", color="#e6e6e6", lw=0.5)


def _count(value: float) -> str:
    """A number of cells, short."""
    for scale, word in ((1e6, " M"), (1e3, " k")):
        if value >= scale:
            return f"{value / scale:.3g}{word}"
    return f"{value:.0f}"


def _amount(value: float, quantity: str) -> str:
    """Seconds or MiB in the largest unit that keeps the number at 1 or above."""
    scale, unit = next((pair for pair in reversed(UNITS[quantity]) if value >= 0.999 * pair[0]), UNITS[quantity][0])
    return f"{value / scale:.3g} {unit}"


def _finite(values) -> list[float]:
    values = np.array(list(values), dtype=float)
    return list(values[np.isfinite(values) & (values > 0)])


def _limits(table: pd.DataFrame, column: str) -> list[float]:
    return sorted(set(_finite(table[column]))) if column in table else []


def _statuses(table: pd.DataFrame) -> list[str]:
    """Failures that occur, in the order of their marks."""
    found = set(table["status"]) - {"ok"}
    return [status for status in STATUS_MARKERS if status in found] + sorted(found - set(STATUS_MARKERS))


def _draw_key(page: Axes, left: float, name_width: float, columns, panels, fits, looks, statuses) -> None:
    """Names, how they are drawn, and exponents with intervals, one column per panel."""
    style = {"va": "center", "size": 6.5, "color": INK}
    page.text(left + name_width, TOP - 0.16, "exponent (95 % interval)", **style | {"color": FAINT})
    places = left + name_width + np.concatenate([[0], np.cumsum(columns)[:-1]])
    for x, panel, width in zip(places, panels, columns, strict=True):
        page.text(x, TOP + 0.02, shorten(panel.short, 6.5, width - 0.05), **style | {"weight": "bold"})
    y = TOP + 0.02
    for name, look in looks.items():
        y += ROW
        page.plot([left, left + 0.2], [y, y], color=look.colour, lw=1, ls=look.line)
        page.plot([left + 0.1], [y], marker=look.marker, ms=3.5, color=look.colour, mec="white", mew=0.4)
        page.text(left + 0.27, y, shorten(look.label, 7.5, MAX_NAME), **style | {"size": 7.5})
        for x, panel in zip(places, panels, strict=True):
            page.text(x, y, _exponent(fits, name, panel), **style)
    for status in statuses:
        y += ROW
        page.plot([left + 0.1], [y], marker=STATUS_MARKERS.get(status, "X"), **_failure_style(status, FAINT))
        page.text(left + 0.27, y, f"failed: {STATUS_WORDS.get(status, status)}", **style | {"color": FAINT})


def _exponent(fits: pd.DataFrame, name: str, panel: _Quantity) -> str:
    """Exponent and interval in words; a dash where none could be fitted."""
    here = fits[(fits["method"] == name) & (fits["quantity"] == panel.quantity) & (fits["phase"] == panel.phase)]
    if here.empty or not np.isfinite(here["exponent"].iloc[0]):
        return "–"
    row = here.iloc[0]
    exponent, ci_low, ci_high = (f"{round(row[key], 2) + 0.0:.2f}" for key in ("exponent", "ci_low", "ci_high"))
    return f"{exponent} ({ci_low}, {ci_high})" if np.isfinite(row["ci_low"]) else f"{exponent} (two sizes)"


def _notes(table: pd.DataFrame, panels: Sequence[_Quantity], published: pd.DataFrame, machine: str | None) -> list[str]:
    seeds = table.loc[table["method"] != PREPARATION].groupby(["method", "n_cells"])["seed"].nunique()
    n = sorted(set(seeds)) or [0]
    runs = f"{n[0]} run{'s' * (n[0] != 1)}" if len(n) == 1 else f"{n[0]} to {n[-1]} runs"
    dropped = " Hollow: times of 1 s or less, left out of the fit." if panels[0].quantity == "seconds" else ""
    notes = [
        f"Points: median of {runs}, bars their range. Lines: power law fitted to the medians, over the sizes that "
        f"it was fitted to; the interval is that of least squares on logarithms.{dropped}"
    ]
    if panels[0].quantity == "seconds":
        notes.append(
            "From counts to result: preparation, load, fit and write, without imports and the start of processes."
        )
    if _statuses(table):
        notes.append(
            "Marks above the limit: failed runs, at their size; a fraction where others of that size ended well."
        )
    if any(panel.published for panel in panels) and (published["quantity"] == panels[0].quantity).any():
        notes.append("Paper: published figures, measured on another machine; arrows are lower bounds.")
    return [*notes, *([f"Machine: {machine}."] if machine else [])]


def _phases(timed: pd.DataFrame, preparation: bool) -> dict[str, str]:
    """Colour of each phase, in the order in which they come."""
    rows = timed[(timed["method"] == PREPARATION) == preparation]
    found = [name for name in dict.fromkeys(rows["phase"]) if name != "run"]
    names = sorted(found, key=lambda name: PHASE_ORDER.index(name) if name in PHASE_ORDER else len(PHASE_ORDER))
    return {"run": RULE} | category_colours(names)


def _phase_notes(machine: str | None) -> list[str]:
    notes = [
        "Lines: median over the seeds that ended well. Whole process: its start and imports included. "
        "In the preparation, read and waited are parts of the other phases."
    ]
    return [*notes, *([f"Machine: {machine}."] if machine else [])]


def _shared_limits(cells: pd.Series, values: pd.Series) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of both axes, the same in all panels; what is below a hundredth of a second is cut off."""
    seconds = _finite(values)
    low, high = (max(min(seconds), 0.01), max(seconds)) if seconds else (0.5, 2.0)
    return (cells.min() / 1.35, cells.max() * 1.35), (low / 1.3, max(high, 3 * low) * 1.5)


def _draw_phases(axes: Axes, timed: pd.DataFrame, colours: dict[str, str], limits, cells, title: str) -> None:
    """Lines of one method: a phase each, over a broad one of the whole process."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*limits[0])
    axes.set_ylim(*limits[1])
    for phase, colour in colours.items():
        middle = timed[timed["phase"] == phase].groupby("n_cells")["value"].median()
        if len(middle):
            thin = {"marker": "o", "ms": 2.5, "mec": "white", "mew": 0.3, "lw": 0.9}
            axes.plot(middle.index, middle, color=colour, **({"lw": 3.5} if phase == "run" else thin))
    if timed.empty:
        axes.text(0.5, 0.5, "no run ended well", transform=axes.transAxes, size=7, color=ALERT, ha="center")
    _tick_cells(axes, _spaced(cells, limits[0], SMALL_PANEL))
    _tick_values(axes, "seconds")
    axes.tick_params(labelsize=6.5)
    axes.set_title(shorten(title, 8, SMALL_PANEL), size=8, weight="bold", color=INK, loc="left")


def _spaced(cells: Iterable[float], limits: tuple[float, float], width: float) -> list[float]:
    """Sizes whose ticks do not run into each other in a panel of this width in inches, from the largest down."""
    least = np.log(limits[1] / limits[0]) * 0.5 / width
    kept: list[float] = []
    for value in sorted(set(cells), reverse=True):
        if not kept or np.log(kept[-1] / value) >= least:
            kept.append(value)
    return kept


def _legend_entries(colours: dict[str, str]) -> list[tuple[str, float]]:
    """Words of a legend line and the width that each takes."""
    return [(name, text_width(PHASE_WORDS.get(name, name), 7) + 0.45) for name in colours]


def _legend_lines(entries: list[tuple[str, float]], width: float) -> int:
    return max((line for _, line, _ in _legend_places(entries, width)), default=0) + 1


def _legend_places(entries: list[tuple[str, float]], width: float) -> Iterator[tuple[str, int, float]]:
    """Name, line and left end of each entry."""
    line, x, start = 0, MARGIN + 0.85, MARGIN + 0.85
    for name, wide in entries:
        if x + wide > width - MARGIN and x > start:
            line, x = line + 1, start
        yield name, line, x
        x += wide


def _draw_legend(page: Axes, y: float, title: str, entries, colours: dict[str, str], width: float) -> float:
    """Phases and their colours; the top of what comes below."""
    page.text(MARGIN, y, title, size=7, weight="bold", color=INK, va="center")
    for name, line, x in _legend_places(entries, width):
        here = y + line * ROW
        page.plot([x, x + 0.2], [here, here], color=colours[name], lw=3 if name == "run" else 1.2)
        page.text(x + 0.25, here, PHASE_WORDS.get(name, name), size=7, color=INK, va="center")
    return y + ROW * _legend_lines(entries, width)
