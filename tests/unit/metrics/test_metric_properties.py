"""What holds for every metric, whatever its formula; the files of the folder are the list."""

from pathlib import Path

import numpy as np
import pytest
from scored_cells import made_cells

import portal_lib.metrics
from portal_lib.metrics._score import score_all
from portal_lib.metrics._space import Space, Truth

METRICS = sorted(path.stem for path in Path(portal_lib.metrics.__file__).parent.glob("[a-z]*.py"))
CLUSTERED = {"nmi", "ari"}


def values(embedding, batch, label, before, metrics=METRICS):
    """Value by metric."""
    rows = score_all(Space(embedding, before=before), Truth(batch, label), metrics)
    assert [row["reason"] for row in rows] == [""] * len(metrics)
    return {row["metric"]: row["value"] for row in rows}


@pytest.fixture(scope="module")
def plain(made):
    """Values of the made cells, centred halfway."""
    return values(made.embedding * 0.9, made.batch, made.label, made.embedding[:, :8])


def test_all_eight_metrics_are_here():
    assert {"nmi", "ari", "asw_label", "asw_batch", "graph_connectivity", "ilisi", "clisi", "pcr"} <= set(METRICS)


def test_names_and_order_of_labels_and_batches_change_nothing(made, plain):
    label = np.array([{"0": "z", "1": "b b", "2": "é", "3": "10", "4": "9"}[one] for one in made.label])
    batch = np.array([{"0": 7, "1": -2, "2": 5}[one] for one in made.batch])
    assert values(made.embedding * 0.9, batch, label, made.embedding[:, :8]) == plain


def test_the_order_of_cells_changes_nothing(made, plain):
    order = np.random.default_rng(1).permutation(len(made.batch))
    turned = values(made.embedding[order] * 0.9, made.batch[order], made.label[order], made.embedding[order, :8])
    for name, value in plain.items():
        assert turned[name] == pytest.approx(value, abs=0.05 if name in CLUSTERED else 1e-6)


def test_turning_moving_and_scaling_the_space_changes_nothing(made, plain):
    axes, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(12, 12)))
    turned = values(3 * made.embedding @ axes + 5, made.batch, made.label, made.embedding[:, :8])
    for name, value in plain.items():
        assert turned[name] == pytest.approx(value, abs=0.01 if name in CLUSTERED else 1e-5)


def test_the_input_is_untouched_and_a_second_scoring_gives_the_same(made, plain):
    embedding, before = made.embedding * 0.9, made.embedding[:, :8].copy()
    copies = embedding.copy(), before.copy()
    assert values(embedding, made.batch, made.label, before) == plain
    np.testing.assert_array_equal(embedding, copies[0])
    np.testing.assert_array_equal(before, copies[1])


def test_a_perfect_space_beats_its_opposite():
    cells = made_cells(600)
    rng = np.random.default_rng(0)
    by_label, by_batch = (np.eye(5)[codes.astype(int)] for codes in (cells.label, cells.batch))
    noise = rng.uniform(-0.01, 0.01, by_label.shape)
    perfect = values(by_label + noise, cells.batch, cells.label, cells.embedding)
    opposite = values(by_batch + noise, cells.batch, cells.label, cells.embedding)
    for name in METRICS:
        assert perfect[name] > opposite[name], name
    assert min(perfect[name] for name in ("nmi", "ari", "clisi", "graph_connectivity")) > 0.99
    assert opposite["pcr"] == 0
    assert opposite["ilisi"] == pytest.approx(0, abs=1e-6)


def test_an_unintegrated_space_has_pcr_exactly_0(made):
    wide = np.hstack([made.embedding] * 5)
    for embedding in (made.embedding, made.embedding.astype(np.float64), wide):
        assert values(embedding, made.batch, made.label, embedding, ["pcr"]) == {"pcr": 0}


def test_centring_each_batch_has_pcr_1(made):
    centred = made.embedding.astype(float)
    for one in np.unique(made.batch):
        centred[made.batch == one] -= centred[made.batch == one].mean(axis=0)
    assert values(centred, made.batch, made.label, made.embedding, ["pcr"])["pcr"] == pytest.approx(1, abs=1e-12)


def test_values_lie_in_the_range_that_the_facts_state(plain):
    from importlib import import_module

    for name, value in plain.items():
        low, high = import_module(f"portal_lib.metrics.{name}").METRIC["range"]
        assert low <= value <= high
