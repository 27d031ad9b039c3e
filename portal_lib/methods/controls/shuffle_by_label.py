"""Control: principal components shuffled within each label: ideal mixing of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {"label": "Shuffle by label", "shares": "_integrate", "uses_labels": True, "baseline": True}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Permute the rows of the unintegrated embedding within each label."""
    from portal_lib.methods.controls._integrate import shuffled

    return shuffled(data, seed, "label")
