"""Wrong facts of a plug-in are one message that names the file and the key."""

import pytest

from portal_lib.benchmark import facts, registry
from portal_lib.benchmark.config.parse import parse_config
from portal_lib.errors import ConfigError


def changed(kind, name, **values):
    """Facts of a plug-in with some keys replaced, or without those whose value is None."""
    return {key: value for key, value in (registry.facts(kind, name) | values).items() if value is not None}


@pytest.mark.parametrize("kind", registry.FACTS)
def test_the_facts_of_all_plug_ins_are_right(kind):
    assert [line for name, stated in registry.find(kind).items() for line in facts.problems(kind, name, stated)] == []


@pytest.mark.parametrize(
    ("kind", "name", "values", "lines"),
    [
        ("methods", "harmony", {"threads": None}, ["METHOD: 'threads' is missing"]),
        ("methods", "harmony", {"thread": 1}, ["METHOD: unknown key 'thread', did you mean 'threads'?"]),
        ("methods", "harmony", {"device": "gpu"}, ["METHOD.device: 'gpu' is not allowed, did you mean 'cpu'?"]),
        ("methods", "harmony", {"threads": "many", "control": 1}, 2),
        (
            "methods",
            "harmony",
            {"params": {"theta": {"default": "2", "type": "number", "description": "Penalty."}}},
            ["METHOD.params.theta.default: '2' is not a number"],
        ),
        ("datasets", "toy_atlas", {"task": None}, ["DATASET: 'task' is missing"]),
        (
            "datasets",
            "toy_atlas",
            {"task": "intergrate"},
            ["DATASET.task: 'intergrate' is not allowed, did you mean 'integrate'?"],
        ),
        ("datasets", "gaussians", {"max_trainings": None}, ["DATASET: 'max_trainings' is missing"]),
        ("metrics", "nmi", {"group": "bioo"}, ["METRIC.group: 'bioo' is not allowed, did you mean 'bio'?"]),
        ("metrics", "nmi", {"needs": []}, 1),
        ("metrics", "destination", {"order": 0}, ["METRIC.order: 0 is less than the minimum of 1"]),
        ("figures", "umap", {"tasks": None}, ["FIGURE: 'tasks' is missing"]),
        (
            "figures",
            "umap",
            {"facts": ["method", "dataset"]},
            ["FIGURE.facts: 'method' is not allowed, did you mean 'methods'?"],
        ),
    ],
)
def test_each_problem_names_its_key(kind, name, values, lines):
    found = facts.problems(kind, name, changed(kind, name, **values))
    assert len(found) == lines if isinstance(lines, int) else found == lines


def test_a_file_name_must_be_a_plain_word():
    assert facts.problems("methods", "My-Method", registry.facts("methods", "harmony"))


def test_a_configuration_is_not_read_with_wrong_facts(tmp_path, monkeypatch):
    for kind in registry.FACTS:
        (tmp_path / kind / "some").mkdir(parents=True)
    (tmp_path / "methods" / "some" / "mine.py").write_text("METHOD = {'label': 'Mine', 'task': 'integrate'}\n")
    (tmp_path / "datasets" / "some" / "data.py").write_text("DATASET = {'label': 'Data', 'task': 'cluster'}\n")
    monkeypatch.setattr(registry, "PACKAGE", tmp_path)
    for cached in (registry.find, registry.facts, registry.sources, facts.check_plugins):
        cached.cache_clear()
    try:
        with pytest.raises(ConfigError) as caught:
            parse_config({})
    finally:
        for cached in (registry.find, registry.facts, registry.sources, facts.check_plugins):
            cached.cache_clear()
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("the facts of plug-ins have ")
    assert f"  {tmp_path.name}/methods/some/mine.py: METHOD: 'output' is missing" in lines
    assert any("data.py: DATASET.task: 'cluster' is not allowed" in line for line in lines)
