"""Peak memory against the number of cells or batches: of a run, and of a run with its preparation."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from portal_lib.reporting.figures import _style
from portal_lib.reporting.figures._scaling import Quantity, draw_panels

FIGURE = {
    "label": "{whole}: peak memory against the number of cells or batches",
    "file": "scaling_memory.{whole}",
    "tasks": ["integrate"],
    "target": "scaling",
    "formats": ["png", "svg"],
    "inputs": ["scaling", "scaling_fits", "published_scaling", "scaling_machine"],
    "facts": ["methods", "whole", "label"],
}

RUN = Quantity("Peak memory of a run", "Run", "memory_mb", "run", "memory_limit_mb", published=True)
WHOLE = Quantity("Peak memory from counts to result", "In total", "memory_mb", "whole_way", "memory_limit_mb")
GPU = Quantity("Peak GPU memory of a run", "GPU", "gpu_memory_mb", "run", "")


@_style.styled
def draw(
    scaling: pd.DataFrame,
    scaling_fits: pd.DataFrame,
    published_scaling: pd.DataFrame,
    methods: Mapping[str, Mapping],
    whole: str,
    *,
    label: str | None = None,
    scaling_machine: str | None = None,
) -> Figure:
    """Draw peak memory of runs, alone and with their preparation, against the number of cells or batches.

    Arguments and result are those of the figure ``scaling_time``. A third panel shows GPU memory where a GPU was used.
    """
    on_gpu = ((scaling["quantity"] == "gpu_memory_mb") & (scaling["source"].astype(str) == whole)).any()
    panels = [RUN, WHOLE, *([GPU] if on_gpu else [])]
    tables = scaling, scaling_fits, published_scaling
    return draw_panels(*tables, methods, whole, panels, label or whole, scaling_machine)
