"""Cells as input of Portal: joint principal components, computed or given, and the batch of each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import scipy.sparse as sp

# Its functions import their modules when they are used, so that given components need no compiler.
from portal_lib import preparation
from portal_lib._text import some, suggest
from portal_lib.errors import ConfigError, DataError
from portal_lib.preparation.columns import as_categorical, batch_problems, known_batch_problems, raise_problems
from portal_lib.preparation.prepared import Prepared
from portal_lib.preparation.reading.values import texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anndata import AnnData

    from portal_lib.preparation.recipe import GeneSpace

CHUNK = 65_536


@dataclass(frozen=True)
class Cells:
    """Components and batches of cells.

    Parameters
    ----------
    scores
        Components, shape (n_cells, n_pcs), rows in the order of the data.
    codes
        Batch number of each cell, shape (n_cells,).
    batches
        Names of the batches; the first is the reference.
    genes
        Projection of counts onto the components; None if components were given.
    notes
        Notes of the preparation.
    """

    scores: np.ndarray
    codes: np.ndarray
    batches: tuple[str, ...]
    genes: GeneSpace | None = None
    notes: tuple[str, ...] = ()


def batch_names(obs: pd.DataFrame, batch_key: str, batches: Sequence[str] | None = None) -> list[str] | None:
    """Names of the batches in order, or None if :func:`read_cells` will reject the column.

    Parameters
    ----------
    obs, batch_key
        Table of the cells, and its batch key, of any type.
    batches
        Names in order. Default: the order of an ordered categorical, else of first appearance. The order of other
        categoricals is ignored, since writing them to a file sorts the names.
    """
    if list(batch_problems(obs, batch_key, batches)):
        return None
    if batches is not None:
        return texts_of(batches)
    column = obs[batch_key]
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        return texts_of(column.cat.remove_unused_categories().cat.categories)
    return list(as_categorical(column).categories)


def read_cells(
    adata: AnnData,
    *,
    batch_key: str,
    batches: Sequence[str] | None = None,
    layer: str | None = None,
    use_rep: str | None = None,
    n_pcs: int = 30,
    n_top_genes: int = 4000,
    progress: bool | None = False,
    data_name: str = "the data",
) -> Cells:
    """Cells to train on.

    Parameters
    ----------
    adata
        Not changed.
    batch_key
        Column of obs.
    batches
        Names of all batches in order; default as in :func:`batch_names`.
    layer
        Where the counts are: None for X, the name of a layer, or ``"raw"`` for `raw` with its genes.
    use_rep
        Key of obsm with joint components, whose leading `n_pcs` columns are used instead of counts.
    n_pcs, n_top_genes, progress
        As in :func:`portal_lib.preparation.prepare`.
    data_name
        Name of the data in messages.

    Raises
    ------
    DataError
        The data cannot be used; the message lists all problems.
    ConfigError
        An argument has the wrong type, or both `layer` and `use_rep` are given.
    """
    check_request(adata, batch_key, batches, layer, use_rep)
    names = batch_names(adata.obs, batch_key, batches)
    if use_rep is not None:
        problems = [*component_problems(adata, use_rep, n_pcs), *batch_problems(adata.obs, batch_key, batches)]
        raise_problems(data_name, problems)
        codes = as_categorical(adata.obs[batch_key], names).codes
        return Cells(_leading(adata, use_rep, n_pcs), codes, tuple(names or ()))
    made = preparation.prepare(
        adata,
        batch_key=batch_key,
        layer=layer,
        batches=names or batches,
        n_top_genes=n_top_genes,
        n_pcs=n_pcs,
        n_pcs_unintegrated=None,
        counts=False,
        progress=progress,
        data_name=data_name,
    )
    # Without `out`, that is what it returns.
    prepared = cast("AnnData", made)
    codes, notes = prepared.obs["batch"].cat.codes.to_numpy(), prepared.uns["preparation"]["notes"]
    return Cells(prepared.obsm["X_pca"], codes, tuple(names or ()), preparation.GeneSpace.of(prepared), tuple(notes))


def read_new_cells(
    adata: AnnData,
    *,
    batch_key: str,
    batches: tuple[str, ...],
    source: GeneSpace | int,
    layer: str | None = None,
    use_rep: str | None = None,
    data_name: str = "the data",
) -> Cells:
    """Cells of known batches, projected onto principal components of other cells.

    Parameters are those of :func:`read_cells`, except:

    batches
        Names of all known batches in order; not all need to occur.
    source
        Projection of counts onto the components, or how many leading columns of ``obsm[use_rep]`` to use.

    Raises
    ------
    DataError
        The data cannot be used; the message lists all problems.
    ConfigError
        An argument has the wrong type.
    """
    check_request(adata, batch_key, batches, layer, use_rep)
    if not isinstance(source, int):
        preparation.check_new_cells(
            adata, batch_key=batch_key, batches=batches, genes=source.genes, layer=layer, data_name=data_name
        )
        codes = _codes(adata, batch_key, batches)
        with preparation.open_source(adata, layer=layer) as counts:
            assert counts.rows is not None, "check_new_cells refuses what is not a matrix of numbers"
            return Cells(source.scores(counts.rows, counts.genes, codes), codes, batches, source)
    if use_rep is None:
        raise ConfigError("use_rep is missing: the known cells are components, so those of the new cells are needed.")
    problems = [*component_problems(adata, use_rep, source, varying=False)]
    raise_problems(data_name, [*problems, *known_batch_problems(adata.obs, batch_key, batches)])
    return Cells(_leading(adata, use_rep, source), _codes(adata, batch_key, batches), batches)


def check_request(
    adata: object, batch_key: object, batches: object = None, layer: str | None = None, use_rep: str | None = None
) -> None:
    """Check the types of arguments: DataError for the data, ConfigError for the others."""
    from anndata import AnnData

    if not isinstance(adata, AnnData) and not (use_rep is not None and isinstance(adata, Prepared)):
        raise DataError(f"adata is a {type(adata).__name__}; an AnnData, cells × genes, is needed.")
    if not isinstance(batch_key, str):
        raise ConfigError(f"batch_key is {batch_key!r}; it must be the name of a column of obs.")
    if isinstance(batches, str):
        raise ConfigError(f"batches is the text {batches!r}; it must be a list of names.")
    if layer is not None and use_rep is not None:
        raise ConfigError(f"layer {layer!r} and use_rep {use_rep!r} are both given: counts or components, not both.")


def component_problems(adata: AnnData, use_rep: str, n_components: int, *, varying: bool = True) -> Iterator[str]:
    """Problems of ``obsm[use_rep]``.

    Parameters
    ----------
    adata
        Cells are rows; not changed.
    use_rep
        Key of obsm: coordinates such as PCA scores, dense, shape (n_cells, at least `n_components`).
    n_components
        Number of leading columns that are used.
    varying
        Whether each of them must differ between cells.

    Yields
    ------
    The first of these that holds, as one line: there are no cells; the key is missing; the entry is not a dense matrix
    of numbers; it has too few columns; some values of the leading columns are NaN or infinite; some are constant.
    """
    if adata.n_obs == 0:
        yield f"it has no cells (shape {adata.n_obs} × {adata.n_vars}, cells × genes)."
        return
    if use_rep not in adata.obsm:
        found = some(sorted(adata.obsm), 20) or "nothing"
        hint = suggest(use_rep, adata.obsm)
        yield f"obsm has no '{use_rep}'{hint} Found: {found}. Set use_rep, or leave it for counts."
        return
    matrix = _as_matrix(adata.obsm[use_rep])
    place = f"obsm['{use_rep}']"
    if not isinstance(matrix, np.ndarray) or matrix.dtype.kind not in "biuf" or matrix.ndim != 2:
        kind = type(matrix).__name__ if not isinstance(matrix, np.ndarray) else f"of {matrix.dtype}, {matrix.ndim}-d"
        yield f"{place} is {kind}. A dense matrix of numbers, cells × components, is needed."
    elif matrix.shape[1] < n_components:
        yield f"{place} has {matrix.shape[1]} components; n_pcs is {n_components}. Lower n_pcs."
    elif not isinstance(adata, Prepared):
        # Values of prepared data were checked when they were written, and are read from disk only as training needs.
        yield from _value_problems(matrix[:, :n_components], place, adata.obs_names, varying)


def _codes(adata: AnnData, batch_key: str, batches: tuple[str, ...]) -> np.ndarray:
    return pd.Index(batches).get_indexer(adata.obs[batch_key].astype(str))


def _leading(adata: AnnData, use_rep: str, n_components: int) -> np.ndarray:
    """Leading columns of ``obsm[use_rep]``, not copied."""
    return _as_matrix(adata.obsm[use_rep])[:, :n_components]


def _as_matrix(value: Any) -> Any:
    """The values of a table as an array; anything else unchanged. Memory maps stay on disk."""
    if hasattr(value, "to_numpy"):
        return value.to_numpy()
    return value if sp.issparse(value) else np.asarray(value)


def _value_problems(matrix: np.ndarray, place: str, names, varying: bool) -> Iterator[str]:
    """Values that are not finite as float32, else constant columns; read in chunks of rows."""
    n_bad, cells, low, high = 0, [], np.inf, -np.inf
    for start in range(0, len(matrix), CHUNK):
        with np.errstate(over="ignore"):
            part = np.asarray(matrix[start : start + CHUNK], np.float32)
        bad = ~np.isfinite(part)
        n_bad += int(bad.sum())
        cells.extend(names[start + np.flatnonzero(bad.any(axis=1))])
        low, high = np.minimum(low, part.min(axis=0)), np.maximum(high, part.max(axis=0))
    if n_bad:
        listed = some(map(repr, cells))
        yield f"{place} contains {n_bad:,} values of {matrix.size:,} that are NaN or infinite, in cells {listed}."
    elif varying and (constant := np.flatnonzero(low == high)).size:
        yield f"{place}: columns {some(constant)} (from 0) are the same in all cells. Leave them out of the components."
