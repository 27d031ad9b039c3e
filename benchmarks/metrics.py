"""Time and memory of the metrics compared with scib, metric by metric, on the same simulated cells.

::

    make bench-metrics
    python -m benchmarks.metrics --cells 50000 --threads 1 --limit-s 900

Our metrics run in one process, since they share neighbours, graph and clusterings, which have their own rows. Each
metric of scib runs in its own process, with neighbours from scanpy. A process that exceeds the limit is ended, and its
time is a lower bound. scib's default clusterings are leidenalg's, run to convergence; an additional row has igraph's
Leiden with two iterations, as ours. R's part of kBET is replaced by ours, so the time of kBET is a lower bound, too.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from scipy import sparse

HERE = Path(__file__).resolve()
sys.path[:0] = [
    str(HERE.parents[1]),
    str(HERE.parents[1] / "tests" / "golden" / "scib_lisi"),
    str(HERE.parents[1] / "tests" / "unit" / "metrics"),
]

from benchmarks.trainer import machine  # noqa: E402
from portal_lib.metrics._score import score_all  # noqa: E402
from portal_lib.metrics._space import Space, Truth  # noqa: E402

# Steps that our metrics share.
STEPS = {
    "neighbours": lambda space, truth: space.neighbors,
    "graph": lambda space, truth: space.connectivities,
    "clusterings": lambda space, truth: space.clusterings,
    "paths on the graph": lambda space, truth: space.path_neighborhoods,
    "sums of distances": lambda space, truth: space.distance_sums(truth),
}
# Rows of the table: steps and metrics. scib has those that are not in OURS; its metrics repeat these steps.
ROWS = (
    *("neighbours", "graph", "clusterings", "nmi", "ari", "isolated_labels_f1", "paths on the graph", "ilisi", "clisi"),
    *("sums of distances", "asw_label", "asw_batch", "isolated_labels_asw", "kbet", "graph_connectivity", "pcr"),
    *("cell_cycle_conservation", "hvg_overlap", "trajectory_conservation"),
)
OURS = STEPS.keys() - {"neighbours"}
# Metrics that share a step: their common ratio is in the row of the step.
SHARING = {
    "clusterings": ("nmi", "ari", "isolated_labels_f1"),
    "paths on the graph": ("ilisi", "clisi"),
    "sums of distances": ("asw_label", "asw_batch", "isolated_labels_asw"),
}
CLUSTERED = ("nmi", "isolated_labels_f1")
IGRAPH = ", igraph"
N_LABELS, N_BATCHES, N_DIMS, N_GENES = 8, 3, 30, 2000
# Genes that follow S, and G2/M.
N_OF_PHASE = 43, 54


def main(arguments=None):
    """Measure both implementations and print the tables."""
    chosen = _parser().parse_args(arguments)
    if chosen.child:
        _child(chosen.child, chosen.cells)
        return
    command = " ".join([f"python {HERE.relative_to(HERE.parents[1])}", *(arguments or sys.argv[1:])])
    facts = {"load": machine.load_average(), "began": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "command": command}
    ours = {row["name"]: row for row in _run("ours", chosen)}
    theirs = {}
    for name in [*(name for name in ROWS if name not in OURS), *(name + IGRAPH for name in CLUSTERED)]:
        theirs[name] = _run(name, chosen)[-1]
        print(json.dumps(theirs[name]), file=sys.stderr, flush=True)
    print("\n".join(report(ours, theirs, facts, chosen)))


def _parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--cells", type=int, default=50_000)
    made.add_argument("--threads", type=int, default=machine.cores(), help="of every process (default: all)")
    made.add_argument("--limit-s", type=int, default=900, help="CPU seconds of one metric of scib")
    made.add_argument("--child", help=argparse.SUPPRESS)
    return made


def _run(child, chosen):
    """Rows that a process prints; the last one says so where it was ended or failed."""
    command = [sys.executable, str(HERE), "--child", child, "--cells", str(chosen.cells)]
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(chosen.threads)) | {"OMP_WAIT_POLICY": "PASSIVE"}
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        rows, ended, begun = [], False, None
        for line in process.stdout:
            row = json.loads(line)
            if "begun" in row:
                begun = row["begun"]
                limit = int(begun) + chosen.limit_s
                if child != "ours":
                    resource.prlimit(process.pid, resource.RLIMIT_CPU, (limit, limit))
            else:
                rows.append(row)
        _, status, used = os.wait4(process.pid, 0)
        ended = os.WIFSIGNALED(status)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        last = (errors.read().strip().splitlines() or ["no message"])[-1]
    if process.returncode == 0 or (child == "ours" and not ended):
        if child == "ours" and process.returncode:
            raise SystemExit(f"our metrics failed: {last}")
        return rows
    if not ended or begun is None:
        return [*rows, {"name": child, "failed": last}]
    return [*rows, {"name": child, "over": True, "cpu": float(chosen.limit_s), "peak_mib": used.ru_maxrss / 1024}]


def _child(which, n_cells):
    """Simulate the cells, then measure our metrics one by one, or one metric of scib."""
    warnings.simplefilter("ignore")
    # Only rows go to the standard output.
    sys.stdout, rows = sys.stderr, sys.stdout
    cells = make_cells(n_cells)
    if which == "ours":
        steps = _our_steps(cells)
    else:
        steps = [(which, _scib_step(which.removesuffix(IGRAPH), cells, igraph=which.endswith(IGRAPH)))]
    print(json.dumps({"begun": time.process_time()}), file=rows, flush=True)
    for name, step in steps:
        before = machine.resident_mib()
        machine.forget_peak()
        wall, cpu = time.perf_counter(), _cpu()
        value = step()
        row = {"name": name, "wall": time.perf_counter() - wall, "cpu": _cpu() - cpu}
        row |= {"over_mib": machine.peak_mib() - before, "peak_mib": machine.peak_mib()}
        print(json.dumps(row | {"value": value}), file=rows, flush=True)


def _cpu():
    """CPU seconds of this process and of programs that it started."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def make_cells(n_cells, seed=0):
    """Eight labels in three batches, the last label in two of them; components before and after, expression."""
    rng = np.random.default_rng(seed)
    label = rng.choice(N_LABELS, n_cells, p=rng.dirichlet(np.full(N_LABELS, 3.0)))
    batch = rng.integers(0, N_BATCHES, n_cells)
    batch[(label == N_LABELS - 1) & (batch == N_BATCHES - 1)] = 0
    scale = np.linspace(2.0, 0.5, N_DIMS)
    types, own = 0.7 * rng.normal(size=(N_LABELS, N_DIMS))[label], rng.normal(size=(n_cells, N_DIMS))
    shift = rng.normal(size=(N_BATCHES, N_DIMS))[batch]
    embedding, before = (((types + own + size * shift) * scale).astype(np.float32) for size in (0.35, 1.5))
    expression, genes, cycle = _make_expression(rng, label, batch)
    return SimpleNamespace(
        embedding=embedding,
        before=before,
        batch=batch.astype(str),
        label=np.char.add("t", label.astype(str)),
        expression=expression,
        genes=genes,
        cell_cycle=cycle,
        pseudotime=embedding[:, 0].astype(float) - embedding[:, 0].min(),
    )


def _make_expression(rng, label, batch):
    """Log-normalised Poisson counts of 2,000 genes, the names of these, and scores of two phases, which some follow."""
    genes = np.array([f"gene{number}" for number in range(N_GENES)])
    phase = np.repeat(np.arange(len(N_OF_PHASE)), N_OF_PHASE)
    scores = rng.normal(size=(len(label), len(N_OF_PHASE)))
    strength = np.exp(0.6 * scores)
    mean = rng.lognormal(-2.6, 1.0, N_GENES)
    of_label = np.exp(0.5 * rng.normal(size=(N_LABELS, N_GENES)) * (rng.random(N_GENES) < 0.3))
    of_batch = np.exp(0.3 * rng.normal(size=(N_BATCHES, N_GENES)))
    parts = []
    for rows in np.array_split(np.arange(len(label)), max(1, len(label) // 2000)):
        rate = mean * of_label[label[rows]] * of_batch[batch[rows]]
        rate[:, : len(phase)] *= strength[rows][:, phase]
        parts.append(sparse.csr_matrix(rng.poisson(rate).astype(np.float64)))
    counts = sparse.vstack(parts).tocsr()
    totals = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1)
    counts.data = np.log1p(counts.data * np.repeat(1e3 / totals, np.diff(counts.indptr)))
    return counts, genes, scores


def _our_steps(cells):
    given = cells.expression, cells.genes
    parts = {"before": cells.before, "expression": given, "corrected": given}
    space = Space(cells.embedding, **parts, pseudotime=cells.pseudotime, cell_cycle=cells.cell_cycle)
    truth = Truth(cells.batch, cells.label)
    return [(name, _our_step(name, space, truth)) for name in ROWS]


def _our_step(name, space, truth):
    if name not in STEPS:
        return lambda: score_all(space, truth, [name])[0]["value"]

    def step():
        STEPS[name](space, truth)

    return step


def _scib_step(name, cells, *, igraph):
    """One metric of scib as a function without arguments; its input is prepared here and not measured."""
    import scanpy as sc
    import scib
    from scib_oracle import LEIDEN, as_anndata, expressed

    me, keys, quiet = scib.me, ("label", "batch", "X_emb"), {"verbose": False}
    if name == "neighbours":
        after = as_anndata(cells, cells.embedding)
        return lambda: sc.pp.neighbors(after, use_rep="X_emb")
    if name in ("cell_cycle_conservation", "hvg_overlap"):
        before, after = expressed(cells), expressed(cells)
        after.obsm["X_emb"] = cells.embedding.astype(np.float64)
        if name == "hvg_overlap":
            return lambda: me.hvg_overlap(before, after, "batch")
        before.obs[["S_score", "G2M_score"]] = cells.cell_cycle
        return lambda: me.cell_cycle(before, after, "batch", embed="X_emb", recompute_cc=False)
    after = as_anndata(cells, cells.embedding)
    # scanpy's graph of many cells is an array, which scib's clusterings do not take.
    for key in ("connectivities", "distances"):
        after.obsp[key] = sparse.csr_matrix(after.obsp[key])
    how = LEIDEN if igraph else {}
    if name == "nmi":
        return lambda: _nmi(me, after, how)
    if name == "isolated_labels_f1":
        if igraph:
            return lambda: _isolated_f1_by_igraph(after, me, sc, LEIDEN)
        return lambda: me.isolated_labels_f1(after, *keys, **quiet)
    if name == "ari":
        after.obs["cluster"] = after.obs["label"]
        return lambda: me.ari(after, "cluster", "label")
    if name in ("ilisi", "clisi"):
        return _lisi(me, after, name)
    if name == "kbet":
        return _kbet(cells, after)
    uncorrected = as_anndata(cells, cells.before)
    after.obs["dpt_pseudotime"] = cells.pseudotime
    return {
        "asw_label": lambda: me.silhouette(after, "label", "X_emb"),
        "asw_batch": lambda: me.silhouette_batch(after, "batch", "label", "X_emb", **quiet),
        "isolated_labels_asw": lambda: me.isolated_labels_asw(after, *keys, **quiet),
        "graph_connectivity": lambda: me.graph_connectivity(after, "label"),
        "pcr": lambda: me.pcr_comparison(uncorrected, after, "batch", embed="X_emb"),
        "trajectory_conservation": lambda: me.trajectory_conservation(after, after.copy(), "label"),
    }[name]


def _nmi(me, after, how):
    me.cluster_optimal_resolution(
        after, "label", "cluster", metric=me.nmi, force=True, use_rep="X_emb", verbose=False, **how
    )
    return me.nmi(after, "cluster", "label")


def _isolated_f1_by_igraph(after, me, sc, leiden):
    from portal_lib.metrics._clusters import RESOLUTIONS

    for resolution in RESOLUTIONS:
        sc.tl.leiden(after, resolution, key_added=f"iso_label_{resolution}", **leiden)
    return me.isolated_labels_f1(after, "label", "batch", "X_emb", verbose=False)


def _lisi(me, after, name):
    import scib
    from make import compile_program

    scib.__file__ = compile_program(tempfile.mkdtemp())
    if name == "ilisi":
        return lambda: me.ilisi_graph(after, "batch", "embed")
    return lambda: me.clisi_graph(after, "label", "embed")


def _kbet(cells, after):
    import scib
    from scib_oracle import scib_kbet

    from portal_lib.metrics._kbet import p_values

    def test(batch, neighbors, k0):
        codes = np.unique(batch, return_inverse=True)[1]
        found = p_values(
            np.nan_to_num(neighbors[:, : k0 - 1], nan=-1).astype(int), codes, np.bincount(codes) / len(codes)
        )
        return float(np.mean(found < 0.05))

    class Patches:
        setattr = staticmethod(lambda owner, key, value, raising=True: setattr(owner, key, value))
        setitem = staticmethod(lambda owner, key, value: owner.__setitem__(key, value))

    return lambda: scib_kbet(scib, Patches, after, "embed", test)


def report(ours, theirs, facts, chosen):
    """Markdown: the machine and the command; processor time and memory per metric; the sums."""
    lines = [
        f"- Machine: {machine.describe('cpu')}",
        f"- Date: {facts['began']}; load average then {facts['load']}, at the end {machine.load_average()}",
        f"- Command: `{facts['command']}`; {chosen.threads} thread(s), {chosen.cells:,} cells",
        "",
        "| metric | ours: CPU, s | wall, s | above the data, MiB "
        "| scib: CPU, s | wall, s | above the data, MiB | scib ÷ ours | scib − ours |",
        f"|{'---|' * 9}",
    ]
    for name in ROWS:
        lines.append(_line(name, ours[name], ours[name], theirs.get(name), _ratio(name, ours, theirs)))
        if name in CLUSTERED:
            lines.append(_line(f"{name}{IGRAPH}'s Leiden", ours[name], None, theirs[name + IGRAPH], "–"))
    total = sum(row["cpu"] for row in ours.values())
    lines += [
        "",
        f"All of ours: {total:.0f} s of CPU time, {sum(r['wall'] for r in ours.values()):.0f} s of wall time.",
    ]
    for words, suffix in [("scib's defaults", ""), ("igraph's Leiden instead of leidenalg", IGRAPH)]:
        rows = [theirs[name + suffix * (name in CLUSTERED)] for name in ROWS if name not in OURS]
        spent, more = sum(row.get("cpu", 0) for row in rows), any("over" in row for row in rows)
        failed = [row["name"] for row in rows if "failed" in row]
        said = f" ({', '.join(failed)} failed and count as 0)" if failed else ""
        lines.append(f"scib, {words}: {'more than ' * more}{spent:.0f} s{said}, {spent / total:.1f} times as long.")
    return lines


def _ratio(name, ours, theirs):
    """Ratio of the times of scib and ours, over all metrics that share a step of ours."""
    if any(name in names for names in SHARING.values()):
        return "–"
    names = SHARING.get(name, (name,))
    rows = [theirs[one] for one in names if one not in OURS]
    if not rows or any("failed" in row for row in rows):
        return "–"
    mine = sum(ours[one]["cpu"] for one in dict.fromkeys([name, *names]))
    return f"{'> ' * any('over' in row for row in rows)}{sum(row['cpu'] for row in rows) / max(mine, 1e-3):.1f}"


def _line(name, value, mine, other, ratio):
    """A row of the table; `value` is our row whose value is compared with scib's."""
    cells = [name, *_numbers(mine), *_numbers(other), ratio]
    values = [row["value"] for row in (value, other) if row and row.get("value") is not None]
    # scib's row of ari scores the labels themselves.
    cells.append(f"{values[1] - values[0]:.1e}" if len(values) == 2 and name != "ari" else "–")
    return f"| {' | '.join(cells)} |"


def _numbers(row):
    if row is None:
        return ["–", "–", "–"]
    if "failed" in row:
        return [f"failed: {row['failed']}", "–", "–"]
    if "over" in row:
        return [f"> {row['cpu']:.0f}", "–", "–"]
    return [f"{row['cpu']:.2f}", f"{row['wall']:.2f}", f"{row['over_mib']:.0f}"]


if __name__ == "__main__":
    main()
