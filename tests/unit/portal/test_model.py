"""PortalModel: embeddings against the formulas in plain numpy, saving and loading, errors."""

import errno
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from cells_of_batches import QUICK, furnished_cells, made_cells, state_of

from portal_lib import PortalModel
from portal_lib.errors import ConfigError, DataError, DivergedError, ShapeError
from portal_lib.preparation import prepare
from portal_lib.training import inference
from portal_lib.training.chain import fit_chain
from portal_lib.training.objectives.portal import Portal

pytestmark = pytest.mark.usefixtures("one_thread")
FROM = {"counts": {}, "components": {"use_rep": "X_pca"}}


def fitted(cells, source="counts", **parameters):
    """A model in float64, where rounding hides nothing, and the result of its fit."""
    model = PortalModel(**QUICK | {"precision": "float64"} | parameters)
    return model, model.fit_transform(cells, batch_key="donor", **FROM[source])


def numpy_scores(cells, reference, names):
    """Components by the formulas, from all counts of the cells and the recipe on `reference`."""
    p = prepare(reference, batch_key="donor", label_key="type", batches=names, n_top_genes=150, n_pcs=8)
    counts = cells.X.toarray().astype(float)
    columns = [list(cells.var_names).index(gene) for gene in p.var_names]
    x = np.log1p(counts[:, columns] * 1e4 / counts.sum(axis=1, keepdims=True))
    codes = np.array([names.index(name) for name in cells.obs["donor"]])
    z = np.clip((x - p.varm["scale_mean"].T[codes]) / p.varm["scale_sd"].T[codes], -10, 10)
    return ((z - p.var["pca_mean"].to_numpy()) @ p.varm["PCs"]).astype(np.float32).astype(float), codes, p


def perceptron(model, i, part, domain, x):
    """A network of round `i` in numpy."""
    network = getattr(model._state.rounds.networks[i], part)
    layers = list(zip(network.weights, network.biases, strict=True))
    for k, (weight, bias) in enumerate(layers):
        x = x @ weight[domain].numpy() + bias[domain].numpy()
        x = np.maximum(x, 0) if k < len(layers) - 1 else x
    return np.clip(x, -50, 50) if part == "discriminator" else x


def to_reference(model, x, code):
    if code == 0:
        return x
    return perceptron(model, code - 1, "generator", 0, perceptron(model, code - 1, "encoder", 1, x))


def to_batch(model, x, code, target):
    if code == target:
        return x
    x = to_reference(model, x, code)
    if target == 0:
        return x
    return perceptron(model, target - 1, "generator", 1, perceptron(model, target - 1, "encoder", 0, x))


def by_cell(function, scores, codes):
    return np.concatenate([function(scores[i : i + 1], code) for i, code in enumerate(codes)])


@pytest.mark.parametrize("space", ["latent", "reference"])
@pytest.mark.parametrize("sizes", [(30, 24), (20, 24, 12)])
def test_embeddings_follow_the_formulas(sizes, space):
    cells = made_cells(sizes)
    model, result = fitted(cells, space=space)
    scores, codes, _ = numpy_scores(cells, cells, model.batches)
    last = len(sizes) - 1

    def place(x, code):
        if space == "reference":
            return to_reference(model, x, code)
        if code == last:
            return perceptron(model, last - 1, "encoder", 1, x)
        return perceptron(model, last - 1, "encoder", 0, to_reference(model, x, code))

    expected = by_cell(place, scores, codes)
    np.testing.assert_allclose(result, expected, atol=1e-4)
    np.testing.assert_allclose(model.transform(cells), expected, atol=1e-5)


@pytest.mark.parametrize("source", FROM)
@pytest.mark.parametrize("sizes", [(30, 24), (20, 24, 12)])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_transform_of_the_cells_of_the_fit_equals_its_result(source, sizes, precision):
    cells = made_cells(sizes)
    for space in ("latent", "reference"):
        model, result = fitted(cells, source, precision=precision, space=space)
        again = model.transform(cells)
        assert again.dtype == result.dtype == np.dtype(precision)
        np.testing.assert_allclose(again, result, atol=1e-4 if source == "counts" else 1e-6)


def test_new_cells_may_have_other_genes_in_another_order():
    old, new = made_cells(), made_cells((11, 16), n_genes=170, seed=5)
    new = new[:, np.random.default_rng(0).permutation(170)].copy()
    model, _ = fitted(old, space="reference")
    scores, codes, _ = numpy_scores(new, old, model.batches)
    expected = by_cell(lambda x, code: to_reference(model, x, code), scores, codes)
    np.testing.assert_allclose(model.transform(new), expected, atol=1e-5)
    few = new[[3, 7]].copy()
    np.testing.assert_allclose(model.transform(few), expected[[3, 7]], atol=1e-5)
    np.testing.assert_allclose(model.transform(new[20:4:-1]), expected[20:4:-1], atol=1e-5)


def test_new_cells_without_most_of_the_genes_give_a_warning():
    cells = made_cells(n_genes=400)
    model, _ = fitted(cells)
    assert len(model.genes) < 200
    with pytest.warns(UserWarning, match=r"\d+ genes, where the fit had 400\. Cells are normalised to their total"):
        model.transform(cells[:, model.genes].copy())
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.transform(cells)


@pytest.mark.parametrize("source", FROM)
def test_transform_does_not_modify_cells_and_accepts_other_keys(source):
    cells = furnished_cells()
    model, result = fitted(cells, source)
    before = state_of(cells)
    model.transform(cells)
    assert state_of(cells) == before
    cells.obs = cells.obs.rename(columns={"donor": "sample"})
    cells.obsm["X_other"], cells.layers["other"] = cells.obsm.pop("X_pca"), cells.X
    cells.X = None
    elsewhere = {"counts": {"layer": "other"}, "components": {"use_rep": "X_other"}}[source]
    np.testing.assert_allclose(model.transform(cells, "sample", **elsewhere), result, atol=1e-4)


def test_a_model_of_a_layer_reads_counts_from_x_on_request():
    cells = made_cells()
    expected = fitted(cells)[1]
    cells.layers["counts"], cells.X = cells.X, np.zeros(cells.shape)
    model = PortalModel(**QUICK, precision="float64").fit(cells, batch_key="donor", layer="counts")
    np.testing.assert_allclose(model.transform(cells), expected, atol=1e-4)
    np.testing.assert_allclose(model.transform(made_cells(), layer="X"), expected, atol=1e-4)


def test_two_batches_give_the_outputs_of_the_trainer():
    cells = made_cells()
    model, _ = fitted(cells, "components")
    rows = [np.flatnonzero(cells.obs["donor"] == name) for name in model.batches]
    settings = {"steps": 3, "batch_size": 16, "device": "cpu", "precision": "float64", "lambda_cos": 20.0}
    x_a, x_b = (cells.obsm["X_pca"][r, :8].astype(float) for r in rows)
    chain = fit_chain(Portal(n_latent=4), [x_a, x_b], **settings)
    networks, outputs = chain.rounds[0].networks, chain.outputs
    data_Bspace = np.concatenate([inference.translate(networks, x_a, source="a"), x_b])
    score_Aspace = inference.discriminator_logits(networks, outputs.data_Aspace, domain="a")
    score_Bspace = inference.discriminator_logits(networks, data_Bspace, domain="b")
    order, (first, second) = np.concatenate(rows), model.batches
    np.testing.assert_allclose(model.transform(cells)[order], outputs.latent, atol=1e-12)
    np.testing.assert_allclose(model.reference_space(cells)[order], outputs.data_Aspace, atol=1e-12)
    np.testing.assert_allclose(model.translate(cells, to=second)[order], data_Bspace, atol=1e-12)
    np.testing.assert_allclose(model.discriminator_logits(cells)[order], score_Aspace, atol=1e-12)
    np.testing.assert_allclose(model.discriminator_logits(cells, to=first)[order], score_Aspace, atol=1e-12)
    np.testing.assert_allclose(model.discriminator_logits(cells, to=second)[order], score_Bspace, atol=1e-12)


def test_translations_between_three_batches_pass_through_the_reference():
    cells = made_cells((20, 24, 12))
    model, _ = fitted(cells, "components")
    x = cells.obsm["X_pca"][:, :8].astype(float)
    codes = np.array([model.batches.index(name) for name in cells.obs["donor"]])
    for target, name in enumerate(model.batches):
        expected = by_cell(lambda x, code, target=target: to_batch(model, x, code, target), x, codes)
        np.testing.assert_allclose(model.translate(cells, name), expected, atol=1e-10)
        # The reference has a discriminator in every round: the one that brought the cells in.
        judges = [(max(code, 1) - 1, 0) if target == 0 else (target - 1, 1) for code in codes]
        logits = [perceptron(model, i, "discriminator", d, y) for (i, d), y in zip(judges, expected, strict=True)]
        np.testing.assert_allclose(model.discriminator_logits(cells, to=name), np.ravel(logits), atol=1e-10)


@pytest.mark.parametrize("standardise", ["reference", "own"])
def test_expression_by_the_formula(standardise):
    cells = made_cells((20, 24, 12))
    model, _ = fitted(cells)
    scores, codes, p = numpy_scores(cells, cells, model.batches)
    y = by_cell(lambda x, code: to_reference(model, x, code), scores, codes)
    scaled = y @ p.varm["PCs"].T + p.var["pca_mean"].to_numpy()
    column = codes if standardise == "own" else np.zeros(len(codes), int)
    expected = scaled * p.varm["scale_sd"].T[column] + p.varm["scale_mean"].T[column]
    assert model.genes == p.var_names.tolist()
    np.testing.assert_allclose(model.expression(cells, standardise=standardise), expected, atol=2e-4)
    np.testing.assert_allclose(model.expression(cells, kind="scaled", standardise=standardise), scaled, atol=2e-4)
    out = np.empty((56, len(model.genes)), np.float32)
    assert model.expression(cells[:, ::-1], standardise=standardise, out=out) is out
    np.testing.assert_allclose(out, expected, atol=2e-4)


def test_expression_needs_genes_and_a_known_standard():
    cells = made_cells()
    with pytest.raises(
        ConfigError, match=r"^expression needs a model that was fitted on counts; this one was fitted on"
    ):
        fitted(cells, "components")[0].expression(cells)
    with pytest.raises(ConfigError, match=r"^standardise is 'both'; allowed: 'reference', 'own'.$"):
        fitted(cells)[0].expression(cells, standardise="both")


@pytest.mark.parametrize(
    "name", ["transform", "translate", "reference_space", "discriminator_logits", "expression", "save"]
)
def test_methods_before_a_fit_are_one_message(name, tmp_path):
    arguments = {"save": [tmp_path / "m"], "translate": [made_cells(), "x"]}.get(name, [made_cells()])
    message = r"^this PortalModel is not fitted: call fit\(adata, batch_key=...\) first, or load a saved one.$"
    with pytest.raises(ConfigError, match=message):
        getattr(PortalModel(), name)(*arguments)
    for attribute in ("history", "trials", "batches", "genes"):
        with pytest.raises(ConfigError, match=message):
            getattr(PortalModel(), attribute)
    assert list(tmp_path.iterdir()) == []


def test_the_representation_describes_the_model():
    assert repr(PortalModel()) == "PortalModel(), not fitted"
    assert repr(PortalModel(lambda_cos=[15, 30])) == "PortalModel(lambda_cos=[15.0, 30.0]), not fitted"
    model, _ = fitted(made_cells((20, 20, 12)), lambda_cos=[15, 30])
    assert repr(model) == (
        "PortalModel(lambda_cos=[15.0, 30.0], training_steps=3, batch_size=16, n_latent=4, n_pcs=8, n_top_genes=150, "
        f"device='cpu', precision='float64'), fitted on 52 cells of 3 batches ({', '.join(model.batches)}), "
        "8 components of 150 genes, 3 steps per round, lambda_cos 15, 30, space reference"
    )
    assert "8 components of obsm['X_pca']" in repr(fitted(made_cells(), "components")[0])


def test_the_history_is_tidy_and_a_copy():
    model, _ = fitted(made_cells((20, 20, 12)))
    assert list(model.history.columns) == ["round", "step", "player", "term", "value"]
    assert model.history["round"].unique().tolist() == [0, 1]
    model.history["value"] = 0
    assert (model.history["value"] != 0).all()
    assert model.trials is None


def test_numbers_of_numpy_are_accepted():
    settings = {"lambda_cos": np.float32(20), "seed": np.int64(0), "batch_size": np.uint8(16)}
    one, other = (fitted(made_cells(), "components", **s)[1] for s in (settings, {}))
    np.testing.assert_array_equal(one, other)
    assert PortalModel(lambda_cos=np.array([15, 30])).parameters["lambda_cos"] == [15.0, 30.0]


def test_a_failed_fit_keeps_the_earlier_one():
    cells = made_cells()
    model, result = fitted(cells, "components")
    with pytest.raises(DataError):
        model.fit(cells, batch_key="donr", use_rep="X_pca")
    model.parameters["learning_rate"], model.parameters["training_steps"] = 1e200, 60
    with pytest.raises(DivergedError):
        model.fit(cells, batch_key="donor", use_rep="X_pca")
    np.testing.assert_array_equal(model.transform(cells), result)


NEW = {
    "unknown batches": (
        lambda c: setattr(c, "obs", c.obs.replace({"donor": {"x": "v"}})),
        "adata: obs['donor'] contains unknown batches 'v'. Known: {batches}.",
    ),
    "missing batches": (
        lambda c: setattr(c, "obs", c.obs.assign(donor=c.obs["donor"].where(np.arange(54) > 0))),
        "adata: obs['donor'] is empty for 1 of 54 cells: 'cell0'. Fill in or remove these cells.",
    ),
    "missing genes": (
        lambda c: c._inplace_subset_var(np.arange(150) > 6),
        "adata: 7 of the 150 genes that are needed are absent: ",
    ),
    "genes of another kind of name": (
        lambda c: setattr(c, "var_names", [f"ENSG{i}" for i in range(150)]),
        "adata: 150 of the 150 genes that are needed are absent: ",
    ),
    "logarithms": (
        lambda c: setattr(c, "X", np.log1p(c.X.toarray())),
        "adata: X contains fractions (largest value 5.659): it looks log-transformed. Raw counts are needed: ",
    ),
    "genes named twice": (
        lambda c: setattr(c, "var_names", ["gene1", *c.var_names[1:]]),
        "adata has 2 problems\n  1 gene name occurs more than once: 'gene1'.",
    ),
}


@pytest.mark.parametrize("kind", NEW)
def test_unusable_new_cells_are_one_message(kind):
    cells = made_cells()
    model, _ = fitted(cells)
    spoil, message = NEW[kind]
    spoil(cells)
    before = state_of(cells)
    with pytest.raises(DataError) as caught:
        model.transform(cells)
    assert str(caught.value).startswith(message.format(batches=", ".join(map(repr, model.batches))))
    assert state_of(cells) == before


def test_unusable_new_components_are_one_message():
    cells = made_cells()
    model, _ = fitted(cells, "components")
    with pytest.raises(DataError, match=r"^new.h5ad: obsm has no 'X_pc', did you mean 'X_pca'\? Found: X_pca. "):
        model.transform(cells, use_rep="X_pc", data_name="new.h5ad")
    cells.obsm["X_pca"] = cells.obsm["X_pca"][:, :5]
    with pytest.raises(DataError, match=r"^adata: obsm\['X_pca'\] has 5 components"):
        model.transform(cells)
    # One cell does not vary, and need not.
    assert model.transform(made_cells()[:1]).shape == (1, 4)


def test_a_model_of_prepared_components_embeds_counts_with_their_genes():
    cells = made_cells()
    prepared = prepare(cells, batch_key="donor", n_top_genes=150, n_pcs=9)
    names = list(prepared.obs["batch"].cat.categories)
    model = PortalModel(**QUICK | {"precision": "float64"})
    how = {"batch_key": "batch", "batches": names, "use_rep": "X_pca"}
    embedding = model.fit_transform(prepared, **how)
    of_counts = model.with_genes(prepared)
    np.testing.assert_allclose(of_counts.transform(cells), embedding, rtol=1e-4, atol=1e-4)
    assert of_counts.genes == prepared.var_names[prepared.var["portal"]].tolist()
    # The model itself stays one of components.
    assert model.genes is None
    np.testing.assert_array_equal(model.transform(prepared), embedding)
    with pytest.raises(ConfigError, match="the model was fitted on counts of the batches"):
        of_counts.with_genes(prepared)
    other = prepared.copy()
    other.obs["batch"] = other.obs["batch"].cat.reorder_categories(names[::-1])
    with pytest.raises(ConfigError, match="is needed"):
        model.with_genes(other)


def test_counts_and_components_are_not_interchangeable():
    cells = made_cells()
    with pytest.raises(ConfigError, match=r"^use_rep is 'X_pca', but this model was fitted on counts"):
        fitted(cells)[0].transform(cells, use_rep="X_pca")
    with pytest.raises(ConfigError, match=r"^layer is 'raw', but this model was fitted on components"):
        fitted(cells, "components")[0].transform(cells, layer="raw")


def test_an_unknown_target_batch_is_refused():
    model, _ = fitted(made_cells(), "components")
    known = ", ".join(map(repr, model.batches))
    for method in (model.translate, model.discriminator_logits):
        with pytest.raises(ConfigError, match=rf"^to: there is no batch 'w'. Known: {known}.$"):
            method(made_cells(), to="w")


@pytest.mark.parametrize("source", FROM)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_saved_model_is_the_same_model(tmp_path, source, precision):
    cells = made_cells((20, 24, 12))
    search = {"lambda_cos": "search", "lambda_grid": [15, 20]}
    model, _ = fitted(cells, source, precision=precision, **search)
    model.save(tmp_path / "deep" / "model")
    assert sorted(file.name for file in (tmp_path / "deep" / "model").iterdir()) == ["description.json", "tensors.pt"]
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["model"]
    again = PortalModel.load(tmp_path / "deep" / "model", device="cpu")
    assert again.transform(cells).tobytes() == model.transform(cells).tobytes()
    assert again.discriminator_logits(cells).tobytes() == model.discriminator_logits(cells).tobytes()
    if source == "counts":
        assert again.expression(cells).tobytes() == model.expression(cells).tobytes()
    pd.testing.assert_frame_equal(again.history, model.history, check_exact=True)
    pd.testing.assert_frame_equal(again.trials, model.trials, check_exact=True)
    assert repr(again) == repr(model)
    assert (again.parameters, again.batches, again.genes) == (model.parameters, model.batches, model.genes)
    records = [{k: v for k, v in m.record().items() if k not in ("history", "trials")} for m in (again, model)]
    assert records[0] == records[1]
    np.testing.assert_array_equal(
        again.fit_transform(cells, batch_key="donor", **FROM[source]),
        model.fit_transform(cells, batch_key="donor", **FROM[source]),
    )


def test_only_a_saved_model_is_replaced_and_only_on_request(tmp_path):
    cells = made_cells()
    (old, _), (new, _) = (fitted(cells, "components", seed=seed) for seed in (0, 1))
    old.save(tmp_path / "model")
    with pytest.raises(ConfigError, match=r"model: exists already. Choose another folder, or set overwrite"):
        new.save(tmp_path / "model")
    assert PortalModel.load(tmp_path / "model").parameters["seed"] == 0
    new.save(tmp_path / "model", overwrite=True)
    assert PortalModel.load(tmp_path / "model").parameters["seed"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("cat")
    with pytest.raises(
        DataError, match=r"photos: contains no PortalModel, since it has no description.json. It is not over"
    ):
        new.save(tmp_path / "photos", overwrite=True)
    (tmp_path / "file").write_text("text")
    with pytest.raises(DataError, match=r"file: is not a folder. It is not overwritten."):
        new.save(tmp_path / "file", overwrite=True)
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "cat"


@pytest.mark.parametrize("moment", ["write_text", "write_bytes", "rename"])
def test_a_full_disk_leaves_the_old_model_or_nothing(tmp_path, monkeypatch, moment):
    cells = made_cells()
    (old, _), (new, _) = (fitted(cells, "components", seed=seed) for seed in (0, 1))
    old.save(tmp_path / "model")
    real = os.rename

    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if moment == "rename":
        monkeypatch.setattr(os, "rename", lambda a, b: full() if Path(a).name == "new" else real(a, b))
    else:
        monkeypatch.setattr(Path, moment, full)
    for name in ("model", "other"):
        with pytest.raises(DataError, match=rf"{name}: cannot be written \(No space left on device\). No partial file"):
            new.save(tmp_path / name, overwrite=True)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert PortalModel.load(tmp_path / "model").parameters["seed"] == 0


def describe(folder, **changes):
    file = folder / "description.json"
    content = json.loads(file.read_text())
    for name, value in changes.items():
        part, _, key = name.rpartition("__")
        (content[part] if part else content)[key] = value
    file.write_text(json.dumps(content))


def tensors(change):
    def spoil(folder):
        content = torch.load(folder / "tensors.pt", weights_only=True)
        change(content)
        torch.save(content, folder / "tensors.pt")

    return spoil


def cut(folder):
    (folder / "tensors.pt").write_bytes((folder / "tensors.pt").read_bytes()[:-2000])


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch was_run",)


SPOILED = {
    "another version": (
        lambda f: describe(f, format=2),
        DataError,
        "is of format 2; this version of portal_lib reads 1.",
    ),
    "something else": (lambda f: describe(f, kind="Chair"), DataError, "contains no PortalModel."),
    "not JSON": (
        lambda f: (f / "description.json").write_text("{"),
        DataError,
        "description.json: cannot be read (Exp",
    ),
    "a list": (lambda f: (f / "description.json").write_text("[]"), DataError, "contains no PortalModel."),
    "no description": (
        lambda f: (f / "description.json").unlink(),
        DataError,
        "contains no PortalModel, since it has no",
    ),
    "no tensors": (lambda f: (f / "tensors.pt").unlink(), DataError, "tensors.pt: cannot be read ("),
    "cut short": (cut, DataError, "tensors.pt: cannot be read ("),
    "not tensors": (lambda f: (f / "tensors.pt").write_text("text"), DataError, "tensors.pt: cannot be read ("),
    "code": (
        lambda f: torch.save({"rounds": Evil(), "genes": {}}, f / "tensors.pt"),
        DataError,
        "tensors.pt: cannot be read (",
    ),
    "facts are missing": (lambda f: describe(f, fit={}), DataError, "is damaged (KeyError: "),
    "wrong parameters": (lambda f: describe(f, parameters__seed="one"), DataError, "is damaged (ConfigError: seed is"),
    "unknown parameters": (lambda f: describe(f, parameters__x=1), DataError, "is damaged (TypeError: "),
    "another number of components": (
        lambda f: describe(f, fit__n_features=7),
        ShapeError,
        "round 0: the weights do not",
    ),
    "another latent space": (
        lambda f: describe(f, fit__n_latent=5),
        ShapeError,
        "round 0: the weights do not fit portal",
    ),
    "another batch": (
        lambda f: describe(f, fit__batches=["x", "y", "z"]),
        ShapeError,
        "there are weights of 1 rounds; exp",
    ),
    "a weight is missing": (tensors(lambda c: c["rounds"][0].popitem()), ShapeError, "round 0: the weights do not fit"),
    "another gene": (
        lambda f: describe(f, fit__genes=["gene1"]),
        ShapeError,
        "mean has shape (150, 2), not (1, 2); sd has shape (150, 2), not (1, 2); centre has shape (150,), not (1,); ",
    ),
    "loadings are missing": (
        tensors(lambda c: c["genes"].pop("loadings")),
        DataError,
        "is damaged (KeyError: 'loadings'",
    ),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_damaged_or_foreign_folder_is_one_message(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    spoil, error, message = SPOILED[kind]
    fitted(made_cells())[0].save("model")
    spoil(Path("model"))
    with pytest.raises(error) as caught:
        PortalModel.load("model")
    assert type(caught.value) is error
    assert str(caught.value).startswith(
        f"model/{message}" if message.startswith(("des", "ten")) else f"model: {message}"
    )
    assert not Path("was_run").exists()


def test_a_missing_folder_is_one_message():
    with pytest.raises(DataError, match=r"^nowhere: there is no such folder.$"):
        PortalModel.load("nowhere")


def test_a_missing_device_is_one_message(tmp_path):
    fitted(made_cells(), "components")[0].save(tmp_path / "model")
    with pytest.raises(ConfigError, match=r"^device 'cuda:99' does not exist"):
        PortalModel.load(tmp_path / "model", device="cuda:99")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_model_from_a_gpu_opens_on_a_cpu_and_back(tmp_path):
    cells = made_cells()
    model, result = fitted(cells, device="cuda")
    assert model.record()["device"] == "cuda:0"
    np.testing.assert_allclose(model.transform(cells), result, atol=1e-4)
    model.save(tmp_path / "model")
    on_cpu = PortalModel.load(tmp_path / "model", device="cpu")
    assert on_cpu.record()["device"] == "cpu"
    np.testing.assert_allclose(on_cpu.transform(cells), result, atol=1e-4)
    on_gpu = PortalModel.load(tmp_path / "model")
    assert on_gpu.record()["device"] == "cuda:0"
    np.testing.assert_allclose(on_gpu.transform(cells), result, atol=1e-4)
    all_on_cpu = torch.load(tmp_path / "model" / "tensors.pt", weights_only=True)
    assert {t.device.type for state in all_on_cpu["rounds"] for t in state.values()} == {"cpu"}
