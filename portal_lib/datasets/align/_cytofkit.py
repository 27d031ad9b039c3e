"""The file of mass cytometry that two data sets cut into domains: 40 markers of 15,942 cells, all on the same cells."""

from pathlib import Path

import numpy as np

from portal_lib.errors import DataError
from portal_lib.preparation.fcs import read_fcs, take

NAME = "130515_C2_stim_CD19-.fcs"
N_CELLS = 15942
# Of two channels named CD14 this is the one that is used.
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
        Holds the file under its name.

    Returns
    -------
    float64 array, shape (15942, 40), arcsinh of counts over 5, columns in the order of `MARKERS`. Values go down to
    -0.2: the instrument's software spreads zero counts at random.

    Raises
    ------
    DataError
        The file is not what it should be.
    """
    path = Path(folder) / NAME
    channels = [CD14_CHANNEL if marker == "CD14" else marker for marker in MARKERS]
    values = take(read_fcs(path), channels, path)
    if len(values) != N_CELLS:
        raise DataError(f"{path}: the file read is not the one expected: {N_CELLS} cells expected, found {len(values)}")
    return np.arcsinh(values / COFACTOR)
