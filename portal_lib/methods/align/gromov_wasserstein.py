"""Entropic Gromov-Wasserstein: matches cells by distances along each manifold, without known pairs or features."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
            "default": 20,
            "type": "integer",
            "minimum": 2,
            "description": "Neighbours of a cell in the graph of its domain, including itself; at most a fifth of "
            "the cells.",
        },
        "epsilon": {
            "default": 0.005,
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Weight of the entropy; distances are divided by their maximum.",
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
    Result with `x12` and `x21`, float32, in the units of the target. The notes contain the Gromov-Wasserstein loss,
    the numbers of coupled cells and of graph components, the last change of the coupling, and its marginal error.

    Raises
    ------
    NotApplicable
        A domain has fewer than three features, too few for correlations between cells, or fewer than ten cells.
    DivergedError
        The coupling is not finite, because `epsilon` is too small.

    Notes
    -----
    As SCOT: nearest-neighbour graph by correlation of cells, edges of length 1, shortest paths C, infinite ones set to
    the longest finite path, all divided by the longest. T minimises, with uniform weights of cells::

        Σ (C₁[i, k] - C₂[j, l])² T[i, j] T[k, l] - ε H(T),     x12 = T X₂ / (row sums of T)

    Departs from SCOT: features are scaled first; k and ε are not tuned. In a domain with more than `max_cells` cells a
    random sample is coupled, the same in every run, so that the seed has no effect; the prediction of another cell is
    the mean over the five coupled cells with the highest correlation to it.

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
    paths, parts = zip(
        *(path_lengths(x[rows], params["n_neighbors"]) for x, rows in zip(directions, samples, strict=True)),
        strict=True,
    )
    coupling, notes = couple(*paths, params["epsilon"], params["max_iter"])
    x12 = _predicted(coupling, task_input.x2[samples[1]], directions[0], samples[0])
    x21 = _predicted(coupling.T, task_input.x1[samples[0]], directions[1], samples[1])
    notes |= {"n_coupled": [len(rows) for rows in samples], "n_graph_parts": list(parts)}
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
