"""Small data that every plug-in is tried on."""

import json
import subprocess
import sys

import pytest

from portal_lib.benchmark import registry

HEAVY = ["torch", "scanpy", "anndata", "numba", "sklearn", "umap", "igraph", "harmonypy", "matplotlib", "snakemake"]
IMPORT_ALL = """
import importlib, json, sys
found = {}
for name in sys.argv[2:]:
    importlib.import_module(name)
    found[name] = [heavy for heavy in json.loads(sys.argv[1]) if sys.modules.pop(heavy, None)]
print(json.dumps(found))
"""


@pytest.fixture(scope="session")
def prepared():
    """The toy atlas, small, as every method gets it; treat as read-only."""
    from portal_lib.datasets.integrate import toy_atlas
    from portal_lib.preparation import prepare

    counts = toy_atlas.load(n_cells=360, n_genes=700, seed=1)
    facts = {key: toy_atlas.DATASET[key] for key in ("batch_key", "label_key", "batches")}
    return prepare(counts, **facts, n_top_genes=600, n_pcs=30, n_pcs_unintegrated=50)


@pytest.fixture(scope="session")
def heavy_imports():
    """Heavy packages that importing each plug-in brings in, by module name."""
    files = [file for kind in ("datasets", "methods", "metrics") for file in registry.sources(kind).values()]
    modules = [registry.module_name(file) for file in files]
    words = [sys.executable, "-c", IMPORT_ALL, json.dumps(HEAVY), "portal_lib", *modules]
    return json.loads(subprocess.run(words, cwd=registry.PACKAGE.parent, capture_output=True, check=True).stdout)
