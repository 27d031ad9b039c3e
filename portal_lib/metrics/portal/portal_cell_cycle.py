"""Cell cycle conservation of the Portal paper: with scaled expression."""

from portal_lib.metrics._cell_cycle import conservation
from portal_lib.metrics._scaled import scaled
from portal_lib.metrics._variance import N_PCS

METRIC = {
    "label": "Cell cycle conservation (Portal)",
    "shares": "_portal",
    "group": "portal_bio",
    "implementation": "ours; scores of unscaled expression, per batch",
    "needs": ["embedding", "expression", "cell_cycle"],
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022); Tirosh et al., Science 352, 189 (2016)",
}


def score(space, truth):
    """As cell cycle conservation, in [0, 1], higher is better, but of scaled expression.

    The expression before is scaled over all cells and clipped at 10, and all dimensions of the embedding count.
    NotApplicable without embedding or expression, and without scores of the cell cycle.

    Departs from the paper: scores are of the log-normalised expression of each batch, since bins of equal mean are
    rounding noise where every gene has mean 0; and expression before is of the genes that the space has, in the
    workflow the highly variable ones, which replace all genes that the data sets share.
    """
    embedding, expression = space.embedding, space.expression
    before = scaled(expression.values)
    return conservation(
        before=lambda rows: (before[rows], N_PCS),
        after=lambda rows: (embedding[rows], None),
        scores=space.cell_cycle,
        batch=truth.codes[1],
    )
