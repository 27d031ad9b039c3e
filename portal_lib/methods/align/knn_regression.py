"""k-nearest-neighbour regression between the domains, on known pairs or on shared features."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput

METHOD = {
    "label": "kNN regression",
    "shares": "_regression",
    "params": {
        "n_neighbors": {
            "default": None,
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "Cells whose mean is predicted; null means 50 with shared features, 3 with known pairs.",
        }
    },
    "citation": "Abdelaal et al. 2019, Bioinformatics 35:4063 (CyTOFmerge)",
}

# Neighbours by default.
RULE = {"shared": 50, "pairs": 3}


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Predict the mean of the nearest cells of the other domain.

    Returns
    -------
    Result with `x12` and `x21`, float32, in the units of the target. Shared features are the measured values of the
    cell. The notes contain the training data and the number of neighbours.

    Raises
    ------
    NotApplicable
        There are neither shared features nor three known pairs, or nothing is left to predict.

    Notes
    -----
    Euclidean distance of scaled features: the shared ones, or all of the source with known pairs. CyTOFmerge uses the
    median of 50 neighbours, this method their mean.
    """
    from sklearn.neighbors import KNeighborsRegressor

    from portal_lib.methods.align import _regression

    wanted = params["n_neighbors"] or RULE[_regression.basis(task_input)]
    taken = []

    def predict(inputs, targets, queries):
        taken.append(min(wanted, len(inputs)))
        return KNeighborsRegressor(taken[-1]).fit(inputs, targets).predict(queries)

    result = _regression.align_by(task_input, predict)
    result.notes["n_neighbors"] = taken
    return result
