"""Cells to score: made ones, real ones, and the embeddings of the controls."""

import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from realdata import real_file

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "scib_lisi"
REAL_NAMES = ("kang_ifnb_labelled", "scmixology_3protocols")


def made_cells(n_cells=400, seed=0):
    """Five labels in three batches, in 12 dimensions, batches shifted."""
    rng = np.random.default_rng(seed)
    label, batch = rng.integers(0, 5, n_cells), rng.integers(0, 3, n_cells)
    embedding = 1.5 * rng.normal(size=(5, 12))[label] + 0.4 * rng.normal(size=(3, 12))[batch]
    embedding = (embedding + rng.normal(size=(n_cells, 12))).astype(np.float32)
    return SimpleNamespace(embedding=embedding, batch=batch.astype(str), label=label.astype(str))


def load_real(name):
    """30 principal components of log-normalised counts, batch and label of a real file; skips without the file."""
    path = real_file("h5ad", f"{name}.h5ad")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import anndata
        import scanpy as sc

        cells = anndata.read_h5ad(path)
        cells.X = cells.X.astype(np.float32)
        sc.pp.normalize_total(cells, target_sum=1e4)
        sc.pp.log1p(cells)
        sc.pp.pca(cells, n_comps=30)
    batch, label = (cells.obs[key].to_numpy().astype(str) for key in ("batch", "cell_type"))
    return SimpleNamespace(embedding=cells.obsm["X_pca"], batch=batch, label=label)


def embeddings(cells, seed=0):
    """The uncorrected cells, the centred ones, and the controls, by name."""
    rng = np.random.default_rng(seed)
    plain, one_hot = cells.embedding, np.unique(cells.label, return_inverse=True)[1]
    centred = plain.copy()
    for one in np.unique(cells.batch):
        centred[cells.batch == one] -= centred[cells.batch == one].mean(axis=0)
    jittered = np.eye(one_hot.max() + 1, dtype=np.float32)[one_hot]
    jittered += rng.uniform(-0.01, 0.01, jittered.shape).astype(np.float32)
    return {
        "unintegrated": plain,
        "centred": centred,
        "shuffle": plain[rng.permutation(len(plain))],
        "shuffle_by_batch": plain[permute_inside(cells.batch, rng)],
        "shuffle_by_label": plain[permute_inside(cells.label, rng)],
        "label_embedding_jittered": jittered,
    }


def permute_inside(groups, rng):
    """Rows permuted inside each group."""
    order = np.arange(len(groups))
    for one in np.unique(groups):
        order[groups == one] = rng.permutation(order[groups == one])
    return order
