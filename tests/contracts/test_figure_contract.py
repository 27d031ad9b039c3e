"""Every figure states what it is drawn from, and its function `draw` takes exactly that."""

import inspect
import re
from string import Formatter

import pytest

from portal_lib.benchmark import registry, tasks
from portal_lib.benchmark.data.figure_inputs import INPUTS

FIGURES = registry.find("figures")


@pytest.mark.parametrize("name", FIGURES)
def test_draw_takes_the_inputs_and_facts_that_a_figure_states(name):
    stated = [*FIGURES[name]["inputs"], *FIGURES[name]["facts"]]
    taken = inspect.signature(registry.load("figures", name).draw).parameters
    assert set(stated) <= set(taken)
    assert {key for key, parameter in taken.items() if parameter.default is inspect.Parameter.empty} <= set(stated)


@pytest.mark.parametrize("name", FIGURES)
def test_files_are_named_after_the_figure_and_labels_have_no_other_wildcards(name):
    facts = FIGURES[name]
    assert re.match(rf"{name}[._]|{name}$", facts["file"])
    fields = [{field for _, field, _, _ in Formatter().parse(facts[key]) if field} for key in ("label", "file")]
    assert fields[0] <= fields[1]
    assert set(facts["tasks"]) <= set(tasks.names())
    assert set(facts.get("replaced_by", [])) <= set(FIGURES)


def test_labels_are_unique():
    labels = [facts["label"] for facts in FIGURES.values()]
    assert len(set(labels)) == len(labels)


def test_every_figure_that_a_data_set_names_exists():
    named = {figure for facts in registry.find("datasets").values() for figure in facts.get("figures", [])}
    assert named == {name for name, facts in FIGURES.items() if facts.get("chosen")}


def test_no_input_is_superfluous():
    used = {name for facts in FIGURES.values() for key in ("inputs", "requires") for name in facts.get(key, [])}
    assert set(INPUTS) - used <= {"scores", "records"}
