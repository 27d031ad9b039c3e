"""Two simulated atlases of one tissue, measured with two technologies; needs no files."""

from dataclasses import dataclass

DATASET = {
    "label": "Toy atlas",
    "task": "integrate",
    "organism": "simulated",
    "batch_key": "batch",
    "label_key": "cell_type",
    "batches": ["droplet", "plate"],
    "params": {
        "n_cells": {
            "default": 3000,
            "type": "integer",
            "minimum": 200,
            "description": "cells of both atlases together; three in five come from droplets",
        },
        "n_genes": {
            "default": 12000,
            "type": "integer",
            "minimum": 500,
            "description": "genes, the same in both atlases",
        },
        "seed": {"default": 0, "type": "integer", "minimum": 0, "description": "same seed, same bytes"},
        "depth": {
            "default": 1.0,
            "type": "number",
            "minimum": 0.1,
            "description": "factor on the depth of all cells; at 1 a cell of 12,000 genes has about 1,500 counts from "
            "droplets and 7,000 from plates",
        },
    },
    "citation": "This project, portal_lib/datasets/integrate/toy_atlas.py",
    "licence": "MIT",
}

# Cells are simulated in chunks of this size, each from its own random stream; another size gives other data.
CHUNK = 512

DROPLET_SHARE = 0.6

# Lineage, and relative numbers of cells from droplets and from plates.
CELL_TYPES = {
    "lymphoid A": ("lymphoid", 20.0, 9.0),
    "lymphoid B": ("lymphoid", 12.0, 14.0),
    "lymphoid C": ("lymphoid", 6.0, 4.0),
    "lymphoid D": ("lymphoid", 5.0, 0.0),
    "myeloid A": ("myeloid", 14.0, 6.0),
    "myeloid B": ("myeloid", 8.0, 9.0),
    "myeloid rare 1": ("myeloid", 2.0, 1.5),
    "myeloid rare 2": ("myeloid", 1.6, 1.8),
    "myeloid rare 3": ("myeloid", 1.4, 1.7),
    "epithelial A": ("epithelial", 11.0, 22.0),
    "epithelial B": ("epithelial", 7.0, 11.0),
    "stromal A": ("stromal", 6.0, 8.0),
    "stromal B": ("stromal", 3.0, 4.0),
    "endothelial": ("endothelial", 3.0, 4.0),
    "neural": ("neural", 0.0, 4.0),
}
# Share of the genes with an effect, and the standard deviation of the log effect.
LINEAGE_EFFECT = (0.06, 1.2)
TYPE_EFFECT = (0.045, 1.0)
PROGRAM_EFFECT = (0.08, 0.35)
# Markers of each rare type, in addition to those that rare types share: their number, and their log effect.
RARE_MARKERS = (12, 1.9)
# Standard deviation of the log interaction of technology and lineage.
INTERACTION_SD = 0.15

RARE_TYPES = ("myeloid rare 1", "myeloid rare 2", "myeloid rare 3")


@dataclass(frozen=True)
class Technology:
    """Parameters of a technology.

    Parameters
    ----------
    depth
        Median counts of a cell before dropout.
    depth_sd
        Standard deviation of the log depth.
    gene_sd
        Standard deviation of the log efficiency of a gene: the gene-wise scale.
    half_detection
        Expected count at which half of the transcripts drop out.
    dispersion
        Median over genes of the size of the negative binomial: variance = mean + mean² / size.
    """

    depth: float
    depth_sd: float
    gene_sd: float
    half_detection: float
    dispersion: float


TECHNOLOGIES = {
    "droplet": Technology(depth=1900.0, depth_sd=0.35, gene_sd=0.25, half_detection=0.05, dispersion=3.0),
    "plate": Technology(depth=9000.0, depth_sd=0.45, gene_sd=0.25, half_detection=0.4, dispersion=1.6),
}


@dataclass(frozen=True)
class _Tissue:
    """Log expression per type and technology, and programs that vary within a type."""

    log_mean: dict
    programs: object
    size: dict


def load(folder=None, *, n_cells=3000, n_genes=12000, seed=0, depth=1.0):
    """Simulate both atlases.

    Parameters
    ----------
    folder
        Not used: there are no files.
    n_cells
        Cells of both atlases together.
    n_genes
        Genes, the same in both.
    seed
        Same seed, same bytes.
    depth
        Factor on the depth of all cells.

    Returns
    -------
    AnnData of raw counts, CSR float32, shape (n_cells, n_genes), cells grouped by atlas. obs has `batch`,
    `cell_type` and `lineage`, all categorical.

    Notes
    -----
    See :func:`generate_chunks` for the model, and :func:`load_chunks` for data that do not fit into memory.
    """
    import anndata
    from scipy import sparse

    obs, var, chunks = load_chunks(folder, n_cells=n_cells, n_genes=n_genes, seed=seed, depth=depth)
    return anndata.AnnData(sparse.vstack(list(chunks), format="csr"), obs=obs, var=var)


def load_chunks(folder=None, threads=1, *, n_cells=3000, n_genes=12000, seed=0, depth=1.0):
    """Simulate both atlases in chunks, in memory that does not depend on the number of cells.

    Parameters
    ----------
    folder
        Not used: there are no files.
    threads
        Number of threads, each with three arrays of CHUNK × n_genes numbers (250 MB for 20,000 genes). The bytes do
        not depend on it.
    n_cells, n_genes, seed, depth
        As for :func:`load`.

    Returns
    -------
    obs and var of :func:`load`, and an iterator over the counts: CSR float32, in chunks of rows, in the order of obs.
    """
    import numpy as np
    import pandas as pd

    labels = {batch: _draw_labels(batch, n, seed) for batch, n in _cells_per_batch(n_cells).items()}
    label = np.concatenate(list(labels.values()))
    batch = np.repeat(list(labels), [len(part) for part in labels.values()])
    obs = pd.DataFrame(
        {
            "batch": pd.Categorical(batch, categories=DATASET["batches"]),
            "cell_type": pd.Categorical(label, categories=[name for name in CELL_TYPES if name in set(label)]),
            "lineage": pd.Categorical([CELL_TYPES[name][0] for name in label], categories=_lineages()),
        },
        index=[f"cell{number:07d}" for number in range(n_cells)],
    )
    var = pd.DataFrame(index=[f"gene{number:05d}" for number in range(n_genes)])
    return obs, var, (counts for counts, *_ in generate_chunks(n_cells, n_genes, seed, depth, threads))


def generate_chunks(n_cells, n_genes, seed, depth=1.0, threads=1):
    """Simulate both atlases in chunks, in bounded memory.

    Parameters
    ----------
    n_cells
        Cells of both atlases together.
    n_genes
        Genes, the same in both.
    seed
        Same seed, same bytes, for any number of chunks.
    depth
        Factor on the depth of all cells.
    threads
        Number of chunks simulated in parallel; the bytes do not depend on it.

    Yields
    ------
    Counts, CSR float32, shape (at most `CHUNK`, n_genes); the batch of these cells; their types, shape (cells of the
    chunk,). All chunks of the first batch come before those of the second.

    Notes
    -----
    The count of gene g in cell c of type k, measured by technology t, is negative binomial with mean

        m = d_c · softmax_g(b_g + lineage + type + u_c · programs + s_tg + interaction_t) ,

    and set to zero with probability K_t / (m + K_t): dropout, which decreases with expression. d_c is the depth of the
    cell, s_tg the gene-wise scale of the technology. The interaction changes each lineage slightly per technology, so
    that no shift common to all cells removes the batch effect entirely. Every chunk has its own random stream; the
    numbers of cells per type are exact.
    """
    tissue = _make_tissue(n_genes, seed)

    def draw(chunk):
        batch, number, labels = chunk
        return _draw_counts(tissue, batch, labels, _stream(seed, "cells", batch, number), depth), batch, labels

    yield from _in_order(draw, _chunks(n_cells, seed), threads)


def _chunks(n_cells, seed):
    """Batch, number within the batch, and cell types of each chunk."""
    for batch, n_batch in _cells_per_batch(n_cells).items():
        labels = _draw_labels(batch, n_batch, seed)
        for number, start in enumerate(range(0, n_batch, CHUNK)):
            yield batch, number, labels[start : start + CHUNK]


def _in_order(draw, chunks, threads):
    """Results of `draw` for each chunk, in order; only a few are computed ahead."""
    from collections import deque
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        coming = deque()
        for chunk in chunks:
            coming.append(pool.submit(draw, chunk))
            if len(coming) > threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _stream(seed, purpose, batch=None, number=0):
    """The random stream for one purpose, independent of the others."""
    import numpy as np

    purposes = ("tissue", "labels", "cells")
    key = (purposes.index(purpose), 0 if batch is None else DATASET["batches"].index(batch), number)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _lineages():
    """Names of the lineages, in the order of the table of cell types."""
    return list(dict.fromkeys(lineage for lineage, *_ in CELL_TYPES.values()))


def _cells_per_batch(n_cells):
    """Number of cells of each atlas."""
    droplet = round(n_cells * DROPLET_SHARE)
    return {"droplet": droplet, "plate": n_cells - droplet}


def _draw_labels(batch, n_cells, seed):
    """Cell types of one atlas: exact numbers, in random order."""
    import numpy as np

    weights = np.array([shares[DATASET["batches"].index(batch)] for _, *shares in CELL_TYPES.values()])
    ideal = n_cells * weights / weights.sum()
    numbers = np.floor(ideal).astype(int)
    largest = np.argsort(numbers - ideal, kind="stable")[: n_cells - numbers.sum()]
    numbers[largest] += 1
    labels = np.repeat(list(CELL_TYPES), numbers)
    return _stream(seed, "labels", batch).permutation(labels)


def _make_tissue(n_genes, seed):
    """Draw the parameters that all cells share."""
    rng = _stream(seed, "tissue")
    base = rng.normal(0.0, 1.4, n_genes)
    biology = _draw_types(rng, base)
    programs = _sparse_effects(rng, n_genes, *PROGRAM_EFFECT, rows=3)
    log_mean, size = {}, {}
    for batch, technology in TECHNOLOGIES.items():
        scale = rng.normal(0.0, technology.gene_sd, n_genes)
        seen = {lineage: scale + rng.normal(0.0, INTERACTION_SD, n_genes) for lineage in _lineages()}
        log_mean[batch] = {name: effect + seen[CELL_TYPES[name][0]] for name, effect in biology.items()}
        size[batch] = technology.dispersion * rng.lognormal(0.0, 0.3, n_genes)
    return _Tissue(log_mean, programs, size)


def _draw_types(rng, base):
    """Log expression of each type without technology: base, lineage and type effects."""
    n_genes = len(base)
    lineages = {name: _sparse_effects(rng, n_genes, *LINEAGE_EFFECT) for name in _lineages()}
    parent = _sparse_effects(rng, n_genes, *TYPE_EFFECT)
    effects = {}
    for name, (lineage, *_) in CELL_TYPES.items():
        own = (
            _marker_effects(rng, base, *RARE_MARKERS) + parent
            if name in RARE_TYPES
            else _sparse_effects(rng, n_genes, *TYPE_EFFECT)
        )
        effects[name] = base + lineages[lineage] + own
    return effects


def _sparse_effects(rng, n_genes, share, sd, rows=None):
    """Normal effects on a random share of the genes, zero elsewhere."""
    shape = n_genes if rows is None else (rows, n_genes)
    return rng.normal(0.0, sd, shape) * (rng.random(shape) < share)


def _marker_effects(rng, base, n_markers, size):
    """Marker genes, all upregulated, from the third of the genes with the highest expression."""
    import numpy as np

    effects = np.zeros(len(base))
    expressed = np.argsort(base)[-len(base) // 3 :]
    effects[rng.choice(expressed, n_markers, replace=False)] = size
    return effects


def _draw_counts(tissue, batch, labels, rng, depth=1.0):
    """Counts of one chunk, CSR float32.

    Uses three arrays of shape (cells, genes). numpy draws no random number for a rate of zero, so skipping these gives
    the same counts.
    """
    import numpy as np

    technology = TECHNOLOGIES[batch]
    names, codes = np.unique(labels, return_inverse=True)
    mean = np.stack([tissue.log_mean[batch][name] for name in names])[codes]
    mean += rng.normal(0.0, 1.0, (len(labels), len(tissue.programs))) @ tissue.programs
    mean -= mean.max(axis=1, keepdims=True)
    np.exp(mean, out=mean)
    shares = mean.sum(axis=1, keepdims=True)
    mean *= depth * technology.depth * rng.lognormal(0.0, technology.depth_sd, (len(labels), 1))
    mean /= shares
    size = tissue.size[batch]
    rate = rng.standard_gamma(size, mean.shape)
    rate *= mean
    rate /= size
    spare = mean + technology.half_detection
    np.divide(mean, spare, out=mean)
    rng.random(out=spare)
    seen = np.flatnonzero(spare < mean)
    counts = rng.poisson(rate.ravel()[seen])
    return _as_csr(counts[counts > 0], seen[counts > 0], mean.shape)


def _as_csr(values, places, shape):
    """CSR float32 of values at ascending positions in the flattened matrix."""
    import numpy as np
    from scipy import sparse

    rows, columns = np.divmod(places, shape[1])
    ends = np.searchsorted(rows, np.arange(shape[0] + 1)).astype(np.int32)
    return sparse.csr_matrix((values.astype(np.float32), columns.astype(np.int32), ends), shape=shape)
