"""What every data set is checked for once its files are read."""

from portal_lib.errors import DataError


def check_expected(adata, facts):
    """Compare the cells that were read with the numbers that the data set states.

    Parameters
    ----------
    adata
        Cells × genes, with the batch column of `facts`.
    facts
        The ``DATASET`` of the data set. ``facts["expected"]["n_cells"]`` maps batches to numbers of cells, and
        ``facts["expected"]["n_genes"]`` is one number; what is not stated is not checked.

    Raises
    ------
    DataError
        A number differs; all that differ are named, each with what was expected and what was found.
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
