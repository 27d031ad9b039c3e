"""Paired differences: pairs of runs, intervals over seeds and over data sets."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from portal_lib.benchmark.tables.aggregate import ALL
from portal_lib.benchmark.tables.differences import DIFFERENCE_COLUMNS, paired_differences
from portal_lib.benchmark.tables.overall import overall_scores


def scores_of(values):
    """Scores from {dataset: {method: [value of seed 0, ...]}}; None is a run that failed."""
    rows = [
        (dataset, method, seed, metric, group, value)
        for dataset, methods in values.items()
        for method, by_seed in methods.items()
        for seed, value in enumerate(by_seed)
        for metric, group in (("b1", "batch"), ("k1", "bio"))
        if value is not None
    ]
    columns = ["dataset", "method", "seed", "metric", "group", "value"]
    return pd.DataFrame(rows, columns=columns)


def pair(values, a, b, dataset="d", scaling="raw", **more):
    """The row of two methods."""
    found = paired_differences(scores_of(values), **more)
    found = found.query("dataset == @dataset and scaling == @scaling and method_a == @a and method_b == @b")
    assert len(found) == 1
    return found.iloc[0]


def test_pairs_are_runs_of_one_seed_and_the_interval_is_the_paired_one():
    # The seeds differ far more than the methods do.
    a, b = [0.2, 0.5, 0.8], [0.1, 0.42, 0.69]
    row = pair({"d": {"a": a, "b": b}}, "a", "b")
    oracle = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx([oracle.low, oracle.high])
    assert row["mean"] == pytest.approx(np.mean(a) - np.mean(b))
    assert row["half_width"] == pytest.approx((oracle.high - oracle.low) / 2)
    assert row[["n", "n_pairs", "ci_excludes_zero"]].tolist() == [3, 3, "yes"]


def test_an_interval_around_zero_does_not_exclude_zero():
    row = pair({"d": {"a": [0.2, 0.5, 0.8], "b": [0.3, 0.3, 0.9]}}, "a", "b")
    assert row["ci_low"] < 0 < row["ci_high"]
    assert row["ci_excludes_zero"] == "no"


def test_a_seed_that_one_method_lacks_makes_no_pair():
    row = pair({"d": {"a": [0.2, None, 0.8, 0.5], "b": [0.1, 0.4, 0.69, 0.42]}}, "a", "b")
    oracle = stats.ttest_rel([0.2, 0.8, 0.5], [0.1, 0.69, 0.42]).confidence_interval(0.95)
    assert [row["n"], row["ci_low"]] == pytest.approx([3, oracle.low])


def test_methods_without_a_common_seed_are_not_compared():
    assert paired_differences(scores_of({"d": {"a": [0.2, None], "b": [None, 0.4]}})).empty


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_the_one_run_of_a_deterministic_method_goes_with_every_seed(order):
    fixed, seeded = order
    row = pair({"d": {fixed: [0.6], seeded: [0.2, 0.3, 0.4]}}, "a", "b", deterministic=[fixed])
    oracle = stats.ttest_1samp([0.4, 0.3, 0.2], 0).confidence_interval(0.95)
    sign = 1 if fixed == "a" else -1
    assert sorted([sign * row["ci_low"], sign * row["ci_high"]]) == pytest.approx([oracle.low, oracle.high])
    assert row["n"] == 3


def test_the_one_run_left_of_a_stochastic_method_goes_with_its_seed_only():
    row = pair({"d": {"a": [None, 0.6], "b": [0.2, 0.3, 0.4]}}, "a", "b")
    assert row[["n", "mean", "ci_excludes_zero"]].tolist() == [1, pytest.approx(0.3), "unknown"]
    assert np.isnan(row["half_width"])


def test_two_deterministic_methods_have_a_difference_and_no_interval():
    row = pair({"d": {"a": [0.6], "b": [0.2]}}, "a", "b", deterministic=["a", "b"])
    assert row[["n", "mean", "ci_excludes_zero"]].tolist() == [1, pytest.approx(0.4), "unknown"]


def test_over_data_sets_each_counts_once_whatever_its_seeds():
    values = {
        "d": {"a": [0.5, 0.6, 0.7, 0.8, 0.9], "b": [0.4, 0.5, 0.6, 0.7, 0.8]},
        "e": {"a": [0.5, 0.6], "b": [0.35, 0.4]},
        "f": {"a": [0.9], "b": [0.6]},
    }
    row = pair(values, "a", "b", ALL)
    oracle = stats.ttest_1samp([0.1, 0.175, 0.3], 0).confidence_interval(0.95)
    assert [row["mean"], row["ci_low"], row["ci_high"]] == pytest.approx([0.575 / 3, oracle.low, oracle.high])
    assert row[["n", "n_pairs", "ci_excludes_zero"]].tolist() == [3, 8, "no"]
    # Eight pairs taken for eight independent ones would have told them apart.
    pooled = stats.ttest_1samp([0.1] * 5 + [0.15, 0.2] + [0.3], 0).confidence_interval(0.95)
    assert pooled.low > 0
    assert pair(values, "a", "b", "e")["n"] == 2


def test_one_data_set_has_no_row_of_all():
    found = paired_differences(scores_of({"d": {"a": [0.2, 0.5], "b": [0.3, 0.3]}}))
    assert set(found["dataset"]) == {"d"}
    assert list(found.columns) == DIFFERENCE_COLUMNS


def test_a_pair_with_one_common_data_set_has_no_interval_over_data_sets():
    values = {"d": {"a": [0.2, 0.5, 0.8], "b": [0.1, 0.42, 0.69]}, "e": {"a": [0.4]}}
    assert pair(values, "a", "b", ALL)["ci_excludes_zero"] == "unknown"
    assert pair(values, "a", "b")["ci_excludes_zero"] == "yes"


def test_rounding_does_not_make_equal_runs_different():
    row = pair({"d": {"a": [0.1 + 0.2, 0.1 + 0.2], "b": [0.3, 0.3]}}, "a", "b")
    assert row["ci_excludes_zero"] == "no"
    assert pair({"d": {"a": [0.4, 0.4], "b": [0.3, 0.3]}}, "a", "b")["ci_excludes_zero"] == "yes"


def test_every_pair_and_scaling_is_there_once_in_one_order():
    values = {"d": {name: [0.1 * i, 0.2 * i] for i, name in enumerate("cab", 1)}}
    found = paired_differences(scores_of(values))
    assert found.query("scaling == 'raw'")[["method_a", "method_b"]].to_numpy().tolist() == [
        ["a", "b"], ["a", "c"], ["b", "c"],
    ]  # fmt: skip
    assert set(found["scaling"]) == {"raw", "minmax"}
    again = paired_differences(scores_of(values).sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(found, again)


def test_minmax_differences_are_those_of_the_scaled_scores():
    raw, scaled = (pair({"d": {"a": [0.2, 0.6], "b": [0.4, 0.6]}}, "a", "b", scaling=s) for s in ("raw", "minmax"))
    assert scaled["mean"] == pytest.approx(raw["mean"] / 0.4)


def test_no_runs_give_an_empty_table():
    assert list(paired_differences(scores_of({})).columns) == DIFFERENCE_COLUMNS


def test_two_methods_are_compared_on_the_metrics_that_both_have():
    # The one metric more, in which b is perfect, would reverse the sign: its overall score is 0.616, that of a 0.58.
    a, b = {"b1": 0.4, "k1": 0.7}, {"b1": 0.34, "k1": 0.6, "k2": 1.0}
    rows = [("d", name, seed, metric, {"b": "batch", "k": "bio"}[metric[0]], value + 0.01 * seed * (metric == "b1"))
            for name, own in (("a", a), ("b", b)) for seed in range(3) for metric, value in own.items()]  # fmt: skip
    scores = pd.DataFrame(rows, columns=["dataset", "method", "seed", "metric", "group", "value"])
    row = paired_differences(scores, scalings=["raw"]).iloc[0]
    assert row["mean"] == pytest.approx(0.4 * 0.06 + 0.6 * 0.1)
    assert row[["n_metrics", "ci_excludes_zero"]].tolist() == [2, "yes"]
    runs = overall_scores(scores).query("group == 'overall' and scaling == 'raw' and missing == 'ignore'")
    means = runs.groupby("method")["value"].mean()
    assert means["a"] < means["b"]


def test_a_metric_that_one_run_lacks_is_not_compared():
    values = {"a": [(0.4, 0.7), (0.5, 0.8)], "b": [(0.3, 0.5), (0.4, np.nan)], "c": [(np.nan, 0.5), (np.nan, 0.4)]}
    rows = [("d", name, seed, metric, group, value)
            for name, runs in values.items() for seed, run in enumerate(runs)
            for metric, group, value in zip(("k1", "k2"), ("bio", "bio"), run, strict=True)]  # fmt: skip
    rows += [("d", name, seed, "b1", "batch", 0.5) for name in "abc" for seed in range(2)]
    scores = pd.DataFrame(rows, columns=["dataset", "method", "seed", "metric", "group", "value"])
    found = paired_differences(scores, scalings=["raw"]).set_index(["method_a", "method_b"])
    assert found.loc[("a", "b"), ["n_metrics", "n", "mean"]].tolist() == pytest.approx([2, 2, 0.6 * 0.1])
    assert found.loc[("a", "c"), ["n_metrics", "n", "mean"]].tolist() == pytest.approx([2, 2, 0.6 * 0.3])
    # b and c have no metric of bio in common.
    assert ("b", "c") not in found.index
    without = paired_differences(scores, scalings=["raw"], weights={"batch": 1, "bio": 0})
    assert without.set_index(["method_a", "method_b"]).loc[("b", "c"), "n_metrics"] == 1


def test_common_metrics_of_all_data_sets_are_added_up():
    values = {"d": {"a": [0.2, 0.5], "b": [0.3, 0.3]}, "e": {"a": [0.2, 0.5], "b": [0.3, 0.4]}}
    assert pair(values, "a", "b")["n_metrics"] == 2
    assert pair(values, "a", "b", ALL)["n_metrics"] == 4
