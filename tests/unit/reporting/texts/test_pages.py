"""The first page, and captions of figures by their templates."""

from pathlib import Path

import pytest
from jinja2 import DictLoader, PackageLoader, UndefinedError
from made_report import NASTY, dataset, make_report, one_line, read_rst
from overall_tables import make_scores, make_tables
from report_tables import METHODS, METRICS, make_resources

from portal_lib.errors import DataError
from portal_lib.reporting.texts import render
from portal_lib.reporting.texts.pages import caption, landing_page, report_texts, split_version


@pytest.fixture(scope="module")
def tables():
    return make_tables(make_scores(("toy_atlas",))) | {"resources": make_resources()}


def report_of(tables, name="Toy atlas"):
    datasets = [dataset("toy_atlas", "integrate", label=name, n_cells=12000, n_scored=5000)]
    datasets.append(dataset("real", "integrate", label="Real", verified=True))
    datasets.append(dataset("new", "integrate", verified=False))
    methods = [
        {
            "name": "portal.x",
            "label": "Portal",
            "control": False,
            "uses_labels": False,
            "params": {"k": 50, name: name},
        },
        {"name": "shuffle", "label": "Shuffle", "control": True, "uses_labels": True, "params": {}},
    ]
    metrics = [
        {"name": "nmi", "label": "NMI", "group": "bio"},
        {"name": "foscttm", "label": "FOSCTTM", "group": "align"},
    ]
    more = {"machine": {"CPU": name, "Cores": 2}, "versions": {"python": "3.11", name: "1.0"}, "title": name}
    more |= {"methods": methods, "metrics": metrics, "statuses": {"ok": 5, "oom": 1, "error": 0}}
    return make_report(tables, datasets, METHODS, METRICS, **more)


def test_the_first_page_states_what_was_run_and_the_outcome(tables):
    page = read_rst(landing_page(report_of(tables)))
    for part in (
        "Written 2026-01-02 03:04 UTC.",
        "6 runs: 5 ok, 1 oom (out of memory)",
        "3 seeds: 0, 1, 2",
        "Warning: Toy atlas: ComBat has a lower overall score than",
        "Toy atlas (toy_atlas); 12,000 cells, 2 batches, 9 labels, 5,000 cells scored",
        "Real (real); 300 cells, 2 batches, 9 labels; files verified by checksum",
        "new; 300 cells, 2 batches, 9 labels; unverified: no checksum was known before the download",
        "Portal (portal.x); k = 50, Toy atlas = Toy atlas",
        "Shuffle (shuffle); control; uses labels",
        "Bio conservation: NMI",
        "Alignment: FOSCTTM",
        "Cores: 2",
        "python 3.11",
    ):
        assert part in page
    assert "error" not in page


@pytest.mark.parametrize("name", NASTY)
def test_any_name_is_shown_on_the_first_page_as_it_is(name, tables):
    assert read_rst(landing_page(report_of(tables, name))).count(one_line(name)) >= 5


def test_texts_are_the_first_page_and_the_captions_of_the_figures(tables):
    texts = report_texts(report_of(tables), ["umap.toy_atlas", "ranks_scib.raw"])
    assert list(texts) == ["landing", "umap.toy_atlas", "ranks_scib.raw"]


def test_a_version_follows_the_name_of_the_template():
    assert split_version("table_scib") == ("table", "scib")
    assert split_version("umap") == ("umap", "")
    with pytest.raises(DataError, match=r"captions/tables\.rst\.j2 is missing"):
        split_version("tables")


@pytest.fixture
def new_template(monkeypatch):
    """Add a caption template; without it the environment is that of the package."""

    def add(text):
        environment = render._environment("rst")
        monkeypatch.setattr(environment, "loader", DictLoader({"captions/mine.rst.j2": text}))

    yield add
    assert isinstance(render._environment("md").loader, PackageLoader)


def test_a_new_figure_needs_only_a_template(tables, new_template):
    new_template(
        "**{{ label }}**: {{ methods | listed }}, {{ seeds | length | counted('seed') }}, {{ n_cells }} cells."
    )
    assert read_rst(caption(report_of(tables), "mine.real")) == "Real: Portal and Shuffle, 3 seeds, 300 cells."


def test_a_template_that_uses_an_unknown_fact_is_an_error(tables, new_template):
    new_template("{{ nothing }}")
    with pytest.raises(UndefinedError, match="'nothing' is undefined"):
        caption(report_of(tables), "mine.real")


def test_templates_have_lines_of_at_most_120_characters():
    folder = Path(render.__file__).parents[1] / "templates"
    files = sorted(folder.rglob("*.j2"))
    assert files
    assert [file.name for file in files if max(map(len, file.read_text().splitlines())) > 120] == []
