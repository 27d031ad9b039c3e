"""The shared style of all figures: style, colours, a canvas in inches, titles and notes, reproducible files."""

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import LoadFlags

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "figure.facecolor": "white",
    # Shipped with matplotlib, so a figure is the same on every machine.
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "hatch.linewidth": 0.5,
    # TrueType, so that text in a PDF stays text.
    "pdf.fonttype": 42,
    "savefig.dpi": 200,
    # Names inside an SVG, which would be random otherwise.
    "svg.hashsalt": "portal_lib",
    # Widths that do not depend on the resolution.
    "text.hinting": "none",
    # A "$" in a name is a dollar sign, not mathematics.
    "text.parse_math": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 8,
}

INK = "#222222"
FAINT = "#777777"
RULE = "#bbbbbb"
CONTROL = "#8c8c8c"
ALERT = "#b2182b"

# Inches: margin of the page, from one line of notes to the next. Points: size of the notes.
MARGIN, LINE, NOTE_SIZE = 0.15, 0.135, 6.5

# Okabe and Ito first; then each time the colour that is farthest in CIELAB from white and from all earlier ones, under
# normal vision and deuteranopia, with lightness 28 to 82 and chroma 12 to 72.
_COLOURS = """
    #0072B2 #E69F00 #009E73 #CC79A7 #56B4E9 #D55E00 #F0E442 #554400 #FFAA88 #005555
    #0066DD #229933 #DDBBEE #AACCAA #771177 #880033 #8877AA #DDBB55 #3399FF #443399
    #EE6677 #995544 #77DDCC #BB1177 #994400 #CC9955 #22BBCC #9977DD #334488 #117755
    #7755CC #772244 #775599 #DD5533 #44DDFF #BB9999 #336677 #666622 #BB5599 #EE8833
""".split()  # noqa: SIM905

POINTS_PER_INCH = 72
# Metadata about date and program, left out.
METADATA = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
    "svg": {"Creator": None, "Date": None},
}


def styled(draw: Callable) -> Callable:
    """Run a drawing function with matplotlib's defaults and :data:`STYLE`, whatever the user's settings."""

    @functools.wraps(draw)
    def wrapper(*args, **kwargs):
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)
            return draw(*args, **kwargs)

    return wrapper


@styled
def save_figure(figure: Figure, stem: str | Path, kinds: Sequence[str] = ("pdf", "png")) -> tuple[Path, ...]:
    """Write a figure as ``<stem>.pdf`` and ``<stem>.png``.

    Parameters
    ----------
    figure
        A figure of this package.
    stem
        Path without suffix; a dot in the file name is kept. Missing folders are created.
    kinds
        ``"pdf"``, ``"png"``, ``"svg"``.

    Returns
    -------
    The paths, in the order of `kinds`.

    Notes
    -----
    The files hold no date and no program version: the same figure gives the same bytes with the same matplotlib.
    """
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = tuple(stem.with_name(f"{stem.name}.{kind}") for kind in kinds)
    for path, kind in zip(paths, kinds, strict=True):
        figure.savefig(path, metadata=METADATA[kind])
    return paths


def category_colours(categories: Iterable[str]) -> dict[str, str]:
    """Assign a colour to each batch or label, in the order given.

    Parameters
    ----------
    categories
        Names, each once.

    Returns
    -------
    Colour as ``#RRGGBB`` by name. The first seven are those of Okabe and Ito. There are 40; beyond that they repeat, so
    a figure with more categories must distinguish them by something else as well.
    """
    return {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(categories)}


def shades(name: str) -> Colormap:
    """The part of a colour map between nearly white and nearly black."""
    return ListedColormap(matplotlib.colormaps[name](np.linspace(0.08, 0.6 if name == "Greys" else 0.85, 256)))


def contrast(colour: tuple) -> str:
    """A text colour that can be read on `colour`."""
    red, green, blue = to_rgb(colour)
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else INK


def drawable(text: str) -> str:
    """A text of one line that the font can draw: other characters are written as their code, U+7EC6 with a backslash.

    Empty boxes would make names equal that are not, and matplotlib cannot draw text without any glyph.
    """
    return "".join(map(_drawable, text))


@functools.cache
def _drawable(char: str) -> str:
    """A space for white space and line ends; the code of a character that the font lacks."""
    if char.isspace():
        return " "
    font = get_font(findfont(FontProperties(family=STYLE["font.family"])))
    if char.isprintable() and font.get_char_index(ord(char)):
        return char
    return char.encode("ascii", errors="backslashreplace").decode() if ord(char) > 127 else f"\\x{ord(char):02x}"


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of one line of text in inches, `size` in points; kerning, which makes it narrower, is ignored."""
    return sum(_advance(char, bold) for char in drawable(text).rstrip()) * size / POINTS_PER_INCH


@functools.cache
def _advance(char: str, bold: bool) -> float:
    """Width of a character in units of the font size."""
    font = get_font(findfont(FontProperties(family=STYLE["font.family"], weight="bold" if bold else "normal")))
    font.set_size(100, POINTS_PER_INCH)
    return font.load_char(ord(char), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536 / 100


def shorten(text: str, size: float, width: float) -> str:
    """A text that can be drawn, cut with an ellipsis so that it is at most `width` inches wide."""
    text = drawable(text)
    width += 1e-6  # A text fits into a column of its own width.
    if text_width(text, size) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = text_width(text[:middle].rstrip() + "…", size) <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return text[:low].rstrip() + "…"


def wrap(text: str, size: float, width: float) -> list[str]:
    """Break a text at spaces into lines at most `width` inches wide; a longer word is cut."""
    lines: list[str] = []
    for word in map(drawable, text.split()):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(shorten(word, size, width))
    return lines


def inch_canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one axes that covers it; units are inches, (0, 0) is the upper left corner."""
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    return figure, axes


def inch_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes whose box is given in inches from the upper left corner."""
    total_width, total_height = figure.get_size_inches()
    bottom = total_height - top - height
    return figure.add_axes((left / total_width, bottom / total_height, width / total_width, height / total_height))


def wrap_notes(notes: Iterable[str], width: float) -> list[str]:
    """Break notes into lines at most `width` inches wide; empty notes are left out."""
    return [line for note in notes if note for line in wrap(note, NOTE_SIZE, width)]


def draw_notes(page: Axes, lines: Sequence[str], top: float) -> None:
    """Write lines from :func:`wrap_notes` below each other, the first at `top` inches."""
    for i, line in enumerate(lines):
        page.text(MARGIN, top + LINE * i, line, size=NOTE_SIZE, color=FAINT, va="center")


def write(axes: Axes, x: float, y: float, text: str, size: float, color: str = INK, **style) -> None:
    """Write a text whose middle is at the height `y`."""
    axes.text(x, y, drawable(text), size=size, color=color, va="center", **style)


def draw_title(page: Axes, title: str, top: float = 0.26) -> None:
    """Write the title of a figure, its middle `top` inches below the upper edge."""
    page.text(MARGIN, top, drawable(title), size=11, weight="bold", color=INK, va="center")
