"""What the workflow must know about a task; its stages do the work."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from portal_lib.benchmark.config.model import Run


class Task(ABC):
    """A kind of problem: a data set poses it, methods solve it, metrics score the result.

    Attributes
    ----------
    name
        That of its folder.
    groups
        Groups of the metrics that score it.
    sizes_file
        File in ``results/{dataset}/`` from which the sizes of the prepared data are read.
    can_sample
        Whether samples of a number of cells can be drawn from its data sets.
    """

    name: ClassVar[str]
    groups: ClassVar[tuple[str, ...]]
    sizes_file: ClassVar[str]
    can_sample: ClassVar[bool] = False

    @abstractmethod
    def seeds(self, run: Run, dataset: str) -> list[int]:
        """Seeds of a method whose result varies from seed to seed."""

    def run_settings(self, run: Run, dataset: str) -> dict:
        """Settings of the stage ``run`` in addition to parameters, seed and device."""
        return {}

    @abstractmethod
    def trainings(self, record: dict) -> int | None:
        """How many times a method was trained in a run, by its record; None where it is not known."""
