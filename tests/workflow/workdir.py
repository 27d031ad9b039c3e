"""A copy of the workflow in a temporary folder, in which the real Snakefile runs."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = ["Snakefile", "config", "rules", "scripts", "portal_lib", "envs"]


@dataclass
class Workdir:
    """A copy of the repository, and Snakemake in it."""

    root: Path

    def snakemake(self, *words, check=True, env=None, timeout=900):
        """Run Snakemake to its end; with `check` it must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", *map(str, words)],
            cwd=self.root,
            env=self.environment() | (env or {}),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        done.text = done.stdout + done.stderr
        assert not check or done.returncode == 0, done.text[-4000:]
        return done

    def environment(self):
        """The environment without anything that points at the original, and with this Python first."""
        clean = {key: value for key, value in os.environ.items() if key not in ("PORTAL_MIRROR", "PYTHONPATH")}
        return clean | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"}

    def configure(self, **settings):
        """Write the default configuration anew."""
        (self.root / "config" / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))

    def add_methods(self, *names):
        """Add test methods, one file each."""
        for name in names:
            shutil.copy(
                Path(__file__).parent / "methods" / f"{name}.py", self.root / "portal_lib" / "methods" / "integrate"
            )

    def touched_by(self, file):
        """Rules of the jobs that a change of a file reruns, one entry per job; what follows from them is not named."""
        path = self.root / file
        before = path.read_text() if path.exists() else ""
        path.write_text(before + "\n# changed\n")
        try:
            text = self.snakemake("--dry-run").text
        finally:
            path.write_text(before)
        causes = re.findall(r"^rule (\w+):\n(?:    .*\n)*?    reason: (.*)", text, re.M)
        return [rule for rule, reason in causes if "Updated input files" in reason]

    def read(self, path):
        return (self.root / path).read_text()


def job_counts(text):
    """Jobs by rule, from the table that Snakemake prints."""
    table = re.search(r"^job +count\n[- ]+\n(.*?)^total", text, re.S | re.M)
    return {} if table is None else {line.split()[0]: int(line.split()[1]) for line in table[1].splitlines()}


# Prepares and scores a few cells, so that numba keeps what it compiles next to the sources.
COMPILE = """
import numpy as np
from portal_lib.benchmark import registry
from portal_lib.benchmark.tasks.integrate.prepare import warm_up
from portal_lib.metrics._score import score_all
from portal_lib.metrics._space import Space, Truth

warm_up()
cells = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)
batch, label = np.array(["a", "b"])[np.arange(200) % 2], np.array(["T", "B"])[np.arange(200) % 4 // 2]
known = {"embedding", "graph", "clusters", "before", "label", "batch"}
metrics = {name: facts for name, facts in registry.find("metrics").items() if "definition" in facts}
names = [name for name, facts in metrics.items() if set(facts["needs"]) <= known]
score_all(Space(cells, before=cells), Truth(batch, label), names)
"""


@cache
def compile_loops():
    """Compile the loops of the library once, in the repository."""
    subprocess.run([sys.executable, "-c", COMPILE], cwd=ROOT, check=True, capture_output=True)


def build(folder):
    """Copy the workflow into `folder`; compiled loops come along, since their cache is checked by time and size."""
    compile_loops()
    folder.mkdir(exist_ok=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns(".*.guard"))
        else:
            shutil.copy(source, folder / part)
    return Workdir(folder)
