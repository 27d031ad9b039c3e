"""What the stages ``run`` of all tasks share in the child process of a supervised run."""

from __future__ import annotations

import importlib
import json
import sys
import time
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from portal_lib.benchmark import imports, registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    import pandas as pd

    from portal_lib.methods._result import Model


class Phases:
    """Wall seconds by phase, in the order in which phases began."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str):
        """Time a block; waits for the GPU before reading the clock."""
        _synchronize()
        started = time.monotonic()
        try:
            yield
        finally:
            _synchronize()
            self.seconds[name] = time.monotonic() - started


def load_method(task: dict, facts: dict) -> ModuleType:
    """Import the plug-in of a run and everything it needs, so that imports are not timed as work of the method."""
    facts["versions"] = import_all(registry.source("methods", task["plugin"]))
    return registry.load("methods", task["plugin"])


def import_all(plugin: Path) -> dict[str, str]:
    """Import what the plug-in needs. Versions by package."""
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    distributions = metadata.packages_distributions()
    for name in imports.external_imports(plugin):
        importlib.import_module(name)
        for distribution in distributions.get(name, []):
            versions[distribution] = metadata.version(distribution)
    return versions


def device_of(device: str) -> str:
    """The device to use; ``auto`` is the GPU where the method imported torch and torch sees one."""
    torch = sys.modules.get("torch")
    if device != "auto":
        return device
    return "cuda" if torch is not None and torch.cuda.is_available() else "cpu"


def write_tables(tables: Mapping[str, pd.DataFrame], result: Path) -> None:
    """Write the further tables of a method as TSV into the folder ``tables`` next to its result."""
    folder = result.with_name("tables")
    folder.mkdir()
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.tsv", sep="\t", index=False)


def write_models(task: dict, models: Mapping[str, Model]) -> None:
    """Write trained models, if the run keeps them, each into a folder with its name in ``model`` next to the result."""
    if task.get("keep_models"):
        for name, model in models.items():
            model.save(Path(task["result"]).with_name("model") / name)


def plain(notes: Mapping) -> dict:
    """Notes of a method for JSON: numpy numbers and arrays as plain ones, anything else as text."""
    text = json.dumps(notes, default=lambda value: value.tolist() if hasattr(value, "tolist") else str(value))
    return json.loads(text)


def _synchronize() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized():
        torch.cuda.synchronize()
