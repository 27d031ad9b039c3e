"""Readers of text tables, shared by data sets."""

from pathlib import Path
from typing import NamedTuple

from portal_lib.datasets._checks import no_such_file
from portal_lib.errors import DataError


class Counts(NamedTuple):
    """A count matrix, CSR float32 of shape (n_cells, n_genes), with cell and gene names."""

    matrix: object
    cells: object
    genes: object


def read_r_table(folder, name):
    """Read a csv file written by ``write.csv`` or ``write.table`` of R, gzipped or not.

    Parameters
    ----------
    folder, name
        Folder and name of the file. The first column contains the row names; the header may lack a field for it.

    Returns
    -------
    DataFrame with unique string row names.

    Raises
    ------
    DataError
        The file is missing, is not a table, or has a duplicate row name.
    """
    import pandas as pd

    path = Path(folder) / name
    try:
        # Names such as "NA" are not missing values.
        table = pd.read_csv(path, index_col=0, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise no_such_file(path) from None
    except (OSError, EOFError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}") from error
    table.index = table.index.astype(str)
    if not table.index.is_unique:
        repeated = table.index[table.index.duplicated()][0]
        raise DataError(f"{path}: the row name '{repeated}' occurs more than once")
    return table


def counts_by_cell(table, *, drop_prefix=None):
    """Convert a table of features × cells to a sparse matrix of cells × genes.

    Parameters
    ----------
    table
        Raw counts, genes in rows.
    drop_prefix
        Drop features whose name starts with this (spike-ins).

    Raises
    ------
    DataError
        The table contains something other than numbers.
    """
    import numpy as np
    from scipy import sparse

    if drop_prefix is not None:
        table = table.loc[~table.index.str.startswith(drop_prefix)]
    try:
        values = table.to_numpy(dtype=np.float32)
    except ValueError as error:
        raise DataError(f"the table of counts contains something other than numbers: {error}") from error
    return Counts(sparse.csr_matrix(values.T), table.columns.astype(str), table.index)
