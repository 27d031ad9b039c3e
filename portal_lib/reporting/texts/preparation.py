"""Facts of the preparation of the data sets to integrate, which every method gets."""

from portal_lib.reporting.texts.report import Report

# Between the notes of one data set in ``preparation.tsv``.
BETWEEN = " | "


def preparation_rows(report: Report) -> list[dict]:
    """One dict per data set to integrate, in the order of the run; empty without the table ``preparation``.

    Returns
    -------
    Dicts of the columns of ``preparation.tsv``, numbers as integers, notes as a list, and the label of the data set.
    """
    if "preparation" not in report.tables:
        return []
    found = {str(row["dataset"]): row for row in report.tables["preparation"].to_dict("records")}
    labels = {data["name"]: data["label"] for data in report.facts["datasets"]}
    return [_row(found[name], label) for name, label in labels.items() if name in found]


def _row(row: dict, label: str) -> dict:
    words = ("dataset", "reference", "portal_rule")
    numbers = {name: int(value) for name, value in row.items() if name not in (*words, "notes")}
    notes = row["notes"].split(BETWEEN) if isinstance(row["notes"], str) and row["notes"] else []
    return {name: str(row[name]) for name in words} | numbers | {"label": label, "notes": notes}
