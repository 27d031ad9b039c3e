"""Readers of text tables that several data sets share."""

from pathlib import Path
from typing import NamedTuple

from portal_lib.errors import DataError


class Counts(NamedTuple):
    """A count matrix, CSR float32 of shape (n_cells, n_genes), with the names of its rows and columns."""

    matrix: object
    cells: object
    genes: object


def read_r_table(folder, name):
    """Read a csv file as R's ``write.csv`` and ``write.table`` leave it, gzipped or not.

    Parameters
    ----------
    folder, name
        Where the file lies. Its header may have one field fewer than its rows: the first column holds the row names
        either way.

    Returns
    -------
    DataFrame with unique string row names.

    Raises
    ------
    DataError
        The file is missing, is not a table, or repeats a row name.
    """
    import pandas as pd

    path = Path(folder) / name
    try:
        # Names such as "NA" are names, never missing values.
        table = pd.read_csv(path, index_col=0, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such file. Remove manifest.json beside it, if there is one, and run again."
        ) from None
    except (OSError, EOFError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}") from error
    table.index = table.index.astype(str)
    if not table.index.is_unique:
        repeated = table.index[table.index.duplicated()][0]
        raise DataError(f"{path}: the row name '{repeated}' occurs more than once")
    return table


def counts_by_cell(table, *, drop_prefix=None):
    """Turn a table of features × cells into a sparse matrix of cells × genes.

    Parameters
    ----------
    table
        Raw counts, genes in rows.
    drop_prefix
        Features whose name starts so (spike-ins) are left out.

    Raises
    ------
    DataError
        The table holds something that is no number.
    """
    import numpy as np
    from scipy import sparse

    if drop_prefix is not None:
        table = table.loc[~table.index.str.startswith(drop_prefix)]
    try:
        values = table.to_numpy(dtype=np.float32)
    except ValueError as error:
        raise DataError(f"the table of counts holds something that is no number: {error}") from error
    return Counts(sparse.csr_matrix(values.T), table.columns.astype(str), table.index)
