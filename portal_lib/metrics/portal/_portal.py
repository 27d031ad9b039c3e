"""Facts shared by most metrics of the Portal paper."""

SHARED = {
    "definition": "portal",
    "range": [0, 1],
    "better": "higher",
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022)",
}
