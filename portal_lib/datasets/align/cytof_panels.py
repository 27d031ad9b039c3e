"""Two panels of mass cytometry with 16 shared markers, from one file: the other panel of every cell is known."""

import numpy as np

from portal_lib.datasets.align._cytofkit import MARKERS, read_markers
from portal_lib.datasets.align._domains import as_table, halves
from portal_lib.preparation.domains import Correspondence, Domains, Truth

DATASET = {
    "label": "Two CyTOF panels",
    "shares": "_cytofkit",
    "params": {
        "hide": {
            "default": False,
            "type": "boolean",
            "description": "hide each shared marker in turn from the first panel, one training each, instead of one "
            "training with all 16",
        },
        "seed": {"default": 0, "type": "integer", "minimum": 0, "description": "seed of the split of the cells"},
    },
    "figures": ["markers"],
    "defaults": {"training_steps": 2000, "lambda_corr": 10.0},
    "citation": "Chen et al. 2016, PLoS Computational Biology 12:e1005112; task of Amodio & Krishnaswamy, ICML 2018, "
    "arXiv 1803.00385, section 4.4",
}

SHARED = (
    "CD3", "CD4", "CD8", "CD45", "CD45RA", "CD27", "CD28", "CD127",
    "CD5", "CD57", "CD16", "CD56", "CD161", "CD38", "CCR7", "HLA-DR",
)  # fmt: skip


def panels():
    """Markers of both panels: the 16 shared ones, then the others, split alternately in the order of the file."""
    own = [marker for marker in MARKERS if marker not in SHARED]
    return SHARED + tuple(own[::2]), SHARED + tuple(own[1::2])


def load(folder, *, hide=False, seed=0):
    """Split the file into two panels of 28 markers, each measured on half of the cells.

    Parameters
    ----------
    folder
        Folder that contains the file.
    hide
        False: one correspondence, all 16 shared markers. True: one for each of them, in which it is
        hidden from domain 1 and the other 15 are shared.
    seed
        Seed of the split: ``numpy.random.default_rng(seed)`` permutes the cells, the first half is measured by panel A.

    Returns
    -------
    Domains of shape (7971, 28) each, arcsinh(counts / 5), not standardised; methods standardise shared markers over
    both domains together. Ground truth: the other panel of every cell; the 12 markers that only panel B has are
    scored one by one. No cell is in both domains, so there are no partners.

    Raises
    ------
    DataError
        The file is not the expected one.

    References
    ----------
    Amodio and Krishnaswamy, ICML 2018, arXiv 1803.00385, section 4.4, on another file: panels of 35 and 31 markers.
    """
    values = read_markers(folder)
    first, second = halves(len(values), np.random.default_rng(seed))
    a, b = panels()

    def measured(cells, panel, prefix):
        return as_table(values[np.ix_(cells, [MARKERS.index(marker) for marker in panel])], panel, prefix)

    domains = Domains(measured(first, a, "a"), measured(second, b, "b"), _correspondences(hide))
    targets = {"target12": measured(first, b, "a"), "target21": measured(second, a, "b")}
    return domains, Truth(**targets, scored=b[len(SHARED) :])


def _correspondences(hide):
    """All shared markers at once, or all but each one in turn."""
    if not hide:
        return (Correspondence(shared=tuple((marker, marker) for marker in SHARED)),)
    return tuple(
        Correspondence(shared=tuple((marker, marker) for marker in SHARED if marker != hidden), hidden=(hidden,))
        for hidden in SHARED
    )
