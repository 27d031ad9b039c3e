"""Precision of the weights and of the matrix products of a training."""

from typing import NamedTuple

import torch

from portal_lib.errors import ConfigError


class Precision(NamedTuple):
    """Data types of a training."""

    weights: torch.dtype
    """Weights, optimiser, inputs, losses."""
    products: torch.dtype
    """Matrix products and hidden units."""


ALLOWED = {
    "bfloat16": Precision(torch.float32, torch.bfloat16),
    "float32": Precision(torch.float32, torch.float32),
    "float64": Precision(torch.float64, torch.float64),
}
# Instructions that multiply bfloat16 numbers: AMX, AVX-512 and Arm.
_CPU_HAS = ("amx_bf16", "avx512_bf16", "bf16")


def resolve_precision(name: str, device: torch.device) -> Precision:
    """Turn the name of a precision into data types.

    Parameters
    ----------
    name
        ``"bfloat16"`` (products and hidden units; all else float32), ``"float32"``, ``"float64"``, or ``"auto"``:
        bfloat16 where the device multiplies it in hardware, else float32.
    device
        Where training takes place.

    Raises
    ------
    ConfigError
        The name is unknown.
    """
    if name == "auto":
        name = "bfloat16" if _multiplies_bfloat16(device) else "float32"
    if name not in ALLOWED:
        raise ConfigError(f"precision {name!r} is unknown. Allowed: auto, {', '.join(ALLOWED)}.")
    return ALLOWED[name]


def _multiplies_bfloat16(device):
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    has: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(has.get(name) for name in _CPU_HAS)
