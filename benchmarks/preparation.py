"""Time and memory of preparation, compared with the same recipe in scanpy: ``python -m benchmarks.preparation``."""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

WAYS = ("ours", "scanpy")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare every file in both ways, alternating, each time in a fresh process; print tables."""
    options = _parser().parse_args(arguments)
    if options.child:
        print(json.dumps(_child(options.child, options.files[0], options.batch_key)))
        return
    rows = []
    for file in options.files:
        for turn in range(options.rounds):
            for way in options.ways:
                row = _measure(way, file, options) | {"file": file, "way": way}
                rows.append(row)
                said = f"{row['wall']:.1f} s, {row['peak_mb']:,.0f} MiB" if row["status"] == "ok" else row["status"]
                print(f"{file}, round {turn + 1}, {way}: {said}", file=sys.stderr, flush=True)
                if row["status"] != "ok":
                    options.ways = [other for other in options.ways if other != way]
    print("\n".join(_report(rows, options)))


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks.preparation", description=main.__doc__)
    made.add_argument("files", nargs="+", help="h5ad files with raw counts, smallest first")
    made.add_argument("--batch-key", default="batch", help="column of obs (default: %(default)s)")
    made.add_argument("--rounds", type=int, default=3, help="how often each way is measured (default: %(default)s)")
    made.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of every child (default: all)")
    made.add_argument("--memory-gb", type=float, default=18.0, help="a child that needs more is ended")
    made.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    made.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    return made


def _measure(way: str, file: str, options: argparse.Namespace) -> dict[str, Any]:
    """One measurement: the child's result, or how it ended. A way that failed is not tried on larger files."""
    command = [sys.executable, "-m", "benchmarks.preparation", file, "--child", way]
    command += ["--batch-key", options.batch_key, "--memory-gb", str(options.memory_gb)]
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(options.threads))
    limit = int(options.memory_gb * 2**30)
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, preexec_fn=lambda: _limit(limit)
    )
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1]) | {"status": "ok"}
    memory = "MemoryError" in done.stderr or done.returncode == -9
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return {"status": f"out of memory ({options.memory_gb:g} GB)" if memory else f"failed: {last}"}


def _limit(size: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _child(way: str, file: str, batch_key: str) -> dict[str, Any]:
    start, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(dir=Path(file).parent) as folder:
        out = Path(folder, "prepared.h5ad")
        if way == "ours":
            from portal_lib.preparation.recipe import prepare

            facts: dict[str, Any] = {"phases": prepare(file, batch_key=batch_key, out=out)}
        else:
            facts = {"phases": by_scanpy(file, batch_key, out)}
        facts["wall"], facts["cpu"] = time.perf_counter() - start, time.process_time() - cpu
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return facts | {"peak_mb": int(found[1]) / 1024, "cells": _n_cells(file)}


def by_scanpy(file: str, batch_key: str, out: Path, n_top_genes: int = 4000) -> dict[str, float]:
    """All that :func:`portal_lib.preparation.prepare` makes, in memory, as a user of scanpy would; seconds per step."""
    import anndata
    import numpy as np
    import scanpy as sc
    import scipy.sparse as sp
    from sklearn.decomposition import PCA

    seconds, last = {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal last
        seconds[name], last = time.perf_counter() - last, time.perf_counter()

    whole = anndata.read_h5ad(file)
    lap("read")
    table = sc.pp.highly_variable_genes(
        whole, flavor="seurat_v3_paper", n_top_genes=2000, batch_key=batch_key, inplace=False
    )
    variable = table.index[table["highly_variable"]]
    parts = [whole[whole.obs[batch_key] == name].copy() for name in whole.obs[batch_key].unique()]
    del whole
    ranked = []
    for part in parts:
        table = sc.pp.highly_variable_genes(part, flavor="seurat_v3", n_top_genes=n_top_genes, inplace=False)
        ranked.append(table[table["highly_variable"]].sort_values("highly_variable_rank").index)
    genes = [gene for gene in ranked[0] if all(gene in set(other) for other in ranked[1:])]
    lap("variable genes")
    plain = []
    for k, part in enumerate(parts):
        counts = part[:, genes].X.copy()
        sc.pp.normalize_total(part, target_sum=1e4)
        sc.pp.log1p(part)
        plain.append(part[:, variable].X.copy())
        parts[k] = part[:, genes].copy()
        parts[k].layers["counts"] = counts
    lap("normalise")
    made = anndata.concat(parts)
    logged = sp.vstack(plain, format="csr")
    forms = {"X_unintegrated": logged, "X_scaled": sc.pp.scale(logged.toarray(), max_value=10)}
    forms["X_scaled_per_batch"] = np.vstack([sc.pp.scale(values.toarray(), max_value=10) for values in plain])
    for name, values in forms.items():
        made.obsm[name] = PCA(50, svd_solver="arpack", random_state=0).fit_transform(values)
    del forms, plain, logged
    lap("components of the highly variable genes")
    for part in parts:
        sc.pp.scale(part, max_value=10)
    scaled = anndata.concat(parts)
    del parts
    made.obsm["X_pca"] = PCA(30, svd_solver="arpack", random_state=0).fit_transform(scaled.X)
    lap("scale, and components of the scaled genes")
    made.X = made.layers.pop("counts")
    made.write_h5ad(out, compression="gzip")
    lap("write")
    return seconds


def _n_cells(file: str) -> int:
    import anndata

    adata = anndata.read_h5ad(file, backed="r")
    try:
        return adata.n_obs
    finally:
        adata.file.close()


def _report(rows: list[dict[str, Any]], options: argparse.Namespace) -> list[str]:
    """Markdown: the machine and the command; time, memory and ratios; where our time goes."""
    lines = [
        f"- Machine: {_processor()}, {os.cpu_count()} cores, {_memory_gb():.0f} GiB",
        f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; load average at the end: {os.getloadavg()[0]:.1f}",
        f"- Command: `python -m benchmarks.preparation {' '.join(sys.argv[1:])}`",
        f"- {options.threads} threads, {options.rounds} round(s): median, with minimum and maximum in brackets",
        "",
        "| cells | way | wall, s | processor, s | peak, MiB | scanpy ÷ this: time | memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for file in options.files:
        of = {way: [row for row in rows if row["file"] == file and row["way"] == way] for way in WAYS}
        cells = next((row["cells"] for row in of["ours"] + of["scanpy"] if row["status"] == "ok"), 0)
        for way, mine in of.items():
            if not mine:
                continue
            if any(row["status"] != "ok" for row in mine):
                lines.append(f"| {cells:,} | {way} | {mine[-1]['status']} | – | – | – | – |")
                continue
            spread = [_spread([row[key] for row in mine]) for key in ("wall", "cpu", "peak_mb")]
            theirs = [row for row in of["scanpy"] if row["status"] == "ok"]
            ratios = (
                ["–", "–"] if way == "scanpy" or not theirs else [_ratio(theirs, mine, k) for k in ("wall", "peak_mb")]
            )
            lines.append(f"| {cells:,} | {way} | {' | '.join([*spread, *ratios])} |")
    return [*lines, "", *_phases([row for row in rows if row["status"] == "ok" and row["way"] == "ours"])]


def _phases(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    names = list(rows[0]["phases"])
    lines = [f"| cells | {' | '.join(names)} | waited, share of wall |", f"|{'---|' * (len(names) + 2)}"]
    for cells in dict.fromkeys(row["cells"] for row in rows):
        mine = [row for row in rows if row["cells"] == cells]
        values = [f"{statistics.median(row['phases'][name] for row in mine):.1f}" for name in names]
        share = statistics.median(row["phases"]["waited"] / row["wall"] for row in mine)
        lines.append(f"| {cells:,} | {' | '.join(values)} | {share:.0%} |")
    return lines


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):,.1f} ({min(values):,.1f}–{max(values):,.1f})"


def _ratio(theirs: list[dict[str, Any]], mine: list[dict[str, Any]], key: str) -> str:
    return f"{statistics.median(row[key] for row in theirs) / statistics.median(row[key] for row in mine):.1f}"


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.processor()


def _memory_gb() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


if __name__ == "__main__":
    main()
