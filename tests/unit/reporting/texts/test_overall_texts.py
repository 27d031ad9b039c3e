"""Facts and texts on overall scores: warnings, ranges, missing metrics and ranks."""

import pandas as pd
import pytest
from made_report import NASTIEST, assert_tables_are_even, dataset, make_report, one_line, read_rst, table_row
from overall_tables import CONTROLS, PAPER_METRICS, make_scores, make_tables
from report_tables import METHODS, METRICS, in_brackets, make_resources

from portal_lib.reporting._overall import range_facts
from portal_lib.reporting._rows import DEFINITIONS
from portal_lib.reporting.texts.overall import missing_facts, overall_warnings, rank_facts
from portal_lib.reporting.texts.pages import caption, landing_page, summary_page

SCIB, PAPER = DEFINITIONS.values()
BOTH = METRICS | PAPER_METRICS
KIND = {"dataset": "toy_atlas", "scaling": "minmax", "missing": "ignore", "group": "overall"}


@pytest.fixture(scope="module")
def scores():
    return make_scores(metrics=BOTH)


@pytest.fixture(scope="module")
def tables(scores):
    return make_tables(scores) | {"resources": make_resources()}


def set_mean(table, method, mean, **where):
    """Give a method another mean."""
    here = table["method"] == method
    for column, value in where.items():
        here &= table[column] == value
    assert here.any()
    table.loc[here, "mean"] = mean


def report_of(tables, methods=METHODS, metrics=BOTH, datasets=("toy_atlas",), **more):
    return make_report(tables, [dataset(name, "integrate") for name in datasets], methods, metrics, **more)


def warnings(summary, overall, method="Portal"):
    here = [table[table["dataset"] == "toy_atlas"] for table in (summary, overall)]
    return [one for one in overall_warnings(*here, METHODS) if method is None or one["method"] == method]


def controls_of(warning):
    """Controls of a warning with the scores by which they are above."""
    return {
        control["label"]: [
            (s["scaling"], s["missing"], round(s["own"], 3), round(s["control"], 3)) for s in control["scores"]
        ]
        for control in warning["controls"]
    }


def test_a_warning_states_the_scaling_and_the_baseline_controls_above(tables):
    summary, overall = tables["summary"].copy(), tables["overall"].copy()
    set_mean(overall, "portal", 0.3, **KIND)
    for control, mean in (("shuffle_by_label", 0.6), ("unintegrated", 0.25), ("shuffle", 0.31)):
        set_mean(overall, control, mean, **KIND)
    (found,) = warnings(summary, overall)
    assert controls_of(found) == {
        "Shuffle": [("min-max", "ignore", 0.3, 0.31)],
        "Shuffle by label": [("min-max", "ignore", 0.3, 0.6)],
    }
    set_mean(summary, "portal", 0.01, dataset="toy_atlas", metric="overall")
    (both,) = warnings(summary, overall)
    where = (summary.dataset == "toy_atlas") & (summary.metric == "overall") & (summary.method == "shuffle")
    shuffled = round(summary.loc[where, "mean"].iloc[0], 3)
    assert controls_of(both)["Shuffle"][0] == ("raw", "ignore", 0.01, shuffled)
    report = report_of(tables | {"summary": summary, "overall": overall})
    words = (
        f"Portal has a lower overall score than Shuffle (raw: 0.010 vs. {shuffled:.3f}; min-max: 0.300 vs. 0.310) and"
    )
    assert f"Warning: {words}" in read_rst(caption(report, "table_scib.toy_atlas"))
    assert f"Warning: toy_atlas: {words}" in read_rst(landing_page(report))


def test_zero_filled_scores_and_means_over_data_sets_give_no_warning(tables):
    summary, overall = tables["summary"], tables["overall"].copy()
    expected = warnings(summary, overall, None)
    overall.loc[(overall["missing"] == "zero") | (overall["dataset"] == "*"), "mean"] = 0
    set_mean(overall, "shuffle", 1, dataset="*")
    assert warnings(summary, overall, None) == expected


def test_a_lower_score_over_the_metrics_that_every_run_has_gives_a_warning(tables):
    overall = tables["overall"].copy()
    kind = KIND | {"scaling": "raw", "missing": "complete"}
    set_mean(overall, "portal", 0.3, **kind)
    for control, mean in (("shuffle_by_label", 0.6), ("unintegrated", 0.25), ("shuffle", 0.31)):
        set_mean(overall, control, mean, **kind)
    (found,) = warnings(tables["summary"], overall)
    assert controls_of(found) == {
        "Shuffle": [("raw", "complete", 0.3, 0.31)],
        "Shuffle by label": [("raw", "complete", 0.3, 0.6)],
    }
    text = read_rst(caption(report_of(tables | {"overall": overall}), "table_scib.toy_atlas"))
    assert "than Shuffle (raw, metrics that every run has: 0.300 vs. 0.310) and" in text


def test_an_equal_score_over_the_metrics_of_every_run_is_stated_once():
    made = make_tables(make_scores(("toy_atlas",), {"portal": 0.3, "unintegrated": 0.5}))
    (found,) = overall_warnings(made["summary"], made["overall"], METHODS)
    assert {score["missing"] for control in found["controls"] for score in control["scores"]} == {"ignore"}


def test_variants_of_a_baseline_control_are_baselines(tables):
    summary = tables["summary"].replace({"method": {"shuffle_by_label": "shuffle_by_label.v"}})
    set_mean(summary, "portal", 0.01, dataset="toy_atlas", metric="overall")
    (found,) = warnings(summary, tables["overall"])
    assert "Shuffle by label · v" in controls_of(found)


def test_warnings_name_the_definition_of_the_metrics(tables):
    summary = tables["summary"].copy()
    set_mean(summary, "portal", 0.01, dataset="toy_atlas", metric="portal_overall")
    (found,) = warnings(summary, tables["overall"])
    assert found["definition"] == PAPER
    text = read_rst(landing_page(report_of(tables | {"summary": summary})))
    assert "Portal has a lower overall score of the Portal paper than Shuffle (raw: 0.010 vs." in text


def test_controls_get_no_warning_and_controls_with_labels_are_no_baseline(tables):
    found = warnings(tables["summary"], tables["overall"], None)
    assert found
    assert not {one["method"] for one in found} & {METHODS[name]["label"] for name in CONTROLS}
    assert "Label embedding" not in {control["label"] for one in found for control in one["controls"]}


def test_ranges_name_the_runs_that_set_them(tables):
    facts = range_facts(tables["ranges"], "toy_atlas", SCIB, "minmax", METHODS, METRICS)
    assert [one["label"] for one in facts["metrics"]] == [
        facts["label"] for name, facts in METRICS.items() if name != "isolated_f1"
    ]
    ends = tables["ranges"].query("dataset == 'toy_atlas' and scaling == 'minmax' and metric == 'ari'").set_index("end")
    (found,) = [one for one in facts["metrics"] if one["label"] == "ARI"]
    for end in ("low", "high"):
        row = ends.loc[end]
        named = (found[end]["value"], found[end]["method"], found[end]["seed"], found["n_runs"])
        assert named == (row["value"], METHODS[row["method"]]["label"], row["seed"], row["n_runs"])
    text = read_rst(caption(report_of(tables), "table_scib.toy_atlas"))
    low, high = (
        f"{found[end]['value']:.3f} ({found[end]['method']}, seed {found[end]['seed']}" for end in ("low", "high")
    )
    assert f"ARI: {found['n_runs']} runs, {low}".replace("-", "−") in text.replace("-", "−")
    assert f") to {high}" in text
    text = read_rst(caption(report_of(tables), "table_portal.toy_atlas"))
    assert "ARI (Louvain): " in text
    assert "PC regression" not in text


def test_a_metric_without_a_range_is_left_out_with_the_reason(tables, scores):
    constant = scores.copy()
    constant.loc[constant["metric"] == "nmi", "value"] = 0.5
    ranges = make_tables(constant)["ranges"]
    found = [
        range_facts(ranges, "toy_atlas", SCIB, scaling, METHODS, METRICS)["left_out"]
        for scaling in ("minmax", "control")
    ]
    assert found[0]["all runs have the same value"] == found[1]["all controls have the same value"] == ["NMI"]
    report = report_of(tables | {"ranges": ranges})
    assert "Left out, as all runs have the same value: NMI." in read_rst(caption(report, "table_scib.toy_atlas"))
    page = summary_page(report)
    assert "Left out, as all runs have the same value: NMI." in page
    assert "\n| NMI |" not in page
    nothing = range_facts(ranges, "nowhere", SCIB, "minmax", METHODS, METRICS)
    assert nothing == {"scaling": "minmax", "metrics": [], "left_out": {}}


def test_missing_metrics_are_shown_under_three_treatments(tables):
    facts = missing_facts(tables["overall"], "toy_atlas", SCIB, METHODS)
    row = next(row for row in facts["rows"] if row["label"] == "BBKNN")
    assert row["counts"] == [(3, 5), (3, 4)]
    here = tables["overall"].query("dataset == 'toy_atlas' and method == 'bbknn' and group == 'overall'")
    wanted = here.set_index(["scaling", "missing"])
    kinds = [
        (scaling, missing) for scaling in ("raw", "minmax", "control") for missing in ("ignore", "zero", "complete")
    ]
    assert row["scores"] == [(wanted.loc[kind, "mean"], wanted.loc[kind, "rank"]) for kind in kinds]
    shuffle = next(row for row in facts["rows"] if row["label"] == "Shuffle")
    assert {rank for _, rank in shuffle["scores"]} == {None}
    # No metric of the paper is missing.
    assert missing_facts(tables["overall"], "toy_atlas", PAPER, METHODS) is None
    page = summary_page(report_of(tables)).partition("#### Missing metrics")[2]
    mean, rank = wanted.loc[("raw", "ignore"), ["mean", "rank"]]
    assert table_row(page, "BBKNN")[1:4] == ["3/5", "3/4", f"{mean:.3f} ({int(rank)})"]


def test_a_rank_that_depends_on_the_treatment_is_marked(tables):
    overall = tables["overall"].assign(rank_range=1.0)
    assert "‡" not in summary_page(report_of(tables | {"overall": overall}))
    overall.loc[(overall["method"] == "bbknn") & (overall["dataset"] == "toy_atlas"), "rank_range"] = 2
    page = summary_page(report_of(tables | {"overall": overall}))
    assert page.count("‡ |") == 1
    assert "| BBKNN ‡ |" in page
    assert "‡ the rank differs by more than 1" in page


def test_ranks_name_the_methods_without_a_significant_difference(tables):
    facts = rank_facts(report_of(tables), "raw", "scib")
    assert facts["n_datasets"] == 2
    assert [row["rank"] for row in facts["rows"]] == sorted(row["rank"] for row in facts["rows"])
    here = tables["differences"].query(
        "dataset == '*' and scaling == 'raw' and group == 'overall' and ci_excludes_zero == 'no'"
    )
    pairs = zip(here["method_a"], here["method_b"], strict=True)
    wanted = {METHODS[b if a == "combat" else a]["label"] for a, b in pairs if "combat" in (a, b) and "." not in a + b}
    wanted -= {METHODS[name]["label"] for name in CONTROLS}
    row = next(row for row in facts["rows"] if row["label"] == "ComBat")
    assert set(row["alike"]) - {"Portal · lambda_cos-50"} == wanted
    page = summary_page(report_of(tables))
    assert page.count("#### Ranks, ") == 3
    assert "#### Ranks, raw: mean over 2 data sets" in page


def test_one_seed_leaves_every_pair_without_an_interval():
    single = make_tables(make_scores(("toy_atlas",), n_seeds=1)) | {"resources": make_resources()}
    page = summary_page(report_of(single))
    assert page.count("(?)") == 3 * 6 * 5


def test_the_summary_has_the_tables_of_both_definitions(tables):
    page = summary_page(report_of(tables, datasets=("toy_atlas", "scmixology"), definitions=["scib", "portal"]))
    assert page.count("#### Metrics of the Portal paper") == 2
    assert page.count("#### Missing metrics, treated in three ways\n") == 2
    assert page.count("#### Ranges of the scaled scores (Portal paper)") == 2
    assert page.count("(Portal paper): mean over") == 3
    assert_tables_are_even(page)
    cells = table_row(page.partition("### scmixology")[2], "BBKNN")
    found = tables["overall"].query(
        "method == 'bbknn' and missing == 'ignore' and group == 'overall' and dataset == 'scmixology'"
    )
    found = found.set_index("scaling")
    assert cells[2:5] == [in_brackets(found.loc[scaling]) for scaling in ("raw", "minmax", "control")]
    assert cells[5].endswith("(3/5)")
    assert "| Mixing metric ↓ |" in page


def ranks(tables, scaling="raw", **more):
    return read_rst(caption(report_of(tables, **more), f"ranks_scib.{scaling}"))


def test_the_caption_of_ranks_names_the_connected_methods(tables):
    text = ranks(tables, weights={"batch": 1, "bio": 1})
    assert (
        "Methods by overall score (raw; scIB; 0.5 batch + 0.5 bio): mean over 2 data sets, each with the same" in text
    )
    assert (
        "Methods connected by a line do not differ significantly: the 95 % confidence interval of their paired" in text
    )
    assert "broken line" not in text
    apart = tables["differences"].assign(ci_excludes_zero="yes")
    assert "Every two methods differ significantly" in ranks(tables | {"differences": apart})


def test_the_caption_of_ranks_separates_pairs_without_an_interval():
    made = make_tables(make_scores(("toy_atlas",), {"portal": 0.8, "harmony": 0.7, "combat": 0.5}))
    made["differences"]["ci_excludes_zero"] = "no"
    made["differences"].loc[made["differences"]["method_a"] == "combat", "ci_excludes_zero"] = "unknown"
    text = ranks(made)
    assert "difference includes 0. These are: Portal, Harmony." in text
    assert "there is no interval of their paired difference: Portal, ComBat; Harmony, ComBat." in text
    assert "Every two methods" not in text


@pytest.mark.parametrize("quality", [{"portal": 0.8}, {"portal": 0.8, "shuffle": 0.2}])
def test_a_single_method_has_nothing_to_compare_with(quality):
    text = ranks(make_tables(make_scores(("toy_atlas",), quality)))
    assert "Fewer than two methods have a rank; there is nothing to compare." in text
    assert "significantly" not in text


def test_a_score_that_no_method_has_leaves_nothing_to_compare(tables):
    overall = tables["overall"][tables["overall"]["scaling"] == "raw"]
    text = ranks(tables | {"overall": overall}, "minmax")
    assert "no method has such a score; there is nothing to compare." in text
    assert "significantly" not in text


def test_any_name_is_shown_as_it_is(tables):
    name = NASTIEST
    methods = METHODS | {key: {**METHODS[key], "label": name} for key in ("harmony", "shuffle_by_label", "bbknn")}
    made = tables | {"differences": tables["differences"].assign(ci_excludes_zero="no")}
    assert one_line(name) in ranks(made, methods=methods)
    assert_tables_are_even(summary_page(report_of(made, methods=methods)))


def test_tables_are_not_changed(tables):
    before = {name: table.copy() for name, table in tables.items()}
    report = report_of(tables)
    landing_page(report)
    summary_page(report)
    caption(report, "table_scib.toy_atlas")
    assert all(table.equals(before[name]) for name, table in tables.items())


def test_the_values_of_few_runs_are_listed_in_the_order_of_the_seeds(tables):
    runs = tables["overall_runs"].query(
        "dataset == 'toy_atlas' and scaling == 'raw' and missing == 'ignore' and group == 'overall'"
    )
    values = ", ".join(f"{value:.3f}" for value in runs[runs["method"] == "harmony"].sort_values("seed")["value"])
    section = summary_page(report_of(tables)).partition("### scmixology")[0]
    assert "Single runs, where there are fewer than 5 (overall score, raw values): " in section
    assert f"Harmony {values};" in section
    # ComBat has one run, which is its mean.
    assert "ComBat 0." not in section
    assert f"Harmony {values};" in read_rst(caption(report_of(tables), "table_scib.toy_atlas"))
    seeded = runs[runs["method"] != "combat"]
    enough = pd.concat([seeded, seeded.assign(seed=seeded["seed"] + 3)])
    assert "Single runs" not in summary_page(report_of(tables | {"overall_runs": enough}))


def test_why_there_are_no_ranks_is_in_the_summary_and_the_caption():
    few = {name: 0.5 + 0.1 * i for i, name in enumerate(("portal", "harmony", *CONTROLS))}
    tables = make_tables(make_scores(("toy_atlas",), few)) | {"resources": make_resources()}
    page = summary_page(report_of(tables))
    reason = "Not ranked: min-max scores of fewer than 4 methods, controls excluded."
    assert page.count(reason) == 1
    assert page.count("| Rank | Method |") == 2
    assert_tables_are_even(page)
    assert reason in read_rst(caption(report_of(tables), "ranks_scib.minmax"))
    assert reason not in read_rst(caption(report_of(tables), "ranks_scib.raw"))


def test_labels_of_few_cells_are_named_and_the_score_without_them_has_a_column(scores):
    isolated = scores[scores["metric"] == "asw"].assign(metric="isolated_f1", value=0.1)
    tables = make_tables(pd.concat([scores, isolated])) | {"resources": make_resources()}
    data = dataset("toy_atlas", "integrate", small_labels={"rare_cell": 3})
    report = make_report(tables, [data], METHODS, BOTH)
    page = summary_page(report)
    note = "Labels with fewer than 10 scored cells (number of cells in brackets): "
    assert f"{note}rare\\_cell (3)." in page
    for stem in ("table_scib.toy_atlas",):
        assert f"{note}rare_cell (3)." in read_rst(caption(report, stem))
    assert f"{note}rare_cell (3)." in read_rst(landing_page(report))
    assert_tables_are_even(page)
    place = table_row(page, "Method").index("Overall without isolated labels")
    found = tables["overall"].query("dataset == 'toy_atlas' and method == 'portal' and missing == 'ignore'")
    found = found[(found["group"] == "overall") & (found["scaling"] == "raw")].iloc[0]
    assert table_row(page, "Portal")[place].startswith(f"{found['without_isolated']:.3f}")
    assert found["without_isolated"] > found["mean"]
    assert "without isolated" not in summary_page(report_of(make_tables(scores) | {"resources": make_resources()}))


def test_added_controls_are_listed_once_per_list_and_where_scores_are_scaled(scores):
    tables = make_tables(scores) | {"resources": make_resources()}
    names = ["Shuffle", "Label embedding"]
    data = [dataset("toy_atlas", "integrate", added=names), dataset("scmixology", "integrate", added=names)]
    report = make_report(tables, data, METHODS, BOTH, statuses={"ok": 9}, n_added=4)
    first = read_rst(landing_page(report))
    assert "9 runs (4 of added controls): 9 ok" in first
    assert first.count("Controls that were added") == 1
    assert "Controls that were added on toy_atlas, scmixology, since all controls together set the ends" in first
    note = "Controls that the configuration does not name, and that only set ends of control-scaled scores: "
    # Two data sets with a table of ranges for each definition of the metrics.
    assert summary_page(report).count(f"{note}Shuffle, Label embedding.") == 4
    assert f"{note}Shuffle, Label embedding." in read_rst(caption(report, "table_scib.toy_atlas"))
    plain = report_of(tables)
    assert "added" not in read_rst(landing_page(plain))
    assert note not in summary_page(plain)


def test_a_failed_control_that_sets_ends_is_a_warning_where_there_are_scaled_scores(scores):
    tables = make_tables(scores) | {"resources": make_resources()}
    failed = {"label": "Shuffle", "n_failed": 1, "n_runs": 3, "status": "oom", "reason": "used 9 GiB"}
    data = dataset("toy_atlas", "integrate", failed_ends=[failed])
    report = make_report(tables, [data], METHODS, BOTH)
    words = "the control Shuffle failed in 1 of 3 runs (oom (out of memory): used 9 GiB)."
    assert f"Warning: toy_atlas: {words}" in read_rst(landing_page(report))
    assert f"Warning: {words}" in read_rst(caption(report, "table_scib.toy_atlas"))
    unscaled = tables | {"ranges": tables["ranges"].query("scaling == 'minmax'")}
    assert words not in read_rst(landing_page(make_report(unscaled, [data], METHODS, BOTH)))
