"""Imports go in one direction, as described in ARCHITECTURE.md."""

import ast
import sys

import pytest

from portal_lib.benchmark import imports, registry

ROOT = registry.PACKAGE.parent
# What every package may import.
SHARED = {"errors", "_extras", "_files", "_parameters", "_text"}
# What a package may import of its siblings, itself apart; a package that is not named has no arrow to it.
ALLOWED = {
    "training": SHARED,
    "preparation": SHARED,
    "portal": {*SHARED, "training", "preparation"},
    "alignment": {*SHARED, "portal", "training", "preparation"},
    # A data set to align is two domains, whose contract belongs to preparation.
    "datasets": {*SHARED, "preparation"},
    # What is benchmarked is what is shipped: plug-ins call the public API.
    "methods": {*SHARED, "portal", "alignment", "training", "preparation"},
    "metrics": SHARED,
    # Tables and figures have one interval.
    "reporting": {*SHARED, "_intervals"},
    # Loaded data are checked as data sets are, scoring calls the metrics, and files are those of preparation.
    "benchmark": {*SHARED, "_intervals", "datasets", "metrics", "preparation"},
}
PACKAGES = list(ALLOWED)
# Modules at the top of the package.
TOP = {
    "__init__": {"alignment", "portal", "scoring"},
    "__main__": {"cli"},
    "cli": {*SHARED, "alignment", "portal", "preparation", "scoring", "training"},
    # Scores are those of the benchmark, by its own code.
    "scoring": {"_extras", "_files", "_text", "errors", "benchmark", "preparation"},
    "_extras": {"errors"},
    "_files": {"errors"},
    "_intervals": {"errors"},
    "_parameters": {"errors", "_text"},
    "_text": set(),
    "errors": set(),
}
# Definitions of parameters, which import nothing heavy: everything may use them.
DEFINITIONS = {"portal.parameters", "alignment.parameters"}
TRAINING_PACKAGES = {"torch", "numpy", "scipy", "pandas", "tqdm", "sklearn"}
# Of another plug-in's folder only shared helpers may be named.
PLUGIN_PACKAGES = ["datasets", "methods", "metrics"]


def files(*folders, pattern="*.py"):
    return [
        file for folder in folders for file in sorted((ROOT / folder).rglob(pattern)) if "__pycache__" not in str(file)
    ]


def package_names(file):
    """Dotted names of modules of the package that a file imports, without the package's own name."""
    for name in imports.imported_names(file):
        parts = name.split(".")
        if parts[0] == registry.PACKAGE.name and len(parts) > 1:
            yield ".".join(parts[1:])


def outside(file):
    tops = {name.partition(".")[0] for name in imports.imported_names(file)}
    return tops - set(sys.stdlib_module_names) - {registry.PACKAGE.name}


def short(file):
    return str(file.relative_to(ROOT))


def test_every_package_has_its_arrows():
    found = {file.name for file in registry.PACKAGE.iterdir() if file.is_dir() and file.name != "__pycache__"}
    assert found == set(PACKAGES)
    assert {file.stem for file in registry.PACKAGE.glob("*.py")} == set(TOP)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_its_arrows_allow(package):
    allowed = ALLOWED[package] | {package, "__version__"}
    wrong = [
        f"{short(file)} imports {name}"
        for file in files(f"portal_lib/{package}")
        for name in package_names(file)
        if name.partition(".")[0] not in allowed and ".".join(name.split(".")[:2]) not in DEFINITIONS
    ]
    assert wrong == []


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in sorted(registry.PACKAGE.glob("*.py"))])
def test_a_top_module_imports_only_what_its_arrows_allow(file):
    allowed = TOP[file.stem] | {file.stem, "__version__"}
    assert {name for name in package_names(file) if name.partition(".")[0] not in allowed} == set()


def test_errors_import_nothing():
    assert imports.imported_names(registry.PACKAGE / "errors.py") == frozenset()


def test_training_knows_no_package_beyond_its_six():
    found = {(short(file), name) for file in files("portal_lib/training") for name in outside(file) - TRAINING_PACKAGES}
    assert found == set()


def test_metrics_know_no_files_and_no_annotated_data():
    found = {
        (short(file), name) for file in files("portal_lib/metrics") for name in outside(file) & {"anndata", "h5py"}
    }
    assert found == set()


def test_no_file_names_a_plug_in():
    """A plug-in is found by its folder; its neighbours may use shared helpers only."""
    plugins = {
        ".".join(file.relative_to(registry.PACKAGE).with_suffix("").parts)
        for kind in PLUGIN_PACKAGES
        for file in registry.sources(kind).values()
    }
    for file in files("portal_lib", "scripts"):
        own = ".".join(file.relative_to(ROOT).with_suffix("").parts[1:])
        named = {name for name in package_names(file) if ".".join(name.split(".")[:3]) in plugins}
        assert named <= {own}, short(file)


def test_nothing_imports_scripts_or_tests():
    for file in files("portal_lib", "scripts"):
        tops = {name.partition(".")[0] for name in imports.imported_names(file)}
        assert not tops & {"scripts", "tests", "snakemake"}, short(file)


def test_benchmark_contains_no_name_of_a_plug_in():
    """Not in a string either: choosing by name is how a central list begins."""
    names = {name for kind in PLUGIN_PACKAGES for name in registry.find(kind)}
    for file in files("portal_lib/benchmark"):
        tree = ast.parse(file.read_text())
        said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        assert said & names == set(), short(file)
