"""Correlation of predicted and real values, feature by feature; facts of the metrics that do so."""

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics.align._compared import compared
from portal_lib.metrics.align._translation import MANY_FEATURES

SHARED = {
    "block": "translate",
    "needs": ["translated", "target"],
    "range": [-1, 1],
    "baseline_value": 0.0,
    "by_feature": True,
    "parts": {"constant_predictions": "count"},
}
# A prediction whose deviation is this small relative to that of the real values is constant up to rounding.
CONSTANT = 1e-6


def by_feature(translation, correspondence, transform):
    """Correlation of each scored feature of domain 2 over the scored cells of domain 1, and their mean.

    Parameters
    ----------
    translation
        Output of a method, :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        What domain 2 would have measured, and which of its columns are scored,
        :class:`~portal_lib.metrics.align._translation.Correspondence`.
    transform
        Applied to both matrices (cells × features) before they are correlated, for example to take ranks.

    Returns
    -------
    ``""`` the arithmetic mean over features, -1 to 1, higher is better; one part per feature by its name, unless there
    are more than 100; and ``constant_predictions``, the number of features whose prediction is constant.

    Raises
    ------
    NotApplicable
        No translation of domain 1, no target, or every scored feature is constant in the ground truth.

    Notes
    -----
    A constant prediction counts 0, such as the mean, or the output of a collapsed generator. A feature that is constant
    in the ground truth is left out.
    """
    names, predicted, target = _scored_features(translation, correspondence)
    spread, real_spread = predicted.std(axis=0), target.std(axis=0)
    known = real_spread > CONSTANT * np.abs(target).max(axis=0)
    if not known.any():
        raise NotApplicable("every feature to judge is constant in truth")
    constant = spread <= CONSTANT * real_spread
    found = np.where(constant, 0.0, _correlations(transform(predicted), transform(target)))
    parts = {name: float(r) for name, r, keep in zip(names, found, known, strict=True) if keep}
    flag = {"constant_predictions": float((constant & known).sum())}
    return {"": float(found[known].mean()), **(parts if len(parts) <= MANY_FEATURES else {}), **flag}


def _scored_features(translation, correspondence):
    """Names of the scored features, and prediction and target, each (cells, features)."""
    translation.x12  # noqa: B018 - NotApplicable without it, also where the other direction is given
    one = next((one for one in compared(translation, correspondence) if one.name == "12"), None)
    if one is None:
        raise NotApplicable("what domain 2 would have measured is not known")
    columns = one.columns if correspondence.scored is None else correspondence.scored
    place = {column: i for i, column in enumerate(one.columns.tolist())}
    columns = [int(column) for column in columns if int(column) in place]
    if not columns:
        raise NotApplicable("what domain 2 would have measured is not known for any feature to judge")
    places = [place[column] for column in columns]
    names = correspondence.features2 or [str(column) for column in range(translation.x2.shape[1])]
    return [names[column] for column in columns], one.predicted[:, places], one.target[:, places]


def _correlations(a, b):
    """Pearson correlation of columns; 0 where one has no variance."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    norm = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
    return np.clip((a * b).sum(axis=0) / np.where(norm > 0, norm, 1), -1, 1)
