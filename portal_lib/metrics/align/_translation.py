"""Input of the metrics of alignment: cells of two domains as a method translated them, and their ground truth."""

from functools import cached_property

import numpy as np

from portal_lib.errors import DataError, NotApplicable, ShapeError
from portal_lib.metrics._checks import finite_matrix, given

# In a domain with more features than this, distances are those of its first principal components.
MANY_FEATURES = 100
N_COMPONENTS = 50
# A feature whose standard deviation is this small relative to its largest absolute value is constant up to rounding.
ROUNDING = 1e-9
# Neighbours that are found once for all metrics, as many as the vote of `label_transfer` takes.
N_NEAREST = 5
DIRECTIONS = ("12", "21")


class Translation:
    """Real cells of two domains and their translations. What metrics derive from them is computed once, on first use.

    Parameters
    ----------
    x1, x2
        Real cells, shapes (n1, d1) and (n2, d2). Cells are rows, at least two in each domain.
    x12, x21
        Cells of one domain as the other would have measured them, shapes (n1, d2) and (n2, d1), in the units of the
        target domain; or None.
    x121, x212
        Cells of both domains translated and translated back, shapes of `x1` and `x2`; or None.
    z1, z2
        Cells of both domains in a joint space, shapes (n1, k) and (n2, k), any scale; both or neither.
    one_scale
        Whether all features of a domain are one quantity in one unit, as pixels are. See :class:`Scale`.

    Raises
    ------
    DataError
        A value is not finite, a domain has fewer than two cells, or only one of `z1` and `z2` is given.
    ShapeError
        A part is not a matrix, or its shape does not fit the others.
    """

    def __init__(self, x1, x2, x12=None, x21=None, z1=None, z2=None, x121=None, x212=None, *, one_scale=False):
        self.x1, self.x2 = finite_matrix(x1, "x1"), finite_matrix(x2, "x2")
        if min(len(self.x1), len(self.x2)) < 2:
            raise DataError(f"domains of {len(self.x1)} and {len(self.x2)} cells; at least 2 are needed in each")
        self._x12 = _matrix(x12, "x12", (len(self.x1), self.x2.shape[1]))
        self._x21 = _matrix(x21, "x21", (len(self.x2), self.x1.shape[1]))
        again = {"1": (self.x1, x121, "x121"), "2": (self.x2, x212, "x212")}
        self._again = {
            domain: (real, _matrix(x, name, real.shape)) for domain, (real, x, name) in again.items() if x is not None
        }
        if (z1 is None) != (z2 is None):
            raise DataError("a joint space needs the cells of both domains; one of z1 and z2 is missing")
        self._z1 = _matrix(z1, "z1", (len(self.x1), None))
        self._z2 = _matrix(z2, "z2", (len(self.x2), None if z1 is None else self._z1.shape[1]))
        self._one_scale = one_scale
        self._scales = {}

    @property
    def x12(self):
        """Cells of domain 1 translated, shape (n1, d2), float64; NotApplicable without them."""
        return given(self._x12, "the method gives no translation of domain 1")

    @property
    def x21(self):
        """Cells of domain 2 translated, shape (n2, d1), float64; NotApplicable without them."""
        return given(self._x21, "the method gives no translation of domain 2")

    @property
    def reconstructed(self):
        """By domain, real cells and the same translated and back, both of one shape; NotApplicable without them."""
        return given(self._again or None, "the method does not translate back what it translated")

    @property
    def z1(self):
        """Cells of domain 1 in the joint space, shape (n1, k), float64; NotApplicable without one."""
        return given(self._z1, "the method gives no joint space")

    @property
    def z2(self):
        """Cells of domain 2 in the joint space, shape (n2, k), float64; NotApplicable without one."""
        return given(self._z2, "the method gives no joint space")

    @property
    def translated(self):
        """Whether cells of one domain or both are translated."""
        return self._x12 is not None or self._x21 is not None

    @property
    def joint(self):
        """Whether there is a joint space."""
        return self._z1 is not None

    @cached_property
    def directions(self):
        """A :class:`Direction` for each of `x12` and `x21` that is given; NotApplicable without any."""
        names = [name for name, x in zip(DIRECTIONS, (self._x12, self._x21), strict=True) if x is not None]
        return [Direction(self, name) for name in given(names or None, "the method gives no translation")]

    def scale(self, domain, columns=None):
        """The :class:`Scale` of some columns of a real domain, ``"1"`` or ``"2"``; each is computed once."""
        real = self.x1 if domain == "1" else self.x2
        key = domain, tuple(range(real.shape[1]) if columns is None else columns)
        if key not in self._scales:
            self._scales[key] = Scale(real[:, list(key[1])], one_scale=self._one_scale)
        return self._scales[key]


class Direction:
    """One direction of a translation.

    Parameters
    ----------
    translation
        The whole translation, which has this direction.
    name
        ``"12"`` from domain 1 to domain 2, ``"21"`` from domain 2 to domain 1.

    Attributes
    ----------
    source
        Real cells of the source domain.
    real
        Real cells of the target domain.
    predicted
        The translated cells, shape (cells of the source, features of the target), units of the target domain.
    """

    def __init__(self, translation, name):
        self.name, self._translation = name, translation
        first = name == "12"
        self.source, self.real = (translation.x1, translation.x2) if first else (translation.x2, translation.x1)
        self.predicted = translation.x12 if first else translation.x21

    def scale(self, columns=None):
        """The :class:`Scale` of the target domain."""
        return self._translation.scale(self.name[1], columns)

    def source_scale(self, columns=None):
        """The :class:`Scale` of the source domain."""
        return self._translation.scale(self.name[0], columns)

    @cached_property
    def nearest(self):
        """Distances and rows of the (up to 5) real target cells nearest to each translated one, both (n, 5)."""
        scale = self.scale()
        return _neighbours(scale.coordinates(self.real), scale.coordinates(self.predicted), N_NEAREST)

    @cached_property
    def real_spacing(self):
        """Distance of each real target cell to the nearest other one, shape (cells of the target,)."""
        coordinates = self.scale().coordinates(self.real)
        return _neighbours(coordinates, coordinates, 2)[0][:, 1]


class Scale:
    """The units in which cells of one domain are compared.

    Parameters
    ----------
    real
        Real cells of the domain, shape (n, d).
    one_scale
        Divide all features by one number, the root of their mean variance, instead of each by its own standard
        deviation. For pixels: those at the edge hardly vary, so that in units of their own the smallest noise there
        outweighs the whole image.

    Raises
    ------
    NotApplicable
        Every feature of the domain is constant.

    Notes
    -----
    z = (x - mean) / sd of the real cells, divisor n. A feature that is constant in the real domain has no unit and is
    left out; under `one_scale` it is kept. Where there are more than 100 features, distances are those of the first 50
    principal components of the real z, from a full decomposition without random numbers.
    """

    def __init__(self, real, *, one_scale=False):
        self._mean, deviation = real.mean(axis=0), real.std(axis=0)
        varies = deviation > ROUNDING * np.abs(real).max(axis=0)
        if not varies.any():
            raise NotApplicable("every feature of the target domain is constant")
        self.kept = np.flatnonzero(varies | one_scale)
        self._unit = np.sqrt(np.square(deviation).mean()) if one_scale else deviation[self.kept]
        self._real = real

    def z(self, x):
        """Cells in these units, shape (n, features kept)."""
        return (x[:, self.kept] - self._mean[self.kept]) / self._unit

    def coordinates(self, x):
        """Cells in the coordinates of distances, shape (n, features kept or components)."""
        z = self.z(x)
        return z if self._axes is None else z @ self._axes

    @cached_property
    def _axes(self):
        """Principal axes as columns, shape (features kept, at most 50); None for at most 100 features."""
        if len(self.kept) <= MANY_FEATURES:
            return None
        z = self.z(self._real)
        if len(z) < z.shape[1]:
            return np.linalg.svd(z, full_matrices=False)[2][:N_COMPONENTS].T
        return np.linalg.eigh(z.T @ z)[1][:, ::-1][:, :N_COMPONENTS]


class Correspondence:
    """Ground truth for the cells of a translation. All parts are optional.

    Parameters
    ----------
    target12
        What domain 2 would have measured for the cells of domain 1, shape (n1, m), in units of domain 2.
    columns12
        The columns of domain 2 that `target12` has, shape (m,); None for all in their order.
    target21, columns21
        The same for the cells of domain 2, in units and columns of domain 1.
    partner
        Row of domain 2 that is the same cell, shape (n1,); -1 where there is none. Without a target, the real row of
        the partner is the target.
    label1, label2
        Label of every cell, shape (n1,) and (n2,), of any type; the same label in both domains is the same cell type.
    pairs
        (row of domain 1, row of domain 2) of pairs that the method was given; these cells are not scored.
    scored
        Columns of domain 2 that are scored feature by feature; None for all of `columns12`.
    features2
        Names of the columns of domain 2; None for their numbers.

    Raises
    ------
    DataError
        A value is not finite, a label is missing, a row is out of range, two cells have one partner, or a name occurs
        twice.
    ShapeError
        The shapes of the parts do not fit each other.
    """

    def __init__(
        self,
        target12=None,
        columns12=None,
        target21=None,
        columns21=None,
        partner=None,
        label1=None,
        label2=None,
        pairs=(),
        scored=None,
        features2=None,
    ):
        self._targets = {"12": _target(target12, columns12, "12"), "21": _target(target21, columns21, "21")}
        self._partner = None if partner is None else _partners(partner)
        labels = {"1": label1, "2": label2}
        self._labels = {name: None if label is None else _labels(label, name) for name, label in labels.items()}
        self.pairs = np.asarray(list(pairs), dtype=np.int64).reshape(-1, 2)
        self.scored = None if scored is None else [int(column) for column in scored]
        self.features2 = None if features2 is None else [str(name) for name in features2]
        if self.features2 is not None and len(set(self.features2)) < len(self.features2):
            raise DataError("names of the features of domain 2 are not unique")

    @property
    def partner(self):
        """Row of domain 2 that is the same cell, or -1, shape (n1,); NotApplicable where no partner is known."""
        return given(self._partner, "no partners are known")

    @property
    def paired(self):
        """Whether partners are known."""
        return self._partner is not None

    def has_label(self, domain):
        """Whether labels of the cells of domain ``"1"`` or ``"2"`` are known."""
        return self._labels[domain] is not None

    def label(self, domain):
        """Labels of the cells of domain ``"1"`` or ``"2"``, texts; NotApplicable without them."""
        return given(self._labels[domain], "no labels are known")

    def scored_rows(self, translation, domain):
        """Rows of the cells of a domain that are not in a known pair, ascending."""
        rows = np.arange(len(translation.x1 if domain == "1" else translation.x2))
        return np.setdiff1d(rows, self.pairs[:, int(domain) - 1])

    def target(self, translation, name):
        """Target of the cells of one direction.

        Parameters
        ----------
        translation
            The translation that is scored.
        name
            ``"12"`` or ``"21"``.

        Returns
        -------
        Rows of the source domain that are scored; what the target domain would have measured for them, shape
        (rows, m); and the columns of the target domain that this has. None where nothing is known.
        """
        real = translation.x2 if name == "12" else translation.x1
        rows = self.scored_rows(translation, name[0])
        if self._targets[name] is not None:
            values, columns = self._targets[name]
            return rows, values[rows], np.arange(real.shape[1]) if columns is None else columns
        if self._partner is None:
            return None
        partner = self._partner if name == "12" else _inverse(self._partner, len(translation.x2))
        rows = rows[partner[rows] >= 0]
        return rows, real[partner[rows]], np.arange(real.shape[1])

    def check(self, translation):
        """Raise ShapeError or DataError where this does not fit the cells and features of `translation`."""
        sizes, widths = zip(translation.x1.shape, translation.x2.shape, strict=True)
        for name, size, width in (("12", sizes[0], widths[1]), ("21", sizes[1], widths[0])):
            _check_target(self._targets[name], name, size, width)
        for name, size in zip("12", sizes, strict=True):
            _check_length(self._labels[name], f"label{name}", size)
        _check_length(self._partner, "partner", sizes[0])
        _check_length(self.features2, "features2", widths[1])
        _check_rows(self._partner, "partner", sizes[1], low=-1)
        _check_rows(self.pairs[:, 0], "pairs", sizes[0])
        _check_rows(self.pairs[:, 1], "pairs", sizes[1])
        _check_rows(self.scored, "scored", widths[1])


def _neighbours(real, cells, n_nearest):
    """Distances and rows of the real cells nearest to each cell, ascending, each (cells, n_nearest or all)."""
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=min(n_nearest, len(real))).fit(real).kneighbors(cells)


def _matrix(values, name, shape):
    """A finite matrix of a shape, or None."""
    return None if values is None else finite_matrix(values, name, shape)


def _target(values, columns, name):
    """A target and its columns, or None."""
    if values is None:
        return None
    columns = None if columns is None else np.asarray(columns, dtype=np.int64)
    return finite_matrix(values, f"target{name}"), columns


def _partners(partner):
    """Rows of domain 2, each at most once."""
    partner = np.asarray(partner)
    if partner.ndim != 1 or not np.issubdtype(partner.dtype, np.integer):
        raise ShapeError(
            f"partner must be whole numbers, one per cell of domain 1, not {partner.dtype} {partner.shape}"
        )
    known = partner[partner >= 0]
    if len(np.unique(known)) < len(known):
        raise DataError("two cells of domain 1 have the same partner in domain 2")
    return partner.astype(np.int64)


def _inverse(partner, n_cells):
    """Row of domain 1 that is the same cell, for each cell of domain 2; -1 where there is none."""
    found = np.full(n_cells, -1, dtype=np.int64)
    known = np.flatnonzero(partner >= 0)
    found[partner[known]] = known
    return found


def _labels(labels, name):
    """Labels as texts, none missing."""
    import pandas as pd

    labels = np.asarray(labels, dtype=object)
    missing = pd.isna(labels)
    if missing.any():
        raise DataError(f"{int(missing.sum())} of {len(labels)} cells of domain {name} have no label")
    return labels.astype(str)


def _check_target(target, name, n_cells, n_features):
    """The target has a row for each cell, and its columns exist."""
    if target is None:
        return
    values, columns = target
    expected = (n_cells, n_features if columns is None else len(columns))
    if values.shape != expected:
        raise ShapeError(f"target{name} has shape {values.shape}; expected {expected}. Cells are rows.")
    _check_rows(columns, f"columns{name}", n_features)


def _check_length(part, name, length):
    """The number of entries is right."""
    if part is not None and len(part) != length:
        raise ShapeError(f"{name} has {len(part)} entries; expected {length}")


def _check_rows(rows, name, size, low=0):
    """Numbers of rows or columns are in range."""
    if rows is not None and len(rows) and not low <= np.min(rows) <= np.max(rows) < size:
        raise DataError(f"{name} holds {np.min(rows)} to {np.max(rows)}; allowed are {low} to {size - 1}")
