import numpy as np
import pytest
from align_tables import METHODS, assert_inside, texts

from portal_lib.errors import DataError, ShapeError
from portal_lib.reporting.figures._images import plot_images


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    x1 = rng.random((20, 12))
    return {"x1": x1, "x12": {"magan": x1 * 2 - 0.5, "gan": 1 - x1}, "labels": np.repeat(["7", "3"], 10)}


def draw(images, **more):
    return plot_images(**images, shape=(3, 4), methods=METHODS, title="Digits", **more)


def shown(figure):
    return [axes.images[0].get_array() for axes in figure.axes[1:]]


def test_columns_are_original_truth_and_methods_and_rows_are_images(images):
    truth = images["x1"] ** 2
    pictures = shown(draw(images, truth=truth, per_label=3))
    assert len(pictures) == 4 * 6
    original = np.reshape(pictures[:6], (6, 12))
    for column, expected in enumerate([original, original**2, original * 2 - 0.5, 1 - original]):
        np.testing.assert_allclose(np.reshape(pictures[6 * column : 6 * column + 6], (6, 12)), expected)
    written = texts(draw(images, truth=truth))
    assert {"Original", "True target", "MAGAN", "Dual GAN", "3", "7"} <= set(written)


def test_images_are_grouped_by_class_in_the_order_of_names(images):
    pictures = np.reshape(shown(draw(images, per_label=2))[:4], (4, 12))
    rows = [int(np.flatnonzero((images["x1"] == picture).all(axis=1))[0]) for picture in pictures]
    assert images["labels"][rows].tolist() == ["3", "3", "7", "7"]


def test_a_class_with_few_images_shows_all(images):
    images["labels"][:] = ["3"] + ["7"] * 19
    assert len(shown(draw(images, per_label=5))) == 3 * 6


def test_all_images_share_one_scale(images):
    limits = {axes.images[0].get_clim() for axes in draw(images).axes[1:]}
    assert limits == {(0, 1)}


@pytest.mark.parametrize("n_methods", [1, 9])
def test_texts_stay_inside_the_figure(images, n_methods):
    methods = {f"m{i}": {"label": f"Method with a rather long name {i}"} for i in range(n_methods)}
    x12 = dict.fromkeys(methods, images["x1"])
    assert_inside(plot_images(**images | {"x12": x12}, shape=(3, 4), methods=methods, title="Digits"))


def test_other_shapes_and_nothing_to_draw_are_refused(images):
    with pytest.raises(DataError, match="no translated images"):
        draw(images | {"x12": {}})
    with pytest.raises(ShapeError, match=r"Dual GAN: images of shape \(20, 11\); expected \(20, 12\)"):
        draw(images | {"x12": {"gan": np.zeros((20, 11))}})
