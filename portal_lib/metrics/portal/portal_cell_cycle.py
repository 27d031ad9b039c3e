"""Cell cycle conservation of the Portal paper: with scaled expression, and scores of all cells at once."""

from portal_lib.metrics._cell_cycle import conservation, cycle_genes, cycle_scores
from portal_lib.metrics._scaled import scaled
from portal_lib.metrics._variance import N_PCS

METRIC = {
    "label": "Cell cycle conservation (Portal)",
    "shares": "_portal",
    "group": "portal_bio",
    "implementation": "ours; scores of unscaled expression",
    "needs": ["embedding", "expression", "organism"],
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022); Tirosh et al., Science 352, 189 (2016)",
}


def score(space, truth):
    """As cell cycle conservation, in [0, 1], higher is better, but of scaled expression and with scores of all cells.

    The expression before is scaled over all cells and clipped at 10, all dimensions of the embedding count, and scores
    are computed of all cells at once. NotApplicable without embedding or expression, for an organism other than human
    and mouse, and without genes of a phase.

    Departs from the paper: scores are of the log-normalised expression, since bins of equal mean are rounding noise
    where every gene has mean 0; and the highly variable genes replace all genes that the data sets share.
    """
    embedding, expression = space.embedding, space.expression
    all_scores = cycle_scores(expression.values, cycle_genes(expression.genes, space.organism))
    before = scaled(expression.values)
    return conservation(
        before=lambda rows: (before[rows], N_PCS),
        after=lambda rows: (embedding[rows], None),
        scores=lambda rows: all_scores[rows],
        batch=truth.codes[1],
    )
