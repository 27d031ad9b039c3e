"""Inputs of alignment metrics: translated cells and their targets, labels and those of the nearest cells."""

from dataclasses import dataclass

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics.align._translation import Direction

CHUNK_BYTES = 8 * 2**20


@dataclass(frozen=True, eq=False)
class Compared:
    """Translated cells of one direction and their targets.

    Parameters
    ----------
    direction
        The :class:`~portal_lib.metrics.align._translation.Direction`.
    rows
        Rows of the source domain, shape (n,), n at least 2.
    columns
        Columns of the target domain, shape (m,).
    predicted, target
        Translated cells, and what the target domain would have measured, each (n, m), units of the target domain.
    """

    direction: Direction
    rows: np.ndarray
    columns: np.ndarray
    predicted: np.ndarray
    target: np.ndarray

    @property
    def name(self):
        """``"12"`` or ``"21"``."""
        return self.direction.name

    @property
    def scale(self):
        """Units of these columns of the target domain."""
        return self.direction.scale(self.columns)

    @property
    def real(self):
        """These columns of the real cells of the target domain."""
        return self.direction.real[:, self.columns]

    @property
    def squared_error(self):
        """Mean over cells and features of (z(predicted) - z(target))^2."""
        return float(np.square(self.scale.z(self.predicted) - self.scale.z(self.target)).mean())

    def relative_error(self, baseline):
        """The squared error divided by that of a baseline; NotApplicable where that is 0."""
        if baseline == 0:
            raise NotApplicable("the target is the same for every cell")
        return self.squared_error / baseline


def compared(translation, correspondence):
    """Each direction with a translation and a known target.

    Returns
    -------
    List of :class:`Compared`, not empty.

    Raises
    ------
    NotApplicable
        No translation, no target, or fewer than two cells to score.
    """
    correspondence.check(translation)
    found = [(one, correspondence.target(translation, one.name)) for one in translation.directions]
    if all(target is None for _, target in found):
        raise NotApplicable("what the other domain would have measured is not known")
    found = [(one, *target) for one, target in found if target is not None and len(target[0]) > 1]
    if not found:
        raise NotApplicable("fewer than two cells to score")
    return [
        Compared(one, rows, columns, one.predicted[rows][:, columns], target) for one, rows, target, columns in found
    ]


def by_direction(translation, correspondence, value_of):
    """Value of each :class:`Compared` by direction, and their mean under ``""``; errors as :func:`compared`."""
    return mean_of_parts({one.name: value_of(one) for one in compared(translation, correspondence)})


def mean_of_parts(values):
    """The values by name, and their mean under ``""``."""
    return {"": float(np.mean(list(values.values()))), **values}


def rows_to_score(translation, correspondence, domain, at_least=1):
    """Rows of a domain that are scored; NotApplicable where there are too few."""
    rows = correspondence.scored_rows(translation, domain)
    if len(rows) < at_least:
        raise NotApplicable("all cells are in known pairs" if at_least == 1 else "fewer than two cells to score")
    return rows


def joint_rows(translation, correspondence):
    """Rows of domain 1 and of domain 2 that are the same cells, of those that are scored, each (n,), n at least 2.

    Raises
    ------
    NotApplicable
        No joint space, no partners, or fewer than two cells to score.
    """
    correspondence.check(translation)
    rows, partner = correspondence.scored_rows(translation, "1"), correspondence.partner
    rows = rows[partner[rows] >= 0]
    rows = rows[np.isin(partner[rows], correspondence.scored_rows(translation, "2"))]
    if len(rows) < 2:
        raise NotApplicable("fewer than two cells to score")
    return rows, partner[rows]


def by_direction_and_joint(translation, correspondence, of_direction, of_joint):
    """The parts of a metric of single cells: one per direction, their mean, and one of the joint space.

    Parameters
    ----------
    translation, correspondence
        What is scored, and its ground truth.
    of_direction
        Value of a :class:`Compared`.
    of_joint
        Value of a joint space, called with the rows of domain 1 and of domain 2 that are the same cells.

    Returns
    -------
    ``"12"``, ``"21"``, ``"joint"`` where they exist; under ``""`` the mean of the directions, or the value of the joint
    space where the method translates nothing.
    """
    parts = {}
    if translation.translated or not translation.joint:
        parts = by_direction(translation, correspondence, of_direction)
    if translation.joint and (correspondence.paired or not parts):
        parts["joint"] = of_joint(*joint_rows(translation, correspondence))
    return {"": parts["joint"], **parts} if "" not in parts else parts


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labels of the cells of one direction, as integers from 0 that index `names`.

    Parameters
    ----------
    name
        ``"12"`` or ``"21"``.
    names
        Labels of both domains in alphabetical order.
    own
        Label of each scored cell of the source, shape (n,).
    real
        Label of each real cell of the target domain.
    nearest
        The real target cells nearest to each translated cell, nearest first, (n, at most 5).
    """

    name: str
    names: list
    own: np.ndarray
    real: np.ndarray
    nearest: np.ndarray

    @property
    def destinations(self):
        """T[a, b], the share of cells of label a whose nearest real target cell is of label b; (labels, labels).

        Rows of labels that no scored cell has are 0.
        """
        counts = np.zeros((len(self.names), len(self.names)))
        np.add.at(counts, (self.own, self.real[self.nearest[:, 0]]), 1)
        return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def labelled(translation, correspondence):
    """Each direction with the labels of its cells, a list of :class:`Labelled`.

    Raises
    ------
    NotApplicable
        No translation, no labels in one of the domains, a target domain with one label only, or no cell to score.
    """
    correspondence.check(translation)
    names, codes = np.unique(
        np.concatenate([correspondence.label("1"), correspondence.label("2")]), return_inverse=True
    )
    codes, found = dict(zip("12", np.split(codes, [len(translation.x1)]), strict=True)), []
    for one in translation.directions:
        source, target = one.name
        if codes[target].min() == codes[target].max():
            raise NotApplicable(f"all cells of domain {target} are of one label")
        rows = rows_to_score(translation, correspondence, source)
        found.append(Labelled(one.name, names.tolist(), codes[source][rows], codes[target], one.nearest[1][rows]))
    return found


def reachable(translation, correspondence):
    """As :func:`labelled`, without cells whose label no cell of the target domain has: they cannot be right."""
    found = []
    for one in labelled(translation, correspondence):
        kept = np.isin(one.own, one.real)
        if not kept.any():
            raise NotApplicable("the domains share no label")
        found.append(Labelled(one.name, one.names, one.own[kept], one.real, one.nearest[kept]))
    return found


def destinations(translation, correspondence):
    """Labels of the target domain that the cells of each label are translated to.

    Parameters
    ----------
    translation
        A :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        Labels of both domains, :class:`~portal_lib.metrics.align._translation.Correspondence`.

    Returns
    -------
    Tidy table with the columns ``direction`` (``"12"``, ``"21"``), ``source``, ``target`` (labels) and ``share``: of
    the scored cells with label `source`, the share whose translation has a real cell with label `target` as its
    nearest. Every pair of a label of the source and one of the target has a row; shares of a source sum to 1.

    Raises
    ------
    NotApplicable
        As :func:`labelled`.
    """
    import pandas as pd

    rows = []
    for one in labelled(translation, correspondence):
        shares, sources = one.destinations, np.unique(one.own)
        for target in np.unique(one.real):
            rows += [(one.name, one.names[a], one.names[target], shares[a, target]) for a in sources]
    table = pd.DataFrame(rows, columns=["direction", "source", "target", "share"])
    return table.sort_values(["direction", "source", "target"], ignore_index=True)


def row_chunks(n_rows, n_columns):
    """Slices of rows such that a float64 matrix of a slice and `n_columns` takes at most 8 MiB."""
    size = max(1, CHUNK_BYTES // (8 * max(n_columns, 1)))
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def squared_distances(a, b):
    """Squared Euclidean distances, shape (rows of a, rows of b), not negative, exact up to rounding of the norms."""
    found = a @ b.T
    found *= -2
    found += np.square(a).sum(axis=1)[:, None]
    found += np.square(b).sum(axis=1)
    return np.maximum(found, 0, out=found)
