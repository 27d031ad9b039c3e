"""Prepares one data set of the task "align": what methods may see, the ground truth, and a record of both."""

import json
from pathlib import Path

from portal_lib._files import write_text_atomic
from portal_lib.benchmark import registry
from portal_lib.benchmark.run import provenance
from portal_lib.benchmark.run.measure import Meter

PACKAGES = ["numpy", "pandas", "scikit-learn", "scipy"]


def prepare(
    dataset: dict, source: Path, *, domains: Path, truth: Path, record: Path, config_key: str = "", threads: int = 1
) -> None:
    """Load a data set of the registry, check it, and write the methods' input and the ground truth to two files.

    Parameters
    ----------
    dataset
        Fields of :class:`portal_lib.benchmark.config.model.Dataset`.
    source
        The folder of its files.
    domains, truth
        The npz files to write, see :mod:`portal_lib.preparation.reading.domain_files`.
    record
        JSON: dataset, sizes, what methods are given, notes, seconds, peak memory (MiB), versions, machine.
    config_key, threads
        As for the task "integrate"; not used, since the data are small and not the user's own.
    """
    from portal_lib.preparation.reading.domain_files import check_domains, write_domains, write_truth

    meter = Meter()
    with meter.phase("import"):
        plugin = registry.load("datasets", dataset["name"])
    with meter.phase("load"):
        seen, hidden = plugin.load(source, **dataset["params"])
        check_domains(seen, hidden)
    with meter.phase("write"):
        write_domains(seen, domains)
        write_truth(hidden, truth)
    row = {"dataset": dataset["id"], "status": "ok", "reason": ""} | sizes(seen, hidden) | meter.record()
    row |= {"versions": provenance.versions(PACKAGES), "machine": provenance.machine()}
    write_text_atomic(record, json.dumps(row, indent=1))


def sizes(domains, truth) -> dict:
    """Numbers of cells, features and correspondences, and which ground truth exists, for records and captions."""
    import numpy as np

    labels = None if truth.label1 is None else [str(name) for name in np.unique(truth.label1)]
    return {
        "n1": len(domains.x1),
        "n2": len(domains.x2),
        "d1": domains.x1.shape[1],
        "d2": domains.x2.shape[1],
        "n_shared": [len(correspondence.shared) for correspondence in domains.correspondences],
        "n_pairs": [len(correspondence.pairs) for correspondence in domains.correspondences],
        "hidden": [list(correspondence.hidden) for correspondence in domains.correspondences],
        "draw_by_seed": domains.draw_by_seed,
        "labels": labels,
        "partners": truth.partner is not None,
        "notes": list(domains.notes),
    }
