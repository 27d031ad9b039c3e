"""Numbers, lists and names of any origin, as they are written in texts and figures."""

import re
import string
from collections.abc import Iterable, Sequence

# In reStructuredText a backslash removes the special meaning of the next character. It also breaks Jinja's braces:
# Snakemake renders every caption as a template.
_RST_ESCAPES = str.maketrans({char: f"\\{char}" for char in string.punctuation if char not in ",;/"})
_MARKDOWN_ESCAPES = str.maketrans({char: f"\\{char}" for char in "\\`*_{}[]<>#|~"})


def one_line(text: object) -> str:
    """Text in one line; a run of white space becomes one space."""
    return re.sub(r"\s+", " ", str(text))


def escape_rst(text: object) -> str:
    """Escape text of any origin for reStructuredText and Jinja; one line."""
    return one_line(text).translate(_RST_ESCAPES)


def escape_markdown(text: object) -> str:
    """Escape text of any origin for Markdown; one line."""
    return one_line(text).translate(_MARKDOWN_ESCAPES)


def write_number(value: float, places: int = 3) -> str:
    """Number with a fixed number of decimals and a true minus sign; zero has no sign."""
    text = f"{value:,.{places}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text.replace("-", "−")


def counted(n: int, noun: str) -> str:
    """Number with a noun, such as ``"1 method"`` or ``"3 methods"``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def listed(names: Iterable[object]) -> str:
    """List in words: ``"a"``, ``"a and b"``, ``"a, b and c"``."""
    *first, last = map(str, names)
    return f"{', '.join(first)} and {last}" if first else last


def span(numbers: Sequence[int]) -> str:
    """Smallest and largest number: ``"3"`` or ``"1 to 3"``."""
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"
