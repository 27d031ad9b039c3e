"""Entropic Gromov-Wasserstein: matches cells by distances along each manifold, without known pairs or features."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {
    "label": "Gromov-Wasserstein",
    "task": "align",
    "output": "translate",
    "environment": "align",
    "threads": 16,
    "memory_gb": 4,
    "stochastic": False,
    "uses_pairs": False,
    "params": {
        "n_neighbors": {
            "default": None,
            "type": ["integer", "null"],
            "minimum": 2,
            "description": "Neighbours of a cell in the graph of its domain, including itself; at most a fifth of "
            "the cells. null searches search_neighbors.",
        },
        "epsilon": {
            "default": None,
            "type": ["number", "null"],
            "exclusiveMinimum": 0,
            "description": "Weight of the entropy; distances are divided by their maximum. null searches "
            "search_epsilon.",
        },
        "search_neighbors": {
            "default": [10, 15, 20, 25, 35, 50, 100],
            "type": "array",
            "minItems": 1,
            "items": {"type": "integer", "minimum": 2},
            "description": "Values of n_neighbors to try; the one of the lowest Gromov-Wasserstein distance is used.",
        },
        "search_epsilon": {
            "default": [0.01, 0.005],
            "type": "array",
            "minItems": 1,
            "items": {"type": "number", "exclusiveMinimum": 0},
            "description": "Values of epsilon to try at the n_neighbors that was chosen at the largest of them.",
        },
        "max_iter": {
            "default": 1000,
            "type": "integer",
            "minimum": 1,
            "description": "Maximum number of iterations of the coupling.",
        },
        "max_cells": {
            "default": 2000,
            "type": "integer",
            "minimum": 50,
            "description": "Coupled cells per domain, at most; memory and time grow with their square and cube.",
        },
    },
    "citation": "Peyré, Cuturi & Solomon 2016, ICML; Demetci et al. 2022, J. Comput. Biol. 29:3 (SCOT)",
}

# Coupled cells whose mean is the prediction of a cell that is not coupled.
N_NEAREST = 5


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Couple the cells of both domains and predict each by the mean of the cells it is coupled to.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target. The notes contain the k and ε that were used, the
    Gromov-Wasserstein distance of every pair that was tried (null where the coupling was not finite), the distance,
    last change and marginal error of the coupling used, and the numbers of coupled cells and of graph components.

    Raises
    ------
    NotApplicable
        A domain has fewer than three features, too few for correlations between cells, or fewer than ten cells.
    DivergedError
        No coupling is finite, because every `epsilon` is too small.

    Notes
    -----
    As SCOT: nearest-neighbour graph by correlation of cells, edges of length 1, shortest paths C, infinite ones set to
    the longest finite path, all divided by the longest. T minimises, with uniform weights of cells::

        Σ (C₁[i, k] - C₂[j, l])² T[i, j] T[k, l] - ε H(T),     x12 = T X₂ / (row sums of T)

    As in SCOT without labels, k and ε are those of the lowest Gromov-Wasserstein distance, the sum above without the
    entropy: first over k at the largest ε, then over ε at this k. A wrong k can give the mirror image of the manifold.
    The distance falls with ε as well because the coupling is less blurred, so that small values of ε are chosen often.

    Departs from SCOT: features are scaled first; SCOT searches ε, then k, then both on a finer grid, 20 couplings, of
    which those with ε = 0.001 take most of the time. In a domain with more than `max_cells` cells a random sample is
    coupled, the same in every run, so that the seed has no effect; the prediction of another cell is the mean over the
    five coupled cells with the highest correlation to it.

    References
    ----------
    Peyré, Cuturi and Solomon, ICML 2016; Demetci, Santorella, Sandstede, Noble and Singh, J. Comput. Biol. 29:3 (2022).
    """
    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result
    from portal_lib.methods.align._scaling import scaled

    if min(task_input.x1.shape[1], task_input.x2.shape[1]) < 3:
        raise NotApplicable("fewer than three features are too few for correlations between cells")
    if min(len(task_input.x1), len(task_input.x2)) < 10:
        raise NotApplicable("a domain has fewer than ten cells")
    directions = [unit_rows(x) for x in scaled(task_input)]
    samples = [_sample(len(x), params["max_cells"]) for x in directions]
    coupled = [x[rows] for x, rows in zip(directions, samples, strict=True)]
    coupling, notes = searched(coupled, params)
    x12 = _predicted(coupling, task_input.x2[samples[1]], directions[0], samples[0])
    x21 = _predicted(coupling.T, task_input.x1[samples[0]], directions[1], samples[1])
    notes["n_coupled"] = [len(rows) for rows in samples]
    return Result(x12=x12, x21=x21, notes=notes)


def unit_rows(x: np.ndarray) -> np.ndarray:
    """Cells centred and of length 1, so that ‖a - b‖² = 2 - 2 correlation; constant cells are 0."""
    import numpy as np

    centred = x - x.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return centred / np.where(length > 0, length, 1)


def _sample(n, most):
    """Rows of the cells that are coupled, ascending."""
    import numpy as np

    return np.arange(n) if n <= most else np.sort(np.random.default_rng(0).permutation(n)[:most])


def searched(cells: Sequence[np.ndarray], params: dict) -> tuple[np.ndarray, dict[str, object]]:
    """The coupling of the lowest Gromov-Wasserstein distance over k, then over ε at this k.

    Parameters
    ----------
    cells
        Coupled cells of both domains, rows from :func:`unit_rows`.
    params
        Of the method; `n_neighbors` and `epsilon` are not searched where they are given.

    Returns
    -------
    The coupling as from :func:`couple`, and its notes with ``n_neighbors``, ``epsilon``, ``n_graph_parts``, and
    ``searched``: the ``gw_loss`` of each pair, None where it has no finite coupling. Of equal distances the first.

    Raises
    ------
    DivergedError
        No pair has a finite coupling.
    """
    from portal_lib.errors import DivergedError

    most = max(2, max(map(len, cells)) // 5)
    given_k, given_epsilon = params["n_neighbors"], params["epsilon"]
    ks = dict.fromkeys(min(k, most) for k in ([given_k] if given_k else params["search_neighbors"]))
    epsilons = sorted([given_epsilon] if given_epsilon else params["search_epsilon"], reverse=True)
    table: list[dict[str, object]] = []
    best, least = None, float("inf")
    for epsilon in epsilons:
        # Once a coupling was finite, its k is kept.
        for k in [best[1]["n_neighbors"]] if best else ks:
            paths, parts = zip(*(path_lengths(x, k) for x in cells), strict=True)
            pair = {"n_neighbors": k, "epsilon": epsilon}
            try:
                coupling, notes = couple(*paths, epsilon, params["max_iter"])
            except DivergedError:
                table.append(pair | {"gw_loss": None})
                continue
            table.append(pair | {"gw_loss": notes["gw_loss"]})
            if notes["gw_loss"] < least:
                best, least = (coupling, pair | {"n_graph_parts": list(parts)} | notes), notes["gw_loss"]
    if best is None:
        raise DivergedError(f"Gromov-Wasserstein: epsilon {epsilons[0]:g} gives no finite coupling. Raise epsilon.")
    return best[0], best[1] | {"searched": table}


def path_lengths(x: np.ndarray, k: int) -> tuple[np.ndarray, int]:
    """Lengths of the shortest paths between cells in the nearest-neighbour graph.

    Parameters
    ----------
    x
        Cells × features, shape (n, d).
    k
        Neighbours of a cell, including itself; at most n / 5.

    Returns
    -------
    Shape (n, n), symmetric, 0 to 1; and the number of connected components, between which the length is 1.
    """
    import numpy as np
    from scipy.sparse.csgraph import connected_components, shortest_path
    from sklearn.neighbors import kneighbors_graph

    graph = kneighbors_graph(x, max(2, min(k, len(x) // 5)), mode="connectivity", include_self=True)
    lengths = shortest_path(graph, method="D", directed=False, unweighted=True)
    longest = lengths[np.isfinite(lengths)].max()
    parts = connected_components(graph, directed=False, return_labels=False)
    return np.minimum(lengths, longest) / longest, int(parts)


def couple(c1: np.ndarray, c2: np.ndarray, epsilon: float, max_iter: int) -> tuple[np.ndarray, dict[str, object]]:
    """Entropic Gromov-Wasserstein coupling of two distance matrices, with uniform weights.

    Parameters
    ----------
    c1, c2
        Shapes (n1, n1) and (n2, n2), symmetric.
    epsilon
        Weight of the entropy.
    max_iter
        Maximum number of iterations.

    Returns
    -------
    T, shape (n1, n2), non-negative, sum 1; and the loss, the last measured change, and the largest relative error of a
    row or column sum.

    Raises
    ------
    DivergedError
        T is not finite, or has an empty row or column.
    """
    import warnings

    import numpy as np
    from ot.gromov import entropic_gromov_wasserstein

    from portal_lib.errors import DivergedError

    weights = [np.full(len(c), 1 / len(c)) for c in (c1, c2)]
    with warnings.catch_warnings():
        # Warnings of Sinkhorn iterations that did not converge; the error of the result is measured below.
        warnings.simplefilter("ignore")
        coupling, log = entropic_gromov_wasserstein(
            c1, c2, *weights, loss_fun="square_loss", epsilon=epsilon, symmetric=True, max_iter=max_iter, log=True
        )
    if not np.isfinite(coupling).all() or min(coupling.sum(axis=axis).min() for axis in (0, 1)) <= 0:
        raise DivergedError(f"Gromov-Wasserstein: epsilon {epsilon:g} gives no finite coupling. Raise epsilon.")
    error = max(np.abs(coupling.sum(axis=axis) * coupling.shape[1 - axis] - 1).max() for axis in (0, 1))
    notes = {"gw_loss": float(log["gw_dist"]), "last_change": float(log["err"][-1]), "marginal_error": float(error)}
    return coupling, notes


def _predicted(coupling, there, directions, rows):
    """Coupled cells by the mean of the cells they are coupled to, others by their nearest coupled cells; float32."""
    import numpy as np
    from sklearn.neighbors import NearestNeighbors

    made = coupling @ there.astype(np.float64) / coupling.sum(axis=1, keepdims=True)
    if len(rows) < len(directions):
        nearest = NearestNeighbors(n_neighbors=N_NEAREST).fit(directions[rows])
        others = made[nearest.kneighbors(directions, return_distance=False)].mean(axis=1)
        others[rows] = made
        made = others
    return made.astype(np.float32)
