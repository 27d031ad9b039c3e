"""Control: the label as the embedding. The upper end of bio-conservation metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {
    "label": "Label embedding",
    "shares": "_integrate",
    "uses_labels": True,
    "params": {
        "jitter": {
            "default": 0.01,
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Half-width of the uniform noise that keeps the cells of a label apart.",
        }
    },
}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """One-hot encoding of the label plus uniform noise, shape (n_cells, n_labels), float32.

    Cells without a label, where there are any, have a column of their own.
    """
    import numpy as np

    from portal_lib.methods._result import Result

    codes = data.obs["label"].cat.codes.to_numpy()
    missing = codes.min() < 0
    one_hot = np.eye(len(data.obs["label"].cat.categories) + missing)[codes]
    noise = np.random.default_rng(seed).uniform(-params["jitter"], params["jitter"], one_hot.shape)
    return Result(embedding=(one_hot + noise).astype(np.float32))
