"""Parameters of Portal as a user gives them: checked all at once, and made plain values."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from portal_lib.errors import ConfigError
from portal_lib.training.precision import ALLOWED


def checked_parameters(**parameters) -> dict[str, Any]:
    """The parameters that :class:`portal_lib.PortalModel` documents, as plain values.

    Raises
    ------
    ConfigError
        Some are out of range; the message lists all of them.
    """
    problems = []
    for name, value in parameters.items():
        convert, allowed = _CHECKS[name]
        try:
            parameters[name] = convert(value)
        except (TypeError, ValueError):
            problems.append(f"{name} is {value!r}; allowed: {allowed}.")
    if parameters.get("lambda_grid") is not None and parameters.get("lambda_cos", "search") != "search":
        problems.append("lambda_grid is given, but nothing is searched; set lambda_cos to 'search', or leave it out.")
    if problems:
        head = "" if len(problems) == 1 else f"PortalModel has {len(problems)} problems\n  "
        raise ConfigError(head + "\n  ".join(problems))
    return parameters


def _whole(value, low=1):
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not low <= value < 2**63:
        raise ValueError
    return int(value)


def _number(value, above=None):
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= value < math.inf or value == above:
        raise ValueError
    return float(value)


def _numbers(value):
    if isinstance(value, str) or len(value) == 0:
        raise ValueError
    return [_number(item) for item in value]


def _distinct(value):
    if len(set(value)) < len(value):
        raise ValueError
    return _numbers(value)


def _lambda_cos(value):
    if isinstance(value, str) and value != "search":
        raise ValueError
    return value if isinstance(value, str) else _number(value) if np.ndim(value) == 0 else _numbers(value)


def _or_none(convert):
    return lambda value: None if value is None else convert(value)


def _one_of(*allowed):
    def convert(value):
        if value not in allowed:
            raise ValueError
        return value

    return convert


_COUNT = (_whole, "a whole number of at least 1")
_WEIGHT = (_number, "a number of at least 0")
_CHECKS = {
    "lambda_cos": (_lambda_cos, "a number of at least 0, a list of them with one per round, 'search'"),
    "lambda_grid": (_or_none(_distinct), "a list of different numbers of at least 0, None"),
    "training_steps": (_or_none(_whole), "a whole number of at least 1, None"),
    "batch_size": _COUNT,
    "n_latent": _COUNT,
    "n_pcs": _COUNT,
    "n_top_genes": _COUNT,
    "margin": _WEIGHT,
    "lambda_ae": _WEIGHT,
    "lambda_la": _WEIGHT,
    "learning_rate": (lambda value: _number(value, above=0), "a number above 0"),
    "space": (_one_of(None, "latent", "reference"), "'latent', 'reference', None"),
    "seed": (lambda value: _whole(value, low=0), "a whole number of at least 0"),
    "device": (str, "the name of a device"),
    "precision": (_one_of("auto", *ALLOWED), f"'auto', {', '.join(map(repr, ALLOWED))}"),
}
