"""One run of the task "align", in the child process.

Trains a method once for each seed of the run and each correspondence, without the truth, and writes what it returned as
one npz.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from portal_lib.benchmark import registry
from portal_lib.benchmark.run.child_tools import device_of, load_method, plain, write_models, write_tables
from portal_lib.errors import DataError, ShapeError

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np
    import pandas as pd

    from portal_lib.benchmark.run.child_tools import Phases
    from portal_lib.methods._result import Model
    from portal_lib.preparation.domains import Domains, TaskInput, Truth

PARTS = ("x12", "x21", "x121", "x212", "z1", "z2")
NEEDED = {"translate": ("x12", "x21"), "joint": ("z1", "z2")}


def run(task: dict, phases: Phases, facts: dict) -> None:
    """Run the method; `facts` collects facts as they become known, so that a failed run keeps them."""
    method = registry.facts("methods", task["plugin"])
    with phases("import"):
        import pandas as pd

        module = load_method(task, facts)
    with phases("load"):
        from portal_lib.preparation.reading.domain_files import read_domains, read_truth, write_arrays

        domains = read_domains(task["prepared"])
        truth = read_truth(task["truth"]) if method["uses_labels"] else None
    facts["n_cells"] = len(domains.x1) + len(domains.x2)
    facts["device"] = device_of(task["device"])
    repeats = task["repeats"] if registry.varies(method, domains.draw_by_seed) else 1
    seeds = [task["seed"] * task["repeats"] + i for i in range(repeats)]
    with phases("fit"):
        made, tables, models, seconds, notes = _train(module, task, seeds, domains, truth, facts["device"])
    with phases("write"):
        write_arrays(Path(task["result"]), made)
        joined = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
        write_tables(joined, Path(task["result"]))
        write_models(task, models)
    facts["notes"] = {"trainings": len(seconds), "seconds_per_training": sum(seconds) / len(seconds)} | plain(notes)


def _train(module: ModuleType, task: dict, seeds: list[int], domains: Domains, truth: Truth | None, device: str):
    """Arrays, tables, models and seconds of all trainings, and the notes of the last one."""
    made: dict[str, np.ndarray] = {}
    tables: dict[str, list[pd.DataFrame]] = {}
    models: dict[str, Model] = {}
    seconds, notes = [], {}
    for seed in seeds:
        for number in domains.correspondence_numbers(seed):
            task_input, started = domains.task_input(number, truth), time.monotonic()
            result = module.align(task_input, task["params"], seed, device)
            seconds.append(time.monotonic() - started)
            check_result(result, task["method"], task_input)
            made |= {f"{seed}/{number}/{part}": _stored(result, part) for part in PARTS if _has(result, part)}
            notes = result.notes
            models |= {f"{name}.{seed}.{number}": model for name, model in result.models.items()}
            for name, table in result.tables.items():
                tables.setdefault(name, []).append(table.assign(seed=seed, correspondence=number))
    return made, tables, models, seconds, notes


def _has(result, part: str) -> bool:
    return getattr(result, part, None) is not None


def _stored(result, part: str):
    import numpy as np

    return np.asarray(getattr(result, part), dtype=np.float32)


def check_result(result, method: str, task_input: TaskInput) -> None:
    """Check shape and values of a result at the boundary, once.

    Raises
    ------
    ShapeError
        There is neither a translation nor joint coordinates, or an array has another shape. Cells are rows.
    DataError
        A value is not a finite number.
    """
    import numpy as np

    given = [part for part in PARTS if _has(result, part)]
    if not any(set(needed) <= set(given) for needed in NEEDED.values()):
        raise ShapeError(f"method '{method}' returned {given or 'nothing'}; expected x12 and x21, or z1 and z2.")
    (n1, d1), (n2, d2) = task_input.x1.shape, task_input.x2.shape
    wanted = {"x12": (n1, d2), "x21": (n2, d1), "x121": (n1, d1), "x212": (n2, d2), "z1": (n1, None), "z2": (n2, None)}
    for part in given:
        array = getattr(result, part)
        shape, (rows, columns) = tuple(np.shape(array)), wanted[part]
        if len(shape) != 2 or shape[0] != rows or columns not in (None, shape[1]):
            expected = f"({rows}, {'k' if columns is None else columns})"
            raise ShapeError(
                f"method '{method}' returned {part} of shape {shape}; expected {expected}. Cells are rows."
            )
        values = np.asarray(array)
        bad = values.size if values.dtype.kind not in "fiub" else int((~np.isfinite(values.astype(np.float32))).sum())
        if bad:
            raise DataError(f"method '{method}' returned {bad} values in {part} that are not finite numbers.")
    if {"z1", "z2"} <= set(given) and np.shape(result.z1)[1] != np.shape(result.z2)[1]:
        raise ShapeError(f"method '{method}' returned joint coordinates of different widths.")


def write_empty(prepared: Path, result: Path) -> None:
    """Write the result of a failed run: no arrays."""
    from portal_lib.preparation.reading.domain_files import write_arrays

    write_arrays(result, {})
