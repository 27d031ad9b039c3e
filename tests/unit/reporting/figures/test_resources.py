import numpy as np
import pandas as pd
import pytest
from report_tables import FAILURES, METHODS, make_resources, render

from portal_lib.errors import DataError
from portal_lib.reporting.figures._style import save_figure
from portal_lib.reporting.figures.resources import draw


def panels(figure):
    return {axes.get_title(loc="left"): axes for axes in figure.axes[1:]}


def names(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def words(axes):
    return {round(text.xy[1]): text.get_text() for text in axes.texts}


def assert_inside(figure):
    renderer = render(figure)
    for axes in figure.axes[1:]:
        right = axes.get_window_extent(renderer).x1
        for text in axes.texts:
            assert text.get_window_extent(renderer).x1 <= right + 2, text.get_text()
        for label in axes.get_yticklabels():
            assert label.get_window_extent(renderer).x0 >= 0, label.get_text()
    for text in figure.axes[0].texts:
        assert text.get_window_extent(renderer).x1 <= figure.bbox.width, text.get_text()
        assert text.get_window_extent(renderer).y0 >= 0, text.get_text()


def test_fastest_first_then_failures_then_controls(resources):
    axes = panels(draw(resources, METHODS, "toy_atlas"))["Wall time"]
    assert names(axes)[:2] == ["scANVI", "BBKNN"]
    assert names(axes)[6:8] == ["fastMNN", "Seurat v3 CCA"]
    assert names(axes)[8:] == ["Label embedding", "Shuffle by label", "Shuffle by batch", "Shuffle", "Unintegrated"]


def test_points_are_the_single_runs_and_bars_their_mean(resources):
    axes = panels(draw(resources, METHODS, "toy_atlas"))["Wall time"]
    row = names(axes).index("Portal")
    runs = resources[(resources.dataset == "toy_atlas") & (resources.method == "portal")]
    points = next(c.get_offsets() for c in axes.collections if round(c.get_offsets()[0, 1]) == row)
    assert sorted(points[:, 0]) == pytest.approx(sorted(runs.fit_s))
    bars = [p.get_width() for p in axes.patches if abs(p.get_y() + p.get_height() / 2 - row) < 0.01]
    assert bars == pytest.approx([runs.wall_s.mean(), runs.fit_s.mean()])
    assert words(axes)[row] == f"{runs.fit_s.mean():.3g}"


def test_failures_are_hatched_to_their_limit(resources):
    drawn = panels(draw(resources, METHODS, "toy_atlas"))
    time, memory = drawn["Wall time"], drawn["Peak memory"]
    hatched = {round(p.get_y() + 0.31): p.get_width() for p in time.patches if p.get_hatch()}
    assert hatched == pytest.approx({6: 600.0, 7: 71.0})
    assert (words(time)[6], words(time)[7]) == ("timeout", "oom")
    hatched = {round(p.get_y() + 0.31): p.get_width() for p in memory.patches if p.get_hatch()}
    assert hatched == pytest.approx({6: 2200 / 1024, 7: 8.0})
    assert memory.get_xlabel() == "GiB"


def test_time_to_align_is_that_of_the_fit_per_training(resources):
    resources = resources[resources.dataset == "toy_atlas"].assign(trainings=1.0)
    resources.loc[resources.method == "portal", "trainings"] = 10
    resources.loc[resources.status != "ok", "trainings"] = np.nan
    figure = draw(resources, METHODS, "toy_atlas", task="align")
    axes = panels(figure)["Fit, per training"]
    row = names(axes).index("Portal")
    fit = resources[resources.method == "portal"].fit_s / 10
    assert words(axes)[row] == f"{fit.mean():.3g}"
    bars = [p.get_width() for p in axes.patches if abs(p.get_y() + p.get_height() / 2 - row) < 0.01]
    assert bars == pytest.approx([fit.mean()] * 2)
    written = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert "Time: fit, per training (1 to 10 trainings per run), without start, load and write." in written
    assert (
        "Hatched: a failed run, up to the limit that it reached or to what it had used, all its trainings together."
        in written
    )
    assert 600.0 in [p.get_width() for p in axes.patches if p.get_hatch()]
    assert_inside(figure)


def test_some_failed_runs_are_counted_next_to_the_mean_of_the_others(resources):
    failed = (resources.method == "harmony") & (resources.seed == 0)
    resources.loc[failed, "status"] = "timeout"
    axes = panels(draw(resources, METHODS, "toy_atlas"))["Wall time"]
    row = names(axes).index("Harmony")
    mean = resources[(resources.dataset == "toy_atlas") & (resources.method == "harmony") & ~failed].fit_s.mean()
    assert words(axes)[row] == f"{mean:.3g}  timeout 1/3"


def test_a_wide_range_has_a_log_axis(resources):
    assert panels(draw(resources, METHODS, "toy_atlas"))["Wall time"].get_xscale() == "log"
    narrow = make_resources(("x",), {"a": 1, "b": 1}, {})
    axes = panels(draw(narrow, {}, "x"))["Wall time"]
    assert (axes.get_xscale(), axes.get_xlim()[0]) == ("linear", 0)


def test_gpu_memory_has_a_panel_where_a_gpu_was_used(resources):
    assert list(panels(draw(resources, METHODS, "toy_atlas"))) == ["Wall time", "Peak memory"]
    resources["peak_gpu_mb"] = 500.0
    axes = panels(draw(resources, METHODS, "toy_atlas"))["Peak GPU memory"]
    assert axes.get_xlabel() == "MiB"


def test_probe_and_machine_are_named(resources):
    page = draw(resources, METHODS, "toy_atlas", machine="some CPU, 2 cores").figure.axes[0]
    written = " ".join(text.get_text() for text in page.texts)
    assert "Memory probe: ru_maxrss." in written
    assert "Machine: some CPU, 2 cores." in written


@pytest.mark.slow
def test_the_same_table_gives_the_same_bytes(resources, tmp_path):
    first = save_figure(draw(resources, METHODS, "toy_atlas"), tmp_path / "a")
    second = save_figure(draw(resources, METHODS, "toy_atlas"), tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize("n_methods", [1, 2, pytest.param(30, marks=pytest.mark.slow)])
def test_texts_stay_inside_the_figure(n_methods):
    quality = {f"method_{i}.$lambda_cos$-{i}": 1 for i in range(n_methods)}
    failures = FAILURES | {"gone": ("not_applicable", ""), "bad": ("error", "")}
    assert_inside(draw(make_resources(("x",), quality, failures), {}, "x", machine="a machine " * 30))


def test_missing_numbers_are_left_out():
    table = make_resources(("x",), {"a": 1, "b": 1}, {"c": ("error", "")})
    table[["fit_s", "peak_memory_mb", "memory_limit_mb", "time_limit_s"]] = np.nan
    drawn = panels(draw(table.drop(columns=["probe", "peak_gpu_mb"]), {}, "x"))
    assert words(drawn["Peak memory"]) == {0: "", 1: "", 2: "error"}
    wall = table[table.method == "a"].wall_s.mean()
    assert f"{wall:.3g}" in words(drawn["Wall time"]).values()
    assert_inside(drawn["Wall time"].figure)


def test_a_given_embedding_has_no_bar_and_says_so(resources):
    times = ["wall_s", "fit_s", "peak_memory_mb", "peak_gpu_mb"]
    row = resources[resources.method == "portal"].head(1).assign(method="my_scvi", input="given (X_scVI)")
    row[times] = np.nan
    drawn = draw(pd.concat([resources.assign(input="2000 portal genes, not scaled"), row]), METHODS, "toy_atlas")
    without = draw(resources, METHODS, "toy_atlas")
    for title, axes in panels(drawn).items():
        at = names(panels(drawn)["Wall time"]).index("my_scvi")
        assert words(axes)[at] == "given"
        assert not [p for p in axes.patches if abs(p.get_y() + p.get_height() / 2 - at) < 0.01]
        assert len(axes.patches) == len(panels(without)[title].patches)
    written = " ".join(text.get_text() for text in drawn.axes[0].texts)
    assert "Given: an embedding that was made elsewhere; its time and memory are not known." in written
    assert_inside(drawn)


def test_only_given_embeddings_are_drawn_without_a_bar(resources):
    row = resources[resources.method == "portal"].head(1).assign(method="my_scvi", input="given (X_scVI)")
    row[["wall_s", "fit_s", "peak_memory_mb", "peak_gpu_mb"]] = np.nan
    for axes in panels(draw(row, METHODS, "toy_atlas")).values():
        assert list(words(axes).values()) == ["given"]


def test_an_unknown_data_set_is_refused(resources):
    with pytest.raises(DataError, match="no runs of data set 'nowhere'"):
        draw(resources, METHODS, "nowhere")
