"""Cell-type ASW of the Portal paper, which is scib's."""

from portal_lib.metrics._distances import label_silhouette

METRIC = {
    "label": "Cell type ASW (Portal)",
    "shares": "_portal",
    "group": "portal_bio",
    "implementation": "ours; scikit-learn's silhouette within 1e-6",
    "fast": True,
    "needs": ["embedding", "label"],
}

score = label_silhouette
