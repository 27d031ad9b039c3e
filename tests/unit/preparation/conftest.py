from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

REAL = Path(__file__).with_name("scmixology_132_cells.npz")


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


@pytest.fixture
def counts() -> AnnData:
    return made_counts()


@pytest.fixture
def real_counts() -> AnnData:
    """132 cells of three protocols; the 12 Drop-seq cells make the loess fit singular."""
    with np.load(REAL) as stored:
        shape = (len(stored["cells"]), len(stored["genes"]))
        matrix = sp.csr_matrix((stored["counts"].astype(np.int32), stored["indices"], stored["indptr"]), shape=shape)
        obs = pd.DataFrame({"tech": stored["batch"], "type": stored["cell_type"]}, index=stored["cells"])
        return AnnData(matrix, obs=obs, var=pd.DataFrame(index=stored["genes"]))
