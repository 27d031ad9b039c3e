"""Leiden: scanpy with the same seed is the oracle."""

import random
import warnings

import numpy as np
import pytest
from scib_oracle import LEIDEN, as_anndata
from scored_cells import neighbor_graph

from portal_lib.metrics._clusters import RESOLUTIONS, best_clustering, leiden


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 3])
def test_leiden_clusters_equal_scanpy_cell_by_cell(made, seed):
    import scanpy as sc

    adata = as_anndata(made, made.embedding)
    ours = leiden(adata.obsp["connectivities"], seed=seed)
    for codes, resolution in zip(ours, RESOLUTIONS, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sc.tl.leiden(adata, resolution, **(LEIDEN | {"random_state": seed}))
        np.testing.assert_array_equal(codes, adata.obs["leiden"].astype(int))


def test_resolutions_equal_scib(scib):
    from scib.metrics.clustering import get_resolutions

    assert list(RESOLUTIONS) == pytest.approx(get_resolutions(n=10, max=2))


def test_clustering_does_not_change_global_random_state(made):
    graph = neighbor_graph(made.embedding.astype(float))
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    leiden(graph)
    drawn = random.random(), np.random.random()  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    assert drawn == (random.random(), np.random.random())  # noqa: NPY002


def test_the_clustering_with_the_highest_nmi_is_chosen_and_the_first_of_equals():
    label = np.array([0, 0, 1, 1, 2, 2])
    clusterings = np.array([[0, 0, 0, 0, 0, 0], [1, 1, 2, 2, 0, 0], [0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 5]])
    np.testing.assert_array_equal(best_clustering(clusterings, label), clusterings[1])
