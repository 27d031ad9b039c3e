"""Control: no integration, the principal components of the uncorrected data. The baseline of every method."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {
    "label": "Unintegrated",
    "shares": "_integrate",
    "stochastic": False,
    "params": {
        "use_rep": {
            "default": "X_unintegrated",
            "type": "string",
            "enum": ["X_unintegrated", "X_scaled", "X_scaled_per_batch", "X_pca"],
            "description": "Principal components of the highly variable genes, log-normalised, scaled over all cells "
            "or scaled per batch; or `X_pca`, the input of Portal.",
        }
    },
    "citation": "none",
}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Return the principal components unchanged, shape (n_cells, n_pcs)."""
    import numpy as np

    from portal_lib.methods._result import Result

    return Result(embedding=np.array(data.obsm[params["use_rep"]]))
