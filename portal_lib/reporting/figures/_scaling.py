"""Panels of time or memory against the number of cells or batches: measured, fitted, failed, published; a key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from portal_lib.reporting.figures import _style
from portal_lib.reporting.figures._scaling_axes import (
    PREPARATION,
    ROW,
    TOP,
    Look,
    amount,
    draw_look,
    finite,
    looks_of,
    of_source,
    spaced,
    tick_sizes,
    tick_values,
)

PANEL, TALL, GAP = 3.3, 3.0, 0.75
MAX_NAME = 1.9
# Inches above the highest limit or value, for each failed method of one size.
STEP = 0.11
STATUS_MARKERS = {"oom": "X", "timeout": ">", "error": "P", "not_applicable": "o"}
HOLLOW = "not_applicable"
STATUS_WORDS = {"oom": "out of memory", "not_applicable": "not applicable"}
# Width of the words to the right of a panel with published values.
WORDS = 1.25


@dataclass(frozen=True)
class Quantity:
    """What a panel shows: rows of the table, and the column of its limit."""

    title: str
    short: str
    quantity: str
    phase: str
    limit: str
    published: bool = False


def draw_panels(
    table: pd.DataFrame,
    fits: pd.DataFrame,
    published: pd.DataFrame,
    methods: Mapping[str, Mapping],
    source: str,
    panels: Sequence[Quantity],
    label: str,
    machine: str | None,
) -> Figure:
    """Draw panels side by side, and a table of methods and exponents to the right of them."""
    table = of_source(table, source)
    if table["against"].iloc[0] != "cells":
        published = published.iloc[:0]
    fits = fits[fits["source"].astype(str) == str(source)]
    looks = {PREPARATION: Look("Preparation", _style.INK, "o", "-")} | looks_of(table, methods)
    name_width = (
        max(_style.text_width(_style.shorten(look.label, 7.5, MAX_NAME), 7.5) for look in looks.values()) + 0.42
    )
    columns = [_style.text_width("-0.00 (-0.00, 0.00)", 6.5) + 0.12 for _ in panels]
    legend = name_width + sum(columns)
    wide = [PANEL + GAP + (WORDS - 0.3) * _has_words(panel, published) for panel in panels]
    lefts = _style.MARGIN + 0.45 + np.concatenate([[0], np.cumsum(wide)])
    legend_left = lefts[-1] - GAP + 0.3
    width = legend_left + legend + _style.MARGIN
    notes = _style.wrap_notes(_notes(table, panels, published, machine), width - 2 * _style.MARGIN)
    tall = max(TALL, 0.5 + ROW * (len(looks) + 1 + len(_statuses(table))))
    figure, page = _style.inch_canvas(width, TOP + tall + 0.62 + _style.LINE * len(notes))
    _style.draw_title(page, label, 0.24)
    for i, panel in enumerate(panels):
        axes = _style.inch_axes(figure, lefts[i], TOP, PANEL, tall)
        _draw_panel(axes, panel, table, fits, published, looks, tall)
    _draw_key(page, legend_left, name_width, columns, panels, fits, looks, _statuses(table))
    _style.draw_notes(page, notes, TOP + tall + 0.55)
    return figure


def _has_words(panel: Quantity, published: pd.DataFrame) -> bool:
    """Whether a panel has published values, with words to its right."""
    return panel.published and bool((published["quantity"] == panel.quantity).any())


def _draw_panel(axes: Axes, panel: Quantity, table, fits, published, looks: dict[str, Look], tall: float) -> None:
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
        axes.axhline(limit, color=_style.ALERT, lw=0.7, ls="--", zorder=1)
        words = f"limit {amount(limit, panel.quantity)}"
        axes.annotate(
            words, (0, limit), xycoords=("axes fraction", "data"), **_offset(3, -2, "left", "top", _style.ALERT)
        )
    _draw_failures(axes, _failures(table), looks, max([*limits, *finite(ok["value"])], default=1.0))
    _draw_published(axes, shown, looks)


def _dropped(fit: pd.DataFrame) -> set[int]:
    """Sizes that a fit leaves out."""
    words = fit["dropped"].fillna("").iloc[0] if len(fit) and "dropped" in fit else ""
    return {int(part.split()[0]) for part in words.split("; ") if part}


def _draw_method(axes: Axes, ok: pd.DataFrame, look: Look, dropped: set[int]) -> None:
    """Medians over seeds, with their range; hollow where the fit leaves a size out."""
    groups = ok.dropna(subset="value").groupby("size")["value"]
    for size, values in groups:
        middle = values.median()
        face = "white" if size in dropped else look.colour
        style = {"marker": look.marker, "ms": 3.5, "mfc": face, "mew": 0.5, "ls": "", "zorder": 3}
        style["mec"] = look.colour if size in dropped else "white"
        spread = [[middle - values.min()], [values.max() - middle]]
        axes.errorbar([size], [middle], spread, ecolor=look.colour, elinewidth=0.8, **style)


def _draw_line(axes: Axes, fit: pd.DataFrame, look: Look) -> None:
    """The fitted power law, over the sizes that it was fitted to."""
    if fit.empty or not np.isfinite(fit["exponent"].iloc[0]):
        return
    row = fit.iloc[0]
    sizes = np.array([float(row["size_min"]), float(row["size_max"])])
    axes.plot(sizes, row["factor"] * sizes ** row["exponent"], color=look.colour, lw=1, ls=look.line, zorder=2)


def _failures(table: pd.DataFrame) -> pd.DataFrame:
    """Method, size and status of failed runs, with their number and the number of all runs."""
    runs = table.drop_duplicates(["method", "size", "seed"])
    counts = runs.groupby(["method", "size"])["seed"].size().rename("runs")
    failed = runs[runs["status"] != "ok"].groupby(["method", "size", "status"]).size().rename("n").reset_index()
    return failed.merge(counts.reset_index(), on=["method", "size"])


def _draw_failures(axes: Axes, failures: pd.DataFrame, looks: dict[str, Look], limit: float) -> None:
    """Marks above the limit; those of one size are stacked in the order of the key."""
    order = {name: place for place, name in enumerate(looks)}
    for size, here in failures.groupby("size"):
        here = here.sort_values("method", key=lambda names: names.map(order))
        for i, row in enumerate(here.itertuples()):
            look, marker = looks[row.method], STATUS_MARKERS.get(row.status, "X")
            offset = axes.transData + _shift(axes, STEP * (i + 0.8))
            style = _failure_style(row.status, look.colour) | {"zorder": 4, "clip_on": False}
            axes.plot([size], [limit], marker=marker, transform=offset, **style)
            if row.n < row.runs:
                words = _offset(5, 72 * STEP * (i + 0.8), "left", "center", look.colour)
                axes.annotate(f"{row.n}/{row.runs}", (size, limit), **words)


def _failure_style(status: str, colour: str) -> dict:
    face = "white" if status == HOLLOW else colour
    return {"ms": 4.5, "mfc": face, "mec": colour, "mew": 0.8 if status == HOLLOW else 0.2, "ls": ""}


def _shift(axes: Axes, up: float, right: float = 0.0) -> ScaledTranslation:
    """A shift by inches."""
    return ScaledTranslation(right, up, axes.figure.dpi_scale_trans)


def _draw_published(axes: Axes, published: pd.DataFrame, looks: dict[str, Look]) -> None:
    """Stars, or arrows that point up for a lower bound, with words to the right of the panel."""
    place = axes.transData + _shift(axes, 0, 0.13)
    for value, here in published.groupby("value"):
        known = [looks[name].colour for name in here["method"] if name in looks]
        colour = known[0] if len(known) == len(here) else _style.FAINT
        at = (here["n_cells"].iloc[0], value)
        style = {"transform": place, "mec": colour, "zorder": 4, "clip_on": False}
        if here["relation"].iloc[0] == ">":
            arrow = {"arrowstyle": "-|>", "color": colour, "lw": 0.9, "shrinkA": 0, "shrinkB": 0}
            ends = {"xytext": at, "textcoords": place, "xycoords": place + _shift(axes, 0.2)}
            axes.annotate("", at, **ends, arrowprops=arrow, annotation_clip=False)
            axes.plot(*at, marker="_", ms=6, mew=1, **style)
        else:
            axes.plot(*at, marker="*", ms=8, mfc="white", mew=0.9, **style)
        lines = [", ".join(here["label"]), *_style.wrap(f"{here['words'].iloc[0]} (paper)", 6, WORDS - 0.3)]
        words = "\n".join(lines)
        axes.annotate(
            words, (1, value), xycoords=("axes fraction", "data"), **_offset(9, 0, "left", "center", _style.INK)
        )


def _offset(x: float, y: float, ha: str, va: str, colour: str) -> dict:
    """Style of a small text next to a point."""
    style = {"xytext": (x, y), "textcoords": "offset points", "size": 6, "color": colour, "zorder": 5}
    return style | {"ha": ha, "va": va}


def _set_axes(axes: Axes, panel: Quantity, table, values: list[float], published: pd.DataFrame, tall: float) -> None:
    """Log axes, with space above the limit for the marks of failures."""
    sizes = np.unique(np.concatenate([table["size"].to_numpy(float), published["n_cells"].to_numpy(float)]))
    stacked = _failures(table).groupby("size").size().max()
    space = STEP * (1.5 + (0 if np.isnan(stacked) else stacked)) if len(values) else 0.2
    space = max(space, 0.35 if len(published) else 0.15)
    values = finite(values)
    low, high = (min(values), max(values)) if values else (0.5, 2.0)
    low, high = low / 1.4, max(high, 3 * low)
    # Extend the axis above `high` by that space.
    top = high * (high / low) ** (space / max(tall - space, 0.5))
    axes.set_xscale("log")
    axes.set_yscale("log")
    limits = sizes.min() / 1.35, sizes.max() * 1.35
    axes.set_xlim(*limits)
    axes.set_ylim(low, top)
    tick_sizes(axes, spaced(sizes, limits, PANEL))
    tick_values(axes, panel.quantity)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel(table["against"].iloc[0], size=7.5, color=_style.INK)
    axes.set_title(panel.title, size=8.5, weight="bold", color=_style.INK, loc="left")


def _limits(table: pd.DataFrame, column: str) -> list[float]:
    return sorted(set(finite(table[column]))) if column in table else []


def _statuses(table: pd.DataFrame) -> list[str]:
    """Statuses of failed runs that occur, in the order of their marks."""
    found = set(table["status"]) - {"ok"}
    return [status for status in STATUS_MARKERS if status in found] + sorted(found - set(STATUS_MARKERS))


def _draw_key(page: Axes, left: float, name_width: float, columns, panels, fits, looks, statuses) -> None:
    """Methods with their line styles, and exponents with intervals, one column per panel."""
    style = {"va": "center", "size": 6.5, "color": _style.INK}
    page.text(left + name_width, TOP - 0.16, "exponent (95 % interval)", **style | {"color": _style.FAINT})
    places = left + name_width + np.concatenate([[0], np.cumsum(columns)[:-1]])
    for x, panel, width in zip(places, panels, columns, strict=True):
        page.text(x, TOP + 0.02, _style.shorten(panel.short, 6.5, width - 0.05), **style | {"weight": "bold"})
    y = TOP + 0.02
    for name, look in looks.items():
        y += ROW
        draw_look(page, left, y, look, MAX_NAME)
        for x, panel in zip(places, panels, strict=True):
            page.text(x, y, _exponent(fits, name, panel), **style)
    for status in statuses:
        y += ROW
        page.plot([left + 0.1], [y], marker=STATUS_MARKERS.get(status, "X"), **_failure_style(status, _style.FAINT))
        page.text(left + 0.27, y, f"failed: {STATUS_WORDS.get(status, status)}", **style | {"color": _style.FAINT})


def _exponent(fits: pd.DataFrame, name: str, panel: Quantity) -> str:
    """Exponent and interval as text; a dash where none could be fitted."""
    here = fits[(fits["method"] == name) & (fits["quantity"] == panel.quantity) & (fits["phase"] == panel.phase)]
    if here.empty or not np.isfinite(here["exponent"].iloc[0]):
        return "–"
    row = here.iloc[0]
    exponent, ci_low, ci_high = (f"{round(row[key], 2) + 0.0:.2f}" for key in ("exponent", "ci_low", "ci_high"))
    return f"{exponent} ({ci_low}, {ci_high})" if np.isfinite(row["ci_low"]) else f"{exponent} (two sizes)"


def _notes(table: pd.DataFrame, panels: Sequence[Quantity], published: pd.DataFrame, machine: str | None) -> list[str]:
    seeds = table.loc[table["method"] != PREPARATION].groupby(["method", "size"])["seed"].nunique()
    n = sorted(set(seeds)) or [0]
    runs = f"{n[0]} run{'s' * (n[0] != 1)}" if len(n) == 1 else f"{n[0]} to {n[-1]} runs"
    dropped = " Hollow: times of 1 s or less, left out of the fit." if panels[0].quantity == "seconds" else ""
    notes = [
        f"Points: median of {runs}, bars their range. Lines: power law fitted to the medians, drawn over the sizes of "
        f"the fit; the interval is that of least squares on logarithms.{dropped}"
    ]
    if panels[0].quantity == "seconds":
        notes.append("From counts to result: preparation, load, fit and write, without imports and process start.")
    if _statuses(table):
        notes.append(
            "Marks above the limit: failed runs, at their size; a fraction where other runs of that size succeeded."
        )
    if any(panel.published for panel in panels) and (published["quantity"] == panels[0].quantity).any():
        notes.append("Paper: published values, measured on another machine; arrows are lower bounds.")
    return [*notes, *([f"Machine: {machine}."] if machine else [])]
