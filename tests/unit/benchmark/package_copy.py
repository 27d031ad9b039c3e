"""A copy of the package with test methods dropped in, and runs of them in real processes."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns
from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp

ROOT = Path(__file__).resolve().parents[3]
N_CELLS, N_GENES = 60, 12

FACTS = {"label": "Test", "task": "integrate", "output": "embed", "stochastic": False}
GOOD = "Result(embedding=np.arange(2.0 * data.n_obs).reshape(-1, 2))"

# What run() does, by method. `data`, `params`, `seed` and the names imported in FILE are at hand.
METHODS = {
    "calm": f"""
        data.obs["mine"] = 1
        seen = {{"obs": list(data.obs), "count": np.int64(7), "values": np.arange(2)}}
        seen["threads"] = {{k: v for k, v in os.environ.items() if k.endswith("_NUM_THREADS")}}
        time.sleep(1)
        good = {GOOD}
        return Result(embedding=good.embedding, tables={{"history": data.obs}}, notes=seen)""",
    "sees_labels": f"return Result(embedding=({GOOD}).embedding, notes={{'obs': list(data.obs)}})",
    "corrects": f"good = {GOOD}; return Result(embedding=good.embedding, expression=data.X)",
    "draws": "return Result(embedding=np.random.default_rng(seed).normal(size=(data.n_obs, 3)))",
    "graph": "return Result(connectivities=sp.eye(data.n_obs, format='csr') * params['weight'])",
    "raises": "raise ValueError('first line\\nsecond line')",
    "raises_ours": "raise DataError('these data will not do')",
    "exits": "sys.exit(3)",
    "exits_with_text": "sys.exit('enough of this')",
    "exits_hard": "os._exit(5)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "hangs": "time.sleep(300)",
    "hangs_with_child": "start(params['pids']); time.sleep(300)",
    "leaves_children": f"start(params['pids']); time.sleep(0.5); return {GOOD}",
    "leaves_thread": f"threading.Thread(target=time.sleep, args=(300,)).start(); return {GOOD}",
    "asks_too_much": f"np.ones((2**14, 2**15)); return {GOOD}",
    "asks_too_much_of_the_system": f"import mmap; mmap.mmap(-1, 2**32, flags=mmap.MAP_PRIVATE); return {GOOD}",
    "grows": "held = []\n        while True: held.append(b'x' * 2**25); time.sleep(0.01)",
    "spikes": f"held = b'x' * (300 * 2**20); time.sleep(0.2); del held; return {GOOD}",
    "transposed": "return Result(embedding=np.zeros((50, data.n_obs)))",
    "flat": "return Result(embedding=np.zeros(data.n_obs))",
    "not_a_number": "return Result(embedding=np.full((data.n_obs, 2), np.nan))",
    "too_great": "return Result(embedding=np.full((data.n_obs, 2), 1e300))",
    "collapsed": "return Result(embedding=np.ones((data.n_obs, 2)))",
    "objects": "return Result(embedding=np.full((data.n_obs, 2), 'x', dtype=object))",
    "nothing": "return None",
    "no_expression": f"return {GOOD}",
    "side_by_side": f"return Result(embedding=({GOOD}).embedding, expression=np.zeros((3, 3)))",
    "unwritable_notes": f"return Result(embedding=({GOOD}).embedding, notes={{(1, 2): 3}})",
    "needs_package": "import no_such_package",
    "imports_wrongly": "import portal_lib.no_such_module",
    "unsuited": "raise NotApplicable('needs three species')",
    "talks": """
        for i in range(20_000): print(f"line {i}", "x" * 80)
        for i in range(100): sys.stderr.write(f"\\r{i} of 99")
        sys.stderr.write("\\nWindows\\r\\n")
        os.write(2, b"not text \\xff\\n")
        raise RuntimeError("done talking")""",
}
CHANGED = {
    "sees_labels": {"uses_labels": True},
    "draws": {"stochastic": True},
    "graph": {"output": "knn", "params": {"weight": {"default": 1.0, "type": "number"}}},
    "no_expression": {"output": "full"},
    "corrects": {"output": "full"},
}

FILE = '''METHOD = {facts!r}


def start(pids):
    """Start two processes that never end, one of them in a session of its own, and write down their numbers."""
    import subprocess

    both = [subprocess.Popen(["sleep", "300"], start_new_session=alone) for alone in (False, True)]
    with open(pids, "w") as file:
        file.write(" ".join(str(process.pid) for process in both))


def run(data, params, seed, device):
        import os, sys, threading, time
        import numpy as np
        import scipy.sparse as sp
        from portal_lib.errors import DataError, NotApplicable
        from portal_lib.methods._result import Result
        {body}
'''

RUNNER = """
import json, sys
from pathlib import Path
from portal_lib.benchmark.run.runs import run_method
from portal_lib.benchmark.run.supervise import Limits
given = json.loads(sys.argv[1])
ballast = b"x" * (given["ballast_mb"] * 2**20)
files = [Path(given[name]) for name in ("prepared", "result", "record")]
run_method(given["task"], *files, Limits(*given["limits"]))
"""


@dataclass
class PackageCopy:
    """The copy, and prepared data to run on."""

    root: Path
    prepared: Path

    def run(self, name, folder, *, params=None, seed=0, time_s=60, memory_mb=2000, threads=1, ballast_mb=0, cwd=None):
        """Run a method as the workflow does, in the folder `cwd`; its record, its folder and what was printed."""
        task = {"task": "integrate", "dataset": "toy", "method": name, "plugin": name, "device": "cpu"}
        task |= {"params": params or {}, "seed": seed}
        files = {"prepared": self.prepared, "result": folder / "result.h5ad", "record": folder / "run.json"}
        given = {key: str(path) for key, path in files.items()}
        given |= {"task": task, "limits": [time_s, memory_mb, threads], "ballast_mb": ballast_mb}
        words = [sys.executable, "-P", "-c", RUNNER, json.dumps(given)]
        # An empty entry of the search path is the current folder.
        env = os.environ | {"PYTHONPATH": f"{self.root}{os.pathsep}"}
        done = subprocess.run(words, cwd=cwd or self.root, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        record = json.loads(files["record"].read_text())
        return SimpleNamespace(record=record, folder=folder, out=done.stdout, err=done.stderr)


def build(folder):
    """Copy the package into `folder` and drop the test methods in, one file each."""
    copytree(ROOT / "portal_lib", folder / "portal_lib", ignore=ignore_patterns("__pycache__"))
    for name, body in METHODS.items():
        text = FILE.format(facts=FACTS | CHANGED.get(name, {}), body=body.strip("\n").removeprefix("        "))
        (folder / "portal_lib" / "methods" / "integrate" / f"{name}.py").write_text(text)
    made_prepared().write_h5ad(folder / "prepared.h5ad")
    return PackageCopy(folder, folder / "prepared.h5ad")


def made_prepared():
    """A few cells in the form of prepared.h5ad."""
    rng = np.random.default_rng(0)
    counts = sp.csr_matrix(rng.poisson(3, (N_CELLS, N_GENES)).astype(np.float32))
    obs = pd.DataFrame({"batch": np.repeat(["a", "b"], N_CELLS // 2), "label": np.tile(["T", "B"], N_CELLS // 2)})
    data = anndata.AnnData(counts, obs=obs.astype("category").set_axis([f"cell{i}" for i in range(N_CELLS)]))
    for key, width in (("X_pca", 5), ("X_unintegrated", 6)):
        data.obsm[key] = rng.normal(size=(N_CELLS, width)).astype(np.float32)
    data.var["portal"] = data.var["highly_variable"] = True
    data.uns["preparation"] = {"n_genes": N_GENES, "portal_genes": N_GENES, "highly_variable_genes": N_GENES}
    return data
