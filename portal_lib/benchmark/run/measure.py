"""Measures a job of the workflow: seconds by phase, processor time, peak memory."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Meter:
    """Measures this process from the moment the meter is made.

    Attributes
    ----------
    phases
        Wall seconds by phase, in the order in which phases began.
    """

    def __init__(self) -> None:
        self.phases: dict[str, float] = {}
        self._wall, self._cpu = time.monotonic(), _cpu_seconds()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a block."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = time.monotonic() - started

    def record(self) -> dict:
        """Wall and processor seconds since the start, seconds by phase, and peak memory (MiB) with its probe."""
        used = {"wall_s": time.monotonic() - self._wall, "cpu_s": _cpu_seconds() - self._cpu}
        return used | {"phases": self.phases, "peak_memory_mb": peak_memory_mb(), "probe": "vm_hwm_mb"}


def peak_memory_mb() -> float | None:
    """Highest resident size of this process since it began, MiB, from the kernel; None if not available."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), None)


def _cpu_seconds() -> float:
    """Processor time of this process and of the children it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
