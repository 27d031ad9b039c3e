"""Blood of one volunteer in two batches of mass cytometry: real replicates without ground truth per cell."""

from pathlib import Path

import numpy as np

from portal_lib.datasets.align._domains import as_table, read_channels
from portal_lib.errors import DataError
from portal_lib.preparation.domains import Correspondence, Domains, Truth

DATASET = {
    "label": "CyTOF replicates, real batches",
    "task": "align",
    "organism": "human",
    "files": [
        {
            "name": "Gates_PTLG021_Unstim_Control_1.fcs",
            "url": "https://raw.githubusercontent.com/saeyslab/CytoNorm/b1046ac76d4873acdcc82e92003e8eb919ebdd01/"
            "inst/extdata/Gates_PTLG021_Unstim_Control_1.fcs",
            "sha256": "852c6c346168e4e39e7d990729d41aa6cd53d0794debeb73bc396292678f58b8",
            "bytes": 225607,
            "licence": "GPL (>= 2)",
        },
        {
            "name": "Gates_PTLG021_Unstim_Control_2.fcs",
            "url": "https://raw.githubusercontent.com/saeyslab/CytoNorm/b1046ac76d4873acdcc82e92003e8eb919ebdd01/"
            "inst/extdata/Gates_PTLG021_Unstim_Control_2.fcs",
            "sha256": "53e2e57ef6a2c376ab43ce18b096e16d3043b1ea48c6a990b4fb2d08b6166bcd",
            "bytes": 225601,
            "licence": "GPL (>= 2)",
        },
        {
            "name": "Gates_PTLG028_Unstim_Control_1.fcs",
            "url": "https://raw.githubusercontent.com/saeyslab/CytoNorm/b1046ac76d4873acdcc82e92003e8eb919ebdd01/"
            "inst/extdata/Gates_PTLG028_Unstim_Control_1.fcs",
            "sha256": "78b8d9afab4e79e72b6efe8c4f4e50e452ec82936481de1b7056b2f11d88dcb1",
            "bytes": 225607,
            "licence": "GPL (>= 2)",
        },
        {
            "name": "Gates_PTLG028_Unstim_Control_2.fcs",
            "url": "https://raw.githubusercontent.com/saeyslab/CytoNorm/b1046ac76d4873acdcc82e92003e8eb919ebdd01/"
            "inst/extdata/Gates_PTLG028_Unstim_Control_2.fcs",
            "sha256": "d299ad706a5d643b2bc3ac4b49899a76b7cd2f6bc214a1fe6c1f4aada14b04f4",
            "bytes": 225603,
            "licence": "GPL (>= 2)",
        },
        {
            "name": "Gates_PTLG034_Unstim_Control_1.fcs",
            "url": "https://raw.githubusercontent.com/saeyslab/CytoNorm/b1046ac76d4873acdcc82e92003e8eb919ebdd01/"
            "inst/extdata/Gates_PTLG034_Unstim_Control_1.fcs",
            "sha256": "413a942f6fd62a0743c65fd3b3cbe5f5952771bfefcfa898f6a5dfa54ca59d43",
            "bytes": 225593,
            "licence": "GPL (>= 2)",
        },
        {
            "name": "Gates_PTLG034_Unstim_Control_2.fcs",
            "url": "https://raw.githubusercontent.com/saeyslab/CytoNorm/b1046ac76d4873acdcc82e92003e8eb919ebdd01/"
            "inst/extdata/Gates_PTLG034_Unstim_Control_2.fcs",
            "sha256": "2b7c0a98b1ac11f9198a1e04f6193383226c92e9ac396fc393a6bf36b9a185cd",
            "bytes": 225597,
            "licence": "GPL (>= 2)",
        },
    ],
    "params": {
        "first": {
            "default": "PTLG021",
            "type": "string",
            "enum": ["PTLG021", "PTLG028", "PTLG034"],
            "description": "batch of domain 1",
        },
        "second": {
            "default": "PTLG028",
            "type": "string",
            "enum": ["PTLG021", "PTLG028", "PTLG034"],
            "description": "batch of domain 2",
        },
        "volunteer": {"default": 1, "type": "integer", "enum": [1, 2], "description": "volunteer"},
    },
    "max_trainings": 3,
    "figures": ["cells"],
    "shown": ["CD45RA", "CD3"],
    "defaults": {"training_steps": 1000, "lambda_corr": 10.0},
    "citation": "Van Gassen et al. 2020, Cytometry A 97:268, doi:10.1002/cyto.a.23904; task of Amodio & Krishnaswamy, "
    "ICML 2018, arXiv 1803.00385, section 4.3",
    "licence": "GPL (>= 2)",
}

COFACTOR = 5.0
N_CELLS = 1000
# The channels that the authors analyse, in their order.
MARKERS = (
    "CCR2", "CCR7", "CCR9", "CD3", "CD4", "CD7", "CD8a", "CD11b", "CD11c", "CD14",
    "CD15", "CD16", "CD25", "CD33", "CD19", "CD45", "CD45RA", "CD56", "CD66", "CD123",
    "CD161", "CD235ab_CD61", "HLADR", "TCRgd", "CREB", "CXCR3", "ERK", "FoxP3", "IkB", "MAPKAPK2",
    "NFkB", "p38", "S6", "STAT1", "STAT3", "STAT5", "Tbet",
)  # fmt: skip


def load(folder, *, first="PTLG021", second="PTLG028", volunteer=1):
    """Read one unstimulated sample from two batches.

    Parameters
    ----------
    folder
        Folder that contains the files of ``DATASET["files"]``.
    first, second
        Batches that become domain 1 and domain 2.
    volunteer
        1 or 2.

    Returns
    -------
    Domains of shape (1000, 37) each, arcsinh(counts / 5), all 37 markers shared, not standardised; methods standardise
    shared markers over both domains together, which keeps the batch effect. The ground truth is empty: the
    cells are of one person, but their correspondence is unknown.

    Raises
    ------
    DataError
        A file is not the expected one, or both batches are the same.
    """
    if first == second:
        raise DataError(f"cytonorm_replicates: both domains are batch '{first}'; choose two batches")
    tables = [_read(folder, batch, volunteer, side) for batch, side in ((first, "a"), (second, "b"))]
    return Domains(*tables, (Correspondence(shared=tuple((marker, marker) for marker in MARKERS)),)), Truth()


def _read(folder, batch, volunteer, prefix):
    """The analysed markers of one batch."""
    path = Path(folder) / f"Gates_{batch}_Unstim_Control_{volunteer}.fcs"
    values = read_channels(path, MARKERS, N_CELLS)
    return as_table(np.arcsinh(values / COFACTOR), MARKERS, prefix)
