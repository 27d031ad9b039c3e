"""What scib 1.1.7 gives for an embedding, metric by metric."""

import sys
import warnings
from contextlib import contextmanager
from functools import partial
from types import ModuleType, SimpleNamespace

import numpy as np

from portal_lib.metrics._clusters import N_ITERATIONS, RESOLUTIONS

LEIDEN = {"flavor": "igraph", "n_iterations": N_ITERATIONS, "directed": False, "random_state": 0}


@contextmanager
def in_double_precision():
    """Scib with principal components in float64: those that it has in float32 differ by more than 1e-6 in a ratio."""
    import scanpy as sc

    pca = sc.tl.pca
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.tl.pca = partial(pca, dtype="float64")
        try:
            yield
        finally:
            sc.tl.pca = pca


def as_anndata(cells, embedding):
    """The cells with an embedding and scanpy's neighbours, as scib wants them."""
    import anndata
    import pandas as pd
    import scanpy as sc

    names = np.arange(len(embedding)).astype(str)
    obs = pd.DataFrame({"batch": cells.batch, "label": cells.label}, index=names).astype("category")
    embedding = np.array(embedding, dtype=np.float64)
    adata = anndata.AnnData(embedding, obs=obs, obsm={"X_emb": embedding.copy()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.pp.neighbors(adata, use_rep="X_emb")
    return adata


def scib_scores(scib, cells, embedding, before, lisi=True):
    """Values by metric; iLISI and cLISI only if scib's program is there."""
    after, uncorrected = as_anndata(cells, embedding), as_anndata(cells, before)
    with in_double_precision():
        me = scib.me
        me.cluster_optimal_resolution(after, "label", "cluster", metric=me.nmi, force=True, use_rep="X_emb", **LEIDEN)
        values = {
            "asw_label": me.silhouette(after, "label", "X_emb"),
            "asw_batch": me.silhouette_batch(after, "batch", "label", "X_emb"),
            "graph_connectivity": me.graph_connectivity(after, "label"),
            "pcr": me.pcr_comparison(uncorrected, after, "batch", embed="X_emb"),
            "nmi": me.nmi(after, "cluster", "label"),
            "ari": me.ari(after, "cluster", "label"),
        }
        if lisi:
            values["ilisi"] = me.ilisi_graph(after, "batch", "embed")
            values["clisi"] = me.clisi_graph(after, "label", "embed")
    return values


def scib_isolated(scib, cells, embedding):
    """Isolated-label F1, with the same Leiden for every label, and isolated-label ASW."""
    import scanpy as sc

    adata = as_anndata(cells, embedding)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for resolution in RESOLUTIONS:
            sc.tl.leiden(adata, resolution, key_added=f"iso_label_{resolution}", **LEIDEN)
        me, keys = scib.me, ("label", "batch", "X_emb")
        return {
            "isolated_labels_f1": me.isolated_labels_f1(adata, *keys, verbose=False),
            "isolated_labels_asw": me.isolated_labels_asw(adata, *keys, verbose=False),
        }


def scib_clustered(scib, cells, embedding):
    """NMI, ARI and isolated-label F1 by scib's own defaults, leidenalg until nothing changes; F1 NaN without one."""
    adata, me = as_anndata(cells, embedding), scib.me
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Clusters of these names are those that the F1 takes.
        me.cluster_optimal_resolution(adata, "label", "iso_label", metric=me.nmi, force=True, use_rep="X_emb")
        return {
            "nmi": me.nmi(adata, "iso_label", "label"),
            "ari": me.ari(adata, "iso_label", "label"),
            "isolated_labels_f1": me.isolated_labels_f1(adata, "label", "batch", "X_emb", verbose=False),
        }


def expressed(cells, values=None, genes=None):
    """The cells with expression, as scib wants them; log-normalised counts where no values are given."""
    import anndata
    import pandas as pd

    names = np.arange(len(cells.batch)).astype(str)
    obs = pd.DataFrame({"batch": cells.batch, "label": cells.label}, index=names).astype("category")
    values, genes = (cells.expression, cells.genes) if values is None else (values, genes)
    return anndata.AnnData(values.copy(), obs=obs, var=pd.DataFrame(index=pd.Index(genes)))


def scib_cell_cycle(scib, cells, embedding):
    """Cell cycle conservation of an embedding."""
    before, after = expressed(cells), expressed(cells)
    after.obsm["X_emb"] = np.array(embedding, dtype=np.float64)
    with in_double_precision():
        return scib.me.cell_cycle(before, after, "batch", embed="X_emb", organism=cells.organism)


def scib_hvg_overlap(scib, cells, values, genes):
    """HVG conservation of corrected expression."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return scib.me.hvg_overlap(expressed(cells), expressed(cells, values, genes), "batch")


def scib_trajectory(scib, after, pseudotime):
    """Trajectory conservation on the graph of cells from :func:`as_anndata`."""
    before = after.copy()
    before.obs["dpt_pseudotime"] = pseudotime
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return scib.me.trajectory_conservation(before, after.copy(), "label")


def diffusion_pseudotime(cells, embedding, root):
    """Scanpy's pseudotime of the cells from one of them."""
    import scanpy as sc

    adata = as_anndata(cells, embedding)
    adata.uns["iroot"] = root
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.tl.dpt(adata)
    return adata.obs["dpt_pseudotime"].to_numpy()


def scib_kbet(scib, monkeypatch, adata, type_, single, neighbors=None):
    """Scib's kBET by label, with R's test replaced by a function of batches, neighbours (from 0, NaN for none) and k0.

    `neighbors` replaces scib's search of neighbours, a function of the cells of a label and k0.
    """
    module = sys.modules["scib.metrics.kbet"]
    packages = ("rpy2", "rpy2.rinterface_lib", "rpy2.rinterface_lib.callbacks", "rpy2.rinterface_lib.embedded")
    for name in (*packages, "rpy2.robjects"):
        fake = ModuleType(name)
        fake.logger = SimpleNamespace(setLevel=lambda level: None)
        fake.RRuntimeError, fake.r = RuntimeError, lambda text: None
        monkeypatch.setitem(sys.modules, name, fake)
        if "." in name:
            parent, _, child = name.rpartition(".")
            setattr(sys.modules[parent], child, fake)
    monkeypatch.setattr(np, "in1d", np.isin, raising=False)
    monkeypatch.setattr(
        module, "kBET_single", lambda matrix, batch, knn, verbose, k0: single(batch.to_numpy(), knn - 1, k0)
    )
    if neighbors is not None:
        monkeypatch.setattr(module, "diffusion_nn", neighbors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return scib.me.kBET(adata, "batch", "label", type_, embed="X_emb" if type_ == "embed" else None)
