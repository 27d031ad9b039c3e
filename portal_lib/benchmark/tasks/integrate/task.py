"""Data integration: cells of several batches are embedded in one space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal_lib.benchmark.tasks.base import Task

if TYPE_CHECKING:
    from portal_lib.benchmark.config.model import Run


class Integrate(Task):
    """One run trains once."""

    name = "integrate"
    groups = ("batch", "bio", "portal_batch", "portal_bio", "auxiliary")
    sizes_file = "prepared.h5ad"
    can_sample = True

    def seeds(self, run: Run, dataset: str) -> list[int]:
        """All seeds of the configuration."""
        return run.seeds

    def trainings(self, record: dict) -> int:
        """One."""
        return 1


TASK = Integrate()
