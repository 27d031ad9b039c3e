"""One file per objective; :mod:`portal_lib.training.objectives._contract` is the interface."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from portal_lib._text import suggest
from portal_lib.errors import ConfigError

if TYPE_CHECKING:
    from portal_lib.training.objectives._contract import Objective


def names() -> list[str]:
    """Names of all objectives: the files of this folder whose name does not start with ``_``."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def find(name: str) -> type[Objective]:
    """The class of an objective by its name.

    Raises
    ------
    ConfigError
        There is no such objective; the message suggests the nearest name.
    """
    if name not in names():
        raise ConfigError(f"objective {name!r} is not known{suggest(name, names())} Allowed: {', '.join(names())}.")
    module = importlib.import_module(f"{__name__}.{name}")
    return next(item for item in vars(module).values() if isinstance(item, type) and vars(item).get("name") == name)
