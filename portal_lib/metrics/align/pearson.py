"""Pearson: correlation of predicted and real values, feature by feature."""

from portal_lib.metrics.align._features import by_feature

METRIC = {
    "label": "Pearson correlation",
    "group": "align",
    "shares": "_features",
    "order": 5,
    "citation": "Amodio & Krishnaswamy, ICML (2018)",
}


def score(translation, correspondence):
    """Correlation over cells of domain 1 of predicted and real values; see :func:`by_feature`. Higher is better."""
    return by_feature(translation, correspondence, lambda values: values)
