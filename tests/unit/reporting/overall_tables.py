"""Overall scores, ranges and differences of the made tables, computed as in a run."""

from io import StringIO

import numpy as np
import pandas as pd
from report_tables import METHODS, METRICS, QUALITY, scores_of

from portal_lib.benchmark.tables.aggregate import summarise, summarise_overall
from portal_lib.benchmark.tables.differences import paired_differences
from portal_lib.benchmark.tables.overall import metric_ranges, overall_scores

CONTROLS = [name for name, facts in METHODS.items() if facts.get("control")]
DETERMINISTIC = ["combat"]
PAPER_METRICS = {
    "portal_kbet": {"label": "kBET (100 samples)", "group": "portal_batch", "range": [0, 1], "definition": "portal"},
    "portal_asw_batch": {"label": "Batch ASW (global)", "group": "portal_batch", "range": [0, 1]},
    "portal_ari": {"label": "ARI (Louvain)", "group": "portal_bio", "range": [0, 1], "definition": "portal"},
    "portal_nmi": {"label": "NMI (Louvain)", "group": "portal_bio", "range": [0, 1], "definition": "portal"},
    "mixing": {
        "label": "Mixing metric",
        "group": "auxiliary",
        "range": [1, 300],
        "better": "lower",
        "definition": "portal",
    },
    "bras": {"label": "BRAS", "group": "auxiliary", "range": [0, 1], "definition": "extra"},
}


def make_scores(datasets=("toy_atlas", "scmixology"), quality=QUALITY, metrics=METRICS, n_seeds=3) -> pd.DataFrame:
    """`scores.tsv` of the made run."""
    rng, parts = np.random.default_rng(0), []
    for dataset in datasets:
        for method, q in quality.items():
            n = 1 if method in DETERMINISTIC else n_seeds
            wide = scores_of(method, q, n, rng, metrics).drop(columns=["batch", "bio", "overall"])
            parts.append(
                wide.rename_axis("seed")
                .reset_index()
                .melt("seed", var_name="metric")
                .assign(dataset=dataset, method=method)
            )
    scores = pd.concat(parts, ignore_index=True)
    mixing = scores["metric"] == "mixing"
    scores.loc[mixing, "value"] = 1 + 299 * (1 - scores.loc[mixing, "value"])
    return scores.assign(group=scores["metric"].map({name: facts["group"] for name, facts in metrics.items()}))


def make_tables(scores: pd.DataFrame, controls=CONTROLS) -> dict[str, pd.DataFrame]:
    """Tables of a run by name, as they are read from its files."""
    runs = overall_scores(scores, controls)
    tables = {
        "summary": summarise(scores),
        "overall": summarise_overall(runs, controls),
        "ranges": metric_ranges(scores, controls),
        "differences": paired_differences(scores, controls, DETERMINISTIC),
        "overall_runs": runs,
    }
    return {
        name: pd.read_csv(StringIO(table.to_csv(sep="\t", index=False)), sep="\t") for name, table in tables.items()
    }
