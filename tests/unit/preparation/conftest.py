import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData, read_h5ad
from realdata import real_file


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
    """132 cells of three protocols, evenly spaced; the 12 Drop-seq cells make the loess fit singular."""
    cells = read_h5ad(real_file("h5ad", "scmixology_3protocols.h5ad"))
    chosen = {"CEL-seq2_3cl": 60, "Drop-seq_3cl": 12, "10x_3cl": 60}
    rows = [np.flatnonzero(cells.obs["batch"] == batch) for batch in chosen]
    drawn = [r[np.linspace(0, len(r) - 1, n).astype(int)] for r, n in zip(rows, chosen.values(), strict=True)]
    obs = cells.obs.rename(columns={"batch": "tech", "cell_type": "type"})[["tech", "type"]].astype(str)
    return AnnData(cells.X, obs=obs, var=pd.DataFrame(index=cells.var_names))[np.concatenate(drawn)].copy()
