"""Time of each phase against the number of cells or batches, one panel per method."""

from collections.abc import Iterator, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from portal_lib.reporting.figures import _style
from portal_lib.reporting.figures._scaling_axes import (
    PREPARATION,
    ROW,
    TOP,
    finite,
    looks_of,
    of_source,
    spaced,
    tick_sizes,
    tick_values,
)

FIGURE = {
    "label": "{whole}: time by phase, against the number of cells or batches",
    "file": "scaling_phases.{whole}",
    "tasks": ["integrate"],
    "target": "scaling",
    "formats": ["png", "svg"],
    "inputs": ["scaling", "scaling_machine"],
    "facts": ["methods", "whole", "label"],
}

SMALL_PANEL, SMALL_TALL, COLUMNS = 1.75, 1.35, 4
PHASE_WORDS = {"run": "whole process"}
PHASE_ORDER = ("import", "load", "fit", "check", "write")


@_style.styled
def draw(
    scaling: pd.DataFrame,
    methods: Mapping[str, Mapping],
    whole: str,
    *,
    label: str | None = None,
    scaling_machine: str | None = None,
) -> Figure:
    """Draw the time of each phase against the number of cells or batches, one panel per method.

    Arguments and result are those of the figure ``scaling_time``. The preparation has other phases than the runs, and
    its own panel and legend.
    """
    table = of_source(scaling, whole)
    looks = looks_of(table, methods)
    timed = table[(table["quantity"] == "seconds") & (table["status"] == "ok") & ~table["phase"].eq("whole_way")]
    names = [PREPARATION, *looks]
    rows = -(-len(names) // COLUMNS)
    phases = {key: _phases(timed, key == "preparation") for key in ("preparation", "run")}
    legends = [_legend_entries(words) for words in phases.values()]
    width = 2 * _style.MARGIN + 0.35 + COLUMNS * (SMALL_PANEL + 0.25)
    notes = _style.wrap_notes(_notes(scaling_machine), width - 2 * _style.MARGIN)
    bottom = TOP + rows * (SMALL_TALL + 0.55)
    lines = sum(_legend_lines(entries, width) for entries in legends)
    figure, page = _style.inch_canvas(width, bottom + 0.1 + ROW * lines + 0.12 + _style.LINE * len(notes))
    _style.draw_title(page, f"{label or whole}: time by phase", 0.24)
    limits = _shared_limits(table["size"], timed["value"])
    for i, name in enumerate(names):
        left = _style.MARGIN + 0.35 + (i % COLUMNS) * (SMALL_PANEL + 0.25)
        axes = _style.inch_axes(figure, left, TOP + (i // COLUMNS) * (SMALL_TALL + 0.55), SMALL_PANEL, SMALL_TALL)
        kind = "preparation" if name == PREPARATION else "run"
        title = "Preparation" if name == PREPARATION else looks[name].label
        _draw_phases(axes, timed[timed["method"] == name], phases[kind], limits, table["size"], title)
        if i % COLUMNS:
            axes.tick_params(labelleft=False)
    y = bottom + 0.1
    for title, entries, colours in zip(("Preparation:", "Runs:"), legends, phases.values(), strict=True):
        y = _draw_legend(page, y, title, entries, colours, width)
    _style.draw_notes(page, notes, y + 0.1)
    return figure


def _phases(timed: pd.DataFrame, preparation: bool) -> dict[str, str]:
    """Colour of each phase, in their order."""
    rows = timed[(timed["method"] == PREPARATION) == preparation]
    found = [name for name in dict.fromkeys(rows["phase"]) if name != "run"]
    names = sorted(found, key=lambda name: PHASE_ORDER.index(name) if name in PHASE_ORDER else len(PHASE_ORDER))
    return {"run": _style.RULE} | _style.category_colours(names)


def _notes(machine: str | None) -> list[str]:
    notes = [
        "Lines: median over the successful seeds. Whole process: with its start and imports. In the preparation, read "
        "and waited are parts of the other phases."
    ]
    return [*notes, *([f"Machine: {machine}."] if machine else [])]


def _shared_limits(sizes: pd.Series, values: pd.Series) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of both axes, the same in all panels; times below a hundredth of a second are cut off."""
    seconds = finite(values)
    low, high = (max(min(seconds), 0.01), max(seconds)) if seconds else (0.5, 2.0)
    return (sizes.min() / 1.35, sizes.max() * 1.35), (low / 1.3, max(high, 3 * low) * 1.5)


def _draw_phases(axes: Axes, timed: pd.DataFrame, colours: dict[str, str], limits, sizes, title: str) -> None:
    """Lines of one method: one per phase, over a broad one for the whole process."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*limits[0])
    axes.set_ylim(*limits[1])
    for phase, colour in colours.items():
        middle = timed[timed["phase"] == phase].groupby("size")["value"].median()
        if len(middle):
            thin = {"marker": "o", "ms": 2.5, "mec": "white", "mew": 0.3, "lw": 0.9}
            axes.plot(middle.index, middle, color=colour, **({"lw": 3.5} if phase == "run" else thin))
    if timed.empty:
        axes.text(0.5, 0.5, "no successful run", transform=axes.transAxes, size=7, color=_style.ALERT, ha="center")
    tick_sizes(axes, spaced(sizes, limits[0], SMALL_PANEL))
    tick_values(axes, "seconds")
    axes.tick_params(labelsize=6.5)
    axes.set_title(_style.shorten(title, 8, SMALL_PANEL), size=8, weight="bold", color=_style.INK, loc="left")


def _legend_entries(colours: dict[str, str]) -> list[tuple[str, float]]:
    """Phases of a legend and the width of each entry."""
    return [(name, _style.text_width(PHASE_WORDS.get(name, name), 7) + 0.45) for name in colours]


def _legend_lines(entries: list[tuple[str, float]], width: float) -> int:
    return max((line for _, line, _ in _legend_places(entries, width)), default=0) + 1


def _legend_places(entries: list[tuple[str, float]], width: float) -> Iterator[tuple[str, int, float]]:
    """Phase, line and left end of each entry."""
    line, x, start = 0, _style.MARGIN + 0.85, _style.MARGIN + 0.85
    for name, wide in entries:
        if x + wide > width - _style.MARGIN and x > start:
            line, x = line + 1, start
        yield name, line, x
        x += wide


def _draw_legend(page: Axes, y: float, title: str, entries, colours: dict[str, str], width: float) -> float:
    """Draw phases and their colours; returns where the next legend starts."""
    page.text(_style.MARGIN, y, title, size=7, weight="bold", color=_style.INK, va="center")
    for name, line, x in _legend_places(entries, width):
        here = y + line * ROW
        page.plot([x, x + 0.2], [here, here], color=colours[name], lw=3 if name == "run" else 1.2)
        page.text(x + 0.25, here, PHASE_WORDS.get(name, name), size=7, color=_style.INK, va="center")
    return y + ROW * _legend_lines(entries, width)
