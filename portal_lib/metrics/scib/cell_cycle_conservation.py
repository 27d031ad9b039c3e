"""Cell cycle conservation: whether the cell cycle explains as much variance after integration as before."""

from portal_lib.metrics._cell_cycle import conservation
from portal_lib.metrics._variance import N_PCS

METRIC = {
    "label": "Cell cycle conservation",
    "shares": "_scib",
    "group": "bio",
    "needs": ["embedding", "expression", "cell_cycle"],
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
        No embedding, no expression, or no scores of the cell cycle (an organism other than human and mouse, or no genes
        of a phase).

    Notes
    -----
    mean_b max(0, 1 - abs(R2_after - R2_before) / R2_before), with R2 as in PCR, over the first 50 principal components
    of the batch's expression before and of its embedding after, against its scores of S and of G2/M. Scores are of all
    genes, as in scib with the full object; expression before is of the genes that the space has: in the workflow the
    highly variable genes, or those that the method corrected. One batch is enough.
    """
    embedding, expression = space.embedding, space.expression
    return conservation(
        before=lambda rows: (expression.values[rows], N_PCS),
        after=lambda rows: (embedding[rows], N_PCS),
        scores=space.cell_cycle,
        batch=truth.codes[1],
    )
