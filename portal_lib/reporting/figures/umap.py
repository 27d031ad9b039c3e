"""UMAP of a result, and the grid of panels by batch and by label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portal_lib.errors import DataError, ShapeError
from portal_lib.reporting._rows import STATUS_WORDS, method_label
from portal_lib.reporting.figures.style import (
    ALERT,
    FAINT,
    INK,
    RULE,
    category_colours,
    inch_axes,
    inch_canvas,
    shorten,
    styled,
    text_width,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import scipy.sparse as sp
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.15
PANEL = 1.65
GAP = 0.1
NAME = 0.25
BLOCK = NAME + 2 * PANEL + GAP + 0.12
SIDE = 0.22
LINE = 0.155
LEGEND_SIZE = 7
MAX_ENTRY = 2.1
# Inches between two numbers, across and down.
NUMBER_ROOM = np.array([0.12, 0.08])
# Up to here colours alone tell categories apart.
PLAIN_CATEGORIES = 12


def draw_cells(n_cells: int, max_cells: int, seed: int = 1234) -> np.ndarray:
    """Choose the cells of a figure, the same for every method of a data set.

    Parameters
    ----------
    n_cells
        Cells there are.
    max_cells
        Cells to draw at most; with fewer all are taken.
    seed
        Seed of the draw, which is without replacement.

    Returns
    -------
    Row numbers, increasing.
    """
    if n_cells <= max_cells:
        return np.arange(n_cells)
    return np.sort(np.random.default_rng(seed).choice(n_cells, size=max_cells, replace=False))


def project(
    connectivities: sp.spmatrix,
    *,
    embedding: np.ndarray | None = None,
    cells: np.ndarray | None = None,
    seed: int = 1234,
    min_dist: float = 0.3,
    spread: float = 1.0,
    progress: bool = False,
) -> np.ndarray:
    """Lay out a neighbour graph in two dimensions with UMAP.

    Parameters
    ----------
    connectivities
        Fuzzy neighbour graph, shape (n_cells, n_cells), weights in [0, 1]: the graph that the metrics saw.
    embedding
        Coordinates behind it, shape (n_cells, n_dims): their first two principal components are where the layout
        starts. Without them it starts from the graph's spectrum, or at random where the graph falls apart.
    cells
        Rows to lay out, as :func:`draw_cells` gives them; all when None.
    seed
        Seed of the layout. The same seed gives the same coordinates on one machine.
    min_dist, spread
        UMAP's; the defaults are those of Portal's figures.
    progress
        Show UMAP's progress bar.

    Returns
    -------
    Coordinates, shape (len(cells), 2), float32, rows in the order of `cells`.

    Raises
    ------
    ShapeError
        The graph is not square, or the embedding has another number of rows.

    Notes
    -----
    A drawn sample keeps edges of length one and two, so that cells linked through one that was not drawn stay linked.
    Without any edge all cells are at one place.
    """
    import scipy.sparse as sp
    from umap.umap_ import find_ab_params, simplicial_set_embedding

    graph = sp.csr_matrix(connectivities, dtype=np.float32)
    _check_shapes(graph, embedding)
    if cells is not None and len(cells) < graph.shape[0]:
        embedding = None if embedding is None else np.asarray(embedding)[cells]
        graph = _sample_graph(graph, cells)
    if graph.nnz == 0:
        return np.zeros((graph.shape[0], 2), np.float32)
    a, b = find_ab_params(spread, min_dist)
    coordinates, _ = simplicial_set_embedding(
        data=embedding,
        graph=graph.tocoo(),
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=500 if graph.shape[0] <= 10_000 else 200,
        init=_start(graph, embedding, seed),
        random_state=np.random.RandomState(seed),
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        verbose=progress,
    )
    return np.asarray(coordinates, dtype=np.float32)


def _check_shapes(graph: sp.csr_matrix, embedding: np.ndarray | None) -> None:
    if graph.shape[0] != graph.shape[1]:
        raise ShapeError(f"the neighbour graph is {graph.shape}; expected as many columns as rows")
    if embedding is not None and len(embedding) != graph.shape[0]:
        raise ShapeError(f"the embedding is {np.shape(embedding)} for {graph.shape[0]} cells. Cells are rows.")


def _sample_graph(graph: sp.csr_matrix, cells: np.ndarray) -> sp.csr_matrix:
    rows = graph[cells]
    two_steps = rows @ graph[:, cells]
    two_steps.setdiag(0)
    if two_steps.nnz and two_steps.max() > 1:
        two_steps = two_steps / two_steps.max()
    sample = rows[:, cells].maximum(two_steps).tocsr()
    sample.eliminate_zeros()
    return sample


def _start(graph: sp.csr_matrix, embedding: np.ndarray | None, seed: int) -> np.ndarray | str:
    """Where the layout starts: principal components in a box of 10, else a name that UMAP knows."""
    from scipy.sparse.csgraph import connected_components

    if embedding is None or np.shape(embedding)[1] < 2:
        connected = connected_components(graph, directed=False, return_labels=False) == 1
        return "spectral" if connected and graph.shape[0] > 10 else "random"
    centred = np.asarray(embedding, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, :-3:-1]
    # The sign of an eigenvector is arbitrary.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    start = centred @ axes
    start = 10 * start / max(np.abs(start).max(), 1e-12)
    return (start + np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)).astype(np.float32)


@dataclass(frozen=True)
class _Key:
    """Categories of one row of panels: integer codes of the cells, names, colours."""

    title: str
    codes: np.ndarray
    names: list[str]
    colours: list[str]

    @property
    def numbered(self) -> bool:
        # Where batches are mixed their medians lie on one another.
        return self.title == "Label" and len(self.names) > PLAIN_CATEGORIES

    @property
    def entries(self) -> list[str]:
        texts = [f"{i + 1}  {name}" if self.numbered else name for i, name in enumerate(self.names)]
        return [shorten(text, LEGEND_SIZE, MAX_ENTRY) for text in texts]


@styled
def plot_umap_grid(
    projections: Mapping[str, np.ndarray | str],
    batch: Sequence,
    label: Sequence,
    *,
    methods: Mapping[str, Mapping] | None = None,
    title: str | None = None,
    n_total: int | None = None,
    per_row: int = 6,
    seed: int = 1234,
) -> Figure:
    """Draw every method's cells twice, coloured by batch above and by label below.

    Parameters
    ----------
    projections
        By method, in the order of the columns: coordinates of shape (n_cells, 2), or the status (``"timeout"``) of a
        run that gave none, which is written into an empty panel.
    batch, label
        Category of each cell, length n_cells; the order of a pandas categorical is kept, other names are sorted.
    methods
        Facts by name, for the label.
    title
        Name of the data set for people.
    n_total
        Cells the data set has, where only a sample is drawn; said in the figure.
    per_row
        Methods beside one another; more begin a new pair of rows.
    seed
        Seed of the order in which cells are drawn: random, so that no batch covers another.

    Returns
    -------
    The figure, both legends to the right. With more than 12 labels each has a number, in the legend and in the middle
    of its cells, since colours alone no longer tell them apart; of two that would overlap the larger label keeps it.

    Raises
    ------
    ShapeError
        Coordinates are not (n_cells, 2).
    DataError
        There is no method.

    Notes
    -----
    Area of a point as in Portal's figures, 120000/N points squared for N >= 10,000 cells and else 12, scaled from a
    panel of 4 inches to ours.
    """
    keys = [_key("Batch", batch), _key("Label", label)]
    n_cells = len(keys[0].codes)
    _check(projections, keys)
    blocks = -(-len(projections) // per_row)
    grid = _Grid(columns=-(-len(projections) // blocks), blocks=blocks, top=0.5 if title else 0.12)
    legend = _Legend(keys, grid.height - grid.top - 0.5)
    needed = max(grid.right + 0.15 + legend.width, MARGIN + text_width(title or "", 11, bold=True))
    figure, page = inch_canvas(needed + MARGIN, grid.height)
    if title:
        page.text(MARGIN, 0.26, title, size=11, weight="bold", color=INK, va="center")
    order = np.random.default_rng(seed).permutation(n_cells)
    for i, (name, points) in enumerate(projections.items()):
        _draw_method(page, grid, i, method_label(methods or {}, name), points, keys, order)
    legend.draw(page, grid.right + 0.15, grid.top + 0.32)
    page.text(MARGIN, grid.height - 0.14, _note(n_cells, n_total), size=6.5, color=FAINT, va="center")
    return figure


@dataclass(frozen=True)
class _Grid:
    """Places of the panels, in inches from the upper left corner."""

    columns: int
    blocks: int
    top: float

    @property
    def right(self) -> float:
        return MARGIN + SIDE + self.columns * (PANEL + GAP)

    @property
    def height(self) -> float:
        return self.top + self.blocks * BLOCK + 0.25

    def corner(self, i: int) -> tuple[float, float]:
        """Upper left corner of a method's two panels, its name included."""
        return MARGIN + SIDE + (i % self.columns) * (PANEL + GAP), self.top + (i // self.columns) * BLOCK


def _draw_method(
    page: Axes, grid: _Grid, i: int, name: str, points: np.ndarray | str, keys: list[_Key], order: np.ndarray
) -> None:
    left, top = grid.corner(i)
    page.text(left + PANEL / 2, top + 0.12, shorten(name, 8, PANEL), size=8, color=INK, ha="center", va="center")
    for j, key in enumerate(keys):
        y = top + NAME + j * (PANEL + GAP)
        if i % grid.columns == 0:
            side = {"size": 8, "color": INK, "rotation": 90, "ha": "center", "va": "center"}
            page.text(MARGIN + 0.08, y + PANEL / 2, f"by {key.title.lower()}", **side)
        _draw_panel(inch_axes(page.figure, left, y, PANEL, PANEL), points, key, order)


def _key(title: str, categories: Sequence) -> _Key:
    import pandas as pd

    values = pd.Categorical(categories)
    if (values.codes < 0).any():
        raise DataError(f"a cell has no {title.lower()}")
    values = values.remove_unused_categories()
    names = [str(name) for name in values.categories]
    return _Key(title, np.asarray(values.codes), names, list(category_colours(range(len(names))).values()))


def _check(projections: Mapping[str, np.ndarray | str], keys: list[_Key]) -> None:
    n_cells = len(keys[0].codes)
    if not projections:
        raise DataError("no method to draw")
    if len(keys[1].codes) != n_cells:
        raise ShapeError(f"{len(keys[1].codes)} labels for {n_cells} cells")
    for name, points in projections.items():
        if not isinstance(points, str) and np.shape(points) != (n_cells, 2):
            raise ShapeError(
                f"projection of '{name}' is {np.shape(points)} for {n_cells} cells; expected ({n_cells}, 2)"
            )


def point_area(n_cells: int) -> float:
    """Area of a point in points squared: Portal's rule, for a panel of our size."""
    return max(0.02, min(12, 120_000 / max(n_cells, 1)) * (PANEL / 4) ** 2)


def _draw_panel(axes: Axes, points: np.ndarray | str, key: _Key, order: np.ndarray) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=RULE)
    if isinstance(points, str):
        axes.set_facecolor("#f5f5f5")
        word = STATUS_WORDS.get(points, points)
        axes.text(0.5, 0.5, word, size=8, color=ALERT, ha="center", va="center", transform=axes.transAxes, wrap=True)
        return
    colours = np.array(key.colours)[key.codes[order]]
    axes.scatter(*points[order].T, s=point_area(len(order)), c=colours, lw=0, rasterized=True)
    axes.margins(0.04)
    if key.numbered:
        _number(axes, points, key)


def _number(axes: Axes, points: np.ndarray, key: _Key) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=1.2, foreground="white")]
    style = {"size": 5, "weight": "bold", "color": INK, "ha": "center", "va": "center", "path_effects": halo}
    low, high = points.min(axis=0), points.max(axis=0)
    taken: list[np.ndarray] = []
    for code in np.argsort(-np.bincount(key.codes), kind="stable"):
        middle = _middle(points[key.codes == code])
        inches = (middle - low) / np.maximum(high - low, 1e-12) * PANEL
        if all((np.abs(inches - other) > NUMBER_ROOM).any() for other in taken):
            taken.append(inches)
            axes.text(*middle, str(code + 1), **style)


def _middle(points: np.ndarray) -> np.ndarray:
    """The cell nearest to the median, which itself may lie between two groups."""
    distance = ((points - np.median(points, axis=0)) ** 2).sum(axis=1)
    return points[distance.argmin()]


class _Legend:
    """Both legends beside the grid, in as few columns as the height allows."""

    def __init__(self, keys: list[_Key], height: float):
        self.keys = keys
        most = max(len(key.names) for key in keys)
        counts = range(1, most + 1)
        columns = next((n for n in counts if self._height(n) <= height), most)
        per_key = [-(-len(key.names) // columns) for key in keys]
        self.columns = [
            [key.entries[i : i + n] for i in range(0, len(key.entries), n)]
            for key, n in zip(keys, per_key, strict=True)
        ]
        self.width = max(sum(self._widths(columns)) for columns in self.columns)

    def _height(self, columns: int) -> float:
        return LINE * sum(-(-len(key.names) // columns) + 2 for key in self.keys)

    @staticmethod
    def _widths(columns: list[list[str]]) -> list[float]:
        return [0.34 + max(text_width(text, LEGEND_SIZE) for text in column) for column in columns]

    def draw(self, axes: Axes, left: float, top: float) -> None:
        for key, columns in zip(self.keys, self.columns, strict=True):
            axes.text(left, top, key.title, size=8, weight="bold", color=INK, va="center")
            x, done = left, 0
            for column, width in zip(columns, self._widths(columns), strict=True):
                self._draw_column(axes, x, top, column, key.colours[done:])
                done += len(column)
                x += width
            top += LINE * (len(columns[0]) + 2)

    @staticmethod
    def _draw_column(axes: Axes, x: float, top: float, column: list[str], colours: list[str]) -> None:
        for i, text in enumerate(column):
            y = top + LINE * (i + 1.1)
            axes.scatter([x + 0.06], [y], s=18, color=colours[i], lw=0)
            axes.text(x + 0.16, y, text, size=LEGEND_SIZE, color=INK, va="center")


def _note(n_cells: int, n_total: int | None) -> str:
    if n_total and n_total > n_cells:
        return f"{n_cells:,} of {n_total:,} cells, drawn at random; the same cells in every panel."
    return f"{n_cells:,} cells."
