import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp
from anndata import AnnData
from skmisc.loess import loess

from portal_lib.errors import DataError
from portal_lib.preparation import variable_genes as module
from portal_lib.preparation.checks import scan
from portal_lib.preparation.normalise import as_csr
from portal_lib.preparation.reading.sources import open_source
from portal_lib.preparation.variable_genes import ClippedSums, Consensus, Moments, fit_trend, portal_genes


def look(counts):
    """The chunks of the counts, and the sums over them."""
    source = open_source(AnnData(counts))
    return list(source.rows.chunks()), scan(source)


def moments(counts):
    seen = look(counts)[1]
    return Moments.of(counts.shape[0], seen.total[0], seen.squares[0])


def scores(counts):
    """The scores by which genes are ranked, and the note."""
    chunks, seen = look(counts)
    sums = ClippedSums(seen)
    for rows in chunks:
        sums.add(rows, np.zeros(rows.shape[0], np.int32))
    note = sums.notes[0].removeprefix("batch 'all': ").removesuffix(".") if sums.notes else None
    return sums.scores()[0], note


def rank_genes(counts, n_top_genes):
    found, note = scores(counts)
    return module.rank_genes(found, n_top_genes), note


def scanpy_genes(counts, n_top_genes):
    return sc.pp.highly_variable_genes(
        AnnData(counts.copy()), flavor="seurat_v3", n_top_genes=n_top_genes, inplace=False
    )


def of_batch(adata, name):
    return as_csr(adata[adata.obs["tech"] == name].X)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["CEL-seq2_3cl", "10x_3cl"])
def test_scores_equal_scanpy_on_real_counts(real_counts, name):
    counts = of_batch(real_counts, name)
    ours, note = scores(counts)
    assert note is None
    np.testing.assert_allclose(ours, scanpy_genes(counts, 300)["variances_norm"], rtol=1e-9)


@pytest.mark.parametrize("n_top_genes", [100, 250])
def test_the_same_genes_in_the_same_order_as_scanpy_up_to_exact_ties(counts, n_top_genes):
    batch = of_batch(counts, "batch0")
    ours, note = rank_genes(batch, n_top_genes)
    score = scanpy_genes(batch, n_top_genes)["variances_norm"].to_numpy()
    assert note is None
    np.testing.assert_allclose(score[ours], np.sort(score)[::-1][:n_top_genes], rtol=1e-9)


def test_all_genes_are_ranked_if_there_are_fewer(counts):
    columns, _ = rank_genes(of_batch(counts, "batch0"), 4000)
    assert sorted(columns) == list(range(counts.n_vars))


def test_moments_are_those_of_numpy_and_constant_genes_have_no_variance():
    dense = np.random.default_rng(0).poisson(3, (30, 40)).astype(np.float32)
    dense[:, 5], dense[:, 6] = 0, 1e6
    stats = moments(as_csr(dense))
    np.testing.assert_allclose(stats.mean, dense.mean(axis=0, dtype=np.float64), rtol=1e-14)
    np.testing.assert_allclose(stats.variance, dense.astype(np.float64).var(axis=0, ddof=1), rtol=1e-12)
    assert (stats.variance[[5, 6]] == 0).all()


@pytest.mark.realdata
def test_the_order_of_cells_does_not_change_the_genes(real_counts):
    counts = of_batch(real_counts, "10x_3cl")
    shuffled = counts[np.random.default_rng(0).permutation(counts.shape[0])]
    stats, again = moments(counts), moments(shuffled)
    np.testing.assert_array_equal(stats.mean, again.mean)
    np.testing.assert_array_equal(stats.variance, again.variance)
    np.testing.assert_array_equal(rank_genes(counts, 300)[0], rank_genes(shuffled, 300)[0])


def test_exact_ties_keep_the_order_of_the_columns():
    dense = np.random.default_rng(0).poisson(2, (40, 60))
    columns, _ = rank_genes(as_csr(np.hstack([dense, dense[::-1], dense])), 180)
    place = np.argsort(columns).reshape(3, 60)
    assert (np.diff(place, axis=0) > 0).all()


def of_ranks(*ranked, n_genes=400):
    """Scores of genes whose first ones, in every batch, are the given ones in order; the others follow."""
    made = np.zeros((len(ranked), n_genes))
    for row, columns in zip(made, ranked, strict=True):
        row[columns] = 1000.0 - np.arange(len(columns))
    return made


def test_two_and_three_batches_share_their_genes_in_the_rank_order_of_the_first():
    first = np.random.default_rng(0).permutation(200)
    for others in [(range(50, 250),), (range(50, 250), range(60, 260))]:
        columns, rule, n_shared = portal_genes(of_ranks(first, *(list(other) for other in others)), 200)
        expected = [gene for gene in first if all(gene in other for other in others)]
        assert (columns.tolist(), rule, n_shared) == (expected, "intersection", len(expected))


def test_few_shared_genes_or_four_batches_give_the_genes_of_most_batches():
    batches = [list(range(start, start + 200)) for start in (0, 150, 10)]
    columns, rule, n_shared = portal_genes(of_ranks(*batches), 200)
    assert (rule, n_shared) == ("most batches", 50)
    # 150 to 199 are in all three; 10 to 149 in two, 200 to 209 in two.
    assert sorted(columns.tolist()) == list(range(10, 210))
    assert set(columns[:50].tolist()) == set(range(150, 200))
    columns, rule, n_shared = portal_genes(of_ranks(*[list(range(200))] * 4), 200)
    assert (columns.tolist(), rule, n_shared) == (list(range(200)), "most batches", 200)
    apart = of_ranks(*[list(range(start, start + 200)) for start in (0, 250, 500, 750)], n_genes=1000)
    columns, _, n_shared = portal_genes(apart, 200)
    # At least half of n_top_genes: in one batch each, by rank.
    assert (len(columns), n_shared) == (100, 0)
    assert set(columns.tolist()) == {start + place for start in (0, 250, 500, 750) for place in range(25)}


def test_the_consensus_orders_by_batches_and_then_by_the_median_rank():
    consensus = Consensus.of(of_ranks([0, 1, 2], [1, 3, 2], [3, 1, 0], n_genes=6), 3)
    assert consensus.n_batches.tolist() == [2, 3, 2, 2, 0, 0]
    np.testing.assert_array_equal(consensus.rank, [1.0, 1.0, 2.0, 0.5, np.nan, np.nan])
    assert consensus.best(5).tolist() == [1, 3, 0, 2, 4]


@pytest.mark.realdata
def test_the_published_fit_is_singular_on_twelve_real_cells(real_counts):
    """The case that makes scanpy fail."""
    stats = moments(of_batch(real_counts, "Drop-seq_3cl"))
    varies = stats.variance > 0
    model = loess(np.log10(stats.mean[varies]), np.log10(stats.variance[varies]), span=0.3, degree=2)
    with pytest.raises(ValueError, match=r"singular|condition number|svddc"):
        model.fit()
    with pytest.raises(ValueError, match=r"singular|condition number|svddc"):
        scanpy_genes(of_batch(real_counts, "Drop-seq_3cl"), 300)


@pytest.mark.realdata
def test_a_singular_fit_uses_a_wider_span_with_a_note(real_counts):
    counts = of_batch(real_counts, "Drop-seq_3cl")
    ours, note = scores(counts)
    assert note == "the loess fit of variance on mean is singular with span 0.3; used span 0.5"
    oracle = sc.pp.highly_variable_genes(
        AnnData(counts.copy()), flavor="seurat_v3", n_top_genes=300, span=0.5, inplace=False
    )
    np.testing.assert_allclose(ours, oracle["variances_norm"], rtol=1e-9)


def test_a_polynomial_is_fitted_if_every_span_is_singular():
    """Most genes share few means: even wide neighbourhoods have fewer than three."""
    x = np.concatenate([np.full(500, 0.1), np.full(500, 0.2), np.linspace(0.3, 0.32, 12)])
    y = x * 1.1
    sd, note = fit_trend(x, y)
    assert note.startswith("the loess fit of variance on mean is singular with span 0.3")
    np.testing.assert_allclose(sd**2, y, rtol=0.02)


@pytest.mark.parametrize("distinct", [1, 2, 3, 9])
def test_few_distinct_means_get_a_polynomial_of_lower_degree(distinct):
    mean = np.resize(np.linspace(0.1, 5, distinct), 50)
    sd, note = fit_trend(mean, 2 * mean)
    assert f"used a polynomial of degree {min(2, distinct - 1)} through all genes" in note
    np.testing.assert_allclose(sd**2, 2 * mean, rtol=1e-6)


def test_genes_without_variance_have_an_expected_sd_of_one(counts):
    stats = moments(of_batch(counts, "batch0"))
    stats.variance[:3] = 0
    sd, _ = fit_trend(stats.mean, stats.variance)
    assert (sd[:3] == 1).all()


@pytest.mark.parametrize("seed", range(5))
def test_shallow_batches_have_finite_scores(seed):
    rng = np.random.default_rng(seed)
    for _ in range(20):
        level = rng.gamma(0.3, 10 ** rng.uniform(-2, 1), rng.integers(12, 800))
        counts = as_csr(rng.poisson(level, (rng.integers(10, 30), len(level))))
        if (moments(counts).variance > 0).any():
            assert np.isfinite(scores(counts)[0]).all()


def test_a_batch_without_variable_genes_is_an_error():
    with pytest.raises(DataError, match="no gene varies"):
        rank_genes(sp.csr_matrix(np.ones((10, 5), dtype=np.float32)), 3)


def test_batches_with_the_same_fallback_are_one_note():
    """Every gene has one of three means in every batch, too few for loess."""
    counts = np.tile(np.diag(np.ones(6)), (60, 20))
    seen = scan(open_source(AnnData(counts)), pd.Categorical(np.repeat([f"d{i}" for i in range(12)], 30)))
    (note,) = ClippedSums(seen).notes
    assert note.startswith("batches 'd0', 'd1', 'd10' and 9 more: the variable genes have fewer than 10 distinct means")
