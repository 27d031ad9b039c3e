"""Render the templates of the report in ``portal_lib/reporting/templates``."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from portal_lib.reporting._words import counted, escape_markdown, escape_rst, listed, one_line, span, write_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

    from portal_lib.reporting._rows import Value

# How a value is escaped in a template, by the kind of text that it makes.
ESCAPES = {"rst": escape_rst, "md": escape_markdown, "txt": one_line}


def render(name: str, facts: Mapping[str, Any]) -> str:
    """Render one template.

    Parameters
    ----------
    name
        Path below ``templates`` without ``.j2``, such as ``captions/umap.rst``. The suffix says how values are escaped:
        ``rst`` (reStructuredText), ``md`` (Markdown) or ``txt`` (plain text).
    facts
        Variables of the template. One that the template uses and that is missing is an error.

    Returns
    -------
    The text, with at most one blank line in a row.
    """
    text = _environment(name.rpartition(".")[2]).get_template(f"{name}.j2").render(facts)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def render_note(name: str, facts: Mapping[str, Any]) -> list[str]:
    """Render a plain note for a figure; one string per paragraph, each without line breaks."""
    paragraphs = render(f"notes/{name}.txt", facts).split("\n\n")
    return [one_line(text.strip()) for text in paragraphs if text.strip()]


def template_names() -> set[str]:
    """Names of the captions that have a template."""
    names = _environment("rst").list_templates(filter_func=lambda name: name.startswith("captions/"))
    return {name.removeprefix("captions/").partition(".")[0] for name in names}


@cache
def _environment(kind: str) -> Environment:
    """Environment whose values are escaped for one kind of text; Jinja's own HTML escaping only marks what is safe."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    escape = ESCAPES[kind]
    environment = Environment(
        loader=PackageLoader("portal_lib.reporting"),
        autoescape=True,
        finalize=lambda value: value if hasattr(value, "__html__") else Markup(escape(value)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "counted": counted,
        "listed": listed,
        "mean": _mean,
        "number": write_number,
        "one_line": lambda text: Markup(one_line(text).strip()),
        "span": span,
        "thousands": lambda n: f"{n:,}",
    }
    return environment


def _mean(value: Value | None, places: int = 3) -> str:
    """Mean with its interval in brackets, or with the number of runs; "n/a" without a value. It needs no escapes."""
    from markupsafe import Markup

    return "n/a" if value is None else Markup(value.words(places))
