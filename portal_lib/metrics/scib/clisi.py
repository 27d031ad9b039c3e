"""Graph cLISI: how pure the neighbourhoods of cells are in labels."""

from portal_lib.metrics._lisi import clisi

METRIC = {
    "label": "cLISI",
    "shares": "_scib",
    "group": "bio",
    "implementation": "ours; equal to scib 1.1.7 within 1e-5, the digits that it passes through files, below "
    "8,192 cells; from there on scanpy's neighbours are approximate and ours exact",
    "needs": ["graph", "label"],
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Korsunsky et al., Nature Methods 16, 1289 (2019)",
}

score = clisi
