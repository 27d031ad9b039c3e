"""Figures against the number of cells: points, lines, failed runs and published values."""

import numpy as np
import pandas as pd
import pytest
from report_tables import METHODS, render

from portal_lib.errors import DataError
from portal_lib.reporting.figures import scaling_memory, scaling_phases, scaling_time
from portal_lib.reporting.figures._style import save_figure

SIZES = (1000, 10_000, 100_000)
EXPONENTS = {"portal": 0.1, "harmony": 1.0, "unintegrated": 1.0}
SETTINGS = {"time_limit_s": 3600.0, "memory_limit_mb": 8192.0}
PUBLISHED = pd.DataFrame(
    [
        ("portal", "Portal", 1_100_000, "seconds", "=", 120.0, "120 s"),
        ("harmony", "Harmony", 1_100_000, "seconds", ">", 6000.0, "> 100 min"),
        ("inmf", "Online iNMF", 1_100_000, "seconds", ">", 6000.0, "> 100 min"),
        ("portal", "Portal", 1_100_000, "memory_mb", "=", 286.0, "0.3 GB"),
    ],
    columns=["method", "label", "n_cells", "quantity", "relation", "value", "words"],
)


def make_table(exponents=EXPONENTS, sizes=SIZES, seeds=(0, 1, 2), failed=(), gpu=False):
    """`scaling.tsv` of a made-up study; `failed` maps (method, cells, seed) to a status."""
    failed, rows = dict(failed), []
    for n in sizes:
        for method, exponent in ({"preparation": 1.0} | exponents).items():
            for seed in seeds if method in exponents else (0,):
                time = (2.0 + 0.2 * seed) * (n / 1000) ** exponent
                status = failed.get((method, n, seed), "ok")
                row = {"source": "toy", "against": "cells", "size": n, "method": method, "seed": seed}
                row |= {"status": status, "reason": ""} | (SETTINGS if method in exponents else {})
                given = {("seconds", "run"): time + 2, ("memory_mb", "run"): 300.0 * (n / 1000) ** 0.2}
                if status == "ok":
                    phase = "scores" if method == "preparation" else "fit"
                    given |= {("seconds", "import"): 1.0, ("seconds", phase): time, ("seconds", "whole_way"): time}
                    given |= {("memory_mb", "whole_way"): 400.0} | ({("gpu_memory_mb", "run"): 9.0} if gpu else {})
                rows += [row | {"quantity": q, "phase": p, "value": value} for (q, p), value in given.items()]
    return pd.DataFrame(rows)


def make_fits(table, dropped=""):
    """`scaling_fits.tsv` with a fit of every quantity that the figures show, by numpy."""
    rows = []
    ok = table[table.status == "ok"]
    for (method, quantity, phase), runs in ok.groupby(["method", "quantity", "phase"]):
        middle = runs.groupby("size")["value"].median()
        slope = intercept = np.nan
        if len(middle) > 1:
            slope, intercept = np.polyfit(np.log(middle.index.to_numpy(float)), np.log(middle), 1)
        row = {"source": "toy", "method": method, "quantity": quantity, "phase": phase, "exponent": slope}
        row |= {"ci_low": slope - 0.1, "ci_high": slope + 0.1, "factor": np.exp(intercept), "dropped": dropped}
        rows.append(row | {"size_min": middle.index.min(), "size_max": middle.index.max()})
    columns = ["source", "method", "quantity", "phase", "exponent", "ci_low", "ci_high", "factor", "dropped"]
    return pd.DataFrame(rows, columns=[*columns, "size_min", "size_max"])


def time_figure(table, published=PUBLISHED, **changes):
    return scaling_time.draw(
        table, make_fits(table, **changes), published, METHODS, "toy", scaling_machine="some CPU, 2 cores"
    )


def panels(figure):
    return {axes.get_title(loc="left"): axes for axes in figure.axes[1:]}


def page_words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def words(axes):
    return [text.get_text() for text in axes.texts if text.get_text()]


def markers(axes, marker):
    """Size, value and colour of the points drawn with a marker."""
    lines = [line for line in axes.lines if line.get_marker() == marker and len(line.get_xdata()) == 1]
    return [(line.get_xdata()[0], line.get_ydata()[0], line.get_markerfacecolor()) for line in lines]


def assert_inside(figure):
    renderer = render(figure)
    for axes in figure.axes:
        ticks = [*axes.get_yticklabels(), *axes.get_xticklabels()] if axes.axison else []
        for text in [*axes.texts, *ticks, axes.title]:
            box = text.get_window_extent(renderer)
            if text.get_text() and text.get_visible():
                assert box.x0 >= -1, text.get_text()
                assert box.x1 <= figure.bbox.width + 1, text.get_text()
                assert box.y0 >= -1, text.get_text()


def assert_apart(figure):
    """No two texts of one axes overlap."""
    renderer = render(figure)
    for axes in figure.axes:
        boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in axes.texts if t.get_text().strip()]
        for i, (first, one) in enumerate(boxes):
            for second, other in boxes[i + 1 :]:
                assert not one.overlaps(other), (first, second)


def test_axes_are_logarithmic_and_points_are_medians():
    table = make_table()
    fit = panels(time_figure(table))["Time of the fit"]
    assert (fit.get_xscale(), fit.get_yscale()) == ("log", "log")
    drawn = sorted((x, y) for x, y, _ in markers(fit, "o"))
    wanted = [(n, 2.2 * (n / 1000) ** e) for n in SIZES for e in (0.1, 1.0)]
    assert np.array(drawn) == pytest.approx(np.array(sorted(wanted)))


def test_lines_are_the_fitted_power_laws():
    table = make_table()
    fit = panels(time_figure(table))["Time of the fit"]
    slopes = [
        np.diff(np.log(line.get_ydata()))[0] / np.diff(np.log(line.get_xdata()))[0]
        for line in fit.lines
        if line.get_marker() in ("None", None) and len(line.get_xdata()) == 2 and line.get_linestyle() != "--"
    ]
    assert sorted(slopes) == pytest.approx(sorted(EXPONENTS.values()))


def test_the_key_has_exponents_with_their_intervals():
    texts = page_words(time_figure(make_table()))
    assert texts.count("0.10 (0.00, 0.20)") == 2
    assert texts.count("1.00 (0.90, 1.10)") == 5
    assert {"Preparation", "Portal", "Harmony", "Unintegrated"} <= set(texts)


def test_points_that_the_fit_leaves_out_are_hollow():
    fit = panels(time_figure(make_table(), dropped="1000 (0.3)"))["Time of the fit"]
    faces = {(x, face == "white") for x, _, face in markers(fit, "o")}
    assert faces == {(1000, True), (10_000, False), (100_000, False)}


@pytest.mark.parametrize(
    ("status", "marker"), [("oom", "X"), ("timeout", ">"), ("error", "P"), ("not_applicable", "o")]
)
def test_each_failed_run_has_its_own_mark_above_the_limit(status, marker):
    failed = {("harmony", 100_000, seed): status for seed in range(3)}
    figure = time_figure(make_table(failed=failed))
    for axes in panels(figure).values():
        assert (100_000, 3600.0) in {(x, y) for x, y, _ in markers(axes, marker)}
        assert "limit 1 h" in words(axes)
    assert any(text.startswith("failed: ") for text in page_words(figure))


def test_some_failed_seeds_are_shown_as_a_fraction():
    figure = time_figure(make_table(failed={("harmony", 10_000, 1): "timeout"}))
    assert "1/3" in words(panels(figure)["Time of the fit"])
    assert not any("failed" in text for text in page_words(time_figure(make_table())) if "Marks" not in text)


def test_published_values_are_stars_and_lower_bounds_arrows():
    figure = time_figure(make_table())
    whole = panels(figure)["Time from counts to result"]
    assert [(x, y) for x, y, _ in markers(whole, "*")] == [(1_100_000, 120.0)]
    assert [(x, y) for x, y, _ in markers(whole, "_")] == [(1_100_000, 6000.0)]
    assert "Harmony, Online iNMF\n> 100 min (paper)" in words(whole)
    assert sum(text.arrow_patch is not None for text in whole.texts) == 1
    assert not markers(panels(figure)["Time of the fit"], "*")


def test_memory_has_a_limit_and_a_gpu_panel_where_a_gpu_was_used():
    table = make_table(gpu=True)
    figure = scaling_memory.draw(table, make_fits(table), PUBLISHED, METHODS, "toy")
    assert "limit 8 GiB" in words(panels(figure)["Peak memory of a run"])
    assert list(panels(figure)) == [
        "Peak memory of a run",
        "Peak memory from counts to result",
        "Peak GPU memory of a run",
    ]
    assert_inside(figure)
    bare = make_table()
    assert len(panels(scaling_memory.draw(bare, make_fits(bare), PUBLISHED, METHODS, "toy"))) == 2


def test_phases_have_a_panel_per_method():
    figure = scaling_phases.draw(
        make_table(failed={("harmony", n, s): "oom" for n in SIZES for s in range(3)}), METHODS, "toy"
    )
    assert list(panels(figure)) == ["Preparation", "Portal", "Harmony", "Unintegrated"]
    assert words(panels(figure)["Harmony"]) == ["no successful run"]
    assert {"import", "fit", "whole process"} <= set(page_words(figure))
    assert_inside(figure)
    assert_apart(figure)


CASES = {
    "ten methods and every failure": {
        "exponents": {f"method_{i}": 0.1 * i for i in range(7)} | {"unintegrated": 1.0, "shuffle": 1.0, "portal": 0.2},
        "failed": {
            (f"method_{i}", 100_000, s): status
            for i, status in enumerate(["oom", "timeout", "error", "not_applicable", "oom"])
            for s in range(3)
        },
    },
    "all failed": {"failed": {(m, n, s): "oom" for m in EXPONENTS for n in SIZES for s in range(3)}},
    "one size": {"sizes": (1000,), "seeds": (0,)},
    "two sizes of a million": {"sizes": (300_000, 1_100_000)},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.slow
def test_texts_neither_overlap_nor_leave_the_figure(case):
    table = make_table(**CASES[case])
    fits = make_fits(table)
    for figure in (
        time_figure(table),
        scaling_memory.draw(table, fits, PUBLISHED, METHODS, "toy", scaling_machine="a machine " * 30),
        scaling_phases.draw(table, METHODS, "toy", label="Toy atlas"),
    ):
        assert_inside(figure)
        assert_apart(figure)


def test_missing_numbers_and_limits_are_left_out():
    table = make_table().drop(columns=list(SETTINGS))
    table.loc[table.method == "harmony", "value"] = np.nan
    assert_inside(time_figure(table, published=PUBLISHED.iloc[:0]))


def test_the_same_table_gives_the_same_bytes(tmp_path):
    table = make_table(failed={("harmony", 10_000, 1): "timeout"})
    made = [save_figure(time_figure(table), tmp_path / name, ("svg", "png")) for name in "ab"]
    assert [path.read_bytes() for path in made[0]] == [path.read_bytes() for path in made[1]]


def test_an_unknown_data_set_is_refused():
    table = make_table()
    with pytest.raises(DataError, match="no runs of data set 'nowhere'"):
        scaling_phases.draw(table, METHODS, "nowhere")


def test_the_axis_counts_batches_where_batches_were_sampled():
    """And published values, which are of numbers of cells, are left out."""
    table = make_table(sizes=(2, 10, 100)).assign(against="batches")
    figure = time_figure(table)
    assert {axes.get_xlabel() for axes in panels(figure).values()} == {"batches"}
    assert "(paper)" not in " ".join(text.get_text() for axes in figure.axes for text in axes.texts)
    assert {axes.get_xlabel() for axes in panels(time_figure(make_table())).values()} == {"cells"}
