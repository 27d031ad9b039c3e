"""Plug-ins are found by folder, and read without being imported."""

import json
import subprocess
import sys

import pytest

from portal_lib.benchmark import registry
from portal_lib.errors import ConfigError

READ_ALL = """
import json, sys, time
from portal_lib.benchmark import registry
from portal_lib.benchmark.config.parse import parse_config
methods = [name for name, facts in registry.find("methods").items() if not facts["given"]]
run = parse_config({"datasets": ["toy_atlas", "gaussians"], "methods": methods})
heavy = {"torch", "scanpy", "anndata", "numba", "numpy", "pandas", "scipy"} & set(sys.modules)
print(json.dumps({"heavy": sorted(heavy), "cpu_s": time.process_time(), "methods": len(registry.find("methods"))}))
"""


@pytest.fixture(autouse=True)
def _read_anew():
    """Tests that change the folder read the registry anew, and so do those after them."""
    for cached in (registry.find, registry.facts, registry.sources):
        cached.cache_clear()
    yield
    for cached in (registry.find, registry.facts, registry.sources):
        cached.cache_clear()


def write(folder, text, name="thing.py"):
    file = folder / name
    file.write_text(text)
    return file


def test_registry_and_configuration_are_read_lightly_and_fast():
    words = [sys.executable, "-c", READ_ALL]
    said = json.loads(subprocess.run(words, cwd=registry.PACKAGE.parent, capture_output=True, check=True).stdout)
    assert said["methods"] == len(list((registry.PACKAGE / "methods").glob("*/[!_]*.py")))
    assert said["heavy"] == []
    assert said["cpu_s"] < 0.5


@pytest.mark.parametrize("kind", registry.FACTS)
def test_every_file_without_underscore_is_a_plug_in_and_no_other(kind):
    pattern = "reporting/figures/*.py" if kind == "figures" else f"{kind}/*/*.py"
    files = {file.name for file in registry.PACKAGE.glob(pattern)}
    assert {f"{name}.py" for name in registry.find(kind)} == {name for name in files if name[0] not in "_."}
    assert list(registry.find(kind)) == sorted(registry.find(kind))


def test_a_dropped_file_is_found_and_helpers_and_hidden_files_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "PACKAGE", tmp_path)
    for folder in ("one", "two"):
        (tmp_path / "methods" / folder).mkdir(parents=True)
    for name in ("one/b.py", "two/a.py", "one/_helper.py", "one/.b.py", "one/notes.txt", "above.py"):
        write(tmp_path / "methods", "raise SystemExit\nMETHOD = {'label': 'x'}\n", name)
    completed = registry.DEFAULTS["methods"] | {"label": "x"}
    assert registry.find("methods") == {"a": completed, "b": completed}
    assert registry.source("methods", "a") == tmp_path / "methods" / "two" / "a.py"


def test_two_files_of_one_name_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "PACKAGE", tmp_path)
    for folder in ("one", "two"):
        (tmp_path / "metrics" / folder).mkdir(parents=True)
        write(tmp_path / "metrics" / folder, "METRIC = {'label': 'x'}\n", "same.py")
    with pytest.raises(ConfigError, match=r"one/same\.py and .*two/same\.py have the same name"):
        registry.find("metrics")


def test_facts_may_be_annotated_and_hold_any_literal(tmp_path):
    file = write(tmp_path, 'import torch_of_another_world\nMETHOD: dict = {"a": [1, -2.5, None, True, "x" "y"]}\n')
    assert registry.read_facts(file, "METHOD") == {"a": [1, -2.5, None, True, "xy"]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("METHOD = {'a': N}", ": malformed node or string on line 1: "),
        ("METHOD = dict(a=1)", ": malformed node or string on line 1: "),
        ("METHOD = {'a': f'{1}'}", ": malformed node or string on line 1: "),
        ("METHOD = {[]: 1}", ": unhashable type: 'list'"),
        ("METHOD = ['a']", ", not list"),
        ("METHOD: dict", ": malformed node or string: None"),
    ],
)
def test_facts_that_are_no_literal_dict_are_refused(tmp_path, text, reason):
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        registry.read_facts(file, "METHOD")
    assert str(caught.value).startswith(f"{file}: METHOD must be a literal dict (no names, no calls){reason}")


def test_a_file_without_facts_is_refused(tmp_path):
    file = write(tmp_path, "def run():\n    METHOD = {}\n")
    with pytest.raises(ConfigError) as caught:
        registry.read_facts(file, "METHOD")
    assert str(caught.value) == f"{file}: no METHOD at the top of the file. See CONTRIBUTING.md for a worked example."


def test_a_file_that_is_not_python_is_refused_by_its_line(tmp_path):
    file = write(tmp_path, "METHOD = {}\ndef run(:\n")
    with pytest.raises(ConfigError) as caught:
        registry.read_facts(file, "METHOD")
    assert str(caught.value) == f"{file}: line 2 is not Python: invalid syntax"


def test_source_and_load_name_the_same_file():
    module = registry.load("methods", "shuffle")
    assert registry.source("methods", "shuffle").samefile(module.__file__)


FAMILY = """
SHARED = {"device": "any", "params": {"steps": {"default": 9, "type": "integer"}, "rate": {"default": 1}}}
"""
ONE = """
METHOD = {"label": "One", "shares": "_family", "params": {"steps": {"default": 3}, "own": {"default": 0}}}
"""
TWO = 'METHOD = {"label": "Two", "shares": "_family", "device": "cpu"}'


@pytest.fixture
def family(tmp_path, monkeypatch):
    """A package of methods that share facts."""
    folder = tmp_path / "methods" / "some"
    folder.mkdir(parents=True)
    for name, text in (("_family.py", FAMILY), ("one.py", ONE), ("two.py", TWO)):
        write(folder, text, name)
    monkeypatch.setattr(registry, "PACKAGE", tmp_path)
    return folder


def test_facts_of_the_plug_in_override_shared_ones(family):
    one, two = (registry.find("methods")[name] for name in ("one", "two"))
    assert one["params"] == {"steps": {"default": 3, "type": "integer"}, "rate": {"default": 1}, "own": {"default": 0}}
    assert (one["device"], two["device"]) == ("any", "cpu")
    assert list(two["params"]) == ["steps", "rate"]
    assert "shares" not in one | two


def test_shared_facts_that_are_not_there_are_an_error(family):
    (family / "_family.py").unlink()
    with pytest.raises(ConfigError, match=r"_family\.py: there is no such file"):
        registry.find("methods")


DEFINED = """
METHOD = {
    "label": "Defined",
    "parameters": "portal_lib.portal.parameters.PortalParameters",
    "parameter_names": ["seed", "margin"],
    "params": {"margin": {"default": 1.0}, "own": {"default": 0}},
}
"""


def test_facts_take_the_definitions_of_the_parameters_that_they_name(family):
    write(family, DEFINED, "defined.py")
    params = registry.find("methods")["defined"]["params"]
    assert list(params) == ["seed", "margin", "own"]
    assert (params["margin"]["default"], params["margin"]["minimum"], params["seed"]["type"]) == (1.0, 0, "integer")
    assert set(registry.find("methods")["defined"]) == {"label", *registry.DEFAULTS["methods"]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("PortalParameters", "Other", "parameters is 'portal_lib.portal.parameters.Other', which cannot be imported"),
        ("portal_lib.portal", "portal_lib.no", "parameters is 'portal_lib.no.parameters.PortalParameters', which"),
        ('"seed"', '"sed"', "parameter_names: PortalParameters has no parameter sed. Known: lambda_cos, "),
    ],
)
def test_facts_that_name_unknown_parameters_are_refused(family, old, new, message):
    file = write(family, DEFINED.replace(old, new), "defined.py")
    with pytest.raises(ConfigError) as caught:
        registry.find("methods")
    assert str(caught.value).startswith(f"{file}: {message}")
