"""Where the cells of each cluster end up: a heat map per method and direction, and how many runs are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from portal_lib._intervals import wilson
from portal_lib.reporting._align import DIRECTIONS, LINE, rows_of_dataset
from portal_lib.reporting._rows import facts_of, method_label
from portal_lib.reporting.figures.style import FAINT, INK, inch_canvas, shorten, styled, text_width, wrap
from portal_lib.reporting.figures.table import MARGIN, NOTE_SIZE, _contrast, _shades

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAJORITY = 0.5
PAGE = 10.0
# Least width of a cell and of a map, most and least height of a row.
CELL, LEAST_PANEL = 0.32, 1.25
TALL, LOW = 0.34, 0.26
PANEL_GAP, BLOCK_GAP = 0.16, 0.34
MAX_LABEL = 1.1
HEAD, FOOT = 0.54, 0.2


@dataclass(frozen=True)
class Destination:
    """Where clusters go in one direction, over the runs of one method.

    Parameters
    ----------
    sources, targets
        Labels of the rows and columns of `mean`.
    mean
        Shares of the cells of a source that end at a target, mean over runs; rows sum to 1.
    n_runs, n_right, n_swapped
        Runs; those where more than half of every cluster ends at the cluster of its own name; and those where, of some
        two clusters, more than half of each ends at the other.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    mean: np.ndarray
    n_runs: int
    n_right: int
    n_swapped: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson 95 % interval of the share of right runs."""
        return wilson(self.n_right, self.n_runs)


def destination_of(runs: pd.DataFrame, labels: Sequence[str]) -> Destination:
    """Summarise the runs of one method in one direction.

    Parameters
    ----------
    runs
        Columns seed, source, target, share; a target that is missing has share 0.
    labels
        Names of the clusters in order; those without a cell in the one or the other domain are left out there.

    Returns
    -------
    The mean over runs. A run is right where, of every source that is a target too, more than half of the cells end at
    their own name. Right and swapped runs are those that the metric ``destination`` counts.
    """
    table = runs.assign(source=runs["source"].astype(str), target=runs["target"].astype(str))
    sources = tuple(name for name in labels if name in set(table["source"]))
    targets = tuple(name for name in labels if name in set(table["target"]))
    seeds = sorted(table["seed"].unique())
    shares = table.pivot_table(index=["seed", "source"], columns="target", values="share", aggfunc="mean")
    every = pd.MultiIndex.from_product([seeds, sources])
    shares = shares.reindex(index=every, columns=list(targets)).fillna(0.0).to_numpy()
    per_run = shares.reshape(len(seeds), len(sources), len(targets))
    right = sum(_is_right(shares, sources, targets) for shares in per_run)
    swapped = sum(_is_swapped(shares, sources, targets) for shares in per_run)
    return Destination(sources, targets, per_run.mean(axis=0), len(seeds), right, swapped)


def _is_right(shares: np.ndarray, sources: Sequence[str], targets: Sequence[str]) -> bool:
    own = [row[targets.index(name)] for row, name in zip(shares, sources, strict=True) if name in targets]
    return bool(own) and min(own) > MAJORITY


def _is_swapped(shares: np.ndarray, sources: Sequence[str], targets: Sequence[str]) -> bool:
    both = [name for name in sources if name in targets]
    most = shares[[sources.index(name) for name in both]][:, [targets.index(name) for name in both]] > MAJORITY
    np.fill_diagonal(most, False)
    return bool((most & most.T).any())


def cluster_names(destinations: pd.DataFrame) -> list[str]:
    """Names of the clusters: as numbers where all are, else by the alphabet."""
    names = {*destinations["source"].astype(str), *destinations["target"].astype(str)}
    return sorted(names, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))


@styled
def plot_destinations(
    destinations: pd.DataFrame, methods: Mapping[str, Mapping], dataset: str, *, label: str | None = None
) -> Figure:
    """Draw where the cells of each cluster end up, per method and direction.

    Parameters
    ----------
    destinations
        Columns dataset, method, seed, direction ("12" or "21"), source, target, share: for every run the share of the
        cells of a cluster whose nearest real cell, after the translation, is of the target cluster.
    methods
        Facts by name: label, control.
    dataset
        Which data set.
    label
        Its name for people.

    Returns
    -------
    The figure: shares in per cent, mean over runs, and above each map how many runs are right (:func:`destination_of`)
    with the Wilson 95 % interval. Most right runs first, controls grey and last.

    Raises
    ------
    DataError
        The table has no row of the data set.
    """
    table = rows_of_dataset(destinations, dataset, "destinations")
    table = table.assign(direction=table["direction"].astype(str))
    labels = cluster_names(table)
    found = {
        (name, way): destination_of(runs, labels)
        for (name, way), runs in table.groupby(["method", "direction"], sort=True)
    }
    names = _order(found, methods)
    ways = [way for way in DIRECTIONS if any((name, way) in found for name in names)]
    grid = _Grid(labels, len(ways), len(names))
    notes = [line for note in _NOTES for line in wrap(note, NOTE_SIZE, grid.width - 2 * MARGIN)]
    figure, axes = inch_canvas(grid.width, grid.bottom + LINE * len(notes))
    axes.text(MARGIN, 0.26, label or dataset, size=11, weight="bold", color=INK, va="center")
    for i, name in enumerate(names):
        left, top = grid.place(i)
        control = bool(facts_of(methods, name).get("control"))
        colour = FAINT if control else INK
        title = shorten(method_label(methods, name), 8.5, 0.9 * grid.block)
        axes.text(left, top - HEAD + 0.06, title, size=8.5, weight="bold", color=colour, va="center")
        for j, way in enumerate(ways):
            here = left + j * (grid.panel + PANEL_GAP)
            _draw_panel(axes, grid, found.get((name, way)), here, top, way, control)
            if grid.names_below(i):
                _draw_targets(axes, grid, here, top + grid.row * len(labels))
        if i % grid.columns == 0:
            _draw_sources(axes, grid, top)
    for i, note in enumerate(notes):
        axes.text(MARGIN, grid.bottom + LINE * i, note, size=NOTE_SIZE, color=FAINT, va="center")
    return figure


_NOTES = (
    "Rows: cluster of origin; columns, in the same order: cluster of the nearest real cell after the translation; "
    "per cent of the cells, mean over runs.",
    "Right: runs in which more than half of every cluster ends at the cluster of the same name (framed), with the "
    "Wilson 95 % interval. A mean hides what a run does: runs that swap clusters in different ways average to an even "
    "map.",
)


def _order(found: Mapping[tuple[str, str], Destination], methods: Mapping[str, Mapping]) -> list[str]:
    """Methods with most right runs first, then by the share that stays; controls last."""

    def place(name: str) -> tuple:
        ways = [one for (method, _), one in found.items() if method == name]
        right = sum(one.n_right for one in ways) / sum(one.n_runs for one in ways)
        kept = np.mean([one.mean[i, one.targets.index(s)] for one in ways for i, s in enumerate(one.sources)
                        if s in one.targets] or [0.0])  # fmt: skip
        return (bool(facts_of(methods, name).get("control")), -right, -kept, name)

    return sorted({name for name, _ in found}, key=place)


class _Grid:
    """Places of blocks, one per method with a panel per direction, in inches."""

    def __init__(self, labels: list[str], n_ways: int, n_methods: int) -> None:
        self.labels = labels
        self.cell = max(CELL, LEAST_PANEL / len(labels))
        self.panel = self.cell * len(labels)
        widest = max(text_width(name, 7) for name in labels)
        self.left = MARGIN + min(MAX_LABEL, widest) + 0.1
        self.tilted = widest > self.cell - 0.04
        self.names = min(MAX_LABEL, widest) * np.sin(np.pi / 4) + 0.16 if self.tilted else 0.2
        self.block = self.panel * n_ways + PANEL_GAP * (n_ways - 1)
        fitting = int((PAGE - self.left - MARGIN + BLOCK_GAP) / (self.block + BLOCK_GAP))
        self.columns, self.n = min(max(1, fitting), n_methods), n_methods
        self.row = float(np.clip(self.cell * 0.8, LOW, TALL))
        self.line = HEAD + self.row * len(labels) + FOOT + (0 if self.tilted else self.names)
        self.width = max(self.left + self.columns * (self.block + BLOCK_GAP) - BLOCK_GAP + MARGIN, 5.0)
        self.bottom = 0.6 + -(-n_methods // self.columns) * self.line + (self.names if self.tilted else 0)

    def names_below(self, i: int) -> bool:
        """Whether targets are named: below every map, or, where names are tilted, below the last of a column."""
        return not self.tilted or i + self.columns >= self.n

    def place(self, i: int) -> tuple[float, float]:
        """Upper left corner of the first map of a method."""
        return self.left + (i % self.columns) * (self.block + BLOCK_GAP), 0.5 + HEAD + (i // self.columns) * self.line


def _draw_panel(axes: Axes, grid: _Grid, one: Destination | None, left: float, top: float, way: str, control: bool):
    text = {"size": 6.5, "va": "center"}
    if one is None:
        axes.text(left, top - 0.1, f"{DIRECTIONS[way]}: no result", color=FAINT, **text)
        return
    low, high = one.interval
    axes.text(left, top - 0.28, f"{DIRECTIONS[way]}: {one.n_right}/{one.n_runs} right", color=INK, size=7, va="center")
    axes.text(left, top - 0.12, f"{100 * low:.0f}–{100 * high:.0f} %", color=FAINT, **text)
    shades, tall = _shades("Greys" if control else "Blues"), grid.row
    for i, source in enumerate(one.sources):
        for j, target in enumerate(one.targets):
            corner = left + grid.labels.index(target) * grid.cell, top + grid.labels.index(source) * tall
            shade = shades(float(one.mean[i, j]))
            axes.add_patch(
                Rectangle(corner, grid.cell, tall, facecolor=shade, edgecolor="white", lw=0.8, label="share")
            )
            middle = corner[0] + grid.cell / 2, corner[1] + tall / 2
            axes.text(*middle, f"{100 * one.mean[i, j]:.0f}", color=_contrast(shade), ha="center", **text)
            if source == target:
                axes.add_patch(Rectangle(corner, grid.cell, tall, fc="none", ec=INK, lw=0.9, zorder=3))


def _draw_targets(axes: Axes, grid: _Grid, left: float, bottom: float) -> None:
    for j, name in enumerate(grid.labels):
        x = left + (j + 0.5) * grid.cell
        short = shorten(name, 7, MAX_LABEL)
        if grid.tilted:
            style = {"rotation": 45, "rotation_mode": "anchor", "ha": "right", "va": "top"}
            axes.text(x + 0.03, bottom + 0.05, short, size=7, color=INK, **style)
        else:
            axes.text(x, bottom + 0.1, short, size=7, color=INK, ha="center", va="center")


def _draw_sources(axes: Axes, grid: _Grid, top: float) -> None:
    for i, name in enumerate(grid.labels):
        y = top + (i + 0.5) * grid.row
        axes.text(grid.left - 0.06, y, shorten(name, 7, MAX_LABEL), size=7, color=INK, ha="right", va="center")
