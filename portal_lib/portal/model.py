"""Portal as an object: fit it on cells, bring new cells to the same space, save and load it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from portal_lib import __version__
from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.portal.expression import harmonised_expression
from portal_lib.portal.parameters import checked_parameters
from portal_lib.preparation.cells import Cells, batch_names, check_request, read_cells, read_new_cells
from portal_lib.preparation.checks import near, some
from portal_lib.preparation.recipe import GeneSpace
from portal_lib.training.chain import Chain, fit_chain
from portal_lib.training.device import resolve_device
from portal_lib.training.grouping import group_rows, rows_of_groups, ungroup_rows
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.precision import resolve_precision
from portal_lib.training.rounds import Rounds
from portal_lib.training.serialization import check_place, check_target, load_folder, save_folder
from portal_lib.training.steps import default_training_steps
from portal_lib.training.tuning import GRID, search_lambda_cos

if TYPE_CHECKING:
    from anndata import AnnData

KIND, FORMAT = "PortalModel", 1


class PortalModel:
    """Portal for annotated data: fit it on cells of several batches, then ask it for any cells of these batches.

    Parameters
    ----------
    lambda_cos
        Weight of the cosine term, which the paper tunes in [15, 50]; a list has one value per round (a round brings
        one more batch in); ``"search"`` tries `lambda_grid` and takes the value that mixes batches best.
    lambda_grid
        What a search tries; None for 15, 20, ..., 50.
    training_steps
        Steps per round; None for 2000, or 1000 for fewer than 20,000 cells.
    batch_size
        Cells of each batch per step, drawn with replacement; a batch may have fewer.
    n_latent
        Dimensions of the latent space.
    n_pcs
        Principal components: made from counts (fewer where the data allow fewer), or used of given ones.
    n_top_genes
        Variable genes per batch, when counts are given. The batches must share 100 or more of them.
    margin
        Discriminator scores beyond ±margin give no gradient, which leaves cells without a counterpart where they are.
    lambda_ae, lambda_la
        Weights of the autoencoder and latent-alignment terms.
    learning_rate
        Of both Adam optimisers.
    space
        What the result is: ``"latent"`` (n_latent dimensions) or ``"reference"``, the components of the first batch,
        whose own cells stay where they are. None as the paper: latent for two batches, reference for more.
    seed
        Of weights and training batches. No global generator is touched.
    device
        ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    precision
        ``"auto"`` (bfloat16 products where the device has them), ``"bfloat16"``, ``"float32"`` or ``"float64"``.

    Raises
    ------
    ConfigError
        A parameter is out of range; the message lists all of them.

    References
    ----------
    Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022), doi 10.1038/s43588-022-00251-y.
    """

    def __init__(
        self,
        *,
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
    ):
        self.parameters = checked_parameters(
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
        self._state: _Fitted | None = None

    def fit(
        self,
        adata: AnnData,
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
            Cells × genes; left as it is. Raw counts in X, or see `layer` and `use_rep`.
        batch_key
            Column of obs that tells the batches apart, of any type.
        batches
            Names of all batches in order; the first is the reference, the others are brought in one by one. Default:
            order of first appearance, whatever the type of the column, so that an object that was written and read
            (which sorts categories by name) gives the same; but an ordered categorical gives its own order.
        layer
            Where the counts are: None for X, the name of a layer, or ``"raw"`` for `raw` with its genes.
        use_rep
            Key of obsm with joint components of all batches (``"X_pca"``) to train on instead of counts.
        checkpoints
            Folder in which training, or the search of `lambda_cos`, keeps its state: the same fit goes on from there
            after an interruption.
        progress
            Progress bars on stderr; None shows them only if stderr is a terminal.
        data_name
            What messages call the data, such as the file's name.

        Returns
        -------
        The model itself.

        Raises
        ------
        DataError
            The data cannot be used; the message lists every problem that is found before training.
        ConfigError
            A parameter does not fit the data, the device is not there, or a package that preparing counts needs is not
            installed.
        DivergedError
            A loss is no longer finite.
        DeviceMemoryError
            The memory of the GPU is not enough.
        """
        self._train(
            adata,
            batch_key=batch_key,
            batches=batches,
            layer=layer,
            use_rep=use_rep,
            checkpoints=checkpoints,
            progress=progress,
            data_name=data_name,
        )
        return self

    def fit_transform(self, adata: AnnData, **settings) -> np.ndarray:
        """Fit, and give back where the cells of the fit come to lie.

        Parameters are those of :meth:`fit`, the array is that of :meth:`transform`; components are made once.
        """
        return self._train(adata, **settings)

    def transform(
        self,
        adata: AnnData,
        batch_key: str | None = None,
        *,
        layer: str | None = None,
        use_rep: str | None = None,
        data_name: str = "adata",
    ) -> np.ndarray:
        """Bring cells of known batches to the space of the fit.

        Parameters
        ----------
        adata
            New cells, or those of the fit; left as it is. Counts: all genes that were measured, since cells are
            normalised to their total; genes are matched by name, in any order.
        batch_key
            Column of obs with the batch of each cell, all of them batches of the fit; None for the name of then.
        layer
            Where the counts are; None as in the fit, ``"X"`` for X.
        use_rep
            For a model that was fitted on components: their key in obsm; None as in the fit.
        data_name
            What messages call the data, such as the file's name.

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
        New cells are scaled with mean and standard deviation of their batch as it was in the fit, clipped at ±10, and
        projected on the loadings of the fit.
        """
        state = self._fitted()
        cells = state.read(adata, batch_key, layer, use_rep, data_name)
        return _for_each_batch(*cells, state.rounds.latent if state.space == "latent" else state.to_reference)

    def translate(self, adata: AnnData, to: str, batch_key: str | None = None, **source) -> np.ndarray:
        """Say how cells would look in a batch, in components.

        Parameters
        ----------
        adata, batch_key, source
            Cells as in :meth:`transform`, with `layer`, `use_rep` and `data_name`.
        to
            Name of a batch of the fit.

        Returns
        -------
        Components, shape (n_cells, n_pcs), rows in the order of `adata`. Cells of the batch `to` as they are.

        Raises
        ------
        DataError, ConfigError
            As in :meth:`transform`; `to` is no batch of the fit.

        Notes
        -----
        With two batches G_B(E_A(x)) and G_A(E_B(x)). With more, all ways lead over the reference: a batch goes there by
        the round that brought it in, and on to another by the round that brought that one in.
        """
        state = self._fitted()
        target = state.code_of(to)
        cells = state.read(adata, batch_key, **source)
        return _for_each_batch(*cells, lambda x, code: state.rounds.translate(x, code, target))

    def reference_space(self, adata: AnnData, batch_key: str | None = None, **source) -> np.ndarray:
        """Cells in the components of the first batch: :meth:`translate` to it."""
        return self.translate(adata, self._fitted().batches[0], batch_key, **source)

    def scores(self, adata: AnnData, to: str | None = None, batch_key: str | None = None, **source) -> np.ndarray:
        """Say how real cells look among those of a batch, once they are translated into it.

        Parameters
        ----------
        adata, batch_key, source
            Cells as in :meth:`transform`, with `layer`, `use_rep` and `data_name`.
        to
            Name of a batch of the fit; None for the first.

        Returns
        -------
        Logits of the discriminator, shape (n_cells,), within ±50; higher is more real. A translated cell below minus
        the margin has no counterpart among the cells that the discriminator saw as real: with two batches those of the
        batch, with more also those of all batches that were brought into it before. Cells of the batch itself get the
        score of what was measured.

        Raises
        ------
        DataError, ConfigError
            As in :meth:`transform`; `to` is no batch of the fit.

        Notes
        -----
        The discriminator of a batch is that of the round which brought it in. The reference has one in every round:
        cells of a batch are shown to that of their own round, its own cells to that of the first. In round i the
        reference holds the translated cells of i batches beside its own. To ask of the first batch alone, fit two.
        """
        state = self._fitted()
        target = 0 if to is None else state.code_of(to)
        cells = state.read(adata, batch_key, **source)
        return _for_each_batch(*cells, lambda x, code: state.rounds.scores(x, code, target))

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
        """Expression of the genes of the fit as all cells would have it in the first batch.

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
            The model was fitted on components, so that it knows no genes; or an argument is out of range.
        DataError, ShapeError
            As in :meth:`transform` and :func:`portal_lib.harmonised_expression`.

        Notes
        -----
        See :func:`portal_lib.harmonised_expression` for what such values cannot give.
        """
        state = self._fitted()
        if state.genes is None:
            raise ConfigError("expression needs a model that was fitted on counts; this one was fitted on components.")
        if standardise not in ("reference", "own"):
            raise ConfigError(f"standardise is {standardise!r}; allowed: 'reference', 'own'.")
        scores, codes = state.read(adata, batch_key, **source)
        by = {"mean": state.genes.mean, "sd": state.genes.sd, "batch": codes}
        if standardise == "reference":
            by = {name: by[name][:, 0] for name in ("mean", "sd")}
        projection = {"loadings": state.genes.loadings, "centre": state.genes.centre}
        scores = _for_each_batch(scores, codes, state.to_reference)
        return harmonised_expression(scores, **projection, **by, kind=kind, out=out)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the fitted model to a folder, whole or not at all.

        Parameters
        ----------
        folder
            Holds ``description.json`` (plain values) and ``tensors.pt`` (tensors on the CPU) afterwards.
        overwrite
            Replace a model that is there. A folder that holds anything else is never replaced.

        Raises
        ------
        ConfigError
            The model is not fitted, or `folder` exists and `overwrite` is False.
        DataError
            `folder` is there and holds no model, or the system cannot write.
        """
        plain, tensors = self._fitted().parts()
        description = {"versions": versions(), "parameters": self.parameters, "fit": plain}
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

        Raises
        ------
        DataError
            There is no such folder, it is not a saved model, is of another version of the format, or is damaged.
        ShapeError
            Its tensors have other shapes than its description says.
        ConfigError
            The device is not there.
        """
        place = resolve_device(device)
        description, tensors = load_folder(folder, KIND, FORMAT)
        try:
            model = cls(**description["parameters"] | {"device": device})
            model._state = _Fitted.of_parts(description["fit"], tensors, place)
        except (LookupError, TypeError, AttributeError, ValueError, ConfigError) as error:
            raise DataError(f"{folder}: is damaged ({type(error).__name__}: {error}). Save it again.") from error
        except ShapeError as error:
            raise ShapeError(f"{folder}: {error}") from None
        return model

    @property
    def batches(self) -> list[str]:
        """Names of the batches in order; the first is the reference."""
        return list(self._fitted().batches)

    @property
    def genes(self) -> list[str] | None:
        """Names of the genes that the components are made of; None if components were given."""
        genes = self._fitted().genes
        return None if genes is None else genes.genes.tolist()

    @property
    def history(self) -> pd.DataFrame:
        """Losses of the training, unweighted: columns round, step, player, term, value."""
        return self._fitted().history.copy()

    @property
    def trials(self) -> pd.DataFrame | None:
        """What a search of lambda_cos tried; None where there was none."""
        trials = self._fitted().trials
        return None if trials is None else trials.copy()

    def record(self) -> dict[str, Any]:
        """What is worth keeping beside a result: how the fit was made, its losses, the parameters, versions."""
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
        defaults = PortalModel.__init__.__kwdefaults__
        changed = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items() if value != defaults[name])
        return f"PortalModel({changed}), {'not fitted' if self._state is None else self._state.summary()}"

    def _fitted(self) -> _Fitted:
        if self._state is None:
            raise ConfigError(
                "this PortalModel is not fitted: call fit(adata, batch_key=...) first, or load a saved one."
            )
        return self._state

    def _train(
        self,
        adata: AnnData,
        *,
        batch_key: str,
        batches: Sequence[str] | None = None,
        layer: str | None = None,
        use_rep: str | None = None,
        checkpoints: str | Path | None = None,
        progress: bool | None = None,
        data_name: str = "adata",
    ) -> np.ndarray:
        """Fit; the embedding of the cells comes back. Documented at :meth:`fit`."""
        p = self.parameters
        resolve_precision(p["precision"], resolve_device(p["device"]))
        check_request(adata, batch_key, batches, layer, use_rep)
        _check_rounds(p["lambda_cos"], batch_names(adata.obs, batch_key, batches))
        data = {"batch_key": batch_key, "batches": batches, "layer": layer, "use_rep": use_rep, "data_name": data_name}
        with _packages_of_extras():
            sizes = {"n_pcs": p["n_pcs"], "n_top_genes": p["n_top_genes"]}
            # Preparing may end in an error of the input, which stands alone where no one watches a bar.
            shown = None if progress else progress
            cells = read_cells(adata, **data, **sizes, progress=shown)
            rows = rows_of_groups(cells.codes, len(cells.batches))
            steps = p["training_steps"] or default_training_steps(len(cells.codes))
            found = _run(p, group_rows(cells.scores, rows), steps, checkpoints, progress)
        space = p["space"] or ("latent" if len(rows) == 2 else "reference")
        source = {"batch_key": batch_key, "layer": layer, "use_rep": use_rep, "space": space, "steps": steps}
        source["n_measured"] = None if cells.genes is None else _n_genes(adata, layer)
        embedding = found.chain.latent if space == "latent" else found.chain.data_Aspace
        ungroup_rows(embedding, rows)
        self._state = _Fitted.of_training(cells, found, source)
        return embedding


@dataclass(frozen=True)
class _Training:
    """Weight of the cosine term per round, what a search tried, and what was trained."""

    lambda_cos: tuple[float, ...]
    trials: pd.DataFrame | None
    chain: Chain


@dataclass(frozen=True)
class _Fitted:
    """What a fit leaves behind."""

    batch_key: str
    layer: str | None
    use_rep: str | None
    space: str
    steps: int
    precision: str
    batches: tuple[str, ...]
    n_cells: int
    lambda_cos: tuple[float, ...]
    notes: tuple[str, ...]
    history: pd.DataFrame
    trials: pd.DataFrame | None
    rounds: Rounds
    genes: GeneSpace | None
    # Genes that the cells of the fit were normalised over; None in models saved before this was kept.
    n_measured: int | None = None

    @classmethod
    def of_training(cls, cells: Cells, found: _Training, source: dict[str, Any]) -> _Fitted:
        """That of a training that has just ended."""
        return cls(
            **source,
            precision=found.chain.rounds[-1].precision,
            batches=cells.batches,
            n_cells=len(cells.codes),
            lambda_cos=found.lambda_cos,
            notes=cells.notes,
            history=found.chain.history,
            trials=found.trials,
            rounds=Rounds.of_chain(found.chain),
            genes=cells.genes,
        )

    def summary(self) -> str:
        """One line for people."""
        made_of = f"obsm['{self.use_rep}']" if self.genes is None else f"{len(self.genes.genes):,} genes"
        return (
            f"fitted on {self.n_cells:,} cells of {len(self.batches)} batches ({some(self.batches)}), "
            f"{self.rounds.n_features} components of {made_of}, {self.steps:,} steps per round, "
            f"lambda_cos {some(f'{value:g}' for value in self.lambda_cos)}, space {self.space}"
        )

    def code_of(self, batch: str) -> int:
        """Number of a batch."""
        if str(batch) not in self.batches:
            known = some(map(repr, self.batches), 20)
            raise ConfigError(f"to: there is no batch {str(batch)!r}{near(batch, self.batches)} Known: {known}.")
        return self.batches.index(str(batch))

    def to_reference(self, x: np.ndarray, code: int) -> np.ndarray:
        """Cells of a batch in the components of the first."""
        return self.rounds.translate(x, code, 0)

    def read(
        self,
        adata: AnnData,
        batch_key: str | None = None,
        layer: str | None = None,
        use_rep: str | None = None,
        data_name: str = "adata",
    ) -> tuple[np.ndarray, np.ndarray]:
        """Components of cells, in the precision of the networks, and the number of the batch of each."""
        if self.genes is None and layer is not None:
            raise ConfigError(f"layer is {layer!r}, but this model was fitted on components: give use_rep, or nothing.")
        if self.genes is not None and use_rep is not None:
            raise ConfigError(f"use_rep is {use_rep!r}, but this model was fitted on counts: give layer, or nothing.")
        layer = self.layer if layer is None else None if layer == "X" else layer
        if self.genes is not None:
            self._warn_of_few_genes(_n_genes(adata, layer), data_name)
        cells = read_new_cells(
            adata,
            batch_key=self.batch_key if batch_key is None else batch_key,
            batches=self.batches,
            source=self.rounds.n_features if self.genes is None else self.genes,
            layer=layer,
            use_rep=self.use_rep if use_rep is None else use_rep,
            data_name=data_name,
        )
        return cells.scores.astype(self.rounds.dtype, copy=False), cells.codes

    def _warn_of_few_genes(self, n_genes: int | None, data_name: str) -> None:
        """Cells that were cut to variable genes are normalised to another total, which nothing in them shows."""
        if n_genes is not None and self.n_measured is not None and n_genes < self.n_measured / 2:
            warnings.warn(
                f"{data_name}: {n_genes:,} genes, where the fit had {self.n_measured:,}. Cells are normalised to their "
                "total over all genes that were measured, so that without most of them coordinates are shifted.",
                stacklevel=4,
            )

    def parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Plain values and tensors, of which :meth:`of_parts` makes the same again."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        rounds, genes = plain.pop("rounds"), plain.pop("genes")
        arrays = {} if genes is None else {f.name: getattr(genes, f.name) for f in fields(genes)}
        plain |= {name: _columns(plain[name]) for name in ("history", "trials")}
        plain |= {"genes": None if genes is None else arrays.pop("genes").tolist()}
        plain |= {"n_features": rounds.n_features, "n_latent": rounds.n_latent, "hidden": rounds.hidden}
        tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
        return plain, {"rounds": rounds.states(), "genes": tensors}

    @classmethod
    def of_parts(cls, plain: dict[str, Any], tensors: dict[str, Any], device: torch.device) -> _Fitted:
        """Undo :meth:`parts`. Raises `ShapeError` where tensors have other shapes than the plain values say."""
        plain = dict(plain)
        names, n_features = plain.pop("genes"), plain.pop("n_features")
        objective = Portal(n_latent=plain.pop("n_latent"), hidden=plain.pop("hidden"))
        plain |= {name: tuple(plain[name]) for name in ("batches", "lambda_cos", "notes")}
        plain |= {name: None if plain[name] is None else pd.DataFrame(plain[name]) for name in ("history", "trials")}
        n_rounds = len(plain["batches"]) - 1
        if len(tensors["rounds"]) != n_rounds:
            raise ShapeError(f"there are weights of {len(tensors['rounds'])} rounds; expected {n_rounds}.")
        rounds = Rounds.of_states(objective, n_features, tensors["rounds"], device)
        genes = None if names is None else _gene_space(names, tensors["genes"], n_features, len(plain["batches"]))
        return cls(**plain, rounds=rounds, genes=genes)


def check_folder(folder: str | Path, *, overwrite: bool = False) -> None:
    """Refuse a folder that :meth:`PortalModel.save` would refuse, before anything is trained."""
    check_target(folder, KIND, overwrite=overwrite)


def versions() -> dict[str, str]:
    """Versions of this package and of those that decide on its numbers."""
    return {"portal_lib": __version__} | {name: metadata.version(name) for name in ("torch", "numpy", "anndata")}


def _n_genes(adata, layer) -> int | None:
    """Genes of what is read, None where it is refused later."""
    of = getattr(adata, "raw", None) if layer == "raw" else adata
    return getattr(of, "n_vars", None)


def _gene_space(names, tensors, n_features, n_batches):
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    per_batch = (len(names), n_batches)
    expected = {"mean": per_batch, "sd": per_batch, "centre": per_batch[:1], "loadings": (len(names), n_features)}
    if wrong := [
        f"{name} has shape {arrays[name].shape}, not {e}" for name, e in expected.items() if arrays[name].shape != e
    ]:
        raise ShapeError("; ".join(wrong) + ".")
    return GeneSpace(genes=np.array(names, dtype=object), **arrays)


def _columns(table: pd.DataFrame | None) -> dict[str, list] | None:
    return None if table is None else {str(name): column.tolist() for name, column in table.items()}


def _for_each_batch(
    scores: np.ndarray, codes: np.ndarray, function: Callable[[np.ndarray, int], np.ndarray]
) -> np.ndarray:
    """Apply a function of components and the number of their batch to the cells of each; rows keep their order."""
    result = None
    for code, rows in enumerate(rows_of_groups(codes, int(codes.max()) + 1)):
        cells = scores[rows]
        if len(cells) == 0:
            continue
        part = function(cells, code)
        if result is None:
            result = np.empty((len(codes), *part.shape[1:]), part.dtype)
        result[rows] = part
    return result


def _check_rounds(lambda_cos, names) -> None:
    if isinstance(lambda_cos, list) and names is not None and len(lambda_cos) != len(names) - 1:
        raise ConfigError(
            f"lambda_cos has {len(lambda_cos)} values for {len(names)} batches, which take {len(names) - 1} round(s); "
            "give one value, or one per round."
        )


def _run(p, domains, steps, checkpoints, progress) -> _Training:
    """Train, after a search if one is asked for."""
    objective = Portal(**{name: p[name] for name in ("n_latent", "margin", "lambda_ae", "lambda_la", "learning_rate")})
    settings = {name: p[name] for name in ("batch_size", "seed", "device", "precision")}
    settings |= {"steps": steps, "progress": progress}
    if checkpoints is not None:
        check_place(checkpoints)
    if p["lambda_cos"] == "search":
        found = search_lambda_cos(objective, domains, grid=p["lambda_grid"] or GRID, folder=checkpoints, **settings)
        return _Training(found.lambda_cos, found.trials, found.chain)
    file = None if checkpoints is None else Path(checkpoints) / "training.pt"
    chain = fit_chain(objective, domains, lambda_cos=p["lambda_cos"], checkpoint=file, **settings)
    values = p["lambda_cos"] if isinstance(p["lambda_cos"], list) else [p["lambda_cos"]] * len(chain.rounds)
    return _Training(tuple(values), None, chain)


@contextlib.contextmanager
def _packages_of_extras() -> Iterator[None]:
    """Say what to install where a package is missing that only some uses need."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise ConfigError(
            f"the package '{package}' is not installed; preparing counts and searching lambda_cos need it: "
            "pip install 'portal-lib[preparation]'. Given components (use_rep) go without."
        ) from error
