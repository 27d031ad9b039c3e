"""Names of any origin in reStructuredText and in Markdown."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# A backslash takes the meaning of the next character in reStructuredText; it also breaks Jinja's braces, through which
# Snakemake sends every caption.
_RST_ESCAPES = str.maketrans({char: f"\\{char}" for char in string.punctuation if char not in ",;/"})
_MARKDOWN_ESCAPES = str.maketrans({char: f"\\{char}" for char in "\\`*_{}[]<>#|~"})


def escape_rst(text: object) -> str:
    """Make a text of any origin mean only itself in reStructuredText and in Jinja.

    Parameters
    ----------
    text
        A name, a reason, a version.

    Returns
    -------
    One line; runs of white space are one space.
    """
    return " ".join(str(text).split()).translate(_RST_ESCAPES)


def escape_markdown(text: object) -> str:
    """Make a text of any origin mean only itself in Markdown; one line."""
    return " ".join(str(text).split()).translate(_MARKDOWN_ESCAPES)


def table_line(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"
