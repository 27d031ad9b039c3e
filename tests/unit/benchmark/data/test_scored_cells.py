"""Which cells of a data set are scored."""

import json

import numpy as np
import pandas as pd
import pytest

from portal_lib.benchmark.data.scored_cells import (
    draw_scored,
    facts_by_dataset,
    facts_of_dataset,
    rows_scored,
    sample_facts,
)

TRUTH = {"batch": pd.Categorical(["a", "b"] * 50), "label": pd.Categorical(["T"] * 99 + ["rare"])}


@pytest.mark.parametrize(("max_cells", "sample_cells"), [(100, 10), (101, 10), (10, 100)])
def test_up_to_the_limit_all_cells_are_scored(max_cells, sample_cells):
    rows = draw_scored(100, max_cells=max_cells, sample_cells=sample_cells, seed=0)
    assert rows is None
    facts = sample_facts(rows, TRUTH, 0, cut_graph=True)
    assert facts["n_cells_scored"] == facts["n_cells_total"] == 100
    assert not facts["cut_graph"]
    assert facts["n_unlabelled"] == 0
    assert rows_scored(facts, TRUTH["label"]) is None


def test_above_the_limit_a_seeded_sample_is_drawn_in_the_order_of_the_file():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    rows = draw_scored(100, max_cells=99, sample_cells=30, seed=5)
    assert len(set(rows)) == 30
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, draw_scored(100, max_cells=50, sample_cells=30, seed=5))
    assert not np.array_equal(rows, draw_scored(100, max_cells=99, sample_cells=30, seed=6))
    np.testing.assert_array_equal(rows_scored(sample_facts(rows, TRUTH, 5, cut_graph=False), TRUTH["label"]), rows)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("max_cells", [60, 59])
def test_cells_without_a_label_are_not_scored(max_cells):
    label = pd.Categorical([None if i % 5 < 2 else "T" for i in range(100)])
    rows = draw_scored(100, label, max_cells=max_cells, sample_cells=30, seed=5)
    assert len(rows) == (60 if max_cells == 60 else 30)
    assert (np.diff(rows) > 0).all()
    assert not label[rows].isna().any()
    facts = sample_facts(rows, TRUTH | {"label": label}, 5, cut_graph=False)
    assert facts["n_unlabelled"] == 40
    assert facts["subsample_seed"] == (None if max_cells == 60 else 5)
    np.testing.assert_array_equal(rows_scored(facts, label), rows)


def test_without_labels_all_cells_are_scored():
    facts = sample_facts(
        draw_scored(100, None, max_cells=100, sample_cells=5, seed=0), TRUTH | {"label": None}, 0, cut_graph=False
    )
    assert facts["n_unlabelled"] is None
    assert facts["n_cells_scored"] == 100
    assert rows_scored(facts, None) is None


def test_the_facts_of_a_data_set_are_those_of_its_runs(tmp_path):
    made = sample_facts(np.arange(10), TRUTH, 5, cut_graph=False) | {"neighbors": {"search": "exact"}}
    contents = [{}, made, made | {"cut_graph": True}, {}]
    files = [tmp_path / str(i) for i in range(4)]
    for file, content in zip(files, contents, strict=True):
        file.write_text(json.dumps(content))
    assert facts_of_dataset(files[:2]) == made
    assert facts_of_dataset(files[:3])["cut_graph"]
    assert facts_of_dataset(files[:1]) == {}
    records = [{"dataset": name} for name in ("x", "x", "x", "y")]
    assert facts_by_dataset(records, files) == {"x": made | {"cut_graph": True}, "y": {}}


def test_of_approximate_searches_the_one_that_found_the_least_counts(tmp_path):
    made = sample_facts(None, TRUTH, 5, cut_graph=False)
    searches = [{"search": "exact"}, {"search": "approximate", "recall": 1.0}, {"search": "given"}, {}]
    searches += [{"search": "approximate", "recall": recall, "recall_cells": 1000} for recall in (0.98, 0.9512, 0.97)]
    files = [tmp_path / str(i) for i in range(len(searches))]
    for file, search in zip(files, searches, strict=True):
        file.write_text(json.dumps(made | {"neighbors": search}))
    facts = facts_of_dataset(files)
    assert facts["neighbors"]["recall"] == 0.9512
    assert "identical_cells" not in facts["neighbors"]
    for file, n in zip(files, (0, 7, 30, 2), strict=False):
        file.write_text(json.dumps(made | {"neighbors": {"search": "exact", "identical_cells": n}}))
    assert facts_of_dataset(files)["neighbors"]["identical_cells"] == 30


def test_labels_without_a_cell_in_the_sample_are_counted():
    facts = sample_facts(np.arange(10), TRUTH, 5, cut_graph=True)
    assert (facts["lost_batches"], facts["lost_labels"]) == ({}, {"rare": 1})
