"""kBET of the Portal paper: whether the batches around a cell have the proportions of a sample of all cells."""

import numpy as np

from portal_lib.errors import NotApplicable
from portal_lib.metrics._kbet import acceptance_rate

METRIC = {
    "label": "kBET (Portal)",
    "shares": "_portal",
    "group": "portal_batch",
    "implementation": "ours; R's kBET with its defaults, every cell tested",
    "needs": ["embedding", "batch"],
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317 (2022); Buettner et al., Nature Methods 16, 43 (2019)",
}

N_SAMPLES, N_EACH, SEED = 100, 1000, 1234


def score(space, truth):
    """Median over samples of the share of cells whose neighbourhood is accepted.

    Returns
    -------
    In [0, 1]; higher is better mixed.

    Raises
    ------
    NotApplicable
        One batch, no embedding, or batches too small for a neighbourhood of ten cells.

    Notes
    -----
    100 samples of 1,000 cells, without their labels; of each the share of cells with p > 0.05, by R's kBET with its
    defaults but without its principal components: the first size of the neighbourhood is 3/4 of the mean batch, then
    the size between 10 and that with the most rejections is found by R's bisection; expected proportions leave out
    the cells that are in no neighbourhood, if these differ from the rest. All cells where there are fewer than 1,000.

    Departs from the paper: samples are numpy's, of seed 1234, not R's; every cell of a sample is tested, where R tests
    a hundred times a tenth of them, which leaves out one in 38,000, and where its search of the size takes the mean of
    ten tenths.
    """
    embedding, batch = space.embedding, truth.batch
    random, n_each = np.random.default_rng(SEED), min(N_EACH, len(batch))
    rates = []
    for _ in range(N_SAMPLES if n_each < len(batch) else 1):
        rows = random.choice(len(batch), n_each, replace=False)
        found, codes = np.unique(batch[rows], return_inverse=True)
        rates.append(acceptance_rate(embedding[rows], codes) if len(found) > 1 else None)
    rates = [rate for rate in rates if rate is not None]
    if not rates:
        raise NotApplicable("the batches are too small for a neighbourhood of 10 cells")
    return float(np.median(rates))
