"""cLISI of the Portal paper, which is scib's."""

from portal_lib.metrics._lisi import clisi

METRIC = {
    "label": "cLISI (Portal)",
    "shares": "_portal",
    "group": "portal_bio",
    "implementation": "ours; equal to scib 1.1.7 within 1e-5 below 8,192 cells; "
    "from there on scanpy's neighbours are approximate and ours exact",
    "needs": ["graph", "label"],
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022); Luecken et al., Nature Methods 19, 41 (2022)",
}

score = clisi
