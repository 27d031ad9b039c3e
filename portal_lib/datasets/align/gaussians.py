"""Three Gaussian clusters in each of two planes: six ways to superimpose them, one to align them."""

import numpy as np

from portal_lib.datasets.align._domains import as_table
from portal_lib.preparation.domains import Correspondence, Domains, Truth

DATASET = {
    "label": "Gaussian clusters",
    "task": "align",
    "organism": "simulated",
    "params": {
        "n_cells": {
            "default": 5000,
            "type": "integer",
            "minimum": 2,
            "description": "cells of each of the three clusters, in each domain",
        },
        "sd": {
            "default": 0.1,
            "type": "number",
            "minimum": 0,
            "description": "standard deviation of a cluster along each axis",
        },
        "seed": {"default": 0, "type": "integer", "minimum": 0, "description": "same seed, same bytes"},
    },
    "max_trainings": 100,
    "figures": ["cells", "destinations"],
    "shown": ["c0", "c1"],
    "defaults": {"training_steps": 500, "batch_size": 100},
    "citation": "Amodio & Krishnaswamy, ICML 2018, arXiv 1803.00385, section 4.1; constants of the published code",
    "licence": "MIT",
}

# Means of clusters 0, 1 and 2, ordered by the first coordinate, in domain 1 and in domain 2.
MEANS = (((-1.3, 2.2), (0.1, 1.8), (0.8, 2.0)), ((-0.9, -2.0), (0.0, -2.3), (1.5, -1.5)))
# Names in both domains, for figures; only the first is the same quantity.
FEATURES = ("c0", "c1")


def load(folder=None, *, n_cells=5000, sd=0.1, seed=0):
    """Simulate both domains.

    Parameters
    ----------
    folder
        Not used: there are no files.
    n_cells
        Cells of each cluster, in each domain.
    sd
        Standard deviation of a cluster along each axis.
    seed
        Same seed, same bytes. Each domain has its own random stream.

    Returns
    -------
    Domains of shape (3 n_cells, 2) each, rows in random order; the first coordinates are shared. Ground truth: labels
    "0", "1", "2"; clusters correspond, cells do not.

    Notes
    -----
    Cells of cluster k in domain t are drawn from N(m_tk, sd² I). Only the first coordinate is shared: it orders
    the clusters equally in both domains. The second must not be shared: with both, cluster 1 of domain 1 is nearer to
    cluster 2 of domain 2 (3.58) than to its own (4.10).

    References
    ----------
    Amodio and Krishnaswamy, ICML 2018, arXiv 1803.00385, section 4.1.
    """
    streams = np.random.SeedSequence(seed).spawn(2)
    (x1, label1), (x2, label2) = (
        _draw(means, n_cells, sd, np.random.default_rng(stream)) for means, stream in zip(MEANS, streams, strict=True)
    )
    tables = [as_table(x, FEATURES, side) for x, side in zip((x1, x2), "ab", strict=True)]
    correspondence = Correspondence(shared=((FEATURES[0], FEATURES[0]),))
    return Domains(*tables, correspondences=(correspondence,), standardise=False), Truth(label1=label1, label2=label2)


def _draw(means, n_cells, sd, rng):
    """Cells of one domain and the names of their clusters, in random order."""
    cluster = rng.permutation(np.repeat(np.arange(len(means)), n_cells))
    return np.array(means)[cluster] + rng.normal(0.0, sd, (len(cluster), 2)), cluster.astype(str)
