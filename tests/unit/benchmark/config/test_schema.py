"""The wording of the messages: place, what was found, what is allowed, and a hint."""

import pytest

from portal_lib.benchmark.config.schema import fill_defaults, place, problems, repeated_keys, with_numbers

CLOSED = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "dependentRequired": {"path": ["batch", "label"], "label": ["path"], "layer": ["path"]},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "path": {"type": "string"},
        "batch": {"type": "string"},
        "label": {"type": "string"},
        "layer": {"type": "string"},
        "size": {"type": "integer", "minimum": 1, "maximum": 9},
        "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "flag": {"type": "boolean"},
        "kind": {"type": "string", "enum": ["latent", "reference"]},
        "maybe": {"type": ["integer", "null"]},
        "seeds": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "integer"}},
        "either": {
            "anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": False, "properties": {"a": {}}}]
        },
    },
}


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ({"name": "a"}, []),
        (None, ["top level: null is not a map"]),
        ({}, ["top level: 'name' is missing"]),
        ({"name": "a", "nmae": 1}, ["top level: unknown key 'nmae', did you mean 'name'?"]),
        ({"name": "a", 7: 1}, [f"top level: unknown key '7'. Known: {', '.join(sorted(CLOSED['properties']))}."]),
        ({"name": 3}, ["name: 3 is not text; write it in quotes"]),
        ({"name": True}, ["name: true is not text; write it in quotes"]),
        ({"name": None}, ["name: null is not text; write it in quotes"]),
        ({"name": ["a"]}, ['name: ["a"] is not text']),
        ({"name": "A"}, ["name: 'A' does not match ^[a-z]+$"]),
        ({"name": "a", "size": 0}, ["size: 0 is less than the minimum of 1"]),
        ({"name": "a", "size": 10}, ["size: 10 is greater than the maximum of 9"]),
        ({"name": "a", "size": "3"}, ["size: '3' is not a whole number"]),
        ({"name": "a", "size": 3.0}, ["size: 3.0 is not a whole number"]),
        ({"name": "a", "size": True}, ["size: true is not a whole number"]),
        ({"name": "a", "share": 0}, ["share: 0 is not greater than 0"]),
        ({"name": "a", "share": 1}, ["share: 1 is not less than 1"]),
        ({"name": "a", "share": float("nan")}, ["share: NaN is not a number"]),
        ({"name": "a", "share": float("inf")}, ["share: Infinity is not a number"]),
        ({"name": "a", "flag": "yes"}, ["flag: 'yes' is not true or false"]),
        ({"name": "a", "kind": "latnt"}, ["kind: 'latnt' is not allowed, did you mean 'latent'?"]),
        ({"name": "a", "kind": "x"}, ["kind: 'x' is not allowed. Known: latent, reference."]),
        ({"name": "a", "maybe": "x"}, ["maybe: 'x' is not a whole number or null"]),
        ({"name": "a", "seeds": []}, ["seeds: the list is empty; name at least one"]),
        ({"name": "a", "seeds": [1, 1]}, ["seeds: [1, 1] has the same item twice"]),
        ({"name": "a", "seeds": [1, "x"]}, ["seeds[1]: 'x' is not a whole number"]),
        ({"name": "a", "either": 3}, ["either: 3 is not text or a map"]),
        ({"name": "a", "either": {"b": 1}}, ["either: unknown key 'b'. Known: a."]),
        (
            {"name": "a", "path": "x"},
            ["top level: 'path' needs 'batch' as well", "top level: 'path' needs 'label' as well"],
        ),
        (
            {"name": "a", "label": "x", "layer": "y"},
            ["top level: 'label' needs 'path' as well", "top level: 'layer' needs 'path' as well"],
        ),
    ],
)
def test_each_kind_of_problem_has_its_words(value, lines):
    assert problems(value, CLOSED) == lines


def test_all_problems_are_reported_in_the_order_of_their_place():
    seeds = [0] * 2 + ["x"] + list(range(5, 13)) + ["y"]
    found = problems({"name": 1, "seeds": seeds, "zzzzzz": 1}, CLOSED, at="datasets[0]")
    assert [line.partition(":")[0] for line in found] == [
        "datasets[0]",
        "datasets[0].name",
        "datasets[0].seeds",
        "datasets[0].seeds[2]",
        "datasets[0].seeds[11]",
    ]


def test_places_are_written_as_in_the_file():
    assert place("", []) == "top level"
    assert place("", ["datasets", 0, "params"]) == "datasets[0].params"
    assert place("methods[1]", ["params", "x"]) == "methods[1].params.x"


def test_defaults_fill_every_closed_map_and_change_nothing_given():
    schema = {
        "properties": {
            "a": {"default": 1},
            "b": {"default": {}, "properties": {"c": {"default": [2]}, "d": {"default": None}}},
            "e": {},
        }
    }
    given = {"b": {"c": [3]}}
    assert fill_defaults(given, schema) == {"b": {"c": [3], "d": None}, "a": 1}
    assert given == {"b": {"c": [3]}}
    assert fill_defaults({}, schema) == {"a": 1, "b": {"c": [2], "d": None}}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"size": "3", "share": "0.5"}, {"size": 3, "share": 0.5}),
        ({"size": "-3", "share": "1e-3"}, {"size": -3, "share": 0.001}),
        ({"flag": "true"}, {"flag": True}),
        ({"flag": "False"}, {"flag": False}),
        ({"maybe": "null"}, {"maybe": None}),
        ({"maybe": "4"}, {"maybe": 4}),
        ({"seeds": ["1", 2]}, {"seeds": [1, 2]}),
        # No number, or text is allowed: it stays.
        ({"size": "3.0", "share": "nan", "flag": "yes"}, {"size": "3.0", "share": "nan", "flag": "yes"}),
        ({"name": "3", "batch": "true", "path": "null"}, {"name": "3", "batch": "true", "path": "null"}),
        ({"either": "3", "unknown": {"a": "3"}}, {"either": "3", "unknown": {"a": "3"}}),
        (["3"], ["3"]),
        (None, None),
    ],
)
def test_text_that_means_a_number_is_one_where_no_text_is_allowed(given, meant):
    made = with_numbers(given, CLOSED)
    assert made == meant
    assert str(made) == str(meant)


@pytest.mark.parametrize(
    ("spec", "text", "meant"),
    [
        ({"type": ["number", "string"], "pattern": "^search$"}, "0.5", 0.5),
        ({"type": ["number", "string"], "pattern": "^search$"}, "search", "search"),
        ({"type": ["integer", "string"], "enum": ["auto", 3]}, "3", 3),
        ({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}, "3", 3),
        ({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}, ["3"], [3]),
    ],
)
def test_text_that_does_not_have_the_form_of_an_allowed_text_may_be_a_number(spec, text, meant):
    assert with_numbers(text, spec) == meant


def test_every_repeated_key_is_found_with_its_lines(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "datasets: [a]\nseeds: [0]\nmethods:\n  - name: portal\n    params: {n: 1, n: 2}\n    name: gan\n"
        "datasets: [b]\n"
        "merged: {<<: {a: 1}, a: 2}\ndatasets: [c]\n"
    )
    assert repeated_keys(file) == [
        f"{file}, line 5: 'methods[0].params.n' is given twice, first in line 5",
        f"{file}, line 6: 'methods[0].name' is given twice, first in line 4",
        f"{file}, line 7: 'datasets' is given twice, first in line 1",
        f"{file}, line 9: 'datasets' is given twice, first in line 1",
    ]
    file.write_text('{"a": 1, "b": {"c": 1, "c": 2}}')
    assert repeated_keys(file) == [f"{file}, line 1: 'b.c' is given twice, first in line 1"]
    file.write_text("a: 1\nb: {a: 1}\n")
    assert repeated_keys(file) == []
