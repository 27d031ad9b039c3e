"""Reports of made tables, and their texts as a reader sees them."""

from docutils.core import publish_doctree
from docutils.utils import Reporter
from jinja2 import Environment

from portal_lib.reporting.texts.report import Report

NASTY = [
    "a*b*c **d**", "`x` ``y``", "|sub|", "name_", "__anon__", "x_y_z", "[1]_ [#]_", "{{ config }}", "{% if %}",
    "{# c #}", "<http://example.org>", "http://example.org/a_b", ":math:`x`", ".. note:: hi", "- item", "1. item",
    "(a) item", "a\\b", "CD3_x:12",
    "lambda_cos-50", "α β", "tab\tand\nline", "$5", "====", "::", "+ x", ">>> x", "| line", "user@example.org",
]  # fmt: skip
# All of them in one name, for texts that take long to make.
NASTIEST = " ".join(NASTY)
SAMPLED = {"n_cells_total": 1_100_000, "n_cells_scored": 50_000, "subsample_seed": 1234}
SAMPLED |= {"cut_graph": False, "lost_batches": {}, "lost_labels": {}}


def one_line(text):
    return " ".join(text.split())


def read_rst(text):
    """What a reader sees of reStructuredText after Jinja and docutils, which must not complain; in one line."""
    settings = {"report_level": Reporter.INFO_LEVEL, "halt_level": Reporter.INFO_LEVEL}
    return one_line(publish_doctree(Environment().from_string(text).render(), settings_overrides=settings).astext())


def dataset(name, task, **more):
    """Facts of a data set as run_facts gives them."""
    common = {"label": name, "verified": None, "machine": "", "seed": 0, "n_cells": 300}
    umap = {"sample": {}, "umap_cells": 1000, "umap_seed": 7, "failed": {}}
    umap |= {"n_scored": 300, "n_batches": 2, "n_labels": 9, "small_label": 10, "small_labels": {}}
    umap |= {"added": [], "failed_ends": []}
    own = {"integrate": umap, "align": {"figures": [], "shown": [], "method_inputs": {}}}
    return {"name": name, "task": task} | common | own[task] | more


def make_report(tables, datasets, methods, metrics, /, **more):
    """Report of made tables; empty tables stand for those that are not given."""
    facts = {"title": "Benchmark", "when": "2026-01-02 03:04 UTC", "datasets": datasets, "methods": [], "metrics": []}
    facts |= {"seeds": [0, 1, 2], "weights": {"batch": 0.4, "bio": 0.6}, "definitions": ["scib"]}
    facts |= {"statuses": {}, "n_added": 0, "machine": {}, "versions": {}}
    return Report(facts | more, tables, methods, metrics)


def table_row(page, label):
    """Cells of the first row of a Markdown table that begins with a label, marked or not."""
    starts = tuple(f"| {label} {mark}" for mark in "|(‡")
    return next(
        [cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith(starts)
    )


def assert_tables_are_even(page):
    """Rows of each Markdown table have as many cells as its head."""
    tables = [[line for line in block.splitlines() if line.startswith("|")] for block in page.split("\n\n")]
    for table in filter(None, tables):
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1, table[0]
