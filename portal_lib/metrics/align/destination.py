"""Destination: whether the cells of a cluster are translated to their own cluster."""

import numpy as np

from portal_lib.metrics.align._compared import mean_of_parts, reachable

METRIC = {
    "label": "destination",
    "group": "align",
    "block": "align",
    "order": 1,
    "needs": ["translated", "label"],
    "parts": {
        "right": "proportion",
        "right12": "proportion",
        "right21": "proportion",
        "swapped": "proportion",
        "swapped12": "proportion",
        "swapped21": "proportion",
    },
    "citation": "Amodio & Krishnaswamy, ICML (2018)",
}
MAJORITY = 0.5


def score(translation, correspondence):
    """Share of the cells of a label whose nearest real cell of the other domain has the same label, mean over labels.

    Returns
    -------
    Mean of the directions ``12`` and ``21``, 0 to 1, higher is better. Parts ``12:label`` and ``21:label`` are the
    shares of a label; ``right12`` and ``right21`` are 1 where more than half of the cells of every label are right,
    else 0; ``right`` is 1 where all directions are. ``swapped12`` and ``swapped21`` are 1 where more than half of the
    cells of each of two labels are translated to the other, else 0; ``swapped`` is 1 where one direction is.

    Raises
    ------
    NotApplicable
        No translation, no labels, one label in the target domain, or no label that both domains have.

    Notes
    -----
    T[a, b] is the share of cells of label a of the source whose translation has a real cell of label b of the target
    domain as its nearest (:func:`~portal_lib.metrics.align._compared.destinations` returns all of T); the value of a
    direction is the mean of T[a, a]. Labels that the target domain lacks are left out. Distances are those of
    :class:`~portal_lib.metrics.align._translation.Scale`.
    """
    values, rights, swaps, parts = {}, {}, {}, {}
    for one in reachable(translation, correspondence):
        labels, shares = np.unique(one.own), one.destinations
        own = shares[labels, labels]
        values[one.name] = float(own.mean())
        rights[f"right{one.name}"] = float((own > MAJORITY).all())
        swaps[f"swapped{one.name}"] = float(_is_swapped(shares))
        parts |= {f"{one.name}:{one.names[label]}": float(share) for label, share in zip(labels, own, strict=True)}
    whole = {"right": min(rights.values()), "swapped": max(swaps.values())}
    return {**mean_of_parts(values), **whole, **rights, **swaps, **parts}


def _is_swapped(shares):
    """Whether most cells of one label go to another, and most of that one to the first."""
    most = shares > MAJORITY
    np.fill_diagonal(most, False)
    return (most & most.T).any()
