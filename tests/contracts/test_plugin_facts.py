"""Facts of every plug-in: complete, of the right types, and read without importing it."""

import inspect

import pytest
from plugin_facts import NAME, SCHEMAS

from portal_lib.benchmark import registry, schema

PLUGINS = [(kind, name) for kind in registry.FACTS for name in registry.find(kind)]
WITH_PARAMS = [(kind, name) for kind, name in PLUGINS if kind != "metrics"]


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_facts_are_complete_and_of_the_right_types(kind, name):
    assert NAME.fullmatch(name)
    assert schema.problems(registry.find(kind)[name], SCHEMAS[kind]) == []


@pytest.mark.parametrize(("kind", "name"), WITH_PARAMS)
def test_every_parameter_is_closed_by_its_own_schema_and_its_default_fits(kind, name):
    for key, spec in registry.find(kind)[name]["params"].items():
        schema.Validator.check_schema(spec)
        assert schema.problems(spec["default"], spec, key) == []


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_importing_a_plug_in_is_light(heavy_imports, kind, name):
    assert heavy_imports[f"portal_lib.{kind}.{name}"] == []


def test_importing_the_package_is_light(heavy_imports):
    assert heavy_imports["portal_lib"] == []


@pytest.mark.parametrize("kind", registry.FACTS)
def test_labels_for_people_are_unique(kind):
    labels = [facts["label"] for facts in registry.find(kind).values()]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_the_function_takes_what_the_contract_says(kind, name):
    function = {"datasets": "load", "methods": "run", "metrics": "score"}[kind]
    found = list(inspect.signature(getattr(registry.load(kind, name), function)).parameters)
    facts = registry.find(kind)[name]
    expected = {"datasets": ["folder", *facts.get("params", {})], "methods": ["data", "params", "seed", "device"]}
    assert found == expected.get(kind, ["space", "truth"])


@pytest.mark.parametrize("name", registry.find("datasets"))
def test_defaults_of_a_data_set_are_those_of_its_function(name):
    signature = inspect.signature(registry.load("datasets", name).load).parameters
    for key, spec in registry.find("datasets")[name]["params"].items():
        assert signature[key].default == spec["default"]


@pytest.mark.parametrize("name", registry.find("datasets"))
def test_expected_numbers_are_about_the_batches(name):
    facts = registry.find("datasets")[name]
    assert set(facts["expected"]) <= {"n_cells", "n_genes"}
    assert set(facts["expected"].get("n_cells", {})) <= set(facts["batches"])
    assert len({file["name"] for file in facts["files"]}) == len(facts["files"])
