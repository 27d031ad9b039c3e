"""Tables of overall scores from the scores of runs and the facts of methods."""

import numpy as np
import pandas as pd
import pytest

from portal_lib._files import write_table
from portal_lib.benchmark.tables.aggregate import summarise_overall
from portal_lib.benchmark.tables.differences import paired_differences
from portal_lib.benchmark.tables.overall import metric_ranges, overall_scores
from portal_lib.benchmark.tables.overall_tables import overall_tables

METHODS = {
    "low": {"control": True, "stochastic": True},
    "high": {"control": True, "stochastic": False},
    "m": {"control": False, "stochastic": True},
    "fixed": {"control": False, "stochastic": False},
}
GROUPS = {"b": "batch", "k": "bio", "q": "align"}


@pytest.fixture
def scores():
    """Scores of one data set to integrate, where a fixed method has one run, and of one to align."""
    rng, rows = np.random.default_rng(0), []
    for method, seeds in {"low": 3, "high": 1, "m": 3, "m.variant-2": 3, "fixed": 1}.items():
        rows += [("d", method, seed, metric, rng.random()) for seed in range(seeds) for metric in ("b1", "b2", "k1")]
    rows += [("e", "other", 0, "q1", np.inf)]
    table = pd.DataFrame(rows, columns=["dataset", "method", "seed", "metric", "value"])
    return table.assign(group=table["metric"].str[0].map(GROUPS))


def test_a_given_embedding_is_ranked_and_sets_no_end(scores):
    other = METHODS | {"other": METHODS["m"]}
    renamed = scores.replace({"method": {"fixed": "my_scvi"}})
    ours, theirs = overall_tables(renamed, other), overall_tables(scores, other)
    for name, table in ours.items():
        assert len(table) == len(theirs[name])
    score = ours["overall"].query("method == 'my_scvi'").dropna(subset="rank")["mean"].to_numpy()
    np.testing.assert_allclose(score, theirs["overall"].query("method == 'fixed'").dropna(subset="rank")["mean"])
    assert "my_scvi" not in set(ours["ranges"].query("scaling == 'control'")["method"])


def test_controls_and_deterministic_methods_follow_from_facts(scores):
    made = overall_tables(scores, METHODS | {"other": METHODS["m"]}, {"batch": 1, "bio": 1})
    runs = overall_scores(scores, ["low", "high"], {"batch": 1, "bio": 1})
    expected = {
        "overall_runs": runs,
        "overall": summarise_overall(runs, ["low", "high"]),
        "ranges": metric_ranges(scores, ["low", "high"]),
        "differences": paired_differences(scores, ["low", "high"], ["high", "fixed"], {"batch": 1, "bio": 1}),
    }
    assert list(made) == list(expected)
    for name, table in made.items():
        pd.testing.assert_frame_equal(table, expected[name])
    assert set(made["overall"]["dataset"]) == {"d"}
    pairs = made["differences"].query("scaling == 'raw' and method_a == 'fixed' and method_b == 'm.variant-2'")
    assert pairs["n"].tolist() == [3]
    assert made["overall"].dropna(subset="rank")["method"].unique().tolist() == ["fixed", "m", "m.variant-2"]


def test_variants_of_controls_set_no_ends_and_have_no_rank(scores):
    variant = scores[scores["method"] == "low"].assign(method="low.wide", value=[5.0, -5.0, 7.0] * 3)
    made = overall_tables(pd.concat([scores, variant]), METHODS | {"other": METHODS["m"]})
    ranges = made["ranges"].set_index("scaling")["method"]
    assert "low.wide" in set(ranges["minmax"])
    assert set(ranges["control"]) == {"low", "high"}
    ranked = made["overall"].dropna(subset="rank")["method"]
    assert set(ranked) == {"fixed", "m", "m.variant-2"}


def test_the_tables_are_read_back_as_they_were_written(scores, tmp_path):
    for name, table in overall_tables(scores, METHODS | {"other": METHODS["m"]}).items():
        write_table(table, tmp_path / name)
        again = pd.read_csv(tmp_path / name, sep="\t", keep_default_na=False, na_values=[""])
        assert list(again.columns) == list(table.columns)
        assert len(again) == len(table)
        for column in table.select_dtypes("number"):
            np.testing.assert_allclose(
                again[column].astype(float), table[column].astype("Float64").astype(float), rtol=1e-9
            )


def test_a_run_without_anything_integrated_has_empty_tables(scores):
    made = overall_tables(scores[scores["dataset"] == "e"], {"other": METHODS["m"]})
    assert all(table.empty and len(table.columns) for table in made.values())
