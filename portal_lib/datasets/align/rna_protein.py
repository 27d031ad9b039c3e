"""Proteins and RNA of the same 500 blood cells, told by ten pairs."""

import warnings
from pathlib import Path

import numpy as np

from portal_lib.datasets.align._halves import as_table
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
        },
    ],
    "expected": {},
    "params": {
        "n_pairs": {
            "default": 10,
            "type": "integer",
            "minimum": 1,
            "maximum": 500,
            "description": "known pairs of a run",
        },
        "n_draws": {
            "default": 10,
            "type": "integer",
            "minimum": 1,
            "description": "draws of known pairs; a run takes the one of its seed",
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
            "description": "RNA as in the paper: arcsinh instead of log1p, and diffusion over similar cells (as MAGIC "
            "has it) before the components",
        },
        "seed": {
            "default": 0,
            "type": "integer",
            "minimum": 0,
            "description": "of the order of cells and of the draws",
        },
    },
    "resampled_per_seed": True,
    "max_trainings": 10,
    "figures": ["destinations"],
    "shown": [],
    "defaults": {"training_steps": 1000, "lambda_corr": 10.0},
    "citation": "Mimitou et al. 2019, Nature Methods 16:409 (GEO GSE126310), as in CiteFuse; task of Amodio & "
    "Krishnaswamy, ICML 2018, arXiv 1803.00385, section 4.5",
    "licence": "GPL-3",
}

# Names of the 12 proteins, and how the file calls them where it is otherwise.
PROTEINS = ("CD11b", "CD2", "HLA-DR", "CD8", "CD27", "CD5", "CD11c", "CD7", "CD4", "CD3", "CD19", "CD127")
IN_FILE = {"HLA-DR": "MHCII (HLA-DR)", "CD127": "IL7Ralpha (CD127)"}
# Genes with counts in fewer cells are left out.
LEAST_CELLS = 10
TOTAL = 1e4
# Of the diffusion, the defaults of MAGIC: components that distances are of, neighbours, which of them sets the width of
# the kernel, steps.
SMOOTH_PCS, SMOOTH_NEIGHBORS, SMOOTH_WIDTH, SMOOTH_STEPS = 100, 15, 5, 3


def load(folder, *, n_pairs=10, n_draws=10, n_pcs=30, smooth=False, seed=0):
    """Read proteins and RNA, and shuffle the cells of RNA.

    Parameters
    ----------
    folder
        Folder that holds the file of ``DATASET["files"]`` under its name.
    n_pairs, n_draws
        Known pairs of a run, and number of draws of them; each draw takes cells without replacement.
    n_pcs
        Principal components of RNA.
    smooth
        Whether RNA is smoothed by :func:`diffuse`, on arcsinh instead of log1p, before the components.
    seed
        ``numpy.random.default_rng(seed)`` permutes domain 2, then makes the draws.

    Returns
    -------
    Domains: 12 proteins, shape (500, 12), in the order of the file, and RNA, shape (500, n_pcs), in random order. Both
    scaled already. Truth: partner, both targets, and coarse labels by gates on proteins.

    Raises
    ------
    DataError
        The file is not what it should be, or there are more pairs than cells.

    Notes
    -----
    Proteins: log1p of counts minus the cell's mean of it over all 49 (CLR), each z-scored. RNA: counts of genes found
    in at least 10 cells, divided by the cell's total over all genes, times 10⁴, log1p, centred; exact principal
    components, all divided by the standard deviation of the first, so that later ones stay smaller. The sign of a
    component is that which makes its largest loading positive. The paper smoothed its RNA (`smooth`).

    Gates, on CLR values, in the valleys of bimodal proteins: B is CD19 > 2 (18 cells); myeloid CD11c > 1.5 with
    CD8 < 2 and CD4 < 3 (33); CD4+ CD4 > 3 with CD8 < 2 (129); CD8+ CD8 > 2 with CD4 < 3 (251); all else other (69,
    mostly natural killer cells). RNA, which the gates do not see, agrees: MS4A1 is found in 78 % of B and at most 3 %
    of any other class, LYZ in 94 % of myeloid and at most 3 %, CD8A in 84 % of CD8+ and 2 % of CD4+. CD8+ holds T
    cells and natural killer cells that carry CD8: antibodies against CD3 stained too weakly to tell them apart.

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
            # Sparse matrices of R are given as plain objects, which is what is wanted, with a warning.
            warnings.filterwarnings("ignore", message="Missing constructor for R class")
            content = rdata.read_rda(path)["CITEseq_example"]
        tables = [_sparse(content[kind]) for kind in ("ADT", "RNA")]
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such file. Remove manifest.json beside it, if there is one, and run again."
        ) from None
    except Exception as error:
        # rdata and its decompressors meet damage with errors of any kind.
        problem = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise DataError(
            f"{path}: cannot be read as the R list 'CITEseq_example' of sparse matrices: {problem}"
        ) from error
    (proteins, names, cells), (rna, _, rna_cells) = tables
    if cells != rna_cells:
        raise DataError(f"{path}: proteins and RNA are not of the same cells in the same order")
    return proteins.toarray(), names, rna.tocsr()


def _sparse(matrix):
    """A dgCMatrix of R, features × cells, as cells × features; names of features; names of cells."""
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
    """Counts of genes found in enough cells, per 10⁴ of the cell's total over all genes, transformed.

    Parameters
    ----------
    counts
        Cells × genes, CSR.
    transform
        ``numpy.log1p`` or ``numpy.arcsinh``.

    Returns
    -------
    Dense array, shape (n_cells, genes that are kept).
    """
    totals = np.asarray(counts.sum(axis=1)).ravel()
    found = np.asarray((counts > 0).sum(axis=0)).ravel() >= LEAST_CELLS
    return transform(counts[:, found].toarray() * (TOTAL / totals[:, None]))


def diffuse(values):
    """Smooth the values of each cell over the cells most like it, as MAGIC does.

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
    float64 array, shape (n_cells, n_pcs); signs as :func:`load` says.
    """
    centred = values - values.mean(axis=0)
    # Of cells there are far fewer than of genes: the eigenvectors of their products are the scores but for the scale.
    variances, vectors = np.linalg.eigh(centred @ centred.T)
    scores = (vectors * np.sqrt(np.maximum(variances, 0.0)))[:, ::-1][:, :n_pcs]
    loadings = scores.T @ centred
    signs = np.sign(loadings[np.arange(n_pcs), np.abs(loadings).argmax(axis=1)])
    return scores * signs / scores[:, 0].std()


def gate(clr):
    """Coarse label of every cell by gates on CLR values, as :func:`load` says."""
    labels = np.full(len(clr["CD4"]), "other", dtype="<U7")
    labels[(clr["CD4"] > 3) & (clr["CD8"] < 2)] = "CD4+"
    labels[(clr["CD8"] > 2) & (clr["CD4"] < 3)] = "CD8+"
    labels[(clr["CD11c"] > 1.5) & (clr["CD8"] < 2) & (clr["CD4"] < 3)] = "myeloid"
    labels[clr["CD19"] > 2] = "B"
    return labels
