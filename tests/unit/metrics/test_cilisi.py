"""ciLISI: brute force with the weights of the published program is the oracle."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from portal_lib.errors import NotApplicable
from portal_lib.metrics._lisi import entropy_weights
from portal_lib.metrics._space import Space, Truth
from portal_lib.metrics.scib import cilisi


def as_published(embedding, batch, label, perplexity=30):
    """CiLISI with weights found by bisection, cell by cell, as scIntegrationMetrics 1.2.0 describes it."""
    values = []
    for one in np.unique(label):
        points, batches = embedding[label == one], batch[label == one]
        names = np.unique(batches)
        if len(points) < 10 or len(names) < 2:
            continue
        n_others = min(perplexity, len(points) - 1)
        distances = cdist(points, points)
        np.fill_diagonal(distances, np.inf)
        for row in distances:
            near = np.argsort(row)[:n_others]
            weights = entropy_weights(row[near][None], np.log(n_others))[0]
            simpson = sum(weights[batches[near] == name].sum() ** 2 for name in names)
            values.append((1 / simpson - 1) / (len(names) - 1))
    return np.mean(values)


def score(embedding, batch, label):
    return cilisi.score(Space(embedding), Truth(batch, label))


def ring(n_cells, start):
    """Points at equal distances on a circle, so that the 30 nearest others are 15 on each side."""
    angle = 2 * np.pi * np.arange(n_cells) / n_cells
    return np.column_stack([np.cos(angle), np.sin(angle)]) + start


def test_cilisi_equals_the_published_program_by_brute_force(made):
    embedding = made.embedding.astype(float)
    expected = as_published(embedding, made.batch, made.label)
    assert score(embedding, made.batch, made.label) == pytest.approx(expected, abs=1e-3)
    # Far from both ends, so that a wrong scale or weight would be seen.
    assert 0.1 < expected < 0.9


def test_alternating_batches_have_the_value_of_their_proportions():
    # A A B B ...: of the 30 nearest others 14 are of the own batch and 16 of the other.
    embedding, batch = ring(200, 0), np.tile([0, 0, 1, 1], 50)
    assert score(embedding, batch, np.zeros(200)) == pytest.approx(1 / ((14 / 30) ** 2 + (16 / 30) ** 2) - 1)


def test_equal_proportions_of_all_batches_are_1_and_separate_batches_0():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], 6200)
    batch = np.tile([0, 1], 6200)
    mixed = score(rng.normal(size=(12400, 2)), batch, label)
    # LISI of 30 random neighbours of two equal batches: 1 / (1/2 + 1/2 Var) in the mean, 1 for equal counts.
    assert mixed == pytest.approx(0.94, abs=0.02)
    assert score(np.column_stack([20 * batch, label]) + rng.normal(size=(12400, 2)), batch, label) == 0


def test_batches_that_differ_in_labels_only_do_not_lower_cilisi():
    # Each label is mixed in itself, with other batches than the other label.
    label = np.repeat([0, 1], 200)
    batch = np.tile([0, 0, 1, 1], 100) + 2 * label
    embedding = np.vstack([ring(200, 0), ring(200, 50)])
    assert score(embedding, batch, label) == pytest.approx(1 / ((14 / 30) ** 2 + (16 / 30) ** 2) - 1)


def test_labels_of_one_batch_and_labels_of_few_cells_are_left_out():
    embedding, batch = ring(200, 0), np.tile([0, 0, 1, 1], 50)
    alone = score(embedding, batch, np.zeros(200))
    more = np.vstack([embedding, ring(40, 0), ring(9, 0)])
    batches = np.concatenate([batch, np.zeros(40), np.tile([0, 1, 2], 3)])
    labels = np.repeat(["mixed", "of one batch", "small"], [200, 40, 9])
    assert score(more, batches, labels) == alone
    # One cell more and the small label counts, with all of its other cells.
    more, batches, labels = (np.concatenate([part, part[-1:]]) for part in (more, batches, labels))
    more[-1] += 0.01
    expected = (200 * alone + 10 * as_published(more[-10:], batches[-10:], labels[-10:])) / 210
    assert score(more, batches, labels) == pytest.approx(expected, abs=1e-3)


def test_cilisi_is_the_mean_over_cells_not_labels():
    separate = np.column_stack([20 * np.repeat([0, 1], 100), np.random.default_rng(1).normal(size=200)])
    embedding = np.vstack([ring(600, 0), separate])
    batch = np.concatenate([np.tile([0, 0, 1, 1], 150), np.repeat([0, 1], 100)])
    label = np.repeat([0, 1], [600, 200])
    of_ring = score(embedding[:600], batch[:600], label[:600])
    assert score(embedding, batch, label) == pytest.approx(0.75 * of_ring)


@pytest.mark.parametrize(
    ("batch", "label"),
    [(np.repeat([0, 1], 15), np.repeat([0, 1], 15)), (np.arange(30) % 2, np.arange(30) // 9), (np.zeros(30), None)],
)
def test_cilisi_does_not_apply_without_a_label_of_ten_cells_and_two_batches(batch, label):
    with pytest.raises(NotApplicable):
        score(np.random.default_rng(0).normal(size=(30, 2)), batch, label)
