"""Cell-type ASW: how compact and well separated the cells of each label are."""

from portal_lib.metrics._distances import label_silhouette

METRIC = {
    "label": "Cell type ASW",
    "shares": "_scib",
    "group": "bio",
    "fast": True,
    "needs": ["embedding", "label"],
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Rousseeuw, J. Comput. Appl. Math. 20, 53 (1987)",
}

score = label_silhouette
