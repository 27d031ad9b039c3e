"""From single scores to overall scores and intervals over seeds."""

from portal_lib.errors import DataError

GROUPS = ("batch", "bio")
# The metrics of the task align: no overall score is made of them.
ALIGN = "align"
WEIGHTS = {"batch": 0.4, "bio": 0.6}
AGGREGATE = "aggregate"
RUN = ["dataset", "method", "seed"]
SUMMARY_COLUMNS = ["dataset", "method", "metric", "group", "n", "mean", "sd", "half_width", "low", "high"]
CONFIDENCE = 0.95


def summarise(scores, weights=WEIGHTS):
    """Mean and interval over seeds of every metric and of the overall scores.

    Parameters
    ----------
    scores
        Columns dataset, method, seed, metric, group (``"batch"``, ``"bio"`` or ``"align"``) and value; a missing value
        is NaN. Failed runs have no rows.
    weights
        Weights of the groups in the overall score; their sum divides it.

    Returns
    -------
    Columns dataset, method, metric, group, n, mean, sd, half_width, low, high; one row per data set, method and metric,
    and, of what is integrated, three of group ``"aggregate"``: batch, bio and overall. `n` counts the seeds with a
    value. `sd` is NaN for one seed, as are `half_width`, `low` and `high`. Rows are sorted by data set, method, group
    (batch, bio, align, aggregate) and metric (batch, bio, overall).

    Raises
    ------
    DataError
        A run has two values of one metric, or a group is unknown.

    Notes
    -----
    Per seed, batch and bio are the means of the raw values of their group, missing ones ignored, and overall is
    0.4 batch + 0.6 bio, missing where a group has no value. Only then are seeds averaged: mean +- t(0.975, n - 1)
    sd / sqrt(n), not clipped to the range of the metric.
    """
    import pandas as pd

    _check(scores)
    single = scores[[*RUN, "metric", "group", "value"]]
    aggregates = overall_scores(single[single["group"] != ALIGN], weights)
    if len(aggregates):
        single = pd.concat([single, aggregates], ignore_index=True)
    return _over_seeds(single)


def overall_scores(scores, weights=WEIGHTS):
    """Batch, bio and overall score of each run.

    Parameters
    ----------
    scores
        As for :func:`summarise`.
    weights
        As for :func:`summarise`.

    Returns
    -------
    Columns dataset, method, seed, metric (batch, bio, overall), group (``"aggregate"``) and value, three rows per run.

    Notes
    -----
    The `raw` score with missing values treated by `ignore`: see :func:`summarise`.
    """
    table = scores.groupby([*RUN, "group"])["value"].mean().unstack("group").reindex(columns=list(GROUPS))
    table["overall"] = sum(weights[group] * table[group] for group in GROUPS) / sum(weights[group] for group in GROUPS)
    long = table.reset_index().melt(id_vars=RUN, var_name="metric", value_name="value")
    return long.assign(group=AGGREGATE)[[*RUN, "metric", "group", "value"]]


def t_interval(values, confidence=CONFIDENCE):
    """Mean, standard deviation and half width of the t-interval.

    Parameters
    ----------
    values
        Finite numbers, one per seed.
    confidence
        Coverage of the interval.

    Returns
    -------
    Mean, standard deviation (n - 1) and half width; NaN where there are too few values for one.
    """
    import numpy as np
    from scipy.special import stdtrit

    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        return (values[0] if n else np.nan), np.nan, np.nan
    sd = values.std(ddof=1)
    return values.mean(), sd, stdtrit(n - 1, (1 + confidence) / 2) * sd / np.sqrt(n)


def _over_seeds(single):
    """One row per data set, method, metric and group, in the order of the summary."""
    import pandas as pd

    rows = []
    for key, values in single.groupby(["dataset", "method", "group", "metric"], sort=False)["value"]:
        known = values.dropna()
        mean, sd, half = t_interval(known)
        dataset, method, group, metric = key
        rows.append((dataset, method, metric, group, len(known), mean, sd, half, mean - half, mean + half))
    table = pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
    rank = table["group"].map({group: place for place, group in enumerate([*GROUPS, ALIGN, AGGREGATE])})
    table = table.assign(rank=rank).sort_values(["dataset", "method", "rank", "metric"], ignore_index=True)
    return table.drop(columns="rank")


def _check(scores):
    """Refuse unknown groups, and two values for one metric of one run."""
    unknown = sorted(set(scores["group"]) - {*GROUPS, ALIGN})
    if unknown:
        raise DataError(f"scores have unknown groups {unknown}; known are {[*GROUPS, ALIGN]}")
    twice = scores.duplicated([*RUN, "metric"])
    if twice.any():
        raise DataError(
            f"scores hold a metric of one run twice, first {scores.loc[twice, [*RUN, 'metric']].iloc[0].tolist()}"
        )
