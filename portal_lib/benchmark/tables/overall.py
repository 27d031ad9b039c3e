"""Overall scores of runs: three ways to scale a metric, three ways to treat a missing value.

A run is one method with one seed on one data set. Nothing is averaged over seeds here.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from portal_lib.errors import ConfigError, DataError


class Family(NamedTuple):
    """Groups of metrics that make one overall score, and its name."""

    batch: str
    bio: str
    overall: str


# Those of scIB, and those of the Portal paper.
FAMILIES = (Family("batch", "bio", "overall"), Family("portal_batch", "portal_bio", "portal_overall"))
GROUPS = tuple(group for family in FAMILIES for group in family[:2])
WEIGHTS = {"batch": 0.4, "bio": 0.6}
SCALINGS = ("raw", "minmax", "control")
TREATMENTS = ("ignore", "zero", "complete")
RUN = ["dataset", "method", "seed"]
SCORE_COLUMNS = [*RUN, "scaling", "missing", "group", "value", "n_used", "n_total", "without_isolated"]
RANGE_COLUMNS = ["dataset", "scaling", "metric", "group", "end", "value", "method", "seed", "n_runs", "tied", "note"]
# In the names of metrics of isolated labels only, on which a single rare label may decide.
ISOLATED = "isolated"
# Values of a metric that differ by less are the same.
SAME = 1e-9

_NO_VALUE = "left out: no run has a value"
_CONSTANT = "left out: all runs have the same value"
_FEW_CONTROLS = "left out: fewer than two controls have a value"
_EQUAL_CONTROLS = "left out: all controls have the same value"
_NOISY_CONTROLS = "left out: the controls at its two ends differ by no more than one of them does between seeds"


def overall_scores(
    scores: pd.DataFrame,
    controls: Collection[str] = (),
    weights: Mapping[str, float] = WEIGHTS,
    scalings: Collection[str] = SCALINGS,
    treatments: Collection[str] = TREATMENTS,
) -> pd.DataFrame:
    """Batch, bio and overall score of each run, for each scaling and each treatment of missing values.

    Parameters
    ----------
    scores
        Columns dataset, method, seed, metric, group and value, of metrics of which higher is better; a missing value is
        NaN. Rows of other groups than :data:`GROUPS` are ignored. Failed runs have no rows, and get none. Rows whose
        column `added` is ``"yes"``, where there is one, are of controls that only set ends of the scaling ``control``:
        they get no scores, and change no other.
    controls
        Names of the controls that set the ends of the scaling ``control``.
    weights
        Weights of ``batch`` and ``bio`` in overall, not negative; their sum divides it.
    scalings, treatments
        Which of :data:`SCALINGS` and :data:`TREATMENTS`.

    Returns
    -------
    Columns dataset, method, seed, scaling, missing, group (``batch``, ``bio``, ``overall``, and the same with
    ``portal_`` before them where there are such metrics), value, n_used, n_total and without_isolated: the same score
    without metrics of isolated labels, equal to `value` where there are none. `n_total` counts the metrics that the
    data set has under this scaling, `n_used` those of them that went into the score with a value. A data set without
    two controls that differ has no rows of the scaling ``control``.

    Raises
    ------
    DataError
        A run has two values of one metric, or an infinite one.
    ConfigError
        The weights are not two numbers that are not negative, one of them positive.

    Notes
    -----
    Each metric x is scaled over the runs of its data set:

    - ``raw``: as it is.
    - ``minmax``: (x - min) / (max - min) over all runs but those of added controls; other controls and every seed are
      included. As every seed is a run of its own, the score of a seed is between 0 and 1 and each end can be traced to
      a run; more seeds can only widen a range. A constant metric is left out.
    - ``control``: (x - lo) / (hi - lo), with lo and hi the least and greatest value of the runs of controls; clipped to
      0 and 1 as it enters a mean, and only there. A metric of which fewer than two controls have a value, or of which
      all have the same, is left out; so is one whose two ends are nearer than their noise: the means of the two
      controls that have lo and hi differ by no more than the values of one of them over seeds.

    Missing values, after a metric that no run of the data set has was left out:

    - ``ignore``: mean over the metrics that the run has (scIB).
    - ``zero``: a missing value counts as 0 (Open Problems).
    - ``complete``: mean over the metrics that every run of the data set has. Departs from the inner join of
      scib-pipeline, which drops runs: here all keep a score of the same metrics.

    overall = (w_batch batch + w_bio bio) / (w_batch + w_bio); missing where a group of positive weight is. A run
    without any value has no score, by ``zero`` neither.

    References
    ----------
    Luecken et al., Nature Methods 19, 41 (2022); Open Problems, openproblems.bio; Zhao et al., Nature Computational
    Science 2, 317 (2022).
    """
    check_weights(weights)
    parts = []
    for dataset, family, scaling, values, group_of in scaled_tables(scores, scalings, controls):
        for missing in treatments:
            made = _average(values, group_of, family, missing, weights)
            parts.append(made.assign(dataset=dataset, scaling=scaling, missing=missing))
    return pd.concat(parts, ignore_index=True)[SCORE_COLUMNS] if parts else pd.DataFrame(columns=SCORE_COLUMNS)


def scaled_tables(
    scores: pd.DataFrame, scalings: Collection[str] = SCALINGS, controls: Collection[str] = ()
) -> Iterator[tuple[str, Family, str, pd.DataFrame, dict[str, str]]]:
    """Data set, family, scaling, scaled metrics as they enter a mean (runs by metrics), and the groups of metrics.

    Parameters are those of :func:`overall_scores`. A scaling without a metric is left out, but for ``raw``.
    """
    for dataset, family, wide, group_of, added in _by_family(scores):
        for scaling in scalings:
            values = scale(wide, scaling, controls, added)
            if scaling == "raw" or not values.empty:
                yield dataset, family, scaling, values.clip(0, 1) if scaling == "control" else values, group_of


def check_weights(weights: Mapping[str, float]) -> None:
    """Refuse weights that make no mean."""
    known = set(weights) == set(WEIGHTS)
    if not known or not all(np.isfinite(w) and w >= 0 for w in weights.values()) or sum(weights.values()) <= 0:
        raise ConfigError(f"weights: {dict(weights)} given; expected batch and bio, not negative, one of them above 0.")


def scale(
    wide: pd.DataFrame, scaling: str, controls: Collection[str] = (), added: Collection[str] = ()
) -> pd.DataFrame:
    """Scale the metrics of one data set; formulas as in :func:`overall_scores`, not clipped.

    Parameters
    ----------
    wide
        One row per run, indexed by method and seed, one column per metric; missing values are NaN.
    scaling
        One of :data:`SCALINGS`.
    controls
        Names of the controls that set the ends of the scaling ``control``.
    added
        Names of those of them that do nothing else.

    Returns
    -------
    The same rows without those of added controls; metrics that have no value there or, but for ``raw``, no range are
    left out.
    """
    named = _without(wide, added).dropna(axis="columns", how="all")
    if scaling == "raw":
        return named
    setting, notes = _range_setters(wide[named.columns], scaling, controls, added)
    kept = named[[name for name in named if not notes[name]]]
    low, high = setting[kept.columns].min(), setting[kept.columns].max()
    return (kept - low) / (high - low)


def metric_ranges(scores: pd.DataFrame, controls: Collection[str] = ()) -> pd.DataFrame:
    """The runs that set the low and the high end of each scaled metric.

    Parameters
    ----------
    scores, controls
        As for :func:`overall_scores`.

    Returns
    -------
    Columns dataset, scaling (``minmax`` or ``control``), metric, group, end (``low`` or ``high``), value, method, seed,
    n_runs, tied and note; two rows per data set, scaling and metric. `n_runs` counts the runs that were compared,
    `tied` the further runs with the same value; the first by name and seed is the one in the table.
    `note` says why a metric was left out; it is empty otherwise.
    """
    rows = []
    for dataset, _, wide, group_of, added in _by_family(scores):
        for scaling in ("minmax", "control"):
            setting, notes = _range_setters(wide, scaling, controls, added)
            for metric in wide:
                known, note = setting[metric].dropna(), notes[metric]
                for end in ("low", "high"):
                    found = _end(known, end)
                    rows.append((dataset, scaling, metric, group_of[metric], end, *found, len(known), note))
    columns = [name for name in RANGE_COLUMNS if name not in ("n_runs", "tied", "note")]
    table = pd.DataFrame(rows, columns=[*columns, "tied", "n_runs", "note"])[RANGE_COLUMNS]
    return table.astype({"seed": "Int64", "tied": "Int64"})


def _end(known: pd.Series, end: str) -> tuple:
    """Value, method, seed and number of ties at one end of a metric."""
    if known.empty:
        return np.nan, "", None, None
    value = known.min() if end == "low" else known.max()
    there = known.index[(known - value).abs() <= SAME]
    return (value, *there[0], len(there) - 1)


def _without(wide: pd.DataFrame, methods: Collection[str]) -> pd.DataFrame:
    return wide[~wide.index.get_level_values("method").isin(list(methods))]


def _range_setters(
    wide: pd.DataFrame, scaling: str, controls: Collection[str], added: Collection[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Runs that set the ranges, and for each metric why it has none (empty where it has one)."""
    named, notes = _without(wide, added), {}
    setting = named if scaling == "minmax" else wide[wide.index.get_level_values("method").isin(list(controls))]
    for name, values in setting.items():
        known = values.dropna()
        if named[name].isna().all():
            notes[name] = _NO_VALUE
        elif scaling == "control" and known.index.get_level_values("method").nunique() < 2:
            notes[name] = _FEW_CONTROLS
        elif known.max() - known.min() <= SAME:
            notes[name] = _CONSTANT if scaling == "minmax" else _EQUAL_CONTROLS
        elif scaling == "control" and _within_noise(known):
            notes[name] = _NOISY_CONTROLS
        else:
            notes[name] = ""
    return setting, notes


def _within_noise(known: pd.Series) -> bool:
    """Whether the controls that set the ends of a metric differ, in their means, by no more than the noise of one.

    The noise of a control is the difference between its greatest and its least value over seeds.
    """
    by_method = known.groupby(level="method")
    means, spreads = by_method.mean(), by_method.max() - by_method.min()
    ends = [known.idxmin()[0], known.idxmax()[0]]
    return bool(abs(means[ends[1]] - means[ends[0]]) <= spreads[ends].max())


def _by_family(scores: pd.DataFrame):
    """Data set, family, table of runs by metrics, groups by metric, and added controls; in the order of the names."""
    scored = scores[scores["group"].isin(GROUPS)]
    check_values(scored)
    for dataset, here in scored.groupby("dataset", sort=True):
        added = set(here["method"]) - set(of_named(here)["method"])
        for family in FAMILIES:
            rows = here[here["group"].isin(family[:2])]
            if len(of_named(rows)):
                wide = rows.pivot(index=["method", "seed"], columns="metric", values="value").astype(float)
                yield dataset, family, wide, dict(zip(rows["metric"], rows["group"], strict=True)), added


def of_named(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the methods that the configuration names: those whose column `added` is not ``"yes"``."""
    return table[table["added"] != "yes"] if "added" in table else table


def check_values(scores: pd.DataFrame, *, finite: bool = True) -> None:
    """Refuse two values for one metric of one run, and infinite values."""
    problems = {"a metric of one run twice": scores.duplicated([*RUN, "metric"])}
    if finite:
        problems["an infinite value"] = np.isinf(scores["value"].astype(float))
    for problem, there in problems.items():
        if there.any():
            first = ", ".join(map(str, scores.loc[there, [*RUN, "metric"]].iloc[0]))
            raise DataError(f"scores contain {problem}, first {first}")


def _average(
    values: pd.DataFrame, group_of: Mapping[str, str], family: Family, missing: str, weights: Mapping[str, float]
) -> pd.DataFrame:
    """The three scores of each run, from scaled metrics; columns from method to without_isolated."""
    scored = values.notna().any(axis="columns")
    without = values[[name for name in values if ISOLATED not in name]]
    means, used, total = _means(values, scored, group_of, family, missing, weights)
    others, _, _ = _means(without, scored, group_of, family, missing, weights)
    parts = [
        pd.DataFrame({
            "group": group, "value": means[word], "n_used": used[word], "n_total": total[word],
            "without_isolated": others[word],
        })
        for word, group in zip(("batch", "bio", "overall"), family, strict=True)
    ]  # fmt: skip
    return pd.concat(parts).reset_index()


def _means(
    values: pd.DataFrame,
    scored: pd.Series,
    group_of: Mapping[str, str],
    family: Family,
    missing: str,
    weights: Mapping[str, float],
) -> tuple[dict, dict, dict]:
    """Mean, number of used and of all metrics of each run, for batch, bio and overall."""
    means, used, total = {}, {}, {}
    for word, group in zip(WEIGHTS, family[:2], strict=True):
        table = values[[name for name in values if group_of[name] == group]]
        total[word] = table.shape[1]
        if missing == "complete":
            table = table.loc[:, table[scored].notna().all()]
        used[word] = table.notna().sum(axis="columns")
        means[word] = (table.fillna(0) if missing == "zero" else table).mean(axis="columns").where(scored)
    weighty = [word for word in WEIGHTS if weights[word] > 0]
    means["overall"] = sum(weights[word] * means[word] for word in weighty) / sum(weights[word] for word in weighty)
    used["overall"], total["overall"] = used["batch"] + used["bio"], total["batch"] + total["bio"]
    return means, used, total
