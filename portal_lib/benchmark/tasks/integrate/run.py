"""One run of the task "integrate", in the child process.

Reads the prepared data, hides what the method must not see, runs it, checks what it returns, writes the result.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from portal_lib.benchmark import registry
from portal_lib.benchmark.run.child_tools import device_of, load_method, plain, write_models, write_tables
from portal_lib.errors import DataError, ShapeError
from portal_lib.preparation.inputs import input_facts

if TYPE_CHECKING:
    from portal_lib.benchmark.run.child_tools import Phases
    from portal_lib.preparation.prepared import Prepared

# Rows of a result that are checked or written at a time.
CHUNK = 65_536


def run(task: dict, phases: Phases, facts: dict) -> None:
    """Run the method; `facts` collects facts as they become known, so that a failed run keeps them."""
    method = registry.facts("methods", task["plugin"])
    with phases("import"):
        importlib.import_module("anndata")
        module = load_method(task, facts)
    with phases("load"):
        data = load_prepared(task["prepared"], uses_labels=method["uses_labels"], genes=method["genes"])
    facts["n_cells"] = data.n_obs
    if not method["given"]:
        facts["input"] = input_facts(data, method["genes"], task["params"].get("use_rep", method.get("input")))
    facts["device"] = device_of(task["device"])
    with phases("fit"):
        result = module.run(data, task["params"], task["seed"], facts["device"])
    with phases("check"):
        check_result(result, task["method"], method["output"], data)
    with phases("write"):
        write_result(result, data, Path(task["result"]))
        write_models(task, result.models)
    facts["notes"] = plain(result.notes)


def load_prepared(path: str, *, uses_labels: bool, genes: str = "all") -> Prepared:
    """The prepared data as a method sees them: without labels, unless it declares that it uses them, and pseudotime.

    The table of the cells is read; counts and components stay on disk until the method reads them.
    """
    from portal_lib.preparation.prepared import Prepared

    hidden = ("pseudotime",) if uses_labels else ("label", "pseudotime")
    data = Prepared(path, hidden=hidden, genes=None if genes == "all" else genes)
    _ = data.obs
    return data


def check_result(result, method: str, output: str, data) -> None:
    """Check shape and values of a result at the boundary, once.

    Raises
    ------
    ShapeError
        Something is missing or its shape violates the contract. Cells are rows.
    DataError
        A value is not finite, not a number, or a negative weight; or nothing can be scored, since all cells have the
        same coordinates or no two are neighbours.
    """
    n, genes = data.shape
    needed = {"embed": ["embedding"], "full": ["embedding", "expression"], "knn": ["connectivities"]}[output]
    for part, width in {"embedding": "n_dims", "expression": genes, "connectivities": n}.items():
        array = getattr(result, part, None)
        if array is None and part not in needed:
            continue
        if array is None or not hasattr(array, "shape"):
            raise ShapeError(f"method '{method}' returned no {part}; its output is '{output}'.")
        shape = tuple(array.shape)
        if len(shape) != 2 or shape[0] != n or shape[1] == 0 or width not in ("n_dims", shape[1]):
            wanted = f"({n}, {width})"
            raise ShapeError(f"method '{method}' returned {shape} for {n} cells; expected {wanted}. Cells are rows.")
        _check_values(array, method, part)


def _check_values(array, method: str, part: str) -> None:
    """Numbers, finite as the float32 that is written, not all the same; weights of a graph not negative."""
    import numpy as np

    values = np.asarray(array.data if hasattr(array, "tocsr") else array)
    if values.dtype.kind not in "fiub":
        raise DataError(f"method '{method}' returned values of type {values.dtype} in its {part}; expected numbers.")
    bad = negative = 0
    low: np.ndarray | float = np.inf
    high: np.ndarray | float = -np.inf
    for start in range(0, len(values), CHUNK):
        with np.errstate(over="ignore"):
            chunk = values[start : start + CHUNK].astype(np.float32, copy=False)
        bad += int(chunk.size - np.isfinite(chunk).sum())
        negative += int((chunk < 0).sum())
        low, high = np.minimum(low, chunk.min(axis=0)), np.maximum(high, chunk.max(axis=0))
    if bad:
        raise DataError(f"method '{method}' returned {bad} values that are not finite in its {part}.")
    if part == "connectivities" and negative:
        raise DataError(f"method '{method}' returned {negative} negative weights in its {part}.")
    if part == "connectivities" and not (high > 0):
        raise DataError(f"method '{method}' returned a graph without edges.")
    if part == "embedding" and not np.any(high > low):
        raise DataError(f"method '{method}' returned the same coordinates for all cells.")


def write_result(result, data: Prepared, path: Path) -> None:
    """Write what a method returned: the arrays as h5ad, each further table as TSV in ``tables/`` next to it.

    The names of cells and genes are copied from file to file. Coordinates are float32 in one piece, not compressed, so
    that they can be mapped.
    """
    import numpy as np
    import pandas as pd

    from portal_lib.preparation.reading.names import Names
    from portal_lib.preparation.reading.storage import H5adWriter

    with H5adWriter(path) as out:
        out.names("obs", data.file["obs"])
        if result.expression is not None:
            out.table("var", pd.DataFrame(), Names.of(data.var_names))
            out.element("X", result.expression)
        if result.embedding is not None:
            stored = out.dense("obsm/X_emb", result.embedding.shape)
            for start in range(0, len(stored), CHUNK):
                stored[start : start + CHUNK] = np.asarray(result.embedding[start : start + CHUNK], dtype=np.float32)
        if result.connectivities is not None:
            out.element("obsp/connectivities", result.connectivities.tocsr())
    write_tables(result.tables, path)


def write_empty(prepared: Path, result: Path) -> None:
    """Write the result of a failed run: the names of the cells only."""
    import h5py

    from portal_lib.preparation.reading.storage import H5adWriter

    with h5py.File(prepared, "r") as source, H5adWriter(result) as out:
        out.names("obs", source["obs"])
