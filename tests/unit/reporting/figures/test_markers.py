import numpy as np
import pandas as pd
import pytest
from align_tables import MARKERS, METHODS, METRICS, QUALITY, assert_inside, labelled, make_scores, make_summary, texts

from portal_lib.errors import DataError
from portal_lib.reporting._markers import lead_sentence, marker_rows
from portal_lib.reporting.figures.markers import draw


@pytest.fixture
def summary():
    return make_summary(make_scores(("thymus_panels", "gaussians")))


def panels(figure):
    return figure.axes[1:]


def places(axes, label):
    """(x, y) of the dots of one kind."""
    return [tuple(dot.get_offsets()[0]) for dot in labelled(axes, label)]


def rows(axes):
    return [tick.get_text() for tick in axes.get_yticklabels()]


def test_each_method_has_a_panel_best_first_and_controls_last(summary):
    figure = draw(summary, METHODS, "thymus_panels", metrics=METRICS)
    assert len(panels(figure)) == len(QUALITY)
    at = {text.get_text(): (-text.get_position()[1], -text.get_position()[0]) for text in figure.axes[0].texts}
    order = ["MAGAN", "MAGAN · paper", "Dual GAN", "True partner"]
    assert [at[name] for name in order] == sorted((at[name] for name in order), reverse=True)
    assert "Pearson correlation of measured and predicted value, per marker" in texts(figure)


def test_dots_and_bars_are_means_and_intervals(summary):
    axes = panels(draw(summary, METHODS, "thymus_panels"))[0]
    order = rows(axes)
    assert order[-1] == "Mean"
    table = summary[(summary.dataset == "thymus_panels") & (summary.method == "magan")].set_index("metric")
    for x, y in places(axes, "ours"):
        name = order[int(y)]
        assert x == pytest.approx(table.loc["pearson" if name == "Mean" else f"pearson:{name}", "mean"])
    ends = {int(line.get_ydata()[0]): line.get_xdata() for line in labelled(axes, "interval")}
    row = table.loc[f"pearson:{order[0]}"]
    np.testing.assert_allclose(ends[0], np.clip([row.ci_low, row.ci_high], -1, 1))


def test_markers_are_sorted_by_the_mean_over_methods_without_controls(summary):
    order = rows(panels(draw(summary, METHODS, "thymus_panels"))[0])[:-1]
    real = summary[~summary.method.map(lambda name: METHODS[name.split(".")[0]].get("control", False))]
    parts = real[(real.dataset == "thymus_panels") & real.metric.str.startswith("pearson:")]
    means = parts.groupby("metric")["mean"].mean().drop("pearson:constant_predictions")
    assert order == [name.removeprefix("pearson:") for name in means.sort_values(ascending=False).index]
    assert sorted(order) == sorted(MARKERS[:13])


def test_one_run_has_no_bar(summary):
    figure = draw(summary[summary.method == "lle"], METHODS, "thymus_panels")
    assert labelled(panels(figure)[0], "interval") == []
    assert len(labelled(panels(figure)[0], "ours")) == 14


@pytest.mark.slow
def test_published_values_are_drawn_in_the_panels_of_their_method_and_its_variants(summary):
    rows_of = [("magan", f"pearson:{name}", 0.5) for name in MARKERS[:13]] + [("magan", "pearson:CD3", 0.3)]
    published = pd.DataFrame([*rows_of, ("gan", "pearson:CD3", -0.2)], columns=["method", "metric", "value"])
    published["dataset"] = "thymus_panels"
    elsewhere = published.assign(dataset="another", value=-0.9)
    published = pd.concat([published, elsewhere])
    figure = draw(summary, METHODS, "thymus_panels", published_values=published)
    # 13 markers, a second value of CD3, and the mean; the other method lacks markers, so it has no mean.
    counts = [len(labelled(axes, "published")) for axes in panels(figure)]
    assert sorted(counts) == [0] * 7 + [1, 15, 15]
    means = [x for x, y in places(panels(figure)[0], "published") if y == 13]
    assert means == pytest.approx([0.5])
    written = " ".join(texts(figure))
    assert "(paper 0.50)" in written
    assert "Open diamonds" in written
    assert "Open diamonds" not in " ".join(texts(draw(summary, METHODS, "thymus_panels")))


def test_axes_reach_the_lowest_published_value(summary):
    published = pd.DataFrame({"dataset": ["paper"], "method": ["gan"], "metric": ["pearson:CD5"], "value": [-0.51]})
    figure = draw(summary, METHODS, "thymus_panels", published_values=published, source="paper")
    assert all(axes.get_xlim()[0] < -0.51 for axes in panels(figure))
    assert len({axes.get_xlim() for axes in panels(figure)}) == 1


def test_the_best_method_is_marked_where_there_is_more_than_one(summary):
    many = draw(summary, METHODS, "thymus_panels")
    assert all(len(labelled(axes, "best")) == 14 for axes in panels(many))
    one = draw(summary[summary.method.isin(["magan", "random_cells"])], METHODS, "thymus_panels")
    assert all(labelled(axes, "best") == [] for axes in panels(one))


def marker_means(**values):
    """Means of markers `a` to `c` by method; None where a method has none."""
    rows = [(f"pearson:{m}", name, x) for name, given in values.items() for m, x in zip("abc", given, strict=True)]
    rows += [(metric, name, 9.0) for name in values for metric in ("pearson", "pearson:constant_predictions")]
    return marker_rows(pd.DataFrame(rows, columns=["metric", "method", "mean"]), "pearson")


def test_the_best_method_with_random_initialisation_is_compared_with_the_others():
    table = marker_means(gan=[0.1, 0.5, 0.2], magan=[0.9, 0.5, 0.8], ridge=[1.0, 1.0, 1.0], cyclegan=[None, 0.6, 0.1])
    assert lead_sentence(table, METHODS) == (
        "Of the methods with random initialisation, MAGAN has the highest mean; its correlation is higher than that of "
        "CycleGAN on 1 of 2 markers, Dual GAN on 2 of 3 markers."
    )
    assert lead_sentence(table[table.method != "magan"], METHODS).endswith("that of Dual GAN on 1 of 2 markers.")
    assert lead_sentence(marker_means(magan=[1, 1, 1], ridge=[0, 0, 0], random_cells=[0, 0, 0]), METHODS) == ""


def test_the_figure_compares_the_stochastic_methods(summary):
    sentence = lead_sentence(marker_rows(summary[summary.dataset == "thymus_panels"], "pearson"), METHODS)
    assert "Dual GAN on 13 of 13 markers" in sentence
    assert sentence in " ".join(texts(draw(summary, METHODS, "thymus_panels")))


@pytest.mark.parametrize("n_markers", [1, 16])
@pytest.mark.parametrize("n_methods", [1, 2, 10])
@pytest.mark.slow
def test_texts_neither_overlap_nor_leave_the_figure(n_markers, n_methods):
    quality = dict(list(QUALITY.items())[:n_methods])
    summary = make_summary(make_scores(("x_panels",), quality, MARKERS[:n_markers]))
    assert_inside(draw(summary, METHODS, "x_panels", label="Panels"))


def test_a_data_set_without_markers_is_refused(summary):
    with pytest.raises(DataError, match="no marker of data set 'gaussians' has a 'pearson'"):
        draw(summary, METHODS, "gaussians")
    with pytest.raises(DataError, match="no scores of data set 'nowhere'"):
        draw(summary, METHODS, "nowhere")
