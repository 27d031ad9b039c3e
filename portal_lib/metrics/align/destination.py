"""Destination: whether cells of a cluster end in the cluster that is theirs."""

import numpy as np

from portal_lib.metrics.align._compared import destination_shares, labelled, mean_of_ways

METRIC = {
    "label": "destination",
    "group": "align",
    "block": "align",
    "order": 1,
    "needs": ["translated", "label"],
    "range": [0, 1],
    "better": "higher",
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

    Parameters
    ----------
    translation
        What a method gave, :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        Labels of both domains, :class:`~portal_lib.metrics.align._translation.Correspondence`.

    Returns
    -------
    Mean of the directions ``12`` and ``21``, 0 to 1, higher is better. Parts ``12:label`` and ``21:label`` are the
    shares of a label; ``right12`` and ``right21`` are 1 where of every label more than half of the cells are right,
    else 0; ``right`` is 1 where all directions are. ``swapped12`` and ``swapped21`` are 1 where for some two labels
    more than half of the cells of each end at the other, else 0; ``swapped`` is 1 where one direction is.

    Raises
    ------
    NotApplicable
        No translation, no labels, one label in the domain to reach, or no label that both domains have.

    Notes
    -----
    T[a, b] is the share of cells of label a of the source whose translation has a real cell of label b of the target
    domain as its nearest (:func:`~portal_lib.metrics.align._compared.destinations` gives the whole of it); the value of
    a direction is the mean of T[a, a]. Labels that the target domain lacks are left out. Distances are those of
    :class:`~portal_lib.metrics.align._translation.Scale`.
    """
    values, rights, swaps, parts = {}, {}, {}, {}
    for way in (way.reachable() for way in labelled(translation, correspondence)):
        labels, shares = np.unique(way.own), destination_shares(way)
        own = shares[labels, labels]
        values[way.name] = float(own.mean())
        rights[f"right{way.name}"] = float((own > MAJORITY).all())
        swaps[f"swapped{way.name}"] = float(_is_swapped(shares))
        parts |= {f"{way.name}:{way.names[label]}": float(share) for label, share in zip(labels, own, strict=True)}
    whole = {"right": min(rights.values()), "swapped": max(swaps.values())}
    return {**mean_of_ways(values), **whole, **rights, **swaps, **parts}


def _is_swapped(shares):
    """Whether most cells of one label end at another, and most of that one at the first."""
    most = shares > MAJORITY
    np.fill_diagonal(most, False)
    return (most & most.T).any()
