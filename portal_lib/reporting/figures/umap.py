"""UMAP of every method, coloured by batch and by label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from portal_lib.errors import DataError, ShapeError
from portal_lib.reporting._rows import STATUS_WORDS, method_label
from portal_lib.reporting.figures import _style

FIGURE = {
    "label": "{dataset}: by batch and by label",
    "category": "UMAP",
    "file": "umap.{dataset}",
    "tasks": ["integrate"],
    "inputs": ["umaps", "first_records", "prepared"],
    "facts": ["methods", "label"],
}

PANEL = 1.65
GAP = 0.1
NAME = 0.25
SIDE = 0.22
LINE = 0.155
LEGEND_SIZE = 7
MAX_ENTRY = 2.1
# Minimum distance of two numbers, horizontally and vertically, in inches.
NUMBER_DISTANCE = np.array([0.12, 0.08])
# With more labels than this, numbers are added to the colours.
PLAIN_CATEGORIES = 12
# Of more batches than there are colours, this many are named.
NAMED_BATCHES = 39


@dataclass(frozen=True)
class _Key:
    """Categories of one row of panels: integer codes of the cells, names, colours."""

    title: str
    codes: np.ndarray
    names: list[str]
    colours: list[str]

    @property
    def numbered(self) -> bool:
        # The medians of batches that are well mixed coincide.
        return self.title == "Label" and len(self.names) > PLAIN_CATEGORIES

    @property
    def entries(self) -> list[str]:
        """Texts of the legend; of many batches, whose colours repeat, some and how many more there are."""
        texts = [f"{i + 1}  {name}" if self.numbered else name for i, name in enumerate(self.names)]
        texts = [_style.shorten(text, LEGEND_SIZE, MAX_ENTRY) for text in texts]
        if self.title == "Batch" and len(texts) > NAMED_BATCHES + 1:
            return [*texts[:NAMED_BATCHES], f"and {len(texts) - NAMED_BATCHES:,} more"]
        return texts

    @property
    def marks(self) -> list[str]:
        """Colours of the entries, none for the number of those that have no entry."""
        named = len(self.entries)
        return self.colours if named == len(self.names) else [*self.colours[: named - 1], "none"]


@_style.styled
def draw(
    umaps: pd.DataFrame,
    first_records: Sequence[Mapping],
    prepared: Mapping,
    methods: Mapping[str, Mapping],
    *,
    label: str | None = None,
) -> Figure:
    """Draw the UMAP of the first seed of every method, without labels by batch only; see :func:`plot_umap_grid`.

    Parameters
    ----------
    umaps
        Columns method, cell (row number in the data set), x, y; no rows for a failed run.
    first_records
        The records of these runs: method, status.
    prepared
        ``batch`` and ``label`` of all cells of the data set; the label may be None.
    methods
        Facts by name, for the label.
    label
        Display name of the data set.
    """
    shown, cells = {}, np.empty(0, int)
    for run in first_records:
        table = umaps[umaps["method"] == run["method"]]
        shown[run["method"]] = table[["x", "y"]].to_numpy() if run["status"] == "ok" else run["status"]
        cells = table["cell"].to_numpy() if run["status"] == "ok" else cells
    keys = [None if prepared[name] is None else prepared[name][cells] for name in ("batch", "label")]
    n_labelled = None if prepared["label"] is None else int((prepared["label"].codes >= 0).sum())
    counts = {"n_total": len(prepared["batch"]), "n_labelled": n_labelled}
    return plot_umap_grid(shown, *keys, methods=methods, title=label, **counts)


@_style.styled
def plot_umap_grid(
    projections: Mapping[str, np.ndarray | str],
    batch: Sequence,
    label: Sequence | None = None,
    *,
    methods: Mapping[str, Mapping] | None = None,
    title: str | None = None,
    n_total: int | None = None,
    n_labelled: int | None = None,
    per_row: int = 6,
    seed: int = 1234,
) -> Figure:
    """Draw the cells of every method twice, coloured by batch above and by label below; without labels once.

    Parameters
    ----------
    projections
        By method, in the order of the columns: coordinates of shape (n_cells, 2), or the status of a failed run, such
        as ``"timeout"``, which is written into an empty panel.
    batch, label
        Category of each cell, length n_cells; a pandas categorical keeps its order, other names are sorted. The label
        may be None.
    methods
        Facts by name, for the label.
    title
        Display name of the data set.
    n_total
        Cells of the data set, where only some of them are drawn; written below the panels.
    n_labelled
        Those that have a label, the only ones that are drawn; None where there are no labels.
    per_row
        Methods in a row; more start a new pair of rows.
    seed
        Seed of the order in which cells are drawn: random, so that no batch covers another.

    Returns
    -------
    The figure, both legends to the right. With more than 12 labels, whose colours are hard to distinguish, each has a
    number, in the legend and at the centre of its cells; of two numbers that would overlap, that of the larger label is
    drawn. Of more than 40 batches, whose colours repeat, the legend names 39.

    Raises
    ------
    ShapeError
        Coordinates are not (n_cells, 2).
    DataError
        There is no method.

    Notes
    -----
    Area of a point as in the figures of the Portal paper, 120000/N points squared for N >= 10,000 cells and else 12,
    scaled from a panel of 4 inches to this one.
    """
    keys = [_key("Batch", batch)] + ([] if label is None else [_key("Label", label)])
    n_cells = len(keys[0].codes)
    _check(projections, keys)
    blocks = -(-len(projections) // per_row)
    grid = _Grid(columns=-(-len(projections) // blocks), blocks=blocks, rows=len(keys), top=0.5 if title else 0.12)
    legend = _Legend(keys, grid.height - grid.top - 0.5)
    needed = max(grid.right + 0.15 + legend.width, _style.MARGIN + _style.text_width(title or "", 11, bold=True))
    figure, page = _style.inch_canvas(needed + _style.MARGIN, grid.height)
    if title:
        _style.draw_title(page, title)
    order = np.random.default_rng(seed).permutation(n_cells)
    for i, (name, points) in enumerate(projections.items()):
        _draw_method(page, grid, i, method_label(methods or {}, name), points, keys, order)
    legend.draw(page, grid.right + 0.15, grid.top + 0.32)
    _style.write(
        page, _style.MARGIN, grid.height - 0.14, _note(n_cells, n_total, n_labelled), _style.NOTE_SIZE, _style.FAINT
    )
    return figure


@dataclass(frozen=True)
class _Grid:
    """Positions of the panels, in inches from the upper left corner."""

    columns: int
    blocks: int
    rows: int
    top: float

    @property
    def right(self) -> float:
        return _style.MARGIN + SIDE + self.columns * (PANEL + GAP)

    @property
    def height(self) -> float:
        return self.top + self.blocks * self._block + 0.25

    @property
    def _block(self) -> float:
        return NAME + self.rows * (PANEL + GAP) + 0.02

    def corner(self, i: int) -> tuple[float, float]:
        """Upper left corner of the panels of a method, its name included."""
        return _style.MARGIN + SIDE + (i % self.columns) * (PANEL + GAP), self.top + (i // self.columns) * self._block


def _draw_method(
    page: Axes, grid: _Grid, i: int, name: str, points: np.ndarray | str, keys: list[_Key], order: np.ndarray
) -> None:
    left, top = grid.corner(i)
    _style.write(page, left + PANEL / 2, top + 0.12, _style.shorten(name, 8, PANEL), 8, ha="center")
    for j, key in enumerate(keys):
        y = top + NAME + j * (PANEL + GAP)
        if i % grid.columns == 0:
            side = {"size": 8, "color": _style.INK, "rotation": 90, "ha": "center", "va": "center"}
            page.text(_style.MARGIN + 0.08, y + PANEL / 2, f"by {key.title.lower()}", **side)
        _draw_panel(_style.inch_axes(page.figure, left, y, PANEL, PANEL), points, key, order)


def _key(title: str, categories: Sequence) -> _Key:
    import pandas as pd

    values = pd.Categorical(categories)
    if (values.codes < 0).any():
        raise DataError(f"a cell has no {title.lower()}")
    values = values.remove_unused_categories()
    names = [str(name) for name in values.categories]
    return _Key(title, np.asarray(values.codes), names, list(_style.category_colours(range(len(names))).values()))


def _check(projections: Mapping[str, np.ndarray | str], keys: list[_Key]) -> None:
    n_cells = len(keys[0].codes)
    if not projections:
        raise DataError("no method to draw")
    if len(keys[-1].codes) != n_cells:
        raise ShapeError(f"{len(keys[-1].codes)} labels for {n_cells} cells")
    for name, points in projections.items():
        if not isinstance(points, str) and np.shape(points) != (n_cells, 2):
            raise ShapeError(
                f"projection of '{name}' is {np.shape(points)} for {n_cells} cells; expected ({n_cells}, 2)"
            )


def point_area(n_cells: int) -> float:
    """Area of a point in points squared: the rule of the Portal paper, scaled to the size of the panel."""
    return max(0.02, min(12, 120_000 / max(n_cells, 1)) * (PANEL / 4) ** 2)


def _draw_panel(axes: Axes, points: np.ndarray | str, key: _Key, order: np.ndarray) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=_style.RULE)
    if isinstance(points, str):
        axes.set_facecolor("#f5f5f5")
        word = STATUS_WORDS.get(points, points)
        _style.write(axes, 0.5, 0.5, word, 8, _style.ALERT, ha="center", transform=axes.transAxes, wrap=True)
        return
    colours = np.array(key.colours)[key.codes[order]]
    axes.scatter(*points[order].T, s=point_area(len(order)), c=colours, lw=0, rasterized=True)
    axes.margins(0.04)
    if key.numbered:
        _number(axes, points, key)


def _number(axes: Axes, points: np.ndarray, key: _Key) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=1.2, foreground="white")]
    style = {"size": 5, "weight": "bold", "color": _style.INK, "ha": "center", "va": "center", "path_effects": halo}
    low, high = points.min(axis=0), points.max(axis=0)
    taken: list[np.ndarray] = []
    for code in np.argsort(-np.bincount(key.codes), kind="stable"):
        middle = _middle(points[key.codes == code])
        inches = (middle - low) / np.maximum(high - low, 1e-12) * PANEL
        if all((np.abs(inches - other) > NUMBER_DISTANCE).any() for other in taken):
            taken.append(inches)
            axes.text(*middle, str(code + 1), **style)


def _middle(points: np.ndarray) -> np.ndarray:
    """The cell nearest to the median, which itself may be between two groups."""
    distance = ((points - np.median(points, axis=0)) ** 2).sum(axis=1)
    return points[distance.argmin()]


class _Legend:
    """Both legends to the right of the grid, in as few columns as the height allows."""

    def __init__(self, keys: list[_Key], height: float):
        self.keys = keys
        most = max(len(key.entries) for key in keys)
        counts = range(1, most + 1)
        columns = next((n for n in counts if self._height(n) <= height), most)
        per_key = [-(-len(key.entries) // columns) for key in keys]
        self.columns = [
            [key.entries[i : i + n] for i in range(0, len(key.entries), n)]
            for key, n in zip(keys, per_key, strict=True)
        ]
        self.width = max(sum(self._widths(columns)) for columns in self.columns)

    def _height(self, columns: int) -> float:
        return LINE * sum(-(-len(key.entries) // columns) + 2 for key in self.keys)

    @staticmethod
    def _widths(columns: list[list[str]]) -> list[float]:
        return [0.34 + max(_style.text_width(text, LEGEND_SIZE) for text in column) for column in columns]

    def draw(self, axes: Axes, left: float, top: float) -> None:
        for key, columns in zip(self.keys, self.columns, strict=True):
            axes.text(left, top, key.title, size=8, weight="bold", color=_style.INK, va="center")
            x, done = left, 0
            for column, width in zip(columns, self._widths(columns), strict=True):
                self._draw_column(axes, x, top, column, key.marks[done:])
                done += len(column)
                x += width
            top += LINE * (len(columns[0]) + 2)

    @staticmethod
    def _draw_column(axes: Axes, x: float, top: float, column: list[str], colours: list[str]) -> None:
        for i, text in enumerate(column):
            y = top + LINE * (i + 1.1)
            axes.scatter([x + 0.06], [y], s=18, color=colours[i], lw=0)
            axes.text(x + 0.16, y, text, size=LEGEND_SIZE, color=_style.INK, va="center")


def _note(n_cells: int, n_total: int | None, n_labelled: int | None) -> str:
    """Which cells are drawn: all, those that have a label, or a sample of either."""
    n_total = n_total or n_cells
    if n_cells == n_total:
        return f"{n_cells:,} cells."
    if n_cells == n_labelled:
        return f"{n_cells:,} of {n_total:,} cells: those that have a label."
    among = f", among the {n_labelled:,} that have a label" if n_labelled and n_labelled < n_total else ""
    return f"{n_cells:,} of {n_total:,} cells, sampled at random{among}; the same cells in every panel."
