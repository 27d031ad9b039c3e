import numpy as np
import pandas as pd
import pytest

from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.training.mixing import drawn_cells, mixing_metric


def as_published(embedding, batch, n_neighbors=300, position=5):
    """The definition, cell by cell: list of neighbours without the cell, position of the fifth cell of either batch."""
    values = []
    for i, cell in enumerate(embedding):
        nearest = np.argsort(((embedding - cell) ** 2).sum(axis=1), kind="stable")
        listed = [j for j in nearest if j != i][: n_neighbors - 1]
        ranks = []
        for name in np.unique(batch):
            places = [place for place, j in enumerate(listed) if batch[j] == name]
            ranks.append(places[position - 1] if len(places) >= position else len(listed))
        values.append(np.median(ranks) + 1)
    return np.mean(values)


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    batch = rng.choice(["x", "y", "z"], 400, p=[0.5, 0.4, 0.1])
    return rng.normal(size=(400, 6)) + (batch == "y")[:, None] * 0.8, batch


@pytest.mark.parametrize("n_batches", [2, 3])
@pytest.mark.parametrize("settings", [{}, {"n_neighbors": 40}, {"n_neighbors": 40, "position": 2}])
def test_the_mixing_metric_equals_its_definition(cells, n_batches, settings):
    embedding, batch = cells
    batch = batch if n_batches == 3 else np.where(batch == "z", "x", batch)
    assert mixing_metric(embedding, batch, **settings) == pytest.approx(as_published(embedding, batch, **settings))


def test_the_mixing_metric_of_few_cells_equals_its_definition(cells):
    embedding, batch = cells[0][:30], cells[1][:30]
    assert 0 < (batch == "z").sum() < 5
    assert mixing_metric(embedding, batch) == pytest.approx(as_published(embedding, batch))


def test_the_best_value_of_two_batches():
    """Groups of six cells of either batch: five of a cell's own are nearest, then five of the other."""
    rng = np.random.default_rng(0)
    groups = np.repeat(rng.normal(size=(30, 3)) * 1000, 12, axis=0) + np.tile(np.repeat([0, 1], 6), 30)[:, None]
    embedding = groups + rng.normal(size=groups.shape) * 1e-3
    assert mixing_metric(embedding, np.tile(np.repeat([0, 1], 6), 30)) == 7.5


def test_the_worst_value_of_two_batches():
    """Four cells of one batch in the middle of all others: they are nearest to each, and a fifth there is not."""
    embedding = np.concatenate((np.random.default_rng(0).normal(size=(4, 400)) * 1e-3, np.eye(400)))
    assert mixing_metric(embedding, np.repeat([1, 0], [4, 400])) == (400 * 154.5 + 4 * 154) / 404


def test_a_cell_is_excluded_by_its_number_and_not_by_its_coordinates():
    """Of two cells with the same coordinates, dropping the first neighbour may keep the cell and drop the other.

    By hand: x and y have the same coordinates, another x is next to them, another y a little further; ranks of the
    first of x and of y are 1 and 0, 0 and 2, {0, 1}, {0, 1}.
    """
    places = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 2, 0]])
    centres = np.random.default_rng(1).normal(size=(50, 1, 3)) * 1000
    embedding, batch = (centres + places).reshape(-1, 3), np.tile(["x", "y", "x", "y"], 50)
    expected = 1 + np.mean([0.5, 1, 0.5, 0.5])
    for order in (slice(None), slice(None, None, -1)):
        assert mixing_metric(embedding[order], batch[order], n_neighbors=4, position=1) == expected


def test_copies_within_a_batch():
    rng = np.random.default_rng(1)
    batch, embedding = np.repeat(rng.choice([0, 1], 150), 3), np.repeat(rng.normal(size=(150, 4)), 3, axis=0)
    assert mixing_metric(embedding, batch, n_neighbors=60) == pytest.approx(as_published(embedding, batch, 60))


def test_more_cells_with_the_same_coordinates_than_neighbours():
    """A cell may then be missing from its own neighbours; every list still has n_neighbors - 1 cells."""
    batch = np.repeat([0, 1], [500, 20])
    embedding = np.concatenate((np.zeros((500, 2)), np.full((20, 2), 9.0)))
    expected = (500 * (1 + (4 + 99) / 2) + 20 * (1 + (4 + 23) / 2)) / 520
    assert mixing_metric(embedding, batch, n_neighbors=100) == pytest.approx(expected)


def test_batches_of_any_type_give_the_same(cells):
    embedding, batch = cells
    codes = pd.factorize(batch)[0]
    unused = pd.Categorical(batch, categories=["none", "z", "y", "x"])
    series = pd.Series(batch, index=np.arange(400)[::-1])
    value = mixing_metric(embedding, batch)
    for other in (codes, codes.astype(np.int8), list(batch), unused, series, series.astype("category"), codes * -1.5):
        assert mixing_metric(embedding, other) == value


def test_order_of_cells_scale_and_precision_change_nothing(cells):
    embedding, batch = cells
    value = mixing_metric(embedding, batch)
    order = np.random.default_rng(2).permutation(400)
    assert mixing_metric(embedding[order], batch[order]) == pytest.approx(value, rel=1e-12)
    assert mixing_metric(embedding * 1000 + 5, batch) == pytest.approx(value, rel=1e-12)
    assert mixing_metric(embedding.astype(np.float32), batch) == pytest.approx(value, rel=1e-3)


def test_the_subsample_depends_on_the_seed_only(cells, tmp_path):
    embedding, batch = cells
    first, again, other = (mixing_metric(embedding, batch, max_cells=200, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    rows = drawn_cells(pd.factorize(batch)[0], 200, 0)
    assert first == pytest.approx(as_published(embedding[rows], batch[rows]))
    assert mixing_metric(embedding, batch, max_cells=400) == mixing_metric(embedding, batch)
    np.save(tmp_path / "x.npy", embedding)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert mixing_metric(mapped, batch, max_cells=200, seed=0) == first


def test_the_subsample_is_uniform_but_keeps_small_batches():
    codes = np.repeat([0, 1, 2], [60_000, 40_000, 30])
    rows = drawn_cells(codes)
    assert (np.diff(rows) > 0).all()
    counts = np.bincount(codes[rows])
    assert counts[2] == 30
    assert counts.sum() - 30 in range(9_960, 10_001)
    assert abs(counts[0] - 6_000) < 5 * np.sqrt(10_000 * 0.6 * 0.4)
    np.testing.assert_array_equal(drawn_cells(codes.astype(np.int8)), rows)
    assert drawn_cells(codes[:10_000]) == slice(None)
    assert np.bincount(codes[drawn_cells(codes, 10)])[2] == 3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"batch": ["x"] * 400}, DataError, r"1 batch\(es\)"),
        ({"batch": ["x", *["y"] * 398]}, ShapeError, r"shape \(400, 6\) for 399 cells"),
        ({"batch": [None, *["x", "y"] * 199, "x"]}, DataError, "1 of 400 cells have no batch"),
        ({"batch": np.zeros((400, 2))}, ShapeError, r"batch has shape \(400, 2\)"),
        ({"embedding": np.zeros(400)}, ShapeError, r"shape \(400,\)"),
        ({"embedding": np.full((400, 2), np.nan)}, DataError, "800 of 800 values are NaN"),
        ({"n_neighbors": 1, "position": 0}, ConfigError, "n_neighbors is 1.*position is 0, must be at least 1"),
        ({"max_cells": 1}, ConfigError, "max_cells is 1"),
    ],
)
def test_wrong_arguments_are_one_message(cells, change, error, message):
    given = {"embedding": cells[0], "batch": cells[1]} | change
    with pytest.raises(error, match=message):
        mixing_metric(given.pop("embedding"), given.pop("batch"), **given)
