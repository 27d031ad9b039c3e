"""Control: principal components of each batch by itself, pooled as if their axes were the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {
    "label": "Unintegrated by batch",
    "task": "integrate",
    "output": "embed",
    "environment": "scanpy",
    "device": "cpu",
    "threads": 1,
    "memory_gb": 4,
    "stochastic": False,
    "uses_labels": False,
    "control": True,
    "params": {},
    "citation": "Luecken et al. 2025, Nat. Biotechnol. 43:1035 (Open Problems)",
}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Find the principal components of each batch.

    Returns
    -------
    Result whose embedding is as wide as the uncorrected one, float32; a batch with fewer components has 0 in the last.

    Notes
    -----
    Of the log-normalised genes, as the uncorrected embedding.
    """
    import numpy as np

    from portal_lib.methods._result import Result
    from portal_lib.preparation.components import principal_components
    from portal_lib.preparation.normalise import log_normalised

    values, codes = log_normalised(data), data.obs["batch"].cat.codes.to_numpy()
    embedding = np.zeros(data.obsm["X_unintegrated"].shape, np.float32)
    for code in np.unique(codes):
        cells = np.flatnonzero(codes == code)
        if len(cells) > 1:
            scores = principal_components(values[cells], embedding.shape[1]).scores
            embedding[cells, : scores.shape[1]] = scores
    return Result(embedding=embedding)
