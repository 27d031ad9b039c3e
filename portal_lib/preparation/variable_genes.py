"""Highly variable genes by the `seurat_v3` score, of every batch; Portal's genes, and those of other methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portal_lib._text import some
from portal_lib.errors import DataError

if TYPE_CHECKING:
    import scipy.sparse as sp

    from portal_lib.preparation.checks import Scan

# Data with fewer genes are refused.
MIN_GENES = 100
# With more batches Portal's genes are not the intersection.
MOST_INTERSECTED = 3
SPAN = 0.3
WIDER_SPANS = (0.5, 0.7, 1.0)
# With fewer distinct means loess cannot fit; with one or two points it ends in a segmentation fault.
LOESS_MIN_DISTINCT = 10


class Moments(NamedTuple):
    """Number of cells, and mean and variance (ddof 1) of the counts of each gene."""

    n_cells: int
    mean: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(cls, n_cells: int, total: np.ndarray, squares: np.ndarray) -> Moments:
        """Moments from sums over cells. Sums of whole numbers are exact, so the order of cells does not matter."""
        variance = (n_cells * squares - total**2) / (n_cells * (n_cells - 1.0))
        return cls(n_cells, total / n_cells, np.maximum(variance, 0.0))


def _loess(x: np.ndarray, y: np.ndarray, span: float) -> np.ndarray | None:
    """Local quadratic fit of y on x at x; None if the fit is singular."""
    from skmisc.loess import loess

    model = loess(x, y, span=span, degree=2)
    try:
        model.fit()
    except ValueError:
        return None
    fitted = np.asarray(model.outputs.fitted_values)
    return fitted if np.isfinite(fitted).all() else None


def _polynomial(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
    """Least-squares polynomial of y on x at x, of degree 2 or as the distinct x allow; and its degree."""
    degree = min(2, len(np.unique(x)) - 1)
    centred = x - x.mean()
    return np.polynomial.Polynomial.fit(centred, y, degree)(centred) if degree else np.full_like(y, y.mean()), degree


def fit_trend(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, str | None]:
    """Expected variance of counts given the mean, over the genes of one batch.

    Parameters
    ----------
    mean, variance
        Of the counts per gene, shape (n_genes,).

    Returns
    -------
    sd
        Square root of the expected variance, counts, shape (n_genes,); 1 where the variance is 0.
    note
        The fallback that was used if the published fit failed, else None.

    Notes
    -----
    Loess (span 0.3, degree 2) of log₁₀ variance on log₁₀ mean, as Seurat v3 and scanpy. In a small or shallow batch,
    many genes share one mean (one count in one cell), and a neighbourhood of 30 % of the genes may contain fewer than
    three distinct means. The local quadratic fit is then singular ("near singularities", "reciprocal condition number",
    "svddc failed"), and scanpy fails. We widen the span to 0.5, 0.7 and 1.0, and finally fit one polynomial to all
    genes. No noise is added, so the result depends on the counts alone.
    """
    varies = variance > 0
    x, y = np.log10(mean[varies]), np.log10(variance[varies])
    fitted, note = _fit(x, y)
    log_variance = np.zeros(len(mean))
    log_variance[varies] = fitted
    return np.sqrt(10**log_variance), note


def _fit(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, str | None]:
    """The first fit that works of loess, loess with wider spans, and a polynomial; and a note if not the first."""
    failed = f"the loess fit of variance on mean is singular with span {SPAN}"
    if len(np.unique(x)) >= LOESS_MIN_DISTINCT:
        for span in (SPAN, *WIDER_SPANS):
            if (fitted := _loess(x, y, span)) is not None:
                return fitted, None if span == SPAN else f"{failed}; used span {span}"
        failed = f"{failed} to {WIDER_SPANS[-1]}"
    else:
        failed = f"the variable genes have fewer than {LOESS_MIN_DISTINCT} distinct means, too few for loess"
    fitted, degree = _polynomial(x, y)
    return fitted, f"{failed}; used a polynomial of degree {degree} through all genes"


def clipping_limit(stats: Moments, sd: np.ndarray) -> np.ndarray:
    """Limit at which counts are clipped, shape (n_genes,): mean + sd·√N."""
    return stats.mean + sd * np.sqrt(stats.n_cells)


def standardised_variance(
    stats: Moments, sd: np.ndarray, total: np.ndarray, squares: np.ndarray, n_over: np.ndarray
) -> np.ndarray:
    """Variance of clipped counts in units of the expected variance, shape (n_genes,).

    Parameters
    ----------
    stats
        Moments of the counts before clipping.
    sd
        Square root of the expected variance (:func:`fit_trend`), shape (n_genes,).
    total, squares
        Sums over cells of the counts up to :func:`clipping_limit`, and of their squares, shape (n_genes,).
    n_over
        Number of cells above the limit, shape (n_genes,).

    Notes
    -----
    [N m² + Σx̃² − 2 m Σx̃] / [(N − 1) sd²] with the clipped counts x̃; equals `variances_norm` of scanpy. Clipped counts
    are counted, not summed, so the order of cells does not matter.
    """
    n, mean, _ = stats
    limit = clipping_limit(stats, sd)
    total, squares = total + n_over * limit, squares + n_over * limit**2
    return (n * mean**2 + squares - 2 * mean * total) / ((n - 1) * sd**2)


def rank_genes(score: np.ndarray, n_top_genes: int) -> np.ndarray:
    """Columns of the genes with the highest scores, highest first, shape (min(n_top_genes, n_genes),).

    Notes
    -----
    Departs from scanpy in the order of exact ties, which are common (genes with one count in one cell): ours keep the
    order of the columns, while in scanpy the order depends on the sorting code of the machine.
    """
    return np.argsort(-score, kind="stable")[:n_top_genes]


class ClippedSums:
    """Sums over the counts of each batch, clipped at the limit of each gene: what `seurat_v3` scores genes by.

    Parameters
    ----------
    seen
        Sums of the unclipped counts per batch.

    Attributes
    ----------
    notes
        The fallback that was used where the published fit failed, one note for all batches with the same one.

    Raises
    ------
    DataError
        No gene varies in some batch.
    """

    def __init__(self, seen: Scan):
        names, code = seen.batch.categories, seen.batch.codes
        counted = zip(np.bincount(code), seen.total, seen.squares, strict=True)
        self._moments = [Moments.of(*parts) for parts in counted]
        self._sd = []
        failed: dict[str, list[str]] = {}
        for name, stats in zip(names, self._moments, strict=True):
            if not (stats.variance > 0).any():
                raise DataError(f"batch '{name}': no gene varies. Remove the batch or give it counts.")
            sd, note = fit_trend(stats.mean, stats.variance)
            self._sd.append(sd)
            if note:
                failed.setdefault(note, []).append(repr(str(name)))
        self.notes = [f"batch{'es' * (len(of) > 1)} {some(of, 3)}: {note}." for note, of in failed.items()]
        self._limit = np.array([clipping_limit(*parts) for parts in zip(self._moments, self._sd, strict=True)])
        (self._total, self._squares), self._n_over = np.zeros((2, *self._limit.shape)), np.zeros(self._limit.shape, int)

    def add(self, rows: sp.csr_matrix, code: np.ndarray) -> None:
        """Add cells; `code` is the batch number of each."""
        from portal_lib.preparation.kernels import add_clipped

        values = rows.data.astype(np.float32, copy=False)
        sums = (self._total, self._squares, self._n_over)
        add_clipped(rows.indptr, rows.indices, values, code, self._limit, *sums)

    def scores(self) -> np.ndarray:
        """Standardised variance of every gene in every batch, shape (n_batches, n_genes)."""
        parts = zip(self._moments, self._sd, self._total, self._squares, self._n_over, strict=True)
        return np.array([standardised_variance(*one) for one in parts])


class Consensus(NamedTuple):
    """Number of batches in which a gene is variable, and the median of its ranks there (NaN in none); (n_genes,)."""

    n_batches: np.ndarray
    rank: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, n_top_genes: int) -> Consensus:
        """The consensus of scores (n_batches, n_genes); the first `n_top_genes` of a batch are variable in it."""
        ranks = np.full(scores.shape, np.nan, np.float32)
        for row, score in zip(ranks, scores, strict=True):
            columns = rank_genes(score, n_top_genes)
            row[columns] = np.arange(len(columns))
        n_batches, median = (~np.isnan(ranks)).sum(axis=0), np.full(scores.shape[1], np.nan, np.float32)
        median[n_batches > 0] = np.nanmedian(ranks[:, n_batches > 0], axis=0)
        return cls(n_batches, median)

    def best(self, n: int) -> np.ndarray:
        """Columns of the `n` genes that vary in most batches, then of lowest median rank, best first.

        Notes
        -----
        The order of ``scanpy.pp.highly_variable_genes(flavor="seurat_v3_paper", batch_key=...)``, which is that of
        ``SelectIntegrationFeatures`` of Seurat; exact ties keep the order of the columns.
        """
        return np.lexsort((self.rank, -self.n_batches))[:n]


def portal_genes(scores: np.ndarray, n_top_genes: int) -> tuple[np.ndarray, str, int]:
    """The genes that Portal is trained on.

    Parameters
    ----------
    scores
        Of every gene in every batch (:meth:`ClippedSums.scores`), shape (n_batches, n_genes).
    n_top_genes
        Variable genes of each batch.

    Returns
    -------
    columns
        For two or three batches those that are variable in all, in the rank order of the first, as published. For more
        batches, or where fewer than an eighth of `n_top_genes` are shared, those that are variable in more than half of
        the batches, and at least the best half of `n_top_genes` (:meth:`Consensus.best`). By default that is fewer than
        500, and at least 2,000; neither number is below 100.
    rule
        ``"intersection"`` or ``"most batches"``.
    n_shared
        Number of genes that are variable in all batches.
    """
    consensus = Consensus.of(scores, n_top_genes)
    shared = consensus.n_batches == len(scores)
    n_shared = int(shared.sum())
    enough, least = (max(MIN_GENES, n_top_genes // part) for part in (8, 2))
    if len(scores) <= MOST_INTERSECTED and n_shared >= min(enough, scores.shape[1]):
        ranked = rank_genes(scores[0], n_top_genes)
        return ranked[shared[ranked]], "intersection", n_shared
    n_most = int((consensus.n_batches > len(scores) / 2).sum())
    return consensus.best(max(n_most, least)), "most batches", n_shared
