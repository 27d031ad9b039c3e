"""Control: separate principal components of each batch, pooled as if their axes were the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {
    "label": "Unintegrated by batch",
    "shares": "_integrate",
    "environment": "scanpy",
    "memory_gb": 4,
    "stochastic": False,
}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Compute the principal components of each batch.

    Returns
    -------
    Result whose embedding has as many columns as the unintegrated one, float32; missing components of a batch are 0.

    Notes
    -----
    Uses the log-normalised genes, as the unintegrated embedding.
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
