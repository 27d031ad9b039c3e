"""Run the benchmark of the trainer: every loop at every size, each in a fresh process; print tables."""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.trainer import machine, tables
from benchmarks.trainer.published import INSTALL
from portal_lib.errors import PortalLibError
from portal_lib.training.device import resolve_device
from portal_lib.training.precision import resolve_precision

LIMIT_S = 3600
THREAD_SETTINGS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "BLIS", "VECLIB_MAXIMUM")
# Passed on to all children, and stated in the header if set.
WAIT_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    chosen = _parser().parse_args(arguments)
    chosen.threads = chosen.threads or machine.cores()
    try:
        chosen.device = resolve_device(chosen.device).type
        for precision in chosen.precision:
            resolve_precision(precision, torch.device(chosen.device))
    except PortalLibError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    facts = _facts(chosen, sys.argv[1:] if arguments is None else arguments)
    rows = []
    for task in tasks(chosen):
        rows.append({**_named(task), **run_child(task)})
        print(_line(rows[-1]), file=sys.stderr, flush=True)
        # What is measured so far must survive an interruption.
        if chosen.json:
            chosen.json.write_text(json.dumps({"facts": facts, "rows": rows}, indent=1))
    text = tables.report(facts, rows)
    print(text)
    if chosen.out:
        chosen.out.write_text(text)


def tasks(chosen: argparse.Namespace) -> Iterator[dict]:
    """Size by size, round by round, the loops alternate, so that other load on the machine affects all of them."""
    first, *more = chosen.precision
    for cells in chosen.cells:
        task = {"cells": cells, "steps": chosen.steps, "threads": chosen.threads, "device": chosen.device, "seed": 0}
        for number in range(chosen.rounds):
            task = task | {"round": number}
            yield task | {"loop": "ours", "precision": first}
            yield task | {"loop": "published", "folder": chosen.published}
            for precision in more:
                yield task | {"loop": "ours", "precision": precision}
            yield task | {"loop": "harmony"}


def run_child(task: dict, limit_s: float = LIMIT_S) -> dict:
    """Measure in a fresh process.

    Parameters
    ----------
    task
        What :mod:`benchmarks.trainer.child` reads.
    limit_s
        Seconds after which the child is ended.

    Returns
    -------
    Its measurements, or a ``reason`` for their absence.
    """
    if task["loop"] == "published" and not task["folder"]:
        return {"reason": f"no folder given: {INSTALL.format(folder='FOLDER')}, then --published FOLDER"}
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as work:
        outcome = Path(work) / "outcome.json"
        command = [sys.executable, "-m", f"{__package__}.child", json.dumps(task | {"work": work}), str(outcome)]
        environment = _environment(task)
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=limit_s, check=False
            )
        except subprocess.TimeoutExpired:
            return {"reason": f"not done after {limit_s:g} s"}
        if outcome.exists():
            return json.loads(outcome.read_text())
        return {"reason": _why(done)}


def _why(done: subprocess.CompletedProcess) -> str:
    """The reason of a child that left no outcome, from how it ended."""
    if done.returncode == -signal.SIGKILL:
        return "killed, most likely out of memory"
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}"
    return (done.stderr.strip().splitlines() or [f"exited with code {done.returncode}"])[-1]


def _environment(task):
    """The given threads for every library; no GPU for a loop that would use one by default."""
    environment = os.environ | {f"{name}_NUM_THREADS": str(task["threads"]) for name in THREAD_SETTINGS}
    return environment | ({"CUDA_VISIBLE_DEVICES": ""} if task["device"] == "cpu" else {})


def _facts(chosen, arguments):
    waits = [f"{name}={os.environ[name]}" for name in WAIT_SETTINGS if name in os.environ]
    return {
        "machine": machine.describe(chosen.device),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "command": shlex.join([*waits, "python", "-m", __package__, *arguments]),
        "torch": torch.__version__,
        "threads": chosen.threads,
        "device": chosen.device,
        "load": machine.load_average(),
        "rounds": chosen.rounds,
    }


def _named(task):
    label = {"published": "published", "harmony": "Harmony"}.get(task["loop"]) or f"ours, {task['precision']}"
    return {"label": label, **{name: task[name] for name in ("loop", "cells", "round")}}


def _line(row):
    """One line of progress."""
    what = f"{row['cells']:,} cells, round {row['round'] + 1}, {row['label']}: "
    if "reason" in row:
        return what + row["reason"]
    return what + (f"{row['wall_s']:.1f} s" if "wall_s" in row else f"{row['step_ms']:.2f} ms per step")


def _parser():
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=__doc__)
    parser.add_argument(
        "--published", metavar="FOLDER", help=f"where it was installed: {INSTALL.format(folder='FOLDER')}"
    )
    parser.add_argument("--cells", type=_positive, nargs="+", default=[10_000, 100_000, 1_000_000], metavar="N")
    parser.add_argument("--steps", type=_positive, default=200, help="steps that are timed, three times per child")
    parser.add_argument("--rounds", type=_positive, default=3, help="how often each loop is measured")
    parser.add_argument("--threads", type=_positive, help="of every child (default: all cores)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--precision", nargs="+", default=["auto", "float32"], help="of ours, one child for each")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the tables there too")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write every measurement there, as soon as it is taken"
    )
    return parser


def _positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


if __name__ == "__main__":
    main()
