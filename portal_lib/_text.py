"""Parts of messages: suggestions for misspelt names, and lists of names."""

import difflib
from collections.abc import Iterable


def nearest(name: object, known: Iterable[object]) -> str | None:
    """The known name that is most like `name`; None where no name is."""
    found = difflib.get_close_matches(str(name), [str(other) for other in known], n=1)
    return found[0] if found else None


def suggest(name: object, known: Iterable[object]) -> str:
    """``", did you mean 'x'?"`` where a known name is like `name`, else a full stop."""
    found = nearest(name, known)
    return "." if found is None else f", did you mean '{found}'?"


def suggest_or_list(name: object, known: Iterable[object]) -> str:
    """``", did you mean 'x'?"`` where a known name is like `name`, else ``". Known: a, b."``, in the order of names."""
    known = sorted(map(str, known))
    found = nearest(name, known)
    if found is None:
        return f". Known: {', '.join(known)}." if known else ""
    return f", did you mean '{found}'?"


def some(items: Iterable[object], limit: int = 5) -> str:
    """The first items, and how many more there are: ``"a, b and 3 more"``."""
    texts = [str(item) for item in items]
    more = len(texts) - limit
    return ", ".join(texts[:limit]) + (f" and {more:,} more" if more > 0 else "")
