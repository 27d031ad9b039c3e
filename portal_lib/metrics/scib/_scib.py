"""Facts shared by most metrics of scIB."""

SHARED = {
    "definition": "scib",
    "implementation": "ours; equal to scib 1.1.7 within 1e-6",
    "fast": False,
    "citation": "Luecken et al., Nature Methods 19, 41 (2022)",
}
