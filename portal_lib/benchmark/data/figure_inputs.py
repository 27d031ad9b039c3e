"""What a picture of translated cells shows: real cells, and those that each method made of the first training."""

from __future__ import annotations

import json
from pathlib import Path

from portal_lib.benchmark.run.runs import read_records


def shown_cells(domains: Path, truth: Path, results: dict[str, Path], records: list[str]) -> dict:
    """Read the translations of one data set that a picture shows.

    Parameters
    ----------
    domains, truth
        Of the data set.
    results
        ``aligned.npz`` by method.
    records
        Their records, in the same order; those of failed runs are left out.

    Returns
    -------
    ``x1``, ``x2`` (tables), ``x12`` by method, ``label1``, ``label2`` (or None), ``target`` (what domain 2 would have
    measured of the cells of domain 1, or None) and ``image`` (or None).
    """
    import numpy as np

    from portal_lib.preparation.domain_files import read_domains, read_truth

    seen, hidden = read_domains(domains), read_truth(truth)
    translated = {}
    for (method, path), record in zip(results.items(), read_records(records), strict=True):
        if record["status"] != "ok":
            continue
        with np.load(path, allow_pickle=False) as made:
            first = next((name for name in made.files if name.endswith("/x12")), None)
            if first is not None:
                translated[method] = made[first]
    whole = hidden.target12 is not None and list(hidden.target12.columns) == list(seen.x2.columns)
    return {
        "x1": seen.x1,
        "x2": seen.x2,
        "x12": translated,
        "label1": hidden.label1,
        "label2": hidden.label2,
        "target": hidden.target12 if whole else None,
        "image": seen.image,
    }


def asked_of(record: str | Path) -> dict:
    """What a method was given, of ``domains.json``, as captions take it."""
    facts = json.loads(Path(record).read_text())
    trainings = 1 if facts["draw_by_seed"] else len(facts["n_shared"])
    told = {name: facts[name] for name in ("n1", "n2", "d1", "d2")}
    told |= {"n_shared": facts["n_shared"][0], "n_pairs": facts["n_pairs"][0], "n_hidden": len(facts["hidden"][0])}
    return told | {"d1": facts["d1"] - len(facts["hidden"][0]), "n_trainings": trainings}
