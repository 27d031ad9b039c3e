"""Device and memory of a training."""

import contextlib
import ctypes
import functools
import re
from collections.abc import Iterator

import torch

from portal_lib.errors import ConfigError, DeviceMemoryError

# Messages of CUDA and its libraries if an allocation outside torch's own allocator failed.
_NO_MEMORY = re.compile(r"CUDA error: out of memory|_ALLOC_FAILED", re.IGNORECASE)
_KNOWN = re.compile(r"auto|cpu|cuda(:\d+)?")
# Numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 256 * 2**20
_LARGE = 32 * 2**20


def resolve_device(device: str) -> torch.device:
    """Turn the name of a device into the device itself.

    Parameters
    ----------
    device
        ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Raises
    ------
    ConfigError
        The name is unknown, or the machine has no such device.
    """
    if not _KNOWN.fullmatch(str(device)):
        raise ConfigError(f"device {str(device)!r} is unknown. Allowed: auto, cpu, cuda, cuda:0, cuda:1, ...")
    found = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if device == "auto":
        device = found[0] if found else "cpu"
    wanted = "cuda:0" if device == "cuda" else str(device)
    if wanted not in ("cpu", *found):
        raise ConfigError(
            f"device {device!r} does not exist. Found: {', '.join(['cpu', *found])}. Choose one, or auto."
        )
    return torch.device(wanted)


@contextlib.contextmanager
def on_device(device: torch.device, remedy: str) -> Iterator[None]:
    """Make a GPU the current device, and turn "out of memory" into one message that ends with what to do.

    Raises
    ------
    DeviceMemoryError
        The GPU is out of memory; what was allocated in the block can be freed.
    """
    current = torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()
    try:
        with current:
            yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and not _NO_MEMORY.search(str(error)):
            raise
        reason = str(error).partition(". GPU")[0].partition("\n")[0]
        raise DeviceMemoryError(f"{device}: {reason}. {remedy}") from None


@functools.cache
def keep_freed_memory() -> None:
    """Let glibc keep up to 256 MiB of freed memory in the process; does nothing with other C libraries.

    By default glibc returns tensors of a few MiB, the hidden units of a batch, to the system and requests them again in
    every step: 500 to 3000 page faults, a tenth to a third of the time of a step.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_MMAP_THRESHOLD, _LARGE)
