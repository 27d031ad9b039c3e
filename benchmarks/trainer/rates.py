"""Rates of matrix products and of copying on this machine, in the process in which a step was measured."""

import time
from collections.abc import Callable

import torch

from benchmarks.trainer.floor import Widths

BLOCKS = 5
BLOCK_S = 0.1
# A product slower than this is not repeated at the large size: the processor has no instructions for it.
HOPELESS_S = 0.2
LARGE = {"cpu": 1024, "cuda": 8192}
COPY_BYTES = {"cpu": 2**28, "cuda": 2**30}


def measure_rates(device: torch.device) -> dict[str, float]:
    """Operations per second of matrix products and bytes per second of a copy.

    Returns
    -------
    ``float32 step``, ``bfloat16 step``: the discriminators' product in a step, two of (1000, 512) and (512, 512);
    ``float32 large``, ``bfloat16 large``: two large square ones, missing where the type is hopelessly slow; ``copy``:
    bytes read and written by a copy that no cache holds. Each the best of five blocks: what the machine can do.
    """
    widths = Widths()
    rows, hidden = 2 * widths.batch_size, widths.discriminator[1]
    rates = {}
    for dtype in (torch.float32, torch.bfloat16):
        name = str(dtype).removeprefix("torch.")
        seconds = _product_seconds((rows, hidden, hidden), dtype, device)
        rates[f"{name} step"] = 2 * 2 * rows * hidden * hidden / seconds
        if seconds < HOPELESS_S:
            side = LARGE[device.type]
            rates[f"{name} large"] = 2 * 2 * side**3 / _product_seconds((side, side, side), dtype, device)
    source = torch.ones(COPY_BYTES[device.type] // 4, device=device)
    target = torch.empty_like(source)
    rates["copy"] = 2 * COPY_BYTES[device.type] / best_seconds(lambda: target.copy_(source), device)
    return rates


def best_seconds(run: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, the best of several blocks of calls, after a first block that does not count."""
    calls, blocks = 1, []
    while len(blocks) <= BLOCKS:
        seconds = _block(run, calls, device)
        if seconds < BLOCK_S and not blocks:
            calls = max(calls + 1, round(calls * min(10, 1.2 * BLOCK_S / seconds)))
            continue
        blocks.append(seconds / calls)
    return min(blocks[1:])


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _product_seconds(shape, dtype, device):
    m, k, n = shape
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((2, m, k), generator=generator).to(device, dtype)
    y = torch.randn((2, k, n), generator=generator).to(device, dtype)
    return best_seconds(lambda: torch.bmm(x, y), device)


def _block(run, calls, device):
    synchronize(device)
    start = time.perf_counter()
    for _ in range(calls):
        run()
    synchronize(device)
    return time.perf_counter() - start
