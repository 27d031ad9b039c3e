"""The tasks of the benchmark: one folder each, found by name.

A folder holds ``task.py`` (facts for the workflow, :class:`portal_lib.benchmark.tasks.base.Task`) and one
module for each stage that does the work: ``prepare.py``, ``run.py`` (in the child process) and ``score.py``, each
with a function of that name. Stages are found by name, so that a change in one of them reruns no other.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.benchmark.tasks.base import Task


@cache
def names() -> list[str]:
    """Names of all tasks, sorted."""
    return sorted(file.parent.name for file in Path(__file__).parent.glob("*/task.py"))


def task_of(name: str) -> Task:
    """What the workflow must know about a task."""
    return import_module(f"{__name__}.{name}.task").TASK


def stage(task: str, name: str) -> ModuleType:
    """The module of one stage of a task: ``"prepare"``, ``"run"`` or ``"score"``."""
    return import_module(f"{__name__}.{task}.{name}")


def stage_file(task: str, name: str) -> Path:
    """The file of one stage of a task."""
    return Path(__file__).with_name(task) / f"{name}.py"
