"""What metrics of alignment read of a translation: cells beside what they should be, labels, distances."""

from dataclasses import dataclass

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics.align._translation import Direction

CHUNK_BYTES = 8 * 2**20


@dataclass(frozen=True, eq=False)
class Compared:
    """Cells of one direction beside what they should be.

    Parameters
    ----------
    way
        The :class:`~portal_lib.metrics.align._translation.Direction`.
    rows
        Rows of the source domain, shape (n,), n at least 2.
    columns
        Columns of the target domain, shape (m,).
    predicted, target
        Translated, and what the target domain would have measured, each (n, m), units of the target domain.
    """

    way: Direction
    rows: np.ndarray
    columns: np.ndarray
    predicted: np.ndarray
    target: np.ndarray

    @property
    def name(self):
        """``"12"`` or ``"21"``."""
        return self.way.name

    @property
    def scale(self):
        """Units of these columns of the target domain."""
        return self.way.scale(self.columns)

    @property
    def real(self):
        """These columns of the real cells of the target domain."""
        return self.way.real[:, self.columns]


def compared(translation, correspondence):
    """Each direction that is given and of which the target is known.

    Parameters
    ----------
    translation
        A :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        What is known of its cells, :class:`~portal_lib.metrics.align._translation.Correspondence`.

    Returns
    -------
    List of :class:`Compared`, not empty.

    Raises
    ------
    NotApplicable
        No translation, no target, or fewer than two cells to score.
    """
    correspondence.check(translation)
    found = [(way, correspondence.target(translation, way.name)) for way in translation.ways]
    if all(target is None for _, target in found):
        raise NotApplicable("what the other domain would have measured is not known")
    found = [(way, *target) for way, target in found if target is not None and len(target[0]) > 1]
    if not found:
        raise NotApplicable("fewer than two cells to score")
    return [
        Compared(way, rows, columns, way.predicted[rows][:, columns], target) for way, rows, target, columns in found
    ]


def joint_rows(translation, correspondence):
    """Rows of domain 1 and of domain 2 that are the same cells, of those that are scored, each (n,), n at least 2.

    Parameters
    ----------
    translation, correspondence
        What is scored, and what is known of it.

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


def by_way_and_joint(translation, correspondence, of_way, of_joint):
    """The parts of a metric of single cells: one per direction, their mean, and one of the joint space.

    Parameters
    ----------
    translation, correspondence
        What is scored, and what is known of it.
    of_way
        Value of a :class:`Compared`.
    of_joint
        Value of a joint space, called with the rows of domain 1 and of domain 2 that are the same cells.

    Returns
    -------
    ``"12"``, ``"21"``, ``"joint"`` as far as there are such; under ``""`` the mean of the directions, or the value of
    the joint space where the method translates nothing.
    """
    parts = {}
    if translation.translated or not translation.joint:
        parts = mean_of_ways({one.name: of_way(one) for one in compared(translation, correspondence)})
    if translation.joint and (correspondence.paired or not parts):
        parts["joint"] = of_joint(*joint_rows(translation, correspondence))
    return {"": parts["joint"], **parts} if "" not in parts else parts


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labels of the cells of one direction, as integers from 0 that stand for `names`.

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
    distances, nearest
        The real target cells nearest to each translated cell, ascending, each (n, at most 5).
    """

    name: str
    names: list
    own: np.ndarray
    real: np.ndarray
    distances: np.ndarray
    nearest: np.ndarray

    def reachable(self):
        """The same without cells whose label no cell of the target domain has: nothing can be right about them."""
        kept = np.isin(self.own, self.real)
        if not kept.any():
            raise NotApplicable("the domains share no label")
        return Labelled(self.name, self.names, self.own[kept], self.real, self.distances[kept], self.nearest[kept])


def labelled(translation, correspondence):
    """Each direction with the labels of its cells.

    Parameters
    ----------
    translation
        A :class:`~portal_lib.metrics.align._translation.Translation`.
    correspondence
        What is known of its cells, :class:`~portal_lib.metrics.align._translation.Correspondence`.

    Returns
    -------
    List of :class:`Labelled`, not empty.

    Raises
    ------
    NotApplicable
        No translation, no labels in one of the domains, a domain to reach with one label only, or no cell to score.
    """
    correspondence.check(translation)
    names, codes = np.unique(
        np.concatenate([correspondence.label("1"), correspondence.label("2")]), return_inverse=True
    )
    codes = dict(zip("12", np.split(codes, [len(translation.x1)]), strict=True))
    return [
        _labelled(way, correspondence.scored_rows(translation, way.name[0]), names, codes) for way in translation.ways
    ]


def _labelled(way, rows, names, codes):
    """One direction, cut to the cells that are scored."""
    own, real = codes[way.name[0]][rows], codes[way.name[1]]
    if real.min() == real.max():
        raise NotApplicable(f"all cells of domain {way.name[1]} are of one label")
    if not len(own):
        raise NotApplicable("every cell is of a known pair")
    distances, nearest = way.nearest
    return Labelled(way.name, names.tolist(), own, real, distances[rows], nearest[rows])


def destinations(translation, correspondence):
    """Where cells of each label end.

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
    for way in labelled(translation, correspondence):
        shares, sources = destination_shares(way), np.unique(way.own)
        for target in np.unique(way.real):
            rows += [(way.name, way.names[a], way.names[target], shares[a, target]) for a in sources]
    table = pd.DataFrame(rows, columns=["direction", "source", "target", "share"])
    return table.sort_values(["direction", "source", "target"], ignore_index=True)


def destination_shares(way):
    """T[a, b], the share of cells of label a whose nearest real target cell is of label b; (labels, labels).

    Rows of labels that no scored cell has are 0.
    """
    counts = np.zeros((len(way.names), len(way.names)))
    np.add.at(counts, (way.own, way.real[way.nearest[:, 0]]), 1)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def mean_of_ways(values):
    """Parts by direction, and their mean under ``""``."""
    return {"": float(np.mean(list(values.values()))), **values}


def relative_error(predicted, target, baseline):
    """Mean squared error over a baseline; NotApplicable where that is 0. Matrices in one unit, (cells, features)."""
    if baseline == 0:
        raise NotApplicable("what is to be predicted is the same for every cell")
    return float(np.square(predicted - target).mean() / baseline)


def row_chunks(n_rows, n_columns):
    """Slices that cut rows so that a float64 matrix of a slice and `n_columns` takes at most 8 MiB."""
    size = max(1, CHUNK_BYTES // (8 * max(n_columns, 1)))
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def squared_distances(a, b):
    """Squared Euclidean distances, shape (rows of a, rows of b), not negative, exact up to rounding of the norms."""
    found = a @ b.T
    found *= -2
    found += np.square(a).sum(axis=1)[:, None]
    found += np.square(b).sum(axis=1)
    return np.maximum(found, 0, out=found)
