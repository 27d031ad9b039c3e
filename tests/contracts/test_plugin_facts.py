"""Facts of every plug-in are complete, of the right types, and readable without importing it."""

import inspect

import pytest
from plugin_facts import of_task, task_of

from portal_lib.benchmark import facts, registry
from portal_lib.benchmark.config import schema

PLUGINS = [(kind, name) for kind in registry.FACTS for name in registry.find(kind)]
WITH_PARAMS = [(kind, name) for kind, name in PLUGINS if kind in ("datasets", "methods")]
# Figures import matplotlib, and test_figure_contract.py is the contract of their function.
NOT_DRAWN = [(kind, name) for kind, name in PLUGINS if kind != "figures"]


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_facts_are_complete_and_of_the_right_types(kind, name):
    assert facts.problems(kind, name, registry.find(kind)[name]) == []


@pytest.mark.parametrize(("kind", "name"), WITH_PARAMS)
def test_every_default_fits_the_schema_of_its_parameter(kind, name):
    for key, spec in registry.find(kind)[name]["params"].items():
        schema.Validator.check_schema(spec)
        assert schema.problems(spec["default"], spec, key) == []


@pytest.mark.parametrize(("kind", "name"), NOT_DRAWN)
def test_importing_a_plug_in_is_light(heavy_imports, kind, name):
    assert heavy_imports[registry.module_name(registry.source(kind, name))] == []


def test_importing_the_package_is_light(heavy_imports):
    assert heavy_imports["portal_lib"] == []


@pytest.mark.parametrize("kind", registry.FACTS)
def test_labels_are_unique(kind):
    labels = [facts["label"] for facts in registry.find(kind).values()]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(("kind", "name"), NOT_DRAWN)
def test_the_function_has_the_parameters_of_the_contract(kind, name):
    stated = registry.find(kind)[name]
    plugin, of_params = registry.load(kind, name), list(stated.get("params", {}))
    wanted = {
        ("datasets", "integrate"): [("load", ["folder", *of_params])],
        ("datasets", "align"): [("load", ["folder", *of_params])],
        ("metrics", "integrate"): [("score", ["space", "truth"])],
        ("metrics", "align"): [("score", ["translation", "correspondence"])],
    }
    for_methods = {"integrate": ("run", ["data"]), "align": ("align", ["task_input"])}
    tasks = [stated["task"]] if isinstance(stated.get("task"), str) else stated.get("task", [])
    of_method = [(function, [*first, "params", "seed", "device"]) for function, first in map(for_methods.get, tasks)]
    for function, expected in of_method if kind == "methods" else wanted[kind, task_of(kind, stated)]:
        assert list(inspect.signature(getattr(plugin, function)).parameters) == expected


@pytest.mark.parametrize("name", registry.find("datasets"))
def test_defaults_of_a_data_set_equal_those_of_its_function(name):
    signature = inspect.signature(registry.load("datasets", name).load).parameters
    for key, spec in registry.find("datasets")[name]["params"].items():
        assert signature[key].default == spec["default"]


@pytest.mark.parametrize("name", of_task("datasets", registry.find("datasets"), "align"))
def test_method_defaults_of_a_data_set_fit_the_parameters_of_methods(name):
    """Of at least one method, and of every method with a parameter of that name."""
    for key, value in registry.find("datasets")[name]["defaults"].items():
        specs = [facts["params"][key] for facts in registry.find("methods").values() if key in facts["params"]]
        assert specs, key
        assert [problem for spec in specs for problem in schema.problems(value, spec, key)] == []


@pytest.mark.parametrize("name", of_task("datasets", registry.find("datasets"), "integrate"))
def test_expected_numbers_are_of_the_batches(name):
    stated = registry.find("datasets")[name]
    assert set(stated["expected"]) <= {"n_cells", "n_genes"}
    assert set(stated["expected"].get("n_cells", {})) <= set(stated.get("batches", ()))
    assert len({file["name"] for file in stated["files"]}) == len(stated["files"])
