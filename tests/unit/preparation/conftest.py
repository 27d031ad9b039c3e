import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, read_h5ad
from made_data import made_counts
from realdata import real_file


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
