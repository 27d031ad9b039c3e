import numpy as np
import pytest
from align_tables import METHODS, assert_inside, labelled, texts

from portal_lib.errors import DataError, ShapeError
from portal_lib.reporting.figures._style import save_figure
from portal_lib.reporting.figures.cells import MOST_CELLS, plot_cells

CENTRES = np.array([[-0.9, -2.0], [0.0, -2.3], [1.5, -1.5]])


def made(n=300, names="abc", seed=0):
    rng = np.random.default_rng(seed)
    code = rng.integers(0, 3, n)
    return CENTRES[code] + rng.normal(0, 0.1, (n, 2)), np.array(list(names))[code], code


@pytest.fixture
def cells():
    x1, label1, code = made()
    x2, label2, _ = made(400, seed=1)
    x12 = {"magan": x1 + 0.01, "gan": CENTRES[[2, 1, 0]][code], "column_means": np.tile(x2.mean(0), (300, 1))}
    return {"x1": x1 + np.array([0, 4]), "x2": x2, "x12": x12, "label1": label1, "label2": label2}


def draw(cells, **more):
    return plot_cells(**cells, features=("d0", "d1"), methods=METHODS, title="Clusters", **more)


def titled(figure, title):
    return next(axes for axes in figure.axes if axes.get_title(loc="left") == title)


def median(axes, name):
    return labelled(axes, name)[0].get_offsets()[0]


def test_both_domains_and_each_method_have_a_panel(cells):
    figure = draw(cells)
    titles = [axes.get_title(loc="left") for axes in figure.axes[1:]]
    assert titles == ["Domain 1", "Domain 2", "MAGAN", "Dual GAN", "Column means"]
    assert {titled(figure, name).get_xlabel() for name in ("Domain 1", "Domain 2")} == {"d0"}


def test_domain_1_has_no_panel_if_it_lacks_the_features(cells):
    figure = draw(cells | {"x1": None})
    assert "Domain 1" not in texts(figure)
    assert len(figure.axes) == 5


def test_large_marks_are_medians_and_show_a_swap(cells):
    figure = draw(cells)
    right, swapped = titled(figure, "MAGAN"), titled(figure, "Dual GAN")
    for name, code in zip("abc", range(3), strict=True):
        np.testing.assert_allclose(median(right, f"filled {name}"), median(right, f"open {name}"), atol=0.06)
        np.testing.assert_allclose(median(swapped, f"filled {name}"), CENTRES[2 - code], atol=1e-9)
        np.testing.assert_allclose(median(swapped, f"open {name}"), CENTRES[code], atol=0.05)
    assert labelled(titled(figure, "Domain 2"), "filled a") == []


def test_coincident_medians_are_drawn_side_by_side(cells):
    figure = draw(cells)
    shifts = {}
    for title in ("Column means", "MAGAN"):
        axes = titled(figure, title)
        marks = [labelled(axes, f"filled {name}")[0] for name in "abc"]
        here = [mark.get_offset_transform().transform(mark.get_offsets())[0] for mark in marks]
        back = [axes.transData.transform(mark.get_offsets())[0] for mark in marks]
        shifts[title] = np.subtract(here, back)[:, 0]
    assert shifts["MAGAN"] == pytest.approx(0)
    assert (np.diff(shifts["Column means"]) > 5).all()
    assert shifts["Column means"][1] == pytest.approx(0)


def test_a_label_has_the_same_colour_in_every_panel(cells):
    figure = draw(cells)
    for name in "abc":
        looks = {tuple(labelled(axes, f"filled {name}")[0].get_facecolor()[0]) for axes in figure.axes[3:]}
        assert len(looks) == 1
    shapes = {tuple(labelled(figure.axes[3], f"open {n}")[0].get_paths()[0].vertices.ravel()) for n in "abc"}
    assert len(shapes) == 3


def test_domain_2_and_translations_share_axes_that_a_diverged_method_does_not_widen(cells):
    cells["x12"]["gan"] = cells["x12"]["gan"] * 1e6
    figure = draw(cells)
    limits = {(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes[2:]}
    assert len(limits) == 1
    (x, _) = limits.pop()
    assert x[1] - x[0] < 3 * np.ptp(cells["x2"][:, 0])
    assert "100 % outside" in texts(figure)
    assert sum("outside" in text for text in texts(figure)) == 1


def test_measured_cells_are_grey_below_translated_ones(cells):
    axes = titled(draw(cells), "MAGAN")
    grey = labelled(axes, "measured")[0]
    assert len(grey.get_offsets()) == 400
    assert np.ptp(grey.get_facecolor()[0][:3]) == 0
    assert len(labelled(axes, "cells")[0].get_offsets()) == 300


def test_the_sample_of_many_cells_depends_on_the_seed(cells, tmp_path):
    x, label, _ = made(MOST_CELLS + 500)
    many = {"x1": None, "x2": x, "x12": {"magan": x}, "label1": label, "label2": label}
    drawn = [labelled(titled(draw(many, seed=seed), "MAGAN"), "cells")[0].get_offsets() for seed in (0, 0, 1)]
    assert len(drawn[0]) == MOST_CELLS
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    files = [save_figure(draw(cells), tmp_path / name, ("png",))[0].read_bytes() for name in "ab"]
    assert files[0] == files[1]


def test_labels_of_domain_2_may_be_unknown(cells):
    figure = draw(cells | {"label2": None})
    assert labelled(titled(figure, "MAGAN"), "open a") == []
    assert len(labelled(titled(figure, "MAGAN"), "filled a")) == 1


@pytest.mark.parametrize("n_methods", [1, 2, 7, pytest.param(12, marks=pytest.mark.slow)])
def test_texts_neither_overlap_nor_leave_the_figure(cells, n_methods):
    methods = {f"m{i}": {"label": f"Method with a rather long name {i}"} for i in range(n_methods)}
    x12 = dict.fromkeys(methods, cells["x12"]["magan"])
    names = ("a long name of the first feature of domain 2", "CD45RA")
    assert_inside(plot_cells(**cells | {"x12": x12}, features=names, methods=methods, title="T"))


def test_other_shapes_and_no_method_are_refused(cells):
    with pytest.raises(DataError, match="no method"):
        draw(cells | {"x12": {}})
    with pytest.raises(ShapeError, match=r"method 'gan': two features have shape \(299, 2\); expected \(300, 2\)"):
        draw(cells | {"x12": {"gan": cells["x12"]["gan"][1:]}})
    with pytest.raises(ShapeError, match="domain 2"):
        draw(cells | {"x2": np.zeros((400, 3))})
    with pytest.raises(ShapeError, match="domain 1"):
        draw(cells | {"x1": np.zeros((4, 2))})
