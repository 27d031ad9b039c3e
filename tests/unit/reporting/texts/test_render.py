"""Escaping, filters and notes of the templates."""

import pytest
from made_report import NASTY, SAMPLED, one_line, read_rst

from portal_lib.reporting._rows import Value
from portal_lib.reporting._sample import sample_sentences
from portal_lib.reporting._words import counted, escape_rst, listed, span, write_number
from portal_lib.reporting.texts.render import _environment, render_note


@pytest.mark.parametrize("name", NASTY)
def test_a_value_reads_as_it_is_in_rst(name):
    template = _environment("rst").from_string("- **{{ name }}**; more")
    assert read_rst(escape_rst(name)) == one_line(name)
    assert read_rst(template.render(name=name)) == f"{one_line(name)}; more"


def test_values_are_escaped_for_the_kind_of_text():
    made = {
        kind: _environment(kind).from_string("*{{ x }}* < &").render(x="a_b & <c>") for kind in ("rst", "md", "txt")
    }
    assert made == {"rst": "*a\\_b \\& \\<c\\>* < &", "md": "*a\\_b & \\<c\\>* < &", "txt": "*a_b & <c>* < &"}


def test_separators_and_macros_are_not_escaped_twice():
    text = '{% macro m(x) %}{{ x }}{% endmacro %}{% for x in xs %}{{ m(x) }}{{ ", " if not loop.last }}{% endfor %}'
    assert _environment("rst").from_string(text).render(xs=["a_b", "c"]) == "a\\_b, c"


def test_numbers_and_lists_in_words():
    assert [write_number(x, 2) for x in (-0.001, -1.5, 1234.567)] == ["0.00", "−1.50", "1,234.57"]
    assert [counted(n, "method") for n in (0, 1, 1200)] == ["0 methods", "1 method", "1,200 methods"]
    assert [listed(names) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
    assert (span([3]), span([3, 1, 2])) == ("3", "1 to 3")
    assert Value(0.67, 3, 0.12, 1.0).words() == "0.670 [0.12, 1.00]"
    assert Value(0.67, 3, 0.665, 0.675).words() == "0.670 [0.665, 0.675]"
    assert Value(12.0, 3, -300, 324.0).words(0) == "12 [−300, 324]"
    assert Value(-0.5, 1).words() == "−0.500 (n=1)"


def test_a_sample_is_described_with_what_it_misses():
    many = {f"l{i:02d}": i for i in range(12)}
    found = sample_sentences(SAMPLED | {"cut_graph": True, "lost_batches": {"b": 1200}, "lost_labels": many})
    assert found == [
        "Scored on 50,000 of 1,100,000 cells, drawn at random (seed 1234); the cells are the same for every method and "
        "seed.",
        "Batches without a cell in the sample, and so not scored (number of cells in brackets): b (1,200).",
        "Labels without a cell in the sample, and so not scored (number of cells in brackets): l11 (11), l10 (10), l09 "
        "(9), l08 (8), l07 (7), l06 (6), l05 (5), l04 (4), l03 (3), l02 (2) and 2 more.",
        "Where a method returns a neighbour graph, the graph is restricted to these cells; this differs from a "
        "neighbour graph of the sample.",
    ]


def test_an_approximate_search_of_neighbours_states_its_recall():
    search = {"neighbors": {"search": "approximate", "recall": 0.9512, "recall_cells": 1000}}
    words = "in every run at least 95.1 % of the neighbours of 1,000 cells drawn at random were found."
    assert sample_sentences(SAMPLED | {"subsample_seed": None} | search) == [
        f"Nearest neighbours were searched approximately: {words}"
    ]
    assert sample_sentences(SAMPLED | {"subsample_seed": None}) == sample_sentences({}) == sample_sentences(None) == []


def test_identical_cells_are_counted():
    search = {"neighbors": {"search": "exact", "identical_cells": 1200}}
    assert sample_sentences(SAMPLED | {"subsample_seed": None} | search) == [
        "In a result, up to 1,200 cells have the same coordinates as another cell. Which of several identical cells "
        "are neighbours is drawn at random, with a fixed seed; the order of the cells in the file has no influence."
    ]


def test_the_best_stochastic_method_is_compared_in_one_sentence():
    others = [{"label": "CycleGAN", "n_above": 1, "n": 2}, {"label": "Dual GAN", "n_above": 2, "n": 3}]
    assert render_note("markers_lead", {"lead": {"best": "MAGAN", "others": others}}) == [
        "Of the stochastic methods, MAGAN has the highest mean; it exceeds CycleGAN on 1 of 2 markers, Dual GAN on 2 "
        "of 3 markers."
    ]
    assert render_note("markers_lead", {"lead": {"best": None, "others": []}}) == []
