"""Entries with `cells` or `n_batches`: one data set for each number."""

import pytest

from portal_lib.benchmark.config.parse import parse_config
from portal_lib.errors import ConfigError


def parse(**entry):
    return parse_config({"datasets": [{"name": "toy_atlas"} | entry]}).datasets


def problems_of(**entry):
    with pytest.raises(ConfigError) as caught:
        parse(**entry)
    return str(caught.value).split("\n  ")[1:]


def test_each_number_of_cells_is_a_data_set():
    made = parse(cells=[500, 300], sample_seed=7, variant="v", params={"n_cells": 900})
    assert list(made) == ["toy_atlas.v.n500", "toy_atlas.v.n300"]
    assert [(d.cells, d.sample_seed, d.whole, d.config_key) for d in made.values()] == [
        (500, 7, "toy_atlas.v", "datasets[0]"),
        (300, 7, "toy_atlas.v", "datasets[0]"),
    ]
    assert list(parse(cells=400)) == ["toy_atlas.n400"]


def test_each_number_of_batches_is_a_data_set():
    made = parse(n_batches=[2, 5], cells=100)
    assert list(made) == ["toy_atlas.n100.b2", "toy_atlas.n100.b5"]
    assert [(d.cells, d.n_batches, d.whole, d.is_sample) for d in made.values()] == [
        (100, 2, "toy_atlas", True),
        (100, 5, "toy_atlas", True),
    ]
    assert list(parse(n_batches=2)) == ["toy_atlas.b2"]
    assert problems_of(n_batches=[2, 5], cells=[10, 20]) == [
        "datasets[0]: cells and n_batches cannot both be lists; one of them is what times and memory are compared by"
    ]


def test_without_cells_a_data_set_is_whole():
    (whole,) = parse().values()
    assert (whole.cells, whole.sample_seed, whole.whole) == (None, 0, whole.id)


def test_own_data_can_be_sampled(tmp_path):
    (tmp_path / "mine.h5ad").touch()
    entry = {"name": "mine", "path": str(tmp_path / "mine.h5ad"), "batch": "donor", "label": "type", "cells": [10, 20]}
    made = parse_config({"datasets": [entry]}).datasets
    assert {name: dataset.obs_keys for name, dataset in made.items()} == {
        "mine.n10": ["donor", "type"],
        "mine.n20": ["donor", "type"],
    }
    assert parse()["toy_atlas"].obs_keys == ["batch", "cell_type"]


def test_fingerprints_differ_between_parameters_and_not_between_samples():
    one, two = parse(cells=[300, 400]).values()
    (other,) = parse(cells=300, params={"seed": 1}).values()
    assert one.fingerprint == two.fingerprint != other.fingerprint
    assert len(one.fingerprint) == 8


@pytest.mark.parametrize(
    ("entry", "lines"),
    [
        ({"cells": []}, ["datasets[0].cells: the list is empty; name at least one"]),
        ({"cells": 0}, ["datasets[0].cells: 0 is less than the minimum of 1"]),
        ({"cells": [300, 0]}, ["datasets[0].cells[1]: 0 is less than the minimum of 1"]),
        ({"cells": [300, 300]}, ["datasets[0].cells: [300, 300] has the same item twice"]),
        ({"cells": "all"}, ["datasets[0].cells: 'all' is not a whole number or a list"]),
        ({"cells": 1e4}, ["datasets[0].cells: 10000.0 is not a whole number or a list"]),
        ({"cell": 300}, ["datasets[0]: unknown key 'cell', did you mean 'cells'?"]),
        ({"sample_seed": 1}, ["datasets[0]: 'sample_seed' needs 'cells' as well"]),
    ],
)
def test_mistakes_are_named(entry, lines):
    assert problems_of(**entry) == lines


def test_the_same_size_of_two_seeds_needs_a_variant():
    entries = [{"name": "toy_atlas", "cells": 300, "sample_seed": seed} for seed in (0, 1)]
    with pytest.raises(ConfigError, match=r"'toy_atlas\.n300' is listed 2 times; give each its own 'variant'"):
        parse_config({"datasets": entries})
