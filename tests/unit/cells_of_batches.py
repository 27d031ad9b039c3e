"""Small annotated data of several batches, and a snapshot to detect changes."""

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

# Small enough for a training of milliseconds; the components need 100 shared genes.
QUICK = {"training_steps": 3, "batch_size": 16, "n_pcs": 8, "n_latent": 4, "n_top_genes": 150, "device": "cpu"}


def made_cells(sizes=(30, 24), n_genes=150, seed=0) -> AnnData:
    """Counts of batches "y", "x", "z", ... that differ in depth and in genes, cells of the batches mixed, CSR."""
    rng = np.random.default_rng(seed)
    batch = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    kind = rng.integers(3, size=len(batch))
    level = rng.gamma(0.8, 6.0, n_genes) * rng.lognormal(0, 1, (3, n_genes))
    mean = level[kind] * rng.lognormal(0, 0.5, (len(sizes), n_genes))[batch] * (1.0 + batch)[:, None]
    obs = pd.DataFrame({"donor": np.array(list("yxzw"))[batch], "type": np.array(["T", "B", "NK"])[kind]})
    cells = AnnData(
        sp.csr_matrix(rng.poisson(mean + 0.1).astype(np.float32)),
        obs=obs.set_axis([f"cell{i}" for i in range(len(batch))]),
        var=pd.DataFrame({"length": rng.integers(500, 5000, n_genes)}, index=[f"gene{i}" for i in range(n_genes)]),
    )
    cells.obsm["X_pca"] = (rng.normal(size=(len(batch), 12)) + batch[:, None]).astype(np.float32)
    return cells


def furnished_cells(**options) -> AnnData:
    """The same with all other slots of the object filled."""
    cells = made_cells(**options)
    rng = np.random.default_rng(1)
    n, genes = cells.shape
    cells.raw = cells.copy()
    cells.obs["type"] = pd.Categorical(cells.obs["type"], categories=["T", "none", "NK", "B"], ordered=True)
    cells.obs["depth"] = np.asarray(cells.X.sum(axis=1)).ravel()
    cells.layers["counts"] = cells.X.copy()
    cells.layers["dense"] = cells.X.toarray()
    cells.obsm["table"] = pd.DataFrame(rng.normal(size=(n, 10)), index=cells.obs_names, columns=list("abcdefghij"))
    cells.obsp["distances"] = sp.random(n, n, 0.1, format="csr", random_state=0)
    cells.varm["PCs"] = rng.normal(size=(genes, 5))
    cells.varp["correlation"] = np.eye(genes)
    cells.uns["neighbors"] = {"params": {"n": 15, "metric": "cosine"}, "order": ["y", "x"], "table": cells.obs.copy()}
    return cells


def state_of(value):
    """Everything in an object as plain values that can be compared."""
    if isinstance(value, AnnData):
        parts = {name: getattr(value, name) for name in ("X", "obs", "var", "uns")}
        parts |= {name: dict(getattr(value, name)) for name in ("obsm", "varm", "layers", "obsp", "varp")}
        raw = None if value.raw is None else {"X": value.raw.X, "var": value.raw.var, "varm": dict(value.raw.varm)}
        return {name: state_of(part) for name, part in (parts | {"raw": raw}).items()}
    if isinstance(value, pd.DataFrame):
        return [state_of(value.index), {name: state_of(column) for name, column in value.items()}]
    if isinstance(value, pd.Series | pd.Index):
        return [type(value).__name__, value.dtype, value.name, state_of(np.asarray(value))]
    if sp.issparse(value):
        return [type(value).__name__, value.shape, *map(state_of, (value.data, value.indices, value.indptr))]
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.shape, value.tolist() if value.dtype == object else value.tobytes()]
    if isinstance(value, dict):
        return {name: state_of(part) for name, part in value.items()}
    return [type(value).__name__, repr(value)]
