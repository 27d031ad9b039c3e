"""Portal for single-cell data integration, and a benchmark of integration methods."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.alignment.align import align
    from portal_lib.alignment.aligner import Aligner
    from portal_lib.portal.expression import harmonised_expression
    from portal_lib.portal.integrate import integrate
    from portal_lib.portal.model import PortalModel
    from portal_lib.portal.transfer import transfer_labels
    from portal_lib.scoring import score

__version__ = "0.2.0"

# Module of each public name; imported at its first use, since torch alone takes seconds.
_MODULES = {
    "Aligner": "alignment.aligner",
    "PortalModel": "portal.model",
    "align": "alignment.align",
    "harmonised_expression": "portal.expression",
    "integrate": "portal.integrate",
    "score": "scoring",
    "transfer_labels": "portal.transfer",
}
__all__ = [
    "Aligner",
    "PortalModel",
    "__version__",
    "align",
    "harmonised_expression",
    "integrate",
    "score",
    "transfer_labels",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
