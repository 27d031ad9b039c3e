"""The result of a method."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    import scipy.sparse as sp


class Model(Protocol):
    """A trained model that can be written to a folder."""

    def save(self, folder: str | Path) -> None:
        """Write the model to a folder that does not exist."""


@dataclass(frozen=True)
class Result:
    """Result of one run. Cells are rows, in the order of the prepared data.

    Parameters
    ----------
    embedding
        Integrated coordinates, shape (n_cells, n_dims), any scale. Required for outputs ``embed`` and ``full``.
    connectivities
        Neighbour graph, shape (n_cells, n_cells), weights in [0, 1]. Required for output ``knn``.
    expression
        Corrected expression of the genes of ``X``, shape (n_cells, n_genes), on the scale that the method
        states. Required for output ``full``.
    x12, x21
        Task "align": cells of domain 1 as domain 2 would have measured them, shape (n1, d2), and vice versa, shape
        (n2, d1), in the units of the target domain. Required for output ``translate``.
    x121, x212
        Task "align", optional: the cells of `x12` and `x21` translated back, shapes (n1, d1) and (n2, d2).
    z1, z2
        Task "align": cells of both domains in a joint space, shapes (n1, k) and (n2, k). Required for output ``joint``.
    tables
        Further tables by name, such as a training history; each is written as TSV to the folder of the result.
    notes
        Facts for the record of the run, such as whether it converged.
    models
        Trained models by name, each with a method ``save(folder)``; kept where the configuration says so. Only of
        methods whose facts state ``has_model``.
    """

    embedding: np.ndarray | None = None
    connectivities: sp.csr_matrix | None = None
    expression: np.ndarray | sp.csr_matrix | None = None
    x12: np.ndarray | None = None
    x21: np.ndarray | None = None
    x121: np.ndarray | None = None
    x212: np.ndarray | None = None
    z1: np.ndarray | None = None
    z2: np.ndarray | None = None
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    notes: dict[str, object] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
