"""Words about overall scores: warnings by scaling, who set the ranges, missing metrics, ranks."""

import numpy as np
import pytest
from overall_tables import CONTROLS, PAPER_METRICS, make_scores, make_tables
from report_tables import METHODS, METRICS, make_resources
from test_report_text import NASTY, render

from portal_lib.reporting._rows import DEFINITIONS
from portal_lib.reporting.texts import integrate as text
from portal_lib.reporting.texts.overall import (
    find_warnings,
    missing_markdown,
    range_lines,
    ranges_markdown,
    ranks_caption,
    ranks_markdown,
)

SCIB, PAPER = DEFINITIONS.values()
BOTH = METRICS | PAPER_METRICS


@pytest.fixture(scope="module")
def scores():
    return make_scores(metrics=BOTH)


@pytest.fixture(scope="module")
def tables(scores):
    return make_tables(scores)


def set_mean(table, method, mean, **where):
    """Give a method another mean."""
    here = table["method"] == method
    for column, value in where.items():
        here &= table[column] == value
    assert here.any()
    table.loc[here, "mean"] = mean


def row(table, method):
    """The line of a Markdown table that begins with a name, as cells."""
    return next(
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in table.splitlines()
        if line.startswith(f"| {method} ")
    )


def test_a_warning_says_by_which_scaling_a_method_is_below_which_control(tables):
    summary, overall = tables["summary"].copy(), tables["overall"].copy()
    kind = {"dataset": "toy_atlas", "scaling": "minmax", "missing": "ignore", "group": "overall"}
    set_mean(overall, "portal", 0.3, **kind)
    for control, mean in (("shuffle_by_label", 0.6), ("unintegrated", 0.25), ("shuffle", 0.31)):
        set_mean(overall, control, mean, **kind)
    found = [line for line in find_warnings(summary, METHODS, overall) if ": Portal has" in line]
    assert found == [
        "toy_atlas: Portal has a lower overall score than Shuffle (min-max 0.300 against 0.310); Shuffle by label "
        "(min-max 0.300 against 0.600)."
    ]
    assert not [line for line in find_warnings(summary, METHODS) if ": Portal has" in line]
    set_mean(summary, "portal", 0.01, dataset="toy_atlas", metric="overall")
    both = next(line for line in find_warnings(summary, METHODS, overall) if ": Portal has" in line)
    shuffled = summary.query("dataset == 'toy_atlas' and metric == 'overall' and method == 'shuffle'")["mean"].iloc[0]
    assert f"Shuffle (raw 0.010 against {shuffled:.3f}, min-max 0.300 against 0.310)" in both


def test_metrics_counted_as_0_and_the_mean_over_data_sets_give_no_warning(tables):
    summary, overall = tables["summary"], tables["overall"].copy()
    expected = find_warnings(summary, METHODS, overall)
    overall.loc[(overall["missing"] == "zero") | (overall["dataset"] == "*"), "mean"] = 0
    set_mean(overall, "shuffle", 1, dataset="*")
    assert find_warnings(summary, METHODS, overall) == expected


def test_a_method_below_a_control_by_the_metrics_that_every_run_has_is_warned_of(tables):
    overall = tables["overall"].copy()
    kind = {"dataset": "toy_atlas", "scaling": "raw", "missing": "complete", "group": "overall"}
    set_mean(overall, "portal", 0.3, **kind)
    for control, mean in (("shuffle_by_label", 0.6), ("unintegrated", 0.25), ("shuffle", 0.31)):
        set_mean(overall, control, mean, **kind)
    found = [line for line in find_warnings(tables["summary"], METHODS, overall) if ": Portal has" in line]
    assert found == [
        "toy_atlas: Portal has a lower overall score than Shuffle (raw over the metrics that every run has 0.300 "
        "against 0.310); Shuffle by label (raw over the metrics that every run has 0.300 against 0.600)."
    ]


def test_a_score_that_is_the_same_over_the_metrics_of_every_run_is_said_once():
    whole = make_tables(make_scores(("toy_atlas",), {"portal": 0.3, "unintegrated": 0.5}))
    found = find_warnings(whole["summary"], METHODS, whole["overall"])
    assert len(found) == 1
    assert "every run has" not in found[0]


def test_variants_of_the_shuffle_by_label_are_to_be_beaten(tables):
    renamed = {"shuffle_by_label": "shuffle_by_label.v"}
    summary = tables["summary"].replace({"method": renamed})
    set_mean(summary, "portal", 0.01, dataset="toy_atlas", metric="overall")
    found = [line for line in find_warnings(summary, METHODS) if ": Portal has" in line]
    assert "Shuffle by label · v (raw 0.010 against " in found[0]


def test_the_scores_of_the_paper_are_warned_of_by_name(tables):
    summary = tables["summary"].copy()
    set_mean(summary, "portal", 0.01, dataset="toy_atlas", metric="portal_overall")
    found = [line for line in find_warnings(summary, METHODS) if ": Portal has" in line]
    assert len(found) == 1
    assert found[0].startswith(
        "toy_atlas: Portal has a lower overall score of the Portal paper than Shuffle (raw 0.010 "
    )


def test_controls_and_the_label_embedding_are_never_what_is_warned_of_or_to_be_beaten(tables):
    lines = " ".join(find_warnings(tables["summary"], METHODS, tables["overall"]))
    assert "Label embedding" not in lines
    assert not any(f": {METHODS[name]['label']} has" in lines for name in CONTROLS)


def test_the_caption_prints_who_set_every_minimum_and_maximum(tables):
    lines = range_lines(tables["ranges"], "toy_atlas", SCIB, METHODS, METRICS)
    assert [line.split()[0] for line in lines] == ["Min-max", "Control-scaled"]
    ends = tables["ranges"].query("dataset == 'toy_atlas' and scaling == 'minmax' and metric == 'ari'").set_index("end")
    low, high = ends.loc["low"], ends.loc["high"]
    words = [f"{end['value']:.3f} ({METHODS[end['method']]['label']}, seed {int(end['seed'])}" for end in (low, high)]
    assert f"ARI: {low['n_runs']} runs, {words[0]}) to {words[1]}" in lines[0]
    for facts in METRICS.values():
        assert (facts["label"] == "Isolated-label F1") or f"{facts['label']}: " in lines[0]
    resources = make_resources()
    caption = text.table_caption(
        tables["summary"], resources, METHODS, BOTH, "toy_atlas", overall=tables["overall"], ranges=tables["ranges"]
    )
    assert lines[0] in render(caption).astext()
    theirs = range_lines(tables["ranges"], "toy_atlas", PAPER, METHODS, BOTH)
    assert "ARI (Louvain): " in theirs[0]
    assert "PC regression" not in theirs[0]


def test_a_metric_without_a_range_is_said_to_be_left_out(scores):
    constant = scores.copy()
    constant.loc[constant["metric"] == "nmi", "value"] = 0.5
    ranges = make_tables(constant)["ranges"]
    lines = range_lines(ranges, "toy_atlas", SCIB, METHODS, METRICS)
    assert lines[0].endswith("Left out, as all runs have the same value: NMI.")
    assert lines[1].endswith("Left out, as all controls have the same value: NMI.")
    table = ranges_markdown(ranges, "toy_atlas", SCIB, METHODS, METRICS)
    assert "Min-max: Left out, as all runs have the same value: NMI." in table
    assert "| NMI |" not in table


def test_the_table_of_ranges_has_a_line_per_metric_in_the_order_of_the_facts(tables):
    lines = ranges_markdown(tables["ranges"], "toy_atlas", SCIB, METHODS, METRICS).splitlines()
    names = [line.split("|")[1].strip() for line in lines if line.startswith("| ")][2:]
    assert names == [facts["label"] for name, facts in METRICS.items() if name != "isolated_f1"]
    assert ranges_markdown(tables["ranges"], "nowhere", SCIB, METHODS, METRICS) == ""


def test_missing_metrics_are_shown_under_three_treatments_with_counts(tables):
    table = missing_markdown(tables["overall"], "toy_atlas", SCIB, METHODS)
    cells = row(table, "BBKNN")
    assert cells[1:3] == ["3/5", "3/4"]
    here = tables["overall"].query("dataset == 'toy_atlas' and method == 'bbknn' and group == 'overall'")
    wanted = here.set_index(["scaling", "missing"])
    for i, scaling in enumerate(("raw", "minmax", "control")):
        for j, missing in enumerate(("ignore", "zero", "complete")):
            found = wanted.loc[(scaling, missing)]
            assert cells[3 + 3 * i + j] == f"{found['mean']:.3f} ({int(found['rank'])})"
    assert row(table, "Portal")[1:3] == ["5/5", "4/4"]
    assert "(" not in "".join(row(table, "Shuffle")[1:])
    # The paper's metrics are all there.
    assert missing_markdown(tables["overall"], "toy_atlas", PAPER, METHODS) == ""


def test_a_rank_that_moves_by_more_than_one_is_marked(tables):
    overall = tables["overall"].assign(rank_range=1.0)
    assert "‡" not in missing_markdown(overall, "toy_atlas", SCIB, METHODS)
    overall.loc[overall["method"] == "bbknn", "rank_range"] = 2
    table = missing_markdown(overall, "toy_atlas", SCIB, METHODS)
    assert table.count("‡ |") == 1
    assert "| BBKNN ‡ |" in table


def test_the_table_of_ranks_names_from_whom_a_method_is_not_told_apart(tables):
    table = ranks_markdown(tables["overall"], tables["differences"], METHODS, SCIB)
    assert table.count("#### Ranks") == 3
    assert "mean over 2 data sets" in table
    here = tables["differences"].query(
        "dataset == '*' and scaling == 'raw' and group == 'overall' and ci_excludes_zero == 'no'"
    )
    pairs = zip(here["method_a"], here["method_b"], strict=True)
    wanted = {METHODS[b if a == "combat" else a]["label"] for a, b in pairs if "combat" in (a, b) and "." not in a + b}
    wanted -= {METHODS[name]["label"] for name in CONTROLS}
    cells = next(line for line in table.splitlines() if "| ComBat |" in line).split("|")
    assert {name.strip() for name in cells[4].split(",")} - {"Portal · lambda\\_cos-50"} == (wanted or {"–"})


def test_one_seed_leaves_every_pair_open():
    single = make_tables(make_scores(("toy_atlas",), n_seeds=1))
    table = ranks_markdown(single["overall"], single["differences"], METHODS, SCIB)
    assert table.count("(?)") == 3 * 6 * 5


def test_the_page_has_both_definitions_and_all_tables(tables):
    page = text.summary_markdown(
        tables["summary"], make_resources(), METHODS, BOTH, overall=tables["overall"], ranges=tables["ranges"]
    )
    assert page.count("#### Metrics of the Portal paper") == 2
    assert page.count("#### Missing metrics, treated in three ways\n") == 2
    assert page.count("#### Ranges of the scaled scores (Portal paper)") == 2
    cells = row(page, "BBKNN")
    found = (
        tables["overall"]
        .query("method == 'bbknn' and missing == 'ignore' and group == 'overall' and dataset == 'scmixology'")
        .set_index("scaling")
    )
    for i, scaling in enumerate(("raw", "minmax", "control")):
        assert cells[2 + i] == f"{found['mean'][scaling]:.3f} ± {found['half_width'][scaling]:.3f}"
    assert cells[5].endswith("(3/5)")
    assert "| Mixing metric ↓ |" in page


def test_the_caption_of_the_ranks_names_the_sets(tables):
    caption = ranks_caption(tables["overall"], tables["differences"], METHODS, weights={"batch": 1, "bio": 1})
    words = render(caption).astext()
    assert (
        "Methods by overall score (raw; scIB; 0.5 batch + 0.5 bio): mean over 2 data sets, each counting once" in words
    )
    assert "Joined, as not told apart: the interval of their paired differences holds 0: " in words
    assert "cannot be told" not in words
    apart = tables["differences"].assign(ci_excludes_zero="yes")
    assert "Every two methods are told apart" in ranks_caption(tables["overall"], apart, METHODS)


def test_the_caption_of_the_ranks_keeps_pairs_without_an_interval_apart():
    scores = make_scores(("toy_atlas",), {"portal": 0.8, "harmony": 0.7, "combat": 0.5})
    made = make_tables(scores)
    differences = made["differences"].assign(ci_excludes_zero="no")
    differences.loc[differences["method_a"] == "combat", "ci_excludes_zero"] = "unknown"
    words = render(ranks_caption(made["overall"], differences, METHODS)).astext()
    assert "differences holds 0: Portal, Harmony." in words
    assert (
        "it cannot be told: there is no interval of their paired differences: Portal, ComBat; Harmony, ComBat." in words
    )
    assert "Every two methods" not in words


@pytest.mark.parametrize("quality", [{"portal": 0.8}, {"portal": 0.8, "shuffle": 0.2}])
def test_a_single_method_is_said_to_leave_nothing_to_compare(quality):
    made = make_tables(make_scores(("toy_atlas",), quality))
    words = render(ranks_caption(made["overall"], made["differences"], METHODS)).astext()
    assert "there is nothing to compare" in words
    assert "told apart" not in words


def test_a_score_that_no_method_has_is_said_to_leave_nothing_to_compare(tables):
    overall = tables["overall"][tables["overall"]["scaling"] == "raw"]
    words = render(ranks_caption(overall, tables["differences"], METHODS, scaling="minmax")).astext()
    assert "no method has such a score; there is nothing to compare." in words
    assert "told apart" not in words


@pytest.mark.parametrize("name", NASTY)
def test_every_text_bears_any_name(name, tables):
    methods = METHODS | {key: {**METHODS[key], "label": name} for key in ("harmony", "shuffle_by_label", "bbknn")}
    metrics = BOTH | {"ari": {**BOTH["ari"], "label": name}}
    plain = " ".join(name.split())
    apart = tables["differences"].assign(ci_excludes_zero="no")
    assert plain in render(ranks_caption(tables["overall"], apart, methods)).astext()
    both = {"overall": tables["overall"], "ranges": tables["ranges"]}
    assert (
        plain
        in render(
            text.table_caption(tables["summary"], make_resources(), methods, metrics, "toy_atlas", **both)
        ).astext()
    )
    for page in (
        missing_markdown(tables["overall"], "toy_atlas", SCIB, methods),
        ranges_markdown(tables["ranges"], "toy_atlas", SCIB, methods, metrics),
        ranks_markdown(tables["overall"], apart, methods, SCIB),
    ):
        tables_lines = [line.replace("\\|", "") for line in page.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in tables_lines}) == 1


def test_tables_are_left_alone(tables):
    before = {name: table.copy() for name, table in tables.items()}
    find_warnings(tables["summary"], METHODS, tables["overall"])
    ranks_markdown(tables["overall"], tables["differences"], METHODS, SCIB)
    missing_markdown(tables["overall"], "toy_atlas", SCIB, METHODS)
    assert all(table.equals(before[name]) for name, table in tables.items())
    assert not np.isnan(tables["overall"]["mean"].iloc[0])
