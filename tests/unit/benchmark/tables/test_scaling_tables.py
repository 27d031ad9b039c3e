"""The tables of the scaling study: every number a row, failures kept, exponents as computed by hand."""

import numpy as np
import pytest

from portal_lib.benchmark.tables.scaling import FIT_COLUMNS, SCALING_COLUMNS, fit_power, fit_scaling, gather_scaling

SIZES = (100, 1000, 10_000)
WHOLES = {f"toy.n{n}": "toy" for n in SIZES}


def preparation(n, **changes):
    record = {
        "dataset": f"toy.n{n}",
        "status": "ok",
        "reason": "",
        "n_cells": n,
        "batches": {"a": n - 2, "b": 2},
        "threads": 2,
    }
    record |= {"wall_s": 3 + n / 100, "cpu_s": 4.0, "phases": {"import": 3.0, "scores": 0.5}}
    return record | {"peak_memory_mb": 300.0} | changes


def run(n, method="m", seed=0, fit=None, **changes):
    record = {"dataset": f"toy.n{n}", "method": method, "seed": seed, "status": "ok", "reason": "", "gpu": None}
    phases = {"import": 2.0, "load": 0.25, "fit": n / 50 if fit is None else fit, "check": 9.0, "write": 0.5}
    record |= {"wall_s": 20.0, "cpu_s": 5.0, "phases": phases, "peak_memory_mb": 100 * n**0.25}
    return record | {"time_limit_s": 60, "memory_limit_mb": 2048, "threads": 2, "device": "cpu"} | changes


def gather(runs, sizes=SIZES):
    return gather_scaling(WHOLES, [], [preparation(n) for n in sizes], runs)


def value(table, **where):
    for column, wanted in where.items():
        table = table[table[column] == wanted]
    assert len(table) == 1
    return table["value"].iloc[0]


def fitted(fits, method, quantity, phase):
    (row,) = fits[(fits.method == method) & (fits.quantity == quantity) & (fits.phase == phase)].to_dict("records")
    return row


def test_every_number_is_a_row():
    table = gather([run(1000), run(1000, gpu={"torch_reserved_mb": 7.0}, method="g")])
    assert list(table.columns) == SCALING_COLUMNS
    here = {"method": "m", "n_cells": 1000}
    assert value(table, **here, quantity="seconds", phase="fit") == 20
    assert value(table, **here, quantity="seconds", phase="run") == 20.0
    assert value(table, **here, quantity="cpu_seconds", phase="run") == 5.0
    assert value(table, **here, quantity="memory_mb", phase="run") == pytest.approx(100 * 1000**0.25)
    assert value(table, method="g", quantity="gpu_memory_mb", phase="run") == 7.0
    assert value(table, method="preparation", n_cells=100, quantity="seconds", phase="scores") == 0.5
    assert set(table["source"]) == {"toy"}


def test_the_whole_way_is_the_sum_of_preparation_and_run_without_imports_and_checks():
    table = gather([run(100), run(10_000)])
    for n, memory in ((100, 100 * 100**0.25), (10_000, 100 * 10_000**0.25)):
        here = {"method": "m", "n_cells": n, "phase": "whole_way"}
        assert value(table, **here, quantity="seconds") == pytest.approx(n / 100 + 0.25 + n / 50 + 0.5)
        assert value(table, **here, quantity="memory_mb") == pytest.approx(max(300, memory))
    assert value(table, method="preparation", n_cells=100, quantity="seconds", phase="whole_way") == 1.0


def test_rows_come_by_size_and_the_preparation_first():
    table = gather([run(10_000), run(100)])
    assert table["n_cells"].is_monotonic_increasing
    assert table.drop_duplicates(["n_cells", "method"])["method"].tolist() == [
        *("preparation", "m"),
        "preparation",
        *("preparation", "m"),
    ]


def test_failures_stay_as_rows():
    bare = {"phases": {}, "wall_s": None, "cpu_s": None, "peak_memory_mb": None}
    table = gather([run(100), run(1000, status="oom", reason="too much"), run(10_000, status="error", **bare)])
    failed = table[table.status != "ok"]
    assert set(failed[["n_cells", "status"]].itertuples(index=False, name=None)) == {(1000, "oom"), (10_000, "error")}
    assert "whole_way" not in set(failed["phase"])
    assert np.isnan(value(table, n_cells=10_000, method="m", quantity="seconds"))
    assert set(failed["memory_limit_mb"]) == {2048}
    row = fitted(fit_scaling(table), "m", "memory_mb", "run")
    assert (row["n"], row["failed"]) == (1, "1000 oom; 10000 error")
    assert np.isnan(row["exponent"])


def test_an_exact_power_law_is_found():
    fit = fit_power(np.array([1e3, 1e4, 1e5, 1e6]), 0.3 * np.array([1e3, 1e4, 1e5, 1e6]) ** 1.25)
    assert fit["exponent"] == pytest.approx(1.25)
    assert fit["factor"] == pytest.approx(0.3)
    assert (fit["ci_low"], fit["ci_high"]) == (pytest.approx(1.25), pytest.approx(1.25))


def test_the_interval_is_that_of_least_squares_by_hand():
    """X = 0, 1, 2, 3 and y = 0, 1, 1, 3: slope 0.9, RSS 0.7, s² 0.35, Sxx 5; t(0.975, 2) = 4.302653."""
    fit = fit_power(np.exp([0.0, 1, 2, 3]), np.exp([0.0, 1, 1, 3]))
    half = 4.302652729911275 * np.sqrt(0.35 / 5)
    assert fit["exponent"] == pytest.approx(0.9)
    assert fit["factor"] == pytest.approx(np.exp(1.25 - 0.9 * 1.5))
    assert fit["ci_low"] == pytest.approx(0.9 - half)
    assert fit["ci_high"] == pytest.approx(0.9 + half)


@pytest.mark.parametrize(("n", "exponent", "interval"), [(0, False, False), (1, False, False), (2, True, False)])
def test_too_few_sizes_have_no_exponent_or_no_interval(n, exponent, interval):
    fit = fit_power(np.array([10.0, 100.0])[:n], np.array([1.0, 10.0])[:n])
    assert (np.isfinite(fit["exponent"]), np.isfinite(fit["ci_low"])) == (exponent, interval)
    assert fit["n"] == n


def test_one_size_is_fitted_by_its_median_over_seeds():
    fits = [(100, 3.0), (100, 2.0), (100, 99.0), (1000, 30.0), (10_000, 300.0)]
    table = gather([run(n, seed=i, fit=fit) for i, (n, fit) in enumerate(fits)])
    row = fitted(fit_scaling(table), "m", "seconds", "fit")
    assert (row["n"], row["exponent"], row["factor"]) == (3, pytest.approx(1), pytest.approx(0.03))


def test_a_failed_seed_leaves_the_size_to_the_others():
    runs = [run(n, seed=seed) for n in SIZES for seed in (0, 1)]
    runs[1] |= {"status": "timeout", "phases": {"fit": 60.0}}
    row = fitted(fit_scaling(gather(runs)), "m", "seconds", "fit")
    assert (row["n"], row["failed"], row["exponent"]) == (3, "", pytest.approx(1))


def test_times_of_a_second_or_less_are_dropped_and_named_but_no_memory():
    table = gather([run(n, fit=n / 1000) for n in SIZES])
    fits = fit_scaling(table)
    time, memory = fitted(fits, "m", "seconds", "fit"), fitted(fits, "m", "memory_mb", "run")
    assert (time["dropped"], time["n"]) == ("100 (0.1); 1000 (1)", 1)
    assert time["rule"] == "times of 1 s or less are dropped"
    assert (memory["dropped"], memory["n"], memory["exponent"]) == ("", 3, pytest.approx(0.25))
    assert (memory["size_min"], memory["size_max"]) == (100, 10_000)
    assert memory["rule"] == "none is dropped"


def test_exponents_are_fitted_to_preparations_runs_and_gpu_memory():
    fits = fit_scaling(gather([run(n) for n in SIZES] + [run(100, "g", gpu={"torch_reserved_mb": 7.0})]))
    assert list(fits.columns) == FIT_COLUMNS
    assert {method: len(rows) for method, rows in fits.groupby("method")} == {"preparation": 2, "m": 4, "g": 5}
    assert fitted(fits, "preparation", "memory_mb", "run")["exponent"] == pytest.approx(0)


def test_scaling_is_fitted_for_each_data_set():
    wholes = WHOLES | {"other": "other"}
    records = [preparation(n) for n in SIZES] + [preparation(50, dataset="other", n_cells=50)]
    fits = fit_scaling(gather_scaling(wholes, [], records, [run(n) for n in SIZES]))
    assert set(fits["source"]) == {"toy", "other"}
    assert fitted(fits[fits.source == "other"], "preparation", "memory_mb", "run")["n"] == 1


def test_samples_of_batches_are_compared_by_their_number_of_batches():
    wholes = {f"toy.n{n}": "toy" for n in SIZES}
    batches = {100: 2, 1000: 5, 10_000: 10}
    records = [preparation(n, batches={f"b{i}": 1 for i in range(batches[n])}) for n in SIZES]
    runs = [run(n, fit=3.0 * batches[n] ** 2) for n in SIZES]
    table = gather_scaling(wholes, list(wholes), records, runs)
    assert set(table["against"]) == {"batches"}
    assert table["size"].drop_duplicates().tolist() == [2, 5, 10]
    assert table["n_cells"].drop_duplicates().tolist() == list(SIZES)
    fit = fitted(fit_scaling(table), "m", "seconds", "fit")
    assert fit["exponent"] == pytest.approx(2)
    assert (fit["against"], fit["size_min"], fit["size_max"]) == ("batches", 2, 10)
