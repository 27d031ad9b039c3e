from itertools import islice

import torch

from portal_lib.training.sampling import generators, uniform_batches


def draw(seed, n_a=10, n_b=1000, steps=50):
    _, generator = generators(seed)
    pairs = list(islice(uniform_batches(n_a, n_b, 200, generator), steps))
    return torch.stack([a for a, _ in pairs]), torch.stack([b for _, b in pairs])


def test_rows_are_uniform_with_replacement():
    rows_a, rows_b = draw(0)
    assert rows_a.shape == (50, 200)
    counts = torch.bincount(rows_a.ravel(), minlength=10).double()
    chi2 = ((counts - 1000) ** 2 / 1000).sum().item()
    assert len(counts) == 10
    assert chi2 < 27.9  # 99.9 % quantile for 9 degrees of freedom
    assert rows_b.min() >= 0
    assert rows_b.max() < 1000
    assert len(rows_b[0].unique()) < 200


def test_same_seed_same_rows():
    assert torch.equal(draw(1)[1], draw(1)[1])
    assert not torch.equal(draw(1)[1], draw(2)[1])


def test_weights_and_batches_have_separate_generators():
    weights, batches = generators(0)
    assert weights.initial_seed() != batches.initial_seed()
