"""The mass cytometry file that two data sets split into domains: 40 markers, all measured in the same 15,942 cells."""

from pathlib import Path

import numpy as np

from portal_lib.datasets.align._domains import read_channels

# Facts of both data sets.
SHARED = {
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
        }
    ],
    "max_trainings": 3,
    "licence": "Artistic-2.0",
}

N_CELLS = 15942
# Two channels are named CD14; this one is used.
CD14_CHANNEL = "(Cd112)Di"
COFACTOR = 5.0
# In the order of the file.
MARKERS = (
    "CD14", "CD57", "CD45", "CD5", "IFNg", "HLA-DR", "CD62L", "CD69", "CD16", "CD8",
    "TNFa", "CD85j", "CD4", "GranzymeB", "CD27", "Vd2", "CD107a", "CD3", "CD152", "CD19",
    "TIM3", "CD56", "IL10", "CD28", "CD38", "IL4", "CD127", "IL17_CD95", "CD95", "IL2",
    "GDTCR", "CCR7", "CD25", "CD161", "CD154", "GM-CSF", "Perforin", "CD45RA", "MIP1B", "Va24Ja18",
)  # fmt: skip


def read_markers(folder):
    """Read the 40 markers.

    Parameters
    ----------
    folder
        Folder that contains the file.

    Returns
    -------
    float64 array, shape (15942, 40), arcsinh(counts / 5), columns in the order of `MARKERS`. Values reach down to
    -0.2, because the software of the instrument randomises zero counts.

    Raises
    ------
    DataError
        The file is not the expected one.
    """
    path = Path(folder) / SHARED["files"][0]["name"]
    channels = [CD14_CHANNEL if marker == "CD14" else marker for marker in MARKERS]
    return np.arcsinh(read_channels(path, channels, N_CELLS) / COFACTOR)
