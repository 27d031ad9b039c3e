"""Make cases.npz: small graphs and the LISI that scib gives their cells. See README.md."""

import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
from scipy import sparse

from portal_lib.metrics._graph import N_NEIGHBORS, graph_of_neighbors
from portal_lib.metrics._neighbors import nearest_neighbors

HERE = Path(__file__).parent


def compile_program(folder):
    """Compile scib's program into ``folder/knn_graph``, and return what ``scib.__file__`` must be to use it."""
    import scib

    target = Path(folder) / "knn_graph"
    target.mkdir()
    source = Path(scib.__file__).parent / "knn_graph" / "knn_graph.cpp"
    subprocess.run(["g++", "-O3", "-std=c++11", source, "-o", target / "knn_graph.o"], check=True)
    return str(Path(folder) / "__init__.py")


def scib_lisi(graph, codes):
    """LISI of each cell that has an edge, by scib."""
    import anndata
    import pandas as pd
    from scib.metrics.lisi import lisi_graph_py

    obs = pd.DataFrame({"group": pd.Categorical(codes)}, index=np.arange(len(codes)).astype(str))
    adata = anndata.AnnData(obs=obs, obsp={"connectivities": graph.copy()}, uns={"neighbors": {}})
    return lisi_graph_py(adata, "group", n_neighbors=90)


def neighbor_graph(embedding):
    """UMAP connectivities of the 15 nearest neighbours."""
    return graph_of_neighbors(nearest_neighbors(embedding, N_NEIGHBORS))


def cases():
    """Name, graph and category of each cell."""
    rng = np.random.default_rng(0)
    blob = rng.normal(size=(240, 5)) + rng.normal(size=(3, 5))[np.arange(240) % 3]
    far = np.concatenate([rng.normal(size=(130, 5)), 100 + rng.normal(size=(60, 5))])
    parts = sparse.block_diag([neighbor_graph(far), sparse.csr_matrix((2, 2))])
    ring = sparse.diags([1.0, 1.0, 1.0, 1.0], [1, -1, 199, -199], shape=(200, 200))
    sides = [sparse.diags([1.0] * 4, [1, -1, n - 1, 1 - n], shape=(n, n)) for n in (15, 16)]
    torus = sparse.kronsum(*sides)
    directed = neighbor_graph(blob).astype(float)
    directed.data *= rng.uniform(0.5, 1.0, directed.nnz)
    graphs = {"blobs": neighbor_graph(blob), "parts": parts, "ring": ring, "torus": torus}
    graphs |= {"directed": directed, "huge": ring * 1e300}
    for name, graph in graphs.items():
        yield name, sparse.csr_matrix(graph), rng.integers(0, 3, graph.shape[0])


def main():
    """Write cases.npz to the folder of this file."""
    warnings.simplefilter("ignore")
    import scib

    arrays = {"scib_version": np.array("1.1.7")}
    with tempfile.TemporaryDirectory() as folder:
        scib.__file__ = compile_program(folder)
        for name, graph, codes in cases():
            parts = {"data": graph.data, "indices": graph.indices, "indptr": graph.indptr, "codes": codes}
            arrays |= {f"{name}/{key}": value for key, value in parts.items()}
            arrays[f"{name}/lisi"] = scib_lisi(graph, codes)
    np.savez_compressed(HERE / "cases.npz", **arrays)


if __name__ == "__main__":
    main()
