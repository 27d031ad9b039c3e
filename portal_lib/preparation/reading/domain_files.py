"""Domains and ground truth on disk, and the check of both when a data set is loaded."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from portal_lib._files import replacing
from portal_lib.errors import DataError
from portal_lib.preparation.domains import Correspondence, Domains, Truth


def write_domains(domains: Domains, path: Path) -> None:
    """Write the input of methods, whole or not at all (npz)."""
    facts = {
        "known": [[one.shared, one.pairs, one.hidden] for one in domains.correspondences],
        "draw_by_seed": domains.draw_by_seed,
        "standardise": domains.standardise,
        "image": domains.image,
        "notes": domains.notes,
    }
    _write(path, facts, _table("x1", domains.x1) | _table("x2", domains.x2))


def read_domains(path: str | Path) -> Domains:
    """Read a file of :func:`write_domains`; DataError if it is damaged."""
    facts, arrays = _read(path)
    correspondences = tuple(
        Correspondence(tuple(map(tuple, shared)), tuple(map(tuple, pairs)), tuple(hidden))
        for shared, pairs, hidden in facts["known"]
    )
    image = None if facts["image"] is None else tuple(facts["image"])
    return Domains(
        _read_table("x1", arrays),
        _read_table("x2", arrays),
        correspondences,
        draw_by_seed=facts["draw_by_seed"],
        standardise=facts["standardise"],
        image=image,
        notes=tuple(facts["notes"]),
    )


def write_truth(truth: Truth, path: Path) -> None:
    """Write the ground truth, whole or not at all (npz)."""
    arrays: dict[str, np.ndarray] = {}
    for name in ("target12", "target21"):
        table = getattr(truth, name)
        arrays |= {} if table is None else _table(name, table)
    for name in ("partner", "label1", "label2"):
        values = getattr(truth, name)
        arrays |= {} if values is None else {name: np.asarray(values)}
    _write(path, {"scored": truth.scored}, arrays)


def read_truth(path: str | Path) -> Truth:
    """Read a file of :func:`write_truth`; DataError if it is damaged."""
    facts, arrays = _read(path)
    tables = {name: _read_table(name, arrays) for name in ("target12", "target21") if name in arrays}
    plain = {name: arrays[name] for name in ("partner", "label1", "label2") if name in arrays}
    return Truth(**tables, **plain, scored=tuple(facts["scored"]))


def check_domains(domains: Domains, truth: Truth) -> None:
    """Check both against the contract, once, when a data set is loaded.

    Raises
    ------
    DataError
        Lists every problem: a value that is not finite, a name that occurs twice, a domain of fewer than two cells, or
        a feature or cell in a correspondence or in the truth that does not exist.
    """
    problems = [*_table_problems(domains), *_correspondence_problems(domains), *_truth_problems(domains, truth)]
    if problems:
        raise DataError("\n  ".join([f"the domains have {len(problems)} problems", *problems]))


def _table_problems(domains: Domains) -> Iterable[str]:
    for name, x in (("x1", domains.x1), ("x2", domains.x2)):
        if len(x) < 2:
            yield f"{name}: has {len(x)} cells; a domain needs 2 or more"
        if not np.isfinite(x.to_numpy(np.float64)).all():
            yield f"{name}: has values that are not finite"
        for what, names in (("cell", x.index), ("feature", x.columns)):
            if not names.is_unique:
                yield f"{name}: {what} '{names[names.duplicated()][0]}' occurs more than once"
    if domains.image is not None:
        height, width = domains.image
        if {domains.x1.shape[1], domains.x2.shape[1]} != {height * width}:
            yield f"image: {height} × {width} is not the number of features"


def _correspondence_problems(domains: Domains) -> Iterable[str]:
    if not domains.correspondences:
        yield "no correspondences: at least one is needed; it may be empty"
    sides = ((0, domains.x1), (1, domains.x2))
    for i, correspondence in enumerate(domains.correspondences):
        at = f"correspondences[{i}]"
        for side, x in sides:
            unknown = {pair[side] for pair in correspondence.shared} - set(x.columns)
            beyond = [pair[side] for pair in correspondence.pairs if not 0 <= pair[side] < len(x)]
            yield from (f"{at}.shared: domain {side + 1} has no feature '{name}'" for name in sorted(unknown))
            yield from (f"{at}.pairs: domain {side + 1} has no row {row}" for row in beyond)
        for name in correspondence.hidden:
            if name not in domains.x1.columns or name in {a for a, _ in correspondence.shared}:
                yield f"{at}.hidden: '{name}' is not a feature of domain 1, or is shared"


def _truth_problems(domains: Domains, truth: Truth) -> Iterable[str]:
    sizes = {"partner": len(domains.x1), "label1": len(domains.x1), "label2": len(domains.x2)}
    for name, n in sizes.items():
        if getattr(truth, name) is not None and len(getattr(truth, name)) != n:
            yield f"truth.{name}: has {len(getattr(truth, name))} values for {n} cells"
    if truth.partner is not None and not ((truth.partner >= -1) & (truth.partner < len(domains.x2))).all():
        yield "truth.partner: names rows that domain 2 does not have"
    for name, x, other in (("target12", domains.x1, domains.x2), ("target21", domains.x2, domains.x1)):
        target = getattr(truth, name)
        if target is None:
            continue
        if len(target) != len(x) or not set(target.columns) <= set(other.columns):
            yield f"truth.{name}: has other cells, or features that the other domain does not have"
        elif not np.isfinite(target.to_numpy(np.float64)).all():
            yield f"truth.{name}: has values that are not finite"
    if truth.scored and (truth.target12 is None or not set(truth.scored) <= set(truth.target12.columns)):
        yield "truth.scored: names features that target12 does not have"


def _table(name: str, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """A table as arrays: values, names of rows, names of columns."""
    values = np.ascontiguousarray(table.to_numpy(np.float32))
    return {name: values, f"{name}.rows": _texts(table.index), f"{name}.columns": _texts(table.columns)}


def _texts(names: Iterable) -> np.ndarray:
    return np.array([str(name) for name in names], dtype=np.str_)


def _read_table(name: str, arrays: Mapping[str, np.ndarray]) -> pd.DataFrame:
    return pd.DataFrame(arrays[name], index=arrays[f"{name}.rows"], columns=arrays[f"{name}.columns"])


def _write(path: Path, facts: dict, arrays: Mapping[str, np.ndarray]) -> None:
    """Write facts and arrays as one npz."""
    write_arrays(path, {"said": np.array(json.dumps(facts))} | dict(arrays))


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as one npz, not compressed, whole or not at all; DataError if the file cannot be written."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        # No array has the name of an argument.
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _read(path: str | Path) -> tuple[dict, dict[str, np.ndarray]]:
    path = Path(path)
    try:
        with path.open("rb") as stored, np.load(stored, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return json.loads(str(arrays.pop("said"))), arrays
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise DataError(f"{path}: cannot be read ({error}). Remove it; the next run recreates it.") from None
