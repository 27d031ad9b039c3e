"""MAGAN: a dual GAN with a correspondence loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from portal_lib.alignment.aligner import Aligner
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput
    from portal_lib.preparation.prepared import Prepared

METHOD = {
    "label": "MAGAN",
    "task": ["integrate", "align"],
    "output": "embed",
    "shares": "_dual_gans",
    "parameters": "portal_lib.alignment.parameters.MaganParameters",
    "parameter_names": [
        "lambda_corr",
        "pair_reduction",
        "lambda_rec",
        "augment_reconstructions",
        "augment_start",
        "hidden_g",
        "hidden_d",
        "learning_rate",
    ],
    "params": {
        "n_pcs": {
            "default": 30,
            "type": "integer",
            "minimum": 1,
            "description": "Task integrate: leading components to use; all of them are shared features.",
        }
    },
    "citation": "Amodio and Krishnaswamy, ICML 2018, arXiv 1803.00385",
}


def align(task_input: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Align the domains; see :func:`portal_lib.methods.align._dual_gans.align_by`.

    Raises
    ------
    NotApplicable
        There are neither shared features nor known pairs, or the network does not fit the features.
    """
    from portal_lib.errors import NotApplicable
    from portal_lib.methods.align._dual_gans import align_by

    if params["lambda_corr"] > 0 and not (task_input.shared or task_input.pairs):
        raise NotApplicable("neither shared features nor pairs are known")
    return align_by("magan", task_input, params, seed, device)


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Translate every batch into the space of the first one, its reference.

    Parameters
    ----------
    data
        Prepared data: ``obsm["X_pca"]``, whose components are shared features of all batches, and ``obs["batch"]`` with
        its categories in data-set order. Not modified.
    params, seed, device
        As in :func:`align`.

    Returns
    -------
    Result with an embedding of shape (n_cells, n_pcs), float32, in the order of `data`: PCA scores in the space of the
    reference, whose own cells are unchanged. Each other batch is translated by a training of its own, whose model,
    called by the number of the batch (``magan.1`` is that of the second one), translates ``X_pca`` of the batch, domain
    1, to the embedding, domain 2.

    Raises
    ------
    NotApplicable
        There is only one batch.

    Notes
    -----
    The paper does not integrate principal components. Scores are divided by the standard deviation of the first
    component, so that the components keep their proportions.
    """
    import numpy as np

    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result

    batch = data.obs["batch"]
    codes, names = batch.cat.codes.to_numpy(), [str(name) for name in batch.cat.categories]
    if len(names) < 2:
        raise NotApplicable("there is only one batch")
    scores = np.array(data.obsm["X_pca"][:, : params["n_pcs"]], dtype=np.float32)
    mean = scores.mean(axis=0)
    scores -= mean
    size = float(scores[:, 0].std())
    embedding, histories, notes, models = scores.copy(), {}, [], {}
    for code, name in enumerate(names[1:], start=1):
        found = align(_task_input(scores / size, codes, code), params, seed, device)
        embedding[codes == code] = found.x12 * size
        histories[name] = found.tables["history"]
        notes += [f"{name}: {note}" for note in found.notes["data"]]
        models[f"magan.{code}"] = _of_scores(found.models["magan"], mean, size)
    tables = {"history": _stacked(histories)}
    return Result(embedding=embedding, tables=tables, notes=found.notes | {"data": notes}, models=models)


def _task_input(scores, codes, code: int) -> TaskInput:
    """A batch as domain 1 and the reference as domain 2; every component is shared."""
    from portal_lib.preparation.domains import TaskInput

    names = tuple(f"PC{i + 1}" for i in range(scores.shape[1]))
    shared = tuple((i, i) for i in range(scores.shape[1]))
    return TaskInput(scores[codes == code], scores[codes == 0], names, names, shared, standardise=False)


def _of_scores(model: Aligner, mean: np.ndarray, size: float) -> Aligner:
    """A model of scores that were centred and divided by `size`, as one of the scores themselves."""
    from dataclasses import replace

    import numpy as np

    from portal_lib.preparation.standardise import Scale

    sd = np.full(len(mean), size, np.float64)
    return replace(model, scales=(Scale(mean.astype(np.float64), sd), Scale(np.zeros(len(mean)), sd)))


def _stacked(histories: dict):
    """Histories of all trainings as one table, with a column ``batch``."""
    import pandas as pd

    return pd.concat([table.assign(batch=name) for name, table in histories.items()], ignore_index=True)
