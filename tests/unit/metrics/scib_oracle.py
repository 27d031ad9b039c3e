"""What scib 1.1.7 gives for an embedding, metric by metric."""

import warnings

import numpy as np

from portal_lib.metrics._clusters import N_ITERATIONS

LEIDEN = {"flavor": "igraph", "n_iterations": N_ITERATIONS, "directed": False, "random_state": 0}


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
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
