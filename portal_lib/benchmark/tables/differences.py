"""Paired differences between methods: which of two is better, and whether the interval excludes 0."""

from collections.abc import Collection, Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from portal_lib._intervals import DIFFERENCE, mean_row
from portal_lib.benchmark.tables.aggregate import ALL
from portal_lib.benchmark.tables.overall import SAME, SCALINGS, WEIGHTS, check_weights, scaled_tables

DIFFERENCE_COLUMNS = [
    *("dataset", "scaling", "group", "method_a", "method_b", "n_metrics", "n", "n_pairs", "mean", "half_width"),
    *("ci_low", "ci_high", "ci_excludes_zero"),
]


def paired_differences(
    scores: pd.DataFrame,
    controls: Collection[str] = (),
    deterministic: Collection[str] = (),
    weights: Mapping[str, float] = WEIGHTS,
    scalings: Collection[str] = SCALINGS,
) -> pd.DataFrame:
    """Differences of overall scores between every two methods, run by run, with their intervals.

    Parameters
    ----------
    scores, controls, weights, scalings
        As for :func:`portal_lib.benchmark.tables.overall.overall_scores`.
    deterministic
        Names of the methods whose result does not depend on the seed.

    Returns
    -------
    Columns dataset, scaling, group (``overall``, ``portal_overall``), method_a, method_b, n_metrics, n, n_pairs, mean,
    half_width, ci_low, ci_high and ci_excludes_zero; `mean` is that of method_a - method_b. One row per data set and
    two methods that can be compared there, and, where there are several data sets, one of data set ``"*"``, all of
    them. `n_metrics` counts the metrics that are compared; of all data sets it is the sum. `ci_excludes_zero` is
    ``yes`` or ``no``, and ``unknown`` where there is no 95 % interval.

    Raises
    ------
    DataError, ConfigError
        As :func:`portal_lib.benchmark.tables.overall.overall_scores`.

    Notes
    -----
    Two methods are compared on the metrics of which every run of both has a value: an overall score of more metrics is
    the mean of something else, and a difference between the two would be one between metrics. Therefore `mean` need not
    be the difference of the means in ``overall.tsv``. Two methods without a common metric in a group of positive weight
    are not compared. Scales are those of all runs, not of the pair.

    On one data set the runs with the same seed are pairs, and the interval is over pairs: n = n_pairs. The one run of a
    deterministic method is paired with every run of the other; of two such methods there is one pair, without an
    interval.

    Over several data sets the differences are averaged on each, and the interval is over these means: n data sets,
    each counting once. Seeds on the same data set are not independent samples of what another data set would show, and
    pooling them would make intervals that are too narrow. With two data sets t is 12.7, so few differences are
    significant; the rows of each data set have the intervals over seeds.

    Intervals are mean +- t(0.975, n - 1) sd / sqrt(n), cut at -1 and 1, each with 95 % coverage on its own, not for
    all pairs together.
    """
    check_weights(weights)
    found, datasets = [], set()
    for dataset, family, scaling, values, group_of in scaled_tables(scores, scalings, controls):
        parts = [(weights[word], family[i]) for i, word in enumerate(WEIGHTS) if weights[word] > 0]
        total = sum(weight for weight, _ in parts)
        shares = [(weight / total, np.array([group_of[name] == group for name in values])) for weight, group in parts]
        made = _on_one_dataset(values, shares, set(deterministic))
        datasets.add(dataset)
        found += [(scaling, family.overall, dataset, *row) for row in made]
    columns = ["scaling", "group", "dataset", *DIFFERENCE_COLUMNS[3:]]
    table = pd.DataFrame(found, columns=columns)
    if len(datasets) > 1:
        table = pd.concat([table, _over_datasets(table)], ignore_index=True)
    table = table.assign(last=table["dataset"] == ALL)
    by = ["last", "dataset", "scaling", "group", "method_a", "method_b"]
    return table.sort_values(by, ignore_index=True)[DIFFERENCE_COLUMNS]


def _on_one_dataset(
    values: pd.DataFrame, shares: list[tuple[float, np.ndarray]], deterministic: set[str]
) -> list[tuple]:
    """Rows from method_a on, of all pairs that share a seed; `shares` are the weight and the columns of each group."""
    runs = {
        str(method): rows.droplevel("method") for method, rows in values.dropna(how="all").groupby("method", sort=True)
    }
    complete = {method: rows.notna().all().to_numpy() for method, rows in runs.items()}
    once = {name for name, rows in runs.items() if name in deterministic and len(rows) == 1}
    made = []
    for a, b in combinations(runs, 2):
        common = [(share, columns & complete[a] & complete[b]) for share, columns in shares]
        if not all(columns.any() for _, columns in common):
            continue
        one, other = ({seed: _overall(row, common) for seed, row in _by_seed(runs[name])} for name in (a, b))
        differences = _pairs(one, other, a in once, b in once)
        if differences:
            n_metrics = sum(int(columns.sum()) for _, columns in common)
            made.append((a, b, n_metrics, *_row(differences, len(differences))))
    return made


def _by_seed(runs: pd.DataFrame) -> list[tuple[int, np.ndarray]]:
    return list(zip(runs.index.tolist(), runs.to_numpy(dtype=float), strict=True))


def _overall(row: np.ndarray, common: list[tuple[float, np.ndarray]]) -> float:
    """Overall score of a run over the chosen columns."""
    return float(sum(share * row[columns].mean() for share, columns in common))


def _pairs(a: dict[int, float], b: dict[int, float], a_once: bool, b_once: bool) -> list[float]:
    """Differences of the runs that belong together; a single run of a deterministic method is paired with each."""
    if a_once and b_once:
        return [next(iter(a.values())) - next(iter(b.values()))]
    if a_once or b_once:
        one = next(iter((a if a_once else b).values()))
        return [one - value for value in b.values()] if a_once else [value - one for value in a.values()]
    return [a[seed] - b[seed] for seed in sorted(set(a) & set(b))]


def _over_datasets(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of all data sets together, from the means on each."""
    rows = []
    for (scaling, group, a, b), here in table.groupby(["scaling", "group", "method_a", "method_b"], sort=False):
        row = _row(here["mean"], here["n_pairs"].sum())
        rows.append((scaling, group, ALL, a, b, here["n_metrics"].sum(), *row))
    return pd.DataFrame(rows, columns=table.columns)


def _row(values: ArrayLike, n_pairs: int) -> tuple:
    """n, n_pairs, mean, half_width, ci_low, ci_high and ci_excludes_zero."""
    n, mean, _, half, low, high = mean_row(values, DIFFERENCE)
    # A difference within rounding is 0.
    excludes_zero = "yes" if low > SAME or high < -SAME else "no"
    return n, n_pairs, mean, half, low, high, excludes_zero if n > 1 else "unknown"
