"""An embedding that was made elsewhere: no method, but read and scored as the result of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {
    "label": "Given embedding",
    "task": "integrate",
    "output": "embed",
    "given": True,
    "environment": "scanpy",
    "stochastic": False,
    "params": {
        "table": {
            "default": None,
            "type": ["string", "null"],
            "description": "A table (csv, tsv) with the names of the cells in its first column.",
        },
        "key": {"default": None, "type": ["string", "null"], "description": "Key of obsm, instead of a table."},
        "path": {
            "default": [],
            "type": "array",
            "items": {"type": "string"},
            "description": "The files whose obsm has this key, as the entry of the data set names them.",
        },
        "layer": {
            "default": None,
            "type": ["string", "null"],
            "description": "Layer with the counts of these files.",
        },
        "mod": {"default": None, "type": ["string", "null"], "description": "Modality of these files."},
        "sample": {
            "default": False,
            "type": "boolean",
            "description": "Whether the data set is a sample of the cells of the table or of the files.",
        },
    },
}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Read the coordinates of the cells of `data`, shape (n_cells, n_dims), float32.

    Raises
    ------
    DataError
        There is no such table or key, or it has no coordinates for these cells (``read_embedding``, ``read_obsm`` of
        :mod:`portal_lib.preparation.reading.embeddings`).
    """
    from portal_lib.methods._result import Result
    from portal_lib.preparation.reading.embeddings import read_embedding, read_obsm

    if params["table"] is not None:
        return Result(embedding=read_embedding(params["table"], data.obs_names, subset=params["sample"]))
    values = read_obsm(None, params["path"], params["key"], params["mod"])
    return Result(embedding=values if len(values) == data.n_obs else _sampled(values, data, params))


def _sampled(values: np.ndarray, data: Prepared, params: dict) -> np.ndarray:
    """Rows of the cells of `data` among those of all cells of the files, which are found by name."""
    import pandas as pd

    from portal_lib.errors import DataError
    from portal_lib.preparation import open_source

    paths = params["path"]
    with open_source(paths if len(paths) > 1 else paths[0], layer=params["layer"], mod=params["mod"]) as source:
        names = source.names.to_index()
    places = pd.Index(names).get_indexer(data.obs_names)
    if len(names) != len(values) or (places < 0).any():
        raise DataError(
            f"{paths[0]}: obsm['{params['key']}'] has {len(values):,} rows for {len(names):,} cells, of which "
            f"{int((places >= 0).sum()):,} are among the {data.n_obs:,} of the data set."
        )
    return values[places]
