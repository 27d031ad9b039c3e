"""One mass cytometry sample as two batches, the first from a simulated failing instrument that loses CD45RA."""

import numpy as np

from portal_lib.datasets.align._cytofkit import MARKERS, read_markers
from portal_lib.datasets.align._domains import as_table, halves
from portal_lib.preparation.domains import Correspondence, Domains, Truth

DATASET = {
    "label": "CyTOF replicates, CD45RA lost",
    "shares": "_cytofkit",
    "params": {
        "shared": {
            "default": "all",
            "type": "string",
            "enum": ["all", "without_CD45RA"],
            "description": "shared features",
        },
        "seed": {
            "default": 0,
            "type": "integer",
            "minimum": 0,
            "description": "seed of the split of the cells and of the distortion",
        },
    },
    "figures": ["cells", "destinations", "markers"],
    "shown": ["CD45RA", "CCR7"],
    "defaults": {"training_steps": 2000, "lambda_corr": 10.0},
    "citation": "Chen et al. 2016, PLoS Computational Biology 12:e1005112; task of Amodio & Krishnaswamy, ICML 2018, "
    "arXiv 1803.00385, section 4.3",
}

LOST, FAINT = "CD45RA", "HLA-DR"
LOST_SHARE, LOST_FACTOR, FAINT_FACTOR = 0.95, 0.1, 0.2
# Arcsinh units; cells above are T cells.
CD3_CUT = 2.0


def load(folder, *, shared="all", seed=0):
    """Distort one half of the cells and keep the other.

    Parameters
    ----------
    folder
        Folder that contains the file.
    shared
        ``"all"`` 40 markers are shared features, or all ``"without_CD45RA"``, which is still measured in both domains.
    seed
        Seed of the split, the distortion and the dropout, each with its own random stream.

    Returns
    -------
    Domains of shape (7971, 40) each: domain 1 is the distorted first half, domain 2 the second half, undistorted.
    Ground truth: `target12` is the first half before the distortion, `target21` the second half distorted; labels
    "naive", "memory" (T cells by CD45RA) and "other", of undistorted values.

    Raises
    ------
    DataError
        The file is not the expected one.

    Notes
    -----
    On arcsinh(counts / 5), per marker::

        x' = max(0, s max(0, x)^g + t),  log s ~ N(0, 0.3²),  g ~ U(0.8, 1.25),  t ~ N(0, 0.3²)

    HLA-DR: x' = 0.2 max(0, x). CD45RA: 0 in a random 95 % of the cells, 0.1 max(0, x) in the rest; the 95 % of the
    second half are a separate draw. Negative values are randomised zero counts, of which powers are undefined.

    All values are standardised with the mean and standard deviation of the marker over both domains together, which
    keeps the batch effect under test; hence `standardise` is False. Methods pool both domains for shared features only:
    if they standardised, they would amplify CD45RA in domain 1 where it is not shared, and the two values of `shared`
    would give different data.

    T cells have CD3 > 2. They are naive if CD45RA is above :func:`mixture_cut`, else memory.

    References
    ----------
    Amodio and Krishnaswamy, ICML 2018, arXiv 1803.00385, section 4.3: two runs of one sample; the distortion is ours.
    """
    values = read_markers(folder)
    split, curve, first_lost, second_lost = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4))
    first, second = halves(len(values), split)
    distort = draw_distortion(curve)
    x1, x2 = distort(values[first], first_lost), values[second]
    both = np.concatenate([x1, x2])
    centre, scale = both.mean(axis=0), both.std(axis=0)

    def table(part, prefix):
        return as_table((part - centre) / np.where(scale > 0, scale, 1.0), MARKERS, prefix)

    pairs = tuple((marker, marker) for marker in MARKERS if shared == "all" or marker != LOST)
    labels = _populations(values)
    targets = {"target12": table(values[first], "a"), "target21": table(distort(x2, second_lost), "b")}
    domains = Domains(table(x1, "a"), table(x2, "b"), (Correspondence(shared=pairs),), standardise=False)
    return domains, Truth(**targets, label1=labels[first], label2=labels[second])


def draw_distortion(rng):
    """Draw the distortion of each marker by the first instrument.

    Parameters
    ----------
    rng
        Generator (``numpy.random.Generator``) of s, then g, then t of all markers.

    Returns
    -------
    Function of arcsinh values, shape (n_cells, 40), and of a generator that draws the cells that lose CD45RA; returns
    the distorted values, same shape. See :func:`load` for the equation.
    """
    n = len(MARKERS)
    s, g, t = np.exp(rng.normal(0.0, 0.3, n)), rng.uniform(0.8, 1.25, n), rng.normal(0.0, 0.3, n)
    for marker, factor in ((FAINT, FAINT_FACTOR), (LOST, LOST_FACTOR)):
        place = MARKERS.index(marker)
        s[place], g[place], t[place] = factor, 1.0, 0.0

    def distort(values, lost_rng):
        distorted = np.maximum(0.0, s * np.maximum(values, 0.0) ** g + t)
        lost = lost_rng.permutation(len(values))[: round(LOST_SHARE * len(values))]
        distorted[lost, MARKERS.index(LOST)] = 0.0
        return distorted

    return distort


def _populations(values):
    """Population of every cell, by undistorted markers."""
    t_cell = values[:, MARKERS.index("CD3")] > CD3_CUT
    lost = values[:, MARKERS.index(LOST)]
    naive = lost > mixture_cut(lost[t_cell])
    return np.where(t_cell, np.where(naive, "naive", "memory"), "other")


def mixture_cut(values):
    """Value between the means of a mixture of two Gaussians at which both are equally likely.

    Parameters
    ----------
    values
        Shape (n_cells,).

    Returns
    -------
    The cut, in units of `values`. The likelier component would not do, since the wider one is likelier in both tails.
    """
    from scipy.optimize import brentq
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(n_components=2, random_state=0).fit(values[:, None])
    low, high = np.sort(mixture.means_.ravel())
    upper = int(mixture.means_.ravel().argmax())
    return brentq(lambda x: mixture.predict_proba([[x]])[0, upper] - 0.5, low, high)
