"""Pearson: correlation of predicted and real values, feature by feature."""

from portal_lib.metrics.align._features import by_feature

METRIC = {
    "label": "Pearson correlation",
    "group": "align",
    "block": "translate",
    "order": 5,
    "needs": ["translated", "target"],
    "range": [-1, 1],
    "better": "higher",
    "baseline_value": 0.0,
    "by_feature": True,
    "parts": {"constant_predictions": "count"},
    "citation": "Amodio & Krishnaswamy, ICML (2018)",
}


def score(translation, correspondence):
    """Correlation over cells of domain 1 of what is predicted and what domain 2 would have measured.

    Parameters
    ----------
    translation
        What a method gave, :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        What domain 2 would have measured, and which of its columns are judged,
        :class:`~portal_lib.metrics.align._translation.Correspondence`.

    Returns
    -------
    Mean over features, -1 to 1, higher is better; one part per feature (of at most 100), by its name; and part
    ``constant_predictions``, the number of features whose prediction is constant.

    Raises
    ------
    NotApplicable
        No translation of domain 1, no target, or every judged feature is constant in truth.

    Notes
    -----
    A constant prediction counts 0: that of means, say, or of a generator that has collapsed. The mean is arithmetic.
    """
    return by_feature(translation, correspondence, lambda values: values)
