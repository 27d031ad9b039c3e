"""Cells with the same coordinates: no score depends on the order of the rows, nor on names."""

from types import SimpleNamespace

import numpy as np
import pytest
from scored_cells import made_cells, space_of

from portal_lib.benchmark import registry
from portal_lib.metrics import _ties
from portal_lib.metrics._score import score_all
from portal_lib.metrics._space import Space, Truth

METRICS = [name for name, facts in registry.find("metrics").items() if facts["group"] != "align"]
SEEDS = [1, 2]


def copies():
    """600 cells with 100 different coordinates, six cells each on average; rows sorted by batch."""
    cells = made_cells(600)
    rng = np.random.default_rng(3)
    same = rng.integers(0, 100, 600)
    label = cells.label[same]
    batch = np.sort(rng.integers(0, 3, 600)).astype(str)
    # One label is in two batches only.
    batch[(label == "4") & (batch == "2")] = "0"
    return SimpleNamespace(**(vars(cells) | {"embedding": cells.embedding[same], "batch": batch, "label": label}))


def values(cells, order=None, metrics=METRICS):
    """Value by metric of cells with their rows in an order."""
    order = np.arange(len(cells.batch)) if order is None else order
    space = space_of(cells, cells.embedding[order], order)
    rows = score_all(space, Truth(cells.batch[order], cells.label[order]), metrics)
    assert [row["reason"] for row in rows] == [""] * len(metrics)
    return {row["metric"]: row["value"] for row in rows}


@pytest.fixture(scope="module")
def plain():
    return values(copies())


@pytest.mark.parametrize("seed", SEEDS)
def test_no_score_depends_on_the_order_of_identical_cells(plain, seed):
    order = np.random.default_rng(seed).permutation(600)
    turned = values(copies(), order)
    for name, value in plain.items():
        assert turned[name] == pytest.approx(value, abs=1e-9), name


def test_without_a_fixed_order_scores_do_depend_on_the_rows(monkeypatch):
    """The data of the tests above are ones in which the rows decide."""
    monkeypatch.setattr(Space, "settled", lambda self, truth: (self, truth))
    order = np.random.default_rng(1).permutation(600)
    one, other = (values(copies(), rows, ["ilisi", "portal_kbet"]) for rows in (None, order))
    assert abs(one["ilisi"] - other["ilisi"]) > 0.005
    assert one["portal_kbet"] != other["portal_kbet"]


def test_names_of_labels_and_batches_do_not_break_ties(plain):
    cells = copies()
    cells.batch = np.array(["z", "a", "m"])[cells.batch.astype(int)]
    cells.label = np.array(["9", "8", "7", "6", "5"])[cells.label.astype(int)]
    assert values(cells) == plain


def test_batches_of_the_same_cells_are_exchangeable():
    """Every cell is in each of two batches, so that nothing but their names tells them apart."""
    cells = made_cells(150)
    twice = np.concatenate([np.arange(150)] * 2)
    cells = SimpleNamespace(embedding=cells.embedding[twice], label=cells.label[twice], batch=np.repeat([0, 1], 150))
    names = ["ilisi", "clisi", "kbet", "graph_connectivity", "cilisi", "nmi"]
    found = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(300)
        rows = score_all(Space(cells.embedding[order]), Truth(cells.batch[order], cells.label[order]), names)
        found.append([row["value"] for row in rows])
    np.testing.assert_allclose(found[1:], [found[0]] * 2, atol=1e-9)


def test_batches_of_identical_cells_are_mixed_by_the_draw():
    """Half of the cells of every coordinate are of each batch: the 14 copies next to a cell are a fair sample."""
    rng = np.random.default_rng(0)
    points = np.repeat(rng.normal(size=(10, 4)), 100, axis=0)
    batch = np.tile(np.repeat([0, 1], 50), 10)
    space, truth = Space(points).settled(Truth(batch))
    neighbors = space.neighbors.indices[:, 1:15]
    share = (truth.batch[neighbors] == truth.batch[:, None]).mean()
    assert share == pytest.approx(0.5, abs=0.03)


def test_cells_without_copies_are_scored_in_their_own_order(made):
    space, truth = space_of(made), Truth(made.batch, made.label)
    assert space.settled(truth) == (space, truth)
    assert _ties.order_of(made.embedding.astype(float), *truth.codes) is None


def test_the_graph_and_the_facts_are_those_of_the_given_rows():
    cells = copies()
    space, truth = space_of(cells), Truth(cells.batch, cells.label)
    score_all(space, truth, ["ilisi"])
    assert space.neighbor_facts == {"search": "exact", "n_neighbors": 50, "identical_cells": 600}
    graph = space.connectivities
    edges = graph.tocoo()
    same = (cells.embedding[edges.row] == cells.embedding[edges.col]).all(axis=1)
    # Copies of a cell are its nearest neighbours. In rows of another order, hardly any edge would be between copies.
    assert edges.data[same].min() > 0.99
    _, counts = np.unique(cells.embedding, axis=0, return_counts=True)
    assert same.sum() > 0.9 * (counts * (counts - 1)).sum()
    assert (graph != graph.T).nnz == 0


def test_order_is_a_permutation_that_depends_on_cells_only():
    cells = copies()
    embedding, pseudotime = cells.embedding.astype(float), np.arange(600) % 7
    truth = Truth(cells.batch, cells.label)
    order = _ties.order_of(embedding, *truth.codes, pseudotime)
    np.testing.assert_array_equal(np.sort(order), np.arange(600))
    rows = np.random.default_rng(8).permutation(600)
    other = _ties.order_of(embedding[rows], *truth.in_order(rows).codes, pseudotime[rows])
    for part in (embedding, cells.batch, cells.label, pseudotime):
        np.testing.assert_array_equal(part[order], part[rows][other])


def test_minus_zero_is_zero_and_neighbouring_floats_differ():
    points = np.array([[0.0, 1.0], [-0.0, 1.0], [np.nextafter(0, 1), 1.0]])
    found = _ties.groups_of(points)
    assert found[0] == found[1] != found[2]
    assert _ties.n_identical(points) == 2
