"""Harmony: soft clustering of principal components with a penalty on batch, and linear correction per cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {
    "label": "Harmony",
    "task": "integrate",
    "output": "embed",
    "environment": "harmony",
    "threads": 16,
    "memory_gb": 4,
    "stochastic": True,
    "params": {
        "use_rep": {
            "default": "X_scaled",
            "type": "string",
            "enum": ["X_unintegrated", "X_scaled", "X_scaled_per_batch", "X_pca"],
            "description": "Principal components of the highly variable genes, log-normalised, scaled over all cells "
            "or scaled per batch; or `X_pca`, the input of Portal. Harmony's vignettes scale over all cells.",
        },
        "theta": {"default": 2.0, "type": "number", "minimum": 0, "description": "Diversity penalty."},
        "lamb": {
            "default": None,
            "type": ["number", "null"],
            "exclusiveMinimum": 0,
            "description": "Ridge penalty of the correction; null estimates it per cluster.",
        },
        "sigma": {"default": 0.1, "type": "number", "exclusiveMinimum": 0, "description": "Width of soft clusters."},
        "nclust": {
            "default": None,
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "Number of clusters; null means the smaller of cells / 30 and 100.",
        },
        "tau": {
            "default": 0,
            "type": "number",
            "minimum": 0,
            "description": "Protection of small batches from overclustering.",
        },
        "max_iter_harmony": {
            "default": 10,
            "type": "integer",
            "minimum": 1,
            "description": "Iterations of clustering and correction.",
        },
        "max_iter_kmeans": {
            "default": 4,
            "type": "integer",
            "minimum": 1,
            "description": "Clustering steps per iteration.",
        },
    },
    "citation": "Korsunsky et al. 2019, Nat. Methods 16:1289",
}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Correct principal components with harmonypy.

    Returns
    -------
    Result whose embedding has shape (n_cells, n_pcs), float32, on the scale of the input; the notes contain the number
    of iterations.

    Notes
    -----
    Of several batch columns Harmony corrects all, each by itself, instead of their combinations.
    Cells are passed as columns: harmonypy treats rows as cells only if the numbers of rows and columns differ.
    The result depends on the seed, not on the number of threads (OMP_NUM_THREADS, by default all cores).
    """
    import logging
    import os

    import harmonypy
    import numpy as np

    from portal_lib.methods._result import Result

    columns = [name for name in data.obs.columns if name.startswith("batch_")] or ["batch"]
    logging.getLogger("harmonypy").setLevel(logging.WARNING)
    fitted = harmonypy.run_harmony(
        np.asarray(data.obsm[params["use_rep"]], dtype=np.float64).T,
        data.obs[columns],
        columns,
        random_state=seed,
        ncores=int(os.environ.get("OMP_NUM_THREADS", 0)),
        verbose=False,
        **{name: value for name, value in params.items() if name != "use_rep"},
    )
    rounds = len(fitted.objective_harmony) - 1
    return Result(embedding=np.asarray(fitted.Z_corr, dtype=np.float32), notes={"rounds": rounds})
