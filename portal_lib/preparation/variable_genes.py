"""Highly variable genes by the `seurat_v3` score, per batch, and the genes that all batches share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portal_lib.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import scipy.sparse as sp

    from portal_lib.preparation.checks import Scan

MIN_SHARED = 100
FEW_SHARED = 500
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


def variable_genes(seen: Scan, chunks: Iterable[sp.csr_matrix], n_top_genes: int) -> tuple[list[np.ndarray], list[str]]:
    """The most variable genes of every batch, most variable first.

    Parameters
    ----------
    seen
        Sums of the counts per batch.
    chunks
        All counts, for a second pass.
    n_top_genes
        Genes per batch; if there are fewer, all genes are returned, ranked.

    Returns
    -------
    columns
        One array for each batch, shape (min(n_top_genes, n_genes),).
    notes
        The fallback that was used where the published fit failed.

    Raises
    ------
    DataError
        No gene varies in some batch.
    """
    from portal_lib.preparation.kernels import add_clipped

    names, code = seen.batch.categories, seen.batch.codes.astype(np.int32)
    of_batch = [Moments.of(*parts) for parts in zip(np.bincount(code), seen.total, seen.squares, strict=True)]
    fits = []
    for name, stats in zip(names, of_batch, strict=True):
        if not (stats.variance > 0).any():
            raise DataError(f"batch '{name}': no gene varies. Remove the batch or give it counts.")
        fits.append(fit_trend(stats.mean, stats.variance))
    limit = np.array([clipping_limit(stats, sd) for stats, (sd, _) in zip(of_batch, fits, strict=True)])
    (total, squares), n_over, start = np.zeros((2, *limit.shape)), np.zeros(limit.shape, np.int64), 0
    for rows in chunks:
        here = slice(start, start + rows.shape[0])
        values, start = rows.data.astype(np.float32, copy=False), here.stop
        add_clipped(rows.indptr, rows.indices, values, code[here], limit, total, squares, n_over)
    columns = [
        rank_genes(standardised_variance(stats, sd, *sums), n_top_genes)
        for stats, (sd, _), *sums in zip(of_batch, fits, total, squares, n_over, strict=True)
    ]
    return columns, [f"batch '{name}': {note}." for name, (_, note) in zip(names, fits, strict=True) if note]


def share_genes(ranked: Sequence[np.ndarray]) -> np.ndarray:
    """Columns that occur in every ranked list, in the rank order of the first."""
    common = set.intersection(*(set(columns.tolist()) for columns in ranked))
    return np.array([column for column in ranked[0].tolist() if column in common], dtype=np.intp)
