import numpy as np
import pytest
from align_tables import METHODS, METRICS, make_destinations, make_resources, make_scores, make_summary
from docutils.core import publish_doctree
from docutils.utils import Reporter
from jinja2 import Environment

from portal_lib.benchmark.tables.published import COMPARED, compare_published
from portal_lib.errors import DataError
from portal_lib.reporting.texts import align as text
from portal_lib.reporting.texts.pages import report_texts

NASTY = ["a*b*c **d**", "`x` ``y``", "|sub|", "name_", "{{ config }}", "{% if %}", "- item", "CD3_x:12", "a\\b", "$5"]


@pytest.fixture
def tables():
    scores = make_scores()
    return make_summary(scores), make_resources(scores), scores


def render(rst):
    """What a reader sees after Jinja and docutils, which must have nothing to say."""
    settings = {"report_level": Reporter.INFO_LEVEL, "halt_level": Reporter.INFO_LEVEL}
    return publish_doctree(Environment().from_string(rst).render(), settings_overrides=settings).astext()


def change(summary, method, metric, value, dataset="gaussians"):
    here = (summary.dataset == dataset) & (summary.method == method) & (summary.metric == metric)
    assert here.sum() == 1
    summary.loc[here, "mean"] = value


def warnings(tables, dataset="gaussians"):
    return text.find_align_warnings(*tables, METHODS, METRICS, dataset)


def test_methods_that_do_well_are_not_warned_of(tables):
    for metric in ("foscttm", "mse", "mse_rel_random"):
        change(tables[0], "column_means", metric, 9.0)
    assert warnings(tables) == []


def test_a_collapse_is_warned_of(tables):
    change(tables[0], "gan", "superimposition:spread", 0.19)
    change(tables[0], "magan", "superimposition:reach", 0.67)
    change(tables[0], "ridge", "superimposition:spread", 0.2)
    lines = warnings(tables)
    assert lines == [
        "Dual GAN collapses, at least in part: translated cells vary 0.19 times as much as real ones (mean over runs).",
        "MAGAN collapses, at least in part: they reach 67 % of the clusters (mean over runs).",
    ]


def change_trainings(scores, method, seeds, value):
    here = (scores.dataset == "gaussians") & (scores.method == method) & scores.seed.isin(seeds)
    scores.loc[here & (scores.metric == "superimposition:spread"), "value"] = value


def test_a_collapse_of_some_trainings_is_warned_of_where_their_mean_is_not(tables):
    change_trainings(tables[2], "magan", [1, 3], 0.05)
    change_trainings(tables[2], "ridge", [0], 0.2)
    change_trainings(tables[2], "gan", [0], np.nan)
    change_trainings(tables[2], "gan", [4], 0.19)
    change(tables[0], "gan", "superimposition:reach", 0.67)
    lines = [
        "Dual GAN collapses, at least in part: 1 of 4 trainings collapses; they reach 67 % of the clusters (mean over "
        "runs).",
        "MAGAN collapses, at least in part: 2 of 5 trainings collapse.",
    ]
    assert warnings(tables) == lines
    assert all(f"- {line}" in section(tables) for line in lines)
    assert "Warning: MAGAN collapses, at least in part: 2 of 5 trainings collapse." in render(
        text.align_scores_caption(*tables, METHODS, METRICS, "gaussians")
    )


def test_controls_may_collapse(tables):
    assert not any("Column means collapse" in line for line in warnings(tables))


def test_a_method_below_a_control_that_knows_nothing_is_warned_of(tables):
    for metric, value in (("foscttm", 0.55), ("pearson", -0.2), ("mse_rel_mean:12", 2.3), ("superimposition", 0.0)):
        change(tables[0], "gan", metric, value)
    (line,) = warnings(tables)
    assert line.startswith("Dual GAN is worse than a control that knows nothing: ")
    assert "FOSCTTM 0.550 (Column means: 0.489)" in line
    assert "Pearson correlation −0.200 (Column means: 0.0" in line
    assert "MSE / MSE of the mean 1→2 2.300 (" in line
    assert "uperimposition" not in line
    assert "True partner" not in line


def test_what_was_asked_is_one_sentence():
    facts = {"n1": 12500, "d1": 12, "n2": 12500, "d2": 13, "n_shared": 12, "n_pairs": 0, "n_hidden": 1}
    assert text.asked_sentence(facts | {"n_trainings": 13}) == (
        "Domain 1 has 12,500 cells and 12 features; domain 2 has 12,500 cells and 13 features; told: 12 shared "
        "features; hidden from domain 1: 1 feature; 13 trainings per run."
    )
    assert text.asked_sentence({"n_pairs": 1}) == "Told: 1 known pair."
    assert text.asked_sentence({"n1": 1, "d1": 1}).endswith("told: nothing.")
    assert text.asked_sentence({}) == ""


def test_the_caption_counts_methods_and_names_failures_and_warnings(tables):
    change(tables[0], "gan", "superimposition:spread", 0.01)
    caption = render(
        text.align_scores_caption(*tables, METHODS, METRICS, "gaussians", label="Three clusters", asked={"n_shared": 1})
    )
    assert "Three clusters: 9 methods and 3 controls, n = 1 to 5 runs each." in caption
    assert "Told: 1 shared feature." in caption
    assert "Sorted by Destination." in caption
    assert "Gromov-Wasserstein (oom (out of memory): memory limit of 8,192 MiB reached)" in caption
    assert "Warning: Dual GAN collapses" in caption
    with pytest.raises(DataError, match="nowhere"):
        text.align_scores_caption(*tables, METHODS, METRICS, "nowhere")


def test_the_caption_of_destinations_counts_right_runs():
    caption = render(text.destinations_caption(make_destinations(), METHODS, "gaussians"))
    assert "gaussians: where the cells of each cluster end up." in caption
    assert "True partner 20/20 (84 to 100 %)" in caption


def test_the_caption_of_destinations_says_how_often_two_clusters_are_swapped():
    table = make_destinations(("naive", "memory"), quality={"gan": 0.3, "true_partner": 1.0})
    ends = table[(table.method == "gan") & (table.direction == "12") & (table.source != table.target)]
    n_swapped = int((ends.pivot_table(index="seed", columns="source", values="share") > 0.5).all(axis=1).sum())
    assert 0 < n_swapped < 20
    caption = render(text.destinations_caption(table, METHODS, "gaussians"))
    assert f"From domain 1 to domain 2: Dual GAN swapped in {n_swapped} of 20 trainings." in caption
    caption = render(text.destinations_caption(table[table.method == "true_partner"], METHODS, "gaussians"))
    assert "From domain 1 to domain 2: in no training." in caption


def test_the_caption_of_markers_counts_them(tables):
    caption = render(text.markers_caption(tables[0], METHODS, METRICS, "thymus_panels"))
    assert "Pearson correlation of real and predicted value of 13 markers" in caption
    assert "published" not in render(text.markers_caption(tables[0], METHODS, METRICS, "thymus_panels"))


def test_captions_of_cells_and_images_say_what_is_drawn():
    caption = render(text.cells_caption(label="CyTOF", features=("CD45RA", "CCR7"), seed=3, n_cells=4000))
    assert "CyTOF: CD45RA and CCR7 of the real cells" in caption
    assert "Runs of seed 3, at most 4,000 cells of a domain." in caption
    assert "images of domain 1, their true rotation, and" in render(
        text.images_caption(label="Digits", seed=0, truth="their true rotation")
    )


@pytest.mark.parametrize("name", NASTY)
def test_every_caption_bears_any_name(name, tables):
    summary, resources, scores = tables
    methods = METHODS | {"gan": {"label": name}}
    resources.loc[resources.status != "ok", "reason"] = name
    published = compare_published(make_published(name), summary, make_scores(("gaussians",)), make_destinations())
    captions = [
        text.align_scores_caption(summary, resources, scores, methods, METRICS, "gaussians", label=name),
        text.destinations_caption(make_destinations(n_runs=2), methods, "gaussians"),
        text.markers_caption(summary, METHODS, METRICS, "thymus_panels", label=name, published=of_markers(name)),
        text.cells_caption(label="x", features=(name, "b"), seed=0),
        text.images_caption(label=name, seed=0, truth=name),
        text.published_caption(published, "gaussians"),
    ]
    for caption in captions:
        assert name in render(caption)


def make_published(source):
    import pandas as pd

    row = {"dataset": "gaussians", "method": "gan", "metric": "foscttm", "value": 0.5, "source": source}
    return pd.DataFrame([row])


def of_markers(*sources):
    """Published values of markers beside ours, and one of another metric, from elsewhere."""
    import pandas as pd

    rows = [{"metric": f"pearson:{name}", "source": source} for source in sources for name in ("CD3", "CD4")]
    table = pd.DataFrame([*rows, {"metric": "foscttm", "source": "elsewhere"}])
    return table.assign(dataset="thymus_panels", method="gan").reindex(columns=COMPARED)


def test_published_values_of_markers_are_credited_to_where_they_were_read(tables):
    published = of_markers("A paper, read from the raster (± 0.01); here: 13 markers", "A paper, in the text")
    caption = render(text.markers_caption(tables[0], METHODS, METRICS, "thymus_panels", published=published))
    assert caption.endswith(
        "Open diamonds are published values. Source: A paper, read from the raster (± 0.01); here: 13 markers. "
        "A paper, in the text."
    )
    facts = {"name": "thymus_panels", "label": "Thymus", "task": "align", "figures": ["markers"], "shown": []}
    facts |= {"asked": {}, "machine": "", "seed": 0, "citation": "Who measured the cells"}
    page = {"datasets": [facts], "methods": [], "definitions": [], "weights": {}}
    found = {"summary": tables[0], "scores": tables[2], "published": published}
    found["resources"] = tables[1].assign(trainings=1, probe="")
    texts = report_texts(page, found | dict.fromkeys(("overall", "differences", "destinations")), METHODS, METRICS)
    assert render(texts["markers.thymus_panels"]) == caption.replace("thymus_panels", "Thymus")


def test_the_caption_of_published_numbers_names_the_source(tables):
    table = compare_published(make_published("A paper"), tables[0], make_scores(), make_destinations())
    assert list(table.columns) == COMPARED
    assert "Source: A paper." in render(text.published_caption(table, "gaussians"))


def section(tables, **more):
    return text.align_markdown(*tables, METHODS, METRICS, "gaussians", **more).splitlines()


def test_the_markdown_section_has_what_was_asked_the_table_and_the_best(tables):
    lines = section(tables, label="Three_clusters", asked={"n_shared": 1})
    assert lines[0] == "### Three\\_clusters"
    assert "Told: 1 shared feature." in lines
    rows = [line for line in lines if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1
    assert rows[0].startswith("| Method | Runs | Destination ↑ | FOSCTTM ↓ |")
    assert rows[2].startswith("| MAGAN | 5/5 | 0.8")
    assert any(row.startswith("| LLE alignment | 1/1 |") and "(n=1)" in row for row in rows)
    assert any(row.startswith("| Procrustes | 0/5 | not applicable: no cells are known to be pairs |") for row in rows)
    assert any(row.startswith("| True partner (control) (uses labels) |") for row in rows)
    assert any(row.startswith("| Ridge |") and "| n/a |" in row for row in rows)
    assert any(line.startswith("- FOSCTTM: MAGAN, 0.08") for line in lines)
    assert "Warnings:" not in lines or any(line.startswith("- ") for line in lines[lines.index("Warnings:") :])


def test_what_is_right_or_not_is_counted_over_trainings_with_wilsons_interval(tables):
    change(tables[0], "magan", "destination:right", 0.8)
    lines = section(tables)
    rows = {line.split(" |")[0].removeprefix("| "): line.split(" | ")[-1].removesuffix(" |") for line in lines}
    assert rows["Method"] == "Destination right in"
    # Wilson's interval of 4 of 5 is 0.376 to 0.964.
    assert rows["MAGAN"] == "4 of 5 (0.38 to 0.96)"
    assert rows["LLE alignment"] == "0 of 1 (0.00 to 0.79)"
    assert rows["True partner (control) (uses labels)"] == "5 of 5 (0.57 to 1.00)"
    assert rows["Procrustes"] == ""
    assert "Of trainings, in brackets the Wilson 95 % interval of their share." in lines
    assert "Of trainings" not in text.align_markdown(*tables, METHODS, METRICS, "thymus_panels")


def test_methods_that_the_interval_does_not_exclude_are_named(tables):
    summary = tables[0]
    change(summary, "ridge", "foscttm", 0.09)
    assert any(
        line.startswith("- FOSCTTM: MAGAN") and line.endswith("overlaps that of Ridge") for line in section(tables)
    )


def test_controls_are_never_the_best(tables):
    best = [line for line in section(tables) if line.startswith("- ") and "worse" not in line]
    assert best
    assert not any("True partner" in line for line in best)


def test_a_section_of_failures_only_has_their_reasons(tables):
    summary, resources, scores = tables
    lines = section((summary.iloc[:0], resources[resources.status != "ok"], scores.iloc[:0]))
    assert "| Procrustes | 0/5 | not applicable: no cells are known to be pairs |" in lines


def test_numbers_without_an_interval_say_that_there_is_one_run(tables):
    tables[0]["half_width"] = np.nan
    assert "±" not in "\n".join(section(tables))
