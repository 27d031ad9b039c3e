"""Controls rank as they must: the labels themselves above an integration, and that above shuffled cells."""

import warnings

import numpy as np
import pytest
from scored_cells import embeddings
from test_metric_properties import FACTS

from portal_lib.metrics._score import score_all
from portal_lib.metrics._space import Space, Truth


@pytest.fixture(scope="module")
def toy():
    """Components of the toy atlas as an integration sees them."""
    from types import SimpleNamespace

    from portal_lib.datasets import toy_atlas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import scanpy as sc

        cells = toy_atlas.load(None, n_cells=1200, n_genes=2000, seed=0, depth=1.0)
        cells.X = cells.X.astype(np.float32)
        sc.pp.normalize_total(cells, target_sum=1e4)
        sc.pp.log1p(cells)
        sc.pp.pca(cells, n_comps=30)
    batch, label = (cells.obs[key].to_numpy().astype(str) for key in ("batch", "cell_type"))
    return SimpleNamespace(embedding=cells.obsm["X_pca"], batch=batch, label=label)


def overall(cells, embedding, groups):
    """0.4 of the mean of the batch metrics and 0.6 of that of the others, of those that apply."""
    names = [name for name, facts in FACTS.items() if facts["group"] in groups]
    rows = score_all(Space(embedding, before=cells.embedding), Truth(cells.batch, cells.label), names)
    means = [np.mean([row["value"] for row in rows if row["group"] == group and not row["reason"]]) for group in groups]
    return 0.4 * means[0] + 0.6 * means[1]


@pytest.mark.parametrize("groups", [("batch", "bio"), ("portal_batch", "portal_bio")])
def test_labels_themselves_are_above_an_integration_and_that_above_shuffled_cells(toy, groups):
    made = embeddings(toy)
    found = {name: overall(toy, made[name], groups) for name in made}
    assert found["label_embedding_jittered"] > found["centred"] + 0.05
    assert found["centred"] > found["unintegrated"]
    assert min(found["centred"], found["unintegrated"]) > max(found["shuffle"], found["shuffle_by_batch"]) + 0.05
