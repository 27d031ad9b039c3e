"""The state of a fitted :class:`portal_lib.PortalModel`: networks, batches, genes; reads further cells."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from portal_lib import preparation
from portal_lib._text import some, suggest
from portal_lib.errors import ConfigError, ShapeError
from portal_lib.preparation.cells import read_new_cells
from portal_lib.preparation.reading.values import text_of
from portal_lib.training.grouping import rows_of_groups
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.rounds import Rounds

if TYPE_CHECKING:
    from portal_lib.preparation.recipe import GeneSpace

_TABLES = ("history", "trials")


@dataclass(frozen=True)
class Fitted:
    """The state of a fitted model. Batches are numbered in order from 0, the reference.

    Parameters
    ----------
    batch_key, layer, use_rep
        Where the data of the fit were, as in :meth:`portal_lib.PortalModel.fit`.
    n_measured
        Genes that counts were normalised over; None for components, and in models that did not store it.
    space
        ``"latent"`` or ``"reference"``.
    steps, precision, lambda_cos
        Of the training; `lambda_cos` has one value per round.
    batches, n_cells, notes
        Of the data: names of the batches, number of cells, what preparation reported.
    history, trials
        Losses of the training, and the values that a search of `lambda_cos` tried; None without a search.
    rounds
        The trained networks.
    genes
        What maps counts to components; None if components were given.
    """

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
    n_measured: int | None = None

    def summary(self) -> str:
        """One line for the representation of the model."""
        made_of = f"obsm['{self.use_rep}']" if self.genes is None else f"{len(self.genes.genes):,} genes"
        return (
            f"fitted on {self.n_cells:,} cells of {len(self.batches)} batches ({some(self.batches)}), "
            f"{self.rounds.n_features} components of {made_of}, {self.steps:,} steps per round, "
            f"lambda_cos {some(f'{value:g}' for value in self.lambda_cos)}, space {self.space}"
        )

    def code_of(self, batch: str) -> int:
        """Number of a batch; ConfigError if no batch has this name."""
        name = text_of(batch)
        if name not in self.batches:
            known = some(map(repr, self.batches), 20)
            raise ConfigError(f"to: there is no batch {name!r}{suggest(name, self.batches)} Known: {known}.")
        return self.batches.index(name)

    def embed(self, x: np.ndarray, code: int) -> np.ndarray:
        """Cells of a batch in the space of the result.

        Parameters
        ----------
        x
            Components, shape (n_cells, n_pcs).
        code
            Number of the batch.
        """
        return self.rounds.latent(x, code) if self.space == "latent" else self.to_reference(x, code)

    def to_reference(self, x: np.ndarray, code: int) -> np.ndarray:
        """Cells of a batch in the components of the first; parameters as for :meth:`embed`."""
        return self.rounds.translate(x, code, 0)

    def read(
        self,
        adata,
        batch_key: str | None = None,
        layer: str | None = None,
        use_rep: str | None = None,
        data_name: str = "adata",
    ) -> tuple[np.ndarray, np.ndarray]:
        """Components of cells, in the precision of the networks, and the number of the batch of each.

        Parameters
        ----------
        adata, batch_key, layer, use_rep, data_name
            As for :meth:`portal_lib.PortalModel.transform`.

        Raises
        ------
        DataError, ConfigError
            As there.
        """
        if self.genes is None and layer is not None:
            raise ConfigError(f"layer is {layer!r}, but this model was fitted on components: give use_rep, or nothing.")
        if self.genes is not None and use_rep is not None:
            raise ConfigError(f"use_rep is {use_rep!r}, but this model was fitted on counts: give layer, or nothing.")
        layer = self.layer if layer is None else None if layer == "X" else layer
        if self.genes is not None:
            self._warn_of_few_genes(n_genes(adata, layer), data_name)
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

    def _warn_of_few_genes(self, n_found: int | None, data_name: str) -> None:
        """Warn of cells that were subset to variable genes: they are normalised to another total."""
        if n_found is not None and self.n_measured is not None and n_found < self.n_measured / 2:
            warnings.warn(
                f"{data_name}: {n_found:,} genes, where the fit had {self.n_measured:,}. Cells are normalised to their "
                "total over all measured genes; if most of these are missing, coordinates are shifted.",
                stacklevel=4,
            )

    def parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Plain values and tensors, from which :meth:`of_parts` rebuilds the state."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        rounds, genes = plain.pop("rounds"), plain.pop("genes")
        arrays = {} if genes is None else {field.name: getattr(genes, field.name) for field in fields(genes)}
        plain |= {name: None if plain[name] is None else plain[name].to_dict("list") for name in _TABLES}
        plain |= {"genes": None if genes is None else arrays.pop("genes").tolist()}
        plain |= {"n_features": rounds.n_features, "n_latent": rounds.n_latent, "hidden": rounds.hidden}
        tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
        return plain, {"rounds": rounds.states(), "genes": tensors}

    @classmethod
    def of_parts(cls, plain: dict[str, Any], tensors: dict[str, Any], device: torch.device) -> Fitted:
        """Undo :meth:`parts`.

        Parameters
        ----------
        plain, tensors
            As :meth:`parts` returned them.
        device
            Where to compute.

        Raises
        ------
        ShapeError
            Tensors have other shapes than the plain values say.
        """
        plain = dict(plain)
        names, n_features = plain.pop("genes"), plain.pop("n_features")
        objective = Portal(n_latent=plain.pop("n_latent"), hidden=plain.pop("hidden"))
        plain |= {name: tuple(plain[name]) for name in ("batches", "lambda_cos", "notes")}
        plain |= {name: None if plain[name] is None else pd.DataFrame(plain[name]) for name in _TABLES}
        n_rounds = len(plain["batches"]) - 1
        if len(tensors["rounds"]) != n_rounds:
            raise ShapeError(f"there are weights of {len(tensors['rounds'])} rounds; expected {n_rounds}.")
        rounds = Rounds.of_states(objective, n_features, tensors["rounds"], device)
        genes = None if names is None else _gene_space(names, tensors["genes"], n_features, len(plain["batches"]))
        return cls(**plain, rounds=rounds, genes=genes)


def n_genes(adata, layer: str | None) -> int | None:
    """Genes of the counts that are read; None for data that are refused later."""
    of = getattr(adata, "raw", None) if layer == "raw" else adata
    return getattr(of, "n_vars", None)


def for_each_batch(
    scores: np.ndarray, codes: np.ndarray, function: Callable[[np.ndarray, int], np.ndarray]
) -> np.ndarray:
    """Apply a function to the cells of each batch.

    Parameters
    ----------
    scores, codes
        Components of cells, shape (n_cells, n_pcs), and the batch number of each.
    function
        Of the components and the number of a batch.

    Returns
    -------
    Its results, rows in the order of `scores`.
    """
    result: Any = None
    for code, rows in enumerate(rows_of_groups(codes, int(codes.max()) + 1)):
        cells = scores[rows]
        if len(cells) == 0:
            continue
        part = function(cells, code)
        if result is None:
            result = np.empty((len(codes), *part.shape[1:]), part.dtype)
        result[rows] = part
    return result


def _gene_space(names: list[str], tensors: dict[str, torch.Tensor], n_features: int, n_batches: int) -> GeneSpace:
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    per_batch = (len(names), n_batches)
    expected = {"mean": per_batch, "sd": per_batch, "centre": per_batch[:1], "loadings": (len(names), n_features)}
    if wrong := [
        f"{name} has shape {arrays[name].shape}, not {e}" for name, e in expected.items() if arrays[name].shape != e
    ]:
        raise ShapeError("; ".join(wrong) + ".")
    return preparation.GeneSpace(genes=np.array(names, dtype=object), **arrays)
