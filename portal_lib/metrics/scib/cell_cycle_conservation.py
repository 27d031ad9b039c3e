"""Cell cycle conservation: whether the cell cycle explains as much variance as before."""

from portal_lib.metrics._cell_cycle import conservation, cycle_genes, cycle_scores
from portal_lib.metrics._variance import N_PCS

METRIC = {
    "label": "Cell cycle conservation",
    "group": "bio",
    "definition": "scib",
    "implementation": "ours; equal to scib 1.1.7 within 1e-6",
    "fast": False,
    "needs": ["embedding", "expression", "organism"],
    "range": [0, 1],
    "better": "higher",
    "citation": "Luecken et al., Nature Methods 19, 41 (2022); Tirosh et al., Science 352, 189 (2016)",
}


def score(space, truth):
    """How far the variance that scores of the cell cycle explain is kept, batch by batch.

    Parameters
    ----------
    space
        The scored :class:`~portal_lib.metrics._space.Space`; needs an embedding, the expression before and the
        organism.
    truth
        Batches of the same cells, :class:`~portal_lib.metrics._space.Truth`.

    Returns
    -------
    Conservation in [0, 1]; higher is better.

    Raises
    ------
    NotApplicable
        No embedding, no expression, an organism other than human and mouse, or no genes of a phase.

    Notes
    -----
    mean_b max(0, 1 - abs(R2_after - R2_before) / R2_before), with R2 as in PCR, over the 50 first principal components
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
