"""Control: the uncorrected principal components, given at random to cells of the same label: ideal mixing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {
    "label": "Shuffle by label",
    "task": "integrate",
    "output": "embed",
    "environment": "core",
    "device": "cpu",
    "threads": 1,
    "memory_gb": 1,
    "stochastic": True,
    "uses_labels": True,
    "control": True,
    "baseline": True,
    "params": {},
    "citation": "Luecken et al. 2025, Nat. Biotechnol. 43:1035 (Open Problems)",
}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Permute the rows of the uncorrected embedding inside each label."""
    import numpy as np
    import pandas as pd

    from portal_lib.methods._result import Result

    groups = data.obs["label"].cat.codes.to_numpy()
    order = pd.Series(np.arange(data.n_obs)).groupby(groups).transform(np.random.default_rng(seed).permutation)
    return Result(embedding=np.asarray(data.obsm["X_unintegrated"])[order.to_numpy()])
