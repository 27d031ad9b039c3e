"""Published numbers about the data sets of a run, and the results of this run next to them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from portal_lib._intervals import mean_row

if TYPE_CHECKING:
    import pandas as pd

    from portal_lib.benchmark.config.model import Run

COLUMNS = ["dataset", "method", "metric", "value", "source"]
COMPARED = ["dataset", "metric", "method", "published", "ours", "ci_low", "ci_high", "n", "source"]
RATIO = "mse_ratio"
NOTHING = (float("nan"), float("nan"), float("nan"), 0)


def published_files(folder: Path, run: Run, dataset: str | None = None) -> list[Path]:
    """Files of published numbers about a data set of a run, or about the one that is named.

    Parameters
    ----------
    folder
        Folder of TSV files; those without the columns dataset, method, metric, value, source are ignored.
    run
        The checked configuration.
    dataset
        One of its data sets.
    """
    wanted = run.datasets.values() if dataset is None else [run.datasets[dataset]]
    names = {item.name for item in wanted}
    return [file for file in sorted(folder.glob("*.tsv")) if names & _datasets(file)]


def _datasets(file: Path) -> set[str]:
    """Data sets of a file of published numbers."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["dataset"] for row in rows} if rows.fieldnames == COLUMNS else set()


def compare_published(
    published: pd.DataFrame,
    summary: pd.DataFrame,
    scores: pd.DataFrame,
    destinations: pd.DataFrame,
    *,
    sources: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Compare results of a run with published numbers.

    Parameters
    ----------
    published
        Columns dataset, method, metric, value, source. A metric is one of the summary; ``destination:12:a>b``, the
        share of the cells of cluster a of domain 1 that are mapped to cluster b (``21``: of domain 2); or
        ``mse_ratio:12`` with two methods ``a:b``, the mean squared error of a over that of b in this direction.
    summary
        Columns dataset, method, metric, n, mean, ci_low, ci_high.
    scores
        Columns dataset, method, seed, metric, value.
    destinations
        Columns dataset, method, seed, direction, source, target, share.
    sources
        Name of the data set in `published` by its name in the run, where they differ.

    Returns
    -------
    Columns dataset, metric, method, published, ours, ci_low, ci_high, n, source: a row for each published number and
    each of our methods and variants that it belongs to, for the data sets of the run. `ours` is the mean over `n` runs,
    of ratios the geometric mean over seeds that both methods have; `ci_low` and `ci_high` are its 95 % t-interval, of
    ratios that of their logarithms. Without runs of the method `ours` is NaN and `n` is 0.
    """
    import pandas as pd

    datasets = dict.fromkeys(str(name) for table in (summary, destinations) for name in table["dataset"])
    rows = []
    for dataset in datasets:
        own = [table[table["dataset"].astype(str) == dataset] for table in (summary, scores, destinations)]
        own = [table.assign(method=table["method"].astype(str)) for table in own]
        source = (sources or {}).get(dataset, dataset)
        for row in published[published["dataset"].astype(str) == source].itertuples(index=False):
            for method in _our_names(str(row.method), {*own[0]["method"], *own[2]["method"]}):
                ours = _measured(str(row.metric), method, *own)
                rows.append((dataset, str(row.metric), method, float(row.value), *ours, str(row.source)))
    return pd.DataFrame(rows, columns=COMPARED)


def _our_names(method: str, there: Iterable[str]) -> list[str]:
    """Our methods for a published one: the method and its variants; every pair of them for ``a:b``."""
    whole, _, below = method.partition(":")
    found = [sorted(name for name in there if name.split(".")[0] == base) or [base] for base in (whole, below) if base]
    return [":".join(pair) for pair in ([(a, b) for a in found[0] for b in found[1]] if below else zip(found[0]))]


def _measured(metric: str, method: str, summary: pd.DataFrame, scores: pd.DataFrame, destinations: pd.DataFrame):
    """Mean, lower and upper end and number of runs."""
    whole, part = metric.partition(":")[::2]
    if whole == RATIO:
        above, below = method.split(":")
        return _ratio(scores, above, below, part)
    if ">" in part:
        return _share(destinations[destinations["method"] == method], part)
    row = summary[(summary["method"] == method) & (summary["metric"] == metric) & summary["mean"].notna()]
    return (*row[["mean", "ci_low", "ci_high"]].iloc[0].astype(float), int(row["n"].iloc[0])) if len(row) else NOTHING


def _share(runs: pd.DataFrame, part: str) -> tuple[float, float, float, int]:
    """Share of the cells of a cluster that are mapped to another; 0 if only this pair has no row."""
    import numpy as np

    direction, _, pair = part.partition(":")
    source, _, target = pair.partition(">")
    here = runs[(runs["direction"].astype(str) == direction) & (runs["source"].astype(str) == source)]
    ends = here["share"].where(here["target"].astype(str) == target, 0.0)
    mean, ci_low, ci_high, n = _interval(ends.groupby(here["seed"]).sum())
    ci_low, ci_high = (float(end) for end in np.clip([ci_low, ci_high], 0, 1))
    return mean, ci_low, ci_high, n


def _ratio(scores: pd.DataFrame, above: str, below: str, direction: str) -> tuple[float, float, float, int]:
    """Geometric mean over common seeds of the ratio of two errors."""
    import numpy as np
    import pandas as pd

    errors = scores[scores["metric"] == f"mse:{direction}"]
    each = [errors[errors["method"] == name].groupby("seed")["value"].mean() for name in (above, below)]
    both = pd.concat(each, axis=1, join="inner").dropna().to_numpy()
    both = both[(both > 0).all(axis=1)]
    mean, ci_low, ci_high, n = _interval(np.log(both[:, 0] / both[:, 1]))
    return float(np.exp(mean)), float(np.exp(ci_low)), float(np.exp(ci_high)), n


def _interval(values) -> tuple[float, float, float, int]:
    """Mean, lower and upper end of the 95 % t-interval (NaN for one run), number of runs; as in ``summary.tsv``."""
    import numpy as np

    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    n, mean, _, _, low, high = mean_row(values)
    return float(mean), float(low), float(high), n
