"""Images of domain 1, their true targets, and their translations by each method."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from portal_lib.errors import DataError, ShapeError
from portal_lib.reporting._rows import method_label
from portal_lib.reporting.figures import _style

TOP = 0.42
ORIGINAL, TARGET = "Original", "True target"
TILE, TILE_GAP, LABEL_GAP = 0.62, 0.05, 0.14
# Longer names of methods are shortened; inches.
NAME_WIDTH = 1.8


@_style.styled
def plot_images(
    x1: np.ndarray,
    x12: Mapping[str, np.ndarray],
    labels: Sequence,
    shape: tuple[int, int],
    methods: Mapping[str, Mapping],
    *,
    title: str,
    truth: np.ndarray | None = None,
    per_label: int = 3,
    seed: int = 0,
) -> Figure:
    """Draw some images of domain 1, their true targets, and their translations by each method.

    Parameters
    ----------
    x1
        Images of domain 1, row by row, shape (n1, height × width), in [0, 1].
    x12
        Translated images, shape (n1, height × width), by method, in drawing order.
    labels
        Class of every image.
    shape
        Height and width.
    methods
        Facts by name: label.
    title
        Title of the figure.
    truth
        The true target of each image, shape as of `x1`; None where it is unknown.
    per_label
        Images to draw of each class.
    seed
        Of the sample of images.

    Returns
    -------
    The figure: a row per image, a column for the original, the true target and each method; 0 is white, 1 is black,
    values outside are clipped.

    Raises
    ------
    ShapeError
        An array has another shape than stated.
    DataError
        There is no method or no image.
    """
    labels = np.asarray(labels).astype(str)
    columns = {ORIGINAL: x1} | ({TARGET: truth} if truth is not None else {})
    n_given = len(columns)
    columns |= {method_label(methods, name): images for name, images in x12.items()}
    _check_images(columns, x12, labels, shape)
    rows = _images_of(labels, per_label, seed)
    names = sorted(set(labels))
    left = _style.MARGIN + max(_style.text_width(name, 8) for name in names) + 0.12
    widths = [_style.text_width(_style.shorten(name, 7.5, NAME_WIDTH), 7.5) for name in columns]
    slants = np.array(widths) * np.sin(np.pi / 4)
    top = TOP + max(slants) + 0.2
    steps = np.arange(len(columns)) * (TILE + TILE_GAP) + LABEL_GAP * (np.arange(len(columns)) >= n_given)
    width = max(left + steps[-1] + TILE + _style.MARGIN, left + max(steps + slants) + TILE / 2 + _style.MARGIN, 3.0)
    notes = _style.wrap_notes([_IMAGE_NOTE], width - 2 * _style.MARGIN)
    heights = [top + i * (TILE + TILE_GAP) + LABEL_GAP * names.index(labels[row]) for i, row in enumerate(rows)]
    bottom = heights[-1] + TILE
    figure, page = _style.inch_canvas(width, bottom + 0.25 + _style.LINE * len(notes))
    _style.draw_title(page, title)
    for name, x in zip(columns, steps, strict=True):
        style = {"rotation": 45, "rotation_mode": "anchor", "ha": "left", "va": "bottom"}
        style |= {"size": 7.5, "color": _style.INK}
        page.text(left + x + TILE / 2 - 0.05, top - 0.05, _style.shorten(name, 7.5, NAME_WIDTH), **style)
        for y, row in zip(heights, rows, strict=True):
            _draw_image(_style.inch_axes(figure, left + x, y, TILE, TILE), columns[name][row].reshape(shape))
    for name in names:
        middle = np.mean([y for y, row in zip(heights, rows, strict=True) if labels[row] == name]) + TILE / 2
        page.text(left - 0.08, middle, name, size=8, weight="bold", color=_style.INK, ha="right", va="center")
    _style.draw_notes(page, notes, bottom + 0.2)
    return figure


_IMAGE_NOTE = "Images sampled at random from each class; values below 0 or above 1 are clipped."


def _check_images(columns: Mapping, x12: Mapping, labels: np.ndarray, shape: tuple[int, int]) -> None:
    if not x12 or not len(labels):
        raise DataError("no translated images to draw")
    expected = (len(labels), shape[0] * shape[1])
    for name, images in columns.items():
        if np.shape(images) != expected:
            raise ShapeError(f"{name}: images of shape {np.shape(images)}; expected {expected}. Images are rows.")


def _images_of(labels: np.ndarray, per_label: int, seed: int) -> list[int]:
    """Rows to draw, class by class."""
    rng = np.random.default_rng(seed)
    return [
        int(row)
        for name in sorted(set(labels))
        for row in sorted(rng.permutation(np.flatnonzero(labels == name))[:per_label])
    ]


def _draw_image(axes: Axes, image: np.ndarray) -> None:
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(_style.RULE)
        spine.set_linewidth(0.5)
