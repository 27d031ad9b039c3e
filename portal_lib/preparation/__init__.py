"""Raw counts to principal components, and the checks of the input."""

from __future__ import annotations

import importlib

# Modules are imported on first use, so that reading and writing files needs no further packages.
_MODULES = {"check_input": "checks", "prepare": "recipe", "read_h5ad": "files", "write_h5ad_atomic": "files"}
__all__ = ["check_input", "prepare", "read_h5ad", "write_h5ad_atomic"]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
