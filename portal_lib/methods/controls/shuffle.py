"""Control: the uncorrected principal components, given to cells at random. The lower end of biology."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {
    "label": "Shuffle",
    "task": "integrate",
    "output": "embed",
    "environment": "core",
    "device": "cpu",
    "threads": 1,
    "memory_gb": 1,
    "stochastic": True,
    "uses_labels": False,
    "control": True,
    "params": {},
    "citation": "Luecken et al. 2025, Nat. Biotechnol. 43:1035 (Open Problems)",
}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Permute the rows of the uncorrected embedding over all cells."""
    import numpy as np

    from portal_lib.methods._result import Result

    order = np.random.default_rng(seed).permutation(data.n_obs)
    return Result(embedding=np.asarray(data.obsm["X_unintegrated"])[order])
