"""What the report says about the preparation of the data."""

from io import StringIO

import pandas as pd
import pytest
from made_report import NASTIEST, assert_tables_are_even, dataset, make_report, one_line, read_rst, table_row
from overall_tables import make_scores, make_tables
from report_tables import METHODS, METRICS, make_resources

from portal_lib.benchmark.tables.preparation import preparation_table
from portal_lib.reporting.texts.pages import landing_page, summary_page
from portal_lib.reporting.texts.preparation import preparation_rows

RECORD = {
    "dataset": "toy_atlas",
    "n_cells": 8395,
    "n_genes": 8912,
    "shared_genes": 330,
    "portal_rule": "most batches",
    "portal_genes": 2000,
    "highly_variable_genes": 1987,
    "batches": {"donor 3": 5000, "donor 1": 300, "donor 2": 3095},
    "notes": ["3 cells have no counts; kept, all values 0.", "the batches share\n330 genes."],
}


@pytest.fixture(scope="module")
def made():
    return make_tables(make_scores(["toy_atlas"])) | {"resources": make_resources(["toy_atlas"])}


def report_of(made, *records):
    table = preparation_table(records)
    read = pd.read_csv(StringIO(table.to_csv(sep="\t", index=False)), sep="\t", dtype={"reference": str, "notes": str})
    data = dataset("toy_atlas", "integrate", label="Toy_atlas")
    return make_report(made | {"preparation": read}, [data], METHODS, METRICS)


def test_the_table_has_a_row_per_data_set():
    other = RECORD | {"dataset": "b", "batches": {"1": 40, "2": 50}, "notes": [], "portal_rule": "intersection"}
    table = preparation_table([RECORD, other])
    first, second = table.to_dict("records")
    assert (first["n_batches"], first["smallest_batch"], first["largest_batch"]) == (3, 300, 5000)
    assert (first["reference"], first["reference_cells"]) == ("donor 3", 5000)
    assert first["notes"] == "3 cells have no counts; kept, all values 0. | the batches share 330 genes."
    assert (second["reference"], second["reference_cells"], second["notes"]) == ("1", 40, "")
    assert list(preparation_table([]).columns) == list(table.columns)


def test_the_first_page_says_what_every_method_got(made):
    text = read_rst(landing_page(report_of(made, RECORD)))
    assert (
        "Toy_atlas: 8,912 genes in the data, 330 of them variable in all 3 batches. Portal takes 2,000, those that "
        "vary in most batches; other methods 1,987 highly variable ones. Reference: donor 3, 5,000 cells; batches have "
        "300 to 5,000. Note: 3 cells have no counts; kept, all values 0. Note: the batches share 330 genes."
    ) in text
    text = read_rst(landing_page(report_of(made, RECORD | {"portal_rule": "intersection", "notes": []})))
    assert "Portal takes 2,000, those that vary in all batches; other" in text
    assert "Note" not in text
    assert "smallest" not in text
    text = read_rst(landing_page(report_of(made, RECORD | {"batches": {"pool 1": 95, "pool 2": 800}})))
    assert "batches have 95 to 800. The reference is the smallest batch; order and reference of the data set" in text
    assert "smallest" not in read_rst(landing_page(report_of(made, RECORD | {"batches": {"a": 95, "b": 95}})))


def test_the_summary_has_a_table_of_preparations_and_their_notes(made):
    page = summary_page(report_of(made, RECORD))
    assert_tables_are_even(page)
    rows = page[page.index("### Preparation") :]
    assert table_row(rows, "Toy\\_atlas") == [
        "Toy\\_atlas", "8,395", "8,912", "3", "300 to 5,000", "donor 3 (5,000 cells)", "330", "2,000", "most batches",
        "1,987",
    ]  # fmt: skip
    assert "- Toy\\_atlas: 3 cells have no counts; kept, all values 0." in rows


def test_without_data_sets_to_integrate_nothing_is_said(made):
    report = report_of(made)
    assert preparation_rows(report) == []
    assert "Preparation" not in landing_page(report)
    assert "Preparation" not in summary_page(report)


def test_any_name_and_note_is_shown_as_it_is(made):
    report = report_of(made, RECORD | {"batches": {NASTIEST: 30, "b": 20}, "notes": [NASTIEST]})
    plain = one_line(NASTIEST)
    # " | " is between notes.
    assert [" | ".join(row["notes"]) for row in preparation_rows(report)] == [plain]
    assert f"Reference: {plain}, 30 cells" in read_rst(landing_page(report))
    assert_tables_are_even(summary_page(report))
