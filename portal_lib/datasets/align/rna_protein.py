"""Surface proteins and RNA of the same 500 blood cells, with ten known pairs."""

import warnings
from pathlib import Path

import numpy as np

from portal_lib.datasets._checks import no_such_file
from portal_lib.datasets.align._domains import as_table
from portal_lib.errors import DataError
from portal_lib.preparation.domains import Correspondence, Domains, Truth

DATASET = {
    "label": "Protein against RNA",
    "task": "align",
    "organism": "human",
    "files": [
        {
            "name": "CITEseq_example.rda",
            "url": "https://raw.githubusercontent.com/SydneyBioX/CiteFuse/b6075864d8930967946022fdfbbf57a6a120061f/"
            "data/CITEseq_example.rda",
            "sha256": "ff1063648dcef1220bfc0575dd107892e3d1af5017d441f2e5dcfb7dc7693ee6",
            "bytes": 735756,
            "licence": "GPL-3",
        }
    ],
    "params": {
        "n_pairs": {
            "default": 10,
            "type": "integer",
            "minimum": 1,
            "maximum": 500,
            "description": "known pairs per run",
        },
        "n_draws": {
            "default": 10,
            "type": "integer",
            "minimum": 1,
            "description": "draws of known pairs; a run uses the one of its seed",
        },
        "n_pcs": {
            "default": 30,
            "type": "integer",
            "minimum": 1,
            "maximum": 499,
            "description": "principal components of RNA",
        },
        "smooth": {
            "default": False,
            "type": "boolean",
            "description": "RNA as in the paper: arcsinh instead of log1p, and diffusion over similar cells (MAGIC) "
            "before the principal components",
        },
        "seed": {
            "default": 0,
            "type": "integer",
            "minimum": 0,
            "description": "seed of the order of cells and of the draws",
        },
    },
    "resampled_per_seed": True,
    "max_trainings": 10,
    "figures": ["destinations"],
    "defaults": {"training_steps": 1000, "lambda_corr": 10.0},
    "citation": "Mimitou et al. 2019, Nature Methods 16:409 (GEO GSE126310), as in CiteFuse; task of Amodio & "
    "Krishnaswamy, ICML 2018, arXiv 1803.00385, section 4.5",
    "licence": "GPL-3",
}

# The 12 proteins, and their names in the file where these differ.
PROTEINS = ("CD11b", "CD2", "HLA-DR", "CD8", "CD27", "CD5", "CD11c", "CD7", "CD4", "CD3", "CD19", "CD127")
IN_FILE = {"HLA-DR": "MHCII (HLA-DR)", "CD127": "IL7Ralpha (CD127)"}
# Genes detected in fewer cells are dropped.
LEAST_CELLS = 10
TOTAL = 1e4
# Defaults of MAGIC: principal components for distances, neighbours, rank of the neighbour that sets the kernel width,
# diffusion steps.
SMOOTH_PCS, SMOOTH_NEIGHBORS, SMOOTH_WIDTH, SMOOTH_STEPS = 100, 15, 5, 3


def load(folder, *, n_pairs=10, n_draws=10, n_pcs=30, smooth=False, seed=0):
    """Read proteins and RNA, and shuffle the cells of RNA.

    Parameters
    ----------
    folder
        Folder that contains the files of ``DATASET["files"]``.
    n_pairs, n_draws
        Known pairs per run, and number of draws of them; each draw is without replacement.
    n_pcs
        Principal components of RNA.
    smooth
        Whether RNA is smoothed by :func:`diffuse`, on arcsinh instead of log1p, before the components.
    seed
        ``numpy.random.default_rng(seed)`` permutes domain 2, then makes the draws.

    Returns
    -------
    Domains: 12 proteins, shape (500, 12), in the order of the file, and RNA, shape (500, n_pcs), in random order; both
    are scaled. Ground truth: partners, both targets, and coarse labels by gates on proteins.

    Raises
    ------
    DataError
        The file is not the expected one, or there are more pairs than cells.

    Notes
    -----
    Proteins: log1p of counts minus its mean over all 49 proteins of the cell (CLR), z-scored. RNA: counts of genes
    detected in at least 10 cells, per 10⁴ counts over all genes, log1p, centred; exact principal components, divided by
    the standard deviation of the first, so that later ones stay smaller. Signs make the largest loading of each
    component positive. The paper smoothed its RNA (`smooth`).

    Gates on CLR values, at the minima of bimodal proteins: B is CD19 > 2 (18 cells); myeloid is CD11c > 1.5 with
    CD8 < 2 and CD4 < 3 (33); CD4+ is CD4 > 3 with CD8 < 2 (129); CD8+ is CD8 > 2 with CD4 < 3 (251); the rest is other
    (69, mostly natural killer cells). RNA, which the gates do not use, agrees: MS4A1 is detected in 78 % of B and at
    most 3 % of any other class, LYZ in 94 % of myeloid and at most 3 %, CD8A in 84 % of CD8+ and 2 % of CD4+. CD8+
    includes T cells and natural killer cells with CD8: the CD3 antibodies stained too weakly to distinguish them.

    References
    ----------
    Amodio and Krishnaswamy, ICML 2018, arXiv 1803.00385, section 4.5, on 1,415 cells of Velten et al. 2017.
    """
    path = Path(folder) / DATASET["files"][0]["name"]
    proteins, names, rna = _read(path)
    n_cells = rna.shape[0]
    if n_pairs > n_cells:
        raise DataError(f"n_pairs is {n_pairs}, but there are only {n_cells} cells")
    clr = _centred_log(proteins, names, path)
    values = np.column_stack([clr[name] for name in PROTEINS])
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    values_of_rna = diffuse(normalise(rna, np.arcsinh)) if smooth else normalise(rna, np.log1p)
    components = principal_components(values_of_rna, n_pcs)
    labels = gate(clr)
    rng = np.random.default_rng(seed)
    order = rng.permutation(n_cells)
    partner = np.argsort(order)
    pcs = [f"PC{number + 1:02d}" for number in range(n_pcs)]
    x1, target12 = as_table(values, PROTEINS, "a"), as_table(components, pcs, "a")
    x2, target21 = as_table(components[order], pcs, "b"), as_table(values[order], PROTEINS, "b")
    draws = (rng.choice(n_cells, n_pairs, replace=False) for _ in range(n_draws))
    correspondences = tuple(Correspondence(pairs=tuple((int(i), int(partner[i])) for i in draw)) for draw in draws)
    domains = Domains(x1, x2, correspondences, draw_by_seed=True, standardise=False)
    return domains, Truth(target12, target21, partner, labels, labels[order])


def _read(path):
    """Counts of proteins (cells × 49), their names, and counts of RNA (cells × genes, sparse)."""
    import rdata

    try:
        with warnings.catch_warnings():
            # Sparse matrices of R are read as plain objects, as needed here, with a warning.
            warnings.filterwarnings("ignore", message="Missing constructor for R class")
            content = rdata.read_rda(path)["CITEseq_example"]
        tables = [_sparse(content[kind]) for kind in ("ADT", "RNA")]
    except FileNotFoundError:
        raise no_such_file(path) from None
    except Exception as error:
        # On damaged files rdata and its decompressors raise errors of many kinds.
        problem = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise DataError(
            f"{path}: cannot be read as the R list 'CITEseq_example' of sparse matrices: {problem}"
        ) from error
    (proteins, names, cells), (rna, _, rna_cells) = tables
    if cells != rna_cells:
        raise DataError(f"{path}: proteins and RNA do not have the same cells in the same order")
    return proteins.toarray(), names, rna.tocsr()


def _sparse(matrix):
    """A dgCMatrix of R, features × cells, as cells × features; feature names; cell names."""
    from scipy import sparse

    features, cells = (list(map(str, names)) for names in matrix.Dimnames)
    values = sparse.csc_matrix((matrix.x, matrix.i, matrix.p), shape=tuple(matrix.Dim))
    values.check_format(full_check=True)
    return values.T, features, cells


def _centred_log(proteins, names, path):
    """CLR values by protein: log1p of counts minus its mean over all proteins of the cell."""
    wanted = {name: IN_FILE.get(name, name) for name in PROTEINS}
    if missing := [name for name in wanted.values() if names.count(name) != 1]:
        raise DataError(f"{path}: the file read is not the one expected: no protein '{missing[0]}'")
    logged = np.log1p(proteins)
    logged -= logged.mean(axis=1, keepdims=True)
    return {name: logged[:, names.index(in_file)] for name, in_file in wanted.items()}


def normalise(counts, transform):
    """Transformed counts per 10⁴ counts of the cell over all genes, for genes detected in enough cells.

    Parameters
    ----------
    counts
        Cells × genes, CSR.
    transform
        ``numpy.log1p`` or ``numpy.arcsinh``.

    Returns
    -------
    Dense array, shape (n_cells, n_kept_genes).
    """
    totals = np.asarray(counts.sum(axis=1)).ravel()
    found = np.asarray((counts > 0).sum(axis=0)).ravel() >= LEAST_CELLS
    return transform(counts[:, found].toarray() * (TOTAL / totals[:, None]))


def diffuse(values):
    """Smooth the values of each cell over similar cells, as MAGIC does.

    Parameters
    ----------
    values
        Shape (n_cells, n_genes), normalised and transformed.

    Returns
    -------
    The same shape.

    Notes
    -----
    ::

        K_ij = exp(-d_ij / σ_i)  for i itself and its 15 nearest cells j, else 0; σ_i is the distance to the fifth
        M = K + Kᵀ, rows divided by their sums;  result M³ X

    Distances are euclidean between the 100 leading principal components.

    References
    ----------
    van Dijk et al., Cell 174, 716-729 (2018), doi 10.1016/j.cell.2018.05.061.
    """
    from scipy.spatial.distance import cdist

    scores = principal_components(values, min(SMOOTH_PCS, *(n - 1 for n in values.shape)))
    distances = cdist(scores, scores)
    by_distance = np.sort(distances, axis=1)
    width, last = (by_distance[:, [min(k, len(values) - 1)]] for k in (SMOOTH_WIDTH, SMOOTH_NEIGHBORS))
    kernel = np.where(distances <= last, np.exp(-distances / np.maximum(width, np.finfo(float).tiny)), 0.0)
    kernel += kernel.T
    steps = kernel / kernel.sum(axis=1, keepdims=True)
    return np.linalg.matrix_power(steps, SMOOTH_STEPS) @ values


def principal_components(values, n_pcs):
    """Principal components of cells × genes, in units of the standard deviation of the first.

    Parameters
    ----------
    values
        Shape (n_cells, n_genes), normalised and transformed; centred here.
    n_pcs
        Number of components.

    Returns
    -------
    float64 array, shape (n_cells, n_pcs); signs as in :func:`load`.
    """
    centred = values - values.mean(axis=0)
    # There are far fewer cells than genes: eigenvectors of the cell-cell products are the scores up to scale.
    variances, vectors = np.linalg.eigh(centred @ centred.T)
    scores = (vectors * np.sqrt(np.maximum(variances, 0.0)))[:, ::-1][:, :n_pcs]
    loadings = scores.T @ centred
    signs = np.sign(loadings[np.arange(n_pcs), np.abs(loadings).argmax(axis=1)])
    return scores * signs / scores[:, 0].std()


def gate(clr):
    """Coarse label of every cell by the gates of :func:`load`."""
    labels = np.full(len(clr["CD4"]), "other", dtype="<U7")
    labels[(clr["CD4"] > 3) & (clr["CD8"] < 2)] = "CD4+"
    labels[(clr["CD8"] > 2) & (clr["CD4"] < 3)] = "CD8+"
    labels[(clr["CD11c"] > 1.5) & (clr["CD8"] < 2) & (clr["CD4"] < 3)] = "myeloid"
    labels[clr["CD19"] > 2] = "B"
    return labels
