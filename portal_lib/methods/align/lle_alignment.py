"""Semi-supervised alignment by locally linear embedding: two manifolds, one eigenproblem, joined at known pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse as sp

    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {
    "label": "LLE alignment",
    "task": "align",
    "output": "joint",
    "environment": "align",
    "threads": 16,
    "memory_gb": 4,
    "stochastic": False,
    "params": {
        "n_neighbors": {
            "default": 15,
            "type": "integer",
            "minimum": 2,
            "description": "Neighbours of a cell in its domain; increased until the neighbour graph is connected.",
        },
        "n_components": {
            "default": 5,
            "type": "integer",
            "minimum": 1,
            "description": "Joint coordinates; at most the number of known pairs minus one.",
        },
        "n_predict": {
            "default": 5,
            "type": "integer",
            "minimum": 1,
            "description": "Cells of the other domain whose mean is the prediction.",
        },
    },
    "citation": "Ham, Lee & Saul 2005, AISTATS",
}

REGULARISATION = 1e-3
# With more neighbours the matrix is no longer sparse and a neighbourhood no longer local.
MOST_NEIGHBORS = 100
# Unknowns up to which a dense eigensolver is faster.
DENSE = 5000
CHUNK = 1000


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Compute joint coordinates of both domains, and predict from the nearest cells in them.

    Returns
    -------
    Result with `z1` and `z2`, float32, in a joint space with variance about 1 per coordinate, in which the cells of a
    known pair coincide; and `x12` and `x21`, float32, in the units of the target. The notes contain the numbers of
    coordinates and of neighbours, and the eigenvalues.

    Raises
    ------
    NotApplicable
        There are fewer than two known pairs, or the neighbour graph of a domain is not connected.

    Notes
    -----
    In each domain W reconstructs every cell from its neighbours; M = (I - W)ᵀ(I - W). With one unknown for both cells
    of a known pair, and the 0/1 matrices S_t from cells to unknowns::

        K = S₁ᵀ M₁ S₁ + S₂ᵀ M₂ S₂,   K v = λ v,   z_t = S_t V

    for the smallest λ other than that of the constant vector, which is 0. Departs from the paper: W only, no graph
    Laplacian, equal weights of both domains; features are scaled.

    References
    ----------
    Ham, Lee and Saul, AISTATS 2005; Roweis and Saul, Science 290:2323 (2000).
    """
    import numpy as np

    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result
    from portal_lib.methods.align._scaling import scaled

    if len(task_input.pairs) < 2:
        raise NotApplicable(f"known pairs: {len(task_input.pairs)}; d joint coordinates need d + 1")
    near = [connected_neighbors(x, params["n_neighbors"], number + 1) for number, x in enumerate(scaled(task_input))]
    weights = [reconstruction_weights(x, rows) for x, rows in zip(scaled(task_input), near, strict=True)]
    matrix, place = joint_matrix(*weights, task_input.pairs)
    size = min(params["n_components"], len(task_input.pairs) - 1, matrix.shape[0] - 2)
    values, vectors = smallest_eigenvectors(matrix, size)
    z = (vectors * np.sqrt(len(vectors)))[place]
    z1, z2 = np.split(z, [len(task_input.x1)])
    x12, x21 = _means(z1, z2, task_input.x2, params["n_predict"]), _means(z2, z1, task_input.x1, params["n_predict"])
    notes = {"n_components": size, "n_neighbors": [rows.shape[1] for rows in near], "eigenvalues": values.tolist()}
    return Result(z1=z1.astype(np.float32), z2=z2.astype(np.float32), x12=x12, x21=x21, notes=notes)


def connected_neighbors(x: np.ndarray, k: int, number: int = 1) -> np.ndarray:
    """Nearest other cells of each cell, as few as make the graph connected.

    Parameters
    ----------
    x
        Cells × features, shape (n, d).
    k
        Number of neighbours to start from.
    number
        Number of the domain in messages.

    Returns
    -------
    Row numbers, shape (n, k'), nearest first, with the smallest k' ≥ `k` that makes the graph connected.

    Raises
    ------
    NotApplicable
        The graph is not connected even with a hundred neighbours, or there are fewer than three cells.
    """
    from scipy.sparse.csgraph import connected_components
    from sklearn.neighbors import NearestNeighbors

    from portal_lib.errors import NotApplicable

    most = min(len(x) - 1, max(k, MOST_NEIGHBORS))
    if most < 2:
        raise NotApplicable(f"domain {number} has {len(x)} cells")
    rows = NearestNeighbors(n_neighbors=most).fit(x).kneighbors(return_distance=False)

    def parts(size):
        return connected_components(_rows_matrix(rows[:, :size]), directed=False, return_labels=False)

    if parts(most) > 1:
        raise NotApplicable(
            f"the graph of the {most} nearest neighbours of domain {number} has {parts(most)} components"
        )
    low, high = min(k, most), most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if parts(middle) == 1 else (middle + 1, high)
    return rows[:, :low]


def _rows_matrix(rows, values=1.0):
    """Sparse matrix with `values` at the columns that each row names, shape (n, n)."""
    import numpy as np
    import scipy.sparse as sp

    n, k = rows.shape
    values = np.broadcast_to(values, rows.shape).ravel()
    return sp.csr_matrix((values, rows.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))


def reconstruction_weights(x: np.ndarray, neighbors: np.ndarray) -> sp.csr_matrix:
    """Weights that reconstruct each cell from its neighbours.

    Parameters
    ----------
    x
        Cells × features, shape (n, d).
    neighbors
        Row numbers, shape (n, k).

    Returns
    -------
    W, shape (n, n), k values per row that sum to 1.

    Notes
    -----
    With Z = neighbours - x (k × d): C = ZZᵀ + 10⁻³ tr(ZZᵀ) I, Cw = 1, w divided by its sum. Neighbours that all equal
    the cell have equal weights.
    """
    import numpy as np

    n, k = neighbors.shape
    weights = np.empty((n, k))
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        z = x[neighbors[part]] - x[part, None]
        products = z @ z.transpose(0, 2, 1)
        trace = np.trace(products, axis1=1, axis2=2)
        ridge = np.where(trace > 0, REGULARISATION * trace, 1.0)
        solved = np.linalg.solve(products + ridge[:, None, None] * np.eye(k), np.ones((len(z), k, 1)))[..., 0]
        weights[part] = solved / solved.sum(axis=1, keepdims=True)
    return _rows_matrix(neighbors, weights)


def joint_matrix(w1: sp.csr_matrix, w2: sp.csr_matrix, pairs) -> tuple[sp.csr_matrix, np.ndarray]:
    """The matrix of the joint eigenproblem.

    Parameters
    ----------
    w1, w2
        Weights of both domains, shapes (n1, n1) and (n2, n2).
    pairs
        (row of domain 1, row of domain 2) of the known pairs; a cell may be in several.

    Returns
    -------
    K, shape (u, u), for u unknowns, and the unknown of each cell, domain 1 first, shape (n1 + n2,).
    """
    import numpy as np
    import scipy.sparse as sp
    from scipy.sparse.csgraph import connected_components

    n1, n = w1.shape[0], w1.shape[0] + w2.shape[0]
    first, second = np.array(pairs).T
    ties = sp.csr_matrix((np.ones(len(first)), (first, second + n1)), shape=(n, n))
    unknowns, place = connected_components(ties, directed=False)
    left = sp.eye_array(n, format="csr") - sp.block_diag([w1, w2], format="csr")
    tied = left @ sp.csr_array((np.ones(n), (np.arange(n), place)), shape=(n, unknowns))
    return (tied.T @ tied).tocsr(), place


def smallest_eigenvectors(matrix: sp.csr_matrix, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (size,) and eigenvectors (u, size) of the smallest eigenvalues, ascending, after the constant vector.

    The entry of largest size of each vector is positive.
    """
    import numpy as np
    import scipy.linalg
    from scipy.sparse.linalg import eigsh

    u = matrix.shape[0]
    if u <= DENSE:
        values, vectors = scipy.linalg.eigh(matrix.toarray(), subset_by_index=[0, size])
    else:
        # The shift is slightly below 0, since the matrix is singular; the start vector is fixed for reproducibility.
        below = -1e-9 * matrix.diagonal().max()
        start = np.random.default_rng(0).standard_normal(u)
        values, vectors = eigsh(matrix.tocsc(), k=size + 1, sigma=below, which="LM", v0=start)
        order = np.argsort(values)
        values, vectors = values[order], vectors[:, order]
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(size + 1)])
    return values[1:], (vectors * signs)[:, 1:]


def _means(here, there, x, k):
    """Means of `x` over the k rows of `there` nearest to each row of `here`, float32."""
    import numpy as np
    from sklearn.neighbors import NearestNeighbors

    rows = NearestNeighbors(n_neighbors=min(k, len(there))).fit(there).kneighbors(here, return_distance=False)
    return x[rows].mean(axis=1, dtype=np.float64).astype(np.float32)
