"""What the preparation of each data set gave to all methods, as a table."""

from collections.abc import Iterable, Mapping

import pandas as pd

COLUMNS = [
    *("dataset", "n_cells", "n_genes", "n_batches", "smallest_batch", "largest_batch", "reference", "reference_cells"),
    *("shared_genes", "portal_rule", "portal_genes", "highly_variable_genes", "notes"),
]
# Between the notes of one data set.
BETWEEN = " | "


def preparation_table(records: Iterable[Mapping]) -> pd.DataFrame:
    """One row per data set of the task integrate, in the order of the records.

    Parameters
    ----------
    records
        ``prepare.json`` of each data set (:func:`portal_lib.benchmark.tasks.integrate.prepare.preparation_facts`).

    Returns
    -------
    Columns of :data:`COLUMNS`. ``smallest_batch``, ``largest_batch`` and ``reference_cells`` are numbers of cells;
    ``reference`` is the name of the first batch, ``shared_genes`` the number of genes that are variable in all batches;
    ``notes`` are joined by :data:`BETWEEN`.
    """
    return pd.DataFrame([_row(record) for record in records], columns=COLUMNS)


def _row(record: Mapping) -> dict:
    sizes = record["batches"]
    row = {name: record[name] for name in COLUMNS if name in record}
    row |= {"n_batches": len(sizes), "smallest_batch": min(sizes.values()), "largest_batch": max(sizes.values())}
    row |= {"reference": next(iter(sizes)), "reference_cells": next(iter(sizes.values()))}
    return row | {"notes": BETWEEN.join(" ".join(note.split()) for note in record["notes"])}
