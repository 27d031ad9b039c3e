"""A trained translation between two domains: translate new cells, save, load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from portal_lib.alignment.checks import Problems, in_order, read_table
from portal_lib.errors import ConfigError, ShapeError
from portal_lib.preparation.standardise import Scale
from portal_lib.training import inference, objectives
from portal_lib.training.device import resolve_device
from portal_lib.training.serialization import damage_reported, load_folder, networks_of, save_folder, state_of

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import ArrayLike

KIND, FORMAT = "Aligner", 1


@dataclass(frozen=True, eq=False)
class Aligner:
    """A trained translation between two domains; :func:`portal_lib.align` makes it.

    Parameters
    ----------
    method
        Name of the objective.
    parameters
        Its weights.
    networks
        On the device where they compute.
    scales
        Scales of the features of both domains.
    columns
        Names of the features of both domains; None where the data had none.
    history
        Losses before each logged step, unweighted: columns step, player, term, value.
    record
        Settings of the training, the precision used, and the numbers of shared features and known pairs.
    """

    method: str
    parameters: Mapping[str, Any]
    networks: nn.Module
    scales: tuple[Scale, Scale]
    columns: tuple[list[str] | None, list[str] | None]
    history: pd.DataFrame
    record: Mapping[str, Any]

    def translate(
        self, x: ArrayLike | AnnData, *, source: int, use_rep: str | None = None, data_name: str = "x"
    ) -> np.ndarray:
        """Translate cells of one domain into the other.

        Parameters
        ----------
        x
            Cells as in training, shape (n, features of the source). Columns of a table are matched by name, if the
            training data had names.
        source
            The domain of the cells, 1 or 2.
        use_rep
            Of AnnData, the key of obsm to use instead of X.
        data_name
            Name of the cells in messages, such as a file name.

        Returns
        -------
        Shape (n, features of the other domain), in its units, rows in the order of `x`.

        Raises
        ------
        ConfigError
            `source` is neither 1 nor 2.
        DataError, ShapeError
            A column is missing, a value is not finite, or the number of columns is wrong.
        """
        if source not in (1, 2):
            raise ConfigError(f"source is {source!r}; allowed: 1, 2.")
        problems = Problems()
        table = read_table(x, data_name, use_rep, problems)
        problems.raise_all()
        scale = self.scales[source - 1]
        values = in_order(table, self.columns[source - 1])
        if values.shape[1] != len(scale.mean):
            expected = f"domain {source} has {len(scale.mean)} features"
            raise ShapeError(f"{data_name}: has {values.shape[1]} columns; {expected}. Cells are rows.")
        weights = str(next(self.networks.parameters()).dtype).removeprefix("torch.")
        scaled = scale.apply(values, scaled_dtype(values, weights))
        return self.scales[2 - source].undo(inference.translate(self.networks, scaled, source="ab"[source - 1]))

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the model to a folder, atomically.

        Parameters
        ----------
        folder
            Holds ``description.json`` and ``tensors.pt`` afterwards.
        overwrite
            Replace an existing model. A folder that holds anything else is never replaced.

        Raises
        ------
        ConfigError, DataError
            `folder` exists and must not be replaced, or writing fails.
        """
        description = {
            "method": self.method,
            "parameters": dict(self.parameters),
            "columns": list(self.columns),
            "record": dict(self.record),
            "history": self.history.to_dict("list"),
        }
        scales = [[torch.from_numpy(part) for part in scale if part is not None] for scale in self.scales]
        tensors = {"networks": state_of(self.networks), "scales": scales}
        save_folder(folder, KIND, FORMAT, description, tensors, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "auto") -> Aligner:
        """Read a saved model.

        Parameters
        ----------
        folder
            As written by :meth:`save`, on any device.
        device
            Where to compute from now on: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

        Returns
        -------
        The model, which translates as before it was saved.

        Raises
        ------
        DataError, ShapeError
            The folder does not exist, is not a saved model, has another version of the format, or is damaged.
        ConfigError
            The device does not exist.
        """
        place = resolve_device(device)
        description, tensors = load_folder(folder, KIND, FORMAT)
        with damage_reported(folder):
            one, two = (Scale(*(part.numpy() for part in scale)) for scale in tensors["scales"])
            objective = objectives.find(description["method"])(**description["parameters"])
            networks = networks_of(objective, (len(one.mean), len(two.mean)), tensors["networks"], place)
            stored = {name: description[name] for name in ("method", "parameters", "record")}
            columns, history = tuple(description["columns"]), pd.DataFrame(description["history"])
            return cls(networks=networks, scales=(one, two), columns=columns, history=history, **stored)

    def __repr__(self) -> str:
        d1, d2 = (len(scale.mean) for scale in self.scales)
        return f"Aligner(method={self.method!r}, {d1} features and {d2})"


def scaled_dtype(x: np.ndarray, precision: str) -> type[np.floating]:
    """Precision of scaled values: float64 only if both the data and the training are in it."""
    return np.float64 if precision == "float64" and x.dtype == np.float64 else np.float32
