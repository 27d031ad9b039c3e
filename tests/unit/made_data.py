"""Made data for the tests of a package and of its bench."""

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData


def made_counts(n_cells=(60, 50), n_genes=400, seed=0) -> AnnData:
    """Negative binomial counts of batches that differ in depth, with three types of cells; CSR int32."""
    rng = np.random.default_rng(seed)
    level = rng.gamma(0.6, 6.0, n_genes) + 0.05
    types = level * rng.lognormal(0, 1, (3, n_genes))
    label = rng.integers(3, size=sum(n_cells))
    depth = np.repeat(1.0 + np.arange(len(n_cells)), n_cells)[:, None]
    mean = types[label] * depth * rng.lognormal(0, 0.3, (len(label), 1))
    counts = rng.negative_binomial(2, 2 / (2 + mean)).astype(np.int32)
    batch = np.repeat([f"batch{i}" for i in range(len(n_cells))], n_cells)
    obs = pd.DataFrame(
        {"tech": batch, "type": np.array(["T", "B", "NK"])[label]}, index=[f"cell{i}" for i in range(len(label))]
    )
    return AnnData(sp.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=[f"gene{i}" for i in range(n_genes)]))


def made_domains() -> tuple[np.ndarray, np.ndarray]:
    """Two small domains that overlap, shapes (60, 8) and (90, 8), float64."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 8)) * 2, rng.normal(size=(90, 8)) * 2 + 0.5
