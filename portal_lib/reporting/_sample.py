"""Words for the cells that scores are of, where they are a sample, and for their neighbours, where some are missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Categories that are named; of more, the number is said.
MOST_NAMES = 10


def sample_sentences(scored: Mapping | None) -> list[str]:
    """Say which cells were scored, and how well their neighbours were found.

    Parameters
    ----------
    scored
        ``n_cells_total``, ``n_cells_scored``, ``subsample_seed``, ``cut_graph``, ``lost_batches`` and ``lost_labels``
        (number of cells by name), and ``neighbors``, how neighbours were found; None or empty where nothing is known.

    Returns
    -------
    Sentences of plain text; none where all cells were scored and the search of neighbours was exact.
    """
    if not scored:
        return []
    return ([] if scored["subsample_seed"] is None else _draw_sentences(scored)) + _search_sentences(scored)


def _draw_sentences(scored: Mapping) -> list[str]:
    sentences = [
        f"Scored on {scored['n_cells_scored']:,} of {scored['n_cells_total']:,} cells, drawn at random "
        f"(seed {scored['subsample_seed']}), the same for every method and seed."
    ]
    for kind in ("batches", "labels"):
        if lost := scored[f"lost_{kind}"]:
            sentences.append(f"Lost by the draw, and so not scored: {_named(lost, kind)}.")
    if scored["cut_graph"]:
        sentences.append(
            "A graph that a method gave is cut to these cells: what is left of it is not a neighbour graph of theirs."
        )
    return sentences


def _search_sentences(scored: Mapping) -> list[str]:
    found = scored.get("neighbors", {})
    if found.get("search") != "approximate":
        return []
    return [
        f"Nearest neighbours were searched approximately: of those of {found['recall_cells']:,} cells drawn at random, "
        f"{100 * found['recall']:.1f} % or more were found in every run."
    ]


def _named(lost: Mapping[str, int], kind: str) -> str:
    largest = sorted(lost, key=lambda name: (-lost[name], name))
    named = ", ".join(f"{name} ({lost[name]:,})" for name in largest[:MOST_NAMES])
    more = f" and {len(lost) - MOST_NAMES} more" if len(lost) > MOST_NAMES else ""
    return f"{kind} (with their number of cells) {named}{more}"
