"""Names in messages."""

import pytest

from portal_lib._text import nearest, some, suggest, suggest_or_list


def test_a_suggestion_is_the_nearest_name():
    assert nearest("methdos", ["methods", "metrics"]) == "methods"
    assert suggest("methdos", ["methods", "metrics"]) == ", did you mean 'methods'?"
    assert suggest_or_list("methdos", ["methods", "metrics"]) == ", did you mean 'methods'?"


def test_a_name_that_is_like_no_other_gets_no_suggestion():
    assert nearest("zzz", ["b", "a"]) is None
    assert suggest("zzz", ["b", "a"]) == "."
    assert suggest_or_list("zzz", ["b", "a"]) == ". Known: a, b."
    assert suggest_or_list("zzz", []) == ""


def test_names_may_be_numbers():
    assert suggest(3, ["a"]) == "."
    assert suggest_or_list(3, ["a"]) == ". Known: a."
    assert nearest("12345", [12346]) == "12346"


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], ""),
        (range(5), "0, 1, 2, 3, 4"),
        (range(6), "0, 1, 2, 3, 4 and 1 more"),
        (range(2000), "0, 1, 2, 3, 4 and 1,995 more"),
    ],
)
def test_long_lists_are_cut_and_say_how_much_was_left_out(items, text):
    assert some(items) == text


def test_the_length_of_a_list_can_be_chosen():
    assert some("abc", 2) == "a, b and 1 more"
