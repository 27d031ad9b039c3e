"""What a measurement must report with its number: the machine, its load, and the memory in use."""

import os
import platform
import time
from pathlib import Path

import torch

MIB = 2**20
_WIDE = ("amx_bf16", "avx512_bf16", "avx512_f", "avx2", "bf16", "sve", "neon")


def describe(device: str) -> str:
    """Processor, its cores and vector instructions, and the GPU if it is used."""
    has = getattr(torch.cpu, "get_capabilities", dict)()
    wide = ", ".join(name for name in _WIDE if has.get(name) is True) or torch.backends.cpu.get_cpu_capability()
    words = f"{_cpu_model()}, {cores()} cores ({wide}), {_memory_gib():.0f} GiB"
    return words if device == "cpu" else f"{torch.cuda.get_device_name(device)}; {words}"


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def load_average() -> list[float]:
    """Processes that ran or waited to run, mean of the last 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


class Others:
    """Mean number of cores that other processes used during a block, which the load average cannot resolve."""

    def __enter__(self):
        self._start = _busy_seconds(), time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *error):
        busy, own, now = _busy_seconds(), time.process_time(), time.perf_counter()
        self.cores = None
        if busy is not None:
            used = busy - self._start[0] - (own - self._start[1])
            self.cores = max(0.0, used / (now - self._start[2]))


def resident_mib() -> float | None:
    """Memory of this process now, MiB; None if the kernel does not report it."""
    return _status("VmRSS")


def peak_mib() -> float | None:
    """Highest memory of this process since :func:`forget_peak` or its start, MiB; the kernel's mark, not a sample."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Reset the kernel's high-water mark to the current memory, if the kernel allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _status(name):
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), None)


def _busy_seconds():
    """Processor seconds of the machine that were not idle, stolen ones included; None if it is not reported."""
    try:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    except (OSError, IndexError):
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _cpu_model():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gib():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
