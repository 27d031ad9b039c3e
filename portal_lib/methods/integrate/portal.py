"""Portal through the public API: PortalModel integrates batches, align translates between two domains."""

METHOD = {
    "label": "Portal",
    "task": ["integrate", "align"],
    "output": "embed",
    "genes": "portal",
    "input": "X_pca",
    "environment": "torch",
    "device": "any",
    "threads": 16,
    "memory_gb": 2,
    "stochastic": True,
    "has_model": True,
    "parameters": "portal_lib.portal.parameters.PortalParameters",
    "parameter_names": [
        "lambda_cos",
        "training_steps",
        "batch_size",
        "n_pcs",
        "n_latent",
        "margin",
        "lambda_ae",
        "lambda_la",
        "learning_rate",
        "precision",
    ],
    "params": {
        "lambda_cos": {
            "description": "Weight of the cosine term, which the paper tunes in [15, 50]; `search` tries 15, 20, ..., "
            "50 in each round and keeps the value that mixes batches best; a list has one value per round (in a "
            "configuration, where a list is a sweep: a list of lists)."
        },
        "n_pcs": {"description": "Leading principal components of the prepared data to use."},
    },
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022), doi 10.1038/s43588-022-00251-y",
}


def run(data, params, seed, device):
    """Integrate the batches of `data`, the first of which is the reference.

    Parameters
    ----------
    data
        Prepared data, open or in memory: ``obsm["X_pca"]``, shape (n_cells, n_components), and ``obs["batch"]``, with
        its categories in the order of the data set. Not modified.
    params
        All parameters of the facts.
    seed
        Of weights and training batches; the same in every round.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Returns
    -------
    Result with an embedding of shape (n_cells, n_dims), float32, in the order of `data`: latent coordinates for two
    batches, the space of the first batch (PCA scores) for more, as in the paper. The table ``history`` has columns
    round, step, player, term, value; after a search ``trials`` has a row per value tried. Notes hold the steps, the
    precision and the values of `lambda_cos` used, and the space. The model is saved as one of the counts.

    Raises
    ------
    NotApplicable
        There is only one batch.
    DataError
        A batch has no cells, or there are fewer components than `n_pcs`.
    DivergedError
        A loss is no longer finite.
    """
    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result
    from portal_lib.portal.model import PortalModel

    batches = list(data.obs["batch"].cat.categories)
    if len(batches) < 2:
        raise NotApplicable("there is only one batch")
    model = PortalModel(**params, seed=seed, device=device)
    embedding = model.fit_transform(
        data, batch_key="batch", batches=batches, use_rep="X_pca", data_name="the prepared data", progress=True
    )
    record = model.record()
    notes = {name: record[name] for name in ("training_steps", "space", "precision")}
    notes |= {"rounds": len(batches) - 1, "lambda_cos": list(record["lambda_cos"])}
    tables = {name: record[name] for name in ("history", "trials") if record[name] is not None}
    return Result(embedding=embedding, tables=tables, notes=notes, models={"portal": _ForCounts(model, data)})


class _ForCounts:
    """A model that is saved together with what computes its components from counts."""

    def __init__(self, model, data):
        self._model, self._data = model, data

    def save(self, folder):
        """Write the model for :meth:`portal_lib.PortalModel.load`."""
        has_loadings = "PCs" in self._data.varm
        (self._model.with_genes(self._data) if has_loadings else self._model).save(folder)


def align(task_input, params, seed, device):
    """Translate two domains that have the same features into each other.

    Parameters
    ----------
    task_input
        :class:`portal_lib.preparation.domains.TaskInput` in which every feature of both domains is shared.
    params, seed, device
        As in :func:`run`; ``n_pcs`` has no effect.

    Returns
    -------
    Result with `x12`, `x21`, `x121`, `x212` in the units of the features, and the latent coordinates `z1`, `z2`.

    Raises
    ------
    NotApplicable
        A feature is not shared, so that the domains have no common space, or `lambda_cos` is not one number.

    Notes
    -----
    Features are standardised with mean and standard deviation of the cells of both domains, if `task_input` says so.
    """
    from portal_lib.alignment.align import align
    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result
    from portal_lib.methods.align._dual_gans import notes_of
    from portal_lib.methods.align._scaling import scale_of

    if not len(task_input.shared) == task_input.x1.shape[1] == task_input.x2.shape[1]:
        raise NotApplicable("Portal needs domains whose features are all shared")
    if not isinstance(params["lambda_cos"], int | float):
        raise NotApplicable("the task align has one round and no search: lambda_cos must be one number")
    weights = {name: value for name, value in params.items() if name != "n_pcs"}
    given = {"shared": task_input.shared, "scale": scale_of(task_input), "seed": seed, "device": device, **weights}
    found = align(task_input.x1, task_input.x2, method="portal", round_trip=True, progress=False, **given)
    arrays = {name: getattr(found, name) for name in ("x12", "x21", "x121", "x212", "z1", "z2")}
    models = {"portal": found.model}
    return Result(**arrays, tables={"history": found.history}, notes=notes_of(found), models=models)
