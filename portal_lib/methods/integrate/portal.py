"""Portal on the components of the Portal recipe."""

from __future__ import annotations

METHOD = {
    "label": "Portal",
    "task": ["integrate", "align"],
    "output": "embed",
    "environment": "torch",
    "device": "any",
    "threads": 16,
    "memory_gb": 2,
    "stochastic": True,
    "uses_labels": False,
    "control": False,
    "params": {
        "lambda_cos": {
            "default": 20.0,
            "type": ["number", "array", "string"],
            "minimum": 0,
            "items": {"type": "number", "minimum": 0},
            "pattern": "^search$",
            "description": "Weight of the cosine term, tuned in [15, 50] by the paper; `search` tries 15, 20, ..., 50 "
            "in each round and takes what mixes best; a list has one value per round (in a configuration, where a list "
            "is a sweep: a list of lists).",
        },
        "training_steps": {
            "default": None,
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "Steps per round; null means 2000, or 1000 for fewer than 20,000 cells.",
        },
        "batch_size": {
            "default": 500,
            "type": "integer",
            "minimum": 1,
            "description": "Cells of each batch per step, drawn with replacement; a batch may have fewer.",
        },
        "n_pcs": {
            "default": 30,
            "type": "integer",
            "minimum": 1,
            "description": "Leading components to use.",
        },
        "n_latent": {
            "default": 20,
            "type": "integer",
            "minimum": 1,
            "description": "Dimensions of the latent space.",
        },
        "margin": {
            "default": 5.0,
            "type": "number",
            "minimum": 0,
            "description": "Discriminator scores beyond ±margin give no gradient.",
        },
        "lambda_ae": {
            "default": 10.0,
            "type": "number",
            "minimum": 0,
            "description": "Weight of the autoencoder term.",
        },
        "lambda_la": {
            "default": 10.0,
            "type": "number",
            "minimum": 0,
            "description": "Weight of the latent-alignment term.",
        },
        "learning_rate": {
            "default": 0.001,
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Of both Adam optimisers.",
        },
        "precision": {
            "default": "auto",
            "type": "string",
            "enum": ["auto", "bfloat16", "float32", "float64"],
            "description": "Of matrix products in training; auto: bfloat16 where the device has it, else float32.",
        },
    },
    "citation": "Zhao et al., Nat. Comput. Sci. 2, 317-330 (2022), doi 10.1038/s43588-022-00251-y",
}


def run(data, params, seed, device):
    """Integrate the batches of `data`, the first of which is the reference.

    Parameters
    ----------
    data
        Prepared data, open or in memory: ``obsm["X_pca"]``, shape (n_cells, n_components), and ``obs["batch"]``, with
        its categories in data-set order. Not written to.
    params
        All of ``METHOD["params"]``.
    seed
        Of weights and batches; the same in every round.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Returns
    -------
    Result with an embedding of shape (n_cells, n_dims), float32, in the order of `data`: latent coordinates for two
    batches, the space of the first batch (PCA scores) for more, as the paper does. The table ``history`` has columns
    round, step, player, term, value; after a search ``trials`` has a row per value tried. Notes hold the steps, the
    precision and the values of `lambda_cos` used, and which space it is.

    Raises
    ------
    NotApplicable
        There is only one batch.
    DataError
        A batch has no cells, or there are fewer components than `n_pcs`.
    DivergedError
        A loss is no longer finite.
    """
    from portal_lib.methods._result import Result
    from portal_lib.training.grouping import group_rows, ungroup_rows
    from portal_lib.training.objectives.portal import Portal

    rows = _rows_of_batches(data.obs["batch"])
    scores = _components(data, params["n_pcs"])
    steps = _training_steps(params["training_steps"], len(scores))
    weights = {name: params[name] for name in ("n_latent", "margin", "lambda_ae", "lambda_la", "learning_rate")}
    settings = {"steps": steps, "batch_size": params["batch_size"], "seed": seed, "device": device}
    settings |= {"precision": params["precision"], "progress": True}
    chain, values, tables = _train(Portal(**weights), group_rows(scores, rows), params["lambda_cos"], settings)
    space = "latent" if len(rows) == 2 else "reference"
    embedding = chain.latent if space == "latent" else chain.data_Aspace
    ungroup_rows(embedding, rows)
    notes = {"training_steps": steps, "rounds": len(chain.rounds), "space": space}
    notes |= {"precision": chain.rounds[0].precision, "lambda_cos": values}
    return Result(embedding=embedding, tables=tables, notes=notes)


def _train(objective, domains, lambda_cos, settings):
    """The rounds, the value of each, and the tables of the training."""
    from portal_lib.training.chain import fit_chain
    from portal_lib.training.tuning import search_lambda_cos

    if lambda_cos == "search":
        found = search_lambda_cos(objective, domains, **settings)
        return found.chain, list(found.lambda_cos), {"history": found.chain.history, "trials": found.trials}
    chain = fit_chain(objective, domains, lambda_cos=lambda_cos, **settings)
    values = lambda_cos if isinstance(lambda_cos, list) else [lambda_cos] * len(chain.rounds)
    return chain, values, {"history": chain.history}


def align(view, params, seed, device):
    """Translate two domains that have the same features into each other.

    Parameters
    ----------
    view
        :class:`portal_lib.preparation.domains.TaskInput` in which every feature of both domains is shared.
    params, seed, device
        As in :func:`run`; ``n_pcs`` has no meaning here.

    Returns
    -------
    Result with `x12`, `x21`, `x121`, `x212` in the units of the features, and the latent coordinates `z1`, `z2`.

    Raises
    ------
    NotApplicable
        A feature is not shared, so that the domains lie in no common space, or `lambda_cos` is not one number.

    Notes
    -----
    Features are standardised with the mean and sd of the cells of both domains, where the view asks for it.
    """
    import numpy as np

    from portal_lib.errors import NotApplicable
    from portal_lib.methods._result import Result
    from portal_lib.methods.align._scaling import scales
    from portal_lib.training import inference
    from portal_lib.training.objectives.portal import Portal
    from portal_lib.training.trainer import fit

    d = view.x1.shape[1]
    if not len(view.shared) == d == view.x2.shape[1]:
        raise NotApplicable("Portal needs domains whose features are all shared")
    if not isinstance(params["lambda_cos"], int | float):
        raise NotApplicable("the task align has one round and no search: lambda_cos must be one number")
    columns = np.array(sorted(view.shared))[:, 1]
    found = scales(view)
    found = [found[0], type(found[1])(found[1].mean[columns], found[1].sd[columns])]
    values = [view.x1, view.x2[:, columns]]
    scaled = [scale.apply(x, "float32") for scale, x in zip(found, values, strict=True)]
    steps = _training_steps(params["training_steps"], sum(map(len, values)))
    names = ("n_latent", "margin", "lambda_ae", "lambda_la", "learning_rate", "lambda_cos")
    trained = fit(
        Portal(**{name: params[name] for name in names}),
        *scaled,
        steps=steps,
        batch_size=params["batch_size"],
        seed=seed,
        device=device,
        precision=params["precision"],
        progress=False,
    )
    to_2, to_1 = (inference.translate(trained.networks, x, source=of) for x, of in zip(scaled, "ab", strict=True))
    back = [inference.translate(trained.networks, x, source=of) for x, of in ((to_2, "b"), (to_1, "a"))]
    x12, x212 = np.empty_like(view.x2, shape=(len(view.x1), d)), np.empty_like(view.x2)
    x12[:, columns], x212[:, columns] = found[1].undo(to_2), found[1].undo(back[1])
    made = {"x12": x12, "x21": found[0].undo(to_1), "x121": found[0].undo(back[0]), "x212": x212}
    z1, z2 = (inference.latent(trained.networks, x, domain=of) for x, of in zip(scaled, "ab", strict=True))
    notes = {"training_steps": steps, "precision": trained.precision}
    return Result(**made, z1=z1, z2=z2, tables={"history": trained.history}, notes=notes)


def _training_steps(steps, n_cells):
    from portal_lib.training.steps import default_training_steps

    return default_training_steps(n_cells) if steps is None else steps


def _components(data, n_pcs):
    from portal_lib.errors import DataError

    scores = data.obsm["X_pca"]
    if scores.shape[1] < n_pcs:
        raise DataError(f"X_pca has {scores.shape[1]} components; n_pcs asks for {n_pcs}. Lower n_pcs.")
    return scores[:, :n_pcs]


def _rows_of_batches(batch):
    """Row numbers of each batch, in the order of the categories."""
    import numpy as np

    from portal_lib.errors import DataError, NotApplicable
    from portal_lib.training.grouping import rows_of_groups

    names, codes = list(batch.cat.categories), batch.cat.codes.to_numpy()
    rows = rows_of_groups(codes, len(names))
    sizes = np.bincount(codes, minlength=len(names))
    empty = [str(name) for name, size in zip(names, sizes, strict=True) if size == 0]
    if empty:
        raise DataError(f"obs['batch']: no cells in {', '.join(empty)}.")
    if len(rows) < 2:
        raise NotApplicable("there is only one batch")
    return rows
