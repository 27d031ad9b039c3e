"""Portal as an object: fit it on cells, map further cells to the same space, save and load it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from portal_lib import preparation
from portal_lib._extras import packages_of
from portal_lib._parameters import defaults_of, documented
from portal_lib._text import some
from portal_lib.errors import ConfigError
from portal_lib.portal.expression import harmonised_expression
from portal_lib.portal.fitted import Fitted, for_each_batch, n_genes
from portal_lib.portal.parameters import PortalParameters, checked_parameters
from portal_lib.preparation.cells import Cells, batch_names, check_request, read_cells
from portal_lib.training.chain import Chain, fit_chain
from portal_lib.training.device import resolve_device
from portal_lib.training.grouping import group_rows, rows_of_groups, ungroup_rows
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.precision import resolve_precision
from portal_lib.training.rounds import Rounds
from portal_lib.training.serialization import (
    check_place,
    check_target,
    damage_reported,
    load_folder,
    save_folder,
    versions,
)
from portal_lib.training.steps import default_training_steps
from portal_lib.training.tuning import search_lambda_cos

if TYPE_CHECKING:
    from anndata import AnnData

    from portal_lib.preparation.prepared import Prepared

KIND, FORMAT = "PortalModel", 1


@documented(PortalParameters)
class PortalModel:
    """Portal for annotated data: integrates batches, and maps further cells of these batches.

    Parameters
    ----------
    {parameters}

    Raises
    ------
    ConfigError
        A parameter is out of range; the message lists all of them.

    References
    ----------
    Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022), doi 10.1038/s43588-022-00251-y.
    """

    def __init__(self, **parameters: Any):
        self.parameters = checked_parameters(**vars(PortalParameters(**parameters)))
        self._state: Fitted | None = None

    def fit(
        self,
        adata: AnnData | Prepared,
        *,
        batch_key: str,
        batches: Sequence[str] | None = None,
        layer: str | None = None,
        use_rep: str | None = None,
        checkpoints: str | Path | None = None,
        progress: bool | None = None,
        data_name: str = "adata",
    ) -> PortalModel:
        """Train on the cells of all batches; replaces an earlier fit.

        Parameters
        ----------
        adata
            Cells × genes; not modified. Raw counts in X, or see `layer` and `use_rep`. With `use_rep` also an open
            ``prepared.h5ad``, whose components are read from disk.
        batch_key
            Column of obs with the batch of each cell, of any type.
        batches
            Names of all batches in order; the first is the reference, the others are added one by one. Default: order
            of first appearance, whatever the type of the column, so that an object that was written and read (which
            sorts categories by name) gives the same result; an ordered categorical keeps its own order.
        layer
            Where the counts are: None for X, the name of a layer, or ``"raw"`` for `raw` with its genes.
        use_rep
            Key of obsm with joint components of all batches (``"X_pca"``) to train on instead of counts.
        checkpoints
            Folder for the state of the training, or of the search of `lambda_cos`: the same fit resumes from it after
            an interruption.
        progress
            Progress bars on stderr; None shows them only if stderr is a terminal.
        data_name
            Name of the data in messages, such as the file's name.

        Returns
        -------
        The model itself.

        Raises
        ------
        DataError
            The data cannot be used; the message lists every problem that is found before training.
        ConfigError
            A parameter does not fit the data, the device does not exist, or a package needed to prepare counts is
            not installed.
        DivergedError
            A loss is no longer finite.
        DeviceMemoryError
            The GPU has too little memory.
        """
        data = _Data(batch_key, batches, layer, use_rep, data_name)
        self._train(adata, data, checkpoints, progress)
        return self

    def fit_transform(
        self,
        adata: AnnData | Prepared,
        *,
        batch_key: str,
        batches: Sequence[str] | None = None,
        layer: str | None = None,
        use_rep: str | None = None,
        checkpoints: str | Path | None = None,
        progress: bool | None = None,
        data_name: str = "adata",
    ) -> np.ndarray:
        """Fit, and return the embedding of the cells of the fit; components are computed once.

        Parameters
        ----------
        adata, batch_key, batches, layer, use_rep, checkpoints, progress, data_name
            As in :meth:`fit`.

        Returns
        -------
        As :meth:`transform` of the cells of the fit.

        Raises
        ------
        DataError, ConfigError, DivergedError, DeviceMemoryError
            As in :meth:`fit`.
        """
        data = _Data(batch_key, batches, layer, use_rep, data_name)
        return self._train(adata, data, checkpoints, progress)

    def transform(
        self,
        adata: AnnData,
        batch_key: str | None = None,
        *,
        layer: str | None = None,
        use_rep: str | None = None,
        data_name: str = "adata",
    ) -> np.ndarray:
        """Embed cells of known batches in the space of the fit.

        Parameters
        ----------
        adata
            New cells, or those of the fit; not modified. Counts must hold all measured genes, since cells are
            normalised to their total; genes are matched by name, in any order.
        batch_key
            Column of obs with the batch of each cell, all of them batches of the fit; None for the one of the fit.
        layer
            Where the counts are; None as in the fit, ``"X"`` for X.
        use_rep
            For a model that was fitted on components: their key in obsm; None as in the fit.
        data_name
            Name of the data in messages, such as the file's name.

        Returns
        -------
        Shape (n_cells, n_dims), rows in the order of `adata`. For the cells of the fit equal to its result up to
        rounding.

        Raises
        ------
        DataError
            The cells cannot be used; the message lists every problem.
        ConfigError
            The model is not fitted yet.

        Notes
        -----
        New cells are scaled with the mean and standard deviation that their batch had in the fit, clipped at ±10, and
        projected on the loadings of the fit.
        """
        state = self._fitted()
        return for_each_batch(*state.read(adata, batch_key, layer, use_rep, data_name), state.embed)

    def translate(self, adata: AnnData, to: str, batch_key: str | None = None, **source) -> np.ndarray:
        """Predict components of cells as another batch would have measured them.

        Parameters
        ----------
        adata, batch_key, source
            Cells as in :meth:`transform`, with `layer`, `use_rep` and `data_name`.
        to
            Name of a batch of the fit.

        Returns
        -------
        Components, shape (n_cells, n_pcs), rows in the order of `adata`. Cells of the batch `to` are unchanged.

        Raises
        ------
        DataError, ConfigError
            As in :meth:`transform`; `to` is no batch of the fit.

        Notes
        -----
        With two batches G_B(E_A(x)) and G_A(E_B(x)). With more, every translation passes through the reference: from a
        batch to the reference by the round that added this batch, and on to another by the round that added that one.
        """
        state = self._fitted()
        target = state.code_of(to)
        cells = state.read(adata, batch_key, **source)
        return for_each_batch(*cells, lambda x, code: state.rounds.translate(x, code, target))

    def reference_space(self, adata: AnnData, batch_key: str | None = None, **source) -> np.ndarray:
        """Cells in the components of the first batch.

        Parameters
        ----------
        adata, batch_key, source
            Cells as in :meth:`transform`, with `layer`, `use_rep` and `data_name`.

        Returns
        -------
        As :meth:`translate` to the first batch.

        Raises
        ------
        DataError, ConfigError
            As in :meth:`transform`.
        """
        return self.translate(adata, self._fitted().batches[0], batch_key, **source)

    def discriminator_logits(
        self, adata: AnnData, to: str | None = None, batch_key: str | None = None, **source
    ) -> np.ndarray:
        """Logits of a batch's discriminator for cells that are translated to this batch.

        Parameters
        ----------
        adata, batch_key, source
            Cells as in :meth:`transform`, with `layer`, `use_rep` and `data_name`.
        to
            Name of a batch of the fit; None for the first.

        Returns
        -------
        Shape (n_cells,), within ±50; higher is more like a measured cell of the batch. A translated cell below minus
        the margin has no counterpart among the cells that the discriminator was trained on as real: with two batches
        those of the batch, with more also those of all batches that were added to it before. Cells of the batch itself
        are not translated.

        Raises
        ------
        DataError, ConfigError
            As in :meth:`transform`; `to` is no batch of the fit.

        Notes
        -----
        A batch has the discriminator of the round that added it. The reference has one in every round: cells of a batch
        are scored by that of their own round, its own cells by that of the first. In round i the reference holds its
        own cells and the translated cells of i batches. For a comparison with the first batch alone, fit two batches.
        """
        state = self._fitted()
        target = 0 if to is None else state.code_of(to)
        cells = state.read(adata, batch_key, **source)
        return for_each_batch(*cells, lambda x, code: state.rounds.discriminator_logits(x, code, target))

    def expression(
        self,
        adata: AnnData,
        *,
        kind: str = "log_normalised",
        standardise: str = "reference",
        batch_key: str | None = None,
        out=None,
        **source,
    ) -> np.ndarray:
        """Expression of the genes of the fit, for all cells as the first batch would have measured them.

        Parameters
        ----------
        adata, batch_key, source
            Cells as in :meth:`transform`, with `layer` and `data_name`.
        kind
            ``"log_normalised"`` (log1p of counts per 10⁴) or ``"scaled"`` (standard deviations from the mean).
        standardise
            Whose mean and standard deviation turn scaled into log-normalised values: ``"reference"``, those of the
            first batch for all cells, or ``"own"``, those of each cell's own batch.
        out
            Array of float32 to write into, shape (n_cells, n_genes), such as a memory map; None makes one.

        Returns
        -------
        Shape (n_cells, n_genes), float32, rows in the order of `adata`, columns as in :attr:`genes`.

        Raises
        ------
        ConfigError
            The model was fitted on components, so it has no genes; or an argument is out of range.
        DataError, ShapeError
            As in :meth:`transform` and :func:`portal_lib.harmonised_expression`.

        Notes
        -----
        See :func:`portal_lib.harmonised_expression` for the limits of such values.
        """
        state = self._fitted()
        if state.genes is None:
            raise ConfigError("expression needs a model that was fitted on counts; this one was fitted on components.")
        if standardise not in ("reference", "own"):
            raise ConfigError(f"standardise is {standardise!r}; allowed: 'reference', 'own'.")
        scores, codes = state.read(adata, batch_key, **source)
        by: dict[str, Any] = {"mean": state.genes.mean, "sd": state.genes.sd, "batch": codes}
        if standardise == "reference":
            by = {name: by[name][:, 0] for name in ("mean", "sd")}
        by |= {"loadings": state.genes.loadings, "centre": state.genes.centre}
        scores = for_each_batch(scores, codes, state.to_reference)
        return harmonised_expression(scores, **by, kind=kind, out=out)

    def with_genes(self, prepared: AnnData | Prepared) -> PortalModel:
        """The same model for counts, where it was fitted on the components of prepared data.

        Parameters
        ----------
        prepared
            From :func:`portal_lib.preparation.prepare`, with the batches of the fit; the model was fitted on its
            ``obsm["X_pca"]``. Not modified.

        Returns
        -------
        Another model with the same networks: components are projected from counts as those of `prepared` were. Batch
        key and layer are those of the data that were prepared.

        Raises
        ------
        ConfigError
            The model is not fitted, was fitted on other components, or has other batches.
        """
        state, facts = self._fitted(), prepared.uns["preparation"]
        names = [str(name) for name in prepared.obs["batch"].cat.categories]
        if state.use_rep != "X_pca" or list(state.batches) != names:
            made_of = "counts" if state.use_rep is None else f"obsm['{state.use_rep}']"
            raise ConfigError(
                f"the model was fitted on {made_of} of the batches {some(state.batches)}; X_pca of the batches "
                f"{some(names)} is needed."
            )
        genes = preparation.GeneSpace.of(prepared)
        genes = replace(genes, loadings=genes.loadings[:, : state.rounds.n_features])
        key, layer = facts["batch_key"], facts.get("layer")
        made = PortalModel(**self.parameters)
        made._state = replace(
            state,
            genes=genes,
            use_rep=None,
            batch_key=key if isinstance(key, str) else state.batch_key,
            layer=None if layer is None else str(layer),
            n_measured=int(facts["n_genes"]),
        )
        return made

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the fitted model to a folder, completely or not at all.

        Parameters
        ----------
        folder
            Holds ``description.json`` (plain values) and ``tensors.pt`` (tensors on the CPU) afterwards.
        overwrite
            Replace a saved model. A folder that holds anything else is never replaced.

        Raises
        ------
        ConfigError
            The model is not fitted, or `folder` exists and `overwrite` is False.
        DataError
            `folder` exists and contains no model, or writing fails.
        """
        plain, tensors = self._fitted().parts()
        description = {"parameters": self.parameters, "fit": plain}
        save_folder(folder, KIND, FORMAT, description, tensors, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "auto") -> PortalModel:
        """Read a saved model.

        Parameters
        ----------
        folder
            As written by :meth:`save`, on any device.
        device
            Where to compute from now on: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

        Returns
        -------
        The fitted model.

        Raises
        ------
        DataError
            There is no such folder, it is not a saved model, has another version of the format, or is damaged.
        ShapeError
            Its tensors have other shapes than its description says.
        ConfigError
            The device does not exist.
        """
        place = resolve_device(device)
        description, tensors = load_folder(folder, KIND, FORMAT)
        with damage_reported(folder):
            model = cls(**description["parameters"] | {"device": device})
            model._state = Fitted.of_parts(description["fit"], tensors, place)
        return model

    @property
    def batches(self) -> list[str]:
        """Names of the batches in order; the first is the reference."""
        return list(self._fitted().batches)

    @property
    def genes(self) -> list[str] | None:
        """Names of the genes that the components are computed from; None if components were given."""
        genes = self._fitted().genes
        return None if genes is None else genes.genes.tolist()

    @property
    def history(self) -> pd.DataFrame:
        """Losses of the training, unweighted: columns round, step, player, term, value."""
        return self._fitted().history.copy()

    @property
    def trials(self) -> pd.DataFrame | None:
        """Values that a search of lambda_cos tried; None without a search."""
        trials = self._fitted().trials
        return None if trials is None else trials.copy()

    def record(self) -> dict[str, Any]:
        """Documentation of a result.

        Returns
        -------
        How the fit was made, its losses, the parameters, and the versions of packages.

        Raises
        ------
        ConfigError
            The model is not fitted yet.
        """
        state = self._fitted()
        names = ("batch_key", "layer", "use_rep", "space", "precision", "batches", "lambda_cos", "notes")
        return {name: getattr(state, name) for name in names} | {
            "training_steps": state.steps,
            "device": str(state.rounds.device),
            "history": self.history,
            "trials": self.trials,
            "parameters": dict(self.parameters),
            "versions": versions(),
        }

    def __repr__(self) -> str:
        defaults = defaults_of(PortalParameters)
        changed = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items() if value != defaults[name])
        return f"PortalModel({changed}), {'not fitted' if self._state is None else self._state.summary()}"

    def _fitted(self) -> Fitted:
        if self._state is None:
            raise ConfigError(
                "this PortalModel is not fitted: call fit(adata, batch_key=...) first, or load a saved one."
            )
        return self._state

    def _train(self, adata, data: _Data, checkpoints: str | Path | None, progress: bool | None) -> np.ndarray:
        """Fit; returns the embedding of the cells."""
        p = self.parameters
        resolve_precision(p["precision"], resolve_device(p["device"]))
        check_request(adata, data.batch_key, data.batches, data.layer, data.use_rep)
        _check_rounds(p["lambda_cos"], batch_names(adata.obs, data.batch_key, data.batches))
        with packages_of("preparation", "preparing counts and searching lambda_cos need it", _GIVEN):
            # Preparation may fail with an error about the input; without a terminal the message is then the only
            # output.
            shown = None if progress else progress
            sizes = {"n_pcs": p["n_pcs"], "n_top_genes": p["n_top_genes"]}
            cells = read_cells(adata, **data._asdict(), **sizes, progress=shown)
            rows = rows_of_groups(cells.codes, len(cells.batches))
            steps = p["training_steps"] or default_training_steps(len(cells.codes))
            training = _run(p, group_rows(cells.scores, rows), steps, checkpoints, progress)
        space = p["space"] or ("latent" if len(rows) == 2 else "reference")
        embedding = training.chain.latent if space == "latent" else training.chain.data_Aspace
        ungroup_rows(embedding, rows)
        n_measured = None if cells.genes is None else n_genes(adata, data.layer)
        self._state = _state_of(cells, data, training, space=space, steps=steps, n_measured=n_measured)
        return embedding


# What needs no extra.
_GIVEN = "Given components (use_rep) do not."


class _Data(NamedTuple):
    """Where the cells of a fit are, as in :meth:`PortalModel.fit`."""

    batch_key: str
    batches: Sequence[str] | None
    layer: str | None
    use_rep: str | None
    data_name: str


class _Training(NamedTuple):
    """Weight of the cosine term per round, the values that a search tried, and the trained rounds."""

    lambda_cos: tuple[float, ...]
    trials: pd.DataFrame | None
    chain: Chain


def check_folder(folder: str | Path, *, overwrite: bool = False) -> None:
    """Refuse a folder that :meth:`PortalModel.save` would refuse, before anything is trained."""
    check_target(folder, KIND, overwrite=overwrite)


def _check_rounds(lambda_cos, names) -> None:
    if isinstance(lambda_cos, list) and names is not None and len(lambda_cos) != len(names) - 1:
        raise ConfigError(
            f"lambda_cos has {len(lambda_cos)} values for {len(names)} batches, which need {len(names) - 1} round(s); "
            "give one value, or one per round."
        )


def _run(p: dict[str, Any], domains, steps: int, checkpoints, progress) -> _Training:
    """Train, after a search of `lambda_cos` if one is requested."""
    objective = Portal(**{name: p[name] for name in ("n_latent", "margin", "lambda_ae", "lambda_la", "learning_rate")})
    settings = {name: p[name] for name in ("batch_size", "seed", "device", "precision")}
    settings |= {"steps": steps, "progress": progress}
    if checkpoints is not None:
        check_place(checkpoints)
    if p["lambda_cos"] == "search":
        grid = {} if p["lambda_grid"] is None else {"grid": p["lambda_grid"]}
        found = search_lambda_cos(objective, domains, folder=checkpoints, **grid, **settings)
        return _Training(found.lambda_cos, found.trials, found.chain)
    file = None if checkpoints is None else Path(checkpoints) / "training.pt"
    chain = fit_chain(objective, domains, lambda_cos=p["lambda_cos"], checkpoint=file, **settings)
    values = p["lambda_cos"] if isinstance(p["lambda_cos"], list) else [p["lambda_cos"]] * len(chain.rounds)
    return _Training(tuple(values), None, chain)


def _state_of(cells: Cells, data: _Data, training: _Training, **facts) -> Fitted:
    """The state after a training."""
    return Fitted(
        batch_key=data.batch_key,
        layer=data.layer,
        use_rep=data.use_rep,
        precision=training.chain.rounds[-1].precision,
        batches=cells.batches,
        n_cells=len(cells.codes),
        lambda_cos=training.lambda_cos,
        notes=cells.notes,
        history=training.chain.history,
        trials=training.trials,
        rounds=Rounds.of_chain(training.chain),
        genes=cells.genes,
        **facts,
    )
