"""Graph connectivity: whether the cells of each label are connected in the neighbour graph."""

from portal_lib.metrics._graph import connectivity_of_labels

METRIC = {"label": "Graph connectivity", "shares": "_scib", "group": "batch", "fast": True, "needs": ["graph", "label"]}

score = connectivity_of_labels
