"""Superimposition: whether translated cells are distributed as real cells are, whichever cells they are."""

import numpy as np

from portal_lib.metrics.align._compared import mean_of_parts, rows_to_score

METRIC = {
    "label": "superimposition",
    "group": "align",
    "block": "translate",
    "order": 10,
    "needs": ["translated"],
    "collapse": {"spread": 0.2, "reach": 1.0},
    "note": "1 where translated cells are distributed as real ones are, 0 where they collapse to a point or a cluster. "
    "It does not test whether they are the right cells.",
    "citation": "Amodio & Krishnaswamy, ICML (2018)",
}
# Real cells that are nearer than this, in standard deviations, are equal up to rounding.
SAME_POINT = 1e-6


def score(translation, correspondence):
    """How well translated cells cover the real cells of the domain that they are translated to.

    Returns
    -------
    The smallest of the three parts, each limited to 1 as stated below; mean of the directions ``12`` and ``21``. 0 is
    a collapse to a point or to one label, or points far from all real ones; 1 is best. The parts, each the mean of the
    directions and again with the direction appended (``reach12``):

    ``reach``
        Share of labels of real cells that are the label of the cell nearest to a translated one; 1 is best. Left out
        where labels are not known.
    ``distance``
        Median distance of translated cells to the nearest real one over the median of real cells to the nearest
        other one; about 1 as real cells, less for copies and averages of real cells, more off the manifold. Left out
        where most real cells have a copy.
    ``spread``
        Mean over features of the standard deviation of translated cells, over that of real cells; about 1, near 0
        after a collapse.

    Raises
    ------
    NotApplicable
        No translation, or fewer than two cells to score.

    Notes
    -----
    value = min(reach, 1 / distance, spread, 1 / spread, 1). Together with ``destination`` this distinguishes a method
    that only deceives its discriminator from one that aligns. Distances and standard deviations are those of
    :class:`~portal_lib.metrics.align._translation.Scale`; with one scale for all features `spread` is the ratio of
    means.
    """
    correspondence.check(translation)
    found = {one.name: _parts(one, correspondence, translation) for one in translation.directions}
    values = mean_of_parts({name: _smallest(parts) for name, parts in found.items()})
    names = dict.fromkeys(part for parts in found.values() for part in parts)
    means = {part: float(np.mean([parts[part] for parts in found.values() if part in parts])) for part in names}
    return values | means | {f"{part}{name}": value for name, parts in found.items() for part, value in parts.items()}


def _parts(direction, correspondence, translation):
    """Reach, distance and spread of one direction."""
    source, target = direction.name
    rows = rows_to_score(translation, correspondence, source, at_least=2)
    distances, nearest = (found[rows, 0] for found in direction.nearest)
    scale, spacing, parts = direction.scale(), np.median(direction.real_spacing), {}
    if correspondence.has_label(target):
        label = correspondence.label(target)
        parts["reach"] = len(np.unique(label[nearest])) / len(np.unique(label))
    if spacing > SAME_POINT:
        parts["distance"] = float(np.median(distances) / spacing)
    translated, real = scale.z(direction.predicted[rows]), scale.z(direction.real)
    parts["spread"] = float(_mean_deviation(translated) / _mean_deviation(real))
    return parts


def _mean_deviation(z):
    """Mean over features of the standard deviation."""
    return z.std(axis=0).mean()


def _smallest(parts):
    """The smallest of the parts, each limited to 1."""
    spread = parts["spread"]
    return min(parts.get("reach", 1.0), 1 / max(parts.get("distance", 1.0), 1.0), spread, 1 / max(spread, 1.0))
