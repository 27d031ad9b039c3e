"""The wheel alone is enough: installed somewhere else, it works in an empty folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata

import pytest
from workdir import ROOT

SOURCES = ("portal_lib", "pyproject.toml", "README.md", "LICENSE")
# What pyproject.toml needs; where setuptools is older, pip fetches another for the build.
SETUPTOOLS = 77


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of the sources, so that no earlier build leaks into it."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    words = ["wheel", "--no-deps", "--wheel-dir", folder / "built", folder]
    if int(metadata.version("setuptools").partition(".")[0]) >= SETUPTOOLS:
        words.insert(1, "--no-build-isolation")
    pip(*words)
    (built,) = (folder / "built").glob("portal_lib-*.whl")
    return built


def pip(*words):
    words = [sys.executable, "-m", "pip", *map(str, words), "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_schema_templates_and_every_module_are_in_the_wheel(wheel):
    package = ROOT / "portal_lib"
    patterns = ("**/*.py", "**/*.j2", "benchmark/config/schema.yaml", "py.typed")
    wanted = {str(path.relative_to(ROOT)) for pattern in patterns for path in package.glob(pattern)}
    assert sum(name.endswith(".j2") for name in wanted) > 5
    with zipfile.ZipFile(wheel) as archive:
        assert wanted - set(archive.namelist()) == set()


def test_the_wheel_states_what_a_package_index_shows(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode()
    for field in ("Author: ", "Project-URL: ", "Keywords: ", "Classifier: ", "Requires-Python: ", "Provides-Extra: "):
        assert f"\n{field}" in text


def test_the_installed_wheel_works_in_an_empty_folder(wheel, tmp_path):
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    pip("install", "--no-deps", "--target", installed, wheel)
    environment = os.environ | {"PYTHONPATH": str(installed)}
    words = [sys.executable, ROOT / "tests" / "releases" / "small.py"]
    done = subprocess.run(words, cwd=empty, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines()[-1].endswith("from installed: all calls passed")
    assert list(empty.iterdir()) == []
