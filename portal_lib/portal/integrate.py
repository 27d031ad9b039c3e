"""Portal in one call: integrates the batches of an AnnData."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from portal_lib._parameters import documented
from portal_lib.errors import ConfigError, DataError
from portal_lib.portal.model import PortalModel
from portal_lib.portal.parameters import PortalParameters

if TYPE_CHECKING:
    from anndata import AnnData

RESULT_KEY, RECORD_KEY = "X_portal", "portal"


@documented(PortalParameters)
def integrate(
    adata: AnnData,
    *,
    batch_key: str,
    use_rep: str | None = None,
    layer: str | None = None,
    batches: Sequence[str] | None = None,
    key_added: str = "X_portal",
    checkpoints: str | Path | None = None,
    progress: bool | None = None,
    **parameters: Any,
) -> None:
    """Integrate the batches of one object with Portal.

    Parameters
    ----------
    adata
        Cells × genes, raw counts in X; or see `layer` and `use_rep`. Two keys are written, nothing else changes.
    batch_key
        Column of obs with the batch of each cell, of any type.
    use_rep
        Key of obsm with joint components of all batches (``"X_pca"``): the leading `n_pcs` are used instead of counts.
    layer
        Where the counts are: None for X, the name of a layer, or ``"raw"`` for `raw` with its genes.
    batches
        Names of all batches in order; the first is the reference, the others are added one by one. Default: order of
        first appearance, or that of an ordered categorical.
    key_added
        Key of obsm for the result; an existing one is replaced. With another key than ``"X_portal"`` the record is
        stored under this key in uns, so that an object can hold several results.
    checkpoints, progress
        As in :meth:`portal_lib.PortalModel.fit`.
    {parameters}

    Returns
    -------
    Nothing. ``obsm[key_added]`` gets the result, shape (n_cells, n_dims), rows in the order of `adata`: latent
    coordinates for two batches, the components of the first batch for more (see `space`). ``uns["portal"]`` gets
    parameters, batches in order, steps, the losses (``history``), the values that a search tried (``trials``), notes,
    versions.

    Raises
    ------
    DataError
        The data cannot be used; the message lists every problem that is found before training.
    ConfigError
        A parameter is out of range or does not fit the data, or a device or package is missing.
    DivergedError
        A loss is no longer finite.
    DeviceMemoryError
        The GPU has too little memory.

    Notes
    -----
    After an error `adata` is unchanged. For new cells, translation and expression use :class:`portal_lib.PortalModel`.
    On a machine that runs other programs as well, set OMP_WAIT_POLICY=PASSIVE in the environment before Python starts,
    as the command line does: idle threads then sleep, and training is several times as fast.

    References
    ----------
    Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022), doi 10.1038/s43588-022-00251-y.

    Examples
    --------
    >>> portal_lib.integrate(adata, batch_key="donor")
    >>> portal_lib.integrate(adata, batch_key="donor", use_rep="X_pca", lambda_cos=30, seed=1)
    """
    model = PortalModel(**parameters)
    where = {"batch_key": batch_key, "batches": batches, "layer": layer}
    state = {"checkpoints": checkpoints, "progress": progress}
    fit_into(adata, model, key_added=key_added, use_rep=use_rep, **where, **state)


def fit_into(
    adata: AnnData, model: PortalModel, *, key_added: str = "X_portal", use_rep: str | None = None, **settings: Any
) -> None:
    """Fit a model, and write its result and record into the object.

    Parameters
    ----------
    adata, key_added
        As in :func:`integrate`.
    model
        Fitted afterwards.
    use_rep, settings
        As in :meth:`portal_lib.PortalModel.fit`.
    """
    _check_target(adata, key_added, use_rep)
    embedding = model.fit_transform(adata, use_rep=use_rep, **settings)
    record = _for_h5ad(model.record() | {"key_added": key_added})
    with warnings.catch_warnings():
        # Writing into a view turns it into an object of its own; that is expected here.
        warnings.filterwarnings("ignore", "Setting element .* of view")
        adata.obsm[key_added] = embedding
    adata.uns[record_key(key_added)] = record


def record_key(key_added: str) -> str:
    """Key of uns for the record of a result."""
    return RECORD_KEY if key_added == RESULT_KEY else key_added


def _check_target(adata: Any, key_added: object, use_rep: str | None) -> None:
    """Refuse a key or object that could not be written to after the training."""
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
    """A record that h5ad can store: entries that are None left out, arrays instead of lists."""
    if isinstance(value, dict):
        return {name: _for_h5ad(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        numeric = len(value) > 0 and all(isinstance(item, float) for item in value)
        return np.array(value, dtype=np.float64 if numeric else object)
    return value
