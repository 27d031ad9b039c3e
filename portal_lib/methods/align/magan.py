"""MAGAN: a dual GAN that is told what corresponds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal_lib.methods._result import Result
    from portal_lib.preparation.domains import TaskInput
    from portal_lib.preparation.prepared import Prepared

METHOD = {
    "label": "MAGAN",
    "task": ["integrate", "align"],
    "output": "embed",
    "shares": "_dual_gans",
    "params": {
        "lambda_corr": {
            "default": 1.0,
            "type": "number",
            "minimum": 0,
            "description": "Weight of the correspondence terms; 1 in the paper, 0 for the plain dual GAN.",
        },
        "pair_reduction": {
            "default": "sum",
            "type": "string",
            "enum": ["sum", "mean"],
            "description": "Known pairs are summed, as in the paper, or averaged.",
        },
        "augment_reconstructions": {"default": True},
        "n_pcs": {
            "default": 30,
            "type": "integer",
            "minimum": 1,
            "description": "Task integrate: leading components to use; all are shared features.",
        },
    },
    "citation": "Amodio and Krishnaswamy, ICML 2018, arXiv 1803.00385",
}


def align(view: TaskInput, params: dict, seed: int, device: str) -> Result:
    """Map the domains onto each other; see :func:`portal_lib.methods.align._dual_gans.align_by`.

    Raises
    ------
    NotApplicable
        Neither shared features nor pairs are known, or the network does not fit the features.
    """
    from portal_lib.errors import NotApplicable
    from portal_lib.methods.align._dual_gans import align_by
    from portal_lib.training.objectives.magan import Magan

    if params["lambda_corr"] > 0 and not (view.shared or view.pairs):
        raise NotApplicable("neither shared features nor pairs are known")
    return align_by(Magan, view, params, seed, device)


def run(data: Prepared, params: dict, seed: int, device: str) -> Result:
    """Translate every batch into the space of the first one, its reference.

    Parameters
    ----------
    data
        Prepared data: ``obsm["X_pca"]``, of which every component is a feature that all batches share, and
        ``obs["batch"]`` with its categories in data-set order. Not written to.
    params, seed, device
        As :func:`align` has them.

    Returns
    -------
    Result with an embedding of shape (n_cells, n_pcs), float32, in the order of `data`, PCA scores in the space of the
    reference: its own cells are as they were, those of every other batch are translated by a training of their own.

    Raises
    ------
    NotApplicable
        There is only one batch.

    Notes
    -----
    The paper integrates no principal components. Scores are divided by one number, the sd of the first component, so
    that the components keep their proportions.
    """
    import numpy as np

    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result

    batch = data.obs["batch"]
    codes, names = batch.cat.codes.to_numpy(), [str(name) for name in batch.cat.categories]
    if len(names) < 2:
        raise NotApplicable("there is only one batch")
    scores = np.array(data.obsm["X_pca"][:, : params["n_pcs"]], dtype=np.float32)
    scores -= scores.mean(axis=0)
    size = float(scores[:, 0].std())
    embedding, histories = scores.copy(), {}
    for code, name in enumerate(names[1:], start=1):
        found = align(_view(scores / size, codes, code), params, seed, device)
        embedding[codes == code] = found.x12 * size
        histories[name] = found.tables["history"]
    return Result(embedding=embedding, tables={"history": _stacked(histories)}, notes=found.notes)


def _view(scores, codes, code: int) -> TaskInput:
    """A batch as domain 1 and the reference as domain 2; every component is shared."""
    from portal_lib.preparation.domains import TaskInput

    names = tuple(f"PC{i + 1}" for i in range(scores.shape[1]))
    shared = tuple((i, i) for i in range(scores.shape[1]))
    return TaskInput(scores[codes == code], scores[codes == 0], names, names, shared, standardise=False)


def _stacked(histories: dict):
    """One table of all trainings, with a column that names the batch."""
    import pandas as pd

    return pd.concat([table.assign(batch=name) for name, table in histories.items()], ignore_index=True)
