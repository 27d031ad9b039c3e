import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

from portal_lib.preparation import prepare


def made_counts(n_genes=300, seed=0) -> AnnData:
    """Counts of 60 + 90 cells in mixed order, two batches that differ in depth and genes, three types."""
    rng = np.random.default_rng(seed)
    batch = rng.permutation(np.repeat([0, 1], [60, 90]))
    label = rng.integers(3, size=150)
    types = rng.gamma(0.8, 4.0, n_genes) * rng.lognormal(0, 1, (3, n_genes))
    mean = types[label] * rng.lognormal(0, 0.7, (2, n_genes))[batch] * (1.0 + batch)[:, None]
    counts = sp.csr_matrix(rng.poisson(mean + 0.05))
    obs = pd.DataFrame({"tech": np.array(["a", "b"])[batch], "type": np.array(["T", "B", "NK"])[label]})
    return AnnData(counts, obs=obs.set_axis(obs.index.astype(str)))


@pytest.fixture(scope="session")
def prepared() -> AnnData:
    """Treat as read-only."""
    return prepare(made_counts(), batch_key="tech", label_key="type")


@pytest.fixture
def hidden(prepared) -> AnnData:
    """The input of a method that does not use labels."""
    data = prepared.copy()
    del data.obs["label"]
    return data
