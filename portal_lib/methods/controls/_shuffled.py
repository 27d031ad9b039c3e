"""Shuffled embeddings: cells trade their principal components, over all cells or within groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal_lib.methods._result import Result

if TYPE_CHECKING:
    from portal_lib.preparation.prepared import Prepared


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
