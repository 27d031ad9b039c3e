"""Input that cannot be scored: one clear error, or a reason per metric, never a bare NaN."""

import math

import numpy as np
import pytest
from scipy import sparse
from scored_cells import made_cells
from test_metric_properties import METRICS

from portal_lib.errors import DataError, NotApplicable, ShapeError
from portal_lib.metrics import _graph, asw_batch, asw_label
from portal_lib.metrics._graph import neighbor_graph
from portal_lib.metrics._score import score_all
from portal_lib.metrics._space import Space, Truth


def rows_of(space, batch, label):
    """Row by metric, each either a finite value or a NaN with its reason."""
    rows = {row["metric"]: row for row in score_all(space, Truth(batch, label), METRICS)}
    for row in rows.values():
        assert set(row) == {"metric", "group", "value", "reason"}
        assert math.isfinite(row["value"]) == (row["reason"] == "")
    return rows


def reasons(space, batch, label):
    """Reason by metric that gave none a value."""
    return {name: row["reason"] for name, row in rows_of(space, batch, label).items() if row["reason"]}


def test_one_label_leaves_the_metrics_that_compare_no_labels(made):
    space = Space(made.embedding, before=made.embedding)
    found = reasons(space, made.batch, np.zeros(len(made.batch)))
    assert found == dict.fromkeys(["ari", "asw_label", "clisi", "nmi"], "all cells are of one label")


def test_one_batch_leaves_the_metrics_of_labels(made):
    space = Space(made.embedding, before=made.embedding)
    found = reasons(space, ["a"] * len(made.batch), made.label)
    assert found == dict.fromkeys(["asw_batch", "ilisi", "pcr"], "all cells are of one batch")


def test_a_label_with_one_cell_is_scored(made):
    label = made.label.copy()
    label[17] = "alone"
    assert reasons(Space(made.embedding, before=made.embedding), made.batch, label) == {}


def test_every_cell_its_own_label(made):
    found = reasons(Space(made.embedding, before=made.embedding), made.batch, np.arange(len(made.batch)))
    assert found.pop("asw_batch") == "no label has cells of several batches, and more cells than batches"
    assert found == dict.fromkeys(["ari", "asw_label", "clisi", "nmi"], "every cell has its own label")


def test_no_labels_at_all(made):
    found = reasons(Space(made.embedding, before=made.embedding), made.batch, None)
    assert set(found.values()) == {"no labels are known"}
    assert set(METRICS) - set(found) == {"ilisi", "pcr"}


def test_a_graph_has_the_metrics_of_graphs(made):
    graph = neighbor_graph(made.embedding.astype(float))
    found = reasons(Space(connectivities=graph, before=made.embedding), made.batch, made.label)
    assert found == dict.fromkeys(["asw_batch", "asw_label", "pcr"], "the method gives a graph, not an embedding")


def test_a_given_graph_gives_what_the_embedding_gives(made):
    graph = neighbor_graph(made.embedding.astype(float))
    one = rows_of(Space(made.embedding, before=made.embedding), made.batch, made.label)
    assert rows_of(Space(made.embedding, connectivities=graph, before=made.embedding), made.batch, made.label) == one


def test_a_graph_without_edges(made):
    graph = sparse.csr_matrix((len(made.batch),) * 2)
    found = reasons(Space(connectivities=graph), made.batch, made.label)
    assert found["nmi"] == found["ilisi"] == "the neighbour graph has no edges"
    assert set(found) == set(METRICS)


def test_no_uncorrected_embedding(made):
    found = reasons(Space(made.embedding), made.batch, made.label)
    assert found == {"pcr": "no uncorrected embedding to compare with"}


def test_batches_that_explain_nothing_before(made):
    found = reasons(Space(made.embedding, before=np.ones((len(made.batch), 3))), made.batch, made.label)
    assert found == {"pcr": "the batches explain no variance before integration"}


def test_a_constant_embedding_is_not_scored(made):
    constant = np.full((len(made.batch), 4), 0.3)
    found = reasons(Space(constant, before=made.embedding), made.batch, made.label)
    assert found == dict.fromkeys(METRICS, "the embedding is constant")


def test_two_cells_have_reasons_or_values():
    cells = made_cells(2)
    space = Space(cells.embedding, before=cells.embedding)
    assert set(reasons(space, ["a", "b"], ["x", "y"])) == {"ari", "asw_batch", "asw_label", "clisi", "ilisi", "nmi"}
    assert "no cell reaches 90 others" in reasons(space, ["a", "b"], ["x", "x"])["ilisi"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_an_error(made, bad):
    embedding = made.embedding.copy()
    embedding[3, 1] = bad
    with pytest.raises(DataError, match="the embedding has values that are not finite, 1 of 4800"):
        Space(embedding)
    with pytest.raises(DataError, match="the uncorrected embedding has values that are not finite"):
        Space(made.embedding, before=embedding)


def test_wrong_shapes_are_an_error(made):
    with pytest.raises(ShapeError, match=r"shape \(400,\)"):
        Space(made.embedding[:, 0])
    with pytest.raises(ShapeError, match="differ in cells"):
        Space(made.embedding, before=made.embedding[1:])
    with pytest.raises(ShapeError, match="399 cells for a space of 400"):
        score_all(Space(made.embedding), Truth(made.batch[1:], made.label[1:]), METRICS)
    with pytest.raises(ShapeError, match="3 batches for 2 labels"):
        Truth([1, 2, 3], [1, 2])


def test_nothing_to_score_is_an_error():
    with pytest.raises(DataError, match="neither an embedding nor a neighbour graph"):
        Space()
    with pytest.raises(DataError, match="one cell"):
        Space(np.ones((1, 3)))


def test_graphs_that_are_none_are_an_error():
    with pytest.raises(ShapeError, match="the neighbour graph has shape"):
        Space(connectivities=sparse.csr_matrix((3, 4)))
    with pytest.raises(DataError, match="negative or not finite"):
        Space(connectivities=sparse.csr_matrix(-np.eye(3)))


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_labels_are_an_error(missing):
    with pytest.raises(DataError, match="1 of 3 cells have no label"):
        Truth(["a", "b", "a"], np.array(["x", missing, "y"], dtype=object))


def test_the_graph_is_made_once(made, monkeypatch):
    calls = []
    make = _graph.neighbor_graph
    monkeypatch.setattr(_graph, "neighbor_graph", lambda embedding: calls.append(1) or make(embedding))
    rows_of(Space(made.embedding, before=made.embedding), made.batch, made.label)
    assert calls == [1]


def test_a_metric_asked_alone_says_why_it_does_not_fit(made):
    graph = Space(connectivities=neighbor_graph(made.embedding.astype(float)))
    with pytest.raises(NotApplicable, match="not an embedding"):
        asw_label.score(graph, Truth(made.batch, made.label))
    with pytest.raises(NotApplicable, match="one batch"):
        asw_batch.score(Space(made.embedding), Truth(["a"] * 400, made.label))


def test_batches_may_be_categories_of_pandas(made):
    import pandas as pd

    plain = Truth(made.batch, made.label)
    named = Truth(pd.Series(made.batch).astype("category"), pd.Categorical(made.label))
    np.testing.assert_array_equal(plain.batch, named.batch)
    np.testing.assert_array_equal(plain.label, named.label)
