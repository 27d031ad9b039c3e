"""Scores against the number of cells or batches: every mean at its size, and its interval."""

import numpy as np
import pytest
from overall_tables import make_scores, make_tables
from report_tables import METHODS, QUALITY
from test_scaling_figures import assert_inside

from portal_lib.errors import DataError
from portal_lib.reporting._rows import method_label
from portal_lib.reporting.figures import sizes

BATCHES = {f"donors.b{n}": (None, n) for n in (2, 10, 50)}


@pytest.fixture(scope="module")
def overall():
    return make_tables(make_scores([*BATCHES, "other"]))["overall"]


def draw(overall, counts=BATCHES, **more):
    return sizes.draw(overall, METHODS, "Simulated donors", counts, **more)


def lines(axes):
    return {bars.get_label(): bars.lines[0] for bars in axes.containers}


@pytest.mark.parametrize(("panel", "group"), [(1, "overall"), (2, "batch"), (3, "bio")])
def test_points_are_the_means_of_the_table_at_their_size(overall, panel, group):
    axes = draw(overall).axes[panel]
    drawn = lines(axes)
    rows = overall[(overall["group"] == group) & (overall["scaling"] == "raw") & (overall["missing"] == "ignore")]
    rows = rows[rows["dataset"].isin(BATCHES)]
    assert rows["method"].nunique() == len(QUALITY) == len(axes.containers)
    for method, own in rows.groupby("method"):
        line = drawn[method_label(METHODS, method)]
        expected = own.set_index("dataset")["mean"][list(BATCHES)]
        np.testing.assert_array_equal(line.get_xdata(), [2, 10, 50])
        np.testing.assert_allclose(line.get_ydata(), expected)


def test_bars_are_the_intervals_and_a_single_run_has_none(overall):
    def heights(table):
        axes = draw(table).axes[1]
        return [np.ptp(part[:, 1]) for bars in axes.containers for part in bars.lines[2][0].get_segments()]

    rows = overall[(overall["group"] == "overall") & (overall["scaling"] == "raw") & (overall["missing"] == "ignore")]
    rows = rows[rows["dataset"].isin(BATCHES)]
    wanted = (rows["ci_high"] - rows["ci_low"]).fillna(0)
    np.testing.assert_allclose(sorted(heights(overall)), sorted(wanted), atol=1e-12)
    single = overall.assign(ci_low=np.nan, ci_high=np.nan)
    assert max(heights(single)) == 0
    assert "one run has no interval" in " ".join(text.get_text() for text in draw(single).axes[0].texts)


def test_the_axis_is_what_differs():
    assert draw(make_tables(make_scores(list(BATCHES)))["overall"]).axes[1].get_xlabel() == "batches"
    cells = {"donors.n500.b5": (500, 5), "donors.n900.b5": (900, 5), "donors": (None, None)}
    figure = draw(make_tables(make_scores(list(cells)))["overall"], cells)
    assert figure.axes[1].get_xlabel() == "cells"
    # The data set as a whole has no size in the configuration.
    assert all(len(bars.lines[0].get_xdata()) == 2 for bars in figure.axes[1].containers)


def test_a_method_without_a_score_at_one_size_has_a_shorter_line(overall):
    gone = (overall["dataset"] == "donors.b10") & (overall["method"] == "portal")
    figure = draw(overall.assign(mean=overall["mean"].mask(gone)))
    assert lines(figure.axes[1])[METHODS["portal"]["label"]].get_xdata().tolist() == [2, 50]


def test_no_score_at_all_is_one_message(overall):
    with pytest.raises(DataError, match="no scores of data set 'Simulated donors' to draw"):
        draw(overall.assign(mean=np.nan))


def test_texts_stay_inside_the_figure(overall):
    assert_inside(draw(overall, weights={"batch": 0.4, "bio": 0.6}))
