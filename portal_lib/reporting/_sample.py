"""Which cells the scores are of, where they are a sample, and how well their neighbours were found."""

from collections.abc import Mapping

from portal_lib.reporting.texts.render import render_note

# Most categories that are named; of the others the number is given.
MAX_NAMES = 10


def sample_facts(scored: Mapping | None) -> dict:
    """Facts of the template ``_sample.j2``.

    Parameters
    ----------
    scored
        ``n_cells_total``, ``n_cells_scored``, ``n_unlabelled``, ``subsample_seed``, ``cut_graph``, ``lost_batches`` and
        ``lost_labels`` (number of cells by name), and ``neighbors``, the search of neighbours; None or empty where
        nothing is known.
    """
    if not scored:
        return {"drawn": None, "unlabelled": 0, "neighbors": None, "identical": None}
    found = scored.get("neighbors", {})
    lost = {kind: scored[f"lost_{kind}"] for kind in ("batches", "labels") if scored[f"lost_{kind}"]}
    return {
        "drawn": dict(scored) if scored["subsample_seed"] is not None or scored.get("n_unlabelled") else None,
        "unlabelled": scored.get("n_unlabelled", 0),
        "lost": {kind: _largest(cells) for kind, cells in lost.items()},
        "n_more": {kind: max(len(cells) - MAX_NAMES, 0) for kind, cells in lost.items()},
        "neighbors": found if found.get("search") == "approximate" else None,
        "identical": found.get("identical_cells"),
    }


def _largest(cells: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(cells.items(), key=lambda item: (-item[1], item[0]))[:MAX_NAMES]


def sample_sentences(scored: Mapping | None) -> list[str]:
    """Sentences on the sample, plain text; none where all cells were scored, by exact neighbours, and differ."""
    return render_note("sample", {"sample": sample_facts(scored)})
