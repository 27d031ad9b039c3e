"""Graph iLISI: how well the batches are mixed in the neighbourhoods of cells."""

from portal_lib.metrics._lisi import ilisi

METRIC = {
    "label": "iLISI",
    "shares": "_scib",
    "group": "batch",
    "implementation": "ours; equal to scib 1.1.7 within 1e-5, the digits that it passes through files, below "
    "8,192 cells; from there on scanpy's neighbours are approximate and ours exact",
    "needs": ["graph", "batch"],
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Korsunsky et al., Nature Methods 16, 1289 (2019)",
}

score = ilisi
