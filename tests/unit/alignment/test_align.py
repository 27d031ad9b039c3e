"""Alignment of two domains: results, their correctness, and the checks of the input."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import portal_lib
from portal_lib import Aligner, align
from portal_lib.errors import ConfigError, DataError, ShapeError

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {"hidden_g": (16, 8), "hidden_d": (24, 12)}
QUICK = {"training_steps": 4, "batch_size": 16, "device": "cpu", "precision": "float32"} | SMALL
# Three clusters per domain: the first coordinate orders them alike, while the nearest clusters do not correspond.
MEANS = [(-1.3, 2.2), (0.1, 1.8), (0.8, 2.0)], [(-0.9, -2.0), (0.0, -2.3), (1.5, -1.5)]
SD = 0.1


def gaussians(n=300, seed=0):
    """Cells of both domains, shape (3 n, 2), and the cluster of each."""
    rng = np.random.default_rng(seed)
    cells = [np.concatenate([rng.normal(mean, SD, (n, 2)) for mean in means]) for means in MEANS]
    return *cells, np.repeat([0, 1, 2], n)


def destinations(predicted, real, clusters):
    """Share of each cluster whose nearest real cell is in each cluster of the other domain."""
    nearest = ((predicted[:, None] - real[None, ::10]) ** 2).sum(axis=2).argmin(axis=1)
    shares = np.zeros((3, 3))
    np.add.at(shares, (clusters, clusters[::10][nearest]), 1 / np.bincount(clusters)[0])
    return shares


def toy(seed=0):
    """Two panels of 7 and 5 markers on 80 and 60 cells; marker c0 and c3 of the first are d1 and d4 of the second."""
    rng = np.random.default_rng(seed)
    x1, x2 = rng.normal(size=(80, 7)) * 3 + 5, rng.normal(size=(60, 5)) * 0.2 - 1
    return x1, x2


SHARED = [(0, 1), (3, 4)]


def tables(x1, x2):
    rows = [[f"{letter}{i}" for i in range(len(x))] for letter, x in zip("uv", (x1, x2), strict=True)]
    return (
        pd.DataFrame(x1, index=rows[0], columns=[f"c{i}" for i in range(x1.shape[1])]),
        pd.DataFrame(x2, index=rows[1], columns=[f"d{i}" for i in range(x2.shape[1])]),
    )


def annotated(x1, x2):
    return [anndata.AnnData(frame) for frame in tables(x1, x2)]


@pytest.mark.parametrize("kind", ["shared", "pairs", "relation"])
@pytest.mark.slow
def test_a_correspondence_maps_clusters_onto_their_partners(kind):
    x1, x2, clusters = gaussians()
    known = {
        "shared": {"shared": [(0, 0)]},
        "pairs": {"pairs": [(0, 0), (300, 300), (600, 600)]},
        "relation": {"relation": lambda in_1, in_2: (in_1[:, 0] - in_2[:, 0]).square().mean()},
    }[kind]
    sizes = {"hidden_g": (50, 25), "hidden_d": (100, 50), "batch_size": 100, "training_steps": 500}
    found = align(x1, x2, **known, **sizes, scale=False, device="cpu", precision="float32")
    for shares in (destinations(found.x12, x2, clusters), destinations(found.x21, x1, clusters)):
        assert (np.diag(shares) > 0.9).all(), shares


def test_the_plain_gan_uses_no_correspondence():
    x1, x2, _ = gaussians(n=30)
    plain, given = (align(x1, x2, method="gan", scale=False, pairs=p, **QUICK) for p in (None, [(0, 0)]))
    np.testing.assert_array_equal(plain.x12, given.x12)
    assert set(plain.history["term"]).isdisjoint({"correspondence_ab", "correspondence_ba"})


def test_predictions_have_the_shape_and_units_of_the_other_domain():
    x1, x2 = toy()
    before = x1.copy(), x2.copy()
    found = align(x1, x2, shared=SHARED, **QUICK)
    assert found.x12.shape == (80, 5)
    assert found.x21.shape == (60, 7)
    assert found.x12.dtype == np.float32
    # The networks are hardly trained after four steps, but predictions are in the units of domain 2.
    unshared = [0, 2, 3]
    assert np.abs(found.x12[:, unshared].mean(axis=0) + 1).max() < 0.5
    assert set(found.history["term"]) >= {"gan_ab", "reconstruction_b", "correspondence_ba", "real_a"}
    np.testing.assert_allclose(found.translate(x1[:9], source=1), found.x12[:9], rtol=1e-5)
    np.testing.assert_allclose(found.model.translate(x2[:9], source=2), found.x21[:9], rtol=1e-5, atol=1e-5)
    assert repr(found.model) == "Aligner(method='magan', 7 features and 5)"
    for x, copy in zip((x1, x2), before, strict=True):
        np.testing.assert_array_equal(x, copy)


def test_a_shared_feature_has_one_scale_and_others_their_own():
    x1, x2 = toy()
    one, two = align(x1, x2, shared=SHARED, **QUICK).model.scales
    both = np.concatenate([x1[:, 3], x2[:, 4]])
    assert one.mean[3] == two.mean[4] == pytest.approx(both.mean())
    assert one.sd[3] == two.sd[4] == pytest.approx(both.std())
    np.testing.assert_allclose(one.mean[[1, 2, 4, 5, 6]], x1.mean(axis=0)[[1, 2, 4, 5, 6]])
    np.testing.assert_allclose(two.sd[[0, 2, 3]], x2.std(axis=0)[[0, 2, 3]])


def test_training_does_not_depend_on_units():
    x1, x2 = toy()
    given = {"pairs": [(0, 3)], **QUICK, "precision": "float64"}
    plain, other = align(x1, x2, **given), align(x1 * 1000 - 7, x2, **given)
    np.testing.assert_allclose(other.x12, plain.x12, rtol=1e-9)
    np.testing.assert_allclose(other.x21, plain.x21 * 1000 - 7, rtol=1e-9)


def test_a_relation_is_in_the_units_of_the_input():
    x1, x2 = toy()
    seen = []

    def relation(in_1, in_2):
        seen.append((in_1.detach().numpy(), in_2.detach().numpy()))
        return (in_1[:, 0] - in_2[:, 0]).square().mean()

    align(x1, x2, relation=relation, **QUICK)
    assert seen[0][0].shape == (16, 7)
    assert seen[0][1].shape == (16, 5)
    # The first call has measured cells of domain 1, the second measured cells of domain 2.
    for row in seen[0][0]:
        assert np.abs(x1 - row).max(axis=1).min() < 1e-5
    for row in seen[1][1]:
        assert np.abs(x2 - row).max(axis=1).min() < 1e-5


@pytest.mark.parametrize("shared", [SHARED, np.array(SHARED), [("c0", "d1"), ("c3", 4)], [["c0", 1], (3, "d4")]])
@pytest.mark.parametrize("form", [tables, annotated])
def test_tables_and_annotated_data_give_the_same_as_arrays(form, shared):
    x1, x2 = toy()
    expected = align(x1, x2, shared=SHARED, pairs=[(2, 3), (7, 0)], **QUICK)
    found = align(*form(x1, x2), shared=shared, pairs=[("u2", "v3"), (7, "v0")], **QUICK)
    np.testing.assert_array_equal(found.x12, expected.x12)


def test_sparse_integer_and_backed_data_give_the_same_as_arrays(tmp_path):
    x1, x2 = (np.round(x * 5) for x in toy())
    expected = align(x1, x2, shared=SHARED, **QUICK).x12
    cells = annotated(x1, x2)
    cells[0].X = sp.csr_matrix(x1)
    cells[0].obsm["X_same"], cells[1].obsm["X_same"] = x1, pd.DataFrame(x2, index=cells[1].obs_names)
    cells[1].obsm["X_same"].columns = [f"d{i}" for i in range(5)]
    for given in ((x1.astype(int), x2.tolist()), (sp.csr_matrix(x1), x2), (cells[0], x2)):
        np.testing.assert_allclose(align(*given, shared=SHARED, **QUICK).x12, expected, rtol=1e-4, atol=1e-5)
    cells[0].write_h5ad(tmp_path / "x1.h5ad")
    backed = anndata.read_h5ad(tmp_path / "x1.h5ad", backed="r")
    np.testing.assert_allclose(align(backed, x2, shared=SHARED, **QUICK).x12, expected, rtol=1e-4, atol=1e-5)
    backed.file.close()
    for rep in ("X_same", ("X_same", None)):
        np.testing.assert_allclose(align(*cells, shared=SHARED, use_rep=rep, **QUICK).x12, expected, rtol=1e-4)


def test_one_name_stands_for_the_feature_of_both_domains():
    one, two = tables(*toy())
    two = two.rename(columns={"d1": "c0", "d4": "c3"})
    for shared in (["c0", "c3"], "same"):
        found = align(one, two, shared=shared, **QUICK)
        np.testing.assert_array_equal(found.x12, align(*toy(), shared=SHARED, **QUICK).x12)


@pytest.mark.parametrize("method", ["magan", "gan"])
def test_same_without_a_common_name_is_one_error(method):
    found = "x1 has 'c0', 'c1', 'c2', 'c3', 'c4' and 2 more; x2 has 'd0', 'd1', 'd2', 'd3', 'd4'"
    with pytest.raises(ConfigError) as caught:
        align(*tables(*toy()), shared="same", method=method, **QUICK)
    assert str(caught.value) == f"shared is 'same', but the domains have no feature name in common: {found}."


def test_columns_of_new_cells_are_found_by_name():
    one, two = tables(*toy())
    model = align(one, two, shared=SHARED, **QUICK).model
    new = one.iloc[:5]
    shuffled = new[["c6", *new.columns[:6]]].assign(extra=1.0)
    np.testing.assert_array_equal(model.translate(shuffled, source=1), model.translate(new, source=1))
    np.testing.assert_array_equal(model.translate(new.to_numpy(), source=1), model.translate(new, source=1))
    with pytest.raises(DataError, match=r"^x: has no column 'c4'\.$"):
        model.translate(new.drop(columns="c4"), source=1)


def test_new_cells_that_do_not_fit_are_refused():
    x1, x2 = toy()
    found = align(x1, x2, shared=SHARED, **QUICK)
    with pytest.raises(ShapeError, match=r"^x: has 7 columns; domain 2 has 5 features\. Cells are rows\.$"):
        found.translate(x1, source=2)
    with pytest.raises(ConfigError, match="source is 'a'; allowed: 1, 2"):
        found.translate(x1, source="a")
    with pytest.raises(DataError, match="x: 1 of 14 values are NaN or infinite"):
        found.translate(np.where(np.arange(14).reshape(2, 7) == 3, np.nan, 1.0), source=1)
    assert found.translate(x1[:1], source=1).shape == (1, 5)


def test_a_saved_model_translates_the_same(tmp_path):
    one, two = tables(*toy())
    for method, given in (("magan", {"pairs": [(0, 0)], "relation": lambda a, b: a.mean() - b.mean()}), ("gan", {})):
        found = align(one, two, method=method, **given, **QUICK)
        found.save(tmp_path / method)
        loaded = Aligner.load(tmp_path / method, device="cpu")
        np.testing.assert_array_equal(loaded.translate(one, source=1), found.translate(one, source=1))
        pd.testing.assert_frame_equal(loaded.history, found.history)
        assert loaded.columns == found.model.columns
        assert loaded.record == found.model.record
        with pytest.raises(ConfigError, match="exists already"):
            found.save(tmp_path / method)
        loaded.save(tmp_path / method, overwrite=True)
    (tmp_path / "gan" / "tensors.pt").write_bytes(b"")
    with pytest.raises(DataError, match=r"tensors\.pt: cannot be read"):
        Aligner.load(tmp_path / "gan")
    with pytest.raises(DataError, match="there is no such folder"):
        Aligner.load(tmp_path / "none")


def test_settings_of_numpy_are_saved_as_plain_values(tmp_path):
    plain = {"lambda_corr": 3.0, "augment_reconstructions": True, "hidden_g": [8, 4], "betas": (0.5, 0.75), "seed": 5}
    numpy = {
        "lambda_corr": np.float32(3), "augment_reconstructions": np.True_, "hidden_g": np.array([8, 4]),
        "betas": (np.float64(0.5), np.float32(0.75)), "seed": np.int64(5), "training_steps": np.int32(4),
        "batch_size": np.int64(16),
    }  # fmt: skip
    expected, found = (align(*toy(), shared=SHARED, **QUICK | given) for given in (plain, numpy))
    np.testing.assert_array_equal(found.x12, expected.x12)
    found.save(tmp_path / "model")
    loaded = Aligner.load(tmp_path / "model", device="cpu")
    np.testing.assert_array_equal(loaded.translate(toy()[0], source=1), found.translate(toy()[0], source=1))
    assert repr(found.model.parameters) == repr(expected.model.parameters)


@pytest.mark.parametrize("method", ["magan", "gan", "cyclegan", "discogan"])
def test_every_dual_gan_aligns_spaces_of_any_width(method):
    found = align(*toy(), shared=SHARED, method=method, **QUICK)
    assert found.x12.shape == (80, 5)
    assert np.isfinite(found.x21).all()


def test_portal_aligns_domains_with_the_same_features():
    x1, _ = toy()
    settings = {name: value for name, value in QUICK.items() if name not in SMALL}
    shared = [(i, i) for i in range(7)]
    found = align(x1, x1[:50] + 1, shared=shared, method="portal", hidden=16, n_latent=4, **settings)
    assert found.x12.shape == (80, 7)
    with pytest.raises(ShapeError, match="portal: domain A has 7 features, domain B 5"):
        align(*toy(), shared=SHARED, method="portal", **settings)


def test_portal_matches_features_in_another_order_when_all_are_shared():
    x1, _ = toy()
    x2, order = x1[:50] + 1, [3, 0, 6, 1, 5, 2, 4]
    settings = {name: value for name, value in QUICK.items() if name not in SMALL} | {"hidden": 16, "n_latent": 4}
    plain = align(x1, x2, shared=[(i, i) for i in range(7)], method="portal", round_trip=True, **settings)
    shared = [(column, i) for i, column in enumerate(order)]
    found = align(x1, x2[:, order], shared=shared, method="portal", round_trip=True, **settings)
    np.testing.assert_array_equal(found.x12, plain.x12[:, order])
    np.testing.assert_array_equal(found.x212, plain.x212[:, order])
    for name in ("x21", "x121", "z1", "z2"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))
    assert found.z1.shape == (80, 4)
    np.testing.assert_array_equal(found.translate(x2[:, order], source=2), plain.x21)


@pytest.mark.parametrize("method", ["magan", "cyclegan"])
def test_a_round_trip_translates_the_predictions_back(method):
    found = align(*toy(), shared=SHARED, method=method, round_trip=True, **QUICK)
    assert found.z1 is None
    np.testing.assert_allclose(found.x121, found.translate(found.x12, source=2), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.x212, found.translate(found.x21, source=1), rtol=1e-4, atol=1e-4)
    assert align(*toy(), shared=SHARED, method=method, **QUICK).x121 is None


def test_pixels_are_scaled_from_0_1_to_minus_1_1():
    images = np.random.default_rng(0).uniform(size=(40, 16))
    settings = QUICK | {"precision": "float64"}
    found = align(images, images[:30], pairs=[(0, 0)], scale="pixels", **settings)
    by_hand = align(2 * images - 1, 2 * images[:30] - 1, pairs=[(0, 0)], scale=False, **settings)
    np.testing.assert_allclose(2 * found.x12 - 1, by_hand.x12, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_training_steps_follow_the_published_rule_when_they_are_none():
    x1, x2 = toy()
    small = QUICK | {"training_steps": None, "hidden_g": (2,), "hidden_d": (2,), "batch_size": 2}
    assert align(x1, x2, shared=SHARED, **small).model.record["training"]["training_steps"] == 1000


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    one, again, other = (align(*toy(), shared=SHARED, seed=seed, **QUICK).x12 for seed in (1, 1, 2))
    assert one.tobytes() == again.tobytes()
    assert one.tobytes() != other.tobytes()


def test_an_interrupted_training_resumes(tmp_path):
    given = {"shared": SHARED, "relation": lambda a, b: a.mean() - b.mean(), "checkpoint": tmp_path / "state.pt"} | {
        "augment_start": 1
    }
    align(*toy(), **given, **QUICK | {"training_steps": 2})
    resumed = align(*toy(), **given, **QUICK)
    np.testing.assert_array_equal(resumed.x12, align(*toy(), **given | {"checkpoint": None}, **QUICK).x12)


def test_augmentation_starts_at_half_of_the_training():
    half = align(*toy(), shared=SHARED, **QUICK)
    stated = align(*toy(), shared=SHARED, augment_start=QUICK["training_steps"] // 2, **QUICK)
    never = align(*toy(), shared=SHARED, augment_reconstructions=False, **QUICK)
    np.testing.assert_array_equal(half.x12, stated.x12)
    assert not np.array_equal(half.x12, never.x12)


def test_scaled_values_far_from_zero_are_noted():
    x1, x2 = toy()
    assert align(x1, x2, shared=SHARED, **QUICK).notes == ()
    long = np.concatenate([x1] * 5)
    long[0, 2] = 1e4
    assert align(long, x2, shared=SHARED, **QUICK).notes[0].startswith("x1: 1 of 2,800 scaled values are beyond ±10,")


@pytest.mark.parametrize("method", ["gan", "cyclegan", "discogan"])
def test_a_correspondence_that_a_method_does_not_use_is_noted(method):
    one_scale = "; shared features only have one mean and one standard deviation, of the cells of both domains"
    given = {"pairs": [(0, 0)], "relation": lambda in_1, in_2: (in_1.mean() - in_2.mean()).square()}
    for known, text in (
        ({}, None),
        ({"shared": [], "pairs": []}, None),
        ({"shared": SHARED}, f"shared{one_scale}"),
        ({"shared": SHARED, "scale": False}, "shared"),
        (given, "pairs, relation"),
        (given | {"shared": SHARED}, f"shared, pairs, relation{one_scale}"),
    ):
        notes = align(*toy(), method=method, **known, **QUICK | {"training_steps": 1}).notes
        found = [note for note in notes if note.startswith("method")]
        assert found == ([] if text is None else [f"method '{method}' does not use {text}."])


def test_a_correspondence_may_be_any_iterable():
    expected = align(*toy(), shared=SHARED, pairs=[(2, 3), (7, 0)], **QUICK).x12
    for shared, pairs in (
        ((pair for pair in SHARED), zip((2, 7), (3, 0), strict=True)),
        (dict(SHARED).items(), pd.DataFrame([(2, 3), (7, 0)])),
        (dict(SHARED), {2: 3, 7: 0}),
    ):
        np.testing.assert_array_equal(align(*toy(), shared=shared, pairs=pairs, **QUICK).x12, expected)


def test_a_mapping_of_names_is_read_by_its_items():
    one, two = tables(*toy())
    # Both domains have the keys, too: read as features of both, they would give another result.
    one, two = one.rename(columns={"c3": "d4"}), two.rename(columns={"d0": "c0"})
    found = align(one, two, shared={"c0": "d1", "d4": "d4"}, **QUICK)
    np.testing.assert_array_equal(found.x12, align(*toy(), shared=SHARED, **QUICK).x12)


def test_portal_refuses_tables_with_other_names_or_another_order():
    one, _ = tables(*toy())
    settings = {name: value for name, value in QUICK.items() if name not in SMALL} | {"hidden": 16, "n_latent": 4}
    need = "^method 'portal' needs the same features in the same order, or all of them in shared; found"
    with pytest.raises(DataError, match=f"{need} another order: column 0 is 'c0' of x1 and 'c6' of x2\\.$"):
        align(one, one[one.columns[::-1]], method="portal", **settings)
    with pytest.raises(DataError, match=f"{need} other names: column 2 is 'c2' of x1 and 'CD2' of x2\\.$"):
        align(one, one.rename(columns={"c2": "CD2"}), method="portal", **settings)
    for other in (one, one.to_numpy()):
        assert align(one, other, method="portal", **settings).notes == ()


BAD = {
    "no correspondence": ({"shared": None}, ConfigError, "method 'magan' needs a correspondence: shared features, kno"),
    "empty lists": ({"shared": [], "pairs": []}, ConfigError, "needs a correspondence: shared"),
    "an unknown row": ({"pairs": [(0, 0), (80, 1)]}, ConfigError, "pairs[1]: x1 has 80 rows, no row 80; the"),
    "a negative row": ({"pairs": [(0, -1)]}, ConfigError, "pairs[0]: x2 has 60 rows, no row -1"),
    "an unknown column": ({"shared": [(0, 5)]}, ConfigError, "shared[0]: x2 has 5 columns, no column 5"),
    "a name without names": ({"shared": ["CD3"]}, ConfigError, "shared[0]: columns of x1 have no names, found 'CD3'"),
    "a word": ({"shared": "all"}, ConfigError, "shared is 'all'; it must be a list (or 'same')."),
    "same without names": ({"shared": "same"}, ConfigError, "shared is 'same', which needs names of features in both"),
    "three": ({"shared": [(0, 1, 2)]}, ConfigError, "shared[0] is (0, 1, 2); it must have two items, one of each"),
    "half a number": ({"pairs": [(0.5, 1)]}, ConfigError, "pairs[0]: 0.5 is neither the number nor the name of a row"),
    "twice": ({"shared": [(0, 1), (0, 2)]}, ConfigError, "shared: column 0 of x1 is listed more than once."),
    "another method": ({"method": "magn"}, ConfigError, "objective 'magn' is not known, did you mean 'magan'"),
    "another weight": ({"lambda_cor": 1}, ConfigError, "has no parameter 'lambda_cor', did you mean 'lambda_corr'?"),
    "a wrong weight": ({"lambda_corr": -1}, ConfigError, "lambda_corr is -1; allowed: a number of at least 0."),
    "no steps": ({"training_steps": 0}, ConfigError, "training_steps is 0; allowed: a whole number of at least 1"),
    "no seed": ({"seed": None}, ConfigError, "seed is None"),
    "no device": ({"device": "gpu"}, ConfigError, "device 'gpu' is unknown"),
    "no precision": ({"precision": "float16"}, ConfigError, "precision is 'float16'"),
    "no scale": ({"scale": "none"}, ConfigError, "scale is 'none'; allowed: True, False, 'pixels'."),
    "no function": ({"relation": "x"}, ConfigError, "relation is 'x'; it must be a function of two tensors."),
    "a number of columns": ({"shared": 3}, ConfigError, "shared is 3; it must be a list (or 'same')."),
    "a number of rows": ({"pairs": 5}, ConfigError, "pairs is 5; it must be a list."),
    "an array of one number": ({"pairs": np.array(5)}, ConfigError, "pairs is array(5); it must be a list."),
    "rows and rows": (
        {"pairs": (np.array([2, 7]), np.array([3, 0]))},
        ConfigError,
        "pairs is a tuple of two arrays; it must be a list. Give [(i, j), ...], such as list(zip(*pairs)).",
    ),
    "columns and columns": (
        {"shared": np.nonzero(np.eye(2))},
        ConfigError,
        "shared is a tuple of two arrays; it must be a list (or 'same'). Give [(i, j), ...], such as list(zip(*shared",
    ),
    "empty generators": ({"shared": (i for i in ()), "pairs": iter([])}, ConfigError, "needs a correspondence: shared"),
    "one key": ({"use_rep": ("X",)}, ConfigError, "use_rep is ('X',); allowed: None, a key of obsm, or two of these."),
    "three keys": ({"use_rep": ["X", "X", "X"]}, ConfigError, "use_rep is ['X', 'X', 'X']; allowed: None, a key"),
    "no key": ({"use_rep": 5}, ConfigError, "use_rep is 5; allowed: None, a key of obsm, or two of these."),
    "a key that is no text": ({"use_rep": ("X", 1)}, ConfigError, "use_rep is ('X', 1); allowed: None, a key"),
    "a mapping of keys": ({"use_rep": {"X": 1, "Y": 2}}, ConfigError, "use_rep is {'X': 1, 'Y': 2}; allowed: None, a"),
    "no AnnData": ({"use_rep": "X_pca"}, ConfigError, "x1: use_rep is 'X_pca', but the data are not an AnnData."),
}


@pytest.mark.parametrize("name", BAD)
def test_each_wrong_argument_is_one_message(name):
    change, kind, message = BAD[name]
    with pytest.raises(kind) as caught:
        align(*toy(), **({"shared": SHARED} | QUICK | change))
    assert message in str(caught.value)


def one_cell(x1, x2):
    return x1[:1], x2


def constant(x1, x2):
    x1[:, [2, 5]] = 0.3
    return x1, x2


def not_finite(x1, x2):
    x2[4, 2] = np.inf
    return x1, x2


def flat(x1, x2):
    return x1[:, 0], x2


BAD_DATA = {
    "one cell": (one_cell, DataError, "x1: has 1 cell; a domain needs 2 or more."),
    "no cells": (lambda x1, x2: (x1, x2[:0]), DataError, "x2: has no cells."),
    "not finite": (not_finite, DataError, "x2: 1 of 300 values are NaN or infinite, the first in row 4, column 2."),
    "text": (lambda x1, x2: (x1, np.full((5, 4), "x")), DataError, "x2: cannot be read as numbers"),
    "one column alone": (flat, ShapeError, "x1: has shape (80,); expected (n_cells, n_features)"),
}


@pytest.mark.parametrize("scale", [True, False])
def test_features_may_be_constant(scale):
    found = align(*constant(*toy()), shared=SHARED, scale=scale, **QUICK)
    assert np.isfinite(found.x12).all()
    assert ("x1: 2 columns are constant (2, 5), and could be removed." in found.notes) == scale


@pytest.mark.parametrize("name", BAD_DATA)
def test_data_that_cannot_be_used_are_one_message(name):
    change, kind, message = BAD_DATA[name]
    with pytest.raises(kind) as caught:
        align(*change(*toy()), shared=[(0, 1)], **QUICK)
    assert message in str(caught.value)


def test_all_problems_are_in_one_message():
    x1, x2 = not_finite(*constant(*toy()))
    with pytest.raises(DataError) as caught:
        align(x1, x2, shared=[(0, 9), "CD3"], pairs=[(90, 0)], method="gna", seed=-1, **QUICK)
    lines = str(caught.value).split("\n  ")
    assert lines[0] == "align has 7 problems"
    assert [line.partition(":")[0].partition(" is")[0] for line in lines[1:]] == [
        "x2", "shared[0]", "shared[1]", "shared[1]", "pairs[0]", "seed", "method",
    ]  # fmt: skip


def test_arguments_of_a_wrong_type_are_listed_with_the_other_problems():
    with pytest.raises(ConfigError) as caught:
        align(*toy(), shared=3, pairs=5, use_rep=("X",), seed=-1, **QUICK)
    lines = str(caught.value).split("\n  ")
    assert lines[0] == "align has 4 problems"
    assert [line.partition(" ")[0] for line in lines[1:]] == ["use_rep", "shared", "pairs", "seed"]


def test_an_unknown_name_suggests_the_nearest():
    one, two = tables(*toy())
    with pytest.raises(ConfigError, match=r"shared\[0\]: x2 has no column 'dd1', did you mean 'd1'\?"):
        align(one, two, shared=[("c0", "dd1")], **QUICK)
    cells = annotated(*toy())
    cells[0].obsm["X_pca"] = toy()[0]
    with pytest.raises(DataError, match=r"x1: obsm has no key 'X_pcs', did you mean 'X_pca'\? Found: X_pca\."):
        align(*cells, shared=SHARED, use_rep=("X_pcs", None), **QUICK)


def test_align_and_aligner_are_part_of_the_package():
    assert portal_lib.align is align
    assert {"align", "Aligner"} <= set(dir(portal_lib))
