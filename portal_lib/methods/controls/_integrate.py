"""Controls of the task integrate: their facts, and shuffled embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal_lib.methods._result import Result

if TYPE_CHECKING:
    from portal_lib.preparation.prepared import Prepared

# Facts of all controls of the task; each overrides what differs.
SHARED = {
    "task": "integrate",
    "output": "embed",
    "stochastic": True,
    "control": True,
    "citation": "Luecken et al. 2025, Nat. Biotechnol. 43:1035 (Open Problems)",
}


def shuffled(data: Prepared, seed: int, column: str | None = None) -> Result:
    """Permute the rows of the unintegrated embedding.

    Parameters
    ----------
    data
        The prepared object; not changed.
    seed
        Of the permutation.
    column
        Column of obs within whose categories rows are permuted; default: over all cells.
    """
    import numpy as np
    import pandas as pd

    permute = np.random.default_rng(seed).permutation
    if column is None:
        order = permute(data.n_obs)
    else:
        groups = data.obs[column].cat.codes.to_numpy()
        order = pd.Series(np.arange(data.n_obs)).groupby(groups).transform(permute).to_numpy()
    return Result(embedding=np.asarray(data.obsm["X_unintegrated"])[order])
