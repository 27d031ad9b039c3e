import numpy as np
import pytest
from made_report import SAMPLED
from matplotlib.patches import Circle, Rectangle
from overall_tables import PAPER_METRICS, make_scores, make_tables
from report_tables import FAILURES, METHODS, METRICS, in_brackets, make_resources, make_summary, render

from portal_lib.errors import DataError
from portal_lib.reporting.figures._style import save_figure, text_width
from portal_lib.reporting.figures.table import BAR, SHORT_BAR, draw


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def places(figure):
    """First height of each text."""
    found = {}
    for text in figure.axes[0].texts:
        found.setdefault(text.get_text(), text.get_position()[1])
    return found


def labelled(figure, label, kind):
    artists = figure.axes[0].patches if kind is Rectangle else figure.axes[0].lines
    return [artist for artist in artists if artist.get_label() == label]


def value(table, method, metric):
    return table[(table.dataset == "toy_atlas") & (table.method == method) & (table.metric == metric)].iloc[0]


def assert_inside(figure):
    """No text leaves the figure, and no two texts of a row touch."""
    renderer = render(figure)
    width, height = figure.bbox.size
    boxes = []
    for text in figure.axes[0].texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= 0, text.get_text()
        assert box.x1 <= width, text.get_text()
        assert box.y0 >= 0, text.get_text()
        assert box.y1 <= height, text.get_text()
        if not text.get_rotation():
            boxes.append((text.get_text(), box))
    for i, (one, box) in enumerate(boxes):
        assert not any(box.overlaps(other) for _, other in boxes[i + 1 :]), one


def test_rows_are_sorted_by_overall_then_failures_then_controls(summary, resources):
    figure = draw(summary, resources, METHODS, METRICS, "toy_atlas", label="Toy atlas")
    at = places(figure)
    table = summary[(summary.dataset == "toy_atlas") & (summary.metric == "overall")].set_index("method")["mean"]
    real = ["portal", "harmony", "scanvi", "combat", "bbknn"]
    best_first = sorted(real, key=lambda name: -table[name])
    labels = [METHODS[name]["label"] for name in best_first] + ["fastMNN", "Seurat v3 CCA", "Label embedding"]
    heights = [at[label] for label in labels]
    assert heights == sorted(heights)
    assert "Toy atlas" in at
    assert "Portal · lambda_cos-50" in at


def test_bars_and_intervals_are_those_of_the_table(summary, resources):
    figure = draw(summary, resources, METHODS, METRICS, "toy_atlas")
    row = value(summary, "portal", "overall")
    assert in_brackets(row) in texts(figure)
    lengths = [bar.get_width() / BAR for bar in labelled(figure, "bar overall", Rectangle)]
    table = summary[(summary.dataset == "toy_atlas") & (summary.metric == "overall")]
    assert sorted(lengths) == pytest.approx(sorted(table["mean"]))
    spans = [np.ptp(line.get_xdata()) / BAR for line in labelled(figure, "interval overall", None)]
    with_interval = table[table.half_width.notna()]
    low, high = with_interval.ci_low.clip(0, 1), with_interval.ci_high.clip(0, 1)
    assert sorted(spans) == pytest.approx(sorted(high - low))


def test_one_run_has_no_interval(summary, resources):
    row = value(summary, "combat", "overall")
    assert f"{row['mean']:.3f} n=1" in texts(draw(summary, resources, METHODS, METRICS, "toy_atlas"))


def test_failed_methods_show_status_and_reason_and_no_number(summary, resources):
    figure = draw(summary, resources, METHODS, METRICS, "toy_atlas")
    assert "timeout: wall limit of 600 s reached" in texts(figure)
    assert "oom (out of memory): memory limit of 8,192 MiB reached" in texts(figure)
    assert texts(figure).count("0/3") == 2
    n_methods = summary.method.nunique()
    assert len(labelled(figure, "bar overall", Rectangle)) == n_methods


def test_the_input_of_each_method_is_a_column(summary, resources):
    assert "Input" not in texts(draw(summary, resources, METHODS, METRICS, "toy_atlas"))
    given = {
        "portal": "1966 portal genes, scaled per batch",
        "harmony": "2000 highly_variable genes, scaled over all cells",
    }
    given |= {"combat": "2000 highly_variable genes, not scaled"}
    figure = draw(summary, resources.assign(input=resources["method"].map(given)), METHODS, METRICS, "toy_atlas")
    written, at = texts(figure), places(figure)
    assert at["1,966 Portal, per batch"] == at["Portal"]
    assert at["2,000 HVG, scaled"] == at["Harmony"]
    assert at["2,000 HVG, unscaled"] == at["ComBat"]
    assert "Input" in written
    assert_inside(figure)


def test_a_given_embedding_is_a_row_of_its_name_whose_input_says_so(summary, resources):
    renamed = [table.replace({"method": {"harmony": "my_scvi"}}) for table in (summary, resources)]
    source = {"my_scvi": "given (data/a_long_name_of_a_table.csv)"}
    renamed[1] = renamed[1].assign(input=renamed[1]["method"].map(source))
    figure = draw(*renamed, METHODS, METRICS, "toy_atlas")
    written, at = texts(figure), places(figure)
    assert at["given"] == at["my_scvi"]
    assert "embedding" in written
    assert "Given: an embedding that was made elsewhere." in " ".join(written).replace("\n", " ")
    assert_inside(figure)


def test_some_failed_runs_are_counted(summary, resources):
    resources.loc[(resources.method == "harmony") & (resources.seed == 1), "status"] = "error"
    assert "2/3" in texts(draw(summary, resources, METHODS, METRICS, "toy_atlas"))


def test_not_applicable_is_not_zero(summary, resources):
    here = (summary.dataset == "toy_atlas") & (summary.method == "portal") & (summary.metric == "kbet")
    summary.loc[here, "mean"] = 0.0
    figure = draw(summary, resources, METHODS, METRICS, "toy_atlas")
    assert "0.00" in texts(figure)
    assert texts(figure).count("n/a") == 3
    row = value(summary, "bbknn", "batch")
    assert f"{in_brackets(row)}  3/5" in texts(figure)
    n_circles = sum(isinstance(patch, Circle) for patch in figure.axes[0].patches)
    assert n_circles == summary.method.nunique() * 9 - 3


def test_a_metric_without_any_value_is_left_out_and_named(summary, resources):
    written = texts(draw(summary, resources, METHODS, METRICS, "toy_atlas"))
    assert "Isolated-label F1" not in written
    assert "Not applicable to this data set, left out: Isolated-label F1." in written


def test_methods_that_see_labels_are_marked(summary, resources):
    written = texts(draw(summary, resources, METHODS, METRICS, "toy_atlas"))
    assert written.count("uses labels") == sum(bool(facts.get("uses_labels")) for facts in METHODS.values())


@pytest.mark.slow
def test_the_same_tables_give_the_same_bytes_in_any_order_of_rows(summary, resources, tmp_path):
    first = save_figure(draw(summary, resources, METHODS, METRICS, "toy_atlas"), tmp_path / "a")
    shuffled = summary.sample(frac=1, random_state=0), resources.sample(frac=1, random_state=0)
    second = save_figure(draw(*shuffled, METHODS, METRICS, "toy_atlas"), tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_input_is_not_changed(summary, resources):
    before = summary.copy(), resources.copy()
    draw(summary, resources, METHODS, METRICS, "toy_atlas")
    assert before[0].equals(summary)
    assert before[1].equals(resources)


@pytest.mark.parametrize("n_methods", [1, 2, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n_metrics", [2, 3, 14])
def test_texts_neither_overlap_nor_leave_the_figure(n_methods, n_metrics):
    names = [f"m{i}.lambda_cos-{i}" for i in range(n_methods - 1)] + [
        "$a_1$ {x} very long name of somebody's own method"
    ]
    groups = ["batch" if i % 2 else "bio" for i in range(n_metrics)]
    metrics = {
        f"q{i}": {"label": f"Long name of metric {i}", "group": g, "range": [0, 1]} for i, g in enumerate(groups)
    }
    quality = {name: (i + 1) / (n_methods + 1) for i, name in enumerate(names)}
    facts = {name: {"uses_labels": i % 3 == 0, "control": i % 4 == 1} for i, name in enumerate(names)}
    tables = make_summary(("x",), quality, metrics), make_resources(("x",), quality, FAILURES)
    assert_inside(draw(*tables, facts, metrics, "x"))


def test_texts_of_a_realistic_table_neither_overlap_nor_leave_the_figure(summary, resources):
    assert_inside(draw(summary, resources, METHODS, METRICS, "toy_atlas"))


def test_a_table_of_failures_only(summary):
    resources = make_resources(("x",), {}, FAILURES | {"na": ("not_applicable", "fewer than 100 shared genes")})
    figure = draw(summary.iloc[:0], resources, METHODS, METRICS, "x")
    assert "not applicable: fewer than 100 shared genes" in texts(figure)
    assert_inside(figure)


def test_a_long_reason_is_shortened(summary, resources):
    resources.loc[resources.status == "oom", "reason"] = "a very long reason\n" * 50
    figure = draw(summary, resources, METHODS, METRICS, "toy_atlas")
    message = next(text for text in texts(figure) if text.startswith("oom"))
    assert message.endswith("…")
    assert text_width(message, 7.5) < figure.get_figwidth()


def test_an_unknown_data_set_is_refused(summary, resources):
    with pytest.raises(DataError, match="no results of data set 'nowhere'"):
        draw(summary, resources, METHODS, METRICS, "nowhere")


def test_a_note_says_that_scores_are_of_a_sample():
    facts = SAMPLED | {"lost_labels": {"ionocyte": 3}}
    tables = make_summary(), make_resources()
    figure = draw(*tables, METHODS, METRICS, "toy_atlas", scored=facts)
    written = " ".join(texts(figure))
    assert "Scored on 50,000 of 1,100,000 cells, drawn at random (seed 1234)" in written
    assert "ionocyte (3)" in written
    assert_inside(figure)
    assert "Scored on" not in " ".join(texts(draw(*tables, METHODS, METRICS, "toy_atlas", scored={})))


@pytest.fixture(scope="module")
def tables():
    """Tables of the made-up run with the metrics of both definitions."""
    return make_tables(make_scores(("toy_atlas",), metrics=METRICS | PAPER_METRICS))


def scaled_table(tables, resources, **more):
    metrics = METRICS | PAPER_METRICS
    both = {"overall": tables["overall"], "ranges": tables["ranges"]}
    return draw(tables["summary"], resources, METHODS, metrics, "toy_atlas", **both, **more)


def test_the_other_scalings_are_next_to_the_raw_score(tables, resources):
    figure = scaled_table(tables, resources)
    assert {"raw", "min-max", "control-scaled"} <= set(texts(figure))
    rows = tables["overall"].query("group == 'overall' and missing == 'ignore' and dataset == 'toy_atlas'")
    for scaling in ("minmax", "control"):
        means = rows[rows["scaling"] == scaling]["mean"]
        lengths = [bar.get_width() / SHORT_BAR for bar in labelled(figure, f"bar {scaling}", Rectangle)]
        assert sorted(lengths) == pytest.approx(sorted(means.clip(0, 1)))
        assert {f"{mean:.3f}" for mean in means} <= {text.rstrip("‡") for text in texts(figure)}
    assert_inside(figure)


def test_notes_name_the_weights_and_the_methods_that_set_the_ranges(tables, resources):
    written = " ".join(texts(scaled_table(tables, resources, weights={"batch": 1, "bio": 3})))
    assert "Overall = 0.25 batch + 0.75 bio" in written
    ranges = tables["ranges"].query("scaling == 'minmax' and group in ('batch', 'bio')")
    lowest = ranges.query("end == 'low'")["method"].value_counts()
    assert f"low ends: {METHODS[lowest.index[0]]['label']} ({lowest.iloc[0]})" in written
    assert "Min-max: each metric over 28 to 31 runs of this data set" in written
    assert "Control-scaled: each metric over 15 runs of controls" in written


def test_a_note_says_why_a_scaling_is_missing(resources):
    few = make_tables(make_scores(("toy_atlas",)), ["shuffle"])
    written = texts(scaled_table(few, resources))
    assert "No control-scaled score: fewer than two controls have a value." in written
    assert "control-scaled" not in written
    assert "min-max" in written


def test_a_rank_that_depends_on_missing_metrics_is_marked(tables, resources):
    moved = tables["overall"].copy()
    here = (moved["method"] == "bbknn") & (moved["scaling"] == "minmax")
    moved.loc[here, "rank_range"] = 2
    moved.loc[~here & moved["rank_range"].notna(), "rank_range"] = 1
    written = texts(scaled_table(tables | {"overall": moved}, resources))
    assert sum(text.endswith("‡") for text in written) == 1
    assert any(text.startswith("‡ the rank differs by more than 1") for text in written)
    assert "‡" not in "".join(texts(scaled_table(tables | {"overall": moved.assign(rank_range=1)}, resources)))


def test_the_metrics_of_the_portal_paper_have_their_own_table(tables, resources):
    ours = texts(scaled_table(tables, resources))
    theirs = texts(scaled_table(tables, resources, definition="portal"))
    assert "kBET" in ours
    assert "kBET" not in theirs
    assert "kBET (100 samples)" in theirs
    assert "kBET (100 samples)" not in ours
    # What enters no score stands with its own definition, or with scIB's; an arrow says that lower is better.
    assert "BRAS" in ours
    assert "Mixing metric ↓" in theirs
    row = value(tables["summary"], "portal", "portal_overall")
    assert in_brackets(row) in [text.rstrip("‡") for text in theirs]
    assert any("Metrics of the Portal paper." in text for text in theirs)
    alone = tables["summary"][
        tables["summary"]["group"].str.startswith("portal_") | tables["summary"]["metric"].str.startswith("portal_")
    ]
    assert "kBET (100 samples)" in texts(draw(alone, resources, METHODS, METRICS | PAPER_METRICS, "toy_atlas"))


def test_circles_grow_with_quality_where_lower_is_better(tables, resources):
    figure = scaled_table(tables, resources, definition="portal")
    means = tables["summary"].query("metric == 'mixing'").set_index("method")["mean"]
    best, worst = (f"{means[name]:.0f}" for name in (means.idxmin(), means.idxmax()))
    at = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    circles = [patch for patch in figure.axes[0].patches if isinstance(patch, Circle)]
    radius = {number: next(c.radius for c in circles if c.center == at[number]) for number in (best, worst)}
    assert radius[best] > radius[worst]


@pytest.mark.parametrize("n_methods", [1, pytest.param(30, marks=pytest.mark.slow)])
def test_texts_of_three_scalings_neither_overlap_nor_leave_the_figure(n_methods, resources):
    names = [f"m{i}.lambda_cos-{i}" for i in range(n_methods)]
    facts = {name: {"uses_labels": i % 3 == 0, "control": i % 4 == 1} for i, name in enumerate(names)}
    quality = {name: (i + 1) / (n_methods + 1) for i, name in enumerate(names)}
    controls = [name for name in names if facts[name]["control"]]
    made = make_tables(make_scores(("toy_atlas",), quality), controls)
    made["overall"]["rank_range"] = 5
    both = {"overall": made["overall"], "ranges": made["ranges"]}
    assert_inside(draw(made["summary"], make_resources(("toy_atlas",), quality), facts, METRICS, "toy_atlas", **both))
