"""Intervals against R, and against the equation that they solve."""

import numpy as np
import pytest

from portal_lib._intervals import t_interval, wilson
from portal_lib.errors import DataError


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Wilson's interval as of R's prop.test(..., correct = FALSE).
    [
        (8, 10, 0.4901625, 0.9433178),
        (0, 10, 0.0, 0.2775328),
        (10, 10, 0.7224672, 1.0),
        (50, 100, 0.4038315, 0.5961685),
    ],
)
def test_wilson_is_the_known_interval(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-6)


def test_wilson_solves_its_equation():
    for successes, n in ((1, 7), (33, 40), (99, 100)):
        p = successes / n
        for end in wilson(successes, n):
            assert abs(p - end) == pytest.approx(1.959963984540054 * np.sqrt(end * (1 - end) / n))


def test_wilson_of_none_and_of_all_ends_at_0_and_1():
    for n in range(1, 200):
        assert (wilson(0, n)[0], wilson(n, n)[1]) == (0, 1)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_what_is_not_a_proportion(successes, n):
    with pytest.raises(DataError, match="is not a proportion"):
        wilson(successes, n)


@pytest.mark.parametrize(("n", "factor"), [(2, 12.71), (3, 4.303), (4, 3.182), (5, 2.776), (10, 2.262)])
def test_the_factor_of_the_interval_is_students(n, factor):
    values = np.arange(n, dtype=float)
    mean, sd, half = t_interval(values)
    assert mean == pytest.approx((n - 1) / 2)
    assert half == pytest.approx(factor * sd / np.sqrt(n), rel=5e-4)
