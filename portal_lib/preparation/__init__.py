"""Raw counts to principal components, and the checks of the input."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.preparation.checks import check_input, check_new_cells
    from portal_lib.preparation.reading.contents import inspect
    from portal_lib.preparation.reading.files import read_h5ad, write_h5ad_atomic
    from portal_lib.preparation.reading.sources import open_source
    from portal_lib.preparation.recipe import GeneSpace, prepare

# Modules are imported on first use, so that reading and writing files needs no further packages.
_MODULES = {
    "GeneSpace": "recipe",
    "check_input": "checks",
    "check_new_cells": "checks",
    "inspect": "reading.contents",
    "open_source": "reading.sources",
    "prepare": "recipe",
    "read_h5ad": "reading.files",
    "write_h5ad_atomic": "reading.files",
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
