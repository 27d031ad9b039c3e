"""Made tables of the task "align": methods that fail, collapse and swap clusters."""

import numpy as np
import pandas as pd
from report_tables import interval, render
from scipy import stats


def metric(label: str, block: str, order: int, *, ends=(0, 1), better="higher", **more) -> dict:
    """Facts of a metric of the task."""
    known = {"label": label, "group": "align", "range": list(ends), "better": better, "block": block, "order": order}
    return known | more


METRICS = {
    "destination": metric("destination", "align", 1, parts={"right": "proportion", "right12": "proportion"}),
    "foscttm": metric("FOSCTTM", "align", 2, better="lower", baseline_value=0.5),
    "knn_auc": metric("kNN AUC", "align", 4),
    "label_transfer": metric("label transfer accuracy", "align", 3),
    "mse": metric("MSE", "translate", 9, ends=(0, None), better="lower"),
    "mse_rel_mean": metric("MSE / MSE of the mean", "translate", 7, ends=(0, None), better="lower", baseline_value=1.0),
    "mse_rel_random": metric(
        "MSE / MSE of random pairs", "translate", 8, ends=(0, None), better="lower", baseline_value=1.0
    ),
    "pearson": metric("Pearson correlation", "translate", 5, ends=(-1, 1), baseline_value=0.0),
    "spearman": metric("Spearman correlation", "translate", 6, ends=(-1, 1), baseline_value=0.0),
    "superimposition": metric(
        "superimposition", "translate", 10, needs=["translated"], collapse={"spread": 0.2, "reach": 1.0}
    ),
}
METRICS["mse_rel_mean"]["shown_parts"] = ["12", "21"]
METHODS = {
    "magan": {"label": "MAGAN", "output": "translate", "stochastic": True},
    "gan": {"label": "Dual GAN", "output": "translate", "stochastic": True},
    "cyclegan": {"label": "CycleGAN", "output": "translate", "stochastic": True},
    "ridge": {"label": "Ridge", "output": "translate"},
    "knn": {"label": "kNN regression", "output": "translate"},
    "lle": {"label": "LLE alignment", "output": "joint"},
    "gw": {"label": "Gromov-Wasserstein", "output": "translate"},
    "procrustes": {"label": "Procrustes", "output": "translate"},
    "random_cells": {"label": "Random cells", "output": "translate", "control": True, "stochastic": True},
    "column_means": {"label": "Column means", "output": "translate", "control": True},
    "true_partner": {"label": "True partner", "output": "translate", "control": True, "uses_labels": True},
}
# How good a method is, from 0 (as good as random) to 1.
QUALITY = {
    "magan": 0.83, "magan.paper": 0.6, "gan": 0.15, "cyclegan": 0.2, "ridge": 0.75, "knn": 0.78, "lle": 0.5,
    "random_cells": 0.0, "column_means": 0.02, "true_partner": 1.0,
}  # fmt: skip
FAILURES = {
    "gw": ("oom", "memory limit of 8,192 MiB reached"),
    "procrustes": ("not_applicable", "no cells are known to be pairs"),
}
MARKERS = ("CD27", "CD4", "CD5", "CD127", "CD44", "CD69", "CD117", "CD62L", "CD24", "CD3", "CD8", "CD25", "TCRb",
           "CD11b", "GATA3", "Helios")  # fmt: skip
SEEDS = 5


def _scores(method: str, q: float, rng: np.random.Generator, markers: tuple[str, ...], labels: bool) -> dict:
    """Scores of one run."""
    q = float(np.clip(q + rng.normal(0, 0.03), -0.1, 1)) if method != "true_partner" else 1.0
    collapsed = method == "column_means"
    r = {f"pearson:{m}": float(np.clip(q * rng.uniform(0.6, 1.15), -0.5, 0.98)) for m in markers}
    row = {"foscttm": 0.5 * (1 - q), "mse": 1.9 * (1 - q), "mse:12": 2.1 * (1 - q), "mse:21": 1.7 * (1 - q)}
    row |= {"mse_rel_mean": 2 * (1 - q), "mse_rel_mean:12": 2.2 * (1 - q), "mse_rel_mean:21": 1.8 * (1 - q)}
    row |= {"mse_rel_random": 1 - q, "pearson": float(np.mean(list(r.values()))) if r else q}
    row |= {"spearman": q * 0.97, **r}
    row |= {"pearson:constant_predictions": float(collapsed) * len(r)} if r else {}
    if labels:
        right = float(q > 0.8)
        row |= {"destination": (1 + 2 * q) / 3, "destination:right": right, "destination:right12": right}
        row |= {"label_transfer": (1 + 2 * q) / 3, "label_transfer:balanced": q}
    row |= {"superimposition": 0.01 if collapsed else 0.9}
    row |= {"superimposition:reach": 0.33 if collapsed else 1.0}
    row |= {"superimposition:distance": 0.4 if collapsed else 1.1, "superimposition:spread": 0.01 if collapsed else 0.9}
    return row | {"knn_auc": np.nan if method in ("ridge", "knn") else 0.05 + 0.6 * q}


def make_scores(datasets=("gaussians", "thymus_panels"), quality=QUALITY, markers=MARKERS[:13]) -> pd.DataFrame:
    """`scores.tsv`: one row per run and metric."""
    rng, rows = np.random.default_rng(0), []
    for dataset in datasets:
        with_markers = markers if "panels" in dataset else ()
        for method, q in quality.items():
            for seed in range(1 if method == "lle" else SEEDS):
                for metric, value in _scores(method, q, rng, with_markers, "panels" not in dataset).items():
                    row = {"dataset": dataset, "method": method, "seed": seed, "metric": metric, "group": "align"}
                    rows.append(row | {"value": value, "reason": "" if np.isfinite(value) else "no joint space"})
    return pd.DataFrame(rows)


def make_summary(scores: pd.DataFrame) -> pd.DataFrame:
    """`summary.tsv` of scores."""
    rows = []
    for keys, table in scores.groupby(["dataset", "method", "metric", "group"], sort=False):
        values = list(table["value"].dropna())
        rows.append(dict(zip(("dataset", "method", "metric", "group"), keys, strict=True)))
        rows[-1] |= interval(values)
    return pd.DataFrame(rows)


def make_resources(scores: pd.DataFrame, failures=FAILURES) -> pd.DataFrame:
    """`resources.tsv` of scores, with methods that failed."""
    rows = scores[["dataset", "method", "seed"]].drop_duplicates().assign(status="ok", reason="", wall_s=12.0)
    failed = [
        {"dataset": dataset, "method": method, "seed": seed, "status": status, "reason": reason, "wall_s": 3.0}
        for dataset in scores["dataset"].unique()
        for method, (status, reason) in failures.items()
        for seed in range(SEEDS)
    ]
    return pd.concat([rows, pd.DataFrame(failed)], ignore_index=True)


def make_destinations(labels=("0", "1", "2"), dataset="gaussians", quality=QUALITY, n_runs=20) -> pd.DataFrame:
    """`destinations.tsv`: a method of quality q maps the labels rightly in about that share of its runs."""
    rng, rows = np.random.default_rng(1), []
    k = len(labels)
    for method, q in quality.items():
        for seed in range(n_runs):
            for direction in ("12", "21"):
                to = np.arange(k) if rng.random() < q else rng.permutation(k)
                for a in range(k):
                    share = np.full(k, 0.03)
                    share[to[a]] += 1
                    share = rng.dirichlet(share * 30)
                    rows += [
                        {"dataset": dataset, "method": method, "seed": seed, "direction": direction}
                        | {"source": labels[a], "target": labels[b], "share": share[b]}
                        for b in range(k)
                    ]
    return pd.DataFrame(rows)


def t_interval(values) -> tuple[float, float]:
    """95 % interval of the mean, by scipy."""
    values = np.asarray(values, float)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - half, values.mean() + half


def texts(figure) -> list[str]:
    """All words of a figure, ticks apart."""
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    return found + [axes.get_title(loc="left") for axes in figure.axes]


def labelled(axes, label: str) -> list:
    """Artists of one name."""
    return [artist for artist in (*axes.patches, *axes.lines, *axes.collections) if artist.get_label() == label]


def _drawn_ticks(axis) -> list:
    """Labels of the ticks within the axis; the others are not drawn."""
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def assert_inside(figure) -> None:
    """No text leaves the figure, and no two texts that are written straight touch."""
    renderer = render(figure)
    width, height = figure.bbox.size
    boxes = []
    for axes in figure.axes:
        ticks = [*_drawn_ticks(axes.xaxis), *_drawn_ticks(axes.yaxis)] if axes.axison else []
        for text in (*axes.texts, *ticks, axes.xaxis.label, axes.yaxis.label, axes._left_title):
            box = text.get_window_extent(renderer)
            if not text.get_text() or not text.get_visible():
                continue
            assert box.x0 >= -0.5, text.get_text()
            assert box.x1 <= width + 0.5, text.get_text()
            assert box.y0 >= -0.5, text.get_text()
            assert box.y1 <= height + 0.5, text.get_text()
            if not text.get_rotation():
                boxes.append((text.get_text(), box))
    left, low, right, high = np.array([box.extents for _, box in boxes]).T
    apart = (left[:, None] >= right) | (right[:, None] <= left) | (low[:, None] >= high) | (high[:, None] <= low)
    touching = np.argwhere(np.triu(~apart, 1))
    assert [(boxes[i][0], boxes[j][0]) for i, j in touching] == []
