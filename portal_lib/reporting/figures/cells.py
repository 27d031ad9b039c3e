"""Translated cells compared with measured ones: as points of two features, or as images."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from portal_lib.errors import DataError, ShapeError
from portal_lib.reporting._align import even_columns
from portal_lib.reporting._rows import method_label
from portal_lib.reporting.figures import _style
from portal_lib.reporting.figures._images import plot_images

FIGURE = {
    "label": "{dataset}: translated cells",
    "category": "Alignment",
    "file": "cells.{dataset}",
    "tasks": ["align"],
    "chosen": True,
    "inputs": ["domains", "truth", "translations", "first_records"],
    "facts": ["methods", "shown", "label"],
}

TOP = 0.42
PANEL, GAP, COLUMNS, FOOT = 1.85, 0.42, 4, 0.5
# Share of the range of measured cells by which translated ones may widen the axes, on each side.
BEYOND = 0.25
MOST_CELLS = 4000
# Markers of the medians of labels, in their order.
SHAPES = "osD^vPX*hp<>"
# Share of an axis within which two medians count as coincident.
NEAR = 0.03
REAL = "#d4d4d4"


@_style.styled
def draw(
    domains,
    truth,
    translations: Sequence[np.ndarray | None],
    first_records: Sequence[Mapping],
    methods: Mapping[str, Mapping],
    *,
    shown: Sequence[str],
    label: str,
) -> Figure:
    """Draw the first training of every method: :func:`plot_images` for images, else :func:`plot_cells`.

    Parameters
    ----------
    domains, truth
        The measured cells, and the ground truth about them: :class:`portal_lib.preparation.domains.Domains` and
        ``Truth``.
    translations
        Cells of domain 1 translated to domain 2, shape (n1, d2), per run; None where a run has none.
    first_records
        The records of these runs: method, status.
    methods
        Facts by name: label.
    shown
        The two features to draw; unused for images.
    label
        Display name of the data set.
    """
    x12 = {
        run["method"]: x
        for run, x in zip(first_records, translations, strict=True)
        if run["status"] == "ok" and x is not None
    }
    x1, x2 = domains.x1, domains.x2
    if domains.image:
        target = truth.target12
        complete = target is not None and list(target.columns) == list(x2.columns)
        expected = target.to_numpy() if complete else None
        return plot_images(x1.to_numpy(), x12, truth.label1, tuple(domains.image), methods, title=label, truth=expected)
    columns = [list(x2.columns).index(name) for name in shown]
    measured = [x[list(shown)].to_numpy() for x in (x1, x2)]
    translated = {name: x[:, columns] for name, x in x12.items()}
    labels = truth.label1 if truth.label1 is not None else ["cells"] * len(x1)
    return plot_cells(*measured, translated, labels, truth.label2, tuple(shown), methods, title=label)


@_style.styled
def plot_cells(
    x1: np.ndarray | None,
    x2: np.ndarray,
    x12: Mapping[str, np.ndarray],
    label1: Sequence,
    label2: Sequence | None,
    features: tuple[str, str],
    methods: Mapping[str, Mapping],
    *,
    title: str,
    seed: int = 0,
) -> Figure:
    """Draw two features of the measured cells of both domains, and of the cells translated to domain 2.

    Parameters
    ----------
    x1
        The two features of domain 1, shape (n1, 2); None where domain 1 does not measure both.
    x2
        The two features of domain 2, shape (n2, 2).
    x12
        The same features of the translated cells of domain 1, shape (n1, 2), by method, in drawing order.
    label1, label2
        Cluster of every cell of domain 1 and of domain 2; `label2` may be None.
    features
        Names of the two features.
    methods
        Facts by name: label.
    title
        Title of the figure.
    seed
        Of the sample of cells where a domain has more than 4,000.

    Returns
    -------
    The figure. Points have the colour of their label. Large marks, a shape for each label, are medians: filled ones
    of the points, open ones of the measured cells of that label in domain 2, where the filled ones should be. Domain 2
    and all translations have the same axes, which contain the measured cells; the share of translated cells outside
    them is written in the panel.

    Raises
    ------
    ShapeError
        An array has another shape than stated.
    DataError
        There is no method.
    """
    names = _check(x1, x2, x12, label1, label2)
    looks = _Looks(label1, label2)
    panels = 1 + (x1 is not None) + len(x12)
    columns = even_columns(panels, COLUMNS)
    width = max(_style.MARGIN + 0.45 + columns * (PANEL + GAP), 4.5)
    notes = _style.wrap_notes([_POINT_NOTE], width - 2 * _style.MARGIN)
    legend = looks.legend_lines(width - 2 * _style.MARGIN)
    line = 0.3 + PANEL + FOOT
    bottom = TOP + line * -(-panels // columns)
    figure, page = _style.inch_canvas(width, bottom + 0.2 * legend + 0.15 + _style.LINE * len(notes))
    _style.draw_title(page, title)
    limits = _limits(x2, list(x12.values()))
    keep1, keep2 = (_draw_of(len(labels), seed) for labels in (label1, x2))
    places = iter(_places(panels, columns, line))
    if x1 is not None:
        axes = _panel(figure, next(places), "Domain 1", features, _limits(x1, []))
        _scatter(axes, x1, looks.label1, looks, keep1)
        looks.draw_medians(axes, x1, looks.label1, filled=True)
    axes = _panel(figure, next(places), "Domain 2", features, limits)
    _scatter(axes, x2, looks.label2, looks, keep2)
    looks.draw_medians(axes, x2, looks.label2, filled=False)
    for name in names:
        axes = _panel(figure, next(places), method_label(methods, name), features, limits)
        axes.scatter(*x2[keep2].T, s=2, color=REAL, lw=0, rasterized=True, label="measured")
        _scatter(axes, x12[name], looks.label1, looks, keep1)
        looks.draw_medians(axes, x2, looks.label2, filled=False)
        looks.draw_medians(axes, x12[name], looks.label1, filled=True)
        _say_outside(axes, x12[name], limits)
    looks.draw_legend(page, bottom, width - 2 * _style.MARGIN)
    _style.draw_notes(page, notes, bottom + 0.2 * legend + 0.12)
    return figure


_POINT_NOTE = (
    "Points: cells, coloured by their cluster of origin; grey: measured cells of domain 2. Large marks: median of a "
    "cluster, filled for the translated cells, open for the measured cells of that cluster in domain 2, where the "
    "filled one should be."
)


def _check(x1, x2, x12: Mapping, label1, label2) -> list[str]:
    """Names of the methods; an error where an array does not fit."""
    if not x12:
        raise DataError("no method has translated cells to draw")
    expected = {"domain 2": (x2, len(x2) if label2 is None else len(label2))}
    expected |= {} if x1 is None else {"domain 1": (x1, len(label1))}
    expected |= {f"method '{name}'": (array, len(label1)) for name, array in x12.items()}
    for name, (array, n) in expected.items():
        if np.shape(array) != (n, 2):
            raise ShapeError(f"{name}: two features have shape {np.shape(array)}; expected ({n}, 2). Cells are rows.")
    return list(x12)


class _Looks:
    """Colours and shapes of labels, and the legend."""

    def __init__(self, label1: Sequence, label2: Sequence | None) -> None:
        self.label1 = np.asarray(label1).astype(str)
        self.label2 = None if label2 is None else np.asarray(label2).astype(str)
        self.names = sorted({*self.label1, *(() if label2 is None else self.label2)})
        self.colours = _style.category_colours(self.names)
        self.shapes = {name: SHAPES[i % len(SHAPES)] for i, name in enumerate(self.names)}

    def draw_medians(self, axes: Axes, x: np.ndarray, labels: np.ndarray | None, *, filled: bool) -> None:
        """A large mark at the median of each label: filled, or open and larger; coincident ones are side by side."""
        there = [name for name in self.names if labels is not None and (labels == name).any()]
        middles = {name: np.median(x[labels == name], axis=0) for name in there}
        look = {"edgecolor": "white", "s": 48, "lw": 0.9, "zorder": 6}
        if not filled:
            look = {"facecolor": "none", "edgecolor": _style.INK, "s": 105, "lw": 1.0, "zorder": 5}
        for group in _groups(axes, middles):
            for i, name in enumerate(group):
                shift = (i - (len(group) - 1) / 2) * look["s"] ** 0.5 / _style.POINTS_PER_INCH
                place = axes.transData + ScaledTranslation(shift, 0, axes.figure.dpi_scale_trans)
                colour = {"facecolor": self.colours[name]} if filled else {}
                style = {"marker": self.shapes[name], "label": f"{'filled' if filled else 'open'} {name}"}
                axes.scatter(*middles[group[0]][:, None], transform=place, **look, **style, **colour)

    def _entries(self, width: float):
        """Name, line and left end of each entry of the legend."""
        line, x = 0, 0.0
        for name in self.names:
            wide = _style.text_width(name, 7) + 0.4
            if x and x + wide > width:
                line, x = line + 1, 0.0
            yield name, line, x
            x += wide

    def legend_lines(self, width: float) -> int:
        return max(line for _, line, _ in self._entries(width)) + 1

    def draw_legend(self, page: Axes, top: float, width: float) -> None:
        for name, line, x in self._entries(width):
            y = top + 0.2 * line
            style = {"marker": self.shapes[name], "color": self.colours[name], "s": 30, "lw": 0}
            page.scatter([_style.MARGIN + 0.06 + x], [y], **style)
            _style.write(page, _style.MARGIN + 0.17 + x, y, name, 7)


def _groups(axes: Axes, middles: Mapping[str, np.ndarray]) -> list[list[str]]:
    """Labels grouped by coincident medians."""
    span = np.abs(np.diff([axes.get_xlim(), axes.get_ylim()]))[:, 0]
    groups: list[list[str]] = []
    for name, middle in middles.items():
        near = [group for group in groups if (np.abs(middle - middles[group[0]]) < NEAR * span).all()]
        near[0].append(name) if near else groups.append([name])
    return groups


def _draw_of(n: int, seed: int) -> np.ndarray:
    """Rows to draw, in random order, so that no label covers the others."""
    return np.random.default_rng(seed).permutation(n)[:MOST_CELLS]


def _limits(real: np.ndarray, translated: list[np.ndarray]) -> np.ndarray:
    """Lower and upper ends of both axes: they contain the measured cells and translated cells near them."""
    low, high = np.quantile(real, (0.001, 0.999), axis=0)
    span = np.maximum(high - low, 1e-9)
    ends = np.array([low, high])
    for x in translated:
        ends[0] = np.minimum(ends[0], np.maximum(np.quantile(x, 0.01, axis=0), low - BEYOND * span))
        ends[1] = np.maximum(ends[1], np.minimum(np.quantile(x, 0.99, axis=0), high + BEYOND * span))
    return ends + np.array([[-1], [1]]) * 0.07 * (ends[1] - ends[0])


def _places(n: int, columns: int, line: float):
    """Left and upper end of each panel."""
    for i in range(n):
        yield _style.MARGIN + 0.4 + (i % columns) * (PANEL + GAP), TOP + 0.3 + (i // columns) * line


def _panel(figure: Figure, place: tuple[float, float], title: str, features: tuple[str, str], limits) -> Axes:
    axes = _style.inch_axes(figure, *place, PANEL, PANEL)
    axes.set_xlim(*limits[:, 0])
    axes.set_ylim(*limits[:, 1])
    axes.locator_params(nbins=4)
    axes.tick_params(labelsize=6, length=2, color=_style.RULE)
    axes.set_xlabel(_style.shorten(features[0], 7, PANEL), size=7, color=_style.INK, labelpad=1.5)
    axes.set_ylabel(_style.shorten(features[1], 7, PANEL), size=7, color=_style.INK, labelpad=1.5)
    axes.set_title(_style.shorten(title, 8.5, PANEL), size=8.5, weight="bold", color=_style.INK, loc="left", pad=4)
    return axes


def _scatter(axes: Axes, x: np.ndarray, labels: np.ndarray | None, looks: _Looks, keep: np.ndarray) -> None:
    colours = REAL if labels is None else [looks.colours[name] for name in labels[keep]]
    axes.scatter(*x[keep].T, s=3, c=colours, lw=0, alpha=0.6, rasterized=True, label="cells")


def _say_outside(axes: Axes, x: np.ndarray, limits: np.ndarray) -> None:
    share = float(np.mean(((x < limits[0]) | (x > limits[1])).any(axis=1)))
    if share >= 0.01:
        style = {"size": 6, "color": _style.INK, "ha": "right", "va": "top", "transform": axes.transAxes}
        frame = {"fc": "white", "ec": "none", "pad": 1, "alpha": 0.8}
        axes.text(0.98, 0.98, f"{100 * share:.0f} % outside", bbox=frame, zorder=7, **style)
