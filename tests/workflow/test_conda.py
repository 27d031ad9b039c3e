"""`--sdm conda` chooses an environment for every rule; a replacement of conda makes them from this Python."""

import sys
from pathlib import Path

CONDA = """#!/bin/sh
case "$1 $2" in
    "--version "*) echo "conda 26.1.0" ;;
    "info --json") echo '{{"conda_prefix": "{base}", "root_prefix": "{base}", "platform": "linux-64"}}' ;;
    "config --get"*) echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
    "config --show"*) echo '{{"channel_priority": "strict"}}' ;;
    "env create"|"create "*)
        while [ $# -gt 0 ]; do
            case "$1" in --prefix|-p) prefix=$2 ;; --file) file=$2 ;; esac
            shift
        done
        mkdir -p "$prefix/bin" "$prefix/conda-meta"
        printf '#!/bin/sh\\nexec "{python}" "$@"\\n' > "$prefix/bin/python"
        chmod +x "$prefix/bin/python"
        cat "$file" >> "{log}"
        ;;
    *) : ;;
esac
"""
ACTIVATE = """export CONDA_PREFIX=$1
export PATH="$1/bin:$PATH"
"""


def test_every_rule_runs_in_a_conda_environment_of_its_own(workdir, tmp_path):
    base, log = tmp_path / "conda", tmp_path / "created"
    (base / "bin").mkdir(parents=True)
    conda = base / "bin" / "conda"
    conda.write_text(CONDA.format(base=base, python=sys.executable, log=log))
    conda.chmod(0o755)
    (base / "bin" / "activate").write_text(ACTIVATE)
    workdir.configure(
        run="conda",
        datasets=[{"name": "toy_atlas", "params": {"n_cells": 400, "n_genes": 800}}],
        methods=["unintegrated", "harmony", {"name": "portal", "params": {"training_steps": 5}}],
        seeds=[0],
    )
    path = f"{base / 'bin'}:{workdir.environment()['PATH']}"
    done = workdir.snakemake("--sdm", "conda", env={"PATH": path, "PYTHONPATH": "/nowhere"})
    created = log.read_text()
    for package in ("pytorch=2.13.0", "harmonypy=2.1.0", "scanpy=1.11.5", "snakemake-minimal=9.27.1", "requests="):
        assert package in created, done.text[-2000:]
    assert "harmony\t0\tok" in workdir.read("results/conda/resources.tsv")
    assert Path(workdir.root, "results", "conda", "report.html").exists()
