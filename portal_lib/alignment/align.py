"""Align two modalities: predictions of every cell in the other domain, and a model for new cells."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from portal_lib._parameters import defaults_of, documented
from portal_lib.alignment import checks
from portal_lib.alignment.aligner import Aligner, scaled_dtype
from portal_lib.alignment.parameters import TrainingParameters
from portal_lib.preparation.standardise import Scale, scales_of
from portal_lib.training import inference
from portal_lib.training.steps import default_training_steps
from portal_lib.training.trainer import fit

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import ArrayLike


@documented(TrainingParameters)
def align(
    x1: ArrayLike | AnnData,
    x2: ArrayLike | AnnData,
    *,
    shared: Sequence | Mapping | str | None = None,
    pairs: Sequence | Mapping | None = None,
    relation: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    method: str = "magan",
    use_rep: str | tuple[str | None, str | None] | None = None,
    scale: bool | str = True,
    round_trip: bool = False,
    checkpoint: str | Path | None = None,
    progress: bool | None = None,
    data_name: tuple[str, str] = ("x1", "x2"),
    **weights: Any,
) -> Alignment:
    """Learn to translate cells between two domains, such that corresponding cells are mapped onto each other.

    Parameters
    ----------
    x1, x2
        Cells of the two domains, shapes (n1, d1) and (n2, d2): arrays, tables, or AnnData (see `use_rep`). Cells are
        rows; neither cells nor features need to match. Not modified. Values without long tails, such as logarithms of
        counts or arcsinh of intensities.
    shared
        Shared features: (column of 1, column of 2), or one name that both domains have; or a mapping from columns of 1
        to columns of 2. Columns are given by number, or by name where the data have names; ``"same"`` for all names
        that both have.
    pairs
        Known pairs of cells: (row of 1, row of 2), or a mapping; by number, or by name where rows have names.
    relation
        Another correspondence: ``relation(in_1, in_2)`` of the same cells in both domains, tensors of shapes (n, d1)
        and (n, d2) in the units of `x1` and `x2`, returns a scalar tensor, 0 for a perfect correspondence. If it fails,
        its exception is the cause of a ConfigError.
    method
        An objective: ``"magan"``, or one without correspondence: ``"gan"`` (the plain dual GAN), ``"cyclegan"``,
        ``"discogan"``; or ``"portal"``, for domains with the same features, in the same order unless `shared` matches
        all of them. Methods without correspondence use `shared` for scaling only, and a note says so.
    use_rep
        Of AnnData, the key of obsm to use instead of X; two for one of each domain.
    scale
        True standardises features before training; False keeps values that are on one scale, and within ±10, already;
        ``"pixels"`` maps [0, 1] to [-1, 1].
    round_trip
        Also translate the predictions back, see :class:`Alignment`.
    checkpoint
        File for the state of the training: the same call resumes from it after an interruption.
    progress
        A progress bar on stderr; None shows one only if stderr is a terminal.
    data_name
        Names of the data in messages, such as file names.
    {parameters}
    weights
        Parameters of the objective, such as ``lambda_corr=10`` or ``augment_start=0`` of MAGAN; those of
        :class:`portal_lib.alignment.parameters.MaganParameters`, `CycleGanParameters` or `DualGANParameters`.

    Returns
    -------
    Predictions of every cell in the other domain, in its units, and the model.

    Raises
    ------
    DataError, ConfigError, ShapeError
        Data, correspondence or parameters cannot be used; the message lists every problem found before training.
    DivergedError
        A loss is no longer finite.
    DeviceMemoryError
        The GPU is out of memory.

    Notes
    -----
    To standardise, the mean of every feature is subtracted and its standard deviation divided out (1 for constant
    features); a shared feature has the mean and standard deviation of the cells of both domains, so that a shift
    between the domains stays a shift. Known pairs weigh the same in every scaled feature. Predictions are returned in
    the units of the input.

    References
    ----------
    Amodio and Krishnaswamy, ICML 2018, arXiv 1803.00385.

    Examples
    --------
    >>> found = portal_lib.align(panel_1, panel_2, shared=["CD3", "CD4", "CD8"], lambda_corr=10)
    >>> found.x12  # cells of panel_1 as panel_2 would have measured them
    >>> found.translate(new_cells, source=1)
    """
    given = {"shared": shared, "pairs": pairs, "relation": relation}
    settings = {name: weights.pop(name, default) for name, default in defaults_of(TrainingParameters).items()}
    request = checks.check((x1, x2), data_name, use_rep, given, method, weights, settings, scale)
    values = [table.values for table in request.tables]
    scales = scales_of(values, scale, request.shared)
    scales[1] = scales[1]._replace(order=request.order)
    scaled = [by.apply(x, scaled_dtype(x, request.settings["precision"])) for by, x in zip(scales, values, strict=True)]
    model = _trained(request, scales, scaled, checkpoint, progress)
    notes = [*checks.notes_on_data(request.tables, scaled, scale), *checks.notes_on_use(request, scale)]
    return Alignment(**_predictions(model, scaled, round_trip), model=model, notes=tuple(notes))


@dataclass(frozen=True, eq=False)
class Alignment:
    """The result of :func:`align`.

    Parameters
    ----------
    x12
        Cells of domain 1 as domain 2 would have measured them, shape (n1, d2), in the units of domain 2; rows in the
        order of `x1`, columns in that of `x2`. float32, or float64 if trained in it.
    x21
        Cells of domain 2 in domain 1, shape (n2, d1).
    model
        Translates new cells; can be saved.
    notes
        Properties of the data that can make training worse, and correspondences that the method does not use.
    x121, x212
        `x12` and `x21` translated back to domain 1 and to domain 2, shapes (n1, d1) and (n2, d2), with `round_trip`.
    z1, z2
        Latent coordinates of the cells of both domains, shapes (n1, n_latent) and (n2, n_latent), of methods that have
        a latent space (``"portal"``).
    """

    x12: np.ndarray
    x21: np.ndarray
    model: Aligner
    notes: tuple[str, ...] = ()
    x121: np.ndarray | None = None
    x212: np.ndarray | None = None
    z1: np.ndarray | None = None
    z2: np.ndarray | None = None

    @property
    def history(self) -> pd.DataFrame:
        """Losses before each logged step, unweighted: columns step, player, term, value. Domain A is 1, B is 2."""
        return self.model.history

    def translate(self, x: ArrayLike | AnnData, *, source: int) -> np.ndarray:
        """Translate new cells into the other domain.

        Parameters
        ----------
        x, source
            As for :meth:`Aligner.translate`.

        Returns
        -------
        Shape (n, features of the other domain), in its units, rows in the order of `x`.

        Raises
        ------
        ConfigError, DataError, ShapeError
            As there.
        """
        return self.model.translate(x, source=source)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the model, without the predictions, for :meth:`Aligner.load`.

        Parameters
        ----------
        folder, overwrite
            As for :meth:`Aligner.save`.

        Raises
        ------
        ConfigError, DataError
            As there.
        """
        self.model.save(folder, overwrite=overwrite)


def _trained(request, scales, scaled, checkpoint, progress) -> Aligner:
    """The model of a checked request."""
    settings = dict(request.settings)
    if settings["training_steps"] is None:
        settings["training_steps"] = default_training_steps(sum(map(len, scaled)))
    objective = request.objective.for_steps(settings["training_steps"])
    if "relation" in request.used and "relation" in checks.correspondences(objective):
        objective = replace(objective, relation=_on_scaled(objective.relation, scales))
    run = {name: value for name, value in settings.items() if name != "training_steps"}
    run |= {"steps": settings["training_steps"], "checkpoint": checkpoint, "progress": progress}
    trained = fit(objective, scaled[0], scaled[1], **run)
    record: dict[str, Any] = {"training": settings, "precision": trained.precision}
    record |= {"n_shared": len(request.shared), "n_pairs": request.n_pairs}
    parameters = {name: value for name, value in asdict(objective).items() if name not in checks.CORRESPONDENCE}
    columns = [None if table.columns is None else list(table.columns) for table in request.tables]
    by_domain = (scales[0], scales[1]), (columns[0], columns[1])
    return Aligner(objective.name, parameters, trained.networks, *by_domain, trained.history, record)


def _on_scaled(relation, scales: Sequence[Scale]):
    """A relation of scaled values, from one in the units of the input."""
    cached = {}

    @functools.wraps(relation)
    def scaled(in_1, in_2):
        key = in_1.device, in_1.dtype
        if key not in cached:
            pairs = [(scale.mean, scale.sd) for scale in scales]
            cached[key] = [[torch.as_tensor(v, device=key[0], dtype=key[1]) for v in pair] for pair in pairs]
        return relation(*(x * sd + mean for x, (mean, sd) in zip((in_1, in_2), cached[key], strict=True)))

    return scaled


def _predictions(model: Aligner, scaled: Sequence[np.ndarray], round_trip: bool) -> dict[str, np.ndarray]:
    """All arrays of an :class:`Alignment`."""
    networks, scales = model.networks, model.scales
    translated = [inference.translate(networks, x, source=source) for x, source in zip(scaled, "ab", strict=True)]
    found = dict(zip(("x12", "x21"), map(Scale.undo, scales[::-1], translated), strict=True))
    if round_trip:
        back = [inference.translate(networks, x, source=source) for x, source in zip(translated, "ba", strict=True)]
        found |= zip(("x121", "x212"), map(Scale.undo, scales, back), strict=True)
    if hasattr(networks, "encode"):
        latent = [inference.latent(networks, x, domain=domain) for x, domain in zip(scaled, "ab", strict=True)]
        found |= zip(("z1", "z2"), latent, strict=True)
    return found
