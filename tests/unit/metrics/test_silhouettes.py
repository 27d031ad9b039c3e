"""Silhouettes from sums of distances: scikit-learn is the oracle, of BRAS the formula on all pairs of cells."""

import numpy as np
import pytest
from scored_cells import REAL_NAMES, embeddings, made_cells
from sklearn.metrics import pairwise_distances, silhouette_samples

from portal_lib.metrics import _distances
from portal_lib.metrics._distances import distance_sums, silhouettes
from portal_lib.metrics._space import Space, Truth
from portal_lib.metrics.scib import asw_label, bras


def bras_of_pairs(embedding, label, batch):
    """BRAS as it is defined, on a matrix of cosine distances."""
    means = []
    for one in np.unique(label):
        rows = np.flatnonzero(label == one)
        own, distances = batch[rows], pairwise_distances(embedding[rows], metric="cosine")
        if len(np.unique(own)) in (1, len(rows)):
            continue
        widths = []
        for cell, code in enumerate(own):
            same = (own == code) & (np.arange(len(rows)) != cell)
            if not same.any():
                widths.append(0)
                continue
            within, between = distances[cell, same].mean(), distances[cell, own != code].mean()
            widths.append((between - within) / max(within, between))
        means.append(np.mean(1 - np.abs(widths)))
    return np.mean(means)


@pytest.mark.parametrize("tile", [1, 17, 512])
@pytest.mark.parametrize("offset", [0, 1000])
def test_silhouettes_equal_scikit_learn(made, monkeypatch, tile, offset):
    monkeypatch.setattr(_distances, "TILE", tile)
    label, batch = made.label.astype(int), made.batch.astype(int)
    label[3] = 5
    embedding = made.embedding.astype(float) + offset
    sums = distance_sums(embedding, label, batch)
    np.testing.assert_allclose(silhouettes(sums.by_label, label), silhouette_samples(embedding, label), atol=1e-9)
    np.testing.assert_allclose(silhouettes(sums.by_batch, batch), silhouette_samples(embedding, batch), atol=1e-9)
    for one in range(5):
        rows = label == one
        inside = silhouettes(sums.inside[rows], batch[rows])
        np.testing.assert_allclose(inside, silhouette_samples(embedding[rows], batch[rows]), atol=1e-9)


def test_sums_of_distances_equal_sums_over_all_pairs(made):
    label, batch = made.label.astype(int), made.batch.astype(int)
    distances = pairwise_distances(made.embedding.astype(float))
    sums = distance_sums(made.embedding.astype(float), label, batch)
    np.testing.assert_allclose(sums.by_label, distances @ np.eye(5)[label], rtol=1e-6)
    np.testing.assert_allclose(sums.by_batch, distances @ np.eye(3)[batch], rtol=1e-6)
    same = distances * (label[:, None] == label)
    np.testing.assert_allclose(sums.inside, same @ np.eye(3)[batch], rtol=1e-6)


def test_asw_of_copied_cells_is_1():
    places = made_cells(6).embedding
    embedding, label = np.repeat(places, 50, axis=0), np.repeat(np.arange(6), 50)
    assert asw_label.score(Space(embedding), Truth(None, label)) == pytest.approx(1, abs=1e-6)


@pytest.mark.realdata
@pytest.mark.parametrize("name", REAL_NAMES)
@pytest.mark.parametrize("control", ["unintegrated", "centred", "label_embedding_jittered"])
def test_bras_equals_the_formula_on_all_pairs(real, name, control):
    cells = real(name)
    embedding = embeddings(cells)[control]
    ours = bras.score(Space(embedding), Truth(cells.batch, cells.label))
    assert ours == pytest.approx(bras_of_pairs(embedding.astype(float), cells.label, cells.batch), abs=1e-6)


@pytest.mark.realdata
def test_documented_bras_of_scib_metrics_is_reproduced(real):
    cells = real("kang_ifnb_labelled")
    ours = bras.score(Space(embeddings(cells)["centred"]), Truth(cells.batch, cells.label))
    assert ours == pytest.approx(0.8463, abs=0.001)


def test_bras_accepts_cells_at_the_origin(made):
    embedding = made.embedding.copy()
    embedding[:5] = 0
    assert 0 <= bras.score(Space(embedding), Truth(made.batch, made.label)) <= 1
