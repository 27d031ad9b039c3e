import ast
import inspect

import numpy as np
import pytest
from scipy import sparse

from portal_lib.datasets.integrate import toy_atlas

pytestmark = pytest.mark.slow  # makes the whole data set


@pytest.fixture(scope="module")
def atlas():
    return toy_atlas.load()


@pytest.fixture(scope="module")
def small():
    return toy_atlas.load(n_cells=1500, n_genes=600, seed=3)


def part(adata, batch, label=None):
    keep = adata.obs["batch"] == batch
    if label is not None:
        keep &= adata.obs["cell_type"] == label
    return adata[keep.to_numpy()]


def same(one, other):
    return one.shape == other.shape and all(
        np.array_equal(getattr(one, field), getattr(other, field)) for field in ("data", "indices", "indptr")
    )


def relative(adata):
    """Mean share of each gene in the counts of a cell."""
    totals = np.asarray(adata.X.sum(axis=1))
    return np.asarray(adata.X.multiply(1 / totals).mean(axis=0)).ravel()


def test_the_facts_are_a_literal_dict_that_agrees_with_load():
    source = ast.parse(inspect.getsource(toy_atlas))
    (literal,) = (
        node.value for node in source.body if isinstance(node, ast.Assign) and node.targets[0].id == "DATASET"
    )
    assert ast.literal_eval(literal) == toy_atlas.DATASET
    stated = {name: facts["default"] for name, facts in toy_atlas.DATASET["params"].items()}
    parameters = inspect.signature(toy_atlas.load).parameters
    assert stated == {name: parameter.default for name, parameter in parameters.items() if name != "folder"}


def test_counts_are_raw_and_names_unique(atlas):
    assert sparse.issparse(atlas.X)
    assert atlas.X.format == "csr"
    assert atlas.X.dtype == np.float32
    assert atlas.shape == (3000, 12000)
    assert np.all(atlas.X.data > 0)
    assert np.all(atlas.X.data % 1 == 0)
    assert atlas.obs_names.is_unique
    assert atlas.var_names.is_unique


def test_cells_are_grouped_by_atlas_and_three_in_five_are_droplets(atlas):
    batch = atlas.obs["batch"]
    assert list(batch.cat.categories) == ["droplet", "plate"]
    assert np.array_equal(batch.cat.codes, np.repeat([0, 1], [1800, 1200]))
    assert not atlas.obs.isna().any(axis=None)


def test_numbers_of_cells_per_type_are_exact(atlas):
    for column, batch in enumerate(["droplet", "plate"], start=1):
        weights = {name: shares[column] for name, shares in toy_atlas.CELL_TYPES.items()}
        found = part(atlas, batch).obs["cell_type"].value_counts()
        n_cells = found.sum()
        for name, weight in weights.items():
            assert abs(found.get(name, 0) - n_cells * weight / sum(weights.values())) < 1


def test_compositions_differ_and_each_atlas_has_a_private_type(atlas):
    table = atlas.obs.groupby(["cell_type", "batch"], observed=False).size().unstack()
    assert list(table.index[table["plate"] == 0]) == ["lymphoid D"]
    assert list(table.index[table["droplet"] == 0]) == ["neural"]
    shares = table / table.sum()
    assert shares["droplet"].max() > 2 * shares["plate"][shares["droplet"].idxmax()]


def test_rare_types_are_rare_but_not_vanishing(atlas):
    numbers = atlas.obs["cell_type"].value_counts()
    assert all(40 <= numbers[name] <= 60 for name in toy_atlas.RARE_TYPES)
    assert all(numbers[name] > 60 or name == "neural" for name in numbers.index if name not in toy_atlas.RARE_TYPES)


def test_types_belong_to_one_lineage_each(atlas):
    assert (atlas.obs.groupby("cell_type", observed=True)["lineage"].nunique() == 1).all()
    assert len(atlas.obs["lineage"].cat.categories) == 6


def test_droplets_are_shallow_and_plates_deep(atlas):
    droplet, plate = (np.median(np.asarray(part(atlas, batch).X.sum(axis=1))) for batch in ("droplet", "plate"))
    assert 1000 < droplet < 2000
    assert 3 < plate / droplet < 8


def test_counts_are_overdispersed(atlas):
    """Within one type and technology, the variance is larger than the mean, more so for plates."""
    excess = {}
    for batch in ("droplet", "plate"):
        counts = part(atlas, batch, "epithelial A").X.toarray()
        mean, variance = counts.mean(axis=0), counts.var(axis=0, ddof=1)
        well = mean > 1
        assert well.sum() > 100
        assert np.mean(variance[well] > mean[well]) > 0.95
        excess[batch] = np.median((variance[well] - mean[well]) / mean[well] ** 2)
    assert excess["plate"] > excess["droplet"] > 0.2


def test_dropout_exceeds_what_depth_explains(atlas):
    """A gene of equal mean count is missing in more cells of the plates."""
    missing = {}
    for batch in ("droplet", "plate"):
        counts = part(atlas, batch, "epithelial A").X.toarray()
        middle = (counts.mean(axis=0) > 1) & (counts.mean(axis=0) < 2)
        missing[batch] = np.mean(counts[:, middle] == 0)
    assert missing["plate"] > missing["droplet"] + 0.1


def test_each_gene_has_its_own_scale_in_each_technology(atlas):
    """The same type differs between technologies more than between the halves of one atlas."""
    droplet, plate = part(atlas, "droplet", "epithelial A"), part(atlas, "plate", "epithelial A")
    halves = relative(plate[::2]), relative(plate[1::2])
    well = np.asarray(plate.X.mean(axis=0)).ravel() > 2
    within = np.std(np.log(halves[0][well] / halves[1][well]))
    between = np.std(np.log((relative(droplet)[well] + 1e-6) / relative(plate)[well]))
    assert between > 0.3
    assert between > 1.5 * within


def test_shared_types_resemble_each_other_across_technologies(atlas):
    """A shared type of one atlas correlates best with itself in the other, so that there is something to find."""
    shared = [name for name, (_, *weights) in toy_atlas.CELL_TYPES.items() if min(weights) > 2]
    profiles = {
        batch: np.log1p(1e4 * np.array([relative(part(atlas, batch, name)) for name in shared]))
        for batch in ("droplet", "plate")
    }
    centred = [profile - profile.mean(axis=0) for profile in profiles.values()]
    correlation = np.corrcoef(*centred)[: len(shared), len(shared) :]
    assert np.array_equal(correlation.argmax(axis=1), np.arange(len(shared)))


def purity(scores, labels, k=10):
    """Share of the k nearest neighbours that have the label of the cell, by label."""
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=k + 1).fit(scores).kneighbors(scores, return_distance=False)[:, 1:]
    share = (labels[near] == labels[:, None]).mean(axis=1)
    return {name: share[labels == name].mean() for name in np.unique(labels)}


def principal_components(adata):
    from sklearn.decomposition import PCA

    totals = np.asarray(adata.X.sum(axis=1))
    return PCA(30, random_state=0).fit_transform(np.log1p(1e4 * adata.X.toarray() / totals))


@pytest.mark.parametrize("batch", ["droplet", "plate"])
def test_types_are_separable_and_rare_types_barely(atlas, batch):
    adata = part(atlas, batch)
    found = purity(principal_components(adata), adata.obs["cell_type"].astype(str).to_numpy())
    rare = [found.pop(name) for name in toy_atlas.RARE_TYPES]
    chance = np.mean([(adata.obs["cell_type"] == name).mean() for name in toy_atlas.RARE_TYPES])
    assert np.mean(list(found.values())) > 0.85
    assert 10 * chance < np.mean(rare) < np.mean(list(found.values())) - 0.1


def test_technologies_are_separated_without_integration(atlas):
    found = purity(principal_components(atlas), atlas.obs["batch"].astype(str).to_numpy())
    assert min(found.values()) > 0.95


def test_the_seed_determines_the_bytes(small):
    again = toy_atlas.load("anywhere", n_cells=1500, n_genes=600, seed=3)
    assert same(small.X, again.X)
    assert small.obs.equals(again.obs)
    assert not same(small.X, toy_atlas.load(n_cells=1500, n_genes=600, seed=4).X)


def test_chunks_are_bounded_and_concatenate_to_the_whole(small):
    chunks = list(toy_atlas.generate_chunks(1500, 600, 3))
    assert [counts.shape[0] for counts, *_ in chunks] == [512, 388, 512, 88]
    assert [batch for _, batch, _ in chunks] == ["droplet", "droplet", "plate", "plate"]
    assert same(sparse.vstack([counts for counts, *_ in chunks], format="csr"), small.X)
    assert np.array_equal(np.concatenate([labels for *_, labels in chunks]), small.obs["cell_type"])


def test_a_chunk_does_not_depend_on_earlier_chunks(small):
    """Each chunk has its own random stream."""
    tissue = toy_atlas._make_tissue(600, 3)
    labels = small.obs["cell_type"].to_numpy()[512:900]
    alone = toy_atlas._draw_counts(tissue, "droplet", labels, toy_atlas._stream(3, "cells", "droplet", 1))
    assert same(alone, small.X[512:900])


def test_chunks_differ_from_each_other():
    first, second, *_ = toy_atlas.generate_chunks(2000, 600, 0)
    assert not same(first[0], second[0])


def test_the_smallest_allowed_size_works():
    least = {name: facts["minimum"] for name, facts in toy_atlas.DATASET["params"].items()}
    adata = toy_atlas.load(**least)
    assert adata.shape == (200, 500)
    assert adata.obs["batch"].value_counts().to_dict() == {"droplet": 120, "plate": 80}


def test_the_first_chunk_of_a_million_cells_is_available_immediately():
    counts, batch, labels = next(toy_atlas.generate_chunks(1_000_000, 500, 0))
    assert counts.shape == (toy_atlas.CHUNK, 500)
    assert batch == "droplet"
    assert len(labels) == toy_atlas.CHUNK


@pytest.mark.parametrize("threads", [1, 3])
def test_load_chunks_gives_the_data_of_load(small, threads):
    obs, var, chunks = toy_atlas.load_chunks(None, threads, n_cells=1500, n_genes=600, seed=3)
    assert same(sparse.vstack(list(chunks), format="csr"), small.X)
    assert obs.equals(small.obs)
    assert var.equals(small.var)


def test_only_a_few_chunks_are_computed_ahead():
    made = []

    def draw(piece):
        made.append(piece)
        return piece

    drawn = toy_atlas._in_order(draw, iter(range(100)), threads=2)
    assert [next(drawn) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(made) <= 8


def test_depth_scales_the_counts_and_one_changes_nothing(small):
    half = toy_atlas.load(n_cells=1500, n_genes=600, seed=3, depth=0.5)
    assert 0.3 < half.X.sum() / small.X.sum() < 0.5
    assert same(toy_atlas.load(n_cells=1500, n_genes=600, seed=3, depth=1.0).X, small.X)


def test_the_bytes_of_a_seed_never_change():
    """Sums from a version that drew cells one by one, without skipping rates of zero."""
    adata = toy_atlas.load(n_cells=600, n_genes=500, seed=7)
    found = (adata.X.nnz, adata.X.sum(), int(adata.X.indices[::97].sum()), adata.X.data[::31].sum())
    assert found == (197838, 3262202.0, 502926, 108739.0)
