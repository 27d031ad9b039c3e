"""The scores of one run of the task "align", and where the cells of each label are mapped to."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from portal_lib._files import write_table
from portal_lib.benchmark import registry
from portal_lib.benchmark.run.runs import DESTINATION_COLUMNS, SCORE_COLUMNS
from portal_lib.errors import NotApplicable
from portal_lib.metrics._score import score_translation
from portal_lib.metrics.align._compared import destinations
from portal_lib.metrics.align._translation import Correspondence, Translation
from portal_lib.preparation.domains import Domains, Truth
from portal_lib.preparation.reading.domain_files import read_domains, read_truth


def score(
    run: dict,
    metrics: list[str],
    *,
    domains: Path,
    truth: Path,
    result: Path,
    record: Path,
    scores: Path,
    destinations: Path,
) -> None:
    """Compute the metrics of one run.

    Parameters
    ----------
    run
        ``dataset``, ``method`` and ``seed`` for the rows.
    metrics
        Names of the metrics.
    domains, truth, result, record
        The prepared data, the ground truth, and the files of the run.
    scores
        Tidy TSV, one row per metric and seed; no rows when the run failed. Where a method was trained for several
        correspondences, a value is the mean over those that the metric fits, and a count is their sum.
    destinations
        TSV: where the cells of each label are mapped to, per seed; no rows without labels.
    """
    tables: list[list[pd.DataFrame]] = [[], []]
    if json.loads(record.read_text())["status"] == "ok":
        for seed, rows, shares in _score(result, domains, truth, metrics):
            for table, made in zip(tables, (rows, shares), strict=True):
                table.append(made.assign(**run | {"seed": seed}))
    for table, path, columns in zip(tables, (scores, destinations), (SCORE_COLUMNS, DESTINATION_COLUMNS), strict=True):
        filled = [part for part in table if len(part)]
        write_table(pd.concat(filled, ignore_index=True)[columns] if filled else pd.DataFrame(columns=columns), path)


def _score(result: Path, domains: Path, truth: Path, metrics: list[str]):
    """(seed, scores, destinations) of every seed of a run, read training by training."""
    seen, hidden = read_domains(domains), read_truth(truth)
    with np.load(result, allow_pickle=False) as made:
        for seed, numbers in _trainings(made.files).items():
            rows, shares = [], []
            for number in numbers:
                translation, known = translation_of(made, seed, number, seen, hidden)
                rows += score_translation(translation, known, _fitting(metrics, seen.correspondences[number].hidden))
                try:
                    shares.append(destinations(translation, known))
                except NotApplicable:
                    continue
            yield seed, _means(pd.DataFrame(rows)), _mean_shares(shares)


def _fitting(metrics: list[str], hidden: tuple[str, ...]) -> list[str]:
    """The metrics that apply: where features are hidden, those that are evaluated by feature."""
    return [name for name in metrics if registry.facts("metrics", name).get("by_feature") or not hidden]


def _trainings(names: list[str]) -> dict[int, list[int]]:
    """The trainings in a result: by seed, the numbers of the correspondences."""
    found: dict[int, set[int]] = {}
    for name in names:
        seed, number, _ = name.split("/")
        found.setdefault(int(seed), set()).add(int(number))
    return {seed: sorted(numbers) for seed, numbers in sorted(found.items())}


def translation_of(made, seed: int, number: int, domains: Domains, truth: Truth) -> tuple[Translation, Correspondence]:
    """One training of a result as metrics use it, and its ground truth."""
    task_input = domains.task_input(number)
    place = f"{seed}/{number}/"
    parts = {name.removeprefix(place): made[name] for name in made.files if name.startswith(place)}
    translation = Translation(task_input.x1, task_input.x2, **parts, one_scale=task_input.image is not None)
    column = {name: i for i, name in enumerate(task_input.features2)}
    scored = domains.correspondences[number].hidden or truth.scored
    return translation, Correspondence(
        **_target("12", truth.target12, task_input.features2),
        **_target("21", truth.target21, task_input.features1),
        partner=truth.partner,
        label1=truth.label1,
        label2=truth.label2,
        pairs=task_input.pairs,
        scored=[column[name] for name in scored] if scored else None,
        features2=task_input.features2,
    )


def _target(direction: str, table: pd.DataFrame | None, features: tuple[str, ...]) -> dict:
    """The target of one direction: its features that the method was given, and their columns."""
    if table is None:
        return {}
    column = {name: i for i, name in enumerate(features)}
    kept = [name for name in table.columns if name in column]
    return {f"target{direction}": table[kept].to_numpy(), f"columns{direction}": [column[name] for name in kept]}


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per metric: the mean over correspondences with a value, or the sum of a count; else the first reason."""
    made = []
    for (metric, group), part in rows.groupby(["metric", "group"], sort=False):
        value = part["value"].sum(min_count=1) if _is_count(metric) else part["value"].mean()
        reason = part["reason"].iloc[0] if pd.isna(value) else ""
        made.append({"metric": metric, "group": group, "value": value, "reason": reason})
    return pd.DataFrame(made)


def _is_count(metric: str) -> bool:
    """Whether a row counts something, by the facts of its metric."""
    name, _, part = metric.partition(":")
    return registry.facts("metrics", name).get("parts", {}).get(part) == "count"


def _mean_shares(tables: list[pd.DataFrame]) -> pd.DataFrame:
    if not tables:
        return pd.DataFrame()
    return pd.concat(tables).groupby(["direction", "source", "target"], sort=False, as_index=False)["share"].mean()
