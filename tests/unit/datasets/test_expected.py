import anndata
import numpy as np
import pandas as pd
import pytest

from portal_lib.datasets._checks import check_expected
from portal_lib.errors import DataError


def facts(**expected):
    return {"label": "Two mice", "batch_key": "mouse", "expected": expected}


@pytest.fixture
def adata():
    obs = pd.DataFrame({"mouse": ["a", "a", "b"]}, index=list("xyz"))
    return anndata.AnnData(np.ones((3, 4), dtype=np.float32), obs=obs)


@pytest.mark.parametrize("expected", [{}, {"n_cells": {"a": 2, "b": 1}}, {"n_cells": {"a": 2}, "n_genes": 4}])
def test_matching_or_unstated_numbers_pass(adata, expected):
    check_expected(adata, facts(**expected))


def test_all_differences_are_listed_with_expected_and_found(adata):
    with pytest.raises(DataError) as caught:
        check_expected(adata, facts(n_cells={"a": 3, "b": 1, "c": 7}, n_genes=5))
    assert str(caught.value) == (
        "Two mice: the files read are not the data expected\n"
        "  batch 'a': expected 3 cells, found 2\n"
        "  batch 'c': expected 7 cells, found 0\n"
        "  genes: expected 5, found 4"
    )


def test_categorical_batches_are_counted(adata):
    adata.obs["mouse"] = pd.Categorical(adata.obs["mouse"], categories=["a", "b", "empty"])
    check_expected(adata, facts(n_cells={"a": 2, "b": 1}))
