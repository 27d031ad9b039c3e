"""Mixing metric: the number of neighbours of a cell among which every batch has five cells."""

import numpy as np

from portal_lib.metrics._arrays import sample_rows
from portal_lib.metrics._neighbors import exact_neighbors, others_of

METRIC = {
    "label": "Mixing metric",
    "shares": "_portal",
    "group": "auxiliary",
    "implementation": "ours",
    "fast": True,
    "needs": ["embedding", "batch"],
    "range": [1, 300],
    "better": "lower",
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022); Butler et al., Nat. Biotechnol. 36, 411 (2018)",
}

N_NEIGHBORS, POSITION, MAX_CELLS, SEED = 300, 5, 10_000, 1234


def score(space, truth):
    """Mean over cells of the median over batches of the rank of their fifth nearest cell.

    Returns
    -------
    From 1 to 300, with two batches 7.5 to 154.5; lower is better mixed.

    Raises
    ------
    NotApplicable
        One batch, or no embedding.

    Notes
    -----
    mean_i (1 + median_b r_ib), r_ib the number, from 0, of the fifth cell of batch b among the 299 nearest others of
    cell i, or 299 where there is no fifth. Of 10,000 cells, drawn with seed 1234, where there are more. Portal chooses
    the weight of its cosine term by this metric. Departs from the paper: any number of batches, and the cell itself is
    left out also where others have the same coordinates.
    """
    embedding, batch = space.embedding, truth.batch
    rows = np.sort(sample_rows(len(batch), MAX_CELLS, SEED))
    indices, _ = exact_neighbors(embedding[rows], min(N_NEIGHBORS, len(rows)))
    others = others_of(indices)
    ranks = np.stack([_rank(batch[rows][others] == one) for one in range(int(batch.max()) + 1)])
    return float(np.mean(1 + np.median(ranks, axis=0)))


def _rank(of_batch):
    """Number of the fifth cell of a batch among the neighbours of each cell; their count where there is no fifth."""
    reached = of_batch.cumsum(axis=1, dtype=np.int32) >= POSITION
    return np.where(reached[:, -1:].any(axis=1), reached.argmax(axis=1), of_batch.shape[1])
