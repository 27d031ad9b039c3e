"""Mass cytometry of mouse thymus in two panels, with each marker in turn hidden from the first."""

from pathlib import Path

import numpy as np

from portal_lib.datasets.align._domains import as_table, halves, read_channels
from portal_lib.errors import DataError
from portal_lib.preparation.domains import Correspondence, Domains, Truth

DATASET = {
    "label": "Thymus CyTOF, one marker hidden",
    "task": "align",
    "organism": "mouse",
    "files": [
        {
            "name": "sample_masscyt.fcs",
            "url": "https://raw.githubusercontent.com/ManuSetty/wishbone/7023ce388de93925cbc99f884662b90825855da5/"
            "data/sample_masscyt.fcs",
            "sha256": "abc942fcee5d81a5f85c1f6e6ba53fb17ed10cd032119ca6f4b4a074cefe0afe",
            "bytes": 2601025,
            "licence": "GPL-2",
        }
    ],
    "params": {
        "markers": {
            "default": None,
            "type": ["array", "null"],
            "items": {
                "type": "string",
                "enum": [
                    "CD27",
                    "CD4",
                    "CD5",
                    "CD127",
                    "CD44",
                    "CD69",
                    "CD117",
                    "CD62L",
                    "CD24",
                    "CD3",
                    "CD8",
                    "CD25",
                    "TCRb",
                ],
            },
            "minItems": 1,
            "uniqueItems": True,
            "description": "markers to hide, one training each; null for all 13",
        },
        "seed": {"default": 0, "type": "integer", "minimum": 0, "description": "seed of the split of the cells"},
    },
    "max_trainings": 3,
    "figures": ["markers"],
    "defaults": {"training_steps": 500, "lambda_corr": 10.0},
    "citation": "Setty et al. 2016, Nature Biotechnology 34:637, doi:10.1038/nbt.3569; task of Amodio & Krishnaswamy, "
    "ICML 2018, arXiv 1803.00385, section 4.4",
    "licence": "GPL-2",
}

MARKERS = tuple(DATASET["params"]["markers"]["items"]["enum"])
N_CELLS = 25000


def load(folder, *, markers=None, seed=0):
    """Split the cells into two halves, measured with the same 13 markers except the hidden one.

    Parameters
    ----------
    folder
        Folder that contains the files of ``DATASET["files"]``.
    markers
        Markers to hide from domain 1, one training each; None for all 13.
    seed
        Seed of the split: ``numpy.random.default_rng(seed)`` permutes the cells, the first half is domain 1.

    Returns
    -------
    Domains of shape (12500, 13) each, arcsinh as published, not standardised; methods standardise shared markers over
    both domains together. One correspondence per hidden marker; the other 12 are shared. Ground truth of all 13
    markers of every cell, in both directions. No cell is in both domains, so there are no partners.

    Raises
    ------
    DataError
        The file is not the expected one, or `markers` contains an unknown marker.

    References
    ----------
    Amodio and Krishnaswamy, ICML 2018, arXiv 1803.00385, section 4.4, where the two panels are of 35 and 31 markers.
    """
    hidden = MARKERS if markers is None else tuple(markers)
    if unknown := [marker for marker in hidden if marker not in MARKERS]:
        raise DataError(f"thymus_panels: no marker '{unknown[0]}'. Found: {', '.join(MARKERS)}.")
    path = Path(folder) / DATASET["files"][0]["name"]
    values = read_channels(path, MARKERS, N_CELLS)
    first, second = halves(len(values), np.random.default_rng(seed))
    x1, x2 = as_table(values[first], MARKERS, "a"), as_table(values[second], MARKERS, "b")
    correspondences = tuple(
        Correspondence(shared=tuple((m, m) for m in MARKERS if m != one), hidden=(one,)) for one in hidden
    )
    return Domains(x1, x2, correspondences), Truth(target12=x1, target21=x2)
