"""Runs one method in a child process and always returns a record.

The child is watched from outside: wall clock, processor time, memory of the whole process tree, limits. Nothing that a
method does (raise, exit, hang, allocate, return nonsense) affects the workflow except as a status with its reason.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

POLL_S = 0.1
LOG_LINES = 50
NEAR_LIMIT = 0.9
MIB = 2**20
CHILD = "portal_lib.benchmark.run.child"


@dataclass(frozen=True)
class Limits:
    """What a run may use: wall seconds and MiB of host memory, and how many threads."""

    time_s: float
    memory_mb: float
    threads: int


class Watch:
    """Samples the memory of a process and its descendants; records why they were killed, if they were."""

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        self.seen: set[psutil.Process] = set()
        self.peak_tree_mb = 0.0
        self.most_processes = 1
        self.ended: str | None = None

    def sample(self) -> float:
        """Memory in use now, MiB: resident for one process, proportional (shared pages once) for several."""
        members = self._members()
        self.most_processes = max(self.most_processes, len(members))
        used = sum(_memory_mb(member, shared_once=len(members) > 1) for member in members)
        self.peak_tree_mb = max(self.peak_tree_mb, used)
        return used

    def end(self, status: str) -> None:
        """Kill the whole tree and remember why."""
        self.ended = status
        self.kill()

    def kill(self) -> None:
        """Kill all that is left of the tree."""
        for member in self._members():
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()

    def _members(self) -> list[psutil.Process]:
        """All descendants seen so far that still run, those included that left the tree and made themselves daemons."""
        found: set[psutil.Process] = set()
        for root in (self.process, *self.seen):
            if root not in found and root.is_running():
                found.add(root)
                with contextlib.suppress(psutil.NoSuchProcess):
                    found.update(root.children(recursive=True))
        self.seen = found
        return list(found)


def _memory_mb(process: psutil.Process, *, shared_once: bool) -> float:
    try:
        return (process.memory_full_info().pss if shared_once else process.memory_info().rss) / MIB
    except (psutil.NoSuchProcess, psutil.AccessDenied, AttributeError):
        return 0.0


def supervise(task: dict, folder: Path, limits: Limits) -> dict:
    """Run the task in a child process and return its record.

    Parameters
    ----------
    task
        What :mod:`portal_lib.benchmark.run.child` reads: name of the ``task``, method, parameters, seed, files.
    folder
        Where the child may write; must exist.
    limits
        Beyond these the child and all that it started are killed.

    Returns
    -------
    Record with status, reason, wall and processor seconds, phases, memory by every probe and the one to quote (MiB),
    and the tail of the log where the run failed.
    """
    outcome_file, log = folder / "outcome.json", folder / "log"
    task_file = folder / "task.json"
    task_file.write_text(json.dumps(task | {"outcome": str(outcome_file), "memory_mb": limits.memory_mb}))
    started = time.monotonic()
    with log.open("wb") as sink:
        child = subprocess.Popen(
            # -P: a file of the user in the current folder, such as anndata.py, is not imported.
            [sys.executable, "-P", "-m", CHILD, str(task_file)],
            stdout=sink,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=_environment(limits.threads),
            start_new_session=True,
        )
        watch = Watch(child.pid)
        code, usage = _wait(child, watch, limits, log)
    wall = time.monotonic() - started
    outcome = json.loads(outcome_file.read_text()) if outcome_file.exists() else {}
    record = _verdict(outcome, code, watch, limits)
    record |= {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "phases": outcome.get("phases", {})}
    record |= _memory(outcome, watch, usage.ru_maxrss / 1024)
    for key in ("versions", "notes", "gpu", "n_cells", "input", "device"):
        record[key] = outcome.get(key)
    record["log_tail"] = [] if record["status"] == "ok" else tail(log)
    return record


def search_path(root: str) -> str:
    """PYTHONPATH with this repository first; without empty entries, which stand for the current folder."""
    return os.pathsep.join(filter(None, [root, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]))


def _environment(threads: int) -> dict[str, str]:
    """The environment of the child: this repository first in the path, limited threads, no hash randomisation.

    Waiting threads spin for a moment, then sleep. Spinning for long made a training step five times as long next to one
    busy process; sleeping at once makes it a fifth longer on an idle machine.
    """
    root = str(Path(__file__).resolve().parents[3])
    names = ["OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "BLIS", "VECLIB_MAXIMUM"]
    path = search_path(root)
    extra = {f"{name}_NUM_THREADS": str(threads) for name in names}
    extra |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
    return os.environ | extra | {"PYTHONPATH": path, "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}


def _wait(child: subprocess.Popen, watch: Watch, limits: Limits, log: Path):
    """Wait for the child, enforce the limits, pass its output on. Exit code (negative: signal) and resource usage."""
    deadline = time.monotonic() + limits.time_s
    with log.open("rb") as reader:
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            _pass_on(reader)
            if pid:
                child.returncode = os.waitstatus_to_exitcode(status)
                _end_group(child.pid)
                watch.kill()
                return child.returncode, usage
            if not watch.ended and watch.sample() > limits.memory_mb:
                watch.end("oom")
            elif not watch.ended and time.monotonic() > deadline:
                watch.end("timeout")
            time.sleep(POLL_S)


def _pass_on(reader) -> None:
    """Print the child's new output, so that progress is visible."""
    sys.stderr.write(reader.read().decode(errors="replace"))
    sys.stderr.flush()


def _end_group(group: int) -> None:
    """End what the child left running in its process group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _verdict(outcome: dict, code: int, watch: Watch, limits: Limits) -> dict:
    """Status and reason, from the outcome of the child and from how it ended."""
    if watch.ended == "timeout":
        return {"status": "timeout", "reason": f"not done after {limits.time_s:g} s"}
    if watch.ended == "oom":
        return {"status": "oom", "reason": f"used more than the limit of {limits.memory_mb:.0f} MiB"}
    if outcome:
        return {"status": outcome["status"], "reason": outcome["reason"]}
    if code == -signal.SIGKILL and watch.peak_tree_mb > NEAR_LIMIT * limits.memory_mb:
        return {"status": "oom", "reason": f"killed near the limit of {limits.memory_mb:.0f} MiB"}
    if code < 0:
        return {"status": "error", "reason": f"ended by {signal.Signals(-code).name}"}
    return {"status": "error", "reason": f"exited with code {code} before it returned a result"}


def _memory(outcome: dict, watch: Watch, maxrss_mb: float) -> dict:
    """Peak memory by every probe, and the one to quote.

    Notes
    -----
    The kernel's own high-water mark of the child (``VmHWM``, which the child reads at its end) is exact, but for one
    process only; ``ru_maxrss`` of a fresh child starts from its parent's size, so it is used only where the child
    could not report. Where it had children of its own, the sampled size of the tree (shared pages counted once) is
    quoted when it is the greater.
    """
    probes: dict[str, Any] = {
        "vm_hwm_mb": outcome.get("vm_hwm_mb"),
        "ru_maxrss_mb": maxrss_mb,
        "tree_sampled_mb": watch.peak_tree_mb,
    }
    probe = "vm_hwm_mb" if probes["vm_hwm_mb"] else "ru_maxrss_mb"
    if watch.most_processes > 1 and watch.peak_tree_mb > probes[probe]:
        probe = "tree_sampled_mb"
    return {"peak_memory_mb": probes[probe], "probe": probe, "probes": probes}


def tail(log: Path, lines: int = LOG_LINES) -> list[str]:
    """The last lines of a log, progress bars reduced to their last state."""
    with log.open(encoding="utf-8", errors="replace", newline="\n") as reader:
        return [line.rstrip("\r\n").rpartition("\r")[2] for line in deque(reader, maxlen=lines)]
