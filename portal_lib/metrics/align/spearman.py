"""Spearman: rank correlation of predicted and real values, feature by feature."""

from portal_lib.metrics.align._features import by_feature

METRIC = {
    "label": "Spearman correlation",
    "group": "align",
    "shares": "_features",
    "order": 6,
    "citation": "Spearman, Am. J. Psychol. 15, 72 (1904)",
}


def score(translation, correspondence):
    """As ``pearson``, of ranks; equal values share their mean rank. Higher is better."""
    from scipy.stats import rankdata

    return by_feature(translation, correspondence, lambda values: rankdata(values, axis=0))
