"""Facts and texts of the task "integrate"."""

import numpy as np
import pandas as pd
import pytest
from made_report import NASTIEST, SAMPLED, assert_tables_are_even, dataset, make_report, one_line, read_rst, table_row
from overall_tables import make_scores, make_tables
from report_tables import METHODS, METRICS, in_brackets, make_resources

from portal_lib.reporting.texts.pages import caption, summary_page


@pytest.fixture(scope="module")
def made():
    return make_tables(make_scores())


@pytest.fixture
def tables(made, summary, resources):
    empty = {name: made[name].iloc[:0] for name in ("overall", "overall_runs", "ranges", "differences")}
    return empty | {"summary": summary, "resources": resources}


def report_of(tables, methods=METHODS, metrics=METRICS, **more):
    return make_report(tables, [dataset("toy_atlas", "integrate", **more)], methods, metrics)


def read(figure, tables, **more):
    return read_rst(caption(report_of(tables, **more), f"{figure}.toy_atlas"))


def test_the_caption_of_the_table_counts_methods_and_names_failures(tables):
    resources = tables["resources"]
    resources.loc[(resources.method == "harmony") & (resources.seed == 1), "status"] = "error"
    text = read("table_scib", tables, label="Toy atlas")
    assert "Toy atlas: 8 methods and 5 controls, n = 1 to 3 runs each." in text
    assert (
        "Batch correction: PC regression, Batch ASW, Graph connectivity, kBET, Graph iLISI. Bio conservation:" in text
    )
    assert "The overall score is 0.4 batch + 0.6 bio of the raw values" in text
    assert "Seurat v3 CCA (oom (out of memory): memory limit of 8,192 MiB reached)" in text
    assert "Harmony (2 of 3 runs succeeded)" in text
    assert "Warning: ComBat has a lower overall score than" in text


def test_the_caption_of_the_table_names_the_implementation_of_each_metric(tables):
    given = {"pcr": "ours; equal to a_b", "nmi": "theirs", "ilisi": "ours; equal to a_b", "isolated_f1": "nobody's"}
    metrics = {name: {**facts, "implementation": given.get(name)} for name, facts in METRICS.items()}
    # The isolated-label F1 has no value.
    words = "Implementations of the metrics. PC regression, Graph iLISI: ours; equal to a_b. NMI: theirs. Without"
    assert words in read("table_scib", tables, metrics=metrics)
    assert "Implementations" not in read("table_scib", tables)


def test_the_summary_names_the_implementation_of_each_metric_once(made, resources):
    metrics = {name: {**facts, "implementation": "ours; a_b"} for name, facts in METRICS.items()}
    datasets = [dataset(name, "integrate") for name in ("toy_atlas", "scmixology")]
    page = summary_page(make_report(made | {"resources": resources}, datasets, METHODS, metrics))
    labels = [facts["label"] for name, facts in METRICS.items() if name != "isolated_f1"]
    assert page.count(f"Implementations of the metrics. {', '.join(labels)}: ours; a\\_b.") == 1


def test_scores_of_a_sample_state_the_sample(tables):
    words = "Scored on 50,000 of 1,100,000 cells, drawn at random (seed 1234)"
    assert words in read("table_scib", tables, sample=SAMPLED)
    page = one_line(summary_page(report_of(tables, sample=SAMPLED)))
    assert page.count(words) == 1
    assert page.index("### toy") < page.index(words)
    assert "Scored on" not in summary_page(report_of(tables))


def test_the_caption_of_the_umap_states_which_cells_are_drawn(tables):
    facts = {"n_cells": 1_100_000, "n_scored": 200_000, "umap_cells": 50_000, "umap_seed": 1234, "seed": 3}
    text = read("umap", tables, failed={"m": "oom"}, **facts)
    assert "50,000 of 1,100,000 cells, drawn at random, the same in every panel. Runs of seed 3." in text
    assert "seed 1234" in text
    assert "Without a result: m (oom (out of memory))." in text
    text = read("umap", tables)
    assert "toy_atlas: UMAP coloured by batch (top) and by label (bottom), 300 cells." in text
    assert "Without a result" not in text


@pytest.mark.parametrize(
    ("n_scored", "words"),
    [
        (60, "60 of 100 cells: those that have a label."),
        (50, "50 of 100 cells, drawn at random among those that have a label, the same in every panel."),
    ],
)
def test_the_caption_of_the_umap_says_that_cells_without_a_label_are_not_drawn(tables, n_scored, words):
    sample = {"n_cells_total": 100, "n_cells_scored": n_scored, "n_unlabelled": 40, "subsample_seed": 1}
    sample |= {"cut_graph": False, "lost_batches": {}, "lost_labels": {}}
    text = read("umap", tables, n_cells=100, n_scored=n_scored, umap_cells=1000, sample=sample)
    assert words in " ".join(text.split())


def test_the_caption_of_resources_names_probe_and_machine(tables):
    text = read("resources", tables, machine="CPU x_y")
    assert "toy_atlas: wall time and peak memory of each method" in text
    assert "Memory probe: ru_maxrss." in text
    assert "Machine: CPU x_y." in text
    assert "Failed runs are hatched" in text
    resources = tables["resources"]
    assert "No run failed." in read("resources", tables | {"resources": resources[resources.status == "ok"]})


def test_the_time_of_runs_with_several_trainings_is_per_training(tables):
    report = make_report(tables, [dataset("toy_atlas", "align")], METHODS, METRICS)
    resources = tables["resources"]
    for n, said in ((10, "1 to 10 trainings per run"), (1, "1 training per run")):
        runs = resources.assign(trainings=np.where(resources.method == "portal", n, 1.0))
        runs.loc[runs.status != "ok", "trainings"] = np.nan
        report.tables["resources"] = runs
        text = read_rst(caption(report, "resources.toy_atlas"))
        assert f": time (fit, per training; {said}) and peak memory of each method" in text
        assert "Memory is that of a whole run with all its trainings. The time excludes start" in text
    report.tables["resources"] = resources[resources.status != "ok"].assign(trainings=np.nan)
    assert "(fit, per training; no run finished)" in read_rst(caption(report, "resources.toy_atlas"))


def test_the_summary_has_intervals_statuses_and_gaps(tables):
    page = summary_page(report_of(tables))
    assert_tables_are_even(page)
    summary = tables["summary"]
    where = (summary.dataset == "toy_atlas") & (summary.method == "portal") & (summary.metric == "overall")
    row = summary[where].iloc[0]
    assert table_row(page, "Portal")[1:3] == ["3/3", in_brackets(row)]
    assert table_row(page, "ComBat")[1] == "1/1"
    assert "(n=1)" in table_row(page, "ComBat")[2]
    assert table_row(page, "fastMNN")[1:3] == ["0/3", "timeout: wall limit of 600 s reached"]
    assert "n/a" in table_row(page, "BBKNN")
    assert "| Shuffle by label (control) (uses labels) |" in page


def test_a_method_without_facts_is_shown_by_its_name(tables):
    tables["summary"]["method"] = tables["summary"]["method"].replace("portal", "a|b_c*")
    assert "| a\\|b\\_c\\* |" in summary_page(report_of(tables, methods={}, metrics={}))


def test_any_name_is_shown_as_it_is(tables, made):
    name = NASTIEST
    methods = METHODS | {key: {**METHODS[key], "label": name} for key in ("harmony", "shuffle_by_label", "bbknn")}
    metrics = METRICS | {"ari": {**METRICS["ari"], "label": name, "implementation": name}}
    resources = tables["resources"]
    resources.loc[resources.status != "ok", "reason"] = name
    more = {"methods": methods, "metrics": metrics, "label": name, "machine": name}
    sample = {"sample": SAMPLED | {"lost_labels": {name: 3}}}
    plain = one_line(name)
    assert f"(number of cells in brackets): {plain} (3)." in read("table_scib", tables, **more, **sample)
    assert f"{plain} (oom (out of memory))" in read("umap", tables, **more, failed={name: "oom"})
    assert f"Machine: {plain}." in read("resources", tables, **more)
    assert f"{plain}: 31 runs" in read("table_scib", made | {"resources": make_resources()}, **more)
    page = summary_page(report_of(made | {"resources": resources}, **more, **sample))
    assert_tables_are_even(page)


HVG, OWN = "2000 highly_variable genes, not scaled", "1966 portal genes, scaled per batch"
OVERALL = {"unintegrated": 0.683, "unintegrated.portal_pcs": 0.837, "portal": 0.846, "harmony.portal_pcs": 0.866}
OVERALL |= {"harmony": 0.852, "combat": 0.823}
INPUTS = dict.fromkeys(OVERALL, OWN) | {"unintegrated": HVG, "combat": HVG}
INPUTS["harmony"] = "2000 highly_variable genes, scaled over all cells"


def with_inputs(tables, overall=OVERALL, inputs=INPUTS):
    """Tables of one run of each method, whose overall score is given."""
    kept = tables["summary"].iloc[:1]
    kept = kept.assign(dataset="toy_atlas", metric="overall", group="aggregate", n=1, ci_low=np.nan, ci_high=np.nan)
    summary = pd.concat([kept.assign(method=name, mean=value) for name, value in overall.items()])
    resources = pd.DataFrame({"method": list(overall), "dataset": "toy_atlas", "seed": 0, "status": "ok", "reason": ""})
    return tables | {"summary": summary, "resources": resources.assign(input=resources["method"].map(inputs))}


SPLIT = (
    "What the preparation gives, and what the method gives (overall score, raw values; Unintegrated has 0.683): "
    "Harmony · portal_pcs 0.866, untrained on the same input (1,966 genes of Portal, scaled per batch) 0.837, so "
    "+0.154 by the preparation and +0.029 by the method; "
    "Portal 0.846, untrained on the same input (1,966 genes of Portal, scaled per batch) 0.837, so +0.154 by "
    "the preparation and +0.009 by the method."
)


def test_what_the_preparation_gives_is_told_from_what_the_method_gives(tables):
    """Harmony has an input of its own, and ComBat other metrics."""
    run = with_inputs(tables)
    assert SPLIT in read("table_scib", run)
    assert one_line(summary_page(report_of(run))).count(SPLIT.replace("portal_pcs", "portal\\_pcs")) == 1
    worse = OVERALL | {"portal": 0.8, "unintegrated.portal_pcs": 0.6}
    assert "so −0.083 by the preparation and +0.200 by the method" in read("table_scib", with_inputs(tables, worse))


def test_without_the_untrained_data_on_the_same_input_nothing_is_split(tables):
    assert "What the preparation gives" not in read("table_scib", tables)
    for name in ("unintegrated", "unintegrated.portal_pcs"):
        rest = {key: value for key, value in OVERALL.items() if key != name}
        assert "What the preparation gives" not in read("table_scib", with_inputs(tables, rest))


def test_the_summary_has_the_input_of_each_method(tables):
    page = summary_page(report_of(with_inputs(tables)))
    assert_tables_are_even(page)
    assert table_row(page, "Portal")[1:3] == ["1,966 genes of Portal, scaled per batch", "1/1"]
    assert table_row(page, "Harmony")[1] == "2,000 highly variable genes, scaled over all cells"
    inputs = INPUTS | {"combat": "12000 all genes, not scaled", "harmony": np.nan, "portal": "a|b"}
    page = summary_page(report_of(with_inputs(tables, inputs=inputs)))
    assert table_row(page, "ComBat")[1] == "12,000 genes (all), not scaled"
    assert table_row(page, "Harmony")[1] == "–"
    assert "| a\\|b |" in page
    assert "Input" not in summary_page(report_of(tables))
