"""A change reruns exactly what it touches, so the files that something imports must be exactly those."""

import pytest

from portal_lib.benchmark import imports, registry
from portal_lib.benchmark.imports import external_imports, imported_names, library_files
from portal_lib.benchmark.tasks import names, stage_file

FILES = {
    "library/__init__.py": "",
    "library/deep/__init__.py": "",
    "library/deep/a.py": "from . import b\nfrom .. import top\n",
    "library/deep/b.py": "from ..top import value\n",
    "library/top.py": "value = 1\nimport os.path\n",
    "library/lazy.py": "def f():\n    if True:\n        import library.deep.b\n        import numpy.linalg as la\n",
    "library/typed.py": """
from typing import TYPE_CHECKING
import typing
if TYPE_CHECKING:
    import library.top
else:
    import library.deep.b
if typing.TYPE_CHECKING:
    from pandas import DataFrame
if not TYPE_CHECKING:
    import scipy
""",
    "library/round.py": "import library.trip\n",
    "library/trip.py": "import library.round\n",
    "library/named.py": "from library.deep import b as c, nothing\n",
}


@pytest.fixture
def library(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(imports, "ROOT", tmp_path.resolve())
    for function in (imports._direct, imported_names):
        function.cache_clear()
    yield tmp_path.resolve()
    for function in (imports._direct, imported_names):
        function.cache_clear()


def found(library, *names):
    files = library_files(*(library / "library" / name for name in names))
    return [str(file.relative_to(library / "library")) for file in files]


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("top.py", ["top.py"]),
        ("deep/a.py", ["__init__.py", "deep/__init__.py", "deep/a.py", "deep/b.py", "top.py"]),
        ("lazy.py", ["__init__.py", "deep/__init__.py", "deep/b.py", "lazy.py", "top.py"]),
        ("typed.py", ["__init__.py", "deep/__init__.py", "deep/b.py", "top.py", "typed.py"]),
        ("round.py", ["__init__.py", "round.py", "trip.py"]),
        ("named.py", ["__init__.py", "deep/__init__.py", "deep/b.py", "named.py", "top.py"]),
    ],
)
def test_files_are_found_through_others(library, name, files):
    assert found(library, name) == files


def test_several_files_share_one_sorted_list(library):
    assert found(library, "top.py", "round.py") == ["__init__.py", "round.py", "top.py", "trip.py"]


def test_packages_from_outside_are_named_without_the_standard_library(library):
    assert external_imports(library / "library" / "lazy.py") == ["numpy"]
    assert external_imports(library / "library" / "typed.py") == ["scipy"]


def users_of(file):
    """Methods that have to run again when `file` changes."""
    file = registry.PACKAGE / file
    return {name for name in registry.find("methods") if file in library_files(registry.source("methods", name))}


@pytest.mark.parametrize("file", ["training/trainer.py", "training/losses.py", "training/objectives/portal.py"])
def test_the_trainer_touches_exactly_the_methods_that_use_it(file):
    users = users_of(file)
    assert "portal" in users
    assert not users & {"harmony", "combat", "unintegrated"}
    assert not users & {name for name, facts in registry.find("methods").items() if facts["control"]}


def test_a_method_touches_itself_alone():
    for name in registry.find("methods"):
        assert users_of(registry.source("methods", name)) == {name}


def test_running_a_method_touches_no_metric_and_no_figure():
    root = registry.PACKAGE.parent
    child = root / "portal_lib" / "benchmark" / "run" / "child.py"
    script = root / "scripts" / "run_method.py"
    touched = library_files(script, child, *(stage_file(name, "run") for name in names()))
    folders = {file.relative_to(registry.PACKAGE).parts[0] for file in touched if file.is_relative_to(registry.PACKAGE)}
    assert not folders & {"metrics", "reporting", "training", "methods", "datasets"}
    assert script in touched
