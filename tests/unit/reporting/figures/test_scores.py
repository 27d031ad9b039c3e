import numpy as np
import pytest
from align_tables import (
    FAILURES,
    METHODS,
    METRICS,
    QUALITY,
    assert_inside,
    labelled,
    make_resources,
    make_scores,
    make_summary,
    texts,
)
from report_tables import in_brackets

from portal_lib.errors import DataError
from portal_lib.reporting._align import align_measures, decimals_of, write_number
from portal_lib.reporting.figures._style import save_figure
from portal_lib.reporting.figures.scores import draw


@pytest.fixture
def tables():
    scores = make_scores()
    return make_summary(scores), make_resources(scores)


def heights(figure):
    return {text.get_text(): text.get_position()[1] for text in reversed(figure.axes[0].texts)}


def weights(figure):
    return {text.get_text(): text.get_weight() for text in figure.axes[0].texts}


def value(summary, method, metric, dataset="gaussians"):
    here = (summary.dataset == dataset) & (summary.method == method) & (summary.metric == metric)
    return summary[here].iloc[0]


def names(summary, dataset="gaussians"):
    return [measure.name for measure in align_measures(summary[summary.dataset == dataset], METRICS)[0]]


def test_columns_are_whole_metrics_and_directions_of_the_relative_error(tables):
    expected = "destination foscttm label_transfer knn_auc pearson spearman mse_rel_mean:12 mse_rel_mean:21"
    assert names(tables[0]) == [*expected.split(), "mse_rel_random", "mse", "superimposition"]
    assert names(tables[0], "thymus_panels")[0] == "foscttm"


def test_an_unknown_metric_has_a_column(tables):
    summary = tables[0]
    summary.loc[summary.metric == "label_transfer:balanced", "metric"] = "new_metric"
    assert "new_metric" in names(summary)


def test_a_metric_without_values_per_direction_is_one_column(tables):
    summary = tables[0]
    found = names(summary[~summary.metric.str.startswith("mse_rel_mean:")])
    assert "mse_rel_mean" in found
    assert "mse_rel_mean:12" not in found


def test_heads_show_whether_higher_or_lower_is_better(tables):
    written = texts(draw(*tables, METHODS, METRICS, "gaussians"))
    for head in ("FOSCTTM ↓", "kNN AUC ↑", "Label transfer accuracy ↑", "MSE / MSE of the mean 1→2 ↓"):
        assert any(text.endswith(head[-2:]) and text[:6] == head[:6] for text in written), head


def test_rows_are_sorted_by_the_headline_then_failures_then_controls(tables):
    summary, resources = tables
    for headline, sign in ((None, -1), ("foscttm", 1), ("mse_rel_mean:12", 1)):
        at = heights(draw(summary, resources, METHODS, METRICS, "gaussians", headline=headline))
        real = ["magan", "gan", "cyclegan", "ridge", "knn", "lle"]
        metric = headline or "destination"
        real.sort(key=lambda name: sign * value(summary, name, metric)["mean"])
        order = [METHODS[name]["label"] for name in real] + ["Gromov-Wasserstein", "Procrustes", "True partner"]
        assert [at[label] for label in order] == sorted(at[label] for label in order)


def test_cells_hold_mean_and_interval_and_the_best_is_bold(tables):
    summary, resources = tables
    figure = draw(summary, resources, METHODS, METRICS, "gaussians")
    row = value(summary, "magan", "foscttm")
    assert weights(figure)[f"{row['mean']:.3f}"] == "bold"
    assert in_brackets(row).partition(" ")[2] in texts(figure)
    worse = value(summary, "ridge", "foscttm")
    assert weights(figure)[f"{worse['mean']:.3f}"] == "normal"
    assert "n=1" in texts(figure)


def test_a_lower_error_is_darker(tables):
    summary, resources = tables
    figure = draw(summary, resources, METHODS, METRICS, "gaussians")
    for metric in ("foscttm", "mse", "pearson"):
        cells = labelled(figure.axes[0], f"cell {metric}")
        real = sorted(cells, key=lambda cell: cell.get_y())[: len(QUALITY) - 3]
        light = [sum(cell.get_facecolor()[:3]) for cell in real]
        assert light == sorted(light)


def test_quality_is_0_for_an_uninformative_translation_and_1_for_a_perfect_one(tables):
    measures = {m.name: m for m in align_measures(tables[0][tables[0].dataset == "gaussians"], METRICS)[0]}
    assert measures["foscttm"].quality(0.5) == 0
    assert measures["foscttm"].quality(0.25) == pytest.approx(0.5)
    assert measures["foscttm"].quality(0.7) == 0
    assert measures["mse_rel_mean:12"].quality(1.0) == 0
    assert measures["mse_rel_mean:12"].quality(0.2) == pytest.approx(0.8)
    assert measures["pearson"].quality(-0.3) == 0
    assert measures["label_transfer"].quality(0.7) == pytest.approx(0.7)


def test_failed_methods_show_their_status_with_the_reason_in_a_note(tables):
    figure = draw(*tables, METHODS, METRICS, "gaussians")
    written = texts(figure)
    assert "oom (out of memory) ¹" in written
    assert "not applicable ²" in written
    assert "¹ memory limit of 8,192 MiB reached" in written
    assert "² no cells are known to be pairs" in written
    assert written.count("0/5") == 2


def test_equal_reasons_share_a_footnote(tables):
    scores = make_scores(("gaussians",))
    failures = {"gw": ("not_applicable", "no pairs"), "procrustes": ("not_applicable", "no pairs")}
    written = texts(draw(tables[0], make_resources(scores, failures), METHODS, METRICS, "gaussians"))
    assert written.count("not applicable ¹") == 2
    assert written.count("¹ no pairs") == 1


def test_some_failed_runs_are_named_in_a_note(tables):
    summary, resources = tables
    resources.loc[(resources.method == "ridge") & (resources.seed == 1), ["status", "reason"]] = ["error", "singular"]
    written = texts(draw(summary, resources, METHODS, METRICS, "gaussians"))
    assert "4/5" in written
    assert any("Ridge: 1 of 5 runs failed (error: singular)" in text for text in written)


def test_not_applicable_is_not_zero(tables):
    written = texts(draw(*tables, METHODS, METRICS, "gaussians"))
    assert written.count("n/a") == 2


def test_a_metric_without_any_value_is_named_below(tables):
    summary, resources = tables
    summary.loc[summary.metric == "knn_auc", "mean"] = np.nan
    written = texts(draw(summary, resources, METHODS, METRICS, "gaussians"))
    assert "Not applicable to this data set, left out: kNN AUC." in written


@pytest.mark.parametrize("dataset", ["gaussians", "thymus_panels"])
def test_texts_neither_overlap_nor_leave_the_figure(tables, dataset):
    assert_inside(draw(*tables, METHODS, METRICS, dataset, label="A name for people"))


def test_long_names_and_large_numbers_stay_inside_the_figure(tables):
    summary, resources = tables
    summary.loc[summary.metric == "mse", ["mean", "half_width"]] *= 12345.6
    metrics = METRICS | {"foscttm": METRICS["foscttm"] | {"label": "A very long name of one metric, and then some"}}
    methods = METHODS | {"ridge": {"label": "$a_1$ {x} very long name of somebody's own method", "uses_labels": True}}
    assert_inside(draw(summary, resources, methods, metrics, "gaussians"))


def test_a_table_of_failures_only(tables):
    resources = make_resources(make_scores(("gaussians",)).iloc[:0].assign(dataset="gaussians"), {})
    scores = make_scores(("gaussians",), {"magan": 0.5})
    resources = make_resources(scores, FAILURES)
    resources = resources[resources.status != "ok"]
    figure = draw(tables[0].iloc[:0], resources, METHODS, METRICS, "gaussians")
    assert "oom (out of memory) ¹" in texts(figure)
    assert_inside(figure)


def test_unknown_data_sets_and_headlines_are_refused(tables):
    with pytest.raises(DataError, match="no results of data set 'nowhere'"):
        draw(*tables, METHODS, METRICS, "nowhere")
    with pytest.raises(DataError, match="'nonsense' cannot order the methods"):
        draw(*tables, METHODS, METRICS, "gaussians", headline="nonsense")


def test_the_figure_does_not_depend_on_the_order_of_rows_and_input_is_not_changed(tables, tmp_path):
    summary, resources = tables
    before = summary.copy()
    first = save_figure(draw(summary, resources, METHODS, METRICS, "gaussians"), tmp_path / "a", ("svg",))
    mixed = summary.sample(frac=1, random_state=0), resources.sample(frac=1, random_state=0)
    second = save_figure(draw(*mixed, METHODS, METRICS, "gaussians"), tmp_path / "b", ("svg",))
    assert first[0].read_bytes() == second[0].read_bytes()
    assert before.equals(summary)


def test_decimals_depend_on_the_size_of_the_values():
    assert [decimals_of([x]) for x in (0.0123, 0.5, 2.0, 34.0, 560.0, 12345.0)] == [4, 3, 3, 2, 1, 0]
    assert decimals_of([]) == 3
    assert decimals_of([0.5, 0.6, 1e9]) == 3
    assert write_number(-0.0001) == "0.000"
    assert write_number(-0.25, 2) == "−0.25"
    assert write_number(12345.6, 0) == "12,346"
