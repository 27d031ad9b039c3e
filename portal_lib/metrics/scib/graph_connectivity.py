"""Graph connectivity: whether the cells of each label are connected in the neighbour graph."""

from portal_lib.metrics._graph import connectivity_of_labels

METRIC = {
    "label": "Graph connectivity",
    "shares": "_scib",
    "group": "batch",
    "implementation": "ours; equal to scib 1.1.7 within 1e-6 below 8,192 cells; "
    "from there on scanpy's neighbours are approximate and ours exact",
    "fast": True,
    "needs": ["graph", "label"],
}

score = connectivity_of_labels
