"""Cells to score: synthetic and real ones, and the embeddings of the controls."""

import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from realdata import mirror, real_file
from scipy import sparse

from portal_lib.metrics._graph import N_NEIGHBORS, graph_of_neighbors
from portal_lib.metrics._neighbors import nearest_neighbors
from portal_lib.metrics._space import Space
from portal_lib.preparation.cell_cycle import cycle_genes

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "scib_lisi"
REAL_NAMES = ("kang_ifnb_labelled", "scmixology_3protocols")
EXPRESSION_NAMES = (*REAL_NAMES, "mesc_scmerge", "scmixology")
EMBEDDINGS = ("emb_celllines_2370",)


def made_cells(n_cells=400, seed=0):
    """Five labels in three shifted batches, the last label in two of them, in 12 dimensions; all inputs of metrics.

    Expression of 160 genes follows the coordinates, scores of the cell cycle follow 20 of the genes, and pseudotime the
    first coordinate.
    """
    rng = np.random.default_rng(seed)
    label, batch = rng.integers(0, 5, n_cells), rng.integers(0, 3, n_cells)
    batch[(label == 4) & (batch == 2)] = 0
    embedding = 1.5 * rng.normal(size=(5, 12))[label] + 0.4 * rng.normal(size=(3, 12))[batch]
    embedding = (embedding + rng.normal(size=(n_cells, 12))).astype(np.float32)
    expression = np.maximum(1 + 0.3 * embedding @ rng.normal(size=(12, 160)), 0)
    return SimpleNamespace(
        embedding=embedding,
        batch=batch.astype(str),
        label=label.astype(str),
        expression=sparse.csr_matrix(expression),
        genes=np.array([f"gene{number}" for number in range(160)]),
        cell_cycle=np.column_stack([expression[:, :10].mean(axis=1), expression[:, 10:20].mean(axis=1)]),
        pseudotime=embedding[:, 0].astype(float) - embedding[:, 0].min(),
    )


def space_of(cells, embedding=None, order=slice(None), **changed):
    """The space of made cells with all parts; uncorrected are 8 of the dimensions, corrected expression is the same."""
    parts = {
        "embedding": cells.embedding if embedding is None else embedding,
        "before": cells.embedding[order, :8],
        "expression": (cells.expression[order], cells.genes),
        "corrected": (cells.expression[order], cells.genes),
        "pseudotime": cells.pseudotime[order],
        "cell_cycle": cells.cell_cycle[order],
    }
    return Space(**(parts | changed))


def neighbor_graph(embedding, n_neighbors=N_NEIGHBORS):
    """The graph of an embedding, with the neighbours found for it alone."""
    return graph_of_neighbors(nearest_neighbors(embedding, n_neighbors), n_neighbors)


def load_real(name):
    """Real cells: principal components, batch, label; with counts also expression, genes and organism.

    30 components of log-normalised counts, or what a file of components holds. Skips without the data.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import anndata
        import scanpy as sc

        cells = five_libraries() if name == "scmixology" else anndata.read_h5ad(real_file("h5ad", f"{name}.h5ad"))
        cells.X = cells.X.astype(np.float32)
        label_key = "cell_line" if name == "scmixology" else "cell_type"
        batch, label = (cells.obs[key].to_numpy().astype(str) for key in ("batch", label_key))
        if name in EMBEDDINGS:
            return SimpleNamespace(embedding=cells.X, batch=batch, label=label)
        sc.pp.normalize_total(cells, target_sum=1e4)
        sc.pp.log1p(cells)
        sc.pp.pca(cells, n_comps=30)
    genes = cells.var_names.to_numpy().astype(str)
    return SimpleNamespace(
        embedding=cells.obsm["X_pca"],
        batch=batch,
        label=label,
        expression=cells.X.tocsr(),
        genes=genes,
        organism="mouse" if genes[0].startswith("ENSMUSG") else "human",
    )


def cycle_scores(cells):
    """Scores of S and of G2/M of real cells by scanpy, batch by batch, shape (n_cells, 2)."""
    import anndata
    import pandas as pd
    import scanpy as sc

    made = np.empty((len(cells.batch), 2))
    phases = [list(cells.genes[columns]) for columns in cycle_genes(cells.genes, cells.organism)[0]]
    for one in np.unique(cells.batch):
        rows = cells.batch == one
        part = anndata.AnnData(cells.expression[rows].astype(np.float64), var=pd.DataFrame(index=cells.genes))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sc.tl.score_genes_cell_cycle(part, *phases)
        made[rows] = part.obs[["S_score", "G2M_score"]]
    return made


def five_libraries():
    """Counts of the lung cancer lines in five libraries, two lines of which are in three of them only."""
    from portal_lib.datasets.integrate import scmixology

    parts = scmixology.DATASET["files"][0]["url"].removeprefix("https://").split("/")[:-1]
    return scmixology.load(mirror().joinpath(*parts))


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
