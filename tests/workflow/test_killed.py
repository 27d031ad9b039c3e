"""A run that is killed in the middle continues when it is started again."""

import os
import signal
import subprocess
import sys
import time

import anndata
import psutil

SETTINGS = {
    "run": "killed",
    "datasets": [{"name": "toy_atlas", "params": {"n_cells": 400, "n_genes": 800}}],
    "methods": ["unintegrated", {"name": "portal", "params": {"training_steps": 30}}, "hangs"],
    "seeds": [0],
    "limits": {"time_minutes": 0.5},
}


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.1)


def test_a_killed_run_continues_when_it_is_started_again(workdir):
    workdir.add_methods("hangs")
    workdir.configure(**SETTINGS)
    folder = workdir.root / "results" / "toy_atlas"
    run = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=workdir.root,
        env=workdir.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: any((folder / "hangs" / "seed0").glob(".work-*/log")))
    started = psutil.Process(run.pid).children(recursive=True)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    psutil.wait_procs(started, timeout=20)
    alive = [p for p in started if p.is_running() and "portal_lib.benchmark.run.child" in " ".join(p.cmdline())]
    assert alive == [], "a method went on after its Snakemake was killed"

    done = workdir.snakemake()
    assert "cannot be locked" not in done.text
    assert anndata.read_h5ad(folder / "portal" / "seed0" / "result.h5ad").obsm["X_emb"].shape[0] == 400
    assert (workdir.root / "results" / "killed" / "report.html").exists()
    assert list(folder.rglob(".*")) == []
    assert "Nothing to be done" in workdir.snakemake().text


def test_a_second_snakemake_in_the_same_folder_is_refused(workdir):
    workdir.add_methods("hangs")
    workdir.configure(**SETTINGS)
    run = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=workdir.root,
        env=workdir.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        # Files that another job of the first one is writing look incomplete, which is another refusal.
        wait_for(lambda: any((workdir.root / "results/toy_atlas/hangs/seed0").glob(".work-*/log")))
        done = workdir.snakemake(check=False)
        assert done.returncode != 0
        refusals = ("cannot be locked", "LockException", "IncompleteFilesException")
        assert any(refusal in done.text for refusal in refusals)
    finally:
        run.terminate()
        run.wait(timeout=60)
