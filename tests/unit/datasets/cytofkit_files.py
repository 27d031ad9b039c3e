"""A small file with the channels of the file that two data sets split into domains."""

import numpy as np
from fcs_files import fcs

from portal_lib.datasets.align import _cytofkit

# Channels before and after the markers, among them a second CD14 between the first and CD57.
BEFORE = [("Time", ""), ("Cell_length", ""), ("(Rh103)Di", "BC103")]
SECOND = [("(In113)Di", "BC113"), ("(Cd114)Di", "CD14")]
AFTER = [("(Ir191)Di", "191"), ("(Pt195)Di", "Cisplatin")]


def write(folder, values, monkeypatch, **other):
    """Write counts of the 40 markers, shape (n, 40), among other channels, and expect that many cells."""
    own = [(f"(X{i})Di", marker) for i, marker in enumerate(_cytofkit.MARKERS)]
    own[0] = (_cytofkit.CD14_CHANNEL, "CD14")
    channels = [*BEFORE, own[0], *SECOND, *own[1:], *AFTER]
    columns = {name: values[:, i] for i, (name, _) in enumerate(own)}
    table = np.column_stack([columns.get(name, np.full(len(values), 1e4)) for name, _ in channels])
    names, markers = zip(*channels, strict=True)
    (folder / _cytofkit.SHARED["files"][0]["name"]).write_bytes(fcs(table, names, markers, **other))
    monkeypatch.setattr(_cytofkit, "N_CELLS", len(values))
    return folder
