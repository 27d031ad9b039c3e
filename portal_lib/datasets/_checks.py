"""Checks of the files of data sets."""

from portal_lib.errors import DataError


def check_expected(adata, facts):
    """Compare the numbers of cells and genes with those that the data set states.

    Parameters
    ----------
    adata
        Cells × genes, with the batch key of `facts`.
    facts
        The ``DATASET`` of the data set. ``facts["expected"]["n_cells"]`` maps batches to numbers of cells, and
        ``facts["expected"]["n_genes"]`` is one number; either may be missing.

    Raises
    ------
    DataError
        Lists all numbers that differ, with the expected and the found ones.
    """
    expected = facts["expected"]
    found = adata.obs[facts["batch_key"]].value_counts()
    problems = [
        f"  batch '{batch}': expected {number} cells, found {int(found.get(batch, 0))}"
        for batch, number in expected.get("n_cells", {}).items()
        if found.get(batch, 0) != number
    ]
    if expected.get("n_genes", adata.n_vars) != adata.n_vars:
        problems.append(f"  genes: expected {expected['n_genes']}, found {adata.n_vars}")
    if problems:
        raise DataError("\n".join([f"{facts['label']}: the files read are not the data expected", *problems]))


def no_such_file(path):
    """The error for a file of a data set that is missing."""
    return DataError(f"{path}: no such file. Remove manifest.json from its folder, if there is one, and run again.")
