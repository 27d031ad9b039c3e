"""Overall scores: scalings and missing values by hand, and the published runs of scIB."""

import numpy as np
import pandas as pd
import pytest
from realdata import real_file

from portal_lib.benchmark.tables.aggregate import summarise_overall
from portal_lib.benchmark.tables.overall import (
    RANGE_COLUMNS,
    SCALINGS,
    SCORE_COLUMNS,
    TREATMENTS,
    metric_ranges,
    overall_scores,
    scale,
)
from portal_lib.errors import ConfigError, DataError

GROUPS = {"b": "batch", "k": "bio", "p": "portal_batch", "q": "portal_bio"}
PUBLISHED_BATCH = {"PCR", "bASW", "GC", "kBET", "iLISI"}
# Batch, bio, overall, rank by min-max with missing values ignored, and the raw overall score.
PUBLISHED = {
    "scaled/hvg/scanorama_embed": (0.8390, 0.8547, 0.8484, 1, 0.7463),
    "unscaled/hvg/fastmnn_embed": (0.8146, 0.8663, 0.8456, 2, 0.7403),
    "unscaled/full/scanvi_embed": (0.7330, 0.8926, 0.8287, 3, 0.7380),
    "unscaled/hvg/harmony_embed": (0.7687, 0.8509, 0.8180, 5, 0.7321),
    "unscaled/hvg/scvi_embed": (0.7582, 0.8080, 0.7880, 14, 0.7114),
    "unscaled/hvg/seurat_full": (0.8043, 0.6243, 0.6963, 35, 0.6487),
    "unscaled/hvg/liger_embed": (0.8233, 0.6080, 0.6941, 36, 0.6358),
    "unscaled/full/unintegrated_full": (0.2999, 0.7644, 0.5786, 62, 0.5765),
}
# Overall and rank where a missing value counts as zero.
PUBLISHED_ZERO = {
    "unscaled/hvg/scgen_full": (0.8155, 1),
    "scaled/hvg/scanorama_embed": (0.7914, 3),
    "unscaled/hvg/bbknn_knn": (0.3846, 64),
    "unscaled/full/unintegrated_full": (0.5786, 52),
}
PUBLISHED_SIX = {
    "unscaled/full/unintegrated_full": 0.3371,
    "unscaled/hvg/liger_embed": 0.4568,
    "unscaled/hvg/seurat_full": 0.4626,
    "unscaled/hvg/scvi_embed": 0.7316,
    "unscaled/hvg/harmony_embed": 0.7854,
    "unscaled/hvg/fastmnn_embed": 0.8470,
}


def table(values, dataset="d"):
    """Score rows from {(method, seed): {metric: value}}; the first letter of a metric is that of its group."""
    rows = [
        (dataset, method, seed, metric, GROUPS[metric[0]], value, "")
        for (method, seed), metrics in values.items()
        for metric, value in metrics.items()
    ]
    return pd.DataFrame(rows, columns=["dataset", "method", "seed", "metric", "group", "value", "reason"])


def score(scores, controls=(), **wanted):
    """Scores by run, of one scaling, treatment and group."""
    made = overall_scores(scores, controls)
    for column, value in ({"scaling": "raw", "missing": "ignore", "group": "overall"} | wanted).items():
        made = made[made[column] == value]
    return made.set_index(["method", "seed"])["value"]


def counts(scores, run, **wanted):
    """n_used and n_total of one run."""
    made = overall_scores(scores)
    for column, value in ({"scaling": "raw", "missing": "ignore", "method": run[0], "seed": run[1]} | wanted).items():
        made = made[made[column] == value]
    return made.set_index("group")[["n_used", "n_total"]].apply(tuple, axis=1).to_dict()


THREE = {
    ("a", 0): {"b1": 0.2, "b2": 0.4, "k1": 0.5},
    ("a", 1): {"b1": 0.6, "b2": 0.4, "k1": 0.7},
    ("c", 0): {"b1": 0.4, "b2": 0.4, "k1": 0.9},
}


def test_raw_is_the_weighted_mean_of_both_groups():
    assert score(table(THREE)).to_dict() == pytest.approx({("a", 0): 0.42, ("a", 1): 0.62, ("c", 0): 0.7})


def test_minmax_runs_over_every_seed_and_leaves_a_constant_metric_out():
    scores = table(THREE)
    found = score(scores, scaling="minmax")
    # b1 from .2 to .6, b2 constant, k1 from .5 to .9.
    assert found.to_dict() == pytest.approx({("a", 0): 0, ("a", 1): 0.4 + 0.3, ("c", 0): 0.2 + 0.6})
    assert counts(scores, ("a", 0), scaling="minmax") == {"batch": (1, 1), "bio": (1, 1), "overall": (2, 2)}
    notes = metric_ranges(scores).query("scaling == 'minmax'").set_index(["metric", "end"])["note"]
    assert notes["b2", "low"] == notes["b2", "high"] == "left out: all runs have the same value"
    assert notes["b1", "low"] == ""


def test_ranges_name_the_run_at_each_end():
    ranges = metric_ranges(table(THREE)).query("scaling == 'minmax'").set_index(["metric", "end"])
    assert list(metric_ranges(table(THREE)).columns) == RANGE_COLUMNS
    expected = {("b1", "low"): (0.2, "a", 0), ("b1", "high"): (0.6, "a", 1), ("k1", "high"): (0.9, "c", 0)}
    for key, (value, method, seed) in expected.items():
        assert ranges.loc[key, ["value", "method", "seed", "tied"]].tolist() == [value, method, seed, 0]
    assert (ranges["n_runs"] == 3).all()
    assert ranges.loc[("b2", "low"), "tied"] == 2


def test_an_additional_run_changes_every_minmax_score_and_no_raw_score():
    more = table(THREE | {("e", 0): {"b1": 1.0, "b2": 0.9, "k1": 0.0}})
    runs = list(THREE)
    assert (score(more)[runs] == score(table(THREE))[runs]).all()
    assert (score(more, scaling="minmax")[runs] != score(table(THREE), scaling="minmax")[runs]).all()


CONTROLS = {("low", 0): {"b1": 0.1, "k1": 0.2}, ("low", 1): {"b1": 0.2, "k1": 0.3}, ("high", 0): {"b1": 0.6, "k1": 1.0}}


def test_control_scores_are_between_the_extremes_of_the_controls():
    values = CONTROLS | {("m", 0): {"b1": 0.35, "k1": 0.6}, ("m", 1): {"b1": 0.9, "k1": 0.1}}
    found = score(table(values), ["low", "high"], scaling="control")
    assert found["m", 0] == pytest.approx(0.5)
    # Above and below the ends: cut to 1 and to 0 in the mean.
    assert found["m", 1] == pytest.approx(0.4)
    wide = table(values).pivot(index=["method", "seed"], columns="metric", values="value")
    assert scale(wide, "control", ["low", "high"]).loc["m", 1].tolist() == pytest.approx([1.6, -0.125])
    ends = metric_ranges(table(values), ["low", "high"]).query("scaling == 'control' and metric == 'k1'")
    assert ends[["end", "value", "method", "seed", "n_runs"]].to_numpy().tolist() == [
        ["low", 0.2, "low", 0, 3],
        ["high", 1.0, "high", 0, 3],
    ]


@pytest.mark.parametrize("controls", [[], ["low"], ["other"]])
def test_control_scores_need_two_controls(controls):
    values = CONTROLS | {("m", 0): {"b1": 0.35, "k1": 0.6}}
    assert score(table(values), controls, scaling="control").empty
    notes = metric_ranges(table(values), controls).query("scaling == 'control'")["note"]
    assert set(notes) == {"left out: fewer than two controls have a value"}


def test_a_metric_whose_controls_are_equal_is_left_out_of_control_scores():
    values = {key: value | {"k2": 0.5} for key, value in CONTROLS.items()}
    values |= {("m", 0): {"b1": 0.35, "k1": 0.6, "k2": 0.1}}
    assert score(table(values), ["low", "high"], scaling="control")["m", 0] == pytest.approx(0.5)
    notes = metric_ranges(table(values), ["low", "high"]).query("scaling == 'control' and metric == 'k2'")["note"]
    assert set(notes) == {"left out: all controls have the same value"}


@pytest.mark.parametrize(("other", "left_out"), [(0.70, True), (0.665, True), (0.655, False), (0.2, False)])
def test_a_metric_whose_ends_are_nearer_than_their_noise_is_left_out_of_control_scores(other, left_out):
    # The control "low" has .704, .74 and .785, a spread of .081 around .743.
    seeds = [0.704, 0.74, 0.785]
    values = {("low", i): {"b1": 0.1, "k1": 0.2, "k2": value} for i, value in enumerate(seeds)}
    values |= {("high", 0): {"b1": 0.6, "k1": 1.0, "k2": other}, ("m", 0): {"b1": 0.35, "k1": 0.6, "k2": other}}
    notes = metric_ranges(table(values), ["low", "high"]).query("scaling == 'control'").set_index("metric")["note"]
    reason = "left out: the controls at its two ends differ by no more than one of them does between seeds"
    assert set(notes["k2"]) == ({reason} if left_out else {""})
    assert set(notes["k1"]) == {""}
    # k1 of m is in the middle, k2 of m is the lower end.
    expected = 0.4 * 0.5 + 0.6 * (0.5 if left_out else 0.25)
    assert score(table(values), ["low", "high"], scaling="control")["m", 0] == pytest.approx(expected)


def test_a_metric_with_both_ends_from_one_control_is_left_out_of_control_scores():
    values = {("low", i): {"b1": 0.1 + 0.5 * i, "k1": 0.3 * i} for i in range(2)} | {
        ("high", 0): {"b1": 0.3, "k1": 1.0}
    }
    notes = metric_ranges(table(values), ["low", "high"]).query("scaling == 'control'").set_index("metric")["note"]
    assert all(notes["b1"].str.startswith("left out: the controls at its two ends"))
    assert set(notes["k1"]) == {""}


def test_added_controls_set_ends_of_control_scores_and_change_nothing_else():
    scores = table(CONTROLS | {("m", 0): {"b1": 0.35, "k1": 0.6}, ("m", 1): {"b1": 0.9, "k1": 0.1}})
    # "high" is added; it lacks b2, has k2 alone, and would be an end of min-max scores.
    more = table({("m", i): {"b2": 0.3 + 0.2 * i} for i in range(2)} | {("high", 0): {"k2": 0.5}})
    scores = pd.concat([scores, more], ignore_index=True)
    marked = scores.assign(added=np.where(scores["method"] == "high", "yes", "no"))
    made = overall_scores(marked, ["low", "high"])
    assert set(made["method"]) == {"low", "m"}
    without = overall_scores(scores[scores["method"] != "high"], ["low"])
    kinds = "scaling in ['raw', 'minmax']"
    pd.testing.assert_frame_equal(made.query(kinds).reset_index(drop=True), without.query(kinds).reset_index(drop=True))
    control = made.query("scaling == 'control' and missing == 'ignore' and group == 'overall' and method == 'm'")
    # b1 from 0.1 to 0.6 and k1 from 0.2 to 1: 0.5 and 0.5, then 1 and 0.
    assert control["value"].tolist() == pytest.approx([0.5, 0.4])
    ranges = metric_ranges(marked, ["low", "high"]).set_index(["scaling", "metric", "end"])
    assert ranges.loc[("control", "k1", "high"), ["value", "method"]].tolist() == [1.0, "high"]
    assert ranges.loc[("minmax", "k1", "high"), ["value", "method"]].tolist() == [0.6, "m"]
    assert set(ranges.query("metric == 'k2'")["note"]) == {"left out: no run has a value"}


def test_a_data_set_on_which_only_added_controls_succeeded_has_no_scores():
    scores = table(CONTROLS).assign(added="yes")
    assert overall_scores(scores, ["low", "high"]).empty
    assert metric_ranges(scores, ["low", "high"]).empty


def test_the_score_without_isolated_labels_stands_next_to_the_score():
    values = {("a", s): {"b1": 0.5, "k1": 0.8 + 0.1 * s, "k_isolated_f1": 0.07} for s in range(2)}
    values |= {("c", s): {"b1": 0.5, "k1": 0.7, "k_isolated_f1": 0.67} for s in range(2)}
    runs = overall_scores(table(values)).query("scaling == 'raw' and missing == 'ignore'")
    first = runs[runs["seed"] == 0].set_index(["method", "group"])
    assert first.loc[("a", "bio"), ["value", "without_isolated"]].tolist() == pytest.approx([0.435, 0.8])
    assert first.loc[("a", "overall"), ["value", "without_isolated"]].tolist() == pytest.approx([0.461, 0.68])
    assert first.loc[("a", "batch"), "without_isolated"] == 0.5
    found = summarise_overall(overall_scores(table(values))).query("scaling == 'raw' and missing == 'ignore'")
    found = found[found["group"] == "overall"].set_index("method")
    # The one label decides which method is ahead.
    assert found["mean"].idxmax() == "c"
    assert found["without_isolated"].to_dict() == pytest.approx(
        {"a": 0.4 * 0.5 + 0.6 * 0.85, "c": 0.4 * 0.5 + 0.6 * 0.7}
    )
    plain = overall_scores(table(THREE))
    assert (plain["value"] == plain["without_isolated"]).all()


GAPS = {
    ("a", 0): {"b1": 0.2, "b2": np.nan, "k1": 0.5, "k2": np.nan},
    ("c", 0): {"b1": 0.4, "b2": 0.8, "k1": 0.9, "k2": np.nan},
}


@pytest.mark.parametrize(
    ("missing", "a", "c"),
    [
        ("ignore", 0.4 * 0.2 + 0.6 * 0.5, 0.4 * 0.6 + 0.6 * 0.9),
        ("zero", 0.4 * 0.1 + 0.6 * 0.5, 0.4 * 0.6 + 0.6 * 0.9),
        ("complete", 0.4 * 0.2 + 0.6 * 0.5, 0.4 * 0.4 + 0.6 * 0.9),
    ],
)
def test_missing_values_are_treated_in_three_ways(missing, a, c):
    # k2, which no run has, counts nowhere.
    assert score(table(GAPS), missing=missing).tolist() == pytest.approx([a, c])


def test_used_and_all_metrics_are_counted():
    scores = table(GAPS)
    assert counts(scores, ("a", 0)) == {"batch": (1, 2), "bio": (1, 1), "overall": (2, 3)}
    assert counts(scores, ("a", 0), missing="zero") == counts(scores, ("a", 0))
    assert counts(scores, ("c", 0)) == {"batch": (2, 2), "bio": (1, 1), "overall": (3, 3)}
    assert counts(scores, ("c", 0), missing="complete") == {"batch": (1, 2), "bio": (1, 1), "overall": (2, 3)}
    notes = metric_ranges(scores).query("metric == 'k2'")["note"]
    assert set(notes) == {"left out: no run has a value"}


def test_a_row_that_is_not_there_is_a_missing_value():
    gaps = table(GAPS)
    pd.testing.assert_frame_equal(overall_scores(gaps), overall_scores(gaps[gaps["value"].notna()]))


def test_a_run_without_values_has_no_score_and_removes_no_metric_of_others():
    values = GAPS | {("failed", 0): {"b1": np.nan, "b2": np.nan, "k1": np.nan}}
    for missing in TREATMENTS:
        found = score(table(values), missing=missing)
        assert np.isnan(found["failed", 0])
        assert found[["a", "c"]].tolist() == pytest.approx(score(table(GAPS), missing=missing).tolist())


def test_a_group_without_a_value_leaves_the_overall_score_missing_unless_it_counts_as_zero():
    values = {("a", 0): {"b1": np.nan, "k1": 0.5}, ("c", 0): {"b1": 0.4, "k1": 0.9}}
    assert np.isnan(score(table(values))["a", 0])
    assert score(table(values), missing="zero")["a", 0] == pytest.approx(0.3)
    assert np.isnan(score(table(values), missing="complete")["c", 0])
    # A group that has no weight may be missing.
    alone = overall_scores(table(values), weights={"batch": 0, "bio": 1})
    found = alone.query("method == 'a' and scaling == 'raw' and missing == 'ignore' and group == 'overall'")
    assert found["value"].tolist() == [0.5]


def test_each_data_set_is_scaled_on_its_own():
    other = {key: {name: value / 2 for name, value in values.items()} for key, values in THREE.items()}
    both = overall_scores(pd.concat([table(THREE), table(other, "e")])).query("scaling == 'minmax'")
    one, two = (both[both["dataset"] == name]["value"].tolist() for name in "de")
    assert one == pytest.approx(two)


def test_the_metrics_of_the_paper_make_scores_of_their_own():
    paper = {key: {"p1": values["b1"], "p2": values["b2"], "q1": values["k1"]} for key, values in THREE.items()}
    both = overall_scores(pd.concat([table(THREE), table(paper)]))
    ours = both[~both["group"].str.startswith("portal_")]
    theirs = both[both["group"].str.startswith("portal_")]
    assert set(theirs["group"]) == {"portal_batch", "portal_bio", "portal_overall"}
    renamed = theirs.assign(group=theirs["group"].str.removeprefix("portal_"))
    pd.testing.assert_frame_equal(renamed.reset_index(drop=True), ours.reset_index(drop=True))
    pd.testing.assert_frame_equal(ours.reset_index(drop=True), overall_scores(table(THREE)))


def test_other_groups_are_ignored():
    more = pd.concat(
        [table(THREE), table(THREE).assign(metric="x", group="auxiliary"), table(THREE, "f").assign(group="align")]
    )
    more = more.drop_duplicates(["dataset", "method", "seed", "metric"])
    pd.testing.assert_frame_equal(overall_scores(more), overall_scores(table(THREE)))


def test_order_of_rows_changes_nothing_and_the_scores_stay():
    scores = table(GAPS | THREE)
    copy = scores.copy()
    shuffled = scores.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(overall_scores(scores, ["a"]), overall_scores(shuffled, ["a"]))
    pd.testing.assert_frame_equal(metric_ranges(scores, ["a"]), metric_ranges(shuffled, ["a"]))
    pd.testing.assert_frame_equal(scores, copy)
    assert list(overall_scores(scores).columns) == SCORE_COLUMNS


def test_no_scores_give_empty_tables():
    assert list(overall_scores(table({})).columns) == SCORE_COLUMNS
    assert list(metric_ranges(table({})).columns) == RANGE_COLUMNS


def test_values_without_a_mean_are_errors():
    with pytest.raises(DataError, match="twice"):
        overall_scores(pd.concat([table(THREE), table(THREE)]))
    with pytest.raises(DataError, match="infinite value, first d, a, 0, b1"):
        overall_scores(table(THREE).replace(0.2, np.inf))


@pytest.mark.parametrize(
    "weights",
    [
        {"batch": 0, "bio": 0},
        {"batch": -1, "bio": 2},
        {"batch": 1},
        {"batch": 1, "bio": 1, "x": 1},
        {"batch": np.nan, "bio": 1},
    ],
)
def test_weights_that_make_no_mean_are_errors(weights):
    with pytest.raises(ConfigError, match=r"weights: .* expected batch and bio"):
        overall_scores(table(THREE), weights=weights)


@pytest.fixture(scope="module")
def published():
    """The published runs of scIB on the human immune cells, as scores."""
    long = pd.read_csv(real_file("scib_immune_hum_metrics_4dp.csv")).melt(id_vars="run", var_name="metric")
    assert len(long) == 69 * 14
    groups = long["metric"].isin(PUBLISHED_BATCH).map({True: "batch", False: "bio"})
    return long.rename(columns={"run": "method"}).assign(dataset="immune_hum", seed=0, group=groups)


def of(scores, scaling, missing):
    """Means and ranks by method and group."""
    made = summarise_overall(overall_scores(scores, scalings=[scaling], treatments=TREATMENTS))
    return made[made["missing"] == missing].set_index(["method", "group"])


@pytest.mark.realdata
def test_the_published_runs_have_their_published_scores_and_ranks(published):
    scaled, raw = of(published, "minmax", "ignore"), of(published, "raw", "ignore")
    for run, (batch, bio, overall, rank, raw_overall) in PUBLISHED.items():
        found = [scaled.loc[(run, group), "mean"] for group in ("batch", "bio", "overall")]
        # The table has four decimals, truncated.
        assert found == pytest.approx([batch, bio, overall], abs=1e-3)
        assert scaled.loc[(run, "overall"), "rank"] == rank
        assert raw.loc[(run, "overall"), "mean"] == pytest.approx(raw_overall, abs=1e-3)


@pytest.mark.realdata
def test_the_published_runs_have_their_ranks_where_a_missing_value_is_zero(published):
    found, ignored = of(published, "minmax", "zero"), of(published, "minmax", "ignore")
    for run, (overall, rank) in PUBLISHED_ZERO.items():
        assert found.loc[(run, "overall"), "mean"] == pytest.approx(overall, abs=1e-3)
        assert found.loc[(run, "overall"), "rank"] == rank
    graph = ("unscaled/hvg/bbknn_knn", "overall")
    assert ignored.loc[graph, "mean"] == pytest.approx(0.6654, abs=1e-3)
    assert ignored.loc[graph, ["rank", "n_used", "n_total"]].tolist() == [47, 8, 14]
    assert ignored.loc[graph, "rank_range"] >= 64 - 47


@pytest.mark.realdata
def test_six_published_runs_alone_have_other_scores(published):
    found = of(published[published["method"].isin(list(PUBLISHED_SIX))], "minmax", "ignore")
    assert found.xs("overall", level="group")["mean"].to_dict() == pytest.approx(PUBLISHED_SIX, abs=1e-3)


@pytest.mark.realdata
def test_complete_keeps_the_metrics_that_every_published_run_has(published):
    found = of(published, "minmax", "complete").xs("overall", level="group")
    there = published.groupby("metric")["value"].count() == 69
    assert set(found["n_used"]) == {int(there.sum())} == {8}
    full = published[published["metric"].isin(there.index[there])]
    again = of(full, "minmax", "ignore").xs("overall", level="group")
    assert found["mean"].to_dict() == pytest.approx(again["mean"].to_dict())


@pytest.mark.realdata
@pytest.mark.parametrize("scaling", SCALINGS)
def test_scaled_scores_of_the_published_runs_are_between_zero_and_one(published, scaling):
    controls = ["unscaled/full/unintegrated_full", "unscaled/hvg/scgen_full"]
    made = overall_scores(published, controls, scalings=[scaling])
    assert len(made) == 69 * 3 * 3
    assert made["value"].between(0, 1).all()
