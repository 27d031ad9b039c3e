"""The SLURM profile, on a real SLURM of one node."""

import shutil
import subprocess

import pytest


@pytest.fixture
def slurm():
    """A SLURM that answers; asked only where a test needs it, as a missing controller keeps `sinfo` waiting."""
    if not shutil.which("sinfo") or subprocess.run(["sinfo"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no SLURM answers here; .ci/start-slurm starts one")


@pytest.mark.slurm
@pytest.mark.slow
@pytest.mark.usefixtures("slurm")
def test_the_slurm_profile_runs_the_main_job(workdir):
    workdir.configure(
        run="cluster",
        datasets=[{"name": "toy_atlas", "params": {"n_cells": 400, "n_genes": 800}}],
        methods=["unintegrated", "harmony"],
        seeds=[0],
        limits={"memory_gb": 2},
    )
    words = ["--profile", "config/profiles/slurm", "--slurm-status-command", "squeue", "--latency-wait", "10"]
    words += ["--slurm-init-seconds-before-status-checks", "3", "--default-resources", "mem_mb=2000", "runtime=10"]
    done = workdir.snakemake(*words, "--set-resources", "prepare:mem_mb=4000", "score:mem_mb=2000")
    assert "has been submitted with SLURM jobid" in done.text
    assert "\tok\t" in workdir.read("results/cluster/resources.tsv")
    assert (workdir.root / "results" / "cluster" / "report.html").exists()
