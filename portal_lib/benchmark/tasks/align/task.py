"""Alignment: two domains with different features are mapped onto each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from portal_lib.benchmark import registry
from portal_lib.benchmark.tasks.base import Task

if TYPE_CHECKING:
    from portal_lib.benchmark.config.model import Run


class Align(Task):
    """One run trains several times, one seed after the other, up to the number that a data set states."""

    name = "align"
    groups = ("align",)
    sizes_file = "domains.json"

    def seeds(self, run: Run, dataset: str) -> list[int]:
        """As many of the seeds as the trainings of the data set need."""
        return run.seeds[: math.ceil(_max_trainings(run, dataset) / self.repeats(run, dataset))]

    def repeats(self, run: Run, dataset: str) -> int:
        """Trainings per run: as many as configured, up to the maximum of the data set."""
        return min(run.settings["repeats"], _max_trainings(run, dataset))

    def run_settings(self, run: Run, dataset: str) -> dict:
        """The number of trainings."""
        return {"repeats": self.repeats(run, dataset)}

    def trainings(self, record: dict) -> int | None:
        """Trainings of a run that succeeded."""
        return (record.get("notes") or {}).get("trainings")


def _max_trainings(run: Run, dataset: str) -> int:
    """Trainings of each model, over all seeds."""
    return registry.find("datasets")[run.datasets[dataset].name]["max_trainings"]


TASK = Align()
