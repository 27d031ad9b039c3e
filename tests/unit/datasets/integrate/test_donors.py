import inspect

import numpy as np
import pytest

from portal_lib.datasets.integrate import donors

SMALL = {"cells_per_donor": 120, "n_genes": 600, "seed": 3}


@pytest.fixture(scope="module")
def five():
    return donors.load(n_donors=5, **SMALL)


def relative(adata):
    """Mean share of each gene in the counts of a cell."""
    totals = np.asarray(adata.X.sum(axis=1))
    return np.asarray(adata.X.multiply(1 / totals).mean(axis=0)).ravel()


def test_stated_defaults_are_those_of_load():
    stated = {name: facts["default"] for name, facts in donors.DATASET["params"].items()}
    parameters = inspect.signature(donors.load).parameters
    assert stated == {name: parameter.default for name, parameter in parameters.items() if name != "folder"}


def test_counts_are_raw_and_names_unique(five):
    assert five.X.format == "csr"
    assert five.X.dtype == np.float32
    assert (five.X.data > 0).all()
    assert (five.X.data % 1 == 0).all()
    assert five.obs_names.is_unique
    assert five.var_names.is_unique
    assert five.obs["donor"].cat.categories.tolist() == [f"donor00{number}" for number in range(5)]
    assert five.obs["donor"].value_counts().min() >= 50


def test_a_seed_gives_the_same_bytes_and_another_seed_others(five):
    same, other = donors.load(n_donors=5, **SMALL), donors.load(n_donors=5, **(SMALL | {"seed": 4}))
    assert (same.X != five.X).nnz == 0
    assert same.obs.equals(five.obs)
    assert other.n_obs != five.n_obs


def test_a_donor_does_not_depend_on_the_number_of_donors(five):
    two = donors.load(n_donors=2, **SMALL)
    assert (two.X != five[: two.n_obs].X).nnz == 0
    assert two.obs["cell_type"].tolist() == five.obs["cell_type"][: two.n_obs].tolist()


def test_donors_differ_more_with_a_larger_effect(five):
    def spread(adata):
        parts = [relative(adata[(adata.obs["donor"] == name).to_numpy()]) for name in adata.obs["donor"].unique()]
        common = np.mean(parts, axis=0) > 1e-3
        return np.log(np.array(parts)[:, common]).std(axis=0).mean()

    none, large = (donors.load(n_donors=5, **SMALL, effect=effect) for effect in (0, 0.5))
    assert spread(none) < 0.6 * spread(five) < 0.6 * spread(large)


def test_counts_of_some_genes_are_overdispersed_within_a_type():
    """Beyond Poisson around the mean of the type in one donor, scaled by the depth of the cell: genes of programs."""
    many = donors.load(n_donors=2, cells_per_donor=800)
    part = many[((many.obs["donor"] == "donor000") & (many.obs["cell_type"] == "CD4 naive")).to_numpy()]
    counts, totals = part.X.toarray(), np.asarray(part.X.sum(axis=1))
    expected = totals * (counts.sum(axis=0) / totals.sum())
    chosen = expected.mean(axis=0) > 0.5
    ratio = ((counts - expected) ** 2).sum(axis=0)[chosen] / expected.sum(axis=0)[chosen]
    assert part.n_obs > 100
    assert 0.03 < (ratio > 1.3).mean() < 0.5
    assert ratio.max() > 2
