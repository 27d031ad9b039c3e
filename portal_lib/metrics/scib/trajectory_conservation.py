"""Trajectory conservation: whether integration preserves the order of cells along a known trajectory."""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigsh
from scipy.stats import spearmanr

from portal_lib.errors import NotApplicable

METRIC = {
    "label": "Trajectory conservation",
    "shares": "_scib",
    "group": "bio",
    "implementation": "ours; equal to scib 1.1.7 within 1e-6 below 8,192 cells; "
    "from there on scanpy's neighbours are approximate and ours exact",
    "needs": ["graph", "pseudotime", "label"],
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Haghverdi et al., Nature Methods 13, 845 (2016)",
}

N_COMPONENTS, N_USED, STATIONARY = 15, 10, 0.9994


def score(space, truth):
    """Rank correlation of pseudotime before and after integration, scaled.

    Returns
    -------
    In [0, 1]; 0.5 for no correlation, 0 where no root is found, higher is better.

    Raises
    ------
    NotApplicable
        No pseudotime, fewer than three cells that have one, no two of them connected, no labels, no graph, or a known
        or recomputed pseudotime that is the same in all cells.

    Notes
    -----
    (Spearman + 1) / 2 of the known pseudotime and diffusion pseudotime on the graph, over the cells with a known one.
    The root is a cell of the label with the smallest mean pseudotime: the one that is extreme on most of the first
    three diffusion components of the largest connected component. Cells of other components have pseudotime 0.
    Eigenvectors are rounded to float32, as in scanpy, whose thresholds depend on it.
    """
    known = np.flatnonzero(~np.isnan(space.pseudotime))
    if len(known) < 3:
        raise NotApplicable(f"{len(known)} cells have a pseudotime; at least 3 are needed")
    pseudotime, label = space.pseudotime[known], truth.label[known]
    if np.ptp(pseudotime) == 0:
        raise NotApplicable("the known pseudotime is the same in all cells")
    graph = space.connectivities[known][:, known].tocsr()
    component = connected_components(graph, directed=False)[1]
    largest = np.flatnonzero(component == np.bincount(component).argmax())
    if len(largest) == 1:
        raise NotApplicable("the cells with a pseudotime are not connected")
    starts = np.flatnonzero(label[largest] == _first_label(pseudotime, label))
    if len(starts) == 0:
        return 0.0
    found = np.zeros(len(known))
    found[largest] = _diffusion_pseudotime(graph[largest][:, largest], starts)
    if np.ptp(found) == 0:
        raise NotApplicable("the pseudotime recomputed on the graph is the same in all cells")
    return (float(spearmanr(pseudotime, found).statistic) + 1) / 2


def _first_label(pseudotime, label):
    """Code of the label with the smallest mean pseudotime."""
    means = np.bincount(label, pseudotime) / np.maximum(np.bincount(label), 1)
    return np.where(np.bincount(label) > 0, means, np.inf).argmin()


def _diffusion_pseudotime(graph, starts):
    """Diffusion pseudotime of a connected graph from the best of some start cells, in [0, 1], shape (n_cells,)."""
    values, vectors = _diffusion_map(graph)
    root = _root(vectors, starts)
    values, vectors = values[:N_USED], vectors[:, :N_USED]
    # A component above this eigenvalue is taken as the stationary one.
    stationary = values >= STATIONARY
    scale = np.where(stationary, 1, values / np.where(stationary, 1, 1 - values)).astype(np.float32)
    distance = np.sqrt(((scale * (vectors[root] - vectors)) ** 2).sum(axis=1))
    return distance / distance.max() if distance.max() > 0 else distance


def _diffusion_map(graph):
    """Leading eigenvalues and eigenvectors, largest first, of the transition matrix normalised for density.

    Normalised in the number type of the graph, as in scanpy.
    """
    density = sparse.diags(1 / np.asarray(graph.sum(axis=0)).ravel())
    kernel = density @ graph @ density
    norm = sparse.diags(1 / np.sqrt(np.asarray(kernel.sum(axis=0)).ravel()))
    start = np.random.RandomState(0).standard_normal(graph.shape[0])
    n_components = min(graph.shape[0] - 1, N_COMPONENTS)
    values, vectors = eigsh((norm @ kernel @ norm).tocsr().astype(np.float64), k=n_components, which="LM", v0=start)
    return values[::-1].astype(np.float32), vectors[:, ::-1].astype(np.float32)


def _root(vectors, starts):
    """The start cell that is extreme on most of the first three components; the first of equals."""
    votes = np.zeros(len(starts))
    for place in vectors[:, :3].T:
        extreme = np.argmin if place[starts].mean() < place.mean() else np.argmax
        votes[extreme(place[starts])] += 1
    return starts[votes.argmax()]
