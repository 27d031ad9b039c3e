"""Where the cells of each cluster are mapped: a heat map per method and direction, and how many runs are right."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from portal_lib.reporting._align import DIRECTIONS, rows_of_dataset
from portal_lib.reporting._destinations import Destination, cluster_names, destination_of
from portal_lib.reporting._rows import facts_of, method_label
from portal_lib.reporting.figures import _style

FIGURE = {
    "label": "{dataset}: destinations",
    "category": "Alignment",
    "file": "destinations.{dataset}",
    "tasks": ["align"],
    "chosen": True,
    "inputs": ["destinations"],
    "facts": ["methods", "dataset", "label"],
}

PAGE = 10.0
# Minimum width of a cell and of a map, maximum and minimum height of a row.
CELL, LEAST_PANEL = 0.32, 1.25
TALL, LOW = 0.34, 0.26
PANEL_GAP, BLOCK_GAP = 0.16, 0.34
MAX_LABEL = 1.1
HEAD, FOOT = 0.54, 0.2


@_style.styled
def draw(
    destinations: pd.DataFrame, methods: Mapping[str, Mapping], dataset: str, *, label: str | None = None
) -> Figure:
    """Draw where the cells of each cluster are mapped, per method and direction.

    Parameters
    ----------
    destinations
        Columns dataset, method, seed, direction ("12" or "21"), source, target, share: for every run the share of the
        cells of a cluster whose nearest measured cell, after the translation, belongs to the target cluster.
    methods
        Facts by name: label, control.
    dataset
        Which data set.
    label
        Its display name.

    Returns
    -------
    The figure: shares in per cent, mean over runs, and above each map the number of right runs (see
    :func:`destination_of`) with its Wilson 95 % interval. Methods with most right runs first, controls grey and last.

    Raises
    ------
    DataError
        The table has no row of the data set.
    """
    table = rows_of_dataset(destinations, dataset, "destinations")
    table = table.assign(direction=table["direction"].astype(str))
    labels = cluster_names(table)
    found = {
        (name, direction): destination_of(runs, labels)
        for (name, direction), runs in table.groupby(["method", "direction"], sort=True)
    }
    names = _order(found, methods)
    directions = [direction for direction in DIRECTIONS if any((name, direction) in found for name in names)]
    grid = _Grid(labels, len(directions), len(names))
    notes = _style.wrap_notes(_NOTES, grid.width - 2 * _style.MARGIN)
    figure, axes = _style.inch_canvas(grid.width, grid.bottom + _style.LINE * len(notes))
    _style.draw_title(axes, label or dataset)
    for i, name in enumerate(names):
        left, top = grid.place(i)
        control = bool(facts_of(methods, name).get("control"))
        colour = _style.FAINT if control else _style.INK
        title = _style.shorten(method_label(methods, name), 8.5, 0.9 * grid.block)
        axes.text(left, top - HEAD + 0.06, title, size=8.5, weight="bold", color=colour, va="center")
        for j, direction in enumerate(directions):
            here = left + j * (grid.panel + PANEL_GAP)
            _draw_panel(axes, grid, found.get((name, direction)), here, top, direction, control)
            if grid.names_below(i):
                _draw_targets(axes, grid, here, top + grid.row * len(labels))
        if i % grid.columns == 0:
            _draw_sources(axes, grid, top)
    _style.draw_notes(axes, notes, grid.bottom)
    return figure


_NOTES = (
    "Rows: cluster of origin; columns, in the same order: cluster of the nearest measured cell after the translation; "
    "per cent of the cells, mean over runs.",
    "Right: runs that map more than half of every cluster to the cluster of the same name (framed), with the Wilson "
    "95 % interval. A mean hides single runs: runs that swap clusters in different ways average to an even map.",
)


def _order(found: Mapping[tuple[str, str], Destination], methods: Mapping[str, Mapping]) -> list[str]:
    """Methods by right runs, then by the share of cells that keep their cluster; controls last."""

    def place(name: str) -> tuple:
        directions = [one for (method, _), one in found.items() if method == name]
        right = sum(one.n_right for one in directions) / sum(one.n_runs for one in directions)
        kept = np.mean([one.mean[i, one.targets.index(s)] for one in directions for i, s in enumerate(one.sources)
                        if s in one.targets] or [0.0])  # fmt: skip
        return (bool(facts_of(methods, name).get("control")), -right, -kept, name)

    return sorted({name for name, _ in found}, key=place)


class _Grid:
    """Positions of the blocks, one per method with a panel per direction, in inches."""

    def __init__(self, labels: list[str], n_directions: int, n_methods: int) -> None:
        self.labels = labels
        self.cell = max(CELL, LEAST_PANEL / len(labels))
        self.panel = self.cell * len(labels)
        widest = max(_style.text_width(name, 7) for name in labels)
        self.left = _style.MARGIN + min(MAX_LABEL, widest) + 0.1
        self.tilted = widest > self.cell - 0.04
        self.names = min(MAX_LABEL, widest) * np.sin(np.pi / 4) + 0.16 if self.tilted else 0.2
        self.block = self.panel * n_directions + PANEL_GAP * (n_directions - 1)
        fitting = int((PAGE - self.left - _style.MARGIN + BLOCK_GAP) / (self.block + BLOCK_GAP))
        self.columns, self.n = min(max(1, fitting), n_methods), n_methods
        self.row = float(np.clip(self.cell * 0.8, LOW, TALL))
        self.line = HEAD + self.row * len(labels) + FOOT + (0 if self.tilted else self.names)
        self.width = max(self.left + self.columns * (self.block + BLOCK_GAP) - BLOCK_GAP + _style.MARGIN, 5.0)
        self.bottom = 0.6 + -(-n_methods // self.columns) * self.line + (self.names if self.tilted else 0)

    def names_below(self, i: int) -> bool:
        """Whether targets are named: below every map, or, where names are tilted, below the last of a column."""
        return not self.tilted or i + self.columns >= self.n

    def place(self, i: int) -> tuple[float, float]:
        """Upper left corner of the first map of a method."""
        return self.left + (i % self.columns) * (self.block + BLOCK_GAP), 0.5 + HEAD + (i // self.columns) * self.line


def _draw_panel(
    axes: Axes, grid: _Grid, one: Destination | None, left: float, top: float, direction: str, control: bool
):
    text = {"size": 6.5, "va": "center"}
    if one is None:
        axes.text(left, top - 0.1, f"{DIRECTIONS[direction]}: no result", color=_style.FAINT, **text)
        return
    low, high = one.interval
    _style.write(axes, left, top - 0.28, f"{DIRECTIONS[direction]}: {one.n_right}/{one.n_runs} right", 7)
    axes.text(left, top - 0.12, f"{100 * low:.0f}–{100 * high:.0f} %", color=_style.FAINT, **text)
    shade_of, tall = _style.shades("Greys" if control else "Blues"), grid.row
    for i, source in enumerate(one.sources):
        for j, target in enumerate(one.targets):
            corner = left + grid.labels.index(target) * grid.cell, top + grid.labels.index(source) * tall
            shade = shade_of(float(one.mean[i, j]))
            axes.add_patch(
                Rectangle(corner, grid.cell, tall, facecolor=shade, edgecolor="white", lw=0.8, label="share")
            )
            middle = corner[0] + grid.cell / 2, corner[1] + tall / 2
            axes.text(*middle, f"{100 * one.mean[i, j]:.0f}", color=_style.contrast(shade), ha="center", **text)
            if source == target:
                axes.add_patch(Rectangle(corner, grid.cell, tall, fc="none", ec=_style.INK, lw=0.9, zorder=3))


def _draw_targets(axes: Axes, grid: _Grid, left: float, bottom: float) -> None:
    for j, name in enumerate(grid.labels):
        x = left + (j + 0.5) * grid.cell
        short = _style.shorten(name, 7, MAX_LABEL)
        if grid.tilted:
            style = {"rotation": 45, "rotation_mode": "anchor", "ha": "right", "va": "top"}
            axes.text(x + 0.03, bottom + 0.05, short, size=7, color=_style.INK, **style)
        else:
            axes.text(x, bottom + 0.1, short, size=7, color=_style.INK, ha="center", va="center")


def _draw_sources(axes: Axes, grid: _Grid, top: float) -> None:
    for i, name in enumerate(grid.labels):
        y = top + (i + 0.5) * grid.row
        _style.write(axes, grid.left - 0.06, y, _style.shorten(name, 7, MAX_LABEL), 7, ha="right")
