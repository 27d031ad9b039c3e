"""Made tables of a run: two data sets, methods and controls, and every way to fail."""

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg

from portal_lib.reporting.figures._style import styled

METRICS = {
    "pcr": {"label": "PC regression", "group": "batch", "range": [0, 1]},
    "batch_asw": {"label": "Batch ASW", "group": "batch", "range": [0, 1]},
    "graph_connectivity": {"label": "Graph connectivity", "group": "batch", "range": [0, 1]},
    "kbet": {"label": "kBET", "group": "batch", "range": [0, 1]},
    "ilisi": {"label": "Graph iLISI", "group": "batch", "range": [0, 1]},
    "nmi": {"label": "NMI", "group": "bio", "range": [0, 1]},
    "ari": {"label": "ARI", "group": "bio", "range": [-0.5, 1]},
    "asw": {"label": "Cell-type ASW", "group": "bio", "range": [0, 1]},
    "clisi": {"label": "Graph cLISI", "group": "bio", "range": [0, 1]},
    "isolated_f1": {"label": "Isolated-label F1", "group": "bio", "range": [0, 1]},
}
METHODS = {
    "portal": {"label": "Portal", "output": "embed"},
    "harmony": {"label": "Harmony", "output": "embed"},
    "combat": {"label": "ComBat", "output": "full"},
    "bbknn": {"label": "BBKNN", "output": "knn"},
    "scanvi": {"label": "scANVI", "output": "embed", "uses_labels": True},
    "seurat": {"label": "Seurat v3 CCA", "output": "full"},
    "fastmnn": {"label": "fastMNN", "output": "full"},
    "unintegrated": {"label": "Unintegrated", "output": "embed", "control": True},
    "shuffle": {"label": "Shuffle", "output": "embed", "control": True},
    "shuffle_by_batch": {"label": "Shuffle by batch", "output": "embed", "control": True},
    "shuffle_by_label": {"label": "Shuffle by label", "output": "embed", "control": True, "uses_labels": True},
    "label_embedding_jittered": {"label": "Label embedding", "output": "embed", "control": True, "uses_labels": True},
}
METHODS["shuffle_by_label"]["baseline"] = True
QUALITY = {
    "portal": 0.82,
    "portal.lambda_cos-50": 0.79,
    "harmony": 0.76,
    "combat": 0.55,
    "bbknn": 0.6,
    "scanvi": 0.8,
    "unintegrated": 0.42,
    "shuffle": 0.3,
    "shuffle_by_batch": 0.12,
    "shuffle_by_label": 0.66,
    "label_embedding_jittered": 0.96,
}
FAILURES = {
    "seurat": ("oom", "memory limit of 8,192 MiB reached"),
    "fastmnn": ("timeout", "wall limit of 600 s reached"),
}
GRAPH_ONLY = {"pcr", "batch_asw", "asw"}
T_975 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}


@styled
def render(figure):
    """Draw a figure and return the renderer, which knows the extents of its parts."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def in_brackets(row) -> str:
    """Mean and interval of a row of a table, as they are written."""
    places = 2 if row["ci_high"] - row["ci_low"] >= 0.1 else 3
    ends = ", ".join(f"{row[name]:.{places}f}".replace("-", "−") for name in ("ci_low", "ci_high"))
    return f"{row['mean']:.3f} [{ends}]"


def interval(values: list[float]) -> dict[str, float]:
    """Row of the summary for the values of some seeds."""
    if not values:
        return {"n": 0} | dict.fromkeys(("mean", "sd", "half_width", "ci_low", "ci_high"), np.nan)
    n, mean = len(values), float(np.mean(values))
    sd = float(np.std(values, ddof=1)) if n > 1 else np.nan
    half = T_975[n] * sd / np.sqrt(n) if n > 1 else np.nan
    return {"n": n, "mean": mean, "sd": sd, "half_width": half, "ci_low": mean - half, "ci_high": mean + half}


def scores_of(method: str, quality: float, n_seeds: int, rng: np.random.Generator, metrics: dict) -> pd.DataFrame:
    """One row per seed and metric, with the scores of the groups."""
    rows = []
    for seed in range(n_seeds):
        row = {}
        for metric in metrics:
            if metric == "isolated_f1" or (method == "bbknn" and metric in GRAPH_ONLY):
                continue
            row[metric] = float(np.clip(quality + rng.normal(0, 0.12) * (seed == 0) + rng.normal(0, 0.02), -0.01, 1))
        for group in ("batch", "bio"):
            row[group] = float(np.mean([v for m, v in row.items() if metrics.get(m, {}).get("group") == group]))
        row["overall"] = 0.4 * row["batch"] + 0.6 * row["bio"]
        rows.append(row)
    return pd.DataFrame(rows)


def make_summary(datasets=("toy_atlas", "scmixology"), quality=QUALITY, metrics=METRICS, n_seeds=3) -> pd.DataFrame:
    """`summary.tsv` of the made-up run."""
    rng, rows = np.random.default_rng(0), []
    for dataset in datasets:
        for method, q in quality.items():
            n = 1 if method == "combat" else n_seeds
            scores = scores_of(method, q, n, rng, metrics)
            for metric in scores:
                group = metrics.get(metric, {}).get("group", metric)
                rows.append(
                    {"dataset": dataset, "method": method, "metric": metric, "group": group}
                    | interval(list(scores[metric]))
                )
            if "isolated_f1" in metrics:
                row = {"dataset": dataset, "method": method, "metric": "isolated_f1", "group": "bio"}
                rows.append(row | interval([]))
    return pd.DataFrame(rows)


def make_resources(datasets=("toy_atlas", "scmixology"), quality=QUALITY, failures=FAILURES, n_seeds=3) -> pd.DataFrame:
    """`resources.tsv` of the made-up run."""
    rng, rows = np.random.default_rng(1), []
    for dataset in datasets:
        for i, method in enumerate([*quality, *failures]):
            fit = 40 / (i + 1) ** 2 if method in quality else np.nan
            status, reason = failures.get(method, ("ok", ""))
            for seed in range(1 if method == "combat" else n_seeds):
                time = fit * rng.uniform(0.85, 1.2)
                wall = {"oom": 71.0, "timeout": 600.2, "error": 3.0}.get(status, time + rng.uniform(1.5, 2.5))
                memory = {"oom": 8100.0, "timeout": 2200.0}.get(status, 400 + 3000 / (i + 1) * rng.uniform(0.95, 1.05))
                row = {"dataset": dataset, "method": method, "seed": seed, "status": status, "reason": reason}
                row |= {"wall_s": wall, "cpu_s": 1.8 * wall, "load_s": 0.6, "fit_s": time, "write_s": 0.1}
                row |= {"peak_memory_mb": memory, "probe": "ru_maxrss", "peak_gpu_mb": np.nan}
                row |= {"memory_limit_mb": 8192.0, "time_limit_s": 600.0, "threads": 2, "device": "cpu"}
                rows.append(row)
    return pd.DataFrame(rows)
