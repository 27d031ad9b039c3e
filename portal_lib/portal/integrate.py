"""Portal in one call: annotated data in, an embedding beside them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from portal_lib.errors import ConfigError, DataError
from portal_lib.portal.model import PortalModel

if TYPE_CHECKING:
    from anndata import AnnData

RESULT_KEY, RECORD_KEY = "X_portal", "portal"


def integrate(
    adata: AnnData,
    *,
    batch_key: str,
    use_rep: str | None = None,
    layer: str | None = None,
    batches: Sequence[str] | None = None,
    lambda_cos: float | Sequence[float] | str = 20.0,
    lambda_grid: Sequence[float] | None = None,
    training_steps: int | None = None,
    batch_size: int = 500,
    n_latent: int = 20,
    n_pcs: int = 30,
    n_top_genes: int = 4000,
    margin: float = 5.0,
    lambda_ae: float = 10.0,
    lambda_la: float = 10.0,
    learning_rate: float = 0.001,
    space: str | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    key_added: str = "X_portal",
    checkpoints: str | Path | None = None,
    progress: bool | None = None,
) -> None:
    """Bring the batches of one object into one space, by Portal.

    Parameters
    ----------
    adata
        Cells × genes, raw counts in X; or see `layer` and `use_rep`. Two keys are written, nothing else changes.
    batch_key
        Column of obs that tells the batches apart, of any type.
    use_rep
        Key of obsm with joint components of all batches (``"X_pca"``): the leading `n_pcs` are used instead of counts.
    layer
        Where the counts are: None for X, the name of a layer, or ``"raw"`` for `raw` with its genes.
    batches
        Names of all batches in order; the first is the reference, the others are brought in one by one. Default: order
        of first appearance, or that of an ordered categorical.
    lambda_cos, lambda_grid, training_steps, batch_size, n_latent, n_pcs, n_top_genes, margin, lambda_ae, lambda_la,
    learning_rate, space, seed, device, precision
        As in :class:`portal_lib.PortalModel`.
    key_added
        Key of obsm for the result; one of this name is replaced. With another than ``"X_portal"`` the record lies under
        this name in uns, so that two results can stand beside each other.
    checkpoints, progress
        As in :meth:`portal_lib.PortalModel.fit`.

    Returns
    -------
    Nothing. ``obsm[key_added]`` gets the result, shape (n_cells, n_dims), rows in the order of `adata`: latent
    coordinates for two batches, the components of the first batch for more (see `space`). ``uns["portal"]`` gets
    parameters, batches in order, steps, the losses (``history``), what a search tried (``trials``), notes, versions.

    Raises
    ------
    DataError
        The data cannot be used; the message lists every problem that is found before training.
    ConfigError
        A parameter is out of range or does not fit the data, or the device or a package is not there.
    DivergedError
        A loss is no longer finite.
    DeviceMemoryError
        The memory of the GPU is not enough.

    Notes
    -----
    On any error `adata` is as it was. For new cells, translation and expression use :class:`portal_lib.PortalModel`,
    of which this is one call. Where other programs compute beside it, set OMP_WAIT_POLICY=PASSIVE in the environment
    before Python starts, as the command line does: threads that wait then sleep, and training is several times as fast.

    References
    ----------
    Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022), doi 10.1038/s43588-022-00251-y.

    Examples
    --------
    >>> portal_lib.integrate(adata, batch_key="donor")
    >>> portal_lib.integrate(adata, batch_key="donor", use_rep="X_pca", lambda_cos=30, seed=1)
    """
    model = PortalModel(
        lambda_cos=lambda_cos,
        lambda_grid=lambda_grid,
        training_steps=training_steps,
        batch_size=batch_size,
        n_latent=n_latent,
        n_pcs=n_pcs,
        n_top_genes=n_top_genes,
        margin=margin,
        lambda_ae=lambda_ae,
        lambda_la=lambda_la,
        learning_rate=learning_rate,
        space=space,
        seed=seed,
        device=device,
        precision=precision,
    )
    data = {"batch_key": batch_key, "batches": batches, "layer": layer, "use_rep": use_rep}
    fit_into(adata, model, key_added=key_added, checkpoints=checkpoints, progress=progress, **data)


def fit_into(
    adata: AnnData, model: PortalModel, *, key_added: str = "X_portal", use_rep: str | None = None, **settings
) -> None:
    """Fit a model, and write its result and record into the data.

    Parameters
    ----------
    adata, key_added
        As in :func:`integrate`.
    model
        Is fitted afterwards.
    use_rep, settings
        As in :meth:`portal_lib.PortalModel.fit`.
    """
    _check_target(adata, key_added, use_rep)
    embedding = model.fit_transform(adata, use_rep=use_rep, **settings)
    record = _for_h5ad(model.record() | {"key_added": key_added})
    with warnings.catch_warnings():
        # A view becomes an object of its own here, which is what writing into one means.
        warnings.filterwarnings("ignore", "Setting element .* of view")
        adata.obsm[key_added] = embedding
    adata.uns[record_key(key_added)] = record


def record_key(key_added: str) -> str:
    """Key of uns for the record of a result."""
    return RECORD_KEY if key_added == RESULT_KEY else key_added


def _check_target(adata: object, key_added: object, use_rep: str | None) -> None:
    """Refuse what could not be written after the training."""
    if not isinstance(key_added, str) or not key_added:
        raise ConfigError(f"key_added is {key_added!r}; it must be the name of a key of obsm, such as 'X_portal'.")
    if "/" in key_added or key_added in (".", ".."):
        raise ConfigError(f"key_added is {key_added!r}; a file cannot hold a key with '/' in it, nor '.' or '..'.")
    if key_added == use_rep:
        raise ConfigError(f"key_added and use_rep are both {use_rep!r}: the result would replace its input.")
    if getattr(adata, "isbacked", False) and adata.is_view:
        raise DataError(
            "adata is a view of an object in backed mode, which cannot be written to. adata.to_memory() reads it."
        )


def _for_h5ad(value: Any) -> Any:
    """The same without what is None, and with arrays for lists."""
    if isinstance(value, dict):
        return {name: _for_h5ad(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        numeric = len(value) > 0 and all(isinstance(item, float) for item in value)
        return np.array(value, dtype=np.float64 if numeric else object)
    return value
