"""The contract of every method and every data set of the task align."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from align_lab import small_domains
from plugin_facts import of_task
from realdata import mirror

from portal_lib.benchmark import registry
from portal_lib.benchmark.fetch.fetch import fetch_files
from portal_lib.benchmark.tasks.align.run import PARTS, check_result
from portal_lib.errors import NotApplicable
from portal_lib.methods._result import Result
from portal_lib.preparation.reading.domain_files import (
    check_domains,
    read_domains,
    read_truth,
    write_domains,
    write_truth,
)

METHODS = of_task("methods", registry.find("methods"), "align")
DATASETS = of_task("datasets", registry.find("datasets"), "align")
# Parameters that make methods fast and data sets small, if they exist.
QUICK = {"training_steps": 4, "batch_size": 32, "max_iter": 5}
SMALL = {"n_cells": 100, "n_draws": 3}
KINDS = {
    "pairs": {"shared": ()},
    "shared": {"pairs": 0},
    "nothing": {"shared": (), "pairs": 0},
    "all_shared": {"pairs": 0, "equal": True},
}


def quick(name):
    params = METHODS[name]["params"]
    return {key: spec["default"] for key, spec in params.items()} | {k: v for k, v in QUICK.items() if k in params}


def run(name, kind, seed=0):
    """A result and the input of the method; None where the method does not apply."""
    domains, truth = small_domains(**KINDS[kind])
    task_input = domains.task_input(0, truth if METHODS[name]["uses_labels"] else None)
    try:
        return registry.load("methods", name).align(task_input, quick(name), seed, "cpu"), task_input
    except NotApplicable:
        return None, task_input


def parts(result):
    return {part: getattr(result, part) for part in PARTS if getattr(result, part) is not None}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", METHODS)
def test_the_result_is_valid_or_the_method_does_not_apply(name, kind):
    result, task_input = run(name, kind)
    if result is not None:
        assert isinstance(result, Result)
        check_result(result, name, task_input)
        assert bool(result.models) == METHODS[name]["has_model"]
        wanted = {"joint": {"z1", "z2"}}.get(METHODS[name]["output"], {"x12", "x21"})
        assert wanted <= set(parts(result))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_applies_to_some_kind_of_input(name):
    assert any(run(name, kind)[0] is not None for kind in KINDS)


@pytest.mark.parametrize("name", METHODS)
def test_a_seed_gives_the_same_values_and_another_seed_others_only_if_stochastic(name):
    kind = next(kind for kind in KINDS if run(name, kind)[0] is not None)
    first, again, other = (parts(run(name, kind, seed)[0]) for seed in (3, 3, 4))
    assert all(np.array_equal(first[part], again[part]) for part in first)
    differs = any(not np.array_equal(first[part], other[part]) for part in first)
    assert differs == METHODS[name]["stochastic"]


@pytest.mark.parametrize("name", [name for name, facts in METHODS.items() if not facts["uses_pairs"]])
def test_methods_that_use_no_pairs_give_the_same_without_them(name):
    kind = next(kind for kind in KINDS if run(name, kind)[0] is not None)
    result, task_input = run(name, kind)
    task_input = dataclasses.replace(task_input, pairs=())
    without = registry.load("methods", name).align(task_input, quick(name), 3, "cpu")
    assert all(np.array_equal(parts(result)[part], parts(without)[part]) for part in parts(result))


@pytest.mark.parametrize("name", METHODS)
def test_the_input_is_not_changed(name):
    kind = next(kind for kind in KINDS if run(name, kind)[0] is not None)
    _, task_input = run(name, kind)
    fresh = small_domains(**KINDS[kind])[0].task_input(0)
    assert np.array_equal(task_input.x1, fresh.x1)
    assert np.array_equal(task_input.x2, fresh.x2)


@pytest.mark.parametrize("name", [name for name, facts in METHODS.items() if facts["uses_labels"]])
def test_methods_that_declare_the_ground_truth_need_it(name):
    domains, _ = small_domains()
    with pytest.raises((NotApplicable, AttributeError)):
        registry.load("methods", name).align(domains.task_input(0), quick(name), 0, "cpu")


def small_params(name):
    return {key: value for key, value in SMALL.items() if key in DATASETS[name]["params"]}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Function that loads a data set once; files are taken from the mirror and verified."""
    made = {}

    def load(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            if DATASETS[name]["files"]:
                lock = folder / "lock.yaml"
                fetch_files(DATASETS[name]["files"], folder, mirror=str(mirror()), lock_path=lock, progress=False)
            made[name] = registry.load("datasets", name).load(folder, **small_params(name))
        return made[name]

    return load


def marked(names):
    return [pytest.param(n, marks=pytest.mark.realdata if DATASETS[n]["files"] else ()) for n in names]


@pytest.mark.parametrize("name", marked(DATASETS))
def test_domains_and_truth_are_valid_and_read_back_from_disk(loaded, name, tmp_path):
    domains, truth = loaded(name)
    check_domains(domains, truth)
    assert domains.draw_by_seed == DATASETS[name]["resampled_per_seed"]
    write_domains(domains, tmp_path / "domains.npz")
    write_truth(truth, tmp_path / "truth.npz")
    again, true = read_domains(tmp_path / "domains.npz"), read_truth(tmp_path / "truth.npz")
    assert again.correspondences == domains.correspondences
    assert np.array_equal(again.x1, domains.x1.to_numpy(np.float32))
    assert list(again.x2.columns) == [str(column) for column in domains.x2.columns]
    for part in ("target12", "target21", "partner", "label1", "label2"):
        before, after = getattr(truth, part), getattr(true, part)
        assert (before is None) == (after is None)
        if isinstance(before, pd.DataFrame):
            assert np.allclose(before.to_numpy(), after.to_numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", marked(DATASETS))
def test_the_data_set_has_what_its_figures_need(loaded, name):
    domains, truth = loaded(name)
    facts = DATASETS[name]
    if "destinations" in facts["figures"]:
        assert truth.label1 is not None
    if "markers" in facts["figures"]:
        assert truth.target12 is not None
    if "cells" in facts["figures"]:
        assert domains.image is not None or len(facts["shown"]) == 2
    assert set(facts["shown"]) <= set(domains.x1.columns) & set(domains.x2.columns)


@pytest.mark.parametrize(
    "name", [n for n, facts in DATASETS.items() if "seed" in facts["params"] and not facts["files"]]
)
def test_the_seed_determines_a_data_set(name):
    load = registry.load("datasets", name).load
    first, again, other = (load(None, **small_params(name), seed=seed) for seed in (1, 1, 2))
    assert first[0].x2.equals(again[0].x2)
    assert first[0].correspondences == again[0].correspondences
    assert not (first[0].x2.equals(other[0].x2) and first[0].correspondences == other[0].correspondences)
