"""From scores of runs to means, intervals over seeds, and ranks."""

import numpy as np
import pandas as pd

from portal_lib._intervals import SCORE, UNBOUNDED, Bounds, mean_row, wilson
from portal_lib.benchmark import registry
from portal_lib.benchmark.tables.overall import (
    FAMILIES,
    GROUPS,
    RUN,
    SCALINGS,
    TREATMENTS,
    WEIGHTS,
    check_values,
    of_named,
    overall_scores,
)
from portal_lib.errors import DataError

# The metrics of the task align, and auxiliary ones: they enter no overall score.
ALIGN = "align"
AUXILIARY = "auxiliary"
AGGREGATE = "aggregate"
SUMMARY_COLUMNS = ["dataset", "method", "metric", "group", "n", "mean", "sd", "half_width", "ci_low", "ci_high"]
OVERALL_COLUMNS = [
    *("dataset", "method", "scaling", "missing", "group", "n", "mean", "sd", "half_width", "ci_low", "ci_high"),
    *("n_used", "n_total", "without_isolated", "rank", "rank_range", "note"),
]
# In the column dataset: all data sets.
ALL = "*"
# Means that differ by less share a rank.
DECIMALS = 12
# With fewer methods, controls excluded, min-max scores are not ranked.
LEAST_RANKED = 4
FEW_METHODS = f"no rank: min-max scores of fewer than {LEAST_RANKED} methods, controls excluded"


def summarise(scores, weights=WEIGHTS):
    """Mean and interval over seeds of every metric and of the raw overall scores.

    Parameters
    ----------
    scores
        Columns dataset, method, seed, metric, group (``"batch"``, ``"bio"``, ``"portal_batch"``, ``"portal_bio"``,
        ``"auxiliary"`` or ``"align"``) and value; a missing value is NaN. Failed runs have no rows. Rows whose column
        `added` is ``"yes"`` are left out.
    weights
        Weights of batch and bio in the overall score; their sum divides it.

    Returns
    -------
    Columns dataset, method, metric, group, n, mean, sd, half_width, ci_low, ci_high; one row per data set, method and
    metric, and, for the task integrate, three of group ``"aggregate"``: batch, bio and overall; three more, their names
    after ``portal_``, where there are metrics of these groups. `n` counts the seeds with a value. `sd` is NaN for one
    seed, as are `half_width`, `ci_low` and `ci_high`. Rows are sorted by data set, method, group (in the order above,
    aggregate last) and metric.

    Raises
    ------
    DataError
        A run has two values of one metric, or an infinite one, or a group is unknown.
    ConfigError
        The weights make no mean.

    Notes
    -----
    Per seed, the scores of :func:`portal_lib.benchmark.tables.overall.overall_scores`, scaling ``raw``, missing values
    ``ignore``. Only then are seeds averaged: mean +- t(0.975, n - 1) sd / sqrt(n); `ci_low` and `ci_high` are cut at
    the range of the metric, 0 and 1 for batch, bio and overall, and `half_width` is not. A metric whose
    facts declare a proportion is 1 or 0 per seed: `ci_low` and `ci_high` are Wilson's 95 % interval, which exists for
    one seed, too, and is not symmetric, so `half_width` is NaN.
    """
    _check(scores)
    single = of_named(scores)[[*RUN, "metric", "group", "value"]]
    per_run = overall_scores(single, weights=weights, scalings=["raw"], treatments=["ignore"])
    if len(per_run):
        aggregates = per_run.rename(columns={"group": "metric"}).assign(group=AGGREGATE)
        single = pd.concat([single, aggregates[single.columns]], ignore_index=True)
    return _over_seeds(single)


def summarise_overall(per_run, controls=()):
    """Mean, interval and rank of every overall score.

    Parameters
    ----------
    per_run
        As :func:`portal_lib.benchmark.tables.overall.overall_scores` returns it.
    controls
        Names of the methods that are controls.

    Returns
    -------
    Columns dataset, method, scaling, missing, group, n, mean, sd, half_width, ci_low, ci_high, n_used, n_total,
    without_isolated, rank, rank_range and note. `without_isolated` is the mean of the same score without metrics of
    isolated labels. `n` counts the seeds with a score; `n_used` is that of the seed with the fewest. `rank` counts
    from 1, the highest mean, among the methods that are not controls; equal means share the better rank. `rank_range`
    is the difference between the best and the worst rank of a method under the treatments of missing values, the same
    in all their rows. Scores of scaling ``minmax`` are not ranked where fewer than :data:`LEAST_RANKED` methods would
    be, as one method more or less would change every score; `note` says so, and is empty otherwise.

    Where there are several data sets, rows of data set ``"*"`` hold the mean over the means of data sets; `n` counts
    data sets, and so does the interval, `n_used` and `n_total` are sums. Only methods that have a score on every data
    set (that has any of this kind) are ranked there.

    Notes
    -----
    Intervals are mean +- t(0.975, n - 1) sd / sqrt(n), their ends cut at 0 and 1, `half_width` not. Those of
    ``minmax`` and ``control`` take the ranges as fixed.
    """
    if not len(per_run):
        return pd.DataFrame(columns=OVERALL_COLUMNS)
    key = ["dataset", "scaling", "missing", "group", "method"]
    values = per_run.groupby(key, sort=False)["value"]
    table = pd.DataFrame(
        [(*name, *mean_row(known.dropna(), SCORE)) for name, known in values], columns=[*key, *OVERALL_COLUMNS[5:11]]
    )
    table = table.join(_fewest(per_run, key), on=key)
    table = table.join(per_run.groupby(key)["without_isolated"].mean(), on=key)
    if table["dataset"].nunique() > 1:
        table = pd.concat([table, _over_datasets(table)], ignore_index=True)
    return _sorted(_ranked(table, controls))


def _fewest(per_run, key):
    """n_used and n_total of the run with the fewest metrics, among those with a score where there are some."""
    counts = ["n_used", "n_total"]
    scored = per_run[per_run["value"].notna()].groupby(key)[counts].min()
    return scored.combine_first(per_run.groupby(key)[counts].min()).astype(int)


def _share_row(values):
    """As :func:`mean_row`, of values that are 1 or 0: Wilson's interval, which has no half width."""
    n, mean, sd, *_ = mean_row(values)
    return n, mean, sd, np.nan, *(wilson(values.sum(), n) if n else (np.nan, np.nan))


def _is_proportion(metric):
    """Whether a value is 1 or 0 per seed, by the facts of its metric."""
    name, _, part = metric.partition(":")
    return registry.find("metrics").get(name, {}).get("parts", {}).get(part) == "proportion"


def _bounds(metric) -> Bounds:
    """Least and greatest value of a metric or a part of one, by its facts; signs of collapse may exceed its range."""
    name, _, part = metric.partition(":")
    facts = registry.find("metrics").get(name, {})
    if part and (part in facts.get("parts", {}) or part in facts.get("collapse", {})):
        return 0.0, None
    low, high = facts.get("range", UNBOUNDED)
    return low, high


def _over_seeds(single):
    """One row per data set, method, metric and group, in the order of the summary."""
    rows = []
    for key, values in single.groupby(["dataset", "method", "group", "metric"], sort=False)["value"]:
        dataset, method, group, metric = key
        known = values.dropna()
        bounds = SCORE if group == AGGREGATE else _bounds(metric)
        row = _share_row(known) if _is_proportion(metric) else mean_row(known, bounds)
        rows.append((dataset, method, metric, group, *row))
    table = pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
    order = [name for family in FAMILIES for name in family]
    table = table.assign(
        group_place=_places(table["group"], [*GROUPS, AUXILIARY, ALIGN, AGGREGATE]),
        # Other metrics are sorted by name; the place of an aggregate does not follow from its name.
        metric_place=_places(table["metric"], order).where(table["group"] == AGGREGATE, 0),
    )
    by = ["dataset", "method", "group_place", "metric_place", "metric"]
    return table.sort_values(by, ignore_index=True)[SUMMARY_COLUMNS]


def _over_datasets(table):
    """Rows of all data sets together: each counts once, by its mean."""
    rows = []
    for name, means in table.groupby(["scaling", "missing", "group", "method"], sort=False):
        known = means[means["mean"].notna()]
        sums = known["n_used"].sum(), known["n_total"].sum()
        rows.append((ALL, *name, *mean_row(known["mean"], SCORE), *sums, known["without_isolated"].mean(skipna=False)))
    return pd.DataFrame(rows, columns=table.columns)


def _ranked(table, controls):
    """The table with the columns rank, rank_range and note."""
    kind = ["dataset", "scaling", "missing", "group"]
    ranked = ~table["method"].isin(list(controls)) & table["mean"].notna() & _covers_all(table)
    n_ranked = ranked.groupby([table[name] for name in kind]).transform("sum")
    few = (table["scaling"] == "minmax") & table["mean"].notna() & (n_ranked < LEAST_RANKED)
    means = table["mean"].round(DECIMALS).where(ranked & ~few)
    rank = means.groupby([table[name] for name in kind]).rank(method="min", ascending=False)
    ranks = rank.groupby([table[name] for name in ("dataset", "scaling", "group", "method")])
    rank_range = ranks.transform("max") - ranks.transform("min")
    return table.assign(
        rank=rank.astype("Int64"), rank_range=rank_range.astype("Int64"), note=np.where(few, FEW_METHODS, "")
    )


def _covers_all(table):
    """Whether a row is about one data set, or covers all that have a score of its kind."""
    kind = ["scaling", "missing", "group"]
    single = table[(table["dataset"] != ALL) & table["mean"].notna()]
    there = single.groupby(kind)["dataset"].nunique().rename("there")
    return (table["dataset"] != ALL) | (table["n"] == table[kind].join(there, on=kind)["there"])


def _sorted(table):
    """Rows in the order of the columns; all data sets together come last."""
    orders = {"scaling": SCALINGS, "missing": TREATMENTS, "group": [name for family in FAMILIES for name in family]}
    places = {f"{name}_place": _places(table[name], order) for name, order in orders.items()}
    by = ["last", "dataset", "method", *places]
    table = table.assign(last=table["dataset"] == ALL, **places).sort_values(by, ignore_index=True)
    return table[OVERALL_COLUMNS]


def _places(column, order):
    """Place of each name in an order, one after the last for others."""
    return column.map({name: place for place, name in enumerate(order)}).fillna(len(order)).astype(int)


def _check(scores):
    """Refuse unknown groups, and two values for one metric of one run."""
    known = [*GROUPS, AUXILIARY, ALIGN]
    unknown = sorted(set(scores["group"]) - set(known))
    if unknown:
        raise DataError(f"scores have unknown groups {unknown}; known are {known}")
    check_values(scores, finite=False)
