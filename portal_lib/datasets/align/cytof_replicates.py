"""One sample of mass cytometry twice, the first time through a failing instrument that hardly sees CD45RA."""

import numpy as np

from portal_lib.datasets.align._cytofkit import MARKERS, read_markers
from portal_lib.datasets.align._halves import as_table, halves
from portal_lib.preparation.domains import Correspondence, Domains, Truth

DATASET = {
    "label": "CyTOF replicates, CD45RA lost",
    "task": "align",
    "organism": "human",
    "files": [
        {
            "name": "130515_C2_stim_CD19-.fcs",
            "url": "https://raw.githubusercontent.com/JinmiaoChenLab/cytofkit/3d134085453231403a3cf327e981b419f966295c/"
            "inst/extdata/130515_C2_stim_CD19-.fcs",
            "sha256": "6c0223de6580b4670132032b2f823ba745bb7a47f82b9e3d637c9882271f8caa",
            "bytes": 3383800,
            "licence": "Artistic-2.0",
        },
    ],
    "expected": {},
    "params": {
        "told": {
            "default": "all",
            "type": "string",
            "enum": ["all", "without_CD45RA"],
            "description": "markers that are told to be the same in both batches",
        },
        "seed": {
            "default": 0,
            "type": "integer",
            "minimum": 0,
            "description": "of the split of the cells and of the distortion",
        },
    },
    "resampled_per_seed": False,
    "max_trainings": 3,
    "figures": ["cells", "destinations", "markers"],
    "shown": ["CD45RA", "CCR7"],
    "defaults": {"training_steps": 2000, "lambda_corr": 10.0},
    "citation": "Chen et al. 2016, PLoS Computational Biology 12:e1005112; task of Amodio & Krishnaswamy, ICML 2018, "
    "arXiv 1803.00385, section 4.3",
    "licence": "Artistic-2.0",
}

LOST, FAINT = "CD45RA", "HLA-DR"
LOST_SHARE, LOST_FACTOR, FAINT_FACTOR = 0.95, 0.1, 0.2
# Arcsinh units; what lies above is a T cell.
CD3_CUT = 2.0


def load(folder, *, told="all", seed=0):
    """Distort one half of the cells, and leave the other as it is.

    Parameters
    ----------
    folder
        Folder that holds the file of ``DATASET["files"]`` under its name.
    told
        ``"all"`` 40 markers are shared, or all ``"without_CD45RA"``, which is then still measured by both.
    seed
        Of the split, the distortion and the dropout, each with a random stream of its own.

    Returns
    -------
    Domains of shape (7971, 40) each: domain 1 is the distorted first half, domain 2 the second half, undistorted.
    Truth: `target12` is what the first half was before the distortion, `target21` the second half distorted; labels
    "naive", "memory" (T cells by CD45RA) and "other", of undistorted values.

    Raises
    ------
    DataError
        The file is not what it should be.

    Notes
    -----
    On arcsinh(counts / 5), per marker::

        x' = max(0, s max(0, x)^g + t),  log s ~ N(0, 0.3²),  g ~ U(0.8, 1.25),  t ~ N(0, 0.3²)

    HLA-DR: x' = 0.2 max(0, x). CD45RA: 0 in a random 95 % of the cells, 0.1 max(0, x) in the rest; the 95 % of the
    second half are those of a draw of its own. Negative values are randomised zero counts and have no real power.

    All values are centred and divided by the mean and standard deviation that the marker has over both domains
    together, so that the shift under test stays; hence `standardise` is False. Methods scale only what is told to be
    shared over both domains together: if they were to scale here, they would blow up CD45RA in domain 1 alone where it
    is not told, and the two forms of `told` would not be of the same data.

    A T cell has CD3 > 2. It is naive where its CD45RA lies above the cut of :func:`mixture_cut`, else memory.

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

    shared = tuple((marker, marker) for marker in MARKERS if told == "all" or marker != LOST)
    labels = _populations(values)
    targets = {"target12": table(values[first], "a"), "target21": table(distort(x2, second_lost), "b")}
    domains = Domains(table(x1, "a"), table(x2, "b"), (Correspondence(shared=shared),), standardise=False)
    return domains, Truth(**targets, label1=labels[first], label2=labels[second])


def draw_distortion(rng):
    """Draw what the first run of the instrument does to each marker.

    Parameters
    ----------
    rng
        Of the curves, ``numpy.random.Generator``; draws s, then g, then t of all markers.

    Returns
    -------
    Function of arcsinh values, shape (n_cells, 40), and of a generator that draws which cells lose CD45RA; gives the
    distorted values, the same shape. Equation in :func:`load`.
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
    """Population of every cell by its undistorted markers."""
    t_cell = values[:, MARKERS.index("CD3")] > CD3_CUT
    lost = values[:, MARKERS.index(LOST)]
    naive = lost > mixture_cut(lost[t_cell])
    return np.where(t_cell, np.where(naive, "naive", "memory"), "other")


def mixture_cut(values):
    """Where, between the means of a mixture of two Gaussians, both are equally likely.

    Parameters
    ----------
    values
        Shape (n_cells,).

    Returns
    -------
    The cut, in units of `values`. A cut and not the likelier component, since the wider one takes both tails.
    """
    from scipy.optimize import brentq
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(n_components=2, random_state=0).fit(values[:, None])
    low, high = np.sort(mixture.means_.ravel())
    upper = int(mixture.means_.ravel().argmax())
    return brentq(lambda x: mixture.predict_proba([[x]])[0, upper] - 0.5, low, high)
