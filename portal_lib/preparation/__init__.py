"""Raw counts to principal components, and the checks of the input."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.preparation.checks import check_input, check_new_cells
    from portal_lib.preparation.contents import inspect
    from portal_lib.preparation.files import read_h5ad, write_h5ad_atomic
    from portal_lib.preparation.recipe import GeneSpace, prepare
    from portal_lib.preparation.sources import open_source

# Modules are imported on first use, so that reading and writing files needs no further packages.
_MODULES = {
    "GeneSpace": "recipe",
    "check_input": "checks",
    "check_new_cells": "checks",
    "inspect": "contents",
    "open_source": "sources",
    "prepare": "recipe",
    "read_h5ad": "files",
    "write_h5ad_atomic": "files",
}
__all__ = [
    "GeneSpace",
    "check_input",
    "check_new_cells",
    "inspect",
    "open_source",
    "prepare",
    "read_h5ad",
    "write_h5ad_atomic",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
