"""Cell-type ASW as in Portal's paper."""

from portal_lib.metrics._distances import silhouettes

METRIC = {
    "label": "Cell type ASW (Portal)",
    "group": "portal_bio",
    "definition": "portal",
    "implementation": "ours; scikit-learn's silhouette within 1e-6",
    "fast": True,
    "needs": ["embedding", "label"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022)",
}


def score(space, truth):
    """Mean silhouette width over labels, scaled.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding.
    truth
        Labels of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    In [0, 1]; 0.5 where labels overlap, higher is better.

    Raises
    ------
    NotApplicable
        One label, every cell its own label, or no embedding.

    Notes
    -----
    (mean_i s(i) + 1) / 2: scib's value, which the paper's table has too; here so that Portal's scores are whole.
    """
    label = truth.labels_to_compare
    return (float(silhouettes(space.distance_sums(truth).by_label, label).mean()) + 1) / 2
