"""Aggregation: numbers worked out by hand, and the published scIB runs."""

import numpy as np
import pandas as pd
import pytest
from realdata import real_file

from portal_lib.benchmark.aggregate import SUMMARY_COLUMNS, overall_scores, summarise, t_interval
from portal_lib.errors import DataError

PUBLISHED_BATCH = {"PCR", "bASW", "GC", "kBET", "iLISI"}
PUBLISHED_RAW = {
    "scaled/hvg/scanorama_embed": 0.7463,
    "unscaled/hvg/fastmnn_embed": 0.7403,
    "unscaled/full/scanvi_embed": 0.7380,
    "unscaled/hvg/harmony_embed": 0.7321,
    "unscaled/hvg/scvi_embed": 0.7114,
    "unscaled/hvg/seurat_full": 0.6487,
    "unscaled/hvg/liger_embed": 0.6358,
    "unscaled/full/unintegrated_full": 0.5765,
}


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
    assert overall["low"] == pytest.approx(0.54 - 12.706 * 0.12, rel=1e-4)
    assert overall["high"] == pytest.approx(0.54 + 12.706 * 0.12, rel=1e-4)
    assert overall["n"] == 2


@pytest.mark.parametrize(("n", "factor"), [(2, 12.71), (3, 4.303), (4, 3.182), (5, 2.776), (10, 2.262)])
def test_the_factor_of_the_interval_is_students(n, factor):
    values = np.arange(n, dtype=float)
    mean, sd, half = t_interval(values)
    assert mean == pytest.approx((n - 1) / 2)
    assert half == pytest.approx(factor * sd / np.sqrt(n), rel=5e-4)


def test_one_seed_has_no_interval():
    found = row(summarise(table({("m", 0): {"b1": 0.2, "k1": 0.5}})), "m", "b1", "batch")
    assert (found["n"], found["mean"]) == (1, 0.2)
    assert found[["sd", "half_width", "low", "high"]].isna().all()


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


def test_weights_can_be_set():
    scores = table({("m", 0): {"b1": 0.2, "k1": 0.5}})
    assert row(summarise(scores, {"batch": 1, "bio": 1}), "m", "overall")["mean"] == pytest.approx(0.35)


def test_the_scores_are_untouched():
    scores = table({("m", 0): {"b1": 0.2, "k1": 0.5}})
    copy = scores.copy()
    summarise(scores)
    pd.testing.assert_frame_equal(scores, copy)


def test_an_unknown_group_and_a_metric_given_twice_are_errors():
    scores = table({("m", 0): {"b1": 0.2, "k1": 0.5}})
    with pytest.raises(DataError, match="unknown groups"):
        summarise(scores.assign(group="other"))
    with pytest.raises(DataError, match="twice"):
        summarise(pd.concat([scores, scores]))


@pytest.mark.realdata
def test_the_published_runs_have_their_published_raw_overall_scores():
    published = real_file("scib_immune_hum_metrics_4dp.csv")
    long = pd.read_csv(published).melt(id_vars="run", var_name="metric")
    assert len(long) == 69 * 14
    groups = long["metric"].isin(PUBLISHED_BATCH).map({True: "batch", False: "bio"})
    scores = overall_scores(long.assign(dataset="immune_hum", method=long["run"], seed=0, group=groups))
    overall = scores.query("metric == 'overall'").set_index("method")["value"]
    for run, value in PUBLISHED_RAW.items():
        assert overall[run] == pytest.approx(value, abs=1e-3)
