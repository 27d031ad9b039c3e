"""portal_lib.integrate: what it writes, what it must not change, and which errors it gives."""

import inspect
import warnings

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from cells_of_batches import QUICK, furnished_cells, made_cells, state_of

import portal_lib
from portal_lib import PortalModel, integrate
from portal_lib._parameters import defaults_of, schema_of
from portal_lib.errors import ConfigError, DataError, DivergedError, PortalLibError
from portal_lib.portal.parameters import PortalParameters
from portal_lib.preparation import prepare
from portal_lib.training.chain import fit_chain
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.steps import default_training_steps


@pytest.fixture(autouse=True)
def _quiet():
    """One thread; global random generators must not change."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    yield
    torch.set_num_threads(threads)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


def integrated(cells, **options):
    options = {"batch_key": "donor"} | QUICK | options
    integrate(cells, **options)
    return cells.obsm[options.get("key_added", "X_portal")]


def trained(scores, cells, order, **options):
    """The trainer itself on the components, rows in the order of the cells."""
    rows = [np.flatnonzero(cells.obs["donor"].astype(str) == name) for name in order]
    settings = {"steps": 3, "batch_size": 16, "device": "cpu", "lambda_cos": 20.0} | options
    chain = fit_chain(Portal(n_latent=4), [scores[r] for r in rows], **settings)
    grouped = chain.latent if len(order) == 2 else chain.data_Aspace
    result = np.empty_like(grouped)
    result[np.concatenate(rows)] = grouped
    return result


def first_seen(cells):
    return list(dict.fromkeys(cells.obs["donor"]))


def test_counts_give_the_result_of_preparation_and_trainer():
    cells = made_cells()
    scores = prepare(cells, batch_key="donor", label_key="type", n_top_genes=150, n_pcs=8).obsm["X_pca"]
    result = integrated(cells)
    assert result.shape == (54, 4)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, trained(scores, cells, first_seen(cells)))


@pytest.mark.parametrize("sizes", [(30, 24), (20, 24, 12)])
def test_components_give_the_result_of_the_trainer_on_the_leading_ones(sizes):
    cells = made_cells(sizes)
    result = integrated(cells, use_rep="X_pca", seed=3)
    np.testing.assert_array_equal(result, trained(cells.obsm["X_pca"][:, :8], cells, first_seen(cells), seed=3))


def test_integrate_writes_its_two_keys_and_changes_nothing_else():
    cells = furnished_cells()
    before, objects = state_of(cells), (cells.X, cells.uns["neighbors"], cells.layers["counts"])
    integrated(cells, layer="counts")
    after = state_of(cells)
    assert set(after["obsm"]) - set(before["obsm"]) == {"X_portal"}
    assert set(after["uns"]) - set(before["uns"]) == {"portal"}
    after["obsm"].pop("X_portal")
    after["uns"].pop("portal")
    assert after == before
    assert all(a is b for a, b in zip(objects, (cells.X, cells.uns["neighbors"], cells.layers["counts"]), strict=True))


def test_an_object_can_hold_two_results():
    cells = made_cells((30, 24))
    for value, name in ((20, "X_20"), (50, "X_50")):
        integrated(cells, use_rep="X_pca", lambda_cos=value, key_added=name)
    assert {"X_20", "X_50"} <= set(cells.obsm)
    assert [cells.uns[name]["lambda_cos"].tolist() for name in ("X_20", "X_50")] == [[20.0], [50.0]]
    assert "portal" not in cells.uns


def test_the_record_holds_the_settings_and_can_be_written(tmp_path):
    cells = made_cells((30, 24, 14))
    integrated(cells, lambda_cos=[15, 30], space="latent", precision="float64", seed=5)
    record = cells.uns["portal"]
    assert record["batches"].tolist() == first_seen(cells)
    assert record["lambda_cos"].tolist() == [15.0, 30.0]
    settings = {
        name: record[name] for name in ("batch_key", "key_added", "space", "precision", "training_steps", "device")
    }
    assert list(settings.values()) == ["donor", "X_portal", "latent", "float64", 3, "cpu"]
    parameters = {name: value for name, value in record["parameters"].items() if name != "lambda_cos"}
    assert parameters == QUICK | {"seed": 5, "space": "latent", "precision": "float64"} | {
        "margin": 5.0,
        "lambda_ae": 10.0,
        "lambda_la": 10.0,
        "learning_rate": 0.001,
    }
    assert record["versions"]["portal_lib"] == portal_lib.__version__
    assert list(record["history"].columns) == ["round", "step", "player", "term", "value"]
    assert record["history"]["round"].unique().tolist() == [0, 1]
    cells.write_h5ad(tmp_path / "cells.h5ad")
    again = anndata.read_h5ad(tmp_path / "cells.h5ad")
    pd.testing.assert_frame_equal(again.uns["portal"]["history"], record["history"])
    for one, other in ((again.uns["portal"], record), (again.uns["portal"]["parameters"], record["parameters"])):
        assert set(one) == set(other)
    assert again.uns["portal"]["batches"].tolist() == record["batches"].tolist()
    np.testing.assert_array_equal(again.obsm["X_portal"], cells.obsm["X_portal"])


def test_notes_of_the_preparation_are_in_the_record():
    cells = made_cells()
    spoil("X", [5], range(150), 0)(cells)
    integrated(cells)
    assert cells.uns["portal"]["notes"][0] == "1 cell has no counts; kept, all values 0."


def test_a_search_is_recorded():
    cells = made_cells((20, 20, 20))
    result = integrated(cells, use_rep="X_pca", lambda_cos="search", lambda_grid=[15, 40])
    trials = cells.uns["portal"]["trials"]
    assert trials[["round", "lambda_cos"]].to_numpy().tolist() == [[0, 15], [0, 40], [1, 15], [1, 40]]
    chosen = trials.loc[trials["chosen"], "lambda_cos"].tolist()
    assert cells.uns["portal"]["lambda_cos"].tolist() == chosen
    expected = trained(cells.obsm["X_pca"][:, :8], cells, first_seen(cells), lambda_cos=chosen)
    np.testing.assert_array_equal(result, expected)


def test_three_batches_give_the_space_of_the_first_or_the_requested_one():
    cells = made_cells((20, 24, 12))
    result = integrated(cells, use_rep="X_pca", batches=["z", "y", "x"])
    first = (cells.obs["donor"] == "z").to_numpy()
    assert result.shape == (56, 8)
    np.testing.assert_array_equal(result[first], cells.obsm["X_pca"][first, :8])
    assert cells.uns["portal"]["space"] == "reference"
    assert integrated(cells, use_rep="X_pca", space="latent").shape == (56, 4)


def test_a_batch_may_have_fewer_cells_than_a_step_draws():
    cells = made_cells((40, 12))
    assert np.isfinite(integrated(cells, batch_size=64)).all()


COLUMNS = {
    "text": lambda c: c,
    "category": lambda c: c.astype("category"),
    "unused categories": lambda c: c.astype("category").cat.set_categories(["w", "x", "y", "v"]),
    "whole numbers": lambda c: (c == "x").astype(int) + 7,
    "numbers": lambda c: (c == "x") * 1.5,
    "true and false": lambda c: c == "x",
    "objects": lambda c: c.map({"x": ("a", 1), "y": ("b", 2)}),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_of_any_type_and_any_categories_gives_the_same(kind):
    cells = made_cells()
    expected = integrated(cells.copy())
    cells.obs["donor"] = COLUMNS[kind](cells.obs["donor"])
    np.testing.assert_array_equal(integrated(cells), expected)
    names = [str(name).removesuffix(".0") for name in dict.fromkeys(cells.obs["donor"])]
    assert cells.uns["portal"]["batches"].tolist() == names


def test_batches_that_are_numbers_have_one_name_whatever_their_type():
    cells = made_cells()
    number = {name: float(n) for n, name in enumerate(first_seen(cells), start=3)}
    plain = cells.obs["donor"].map(number)
    expected = integrated(cells.copy())
    for column in (
        plain,
        plain.astype(int),
        plain.astype(str),
        pd.Categorical(plain, sorted(set(plain)), ordered=True),
    ):
        cells.obs["donor"] = column if isinstance(column, pd.Categorical) else column.to_numpy()
        np.testing.assert_array_equal(integrated(cells), expected)
        assert cells.uns["portal"]["batches"].tolist() == ["3", "4"]
    for given in ([3.0, 4.0], [3, 4], ["3", "4"], ["3.0", "4.0"]):
        integrated(cells, batches=given)
        assert cells.uns["portal"]["batches"].tolist() == ["3", "4"]


def test_the_order_of_batches_is_that_of_appearance_unless_one_is_given():
    cells = made_cells((20, 20, 20))
    seen = first_seen(cells)
    cells.obs["sorted"] = pd.Categorical(cells.obs["donor"])
    cells.obs["ordered"] = pd.Categorical(cells.obs["donor"], categories=["w", "x", "z", "y"], ordered=True)
    assert seen not in (sorted(seen), ["x", "z", "y"])
    given = {"sorted": seen, "ordered": ["x", "z", "y"]}
    for column, names in given.items():
        integrated(cells, use_rep="X_pca", batch_key=column)
        assert cells.uns["portal"]["batches"].tolist() == names
    integrated(cells, use_rep="X_pca", batch_key="ordered", batches=["z", "y", "x"])
    assert cells.uns["portal"]["batches"].tolist() == ["z", "y", "x"]


@pytest.mark.parametrize("make", [sp.csc_matrix, sp.csr_array, lambda x: x.toarray(), lambda x: x.astype(np.int64)])
def test_counts_of_any_format_give_the_same(make):
    cells = made_cells()
    expected = integrated(cells.copy())
    cells.X = make(cells.X)
    np.testing.assert_array_equal(integrated(cells), expected)


@pytest.mark.parametrize("layer", ["counts", "raw"])
def test_counts_in_a_layer_or_in_raw_give_the_same(layer):
    cells = made_cells()
    expected = integrated(cells.copy())
    if layer == "raw":
        cells.raw = cells.copy()
        cells = cells[:, 20:].copy()
    else:
        cells.layers["counts"] = cells.X.copy()
    cells.X = np.log1p(cells.X.toarray())
    np.testing.assert_array_equal(integrated(cells, layer=layer), expected)


@pytest.mark.parametrize("options", [{}, {"use_rep": "X_pca"}, {"layer": "raw"}])
def test_a_view_gets_the_result_and_its_parent_does_not(options):
    parent = made_cells((40, 30))
    parent.raw = parent.copy()
    rows = np.arange(70)[::-1][:60]
    expected = integrated(parent[rows].copy(), **options)
    before, view = state_of(parent), parent[rows]
    assert view.is_view
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(integrated(view, **options), expected)
    assert view.uns["portal"]["batches"].tolist() == first_seen(view)
    assert state_of(parent) == before


def test_components_in_a_table_and_memory_maps_of_them(tmp_path):
    cells = made_cells()
    expected = integrated(cells.copy(), use_rep="X_pca")
    names = [f"PC{i}" for i in range(12)]
    cells.obsm["table"] = pd.DataFrame(cells.obsm["X_pca"], index=cells.obs_names, columns=names)
    np.testing.assert_array_equal(integrated(cells, use_rep="table"), expected)
    np.save(tmp_path / "scores.npy", cells.obsm["X_pca"])
    cells.obsm["mapped"] = np.load(tmp_path / "scores.npy", mmap_mode="r")
    np.testing.assert_array_equal(integrated(cells, use_rep="mapped"), expected)


@pytest.mark.parametrize("sizes", [(30, 24), (20, 24, 12)])
def test_batches_of_consecutive_cells_are_not_copied(sizes, monkeypatch):
    cells = made_cells(sizes)
    cells = cells[np.argsort(cells.obs["donor"], kind="stable")].copy()
    expected = trained(cells.obsm["X_pca"][:, :8], cells, first_seen(cells))
    real, seen = portal_lib.portal.model.fit_chain, []
    monkeypatch.setattr(
        "portal_lib.portal.model.fit_chain", lambda o, domains, **s: seen.extend(domains) or real(o, domains, **s)
    )
    np.testing.assert_array_equal(integrated(cells, use_rep="X_pca"), expected)
    assert all(np.shares_memory(x, cells.obsm["X_pca"]) for x in seen)
    assert [len(x) for x in seen] == cells.obs["donor"].value_counts(sort=False)[first_seen(cells)].tolist()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    cells = made_cells()
    one, again, other = (integrated(cells, use_rep="X_pca", seed=seed) for seed in (1, 1, 2))
    assert one.tobytes() == again.tobytes()
    assert not np.array_equal(one, other)


def test_a_second_call_replaces_the_first_and_other_keys_stay():
    cells = made_cells()
    first = integrated(cells, use_rep="X_pca", key_added="X_first").copy()
    integrated(cells, use_rep="X_pca", seed=1)
    expected = integrated(made_cells(), use_rep="X_pca", seed=2)
    np.testing.assert_array_equal(integrated(cells, use_rep="X_pca", seed=2), expected)
    np.testing.assert_array_equal(cells.obsm["X_first"], first)
    assert cells.uns["portal"]["parameters"]["seed"] == 2


@pytest.mark.parametrize(("n_cells", "steps"), [(19_999, 1000), (20_000, 2000)])
def test_the_published_rule_for_the_number_of_steps(n_cells, steps):
    assert default_training_steps(n_cells) == steps


def test_the_number_of_all_cells_decides_the_default_number_of_steps(monkeypatch):
    monkeypatch.setattr("portal_lib.portal.model.default_training_steps", {54: 2}.__getitem__)
    cells = made_cells()
    integrated(cells, use_rep="X_pca", training_steps=None)
    assert cells.uns["portal"]["training_steps"] == 2


def test_an_interrupted_training_resumes(tmp_path, monkeypatch):
    cells = made_cells((20, 20, 20))
    expected = integrated(cells.copy(), use_rep="X_pca")
    real = portal_lib.training.chain.fit

    def killed_in_the_second_round(objective, a, b, **settings):
        if len(a) > 20:
            raise KeyboardInterrupt
        return real(objective, a, b, **settings)

    monkeypatch.setattr("portal_lib.training.chain.fit", killed_in_the_second_round)
    before = state_of(cells)
    with pytest.raises(KeyboardInterrupt):
        integrated(cells, use_rep="X_pca", checkpoints=tmp_path / "state")
    assert state_of(cells) == before
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["training.round0.steps3.pt"]
    monkeypatch.setattr("portal_lib.training.chain.fit", real)
    np.testing.assert_array_equal(integrated(cells, use_rep="X_pca", checkpoints=tmp_path / "state"), expected)


def test_backed_objects_are_supported(tmp_path):
    cells = made_cells()
    expected = integrated(cells.copy(), use_rep="X_pca")
    from_counts = integrated(cells.copy())
    cells.write_h5ad(tmp_path / "cells.h5ad")
    before = (tmp_path / "cells.h5ad").read_bytes()
    backed = anndata.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    try:
        np.testing.assert_array_equal(integrated(backed, use_rep="X_pca"), expected)
        np.testing.assert_array_equal(integrated(backed), from_counts)
        with pytest.raises(DataError, match=r"^adata is a view of an object in backed mode, which cannot be"):
            integrated(backed[:40], use_rep="X_pca")
    finally:
        backed.file.close()
    assert (tmp_path / "cells.h5ad").read_bytes() == before


def test_the_definition_of_the_parameters_reaches_signatures_and_documentation():
    fit_arguments = {name: p for name, p in inspect.signature(PortalModel.fit).parameters.items() if name != "self"}
    transform_arguments = inspect.signature(PortalModel.fit_transform).parameters
    assert {name: p for name, p in transform_arguments.items() if name != "self"} == fit_arguments
    call = inspect.signature(integrate).parameters
    assert set(call) == set(fit_arguments) - {"data_name"} | {"key_added"} | set(defaults_of(PortalParameters))
    assert all(call[name] == p for name, p in fit_arguments.items() if name not in ("adata", "data_name"))
    for function in (PortalModel, integrate):
        shown = inspect.signature(function).parameters
        assert {name: shown[name].default for name in defaults_of(PortalParameters)} == defaults_of(PortalParameters)
        text = " ".join(inspect.getdoc(function).split())
        for name, words in schema_of(PortalParameters).items():
            description = words["description"].partition(" Null: ")[0]
            assert f" {name} {description}" in text


def spoil(place, rows, columns, value):
    def change(cells):
        matrix = cells.X.toarray() if place == "X" else cells.obsm[place]
        matrix[np.ix_(rows, columns)] = value
        if place == "X":
            cells.X = sp.csr_matrix(matrix)

    return change


def column(value, rows=range(3)):
    def change(cells):
        cells.obs["donor"] = cells.obs["donor"].astype(object)
        cells.obs.iloc[list(rows), cells.obs.columns.get_loc("donor")] = value

    return change


def no_change(cells):
    pass


PCA = {"use_rep": "X_pca"}
COUNTS_NEEDED = "Raw counts are needed: whole numbers, none negative."
BAD_DATA = {
    "not a number": (
        spoil("X", [2], [3], np.nan),
        {},
        f"adata: X contains values that are NaN or infinite (1 of 8,100). {COUNTS_NEEDED} No layer and no "
        "raw.X contains counts either.",
    ),
    "logarithms, counts elsewhere": (
        lambda c: (c.layers.update(counts=c.X.copy()), setattr(c, "X", np.log1p(c.X.toarray()))),
        {},
        f"adata: X contains fractions (largest value 5.659): it looks log-transformed. {COUNTS_NEEDED} Found in "
        "layers['counts']: set layer to 'counts'.",
    ),
    "a layer that is absent": (
        lambda c: c.layers.update(counts=c.X.copy()),
        {"layer": "cuonts"},
        "adata: has no layer 'cuonts', did you mean 'counts'? Found: counts. Set layer.",
    ),
    "a column that is absent": (
        no_change,
        {"batch_key": "dnor"},
        "adata: obs has no column 'dnor', did you mean 'donor'? Found: donor, type. Set batch_key.",
    ),
    "missing batches": (
        column(None),
        {},
        "adata: obs['donor'] is empty for 3 of 54 cells: 'cell0', 'cell1', 'cell2'. Fill in or remove these cells.",
    ),
    "missing batches of components": (
        column(np.nan),
        PCA,
        "adata: obs['donor'] is empty for 3 of 54 cells: 'cell0', 'cell1', 'cell2'. Fill in or remove these cells.",
    ),
    "one batch": (
        column("y", range(54)),
        {},
        "adata: obs['donor'] has only one batch, 'y'. Integration needs two or more.",
    ),
    "one batch of components": (
        column("y", range(54)),
        PCA,
        "adata: obs['donor'] has only one batch, 'y'. Integration needs two or more.",
    ),
    "a tiny batch": (
        column("w"),
        PCA,
        "adata: batches of fewer than 10 cells: 'w' (3). Remove them or join them with others.",
    ),
    "a batch without cells": (
        no_change,
        {"batches": ["y", "x", "z"]},
        "adata: obs['donor'] lacks the batches 'z'. Found: 'x', 'y'.",
    ),
    "no cells": (
        lambda c: c._inplace_subset_obs([]),
        PCA,
        "adata: it has no cells (shape 0 × 150, cells × genes).",
    ),
    "components that are absent": (
        no_change,
        {"use_rep": "X_pc"},
        "adata: obsm has no 'X_pc', did you mean 'X_pca'? Found: X_pca. Set use_rep, or leave it for counts.",
    ),
    "too few components": (
        no_change,
        PCA | {"n_pcs": 30},
        "adata: obsm['X_pca'] has 12 components; n_pcs is 30. Lower n_pcs.",
    ),
    "components that are not finite": (
        spoil("X_pca", [4, 9], [1, 7], np.inf),
        PCA,
        "adata: obsm['X_pca'] contains 4 values of 432 that are NaN or infinite, in cells 'cell4', 'cell9'.",
    ),
    "components that do not vary": (
        spoil("X_pca", range(54), [0, 5], 2.5),
        PCA,
        "adata: obsm['X_pca']: columns 0, 5 (from 0) are the same in all cells. Leave them out of the components.",
    ),
    "sparse components": (
        lambda c: c.obsm.update(X_pca=sp.csr_matrix(c.obsm["X_pca"])),
        PCA,
        "adata: obsm['X_pca'] is csr_matrix. A dense matrix of numbers, cells × components, is needed.",
    ),
    "several at once": (
        lambda c: (column(None)(c), spoil("X_pca", [0], [0], np.nan)(c)),
        PCA,
        "adata has 2 problems\n  obsm['X_pca'] contains 1 values of 432 that are NaN or infinite, in cells 'cell0'.\n"
        "  obs['donor'] is empty for 3 of 54 cells: 'cell0', 'cell1', 'cell2'. Fill in or remove these cells.",
    ),
    "too few genes": (
        lambda c: c._inplace_subset_var(np.arange(90)),
        {},
        "adata: it has 90 genes; at least 100 are needed.",
    ),
}


@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_data_are_one_message_and_are_not_modified(kind):
    change, options, message = BAD_DATA[kind]
    cells = made_cells()
    change(cells)
    refuses(cells, options, DataError, message)


def refuses(cells, options, error, message):
    before = state_of(cells)
    with pytest.raises(PortalLibError) as caught:
        integrated(cells, **options)
    assert type(caught.value) is error
    assert str(caught.value) == message
    assert state_of(cells) == before


BAD_SETTINGS = {
    "a value per round": (
        {"lambda_cos": [15, 20]},
        "lambda_cos has 2 values for 2 batches, which need 1 round(s); give one value, or one per round.",
    ),
    "a device that is not there": (
        {"device": "cuda:99"},
        None,
    ),
    "counts and components": (
        PCA | {"layer": "counts"},
        "layer 'counts' and use_rep 'X_pca' are both given: counts or components, not both.",
    ),
    "the result in place of its input": (
        PCA | {"key_added": "X_pca"},
        "key_added and use_rep are both 'X_pca': the result would replace its input.",
    ),
    "a key that is no text": (
        {"key_added": None},
        "key_added is None; it must be the name of a key of obsm, such as 'X_portal'.",
    ),
    "a key that no file can hold": (
        {"key_added": "a/b"},
        "key_added is 'a/b'; a file cannot hold a key with '/' in it, nor '.' or '..'.",
    ),
    "batches as one text": (
        {"batches": "yx"},
        "batches is the text 'yx'; it must be a list of names.",
    ),
    "a column that is no text": (
        {"batch_key": ["donor"]},
        "batch_key is ['donor']; it must be the name of a column of obs.",
    ),
    "numbers out of range": (
        {"batch_size": 0, "margin": -1, "lambda_cos": "serach"},
        "PortalModel has 3 problems\n  lambda_cos is 'serach'; allowed: a number of at least 0, a list of "
        "numbers of at least 0, 'search'.\n  batch_size is 0; allowed: a whole number of at least 1.\n"
        "  margin is -1; allowed: a number of at least 0.",
    ),
}


@pytest.mark.parametrize("kind", BAD_SETTINGS)
def test_bad_settings_end_in_one_message(kind):
    options, message = BAD_SETTINGS[kind]
    if message is None:
        found = ", ".join(["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))])
        message = f"device 'cuda:99' does not exist. Found: {found}. Choose one, or auto."
    refuses(made_cells(), options, ConfigError, message)


def test_data_other_than_anndata_are_refused():
    with pytest.raises(DataError, match=r"^adata is a ndarray; an AnnData, cells × genes, is needed.$"):
        integrated(np.zeros((3, 2)))


def test_a_diverged_training_writes_nothing():
    cells = made_cells()
    before = state_of(cells)
    with pytest.raises(DivergedError, match=r"^portal, step \d+: "):
        integrated(cells, use_rep="X_pca", learning_rate=1e30, training_steps=60)
    assert state_of(cells) == before


def test_a_missing_package_is_named_with_the_extra_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skmisc.loess", None)
    message = (
        "the package 'skmisc' is not installed; preparing counts and searching lambda_cos need it: "
        "pip install 'portal-lib[preparation]'. Given components (use_rep) do not."
    )
    refuses(made_cells(), {}, ConfigError, message)
    integrated(made_cells(), use_rep="X_pca")
