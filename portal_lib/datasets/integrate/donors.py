"""Simulated blood of many donors, in one technology; needs no files."""

DATASET = {
    "label": "Simulated donors",
    "task": "integrate",
    "organism": "simulated",
    "batch_key": "donor",
    "label_key": "cell_type",
    "params": {
        "n_donors": {"default": 10, "type": "integer", "minimum": 2, "description": "donors; each is a batch"},
        "cells_per_donor": {
            "default": 1000,
            "type": "integer",
            "minimum": 50,
            "description": "median cells of a donor; the largest donors have about three times as many as the smallest",
        },
        "n_genes": {
            "default": 12000,
            "type": "integer",
            "minimum": 500,
            "description": "genes, the same in all donors",
        },
        "effect": {
            "default": 0.25,
            "type": "number",
            "minimum": 0,
            "description": "standard deviation over donors of the log expression of a gene",
        },
        "seed": {"default": 0, "type": "integer", "minimum": 0, "description": "same seed, same bytes"},
    },
    "citation": "This project, portal_lib/datasets/integrate/donors.py",
    "licence": "MIT",
}

# Lineage, and share of the cells, about as in blood.
CELL_TYPES = {
    "CD4 naive": ("T", 0.22),
    "CD4 memory": ("T", 0.15),
    "CD8 naive": ("T", 0.08),
    "CD8 effector": ("T", 0.12),
    "Treg": ("T", 0.03),
    "MAIT": ("T", 0.02),
    "NK": ("NK", 0.10),
    "NK bright": ("NK", 0.01),
    "B naive": ("B", 0.07),
    "B memory": ("B", 0.03),
    "plasma": ("B", 0.004),
    "CD14 monocyte": ("myeloid", 0.12),
    "CD16 monocyte": ("myeloid", 0.025),
    "cDC": ("myeloid", 0.012),
    "pDC": ("pDC", 0.005),
    "platelet": ("platelet", 0.004),
}
# Concentration of a donor's shares of the types: smaller is more different.
CONCENTRATION = 30.0
# Share of the genes with an effect, and the standard deviation of the log effect.
LINEAGE_EFFECT = (0.06, 1.2)
TYPE_EFFECT = (0.03, 0.8)
# Standard deviation of the log effect of a donor on a gene of one lineage, relative to that on all lineages.
INTERACTION = 0.5
DEPTH, DEPTH_SD, DONOR_DEPTH_SD = 2000.0, 0.35, 0.3
# Sizes of donors: standard deviation of the log.
CELLS_SD = 0.35
# Programs that cells of all types share, and the beta distribution of their share of the transcripts of a cell.
N_PROGRAMS, PROGRAM_EFFECT, PROGRAM_SHARE = 4, (0.15, 1.5), (2.0, 6.0)


def load(folder=None, *, n_donors=10, cells_per_donor=1000, n_genes=12000, effect=0.25, seed=0):
    """Simulate all donors.

    Parameters
    ----------
    folder
        Not used: there are no files.
    n_donors, cells_per_donor, n_genes, effect, seed
        See ``DATASET["params"]``.

    Returns
    -------
    AnnData of raw counts, CSR float32, shape (n_cells, n_genes), cells grouped by donor. obs has `donor`, `cell_type`
    and `lineage`, all categorical.

    Notes
    -----
    The counts of cell c of type k from donor i are multinomial. Their number is Poisson with the depth of the cell
    (log-normal; its median differs between donors); each comes from gene g with a probability proportional to

        exp(b_g + lineage + type + program + s_ig + s_ig,lineage) ,

    where s_ig is the effect of the donor on the gene, and the last term its effect on that lineage alone; the program
    is none for most of the counts, or one of four whose shares differ between cells, so that counts are overdispersed.
    Shares of the types differ between donors, and rare types are missing in small donors. The cells of a donor do not
    depend on the number of donors: the first ten of a hundred donors are the ten.
    """
    import anndata
    from scipy import sparse

    parts = {"n_donors": n_donors, "cells_per_donor": cells_per_donor, "n_genes": n_genes}
    obs, var, chunks = load_chunks(folder, **parts, effect=effect, seed=seed)
    return anndata.AnnData(sparse.vstack(list(chunks), format="csr"), obs=obs, var=var)


def load_chunks(folder=None, threads=1, *, n_donors=10, cells_per_donor=1000, n_genes=12000, effect=0.25, seed=0):
    """Simulate all donors, one at a time.

    Parameters
    ----------
    folder
        Not used: there are no files.
    threads
        Not used: donors are small.
    n_donors, cells_per_donor, n_genes, effect, seed
        As for :func:`load`.

    Returns
    -------
    obs and var of :func:`load`, and an iterator over the counts: CSR float32, one matrix per donor, in order.
    """
    import numpy as np
    import pandas as pd

    names = [f"donor{number:03d}" for number in range(n_donors)]
    labels = [_draw_types(seed, number, cells_per_donor) for number in range(n_donors)]
    label = np.concatenate(labels)
    lineages = list(dict.fromkeys(lineage for lineage, _ in CELL_TYPES.values()))
    obs = pd.DataFrame(
        {
            "donor": pd.Categorical(np.repeat(names, [len(part) for part in labels]), categories=names),
            "cell_type": pd.Categorical(label, categories=[name for name in CELL_TYPES if name in set(label)]),
            "lineage": pd.Categorical([CELL_TYPES[name][0] for name in label], categories=lineages),
        },
        index=[f"cell{number:07d}" for number in range(len(label))],
    )
    var = pd.DataFrame(index=[f"gene{number:05d}" for number in range(n_genes)])
    tissue = _draw_tissue(seed, n_genes)
    return obs, var, (_draw_counts(tissue, seed, number, part, effect) for number, part in enumerate(labels))


def _stream(seed, purpose, donor=0):
    """The random stream for one purpose and donor, independent of the others."""
    import numpy as np

    key = (("tissue", "types", "cells").index(purpose), donor)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _draw_types(seed, donor, cells_per_donor):
    """Types of the cells of a donor, shape (n_cells,)."""
    import numpy as np

    rng = _stream(seed, "types", donor)
    n_cells = max(50, round(cells_per_donor * rng.lognormal(0.0, CELLS_SD)))
    shares = np.array([share for _, share in CELL_TYPES.values()])
    return rng.choice(list(CELL_TYPES), n_cells, p=rng.dirichlet(CONCENTRATION * shares / shares.sum()))


def _draw_tissue(seed, n_genes):
    """Log expression of each type, shape (n_genes,), and effects of programs, before effects of donors."""
    import numpy as np

    rng = _stream(seed, "tissue")
    base = rng.normal(0.0, 1.4, n_genes)
    lineages, types = {}, {}
    for name, (lineage, _) in CELL_TYPES.items():
        if lineage not in lineages:
            lineages[lineage] = _sparse_effects(rng, n_genes, *LINEAGE_EFFECT)
        types[name] = base + lineages[lineage] + _sparse_effects(rng, n_genes, *TYPE_EFFECT)
    programs = np.stack([_sparse_effects(rng, n_genes, *PROGRAM_EFFECT) for _ in range(N_PROGRAMS)])
    return {"types": types, "programs": programs}


def _sparse_effects(rng, n_genes, share, sd):
    """Normal effects on a random share of the genes, zero elsewhere."""
    return rng.normal(0.0, sd, n_genes) * (rng.random(n_genes) < share)


def _draw_counts(tissue, seed, donor, labels, effect):
    """Counts of one donor, CSR float32."""
    import numpy as np
    from scipy import sparse

    rng, n_genes = _stream(seed, "cells", donor), len(tissue["programs"][0])
    everywhere = rng.normal(0.0, effect, n_genes)
    lineages = dict.fromkeys(lineage for lineage, _ in CELL_TYPES.values())
    of_lineage = {lineage: rng.normal(0.0, INTERACTION * effect, n_genes) for lineage in lineages}
    depth = DEPTH * n_genes / 12_000 * rng.lognormal(0.0, DONOR_DEPTH_SD)
    n_counts = rng.poisson(depth * rng.lognormal(0.0, DEPTH_SD, len(labels)))
    # Transcripts of each cell from its type, and from each program.
    share = rng.beta(*PROGRAM_SHARE, len(labels))
    weights = rng.dirichlet(np.ones(N_PROGRAMS), len(labels)) * share[:, None]
    origin = rng.multinomial(n_counts, np.column_stack([1 - share, weights]))
    total = sparse.csr_matrix((len(labels), n_genes), dtype=np.float32)
    for name in np.unique(labels):
        cells = np.flatnonzero(labels == name)
        effects = everywhere + of_lineage[CELL_TYPES[name][0]]
        for number, log_mean in enumerate([tissue["types"][name], *(tissue["types"][name] + tissue["programs"])]):
            ends = np.cumsum(np.exp(log_mean + effects))
            of_cell = np.repeat(cells, origin[cells, number])
            genes = np.searchsorted(ends, rng.random(len(of_cell)) * ends[-1], side="right")
            ones = np.ones(len(genes), np.float32)
            total += sparse.csr_matrix((ones, (of_cell, genes)), shape=total.shape)
    return total
