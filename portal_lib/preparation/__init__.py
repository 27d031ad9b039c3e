"""Counts to principal components, and the checks of input. Imports of the package: ``portal_lib.errors`` only."""

from __future__ import annotations

import importlib

# Where each name is found; imported when it is first used, so that who only reads and writes files depends on no more.
_HOMES = {"check_input": "checks", "prepare": "recipe", "read_h5ad": "files", "write_h5ad_atomic": "files"}
__all__ = ["check_input", "prepare", "read_h5ad", "write_h5ad_atomic"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
