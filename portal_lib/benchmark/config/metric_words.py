"""The metrics that a keyword or a list of names stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from portal_lib._text import suggest_or_list
from portal_lib.benchmark import registry
from portal_lib.benchmark.config.model import AUXILIARY, MAIN

# The definitions that a keyword for metrics stands for, and whether it selects only fast metrics.
METRIC_WORDS = {MAIN: ({MAIN, AUXILIARY}, False), "full": ({MAIN, AUXILIARY}, False), "fast": ({MAIN, AUXILIARY}, True)}


def named_metrics(given: str | Sequence[str | None]) -> tuple[list[str], list[str]]:
    """Names of the metrics of a keyword or a list, in order, and problems with them, one line each.

    Parameters
    ----------
    given
        A keyword of :data:`METRIC_WORDS`, a definition of metrics, ``"all"``, or a list of names, in which None stands
        for an item with another problem. An empty list means the main definition.
    """
    if not isinstance(given, str) and given:
        return [name for name in given if name is not None], _metric_problems(given)
    found = _definitions()
    others = {name: ({name}, False) for name in found - {MAIN, AUXILIARY}}
    words, word = others | {"all": (found, False)} | METRIC_WORDS, given or MAIN
    if word not in words:
        return [], [f"metrics: {word!r} is neither a list nor a known keyword{suggest_or_list(word, words)}"]
    definitions, fast = words[word]
    return [name for name, facts in registry.find("metrics").items() if _is_meant(facts, definitions, fast)], []


def twice(names: list[str], key: str, hint: str) -> list[str]:
    """One line for each name that a list has more than once."""
    return [f"{key}: '{name}' is listed {n} times; {hint}" for name, n in Counter(names).items() if n > 1]


def _definitions() -> set[str]:
    """All definitions of metrics: that of scIB, that of the Portal paper, ..."""
    return {facts["definition"] for facts in registry.find("metrics").values() if "definition" in facts}


def _is_meant(facts: dict, definitions: set[str], fast: bool) -> bool:
    """Metrics without a definition belong to every keyword."""
    return "definition" not in facts or (facts["definition"] in definitions and (facts["fast"] or not fast))


def _metric_problems(metrics: Sequence[str | None]) -> list[str]:
    known = registry.find("metrics")
    named = {i: name for i, name in enumerate(metrics) if name is not None}
    unknown = [
        f"metrics[{i}]: unknown metric {name!r}{suggest_or_list(name, known)}"
        for i, name in named.items()
        if name not in known
    ]
    return unknown + twice(list(named.values()), "metrics", "once is enough")
