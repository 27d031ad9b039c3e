"""Input that cannot be scored raises one clear error or gives a reason per metric, never a NaN without a reason."""

import math

import numpy as np
import pytest
from scipy import sparse
from scored_cells import made_cells, neighbor_graph, space_of
from test_metric_properties import FACTS, METRICS

from portal_lib.errors import DataError, NotApplicable, ShapeError
from portal_lib.metrics import _clusters, _distances, _lisi, _neighbors
from portal_lib.metrics._score import score_all
from portal_lib.metrics._space import Space, Truth
from portal_lib.metrics.scib import asw_batch, asw_label


def rows_of(space, batch, label):
    """Row by metric, each either a finite value or a NaN with its reason."""
    rows = {row["metric"]: row for row in score_all(space, Truth(batch, label), METRICS)}
    for row in rows.values():
        assert set(row) == {"metric", "group", "value", "reason"}
        assert math.isfinite(row["value"]) == (row["reason"] == "")
    return rows


def reasons(space, batch, label):
    """Reason by metric, of metrics without a value."""
    return {name: row["reason"] for name, row in rows_of(space, batch, label).items() if row["reason"]}


def that_need(*parts):
    """Metrics that need one of some parts."""
    return {name for name, facts in FACTS.items() if set(parts) & set(facts["needs"])}


# Metrics that compare labels with each other; the others of labels are defined for one label, too.
COMPARED = that_need("label") - {
    *("asw_batch", "bras", "graph_connectivity", "portal_graph_connectivity", "kbet", "trajectory_conservation"),
    "portal_ari_per_batch",
    "cilisi",
}
ISOLATED = {name for name in FACTS if "isolated" in name}


def test_one_label_disables_the_metrics_that_compare_labels(made):
    found = reasons(space_of(made), made.batch, np.zeros(len(made.batch)))
    assert found.pop("portal_ari_per_batch") == "each batch has one label"
    assert found == dict.fromkeys(COMPARED, "all cells are of one label")


def test_one_batch_disables_the_metrics_of_batches(made):
    found = reasons(space_of(made), ["a"] * len(made.batch), made.label)
    assert found == dict.fromkeys(that_need("batch"), "all cells are of one batch")


def test_isolated_label_metrics_do_not_apply_without_isolated_labels(made):
    batch = np.arange(len(made.batch)) % 2
    found = reasons(space_of(made), batch, made.label)
    assert found == dict.fromkeys(ISOLATED, "no isolated label: every label is in every batch")


def test_a_label_with_one_cell_is_scored(made):
    label = made.label.copy()
    label[17] = "alone"
    assert reasons(space_of(made), made.batch, label) == {}


def test_a_label_per_cell_disables_the_metrics_of_labels(made):
    found = reasons(space_of(made), made.batch, np.arange(len(made.batch)))
    for name in ("asw_batch", "bras"):
        assert found.pop(name) == "no label has cells of several batches, and more cells than batches"
    for name in ("kbet", "cilisi"):
        assert found.pop(name) == "no label has ten cells and several batches"
    assert found == dict.fromkeys(COMPARED, "every cell has its own label")


def test_missing_labels_disable_the_metrics_of_labels(made):
    found = reasons(space_of(made), made.batch, None)
    assert found == dict.fromkeys(that_need("label"), "no labels are known")


def test_a_graph_alone_disables_the_metrics_of_embeddings(made):
    graph = neighbor_graph(made.embedding.astype(float))
    cells = space_of(made, connectivities=graph, embedding=None)
    found = reasons(cells, made.batch, made.label)
    assert found == {}
    found = reasons(Space(connectivities=graph, before=made.embedding), made.batch, made.label)
    assert found.pop("hvg_overlap") == "no expression before integration to compare with"
    assert found.pop("trajectory_conservation") == "the data set has no pseudotime"
    assert found == dict.fromkeys(that_need("embedding"), "the method gives a graph, not an embedding")


def test_a_given_graph_scores_as_the_graph_of_the_embedding(made):
    graph = neighbor_graph(made.embedding.astype(float))
    one = rows_of(space_of(made), made.batch, made.label)
    assert rows_of(space_of(made, connectivities=graph), made.batch, made.label) == one


def test_a_graph_without_edges_disables_the_metrics_of_graphs(made):
    graph = sparse.csr_matrix((len(made.batch),) * 2)
    found = reasons(Space(connectivities=graph, pseudotime=made.pseudotime), made.batch, made.label)
    assert {found[name] for name in that_need("graph")} == {"the neighbour graph has no edges"}
    assert set(found) == set(METRICS)


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("before", "no uncorrected embedding to compare with"),
        ("expression", "no expression before integration to compare with"),
        ("corrected", "the method gives no corrected expression"),
        ("pseudotime", "the data set has no pseudotime"),
        ("cell_cycle", "no scores of the cell cycle"),
    ],
)
def test_the_reason_names_the_missing_part(made, part, reason):
    found = reasons(space_of(made, **{part: None}), made.batch, made.label)
    assert found == dict.fromkeys(that_need(part), reason)


def test_unknown_genes_disable_hvg_metrics(made):
    strange = made.expression, np.array([f"other{number}" for number in range(160)])
    found = reasons(space_of(made, expression=strange), made.batch, made.label)
    assert found == {"hvg_overlap": "the corrected expression has no gene of the expression before"}


def test_the_reason_for_missing_cell_cycle_scores_is_given_on(made):
    found = reasons(space_of(made, cell_cycle="the organism is not stated"), made.batch, made.label)
    assert found == dict.fromkeys(that_need("cell_cycle"), "no scores of the cell cycle: the organism is not stated")


def test_pcr_does_not_apply_where_batches_explain_no_variance_before(made):
    found = reasons(space_of(made, before=np.ones((len(made.batch), 3))), made.batch, made.label)
    assert found == {"pcr": "the batches explain no variance before integration"}
    same = sparse.csr_matrix(np.ones(made.expression.shape))
    found = reasons(space_of(made, expression=(same, made.genes)), made.batch, made.label)
    assert found["portal_pcr"] == "the batches explain no variance before integration"
    assert found["cell_cycle_conservation"] == "the cell cycle explains no variance before integration"


def test_a_constant_embedding_is_not_scored(made):
    constant = np.full((len(made.batch), 4), 0.3)
    found = reasons(space_of(made, constant), made.batch, made.label)
    assert found == dict.fromkeys(that_need("embedding", "graph"), "the embedding is constant")


def test_two_cells_give_values_or_reasons():
    cells = made_cells(2)
    found = reasons(space_of(cells), ["a", "b"], ["x", "y"])
    assert COMPARED | {"kbet", "asw_batch", "bras", "ilisi", "portal_kbet"} <= set(found)
    assert "no cell reaches 90 others" in reasons(space_of(cells), ["a", "b"], ["x", "x"])["ilisi"]
    assert reasons(space_of(cells), ["a", "b"], ["x", "x"])["portal_kbet"].startswith("the batches are too small")


@pytest.mark.parametrize("n_cells", [3, 5, 12, 30])
def test_few_cells_give_values_or_reasons(n_cells):
    cells = made_cells(n_cells)
    rows_of(space_of(cells), cells.batch, cells.label)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nonfinite_values_raise(made, bad):
    embedding, expression = made.embedding.copy(), made.expression.copy()
    embedding[3, 1] = expression.data[7] = bad
    with pytest.raises(DataError, match="the embedding has values that are not finite, 1 of 4800"):
        Space(embedding)
    with pytest.raises(DataError, match="the uncorrected embedding has values that are not finite"):
        Space(made.embedding, before=embedding)
    for part, name in (("expression", "the expression"), ("corrected", "the corrected expression")):
        for values in (expression, expression.toarray()):
            with pytest.raises(DataError, match=f"{name} has values that are not finite"):
                getattr(Space(made.embedding, **{part: (values, made.genes)}), part)
    if np.isinf(bad):
        with pytest.raises(DataError, match="the pseudotime has infinite values"):
            Space(made.embedding, pseudotime=embedding[:, 1])


def test_expression_is_read_once_on_first_use(made):
    calls = []
    space = Space(made.embedding, expression=lambda: calls.append(1) or (made.expression, made.genes))
    assert calls == []
    assert space.expression.values.shape == (400, 160)
    assert space.expression is space.expression
    assert calls == [1]


def test_integer_expression_becomes_float(made):
    counts = sparse.csr_matrix(np.ones((400, 160), int))
    assert Space(made.embedding, expression=(counts, made.genes)).expression.values.dtype == float


def test_wrong_shapes_raise(made):
    with pytest.raises(ShapeError, match=r"shape \(400,\)"):
        Space(made.embedding[:, 0])
    with pytest.raises(ShapeError, match="differ in cells"):
        Space(made.embedding, before=made.embedding[1:])
    with pytest.raises(ShapeError, match="differ in cells"):
        Space(made.embedding, pseudotime=made.pseudotime[1:])
    with pytest.raises(ShapeError, match="expected"):
        Space(made.embedding, pseudotime=made.embedding)
    with pytest.raises(ShapeError, match="for 400 cells and 159 names of genes"):
        Space(made.embedding, expression=(made.expression, made.genes[1:])).expression  # noqa: B018
    with pytest.raises(DataError, match="2 names of genes that are not unique"):
        Space(made.embedding, expression=(made.expression, ["a", "a", "a", *made.genes[3:]])).expression  # noqa: B018
    with pytest.raises(ShapeError, match="399 cells for a space of 400 cells"):
        score_all(Space(made.embedding), Truth(made.batch[1:], made.label[1:]), METRICS)
    with pytest.raises(ShapeError, match="3 batches for 2 labels"):
        Truth([1, 2, 3], [1, 2])


def test_empty_spaces_raise():
    with pytest.raises(DataError, match="neither an embedding nor a neighbour graph"):
        Space()
    with pytest.raises(DataError, match="one cell"):
        Space(np.ones((1, 3)))


def test_invalid_graphs_raise():
    with pytest.raises(ShapeError, match="the neighbour graph has shape"):
        Space(connectivities=sparse.csr_matrix((3, 4)))
    with pytest.raises(DataError, match="negative or not finite"):
        Space(connectivities=sparse.csr_matrix(-np.eye(3)))


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_label_values_raise(missing):
    with pytest.raises(DataError, match="1 of 3 cells have no label"):
        Truth(["a", "b", "a"], np.array(["x", missing, "y"], dtype=object))


def test_shared_steps_are_computed_once(made, monkeypatch):
    calls = []

    def watch(module, name):
        make = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, **more: calls.append(name) or make(*args, **more))

    watch(_neighbors, "nearest_neighbors")
    watch(_clusters, "leiden")
    watch(_clusters, "louvain")
    watch(_lisi, "path_neighborhoods")
    watch(_distances, "distance_sums")
    rows_of(space_of(made), made.batch, made.label)
    assert sorted(calls) == ["distance_sums", "leiden", "louvain", "nearest_neighbors", "path_neighborhoods"]


def test_a_metric_raises_the_reason_why_it_does_not_apply(made):
    graph = Space(connectivities=neighbor_graph(made.embedding.astype(float)))
    with pytest.raises(NotApplicable, match="not an embedding"):
        asw_label.score(graph, Truth(made.batch, made.label))
    with pytest.raises(NotApplicable, match="one batch"):
        asw_batch.score(Space(made.embedding), Truth(["a"] * 400, made.label))


def test_truth_accepts_pandas_categories(made):
    import pandas as pd

    plain = Truth(made.batch, made.label)
    named = Truth(pd.Series(made.batch).astype("category"), pd.Categorical(made.label))
    np.testing.assert_array_equal(plain.batch, named.batch)
    np.testing.assert_array_equal(plain.label, named.label)
