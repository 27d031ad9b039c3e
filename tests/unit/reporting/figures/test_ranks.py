"""The rank plot draws the numbers of its tables, and joins the methods that do not differ."""

import numpy as np
import pandas as pd
import pytest
from overall_tables import CONTROLS, make_scores, make_tables
from report_tables import METHODS, QUALITY, in_brackets, make_resources
from test_scib_table import assert_inside, places, texts

from portal_lib.reporting._overall import joined_sets, separation
from portal_lib.reporting.figures import ranks
from portal_lib.reporting.figures._style import save_figure

THREE = ("toy_atlas", "scmixology", "pancreas")


@pytest.fixture(scope="module")
def tables():
    return make_tables(make_scores(THREE))


@pytest.fixture(scope="module")
def one_dataset():
    return make_tables(make_scores(THREE[:1]))


def draw(tables, **more):
    return ranks.draw(tables["overall"], tables["differences"], METHODS, **more)


def lines(figure, start):
    return [line for line in figure.axes[0].lines if str(line.get_label()).startswith(start)]


def names_joined(figure):
    return [line.get_label().split()[1:] for line in lines(figure, "join ")]


def words(pairs):
    """Whether two methods differ, from the pairs that do not."""
    return lambda a, b: "no" if (a, b) in pairs or (b, a) in pairs else "yes"


def test_sets_hold_exactly_the_pairs_that_do_not_differ():
    rng = np.random.default_rng(0)
    for _ in range(50):
        names = [f"m{i}" for i in range(7)]
        pairs = {(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if rng.random() < 0.4}
        sets = joined_sets(names, words(pairs))
        found = {(a, b) for one in sets for i, a in enumerate(one) for b in one[i + 1 :]}
        assert found == pairs
        assert not any(set(a) <= set(b) for a in sets for b in sets if a is not b)


def test_a_method_between_two_that_differ_is_in_both_sets():
    assert joined_sets(list("abc"), words({("a", "b"), ("b", "c")})) == [["a", "b"], ["b", "c"]]
    assert joined_sets(list("abc"), words(set())) == []
    # Methods of adjacent ranks may differ where methods of distant ranks do not.
    assert joined_sets(list("abc"), words({("a", "c")})) == [["a", "c"]]


def test_methods_are_ordered_by_rank_and_controls_are_below(tables):
    figure = draw(tables)
    at = places(figure)
    here = tables["overall"].query("dataset == '*' and scaling == 'raw' and missing == 'ignore' and group == 'overall'")
    real = here[here["rank"].notna()].sort_values("rank")["method"]
    heights = [at[METHODS[name]["label"]] for name in real if name in METHODS]
    assert heights == sorted(heights)
    assert max(heights) < min(at[METHODS[name]["label"]] for name in CONTROLS)
    assert [text for text in texts(figure) if text.isdigit()] == [str(i + 1) for i in range(len(real))]
    assert not {name for one in names_joined(figure) for name in one} & set(CONTROLS)


def test_means_and_intervals_are_those_of_the_table(tables):
    figure = draw(tables, scaling="minmax")
    here = (
        tables["overall"]
        .query("dataset == '*' and scaling == 'minmax' and missing == 'ignore' and group == 'overall'")
        .set_index("method")
    )
    at = {line.get_label().split(" ", 1)[1]: line.get_xdata()[0] for line in lines(figure, "mean ")}
    spans = {line.get_label().split(" ", 1)[1]: np.ptp(line.get_xdata()) for line in lines(figure, "interval ")}
    assert set(at) == set(here.index)
    low, high = here["mean"].idxmin(), here["mean"].idxmax()
    inches = (at[high] - at[low]) / (here["mean"][high] - here["mean"][low])
    for name in here.index:
        assert at[name] - at[low] == pytest.approx(inches * (here["mean"][name] - here["mean"][low]))
    for name in ("portal", "harmony", "combat"):
        assert spans[name] == pytest.approx(inches * (here["ci_high"] - here["ci_low"])[name])
        assert in_brackets(here.loc[name]) in texts(figure)


def test_every_data_set_is_a_point(tables, one_dataset):
    assert len(lines(draw(tables), "point")) == len(QUALITY) * len(THREE)
    # With a single data set the points are its runs; ComBat has a single run, which equals the mean.
    assert len(lines(draw(one_dataset, overall_runs=one_dataset["overall_runs"]), "point")) == (len(QUALITY) - 1) * 3
    assert lines(draw(one_dataset), "point") == []
    assert {"toy_atlas", "pancreas"} <= set(texts(draw(tables)))
    assert "Toy" in texts(draw(tables, labels={"toy_atlas": "Toy"}))


@pytest.mark.parametrize("scaling", ["raw", "minmax", "control"])
def test_bars_join_exactly_the_pairs_whose_differences_include_zero(tables, scaling):
    joined = {
        frozenset((a, b)) for one in names_joined(draw(tables, scaling=scaling)) for a in one for b in one if a < b
    }
    real = [name for name in QUALITY if name not in CONTROLS]
    here = tables["differences"].query("dataset == '*' and scaling == @scaling and group == 'overall'")
    here = here[here["method_a"].isin(real) & here["method_b"].isin(real) & (here["ci_excludes_zero"] != "yes")]
    assert joined == set(map(frozenset, zip(here["method_a"], here["method_b"], strict=True)))
    assert joined


def test_without_intervals_the_bar_is_dashed_and_explained():
    single = make_tables(make_scores(THREE[:1], n_seeds=1))
    figure = draw(single)
    assert len(names_joined(figure)) == 1
    assert lines(figure, "join ")[0].get_linestyle() == "--"
    written = " ".join(texts(figure))
    assert "Dashed bars: some pair has fewer than two differences" in written
    assert "includes 0" not in written
    assert not any("Dashed bars" in text for text in texts(draw(make_tables(make_scores(THREE[:1])))))


def test_a_pair_without_a_common_run_has_no_interval():
    scores = make_scores(THREE[:1], {"portal": 0.8, "harmony": 0.8, "scanvi": 0.3})
    scores.loc[scores["method"] == "harmony", "seed"] += 10
    written = " ".join(texts(draw(make_tables(scores))))
    assert "Dashed bars: some pair has fewer than two differences" in written


def test_a_note_says_that_a_single_method_is_not_compared():
    made = make_tables(make_scores(THREE[:1], {"portal": 0.8, "shuffle": 0.3}))
    assert any("no pair is compared" in text for text in texts(draw(made)))


def test_a_pair_that_is_not_in_the_table_is_unknown(tables):
    ask = separation(tables["differences"], "raw", "overall", "*")
    assert ask("portal", "nobody") == "unknown"
    assert ask("portal", "shuffle") == ask("shuffle", "portal") == "yes"


def test_a_method_that_lacks_a_data_set_has_no_rank():
    scores = make_scores(THREE)
    lacking = make_tables(scores[(scores["method"] != "portal") | (scores["dataset"] != "pancreas")])
    figure = draw(lacking)
    assert "2 of 3 data sets" in texts(figure)
    at = places(figure)
    assert at["ComBat"] < at["Portal"] < at["Label embedding"]
    assert not any("portal" in one for one in names_joined(figure))
    assert_inside(figure)


def test_methods_without_a_score_are_named(tables):
    figure = draw(tables, resources=make_resources(THREE))
    assert "Without a score: fastMNN (timeout), Seurat v3 CCA (oom)." in texts(figure)


def test_a_note_says_that_intervals_of_two_data_sets_are_wide():
    figure = draw(make_tables(make_scores(THREE[:2])))
    assert any(text.startswith("Two data sets give wide intervals") for text in texts(figure))


@pytest.mark.parametrize("n_methods", [1, 2, pytest.param(30, marks=pytest.mark.slow)])
def test_texts_neither_overlap_nor_leave_the_figure(n_methods):
    names = [f"m{i}.lambda_cos-{i}" for i in range(n_methods - 1)] + [
        "$a_1$ {x} very long name of somebody's own method"
    ]
    facts = {name: {"uses_labels": i % 3 == 0, "control": i % 4 == 1} for i, name in enumerate(names)}
    quality = {name: 0.5 + 0.2 * i / n_methods for i, name in enumerate(names)}
    made = make_tables(make_scores(THREE, quality), [name for name in names if facts[name]["control"]])
    for definition in ({}, {"weights": {"batch": 1, "bio": 1}, "overall_runs": made["overall_runs"]}):
        assert_inside(ranks.draw(made["overall"], made["differences"], facts, **definition))


@pytest.mark.slow
def test_the_same_tables_give_the_same_bytes_in_any_order_of_rows(tables, tmp_path):
    shuffled = {name: table.sample(frac=1, random_state=0) for name, table in tables.items()}
    shuffled["overall"] = shuffled["overall"].sort_values("dataset", kind="stable")
    one, two = (save_figure(draw(t), tmp_path / stem) for t, stem in ((tables, "a"), (shuffled, "b")))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_a_figure_without_scores_says_so(tables):
    without = tables["overall"][tables["overall"]["scaling"] == "raw"]
    empty = pd.DataFrame(columns=without.columns)
    for table, settings, words in (
        (without, {"scaling": "minmax"}, "No min-max overall score of definition 'scib'"),
        (without, {"scaling": "control"}, "No control-scaled overall score of definition 'scib'"),
        (without, {"definition": "portal"}, "No raw overall score of definition 'portal'"),
        (empty, {}, "No raw overall score"),
    ):
        figure = ranks.draw(table, tables["differences"], METHODS, **settings)
        assert words in "".join(text.get_text() for axes in figure.axes for text in axes.texts)


def test_min_max_scores_of_few_methods_draw_no_ranking():
    few = {name: q for name, q in QUALITY.items() if name in ("portal", "harmony", *CONTROLS)}
    made = make_tables(make_scores(("toy_atlas",), few))
    figure = ranks.draw(made["overall"], made["differences"], METHODS, scaling="minmax")
    assert texts(figure) == ["Not ranked: min-max scores of fewer than 4 methods, controls excluded."]
    assert "Portal" in texts(ranks.draw(made["overall"], made["differences"], METHODS, scaling="raw"))
