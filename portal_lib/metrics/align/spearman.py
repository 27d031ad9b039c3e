"""Spearman: rank correlation of predicted and real values, feature by feature."""

from portal_lib.metrics.align._features import by_feature

METRIC = {
    "label": "Spearman correlation",
    "group": "align",
    "block": "translate",
    "order": 6,
    "needs": ["translated", "target"],
    "range": [-1, 1],
    "better": "higher",
    "baseline_value": 0.0,
    "by_feature": True,
    "parts": {"constant_predictions": "count"},
    "citation": "Spearman, Am. J. Psychol. 15, 72 (1904)",
}


def score(translation, correspondence):
    """Rank correlation over cells of domain 1 of what is predicted and what domain 2 would have measured.

    Parameters
    ----------
    translation
        What a method gave, :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        What domain 2 would have measured, and which of its columns are judged,
        :class:`~portal_lib.metrics.align._translation.Correspondence`.

    Returns
    -------
    As ``pearson``.

    Raises
    ------
    NotApplicable
        As ``pearson``.

    Notes
    -----
    Pearson's correlation of ranks; equal values share their mean rank. A constant prediction counts 0.
    """
    from scipy.stats import rankdata

    return by_feature(translation, correspondence, lambda values: rankdata(values, axis=0))
