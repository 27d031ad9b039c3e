"""Names of published metrics and methods, for the figure and the table that compare them with this study."""

from collections.abc import Mapping

from portal_lib.reporting._align import DIRECTIONS, part_label, part_of
from portal_lib.reporting._rows import method_label

RATIO = "mse_ratio"


def comparison_label(metrics: Mapping[str, Mapping], metric: str) -> str:
    """Display name of a published metric."""
    whole, part = part_of(metric)
    direction, _, rest = part.partition(":")
    if whole == RATIO:
        return f"MSE ratio {DIRECTIONS[direction].replace(' ', '')}"
    if whole == "destination" and ">" in rest:
        source, _, target = rest.partition(">")
        return f"{source} mapped to {target}, {DIRECTIONS[direction].replace(' ', '')}"
    return part_label(metrics, metric)


def comparison_method(methods: Mapping[str, Mapping], name: str) -> str:
    """Display name of a method, or of the two methods of a ratio."""
    return " / ".join(method_label(methods, one) for one in name.split(":"))
