"""The order of the batches, and what it changes in prepared data."""

import numpy as np
import pytest

from portal_lib.errors import DataError
from portal_lib.preparation import prepare
from portal_lib.preparation.order import order_of, order_problems

SIZES = {"b": 30, "a": 30, "d": 10, "c": 50}
KEYS = {"batch_key": "tech", "label_key": "type"}


@pytest.mark.parametrize(
    ("order", "reference", "expected"),
    [
        ("file", None, "badc"),
        ("largest", None, "cabd"),
        ("largest", "d", "dcab"),
        ("file", "c", "cbad"),
        (["d", "c", "b", "a"], None, "dcba"),
        (["d", "c", "b", "a"], "d", "dcba"),
    ],
)
def test_orders(order, reference, expected):
    assert "".join(order_of(SIZES, order, reference)) == expected


def test_names_may_be_numbers():
    assert order_of({"1": 5, "2": 9}, [2, 1]) == ["2", "1"]
    assert order_of({"1": 5, "2": 9}, reference=2) == ["2", "1"]
    assert list(order_problems([2, 1], 2, ["1", "2"])) == []
    assert order_of({"1": 5, "2": 9}, ["2.0", "1.0"]) == ["2", "1"]
    assert list(order_problems(["2.0", "1.0"], 2.0, ["1", "2"])) == []


@pytest.mark.parametrize(
    ("order", "reference", "lines"),
    [
        ("file", "plaet", ["reference: there is no batch 'plaet', did you mean 'plate'? Known: 'droplet', 'plate'."]),
        (
            "lagest",
            None,
            ["order: 'lagest' is neither 'largest' nor 'file' nor a list of batches, did you mean 'largest'?"],
        ),
        ("zz", None, ["order: 'zz' is neither 'largest' nor 'file' nor a list of batches."]),
        (["plate"], None, ["order: a list names all batches, and this one lacks 'droplet'."]),
        (["plate", "plate", "droplet"], None, ["order: 'plate' is listed 2 times; name each batch once."]),
        (
            ["plate", "tubes"],
            None,
            ["order: there is no batch 'tubes'. Known: 'droplet', 'plate'."],
        ),
        (
            ["plate", "droplet"],
            "droplet",
            ["reference: 'droplet' is not the first of the list 'order'; leave out one of the two."],
        ),
    ],
)
def test_problems_of_an_order(order, reference, lines):
    assert list(order_problems(order, reference, ["droplet", "plate"])) == lines
    assert list(order_problems(order, reference, ["droplet", "plate"], "datasets[2].")) == [
        f"datasets[2].{line}" for line in lines
    ]


def test_the_order_changes_the_batches_and_nothing_else(counts):
    """Of 110 cells, 60 are of batch0."""
    plain = prepare(counts, **KEYS)
    other = prepare(counts, **KEYS, reference="batch1")
    assert plain.uns["preparation"]["batches"].tolist() == ["batch0", "batch1"]
    assert other.uns["preparation"]["batches"].tolist() == ["batch1", "batch0"]
    assert other.obs["batch"].cat.categories.tolist() == ["batch1", "batch0"]
    assert other.obs["batch"].astype(str).tolist() == plain.obs["batch"].astype(str).tolist()
    assert other.obs_names.tolist() == plain.obs_names.tolist()
    cells = plain.uns["preparation"]["cells_per_batch"]
    assert other.uns["preparation"]["cells_per_batch"].tolist() == cells[::-1].tolist()
    for name in ("portal", "highly_variable", "highly_variable_rank"):
        assert other.var.loc[plain.var_names, name].equals(plain.var[name])
    for name in ("X_pca", "X_unintegrated", "X_scaled", "X_scaled_per_batch"):
        np.testing.assert_allclose(other.obsm[name], plain.obsm[name], atol=1e-4)
    swapped = other[:, plain.var_names].varm["scale_mean"][:, ::-1]
    np.testing.assert_allclose(swapped, plain.varm["scale_mean"], rtol=1e-12)


def test_the_largest_batch_goes_first_if_requested(counts):
    rows = [*range(20), *range(60, 110)]
    assert prepare(counts[rows].copy(), **KEYS, order="largest").uns["preparation"]["batches"].tolist() == [
        "batch1",
        "batch0",
    ]
    assert prepare(counts[rows].copy(), **KEYS).uns["preparation"]["batches"].tolist() == ["batch0", "batch1"]


def test_an_unknown_reference_is_one_line_with_its_setting(counts):
    with pytest.raises(DataError) as caught:
        prepare(counts, **KEYS, reference="bacth1", data_name="mine.h5ad", config_key="datasets[0]")
    assert str(caught.value) == (
        "mine.h5ad: datasets[0].reference: there is no batch 'bacth1', did you mean 'batch1'? "
        "Known: 'batch0', 'batch1'."
    )
