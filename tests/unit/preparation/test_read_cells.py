"""Cells as input of the trainer; the public API is tested in tests/unit/portal."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from portal_lib.errors import ConfigError, DataError
from portal_lib.preparation import prepare
from portal_lib.preparation.cells import batch_names, component_problems, read_cells, read_new_cells

NAMES = ["c", "a", "b"]


def obs(column):
    return pd.DataFrame({"lane": column}, index=[str(i) for i in range(30)])


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (NAMES * 10, NAMES),
        (pd.Categorical(NAMES * 10), NAMES),
        (pd.Categorical(NAMES * 10, categories=["b", "z", "c", "a"], ordered=True), ["b", "c", "a"]),
        ([3, 1, 2] * 10, ["3", "1", "2"]),
        ([True, False, False] * 10, ["True", "False"]),
    ],
)
def test_batches_are_in_order_of_categories_or_first_appearance(column, expected):
    assert batch_names(obs(column), "lane") == expected
    assert batch_names(obs(column), "lane", sorted(expected)) == sorted(expected)


@pytest.mark.parametrize("column", [[None, "a", "b"] * 10, ["a"] * 30, ["a"] * 25 + ["b"] * 5])
def test_an_invalid_batch_key_has_no_order(column):
    assert batch_names(obs(column), "lane") is None
    assert batch_names(obs(column), "sample") is None


def test_counts_give_the_components_of_the_recipe(counts):
    cells = read_cells(counts, batch_key="tech", n_pcs=6, n_top_genes=250)
    prepared = prepare(counts, batch_key="tech", label_key="type", n_pcs=6, n_top_genes=250, n_pcs_unintegrated=5)
    np.testing.assert_array_equal(cells.scores, prepared.obsm["X_pca"])
    np.testing.assert_array_equal(cells.codes, prepared.obs["batch"].cat.codes)
    assert cells.batches == ("batch0", "batch1")
    assert cells.notes == tuple(prepared.uns["preparation"]["notes"])
    assert cells.genes.genes.tolist() == prepared.var_names[prepared.var["portal"]].tolist()
    known = {"batch_key": "tech", "batches": cells.batches, "source": cells.genes}
    new = read_new_cells(counts[70:].copy(), **known)
    np.testing.assert_allclose(new.scores, cells.scores[70:], atol=2e-5)
    np.testing.assert_array_equal(new.codes, cells.codes[70:])


def test_given_components_are_not_copied(counts):
    counts.obsm["X"] = np.random.default_rng(0).normal(size=(110, 9))
    cells = read_cells(counts, batch_key="tech", use_rep="X", n_pcs=6, batches=["batch1", "batch0"])
    assert np.shares_memory(cells.scores, counts.obsm["X"])
    assert cells.scores.shape == (110, 6)
    assert cells.codes[:60].tolist() == [1] * 60
    assert cells.genes is None


def table(matrix):
    names = [str(i) for i in range(len(matrix))]
    data = AnnData(obs=pd.DataFrame(index=names))
    data.obsm["X"] = matrix
    return data


def test_components_are_checked_in_chunks(monkeypatch):
    """A bad value in any chunk is found, and a column is constant only if it is so over all chunks."""
    monkeypatch.setattr("portal_lib.preparation.cells.CHUNK", 4)
    matrix = np.zeros((11, 3))
    matrix[:4, 0], matrix[10, 1] = 1, 1e-3
    assert list(component_problems(table(matrix), "X", 3)) == [
        "obsm['X']: columns 2 (from 0) are the same in all cells. Leave them out of the components."
    ]
    assert list(component_problems(table(matrix), "X", 2)) == []
    assert list(component_problems(table(matrix), "X", 3, varying=False)) == []
    matrix[[5, 10], 2] = np.nan, 1e39
    assert list(component_problems(table(matrix), "X", 3)) == [
        "obsm['X'] contains 2 values of 33 that are NaN or infinite, in cells '5', '10'."
    ]


def test_a_table_of_text_is_not_a_matrix_of_numbers():
    words = pd.DataFrame({"a": list("xyz")}, index=list("012"))
    assert list(component_problems(table(words), "X", 1)) == [
        "obsm['X'] is of object, 2-d. A dense matrix of numbers, cells × components, is needed."
    ]


def test_arguments_of_the_wrong_type_are_errors(counts):
    with pytest.raises(ConfigError, match="both given"):
        read_cells(counts, batch_key="tech", layer="counts", use_rep="X")
    with pytest.raises(DataError, match="adata is a DataFrame"):
        read_cells(counts.obs, batch_key="tech")
