"""Facts and texts of the task "align"."""

import numpy as np
import pandas as pd
import pytest
from align_tables import METHODS, METRICS, make_destinations, make_resources, make_scores, make_summary
from made_report import NASTIEST, assert_tables_are_even, dataset, make_report, one_line, read_rst, table_row
from scipy.stats import binomtest

from portal_lib.benchmark.tables.published import COMPARED, compare_published
from portal_lib.errors import DataError
from portal_lib.reporting.texts import align
from portal_lib.reporting.texts.pages import caption, landing_page, summary_page


@pytest.fixture
def tables():
    scores = make_scores()
    resources = make_resources(scores).assign(trainings=1, probe="")
    return {"summary": make_summary(scores), "resources": resources, "scores": scores}


def report_of(tables, name="gaussians", methods=METHODS, metrics=METRICS, **more):
    return make_report(tables, [dataset(name, "align", **more)], methods, metrics, definitions=[])


def read(figure, tables, name="gaussians", **more):
    return read_rst(caption(report_of(tables, name, **more), f"{figure}.{name}"))


def section(tables, name="gaussians", **more):
    return summary_page(report_of(tables, name, **more))


def change(tables, method, metric, value, column="mean"):
    summary = tables["summary"]
    here = (summary.dataset == "gaussians") & (summary.method == method) & (summary.metric == metric)
    assert here.sum() == 1
    summary.loc[here, column] = value


def change_trainings(tables, method, seeds, value):
    scores = tables["scores"]
    here = (scores.dataset == "gaussians") & (scores.method == method) & scores.seed.isin(seeds)
    scores.loc[here & (scores.metric == "superimposition:spread"), "value"] = value


def warnings(tables):
    return align.warnings(report_of(tables), "gaussians")


def test_good_methods_give_no_warning(tables):
    for metric in ("foscttm", "mse", "mse_rel_random"):
        change(tables, "column_means", metric, 9.0)
    assert warnings(tables) == []


def test_a_collapse_of_the_mean_gives_a_warning(tables):
    change(tables, "gan", "superimposition:spread", 0.19)
    change(tables, "magan", "superimposition:reach", 0.67)
    change(tables, "ridge", "superimposition:spread", 0.2)
    found = warnings(tables)
    assert [(one["kind"], one["method"], one["signs"]) for one in found] == [
        ("collapse", "Dual GAN", [("spread", 0.19)]),
        ("collapse", "MAGAN", [("reach", 0.67)]),
    ]
    text = read("scores", tables)
    assert "Warning: Dual GAN shows mode collapse: the standard deviation of translated cells is 0.19 of that" in text
    assert "Warning: MAGAN shows mode collapse: translated cells reach 67 % of the clusters (mean over runs)." in text


def test_a_collapse_of_single_trainings_gives_a_warning(tables):
    change_trainings(tables, "magan", [1, 3], 0.05)
    change_trainings(tables, "ridge", [0], 0.2)
    change_trainings(tables, "gan", [0], np.nan)
    change_trainings(tables, "gan", [4], 0.19)
    change(tables, "gan", "superimposition:reach", 0.67)
    found = warnings(tables)
    assert [(one["method"], one["n_collapsed"], one["n_trainings"]) for one in found] == [
        ("Dual GAN", 1, 4),
        ("MAGAN", 2, 5),
    ]
    lines = [
        "Dual GAN shows mode collapse: 1 of 4 trainings collapses; translated cells reach 67 % of the clusters (mean "
        "over runs).",
        "MAGAN shows mode collapse: 2 of 5 trainings collapse.",
    ]
    assert all(f"- {line}\n" in section(tables) for line in lines)
    assert all(f"Warning: {line}" in read("scores", tables) for line in lines)
    assert f"Warning: Gaussians: {lines[1]}" in read_rst(landing_page(report_of(tables, label="Gaussians")))


def test_the_collapse_of_a_control_gives_no_warning(tables):
    assert "column_means" in set(tables["summary"].query("metric == 'superimposition:spread' and mean < 0.2").method)
    assert warnings(tables) == []


def test_a_method_below_a_baseline_control_gives_a_warning(tables):
    for metric, value in (("foscttm", 0.55), ("pearson", -0.2), ("mse_rel_mean:12", 2.3), ("superimposition", 0.0)):
        change(tables, "gan", metric, value)
    (found,) = warnings(tables)
    assert (found["kind"], found["method"]) == ("baseline", "Dual GAN")
    worse = {one["label"]: (one["own"], one["control"], one["value"]) for one in found["metrics"]}
    assert worse["FOSCTTM"] == ("0.550", "Column means", "0.489")
    assert worse["Pearson correlation"][0] == "−0.200"
    assert worse["MSE / MSE of the mean 1→2"][0] == "2.300"
    assert "Superimposition" not in worse
    assert "True partner" not in {control for _, control, _ in worse.values()}
    words = "Dual GAN is worse than a baseline control: FOSCTTM 0.550 (Column means: 0.489); Pearson correlation −0.200"
    assert f"Warning: {words}" in read("scores", tables)


def test_the_input_of_the_methods_is_described(tables):
    inputs = {"n1": 12500, "d1": 12, "n2": 12500, "d2": 13, "n_shared": 12, "n_pairs": 0, "n_hidden": 1}
    assert (
        "Domain 1 has 12,500 cells and 12 features, domain 2 has 12,500 cells and 13 features. Given to the methods: "
        "12 shared features. Hidden from domain 1: 1 feature. Each run holds 13 trainings."
    ) in read("scores", tables, method_inputs=inputs | {"n_trainings": 13})
    assert "Given to the methods: 2 shared features and 1 known pair." in read(
        "scores", tables, method_inputs={"n_shared": 2, "n_pairs": 1}
    )
    assert "no shared feature and no known pair." in read(
        "scores", tables, method_inputs={"n1": 1, "d1": 1, "n2": 1, "d2": 1}
    )
    assert "Given" not in read("scores", tables, method_inputs={})


def test_the_caption_of_scores_counts_methods_and_names_failures(tables):
    text = read("scores", tables, label="Three clusters")
    assert "Three clusters: 9 methods and 3 controls, n = 1 to 5 runs each." in text
    assert "Sorted by Destination." in text
    assert "Gromov-Wasserstein (oom (out of memory): memory limit of 8,192 MiB reached)" in text
    with pytest.raises(DataError, match="nowhere"):
        read("scores", tables, "nowhere")


def test_the_caption_of_destinations_counts_correct_runs_with_wilsons_interval(tables):
    tables["destinations"] = make_destinations()
    report = report_of(tables)
    found = align.destinations_facts(report, report.facts["datasets"][0], "")["found"]
    for one in found:
        interval = binomtest(one["n_right"], one["n_runs"]).proportion_ci(method="wilson")
        assert one["interval"] == [f"{100 * interval.low:.0f}", f"{100 * interval.high:.0f}"]
    assert "True partner 20/20 (84 to 100 %)" in read("destinations", tables)


def test_the_caption_of_destinations_counts_swapped_clusters(tables):
    table = make_destinations(("naive", "memory"), quality={"gan": 0.3, "true_partner": 1.0})
    ends = table[(table.method == "gan") & (table.direction == "12") & (table.source != table.target)]
    n_swapped = int((ends.pivot_table(index="seed", columns="source", values="share") > 0.5).all(axis=1).sum())
    assert 0 < n_swapped < 20
    text = read("destinations", tables | {"destinations": table})
    assert f"From domain 1 to domain 2: Dual GAN in {n_swapped} of 20 trainings." in text
    text = read("destinations", tables | {"destinations": table[table.method == "true_partner"]})
    assert "From domain 1 to domain 2: in no training." in text


def test_the_caption_of_markers_counts_them_and_names_the_best_stochastic_method(tables):
    text = read("markers", tables, "thymus_panels")
    assert "Pearson correlation between real and predicted values of 13 markers" in text
    assert "Of the stochastic methods, MAGAN has the highest mean; it exceeds" in text
    assert "Dual GAN on 13 of 13 markers" in text
    assert "published" not in text


def test_the_caption_of_cells_names_features_or_images(tables):
    text = read("cells", tables, shown=["CD45RA", "CCR7"], seed=3)
    assert "gaussians: CD45RA and CCR7 of real cells" in text
    assert "Runs of seed 3." in text
    assert "images of domain 1, their ground truth in domain 2, and" in read("cells", tables)


def test_any_name_is_shown_as_it_is(tables):
    name = NASTIEST
    summary, scores = tables["summary"], make_scores(("gaussians",))
    resources = tables["resources"]
    resources.loc[resources.status != "ok", "reason"] = name
    published = compare_published(published_value(name), summary, scores, make_destinations())
    tables |= {"published": published, "destinations": make_destinations(n_runs=2)}
    methods = METHODS | {"gan": {"label": name}}
    for figure in ("scores", "destinations", "published", "resources", "cells"):
        assert one_line(name) in read(figure, tables, methods=methods, label=name, shown=[name, "b"], machine=name)
    assert one_line(name) in read("markers", tables | {"published": of_markers(name)}, "thymus_panels")
    assert_tables_are_even(section(tables, methods=methods, label=name))


def published_value(source):
    row = {"dataset": "gaussians", "method": "gan", "metric": "foscttm", "value": 0.5, "source": source}
    return pd.DataFrame([row])


def of_markers(*sources):
    """Published values of markers compared with ours, and one of another metric from another source."""
    rows = [{"metric": f"pearson:{name}", "source": source} for source in sources for name in ("CD3", "CD4")]
    table = pd.DataFrame([*rows, {"metric": "foscttm", "source": "elsewhere"}])
    return table.assign(dataset="thymus_panels", method="gan").reindex(columns=COMPARED)


def test_published_values_of_markers_are_attributed_to_their_sources(tables):
    tables["published"] = of_markers("A paper, read from the figure (± 0.01); here: 13 markers", "A paper, in the text")
    assert read("markers", tables, "thymus_panels").endswith(
        "Open diamonds are published values. Source: A paper, read from the figure (± 0.01); here: 13 markers. "
        "A paper, in the text."
    )


def test_the_caption_of_published_numbers_names_the_source(tables):
    published = compare_published(published_value("A paper"), tables["summary"], make_scores(), make_destinations())
    assert read("published", tables | {"published": published}).endswith("Source: A paper.")


def test_the_summary_lists_published_numbers_and_each_source_once(tables):
    rows = pd.concat([published_value("A_paper"), published_value("Another")], ignore_index=True)
    rows.loc[1, ["dataset", "metric"]] = ["gaussians", "mse"]
    published = compare_published(rows, tables["summary"], make_scores(("gaussians",)), make_destinations())
    published.loc[1, ["ours", "ci_low", "ci_high", "n"]] = [np.nan, np.nan, np.nan, 0]
    page = section(tables | {"published": published}).partition("### Published and ours")[2]
    mean, low, high = (f"{published.loc[0, key]:.3f}" for key in ("ours", "ci_low", "ci_high"))
    cells = ["gaussians", "FOSCTTM", "Dual GAN", "0.5", f"{mean} [{low}, {high}]", "5", "1"]
    assert table_row(page, "gaussians") == cells
    assert "| not run | 0 | 2 |" in page
    assert page.endswith("\n\n1. A\\_paper.\n2. Another.\n")
    published.loc[1, ["ours", "n"]] = [0.25, 1]
    assert "| 0.250 (n=1) | 1 | 2 |" in section(tables | {"published": published})


def test_the_section_has_the_input_the_table_and_the_best_methods(tables):
    page = section(tables, label="Three_clusters", method_inputs={"n_shared": 1})
    lines = page.splitlines()
    assert lines[0] == "### Three\\_clusters (gaussians)"
    assert "Given to the methods: 1 shared feature." in lines
    assert_tables_are_even(page)
    rows = [line for line in lines if line.startswith("|")]
    assert rows[0].startswith("| Method | Runs | Destination ↑ | FOSCTTM ↓ |")
    assert rows[2].startswith("| MAGAN | 5/5 | 0.8")
    assert table_row(page, "LLE alignment")[1] == "1/1"
    assert "(n=1)" in table_row(page, "LLE alignment")[2]
    assert table_row(page, "Procrustes")[1:3] == ["0/5", "not applicable: no cells are known to be pairs"]
    assert any(row.startswith("| True partner (control) (uses labels) |") for row in rows)
    assert "n/a" in table_row(page, "Ridge")
    assert any(line.startswith("- FOSCTTM: MAGAN, 0.08") for line in lines)


def test_the_section_of_markers_compares_stochastic_methods(tables):
    words = "\n\nOf the stochastic methods, MAGAN has the highest mean"
    assert words in section(tables, "thymus_panels", figures=["markers"])
    assert words not in section(tables, "thymus_panels")


def test_proportions_of_trainings_have_wilsons_interval(tables):
    change(tables, "magan", "destination:right", 0.8)
    page = section(tables)
    last = {
        label: table_row(page, label)[-1]
        for label in ("Method", "MAGAN", "LLE alignment", "True partner", "Procrustes")
    }
    # Wilson's interval of 4 of 5 is 0.376 to 0.964.
    assert last == {
        "Method": "Destination right in",
        "MAGAN": "4 of 5 [0.38, 0.96]",
        "LLE alignment": "0 of 1 [0.00, 0.79]",
        "True partner": "5 of 5 [0.57, 1.00]",
        "Procrustes": "",
    }
    assert "Proportions are over trainings, with the Wilson 95 % interval in brackets." in page
    assert "Proportions" not in section(tables, "thymus_panels")


def test_methods_whose_interval_overlaps_that_of_the_best_are_named(tables):
    change(tables, "ridge", "foscttm", 0.09)
    change(tables, "ridge", "foscttm", 0.0, "ci_low")
    lines = section(tables).splitlines()
    assert any(line.startswith("- FOSCTTM: MAGAN") and line.endswith("overlaps that of Ridge") for line in lines)


def test_controls_are_never_the_best(tables):
    best = [line for line in section(tables).splitlines() if line.startswith("- ") and "worse" not in line]
    assert best
    assert not any("True partner" in line for line in best)


def test_a_section_of_failures_has_their_reasons(tables):
    resources = tables["resources"]
    failed = {"summary": tables["summary"].iloc[:0], "scores": tables["scores"].iloc[:0]}
    page = section(failed | {"resources": resources[resources.status != "ok"]})
    assert "| Procrustes | 0/5 | not applicable: no cells are known to be pairs |" in page


def test_numbers_without_an_interval_have_their_number_of_runs(tables):
    tables["summary"][["ci_low", "ci_high"]] = np.nan
    cells = table_row(section(tables), "MAGAN")[2:-1]
    assert {cell.partition(" ")[2] for cell in cells} == {"(n=5)"}
