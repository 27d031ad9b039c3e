"""The preparation of one data set, and the record of what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from portal_lib._files import write_text_atomic
from portal_lib.benchmark import registry
from portal_lib.benchmark.run import provenance
from portal_lib.benchmark.run.measure import Meter

if TYPE_CHECKING:
    from anndata import AnnData

PACKAGES = ["anndata", "h5py", "numba", "numpy", "pandas", "scipy", "scikit-misc"]
ROOT = Path(__file__).resolve().parents[3]
# What the preparation times within its passes, not after them.
BESIDE = ("read", "waited")


def prepare_dataset(
    dataset: dict,
    source: Path | list[Path],
    prepared: Path,
    record: Path,
    *,
    config_key: str,
    settings: dict,
    check: Callable[[AnnData, dict], None],
    threads: int,
) -> None:
    """Prepare a data set, and write down what that took.

    Parameters
    ----------
    dataset
        Fields of :class:`portal_lib.benchmark.config.parse.Dataset`.
    source
        The file with its counts (a sample, or the user's own file or files); for a data set of the registry the folder
        of its files.
    prepared
        The h5ad to write.
    record
        JSON: dataset, status (``"ok"``; a preparation that fails stops its data set), number of cells and genes, wall
        and processor seconds, phases, peak memory (MiB), threads, versions, machine. In `phases`, ``rest`` is what the
        preparation does between its passes over the cells; ``read`` and ``waited`` are parts of the passes.
    config_key
        Where the configuration describes the data.
    settings
        Parameters of the preparation.
    check
        Called with the data and the facts of a data set of the registry; raises where they are not those expected.
    threads
        To use.

    Notes
    -----
    Samples are there to be compared, so what is compiled on first use is compiled beforehand, in a process of its own:
    else the preparation that happens to come first would hold the seconds and the memory of the compiler.
    """
    if dataset["cells"]:
        code = "import logging; logging.disable(); from portal_lib.benchmark.data.preparing import warm_up; warm_up()"
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": path})
    meter, started = Meter(), datetime.now(UTC).isoformat(timespec="seconds")
    with meter.phase("import"):
        import anndata  # noqa: F401

        from portal_lib.preparation.recipe import prepare
    with meter.phase("load"):
        data, keys = _counts(dataset, source, check)
    keys |= {"data_name": _called(dataset), "config_key": config_key}
    with meter.phase("rest"):
        passes = prepare(data, **keys, **settings, out=prepared, threads=threads, progress=True)
    meter.phases["rest"] -= sum(seconds for name, seconds in passes.items() if name not in BESIDE)
    meter.phases |= passes
    row = {"dataset": dataset["id"], "status": "ok", "reason": "", "started": started, "threads": threads}
    row |= meter.record() | _sizes(prepared)
    row |= {"versions": provenance.versions(PACKAGES), "machine": provenance.machine()}
    write_text_atomic(record, json.dumps(row, indent=1))


def warm_up() -> None:
    """Prepare a few cells of noise, so that all that is compiled on first use lies in the cache of the compiler."""
    import anndata
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp

    from portal_lib.preparation.recipe import prepare

    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.gamma(1.0, 2.0, (1, 300)), (80, 300)).astype(np.float32)
    obs = pd.DataFrame({"batch": np.repeat(["a", "b"], 40), "label": "x"}, index=[f"cell{i}" for i in range(80)])
    cells = anndata.AnnData(sp.csr_matrix(counts), obs=obs)
    with tempfile.TemporaryDirectory() as folder:
        cells.write_h5ad(Path(folder, "counts.h5ad"))
        keys = {"batch_key": "batch", "label_key": "label", "data_name": "noise"}
        prepare(Path(folder, "counts.h5ad"), **keys, n_pcs=5, n_pcs_unintegrated=5, out=Path(folder, "prepared.h5ad"))


def _called(dataset: dict) -> str:
    """What messages call the data."""
    return dataset["path"] if isinstance(dataset["path"], str) else dataset["id"]


def _counts(dataset: dict, source: Path | list[Path], check: Callable[[AnnData, dict], None]) -> tuple[object, dict]:
    """What to prepare (cells in memory, or the path of a file), and how its batches and labels are called."""
    if dataset["path"]:
        layer = None if dataset["cells"] else dataset["layer"]
        keys = {"batch_key": dataset["batch"], "label_key": dataset["label"], "layer": layer}
        return source, keys | {"pseudotime_key": dataset.get("pseudotime")}
    facts = registry.find("datasets")[dataset["name"]]
    keys = {key: facts[key] for key in ("batch_key", "label_key", "batches")}
    if dataset["cells"]:
        return source, keys
    data = registry.load("datasets", dataset["name"]).load(source, **dataset["params"])
    check(data, facts)
    return data, keys


def _sizes(prepared: Path) -> dict:
    """Cells, genes of the data, and genes that were chosen."""
    import h5py

    with h5py.File(prepared, "r") as file:
        n_cells, n_shared = map(int, file["X"].attrs["shape"])
        return {"n_cells": n_cells, "n_genes": int(file["uns/preparation/n_genes"][()]), "n_shared_genes": n_shared}
