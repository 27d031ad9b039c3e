"""Real child processes: whatever a method does, a record comes back with the right status and reason."""

import re
import time
from dataclasses import replace
from types import SimpleNamespace

import anndata
import numpy as np
import package_copy
import psutil
import pytest

from portal_lib.benchmark.run.supervise import NEAR_LIMIT, Limits, Watch, _verdict, tail

RECORD_KEYS = {
    *("task", "dataset", "method", "plugin", "params", "seed", "device", "status", "reason", "started", "machine"),
    *("wall_s", "cpu_s", "phases", "peak_memory_mb", "probe", "probes", "gpu", "versions", "notes", "n_cells", "input"),
    *("threads", "time_limit_s", "memory_limit_mb", "log_tail"),
}
PHASES = ["import", "load", "fit", "check", "write"]

FAILING = {
    "raises": ("error", "ValueError: first line second line"),
    "raises_ours": ("error", "these data will not do"),
    "exits": ("error", "exited with code 3 before it returned a result"),
    "exits_with_text": ("error", "SystemExit: enough of this"),
    "exits_hard": ("error", "exited with code 5 before it returned a result"),
    "crashes": ("error", "ended by SIGSEGV"),
    "transposed": (
        "error",
        "method 'transposed' returned (50, 60) for 60 cells; expected (60, n_dims). Cells are rows.",
    ),
    "flat": ("error", "method 'flat' returned (60,) for 60 cells; expected (60, n_dims). Cells are rows."),
    "not_a_number": ("error", "method 'not_a_number' returned 120 values that are not finite in its embedding."),
    "too_great": ("error", "method 'too_great' returned 120 values that are not finite in its embedding."),
    "collapsed": ("error", "method 'collapsed' returned the same coordinates for all cells."),
    "objects": ("error", "method 'objects' returned values of type object in its embedding; expected numbers."),
    "nothing": ("error", "method 'nothing' returned no embedding; its output is 'embed'."),
    "no_expression": ("error", "method 'no_expression' returned no expression; its output is 'full'."),
    "side_by_side": ("error", "method 'side_by_side' returned (3, 3) for 60 cells; expected (60, 12). Cells are rows."),
    "unwritable_notes": ("error", "TypeError: keys must be str, int, float, bool or None, not tuple"),
    "needs_package": ("not_applicable", "package 'no_such_package' is not installed"),
    "imports_wrongly": ("error", "ModuleNotFoundError: No module named 'portal_lib.no_such_module'"),
    "unsuited": ("not_applicable", "needs three species"),
}


def assert_failed_cleanly(run):
    """The record is complete, the result has the names of the cells alone, nothing else is left."""
    assert set(run.record) == RECORD_KEYS
    assert {path.name for path in run.folder.iterdir()} == {"result.h5ad", "run.json"}
    made = anndata.read_h5ad(run.folder / "result.h5ad")
    assert list(made.obs_names) == [f"cell{i}" for i in range(package_copy.N_CELLS)]
    assert made.X is None
    assert [*made.obs, *made.obsm, *made.obsp, *made.uns] == []


def ended(pid, seconds=5):
    """Whether a process is gone, or a zombie, within some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def calm(methods_package, tmp_path_factory):
    """One run that goes well; treat as read-only."""
    return methods_package.run("calm", tmp_path_factory.mktemp("calm"), threads=3)


@pytest.mark.parametrize("name", FAILING)
def test_a_failure_is_a_record_with_its_reason(methods_package, tmp_path, name):
    run = methods_package.run(name, tmp_path)
    assert (run.record["status"], run.record["reason"]) == FAILING[name]
    assert_failed_cleanly(run)
    if name not in ("crashes", "exits_hard"):
        assert run.record["phases"]["import"] > 0
        assert "Traceback (most recent call last):" in run.record["log_tail"]
    assert f"{name} · seed 0: {FAILING[name][0]} ({FAILING[name][1]})" in run.out


@pytest.mark.parametrize("name", ["anndata", "numpy", "h5py", "portal_lib"])
def test_modules_in_the_folder_of_a_run_are_not_imported(methods_package, tmp_path, name):
    (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the user was imported')")
    (tmp_path / "made").mkdir()
    run = methods_package.run("draws", tmp_path / "made", cwd=tmp_path)
    assert (run.record["status"], run.record["reason"]) == ("ok", "")


def test_a_method_that_hangs_is_ended(methods_package, tmp_path):
    run = methods_package.run("hangs", tmp_path, time_s=2)
    assert (run.record["status"], run.record["reason"]) == ("timeout", "not done after 2 s")
    assert 2 <= run.record["wall_s"] < 4
    assert_failed_cleanly(run)


def test_what_a_hanging_method_started_is_ended_too(methods_package, tmp_path):
    pids = tmp_path / "pids"
    run = methods_package.run("hangs_with_child", tmp_path, params={"pids": str(pids)}, time_s=8)
    assert run.record["status"] == "timeout"
    assert all(ended(int(pid)) for pid in pids.read_text().split())


def test_what_a_method_leaves_behind_is_ended_and_its_result_kept(methods_package, tmp_path):
    pids = tmp_path / "pids"
    run = methods_package.run("leaves_children", tmp_path, params={"pids": str(pids)})
    assert run.record["status"] == "ok"
    numbers = pids.read_text().split()
    assert len(numbers) == 2
    assert all(ended(int(pid)) for pid in numbers)


def test_a_thread_left_behind_does_not_delay_the_exit(methods_package, tmp_path):
    run = methods_package.run("leaves_thread", tmp_path, time_s=60)
    assert run.record["status"] == "ok"
    assert run.record["wall_s"] < 30


@pytest.mark.parametrize("name", ["asks_too_much", "asks_too_much_of_the_system"])
def test_one_allocation_beyond_the_limit_is_refused_at_once(methods_package, tmp_path, name):
    run = methods_package.run(name, tmp_path, memory_mb=700)
    assert run.record["status"] == "oom"
    assert re.search("Unable to allocate 4.00 GiB|Cannot allocate memory", run.record["reason"])
    assert run.record["peak_memory_mb"] < 700
    assert_failed_cleanly(run)


def test_memory_that_grows_past_the_limit_is_seen(methods_package, tmp_path):
    run = methods_package.run("grows", tmp_path, memory_mb=500)
    assert (run.record["status"], run.record["reason"]) == ("oom", "used more than the limit of 500 MiB")
    assert run.record["peak_memory_mb"] > 500
    assert run.record["memory_limit_mb"] == 500
    assert_failed_cleanly(run)


def test_what_a_method_prints_is_shown_and_its_tail_kept(methods_package, tmp_path):
    run = methods_package.run("talks", tmp_path)
    assert run.record["reason"] == "RuntimeError: done talking"
    last = run.record["log_tail"]
    assert len(last) == 50
    assert "99 of 99" in last
    assert "Windows" in last
    assert "not text \ufffd" in last
    assert not any("\r" in line for line in last)
    assert "line 0 " in run.err
    assert "line 19999 " in run.err


def test_the_record_of_a_good_run_is_complete(calm):
    record = calm.record
    assert set(record) == RECORD_KEYS
    assert (record["status"], record["reason"], record["log_tail"]) == ("ok", "", [])
    assert (record["threads"], record["time_limit_s"], record["memory_limit_mb"]) == (3, 60, 2000)
    assert record["n_cells"] == package_copy.N_CELLS
    assert {"python", "numpy", "scipy"} <= set(record["versions"])
    assert record["gpu"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record["started"])


def test_a_run_leaves_its_result_and_tables_and_nothing_else(calm):
    assert {path.name for path in calm.folder.iterdir()} == {"result.h5ad", "run.json", "tables"}
    made = anndata.read_h5ad(calm.folder / "result.h5ad")
    assert made.obsm["X_emb"].dtype == np.float32
    assert np.array_equal(made.obsm["X_emb"], np.arange(2 * package_copy.N_CELLS).reshape(-1, 2))


def test_phases_add_up_to_about_the_wall_time(calm):
    phases = calm.record["phases"]
    assert list(phases) == sorted(PHASES)
    assert 1 <= phases["fit"] < 2
    assert calm.record["wall_s"] - 3 < sum(phases.values()) <= calm.record["wall_s"]
    assert 0 < calm.record["cpu_s"] < calm.record["wall_s"] * 3


def test_every_library_gets_the_number_of_threads(calm):
    names = ["OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "BLIS", "VECLIB_MAXIMUM"]
    given = calm.record["notes"]["threads"]
    assert {name: given[f"{name}_NUM_THREADS"] for name in names} == dict.fromkeys(names, "3")


def test_notes_of_numpy_are_written_as_plain_values(calm):
    assert (calm.record["notes"]["count"], calm.record["notes"]["values"]) == (7, [0, 1])


def test_labels_are_hidden_from_methods_that_do_not_declare_them(methods_package, calm, tmp_path):
    assert calm.record["notes"]["obs"] == ["batch", "mine"]
    assert methods_package.run("sees_labels", tmp_path).record["notes"]["obs"] == ["batch", "label"]


def test_a_method_gets_the_genes_that_it_takes_and_the_record_says_which(methods_package, tmp_path):
    data = package_copy.made_prepared()
    data.var["highly_variable"] = [True, False] * 6
    data.uns["preparation"]["highly_variable_genes"] = 6
    data.write_h5ad(tmp_path / "few.h5ad")
    run = replace(methods_package, prepared=tmp_path / "few.h5ad").run("corrects", tmp_path)
    assert (run.record["status"], run.record["reason"]) == ("ok", "")
    assert run.record["input"] == {"genes": "highly_variable", "n_genes": 6, "scaled": "no"}
    made = anndata.read_h5ad(tmp_path / "result.h5ad")
    assert made.var_names.tolist() == data.var_names[::2].tolist()
    np.testing.assert_array_equal(made.X.toarray(), data.X[:, ::2].toarray())


def test_a_short_spike_of_memory_is_seen(methods_package, calm, tmp_path):
    run = methods_package.run("spikes", tmp_path)
    assert run.record["probe"] == "vm_hwm_mb"
    assert run.record["peak_memory_mb"] - calm.record["peak_memory_mb"] == pytest.approx(300, rel=0.1)


def test_the_size_of_the_parent_is_not_inherited(methods_package, calm, tmp_path):
    record = methods_package.run("calm", tmp_path, ballast_mb=700).record
    assert record["probe"] == "vm_hwm_mb"
    assert record["peak_memory_mb"] == pytest.approx(calm.record["peak_memory_mb"], rel=0.1)
    assert record["peak_memory_mb"] < 500


def test_same_seed_same_bytes_and_other_seed_other_bytes(methods_package, tmp_path):
    made = []
    for number, seed in enumerate([4, 4, 5]):
        folder = tmp_path / str(number)
        folder.mkdir()
        methods_package.run("draws", folder, seed=seed)
        made.append(anndata.read_h5ad(folder / "result.h5ad").obsm["X_emb"].tobytes())
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize(
    ("weight", "reason"),
    [
        (1.0, ""),
        (-1.0, "method 'graph' returned 60 negative weights in its connectivities."),
        (0.0, "method 'graph' returned a graph without edges."),
    ],
)
def test_a_graph_has_edges_with_weights_that_are_not_negative(methods_package, tmp_path, weight, reason):
    run = methods_package.run("graph", tmp_path, params={"weight": weight})
    assert run.record["reason"] == reason
    if not reason:
        assert anndata.read_h5ad(tmp_path / "result.h5ad").obsp["connectivities"].nnz == package_copy.N_CELLS


def test_a_kill_from_outside_is_judged_by_the_memory_in_use():
    limits = Limits(time_s=10, memory_mb=1000, threads=1)
    full = SimpleNamespace(ended=None, peak_tree_mb=1000 * NEAR_LIMIT + 1)
    empty = SimpleNamespace(ended=None, peak_tree_mb=100)
    assert _verdict({}, -9, full, limits) == {"status": "oom", "reason": "killed near the limit of 1000 MiB"}
    assert _verdict({}, -9, empty, limits) == {"status": "error", "reason": "ended by SIGKILL"}


def test_watching_counts_the_whole_tree():
    watch = Watch(psutil.Process().pid)
    assert watch.sample() > 10
    assert watch.peak_tree_mb >= 10
    assert watch.most_processes >= 1


def test_tail_keeps_the_last_state_of_each_line(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"one\n1%\r50%\r100%\ntwo\r\n\xff\n")
    assert tail(log) == ["one", "100%", "two", "\ufffd"]
    assert tail(log, lines=1) == ["\ufffd"]
