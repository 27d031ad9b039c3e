"""Control: principal components shuffled within each label: ideal mixing of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {
    "label": "Shuffle by label",
    "task": "integrate",
    "output": "embed",
    "environment": "core",
    "device": "cpu",
    "threads": 1,
    "memory_gb": 1,
    "stochastic": True,
    "uses_labels": True,
    "control": True,
    "baseline": True,
    "params": {},
    "citation": "Luecken et al. 2025, Nat. Biotechnol. 43:1035 (Open Problems)",
}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Permute the rows of the unintegrated embedding within each label."""
    from portal_lib.methods.controls._shuffled import shuffled

    return shuffled(data, seed, "label")
