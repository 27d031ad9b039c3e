"""Synthetic and real data to score, and scib with a LISI program compiled for this machine."""

import importlib.util
import shutil
import tempfile
import warnings

import pytest
from scored_cells import GOLDEN, load_real, made_cells


@pytest.fixture(scope="session")
def made():
    """Made cells."""
    return made_cells()


@pytest.fixture(scope="session")
def real():
    """Loader of real cells by name, each file read once."""
    loaded = {}

    def load(name):
        if name not in loaded:
            loaded[name] = load_real(name)
        return loaded[name]

    return load


@pytest.fixture(scope="session")
def golden_recipe():
    """The module that made the golden LISI values."""
    spec = importlib.util.spec_from_file_location("scib_lisi_make", GOLDEN / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def scib():
    """Scib itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("scib", reason="scib is not installed")


@pytest.fixture
def scib_with_lisi(scib, lisi_program, monkeypatch):
    """Scib with its LISI program compiled here from the source that it ships."""
    monkeypatch.setattr(scib, "__file__", lisi_program)
    return scib


@pytest.fixture(scope="session")
def lisi_program(scib, golden_recipe):
    """What ``scib.__file__`` must be to find a LISI program that runs here."""
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler to build scib's LISI program")
    with tempfile.TemporaryDirectory() as folder:
        yield golden_recipe.compile_program(folder)
