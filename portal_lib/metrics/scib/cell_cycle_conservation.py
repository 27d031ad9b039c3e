"""Cell cycle conservation: whether the cell cycle explains as much variance after integration as before."""

from portal_lib.metrics._cell_cycle import conservation, cycle_genes, cycle_scores
from portal_lib.metrics._variance import N_PCS

METRIC = {
    "label": "Cell cycle conservation",
    "shares": "_scib",
    "group": "bio",
    "needs": ["embedding", "expression", "organism"],
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Tirosh et al., Science 352, 189 (2016)",
}


def score(space, truth):
    """How far the variance that cell cycle scores explain is kept, batch by batch.

    Returns
    -------
    Conservation in [0, 1]; higher is better.

    Raises
    ------
    NotApplicable
        No embedding, no expression, an organism other than human and mouse, or no genes of a phase.

    Notes
    -----
    mean_b max(0, 1 - abs(R2_after - R2_before) / R2_before), with R2 as in PCR, over the first 50 principal components
    of the batch's expression before and of its embedding after, against its scores of S and of G2/M. One batch is
    enough.
    """
    embedding, expression = space.embedding, space.expression
    columns = cycle_genes(expression.genes, space.organism)
    return conservation(
        before=lambda rows: (expression.values[rows], N_PCS),
        after=lambda rows: (embedding[rows], N_PCS),
        scores=lambda rows: cycle_scores(expression.values[rows], columns),
        batch=truth.codes[1],
    )
