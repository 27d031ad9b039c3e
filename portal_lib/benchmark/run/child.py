"""The child process of a supervised run: ``python -m portal_lib.benchmark.run.child TASK.json``.

Runs one method by the stage ``run`` of its task, and writes the outcome into a file; when that file is missing, the
parent decides by how the process ended.
"""

import ctypes
import errno
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from portal_lib._files import write_text_atomic
from portal_lib.benchmark.run.child_tools import Phases
from portal_lib.benchmark.run.measure import peak_memory_mb
from portal_lib.benchmark.tasks import stage
from portal_lib.errors import DeviceMemoryError, NotApplicable, PortalLibError

ROOT = Path(__file__).resolve().parents[3]
PR_SET_PDEATHSIG = 1
HEADROOM_MB = 1024


def main(task_file: str) -> None:
    """Run the task and write its outcome, whatever happens."""
    task = json.loads(Path(task_file).read_text())
    _die_with_parent()
    _limit_memory(task["memory_mb"])
    phases = Phases()
    facts: dict[str, Any] = {}
    try:
        stage(task["task"], "run").run(task, phases, facts)
        status, reason = "ok", ""
    except BaseException as error:
        status, reason = _judge(error)
        traceback.print_exc()
    outcome = {"status": status, "reason": reason, "phases": phases.seconds, "vm_hwm_mb": peak_memory_mb()} | facts
    write_text_atomic(Path(task["outcome"]), json.dumps(outcome | {"gpu": _gpu()}))


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


def _die_with_parent() -> None:
    """Ask the kernel to end this process when its supervisor ends, even by SIGKILL (Linux)."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the supervisor is gone")


def _limit_memory(limit_mb: float) -> None:
    """Refuse single allocations far beyond the limit at once; the supervisor enforces the limit itself."""
    if sys.platform == "linux":
        import resource

        most = int((limit_mb + HEADROOM_MB) * 2**20)
        _, allowed = resource.getrlimit(resource.RLIMIT_DATA)
        if allowed != resource.RLIM_INFINITY:
            most = min(most, allowed)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    main(sys.argv[1])
    # Threads and processes that the method left behind must not delay the exit.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
