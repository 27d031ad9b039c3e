"""Shared by the scaling figures: styles of methods, log axes with ticks at round numbers of cells, seconds and MiB."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from portal_lib.errors import DataError
from portal_lib.reporting._rows import facts_of, method_label
from portal_lib.reporting.figures import _style

PREPARATION = "preparation"
TOP, ROW = 0.72, 0.185
# Markers of controls, all of which are grey.
CONTROL_MARKERS = "s^vD*p"
# Units of each quantity, and possible ticks of its axis.
UNITS = {"seconds": ((1, "s"), (60, "min"), (3600, "h")), "memory_mb": ((1, "MiB"), (1024, "GiB"), (2**20, "TiB"))}
UNITS["gpu_memory_mb"] = UNITS["memory_mb"]
SECONDS = (0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36_000, 360_000, 3_600_000)
MIB = tuple(2.0**power for power in range(31))
TICKS = {"seconds": SECONDS, "memory_mb": MIB, "gpu_memory_mb": MIB}
MOST_TICKS = 9


@dataclass(frozen=True)
class Look:
    """Label, colour, marker and line style of a method."""

    label: str
    colour: str
    marker: str
    line: str


def of_source(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Rows of one data set, names as text."""
    table = table[table["source"].astype(str) == str(source)]
    if table.empty:
        raise DataError(f"no runs of data set '{source}' to draw")
    return table.assign(method=table["method"].astype(str))


def looks_of(table: pd.DataFrame, methods: Mapping[str, Mapping]) -> dict[str, Look]:
    """The style of each method; controls are grey and last."""
    names = [name for name in dict.fromkeys(table["method"]) if name != PREPARATION]
    controls = [name for name in names if facts_of(methods, name).get("control")]
    real = [name for name in names if name not in controls]
    colours = _style.category_colours(sorted(real))
    looks = {name: Look(method_label(methods, name), colours[name], "o", "-") for name in real}
    for i, name in enumerate(controls):
        marker = CONTROL_MARKERS[i % len(CONTROL_MARKERS)]
        looks[name] = Look(method_label(methods, name), _style.CONTROL, marker, ":")
    return looks


def draw_look(page: Axes, left: float, y: float, look: Look, most: float) -> None:
    """One entry of a key: line, marker and label of a method; labels wider than `most` inches are shortened."""
    page.plot([left, left + 0.2], [y, y], color=look.colour, lw=1, ls=look.line)
    page.plot([left + 0.1], [y], marker=look.marker, ms=3.5, color=look.colour, mec="white", mew=0.4)
    page.text(left + 0.27, y, _style.shorten(look.label, 7.5, most), va="center", size=7.5, color=_style.INK)


def tick_sizes(axes: Axes, sizes: Sequence[float]) -> None:
    """Ticks at these numbers of cells or batches."""
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _count(value)))


def tick_values(axes: Axes, quantity: str) -> None:
    """Ticks at round values of the units, fewer where there are too many."""
    low, high = axes.get_ylim()
    inside = [tick for tick in TICKS[quantity] if low <= tick <= high]
    axes.yaxis.set_major_locator(FixedLocator(inside[:: -(-len(inside) // MOST_TICKS) or 1]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value, quantity)))
    axes.grid(axis="y", color="#e6e6e6", lw=0.5)


def _count(value: float) -> str:
    """A number of cells in short form."""
    for scale, word in ((1e6, " M"), (1e3, " k")):
        if value >= scale:
            return f"{value / scale:.3g}{word}"
    return f"{value:.0f}"


def amount(value: float, quantity: str) -> str:
    """Seconds or MiB in the largest unit in which the number is at least 1."""
    scale, unit = next((pair for pair in reversed(UNITS[quantity]) if value >= 0.999 * pair[0]), UNITS[quantity][0])
    return f"{value / scale:.3g} {unit}"


def finite(values: Iterable[float]) -> list[float]:
    """Values that a log axis can show."""
    values = np.array(list(values), dtype=float)
    return list(values[np.isfinite(values) & (values > 0)])


def spaced(cells: Iterable[float], limits: tuple[float, float], width: float) -> list[float]:
    """Sizes whose tick labels do not overlap in a panel of this width in inches, from the largest down."""
    least = np.log(limits[1] / limits[0]) * 0.5 / width
    kept: list[float] = []
    for value in sorted(set(cells), reverse=True):
        if not kept or np.log(kept[-1] / value) >= least:
            kept.append(value)
    return kept
