import numpy as np
import pytest
from docutils.core import publish_doctree
from docutils.utils import Reporter
from jinja2 import Environment
from overall_tables import make_scores, make_tables
from report_tables import METHODS, METRICS

from portal_lib.reporting.texts import integrate as text
from portal_lib.reporting.texts.pages import summary_page

NASTY = [
    "a*b*c **d**", "`x` ``y``", "|sub|", "name_", "__anon__", "x_y_z", "[1]_ [#]_", "{{ config }}", "{% if %}",
    "{# c #}", "<http://example.org>", "http://example.org/a_b", ":math:`x`", ".. note:: hi", "- item", "1. item",
    "(a) item", "a\\b",
    "lambda_cos-50", "α β", "tab\tand\nline", "$5", "====", "::", "+ x", ">>> x", "| line", "user@example.org",
]  # fmt: skip


def render(rst):
    """What a reader sees after Jinja and docutils, which must have nothing to say."""
    settings = {"report_level": Reporter.INFO_LEVEL, "halt_level": Reporter.INFO_LEVEL}
    return publish_doctree(Environment().from_string(rst).render(), settings_overrides=settings)


@pytest.mark.parametrize("name", NASTY)
def test_an_escaped_name_reads_as_it_is(name):
    plain = " ".join(name.split())
    assert render(text.escape_rst(name)).astext() == plain
    assert render(f"- **{text.escape_rst(name)}**; more").astext() == f"{plain}; more"


@pytest.mark.parametrize("name", NASTY)
def test_every_text_bears_any_name(name, summary, resources):
    methods = METHODS | {"harmony": {"label": name}, "shuffle_by_label": {"label": name, "control": True}}
    resources.loc[resources.status != "ok", "reason"] = name
    scored = sample(lost_labels={name: 3})
    captions = [
        text.table_caption(summary, resources, methods, METRICS, "toy_atlas", label=name),
        text.table_caption(summary, resources, methods, METRICS, "toy_atlas", scored=scored),
        text.umap_caption("x", label=name, n_cells=10, n_total=20, seed=1, shown_seed=0, failed={name: "oom"}),
        text.resources_caption(resources, methods, "toy_atlas", label=name, machine=name),
        text.landing_page(landing_facts(name)),
    ]
    for caption in captions:
        assert " ".join(name.split()) in render(caption).astext()


def sample(**changes):
    """Facts of scores that are of a sample of the cells."""
    facts = {"n_cells_total": 1_100_000, "n_cells_scored": 50_000, "subsample_seed": 1234}
    return facts | {"cut_graph": False, "lost_batches": {}, "lost_labels": {}} | changes


def test_scores_of_a_sample_are_said_to_be(summary, resources):
    words = "Scored on 50,000 of 1,100,000 cells, drawn at random (seed 1234), the same for every method and seed."
    caption = text.table_caption(summary, resources, METHODS, METRICS, "toy_atlas", scored=sample())
    assert words in render(caption).astext()
    page = text.summary_markdown(summary, resources, METHODS, METRICS, {"toy_atlas": sample()})
    assert page.count(words) == 1
    assert page.index("### toy") < page.index(words)
    plain = text.summary_markdown(summary, resources, METHODS, METRICS)
    assert plain == text.summary_markdown(summary, resources, METHODS, METRICS, {"toy_atlas": {}})
    assert "Scored on" not in plain


def landing_facts(name="Toy atlas"):
    return {
        "title": name,
        "when": "2026-01-02 03:04 UTC",
        "datasets": [
            {"name": "toy", "label": name, "verified": None, "n_cells": 12000, "n_batches": 2, "n_labels": 9},
            {"name": "real", "label": "Real", "verified": True},
            {"name": "atlas", "n_cells": 200_000, "n_scored": 50_000},
            {"name": "new", "label": "new", "verified": False},
        ],
        "methods": [
            {"name": "portal.x", "label": "Portal", "params": {"lambda_cos": 50, name: name}},
            {"name": "shuffle", "label": "Shuffle", "control": True, "uses_labels": True},
        ],
        "metrics": [{"name": "nmi", "label": "NMI", "group": "bio"}, {"name": "ilisi", "group": "batch"}],
        "seeds": [0, 1, 2],
        "statuses": {"ok": 5, "oom": 1, "error": 0},
        "warnings": [f"{name} is below the shuffle."],
        "machine": {"CPU": name, "Cores": 2},
        "versions": {"python": "3.11", name: "1.0"},
    }


def test_the_landing_page_says_what_was_run_and_how_it_went():
    page = render(text.landing_page(landing_facts())).astext()
    for part in (
        "6 runs: 5 ok, 1 oom (out of memory)",
        "3 seeds: 0, 1, 2",
        "Warning: Toy atlas is below the shuffle.",
        "Toy atlas (toy); 12,000 cells, 2 batches, 9 labels",
        "Real (real); files verified by checksum",
        "atlas; 200,000 cells, 50,000 cells scored",
        "new; unverified: no checksum was known before the download",
        "Portal (portal.x); lambda_cos = 50",
        "Shuffle (shuffle); control; uses labels",
        "Bio conservation: NMI",
        "Cores: 2",
        "python 3.11",
        "2026-01-02 03:04 UTC",
    ):
        assert part in page
    assert "error" not in page


def test_the_landing_page_of_an_alignment_names_its_metrics():
    metrics = [{"name": "foscttm", "label": "FOSCTTM", "group": "align"}, {"name": "mse", "group": "align"}]
    page = render(text.landing_page({"metrics": metrics})).astext()
    assert "Alignment: FOSCTTM, mse" in page
    assert "conservation" not in page


def test_the_landing_page_of_nothing_is_its_title():
    assert render(text.landing_page({})).astext() == "Benchmark of single-cell integration"


def test_a_method_below_a_control_is_warned_of(summary):
    summary.loc[(summary.method == "harmony") & (summary.metric == "overall"), "mean"] = 0.35
    summary.loc[(summary.method == "unintegrated") & (summary.metric == "overall"), "mean"] = 0.42
    summary.loc[(summary.method == "shuffle_by_label") & (summary.metric == "overall"), "mean"] = 0.5
    summary.loc[(summary.method == "shuffle") & (summary.metric == "overall"), "mean"] = 0.3
    warnings = [line for line in text.find_warnings(summary, METHODS) if "Harmony" in line]
    expected = (
        "Harmony has a lower overall score than Shuffle by label (raw 0.350 against 0.500); "
        "Unintegrated (raw 0.350 against 0.420)."
    )
    assert warnings == [f"scmixology: {expected}", f"toy_atlas: {expected}"]


def test_controls_and_good_methods_are_not_warned_of(summary):
    lines = " ".join(text.find_warnings(summary, METHODS))
    assert "Portal" not in lines
    assert "Label embedding" not in lines
    assert "Shuffle (" not in lines


def test_the_table_caption_counts_and_names_failures(summary, resources):
    resources.loc[(resources.method == "harmony") & (resources.seed == 1), "status"] = "error"
    caption = render(text.table_caption(summary, resources, METHODS, METRICS, "toy_atlas", label="Toy atlas")).astext()
    assert "Toy atlas: 8 methods and 5 controls, n = 1 to 3 runs each." in caption
    assert "Seurat v3 CCA (oom (out of memory): memory limit of 8,192 MiB reached)" in caption
    assert "Harmony (2 of 3 runs ended well)" in caption
    assert "Warning: toy_atlas: ComBat" in caption


def test_the_table_caption_says_which_implementation_gave_which_values(summary, resources):
    given = {"pcr": "ours; equal to a_b", "nmi": "theirs", "ilisi": "ours; equal to a_b", "isolated_f1": "nobody's"}
    metrics = {name: {**facts, "implementation": given.get(name)} for name, facts in METRICS.items()}
    caption = render(text.table_caption(summary, resources, METHODS, metrics, "toy_atlas")).astext()
    # The isolated F1 has no value.
    assert "Implementations. PC regression, Graph iLISI: ours; equal to a_b. NMI: theirs.\n" in caption
    assert "Implementations" not in text.table_caption(summary, resources, METHODS, METRICS, "toy_atlas")


def test_the_page_says_once_which_implementation_gave_which_values(resources):
    tables = make_tables(make_scores()) | {"resources": resources}
    metrics = {name: {**facts, "implementation": "ours; a_b"} for name, facts in METRICS.items()}
    data = [{"name": name, "task": "integrate", "sample": {}} for name in ("toy_atlas", "scmixology")]
    page = summary_page({"datasets": data, "definitions": ["scib"]}, tables, METHODS, metrics)
    labels = [facts["label"] for name, facts in METRICS.items() if name != "isolated_f1"]
    assert page.count(f"Implementations. {', '.join(labels)}: ours; a\\_b.") == 1


def test_the_umap_caption_records_the_sample():
    caption = render(
        text.umap_caption("x", n_cells=50_000, n_total=1_100_000, seed=1234, failed={"m": "timeout"})
    ).astext()
    assert "50,000 of 1,100,000 cells" in caption
    assert "seed 1234" in caption
    assert "m (timeout)" in caption
    assert (
        "x: UMAP by batch (above) and by label (below), 10 cells."
        in render(text.umap_caption("x", n_cells=10, seed=1)).astext()
    )


def test_the_resources_caption_names_probe_and_machine(resources):
    caption = render(text.resources_caption(resources, METHODS, "toy_atlas", machine="CPU x_y")).astext()
    assert "Memory probe: ru_maxrss." in caption
    assert "Machine: CPU x_y." in caption


def test_the_resources_caption_of_data_to_align_says_what_the_time_is_of(resources):
    for n, said in ((10, "1 to 10 trainings"), (1, "1 training")):
        runs = resources.assign(trainings=np.where(resources.method == "portal", n, 1.0))
        runs.loc[runs.status != "ok", "trainings"] = np.nan
        caption = render(text.resources_caption(runs, METHODS, "toy_atlas", per_training=True)).astext()
        assert f": time (fit, per training; {said} per run) and peak memory of each method" in caption
        assert "Memory is that of a run with all its trainings. No start, load or write is in the time." in caption
    none = resources[resources.status != "ok"].assign(trainings=np.nan)
    assert "(fit, per training; no run ended well)" in text.resources_caption(
        none, METHODS, "toy_atlas", per_training=True
    )


def test_the_markdown_table_has_intervals_statuses_and_gaps(summary, resources):
    lines = text.summary_markdown(summary, resources, METHODS, METRICS).splitlines()
    assert [line for line in lines if line.startswith("###")] == ["### toy\\_atlas", "### scmixology"]
    rows = [line for line in lines if line.startswith("|")]
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1
    row = summary[(summary.dataset == "toy_atlas") & (summary.method == "portal") & (summary.metric == "overall")].iloc[
        0
    ]
    assert any(f"| Portal | 3/3 | {row['mean']:.3f} ± {row.half_width:.3f} |" in line for line in rows)
    assert any(line.startswith("| ComBat | 1/1 |") and "(n=1)" in line for line in rows)
    assert any(line.startswith("| fastMNN | 0/3 | timeout: wall limit of 600 s reached |") for line in rows)
    assert any(line.startswith("| BBKNN |") and "| n/a |" in line for line in rows)
    assert any(line.startswith("| Shuffle by label (control) (uses labels) |") for line in rows)


def test_the_markdown_table_bears_names_alone_and_any_name(summary, resources):
    summary["method"] = summary["method"].replace("portal", "a|b_c*")
    assert "| a\\|b\\_c\\* |" in text.summary_markdown(summary, resources)
