"""Control: principal components shuffled within each batch. Low in both groups of metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {"label": "Shuffle by batch", "shares": "_integrate"}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Permute the rows of the unintegrated embedding within each batch."""
    from portal_lib.methods.controls._integrate import shuffled

    return shuffled(data, seed, "batch")
