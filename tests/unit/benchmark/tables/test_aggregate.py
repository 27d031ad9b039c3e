"""Means, intervals over seeds and ranks, compared with numbers computed by hand."""

import numpy as np
import pandas as pd
import pytest

from portal_lib.benchmark.tables.aggregate import (
    ALL,
    FEW_METHODS,
    OVERALL_COLUMNS,
    SUMMARY_COLUMNS,
    summarise,
    summarise_overall,
)
from portal_lib.benchmark.tables.overall import overall_scores
from portal_lib.errors import ConfigError, DataError


def table(values):
    """Score rows of data set "d" from {(method, seed): {metric: value}}; metrics that begin with "b" are batch."""
    rows = [
        ("d", method, seed, metric, "batch" if metric[0] == "b" else "bio", value, "")
        for (method, seed), metrics in values.items()
        for metric, value in metrics.items()
    ]
    return pd.DataFrame(rows, columns=["dataset", "method", "seed", "metric", "group", "value", "reason"])


def row(summary, method, metric, group="aggregate"):
    """One row of a summary."""
    found = summary.query("method == @method and metric == @metric and group == @group")
    assert len(found) == 1
    return found.iloc[0]


def test_overall_is_made_per_seed_and_then_averaged():
    scores = table({("m", 0): {"b1": 0.2, "b2": 0.4, "k1": 0.5}, ("m", 1): {"b1": 0.4, "b2": 0.8, "k1": 0.7}})
    summary = summarise(scores)
    assert row(summary, "m", "batch")["mean"] == pytest.approx(0.45)
    assert row(summary, "m", "bio")["mean"] == pytest.approx(0.6)
    overall = row(summary, "m", "overall")
    # Seed 0: .4 * .3 + .6 * .5 = .42; seed 1: .4 * .6 + .6 * .7 = .66.
    assert overall["mean"] == pytest.approx(0.54)
    assert overall["sd"] == pytest.approx(0.24 / np.sqrt(2))
    assert overall["half_width"] == pytest.approx(12.706 * 0.12, rel=1e-4)
    assert overall[["ci_low", "ci_high", "n"]].tolist() == [0, 1, 2]


def test_intervals_are_cut_at_the_range_of_the_metric_and_no_further():
    # Half width 2.484 sd of three values; ari is from -0.5 to 1, an error has no upper end.
    values = {
        "ari": [0.0, 0.5, 0.9],
        "nmi": [0.4, 0.5, 0.6],
        "mse": [0.1, 1.0, 5.0],
        "destination:spread": [0.2, 1, 1.5],
    }
    runs = {("m", i): {name: one[i] for name, one in values.items()} for i in range(3)}
    summary = summarise(table(runs).assign(group="align"))

    def ends(metric):
        return row(summary, "m", metric, "align")[["ci_low", "ci_high"]].tolist()

    half = 4.302653 * np.std(values["nmi"], ddof=1) / np.sqrt(3)
    assert ends("nmi") == pytest.approx([0.5 - half, 0.5 + half], abs=1e-5)
    assert ends("ari") == [-0.5, 1]
    assert ends("mse") == pytest.approx([0, 6.1 / 3 + 4.302653 * np.std(values["mse"], ddof=1) / np.sqrt(3)], abs=1e-4)
    assert row(summary, "m", "ari", "align")["half_width"] > 1
    # A mean outside of the range, by definition or by rounding, stays inside of its interval.
    beyond = summarise(table({("m", i): {"nmi": 1.1 + 0.01 * i} for i in range(3)}).assign(group="align")).iloc[0]
    assert beyond["ci_high"] == beyond["mean"]


def test_intervals_of_overall_scores_are_between_0_and_1():
    values = {("a", 0): {"b1": 0.1, "k1": 0.5}, ("a", 1): {"b1": 0.9, "k1": 0.9}, ("c", 0): {"b1": 0.5, "k1": 0.2}}
    found = summarise_overall(overall_scores(table(values))).query("method == 'a' and missing == 'ignore'")
    assert (found["ci_low"] >= 0).all()
    assert (found["ci_high"] <= 1).all()
    assert (found["half_width"] > 0.5).all()


def test_one_seed_has_no_interval():
    found = row(summarise(table({("m", 0): {"b1": 0.2, "k1": 0.5}})), "m", "b1", "batch")
    assert (found["n"], found["mean"]) == (1, 0.2)
    assert found[["sd", "half_width", "ci_low", "ci_high"]].isna().all()


def test_a_proportion_has_wilsons_interval():
    metrics = ("destination:right", "destination")
    outcomes = {"all": [1] * 10, "most": [1] * 8 + [0] * 2, "one": [1], "none": [np.nan]}
    values = {(name, i): dict.fromkeys(metrics, x) for name, seen in outcomes.items() for i, x in enumerate(seen)}
    summary = summarise(table(values).assign(group="align"))
    expected = {"all": (10, 1, 0.7224672, 1), "most": (10, 0.8, 0.4901625, 0.9433178), "one": (1, 1, 0.2065493, 1)}
    for name, numbers in expected.items():
        found = row(summary, name, "destination:right", "align")
        assert found[["n", "mean", "ci_low", "ci_high"]].tolist() == pytest.approx(numbers, abs=1e-6)
        assert np.isnan(found["half_width"])
    assert row(summary, "none", "destination:right", "align")[["mean", "ci_low", "ci_high"]].isna().all()
    # Any other value is a mean with its t-interval, were it 1 or 0 by chance.
    assert row(summary, "all", "destination", "align")[["half_width", "ci_low"]].tolist() == [0, 1]


def test_missing_values_are_ignored():
    scores = table({("m", 0): {"b1": 0.2, "b2": np.nan, "k1": 0.5}, ("m", 1): {"b1": 0.4, "b2": 0.8, "k1": np.nan}})
    summary = summarise(scores)
    assert row(summary, "m", "b2", "batch")[["n", "mean"]].tolist() == [1, 0.8]
    assert row(summary, "m", "batch")["mean"] == pytest.approx((0.2 + 0.6) / 2)
    # Without any bio value the second seed has no overall score.
    assert row(summary, "m", "overall")[["n", "mean"]].tolist() == [1, pytest.approx(0.4 * 0.2 + 0.6 * 0.5)]


def test_a_metric_without_any_value_keeps_its_row():
    found = row(summarise(table({("m", 0): {"b1": np.nan, "k1": 0.5}})), "m", "b1", "batch")
    assert found["n"] == 0
    assert np.isnan(found["mean"])


def test_rows_come_in_one_order_whatever_the_order_of_the_scores():
    values = {(m, s): {"k2": 0.1 * s, "b1": 0.2, "k1": 0.3, "b2": 0.4} for m in ("y", "x") for s in (1, 0)}
    scores = table(values)
    summary = summarise(scores)
    pd.testing.assert_frame_equal(summary, summarise(scores.sample(frac=1, random_state=0)))
    assert list(summary.columns) == SUMMARY_COLUMNS
    expected = ["b1", "b2", "k1", "k2", "batch", "bio", "overall"]
    assert summary["metric"].tolist() == expected * 2
    assert summary["method"].tolist() == ["x"] * 7 + ["y"] * 7


def test_a_failed_run_has_no_rows_and_does_not_lower_a_mean():
    scores = table({("m", 0): {"b1": 0.2, "k1": 0.5}, ("m", 2): {"b1": 0.4, "k1": 0.5}})
    assert row(summarise(scores), "m", "b1", "batch")["mean"] == pytest.approx(0.3)


def test_no_scores_give_an_empty_summary():
    empty = summarise(table({}))
    assert list(empty.columns) == SUMMARY_COLUMNS
    assert empty.empty


def test_controls_that_were_added_have_no_row():
    scores = table({("m", 0): {"b1": 0.2, "k1": 0.5}, ("c", 0): {"b1": 0.3, "k1": 0.4}})
    marked = scores.assign(added=np.where(scores["method"] == "c", "yes", "no"))
    pd.testing.assert_frame_equal(summarise(marked), summarise(scores[scores["method"] == "m"]))


def test_weights_can_be_set():
    scores = table({("m", 0): {"b1": 0.2, "k1": 0.5}})
    assert row(summarise(scores, {"batch": 1, "bio": 1}), "m", "overall")["mean"] == pytest.approx(0.35)
    with pytest.raises(ConfigError, match="weights"):
        summarise(scores, {"batch": 1})


def test_the_scores_are_untouched():
    scores = table({("m", 0): {"b1": 0.2, "k1": 0.5}})
    copy = scores.copy()
    summarise(scores)
    pd.testing.assert_frame_equal(scores, copy)


def test_alignment_and_auxiliary_metrics_have_no_overall_score():
    scores = table({("m", 0): {"b1": 0.2}})
    for group in ("align", "auxiliary"):
        found = summarise(scores.assign(group=group))
        assert found[["metric", "group", "mean"]].to_numpy().tolist() == [["b1", group, 0.2]]
    both = pd.concat([table({("m", 0): {"b1": 0.2, "k1": 0.5}}), scores.assign(metric="x", group="auxiliary")])
    assert row(summarise(both), "m", "overall")["mean"] == pytest.approx(0.38)
    assert summarise(both)["metric"].tolist() == ["b1", "k1", "x", "batch", "bio", "overall"]


def test_the_metrics_of_the_paper_have_overall_scores_of_their_own():
    scores = table({("m", 0): {"b1": 0.2, "k1": 0.5}})
    paper = scores.assign(metric=["p1", "q1"], group=["portal_batch", "portal_bio"], value=[0.6, 0.9])
    alone = ["p1", "q1", "portal_batch", "portal_bio", "portal_overall"]
    assert summarise(paper)["metric"].tolist() == alone
    both = summarise(pd.concat([scores, paper]))
    assert both["metric"].tolist() == ["b1", "k1", "p1", "q1", "batch", "bio", "overall", *alone[2:]]
    assert row(both, "m", "overall")["mean"] == pytest.approx(0.38)
    assert row(both, "m", "portal_overall")["mean"] == pytest.approx(0.78)


def test_an_unknown_group_and_a_metric_given_twice_are_errors():
    scores = table({("m", 0): {"b1": 0.2, "k1": 0.5}})
    with pytest.raises(DataError, match="unknown groups"):
        summarise(scores.assign(group="other"))
    with pytest.raises(DataError, match="twice"):
        summarise(pd.concat([scores, scores]))


def overall(values, controls=(), **changes):
    """Rows of the raw overall score by method, from {dataset: {(method, seed): {metric: value}}}."""
    scores = pd.concat([table(runs).assign(dataset=name) for name, runs in values.items()])
    made = summarise_overall(overall_scores(scores, controls), controls)
    wanted = {"dataset": "d", "scaling": "raw", "missing": "ignore", "group": "overall"} | changes
    for column, value in wanted.items():
        made = made[made[column] == value]
    return made.set_index("method")


def run(batch, bio=0.5, **more):
    """Values of one run."""
    return {"b1": batch, "k1": bio} | more


def test_the_overall_table_agrees_with_the_summary():
    values = {("m", 0): run(0.2), ("m", 1): run(0.4), ("x", 0): run(0.9, 0.1)}
    found, summary = overall({"d": values}), summarise(table(values))
    for method in ("m", "x"):
        same = ["n", "mean", "sd", "half_width", "ci_low", "ci_high"]
        assert found.loc[method, same].astype(float).tolist() == pytest.approx(
            row(summary, method, "overall")[same].astype(float).tolist(), nan_ok=True
        )
    assert list(summarise_overall(overall_scores(table(values))).columns) == OVERALL_COLUMNS


def test_ranks_count_from_the_best_and_ties_share_the_better():
    found = overall({"d": {("a", 0): run(0.5), ("b", 0): run(0.9), ("c", 0): run(0.9), ("e", 0): run(0.1)}})
    assert found["rank"].to_dict() == {"a": 3, "b": 1, "c": 1, "e": 4}


def test_means_that_differ_by_rounding_alone_share_a_rank():
    found = overall({"d": {("a", 0): run(0.1 + 0.2), ("b", 0): run(0.3)}})
    assert found["rank"].tolist() == [1, 1]


def test_controls_and_runs_without_a_score_have_no_rank():
    values = {("a", 0): run(0.5), ("control", 0): run(0.9), ("b", 0): run(0.7), ("c", 0): run(0.9, np.nan)}
    found = overall({"d": values}, controls=["control"])
    assert found["rank"].dropna().to_dict() == {"b": 1, "a": 2}
    assert found.loc["c", "n"] == 0
    assert np.isnan(found.loc["c", "mean"])


def test_a_method_whose_rank_depends_on_its_missing_values_is_marked():
    # Without its b2, "gap" leads; with a zero in its place it is last of four.
    values = {(name, 0): run(0.5, b2=0.5) for name in ("x", "y", "z")} | {("gap", 0): run(0.9)}
    scores = {"d": {key: value | {"k1": 0.5 + i / 100} for i, (key, value) in enumerate(values.items())}}
    by_treatment = {missing: overall(scores, missing=missing) for missing in ("ignore", "zero", "complete")}
    assert [by_treatment[name].loc["gap", "rank"] for name in by_treatment] == [1, 4, 1]
    for table_of in by_treatment.values():
        assert table_of["rank_range"].to_dict() == {"gap": 3, "x": 1, "y": 1, "z": 1}
    assert by_treatment["ignore"].loc["gap", ["n_used", "n_total"]].tolist() == [2, 3]
    assert by_treatment["complete"].loc["x", ["n_used", "n_total"]].tolist() == [2, 3]


def test_all_data_sets_together_count_each_once():
    values = {
        "d": {("a", seed): run(0.5 + 0.01 * seed) for seed in range(5)} | {("b", 0): run(0.1)},
        "e": {("a", 0): run(0.9), ("b", 0): run(0.3)},
    }
    found = overall(values, dataset=ALL)
    means = [0.4 * 0.52 + 0.3, 0.4 * 0.9 + 0.3]
    assert found.loc["a", ["n", "n_used", "n_total"]].tolist() == [2, 4, 4]
    assert found.loc["a", "mean"] == pytest.approx(np.mean(means))
    assert found.loc["a", "half_width"] == pytest.approx(12.706 * np.ptp(means) / 2, rel=1e-4)
    assert found["rank"].to_dict() == {"a": 1, "b": 2}
    assert ALL not in summarise_overall(overall_scores(table(values["e"])))["dataset"].tolist()


@pytest.mark.parametrize(("n", "ranked"), [(3, False), (4, True)])
def test_min_max_scores_of_few_methods_are_not_ranked(n, ranked):
    values = {(f"m{i}", 0): {"b1": 0.1 * i, "k1": 0.2 * i} for i in range(n)}
    values |= {(f"c{i}", 0): {"b1": 0.5, "k1": 0.5} for i in range(3)}
    found = summarise_overall(overall_scores(table(values)), controls=["c0", "c1", "c2"])
    found = found[found["method"].str.startswith("m")].set_index("scaling")
    assert found.loc["minmax", "rank"].notna().all() == ranked
    assert set(found.loc["minmax", "note"]) == {"" if ranked else FEW_METHODS}
    assert sorted(found.loc["raw", "rank"].unique()) == list(range(1, n + 1))
    assert set(found.loc["raw", "note"]) == {""}


def test_a_method_that_lacks_a_data_set_is_not_ranked_among_those_that_have_all():
    values = {"d": {("a", 0): run(0.5), ("b", 0): run(0.2)}, "e": {("b", 0): run(0.3)}}
    assert overall(values, dataset=ALL)["rank"].dropna().to_dict() == {"b": 1}
    values = {"d": {("a", 0): run(0.5)}, "e": {("b", 0): run(0.3)}}
    assert overall(values, dataset=ALL)["rank"].isna().all()


def test_rows_of_the_overall_table_come_in_one_order():
    values = {(m, s): run(0.1 * s + 0.2, k2=0.3) for m in ("y", "x") for s in (1, 0)}
    scores = pd.concat([table(values).assign(dataset=name) for name in ("e", "d")])
    one = summarise_overall(overall_scores(scores))
    two = summarise_overall(overall_scores(scores.sample(frac=1, random_state=0)))
    pd.testing.assert_frame_equal(one, two)
    assert one["dataset"].drop_duplicates().tolist() == ["d", "e", ALL]


def test_no_runs_give_an_empty_overall_table():
    assert list(summarise_overall(overall_scores(table({}))).columns) == OVERALL_COLUMNS
