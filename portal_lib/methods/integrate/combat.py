"""ComBat: a linear model per gene with batch effects on mean and variance, shrunk over genes by empirical Bayes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {
    "label": "ComBat",
    "task": "integrate",
    "output": "full",
    "environment": "scanpy",
    "threads": 8,
    "memory_gb": 6,
    "stochastic": False,
    "params": {
        "n_pcs": {
            "default": 50,
            "type": "integer",
            "minimum": 2,
            "description": "Principal components of the corrected genes, used as the embedding.",
        }
    },
    "citation": "Johnson, Li & Rabinovic 2007, Biostatistics 8:118",
}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Correct the log-normalised highly variable genes by scanpy's ComBat.

    Returns
    -------
    Result whose expression has shape (n_cells, n_genes), float32, log1p of counts per 10⁴ after correction (possibly
    negative), and whose embedding contains its principal components, shape (n_cells, n_pcs), float32.

    Raises
    ------
    NotApplicable
        Fewer than two genes vary in every batch.

    Notes
    -----
    Genes that are constant in a batch are not corrected, as in the R package sva; the notes contain their number.
    scanpy includes them, and then a gene that is constant in every batch makes the convergence criterion NaN and stops
    the fit of **all** genes after the first iteration.
    """
    import numpy as np

    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result
    from portal_lib.preparation.components import principal_components
    from portal_lib.preparation.normalise import log_normalised

    values = log_normalised(data).toarray()
    varies = _varies_in_every_batch(values, data.obs["batch"])
    if varies.sum() < 2:
        raise NotApplicable(f"{varies.sum()} of {len(varies)} genes vary in every batch; ComBat needs two or more")
    values[:, varies] = _correct(values[:, varies], data.obs["batch"])
    embedding = principal_components(values, params["n_pcs"]).scores
    return Result(
        embedding=embedding.astype(np.float32),
        expression=values.astype(np.float32),
        notes={"uncorrected_genes": int(np.sum(~varies))},
    )


def _varies_in_every_batch(values: np.ndarray, batch: pd.Series) -> np.ndarray:
    """Mask of the genes that are constant in no batch, shape (n_genes,)."""
    import numpy as np

    codes = batch.cat.codes.to_numpy()
    return np.all([np.ptp(values[codes == code], axis=0) > 0 for code in np.unique(codes)], axis=0)


def _correct(values: np.ndarray, batch: pd.Series) -> np.ndarray:
    """Scanpy's ComBat of a dense matrix, cells × genes."""
    import scanpy as sc
    from anndata import AnnData

    obs = batch.to_frame("batch").set_axis(batch.index.astype(str))
    return sc.pp.combat(AnnData(values, obs=obs), key="batch", inplace=False)
