"""Control: principal components shuffled over all cells. The lower end of bio-conservation metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.prepared import Prepared

METHOD = {"label": "Shuffle", "shares": "_integrate"}


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Permute the rows of the unintegrated embedding over all cells."""
    from portal_lib.methods.controls._integrate import shuffled

    return shuffled(data, seed)
