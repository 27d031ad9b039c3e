"""Overall scores against the number of cells or batches, where a data set is run in several sizes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from portal_lib.errors import DataError
from portal_lib.reporting._overall import of_kind, weights_words
from portal_lib.reporting.figures import _style
from portal_lib.reporting.figures._scaling_axes import ROW, TOP, Look, draw_look, looks_of, spaced, tick_sizes

FIGURE = {
    "label": "{whole}: scores against the number of cells or batches",
    "category": "Scores",
    "file": "sizes.{whole}",
    "tasks": ["integrate"],
    "inputs": ["overall"],
    "facts": ["methods", "label", "sizes", "weights"],
}

PANELS = {"overall": "Overall", "batch": "Batch correction", "bio": "Bio conservation"}
PANEL, TALL, GAP = 2.6, 2.7, 0.6
MAX_NAME = 2.4


@_style.styled
def draw(
    overall: pd.DataFrame,
    methods: Mapping[str, Mapping],
    label: str,
    sizes: Mapping[str, tuple[int | None, int | None]],
    *,
    weights: Mapping[str, float] | None = None,
) -> Figure:
    """Draw three panels: overall score, batch correction and bio conservation, raw, of each method at each size.

    Parameters
    ----------
    overall
        Columns dataset, method, scaling, missing, group, mean, ci_low, ci_high.
    methods
        Facts of the methods by name.
    label
        Display name of the data set without its sizes.
    sizes
        Numbers of cells and of batches that an entry asks for, by data set; None where it asks for none.
    weights
        Of batch correction and bio conservation in the overall score.

    Returns
    -------
    The figure. Points are means over seeds, bars their 95 % intervals, as far as there is one.
    """
    against, by_dataset = _axis(sizes)
    table = overall[overall["dataset"].astype(str).isin(by_dataset)]
    table = pd.concat([of_kind(table, group, "raw", "ignore") for group in PANELS])
    table = table.assign(size=table["dataset"].astype(str).map(by_dataset), method=table["method"].astype(str))
    if not table["mean"].notna().any():
        raise DataError(f"no scores of data set '{label}' to draw")
    looks = looks_of(table.sort_values("method"), methods)
    names = max(_style.text_width(_style.shorten(look.label, 7.5, MAX_NAME), 7.5) for look in looks.values())
    lefts = _style.MARGIN + 0.35 + np.arange(len(PANELS) + 1) * (PANEL + GAP)
    width = lefts[-1] - GAP + 0.3 + 0.27 + names + 0.1 + _style.MARGIN
    notes = _style.wrap_notes(_notes(table, weights), width - 2 * _style.MARGIN)
    tall = max(TALL, 0.3 + ROW * len(looks))
    figure, page = _style.inch_canvas(width, TOP + tall + 0.62 + _style.LINE * len(notes))
    _style.draw_title(page, label, 0.24)
    for left, (group, title) in zip(lefts, PANELS.items(), strict=False):
        axes = _style.inch_axes(figure, left, TOP, PANEL, tall)
        _draw_panel(axes, table[table["group"] == group], looks, sorted(set(by_dataset.values())))
        axes.set_title(title, size=8.5, weight="bold", color=_style.INK, loc="left")
        axes.set_xlabel(against, size=7.5, color=_style.INK)
    for place, look in enumerate(looks.values()):
        draw_look(page, lefts[-1] - GAP + 0.3, TOP + 0.1 + ROW * place, look, MAX_NAME)
    _style.draw_notes(page, notes, TOP + tall + 0.55)
    return figure


def _axis(sizes: Mapping[str, tuple[int | None, int | None]]) -> tuple[str, dict[str, int]]:
    """What the horizontal axis counts, and the place of each data set on it: what differs most often."""
    counts = {"cells": [cells for cells, _ in sizes.values()], "batches": [batches for _, batches in sizes.values()]}
    against = max(counts, key=lambda name: len(set(counts[name]) - {None}))
    found = dict(zip(sizes, counts[against], strict=True))
    return against, {name: size for name, size in found.items() if size is not None}


def _draw_panel(axes: Axes, table: pd.DataFrame, looks: Mapping[str, Look], sizes: list[int]) -> None:
    for name, look in looks.items():
        rows = table[(table["method"] == name) & table["mean"].notna()].sort_values("size")
        size, mean, low, high = (rows[key].to_numpy(float) for key in ("size", "mean", "ci_low", "ci_high"))
        style = {"color": look.colour, "marker": look.marker, "ms": 3.5, "lw": 1, "ls": look.line, "elinewidth": 0.8}
        spread = np.nan_to_num([mean - low, high - mean])
        axes.errorbar(size, mean, spread, mec="white", mew=0.5, label=look.label, zorder=3, **style)
    limits = sizes[0] / 1.35, sizes[-1] * 1.35
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    tick_sizes(axes, spaced(sizes, limits, PANEL))
    axes.tick_params(axis="y", labelsize=7)
    axes.grid(axis="y", color="#e6e6e6", lw=0.5)


def _notes(table: pd.DataFrame, weights: Mapping[str, float] | None) -> list[str]:
    bars = " and, as bars, its 95 % t-interval" if table["ci_low"].notna().any() else "; one run has no interval"
    notes = [
        f"Raw scores, mean over seeds{bars}. Overall = {weights_words(weights)}. Higher is better. Grey: controls."
    ]
    return [*notes, "Metrics depend on the number of cells and batches, so compare methods at one size first."]
