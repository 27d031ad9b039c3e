"""The child process of a supervised run: ``python -m portal_lib.benchmark.run.child TASK.json``.

Reads the prepared data, hides what the method must not see, runs it, checks what it gives back, writes the result. It
says how it went in the outcome file; when that is missing, the parent judges by how the process ended.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from portal_lib._files import write_text_atomic
from portal_lib.benchmark import imports, registry
from portal_lib.benchmark.run.measure import peak_memory_mb
from portal_lib.errors import DataError, DeviceMemoryError, NotApplicable, PortalLibError, ShapeError

if TYPE_CHECKING:
    from portal_lib.preparation.prepared import Prepared

ROOT = Path(__file__).resolve().parents[3]
PR_SET_PDEATHSIG = 1
# Rows of a result that are checked or written at a time.
CHUNK = 65_536
HEADROOM_MB = 1024


class Phases:
    """Wall seconds by phase, in the order in which they were entered."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str):
        """Time a block; a GPU is waited for before the clock is read."""
        _synchronize()
        started = time.monotonic()
        try:
            yield
        finally:
            _synchronize()
            self.seconds[name] = time.monotonic() - started


def main(task_file: str, run: Callable[[dict, Phases, dict], None]) -> None:
    """Run the task and write its outcome, whatever happens."""
    task = json.loads(Path(task_file).read_text())
    _die_with_parent()
    _limit_memory(task["memory_mb"])
    phases, facts = Phases(), {}
    try:
        run(task, phases, facts)
        status, reason = "ok", ""
    except BaseException as error:
        status, reason = _judge(error)
        traceback.print_exc()
    outcome = {"status": status, "reason": reason, "phases": phases.seconds, "vm_hwm_mb": peak_memory_mb()} | facts
    write_text_atomic(Path(task["outcome"]), json.dumps(outcome | {"gpu": _gpu()}))


def run(task: dict, phases: Phases, facts: dict) -> None:
    """Run the method; `facts` gathers what is known so far, so that a failed run keeps it."""
    method = registry.find("methods")[task["plugin"]]
    with phases("import"):
        importlib.import_module("anndata")
        facts["versions"] = import_all(registry.source("methods", task["plugin"]))
        module = registry.load("methods", task["plugin"])
    with phases("load"):
        data = load_prepared(task["prepared"], uses_labels=method["uses_labels"])
    facts["n_cells"] = data.n_obs
    facts["device"] = device_of(task["device"])
    with phases("fit"):
        result = module.run(data, task["params"], task["seed"], facts["device"])
    with phases("check"):
        check_result(result, task["method"], method["output"], data)
    with phases("write"):
        write_result(result, data, Path(task["result"]))
    facts["notes"] = json.loads(json.dumps(result.notes, default=plain))


def load_prepared(path: str, *, uses_labels: bool) -> Prepared:
    """The prepared data as a method sees them: without labels, unless it declares that it uses them, and pseudotime.

    The table of the cells is read; counts and components stay on disk until the method asks for them.
    """
    from portal_lib.preparation.prepared import Prepared

    data = Prepared(path, hidden=("pseudotime",) if uses_labels else ("label", "pseudotime"))
    _ = data.obs
    return data


def check_result(result, method: str, output: str, data) -> None:
    """Check shape and values of a result at the boundary, once.

    Raises
    ------
    ShapeError
        Something is missing or has another shape than its contract says. Cells are rows.
    DataError
        A value is not finite, not a number, or a negative weight; or nothing can be scored, since all cells are at one
        place or no two are neighbours.
    """
    n, genes = data.shape
    needed = {"embed": ["embedding"], "full": ["embedding", "expression"], "knn": ["connectivities"]}[output]
    for part, width in {"embedding": "n_dims", "expression": genes, "connectivities": n}.items():
        array = getattr(result, part, None)
        if array is None and part not in needed:
            continue
        if not hasattr(array, "shape"):
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
    low, high = np.inf, -np.inf
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
    if part == "embedding" and not (high > low).any():
        raise DataError(f"method '{method}' returned the same coordinates for all cells.")


def plain(value: object) -> object:
    """What JSON can hold, of a number or array of numpy; text of anything else."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def write_result(result, data: Prepared, path: Path) -> None:
    """Write what a method gave back: the arrays as h5ad, each further table as TSV in ``tables/`` beside it.

    The names of cells and genes are copied from file to file. Coordinates are float32 in one piece, not compressed, so
    that they can be mapped.
    """
    import numpy as np

    from portal_lib.preparation.storage import H5adWriter

    with H5adWriter(path) as out:
        out.names("obs", data.file["obs"])
        if result.expression is not None:
            out.names("var", data.file["var"])
            out.element("X", result.expression)
        if result.embedding is not None:
            stored = out.dense("obsm/X_emb", result.embedding.shape)
            for start in range(0, len(stored), CHUNK):
                stored[start : start + CHUNK] = np.asarray(result.embedding[start : start + CHUNK], dtype=np.float32)
        if result.connectivities is not None:
            out.element("obsp/connectivities", result.connectivities.tocsr())
    folder = path.with_name("tables")
    folder.mkdir()
    for name, table in result.tables.items():
        table.to_csv(folder / f"{name}.tsv", sep="\t", index=False)


def _judge(error: BaseException) -> tuple[str, str]:
    """Status and one-line reason of an exception."""
    text = " ".join(str(error).split())
    if isinstance(error, NotApplicable):
        return "not_applicable", text
    if isinstance(error, ModuleNotFoundError) and error.name and not (ROOT / error.name.partition(".")[0]).exists():
        return "not_applicable", f"package '{error.name}' is not installed"
    out_of_memory = isinstance(error, (MemoryError, DeviceMemoryError)) or "OutOfMemory" in type(error).__name__
    if out_of_memory or "can't allocate memory" in text or getattr(error, "errno", None) == errno.ENOMEM:
        return "oom", text or "out of memory"
    if isinstance(error, SystemExit) and not isinstance(error.code, str):
        return "error", f"exited with code {error.code or 0} before it returned a result"
    name = type(error).__name__
    return "error", text if isinstance(error, PortalLibError) else f"{name}: {text}"


def import_all(plugin: Path) -> dict[str, str]:
    """Import what the plug-in needs, so that its own time is not that of imports. Versions by package."""
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    distributions = metadata.packages_distributions()
    for name in imports.external_imports(plugin):
        importlib.import_module(name)
        for distribution in distributions.get(name, []):
            versions[distribution] = metadata.version(distribution)
    return versions


def device_of(asked: str) -> str:
    """The device asked for; ``auto`` is the GPU where the method imported torch and torch sees one."""
    torch = sys.modules.get("torch")
    if asked != "auto":
        return asked
    return "cuda" if torch is not None and torch.cuda.is_available() else "cpu"


def _gpu() -> dict | None:
    """Peak memory on the GPU, MiB, as torch counts it; None where no GPU was used."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    scale = 2**20
    used = max(range(torch.cuda.device_count()), key=torch.cuda.max_memory_reserved)
    return {
        "name": torch.cuda.get_device_name(used),
        "torch_alloc_mb": torch.cuda.max_memory_allocated(used) / scale,
        "torch_reserved_mb": torch.cuda.max_memory_reserved(used) / scale,
    }


def _synchronize() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _die_with_parent() -> None:
    """Ask the kernel to end this process when its supervisor ends, even by SIGKILL (Linux)."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the supervisor is gone")


def _limit_memory(limit_mb: float) -> None:
    """Refuse single allocations far beyond the limit at once; the supervisor sees to the limit itself."""
    if sys.platform == "linux":
        import resource

        most = int((limit_mb + HEADROOM_MB) * 2**20)
        _, allowed = resource.getrlimit(resource.RLIMIT_DATA)
        if allowed != resource.RLIM_INFINITY:
            most = min(most, allowed)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    main(sys.argv[1], run)
    # Threads and processes that the method left behind must not hold up the end.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
