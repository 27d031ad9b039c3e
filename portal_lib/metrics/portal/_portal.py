"""Facts shared by most metrics of the Portal paper."""

SHARED = {"definition": "portal", "fast": False, "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022)"}
