"""Prepares one data set of the task "integrate", and records time and memory."""

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from portal_lib._files import write_text_atomic
from portal_lib.benchmark import registry
from portal_lib.benchmark.run import provenance
from portal_lib.benchmark.run.measure import Meter
from portal_lib.benchmark.run.supervise import search_path
from portal_lib.datasets._checks import check_expected

PACKAGES = ["anndata", "h5py", "numba", "numpy", "pandas", "scipy", "scikit-misc"]
ROOT = Path(__file__).resolve().parents[4]
# Phases of the preparation that are parts of others.
PARTS = ("read", "waited")


def prepare(
    dataset: dict,
    source: Path | list[Path],
    prepared: Path,
    record: Path,
    *,
    config_key: str,
    settings: dict,
    threads: int,
) -> None:
    """Prepare a data set, and record time and memory.

    Parameters
    ----------
    dataset
        Fields of :class:`portal_lib.benchmark.config.model.Dataset`.
    source
        The file with its counts (a sample, or the user's own file or files); for a data set of the registry the folder
        of its files.
    prepared
        The h5ad to write.
    record
        JSON: dataset, status (``"ok"``; a preparation that fails stops its data set), the facts of
        :func:`preparation_facts`, wall and processor seconds, phases, peak memory (MiB), threads, versions, machine. In
        `phases`, ``rest`` is what the preparation does between its passes over the cells; ``read`` and ``waited`` are
        parts of the passes.
    config_key
        Place of the data set in the configuration, for messages.
    settings
        Parameters of the preparation.
    threads
        Number of threads.

    Notes
    -----
    Preparations of samples are compared with each other, so what is compiled on first use is compiled beforehand, in
    another process: otherwise the first preparation would include the time and the memory of the compiler.
    """
    if _is_sample(dataset):
        code = f"import logging; logging.disable(); from {__name__} import warm_up; warm_up()"
        path = search_path(str(ROOT))
        subprocess.run([sys.executable, "-P", "-c", code], check=True, env=os.environ | {"PYTHONPATH": path})
    meter, started = Meter(), datetime.now(UTC).isoformat(timespec="seconds")
    with meter.phase("import"):
        import anndata  # noqa: F401

        from portal_lib.preparation import recipe
    with meter.phase("load"):
        data, keys = _counts(dataset, source)
    keys |= {"data_name": _called(dataset), "config_key": config_key}
    keys |= {"order": dataset["order"], "reference": dataset["reference"]}
    if _is_sample(dataset):
        keys |= _present(keys, cast("Path", source))
    with meter.phase("rest"):
        made = recipe.prepare(data, **keys, **settings, out=prepared, threads=threads, progress=True)
        # With `out`, that is what it returns.
        passes = cast("dict[str, float]", made)
    meter.phases["rest"] -= sum(seconds for name, seconds in passes.items() if name not in PARTS)
    meter.phases |= passes
    row = {"dataset": dataset["id"], "status": "ok", "reason": "", "started": started, "threads": threads}
    row |= meter.record() | preparation_facts(prepared)
    row |= {"versions": provenance.versions(PACKAGES), "machine": provenance.machine()}
    write_text_atomic(record, json.dumps(row, indent=1))


def warm_up() -> None:
    """Prepare a few cells of noise, so that what is compiled on first use is in the cache of the compiler."""
    import anndata
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp

    from portal_lib.preparation import recipe

    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.gamma(1.0, 2.0, (1, 300)), (80, 300)).astype(np.float32)
    obs = pd.DataFrame({"batch": np.repeat(["a", "b"], 40), "label": "x"}, index=[f"cell{i}" for i in range(80)])
    cells = anndata.AnnData(sp.csr_matrix(counts), obs=obs)
    with tempfile.TemporaryDirectory() as folder:
        file, prepared = Path(folder, "counts.h5ad"), Path(folder, "prepared.h5ad")
        cells.write_h5ad(file)
        recipe.prepare(
            file, batch_key="batch", label_key="label", data_name="noise", n_pcs=5, n_pcs_unintegrated=5, out=prepared
        )


def _is_sample(dataset: dict) -> bool:
    """Whether `source` holds some of its cells or batches."""
    return bool(dataset["cells"] or dataset["n_batches"])


def _called(dataset: dict) -> str:
    """Name of the data in messages."""
    return dataset["path"] if isinstance(dataset["path"], str) else dataset["id"]


def _counts(dataset: dict, source: Path | list[Path]) -> tuple[Any, dict]:
    """What to prepare (cells in memory, or the path of a file), and the keys of its batches and labels."""
    if dataset["path"]:
        layer = None if _is_sample(dataset) else dataset["layer"]
        keys = {"batch_key": dataset["batch"], "label_key": dataset["label"], "layer": layer}
        keys["unlabelled"] = dataset["unlabelled"]
        keys |= {"mod": None if _is_sample(dataset) else dataset.get("mod")}
        return source, keys | {"pseudotime_key": dataset.get("pseudotime"), "organism": dataset.get("organism")}
    facts = registry.facts("datasets", dataset["name"])
    keys = {key: facts.get(key) for key in ("batch_key", "label_key", "batches", "organism")}
    if _is_sample(dataset):
        return source, keys
    data = registry.load("datasets", dataset["name"]).load(source, **dataset["params"])
    check_expected(data, facts)
    return data, keys


def _present(keys: dict, sample: Path) -> dict[str, list]:
    """The lists of batches among `keys`, without those of which a sample has no cell."""
    import h5py
    import pandas as pd
    from anndata.io import read_elem

    from portal_lib.preparation.checks import listed
    from portal_lib.preparation.columns import combined
    from portal_lib.preparation.reading.values import texts_of

    named = {key: keys[key] for key in ("batches", "order") if isinstance(keys.get(key), (list, tuple))}
    columns = listed(keys["batch_key"])
    with h5py.File(sample, "r") as file:
        # A missing column is a message of the preparation.
        if not named or not set(columns) <= set(file["obs"]):
            return {}
        obs = pd.DataFrame({column: read_elem(file["obs"][column]) for column in columns})
    found = set(combined(obs.dropna(), columns))
    return {key: [name for name in names if texts_of([name])[0] in found] for key, names in named.items()}


def preparation_facts(prepared: Path) -> dict:
    """Facts of a prepared file that concern every method.

    Returns
    -------
    ``n_cells``, ``n_genes`` (of the data), ``shared_genes`` (variable in all batches), ``portal_rule``,
    ``portal_genes``, ``highly_variable_genes``, ``batches`` (number of cells by name, the reference first), ``notes``.
    """
    from portal_lib.preparation.prepared import Prepared

    with Prepared(prepared) as data:
        facts, n_cells = data.uns["preparation"], data.n_obs
    numbers = ("n_genes", "shared_genes", "portal_genes", "highly_variable_genes")
    made: dict[str, Any] = {"n_cells": n_cells} | {name: int(facts[name]) for name in numbers}
    sizes = zip(facts["batches"], facts["cells_per_batch"], strict=True)
    made |= {"portal_rule": str(facts["portal_rule"]), "batches": {str(name): int(n) for name, n in sizes}}
    return made | {"notes": [str(note) for note in facts["notes"]]}
