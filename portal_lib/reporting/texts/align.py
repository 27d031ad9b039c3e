"""Words of the task "align": warnings, captions in reStructuredText, and the section of a data set in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portal_lib._intervals import wilson
from portal_lib.errors import DataError
from portal_lib.reporting._align import (
    DIRECTIONS,
    LEAST_SPREAD,
    SUPERIMPOSED,
    Measure,
    align_measures,
    align_rows,
    floor_controls,
    part_label,
    part_of,
    pick_headline,
    write_number,
)
from portal_lib.reporting._rows import Row, Value, method_label, of_dataset
from portal_lib.reporting.figures.destinations import cluster_names, destination_of
from portal_lib.reporting.figures.markers import MEAN, lead_sentence, marker_rows
from portal_lib.reporting.texts.integrate import (
    _cells,
    _count,
    _failure_sentences,
    _markdown,
    _paragraphs,
    _seeds,
    escape_rst,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd


def find_align_warnings(
    summary: pd.DataFrame,
    resources: pd.DataFrame,
    scores: pd.DataFrame,
    methods: Mapping[str, Mapping],
    metrics: Mapping[str, Mapping],
    dataset: str,
) -> list[str]:
    """Name the methods that collapse, and those that are no better than a control that knows nothing.

    Parameters
    ----------
    summary, resources, methods, metrics, dataset
        As for :func:`align_scores.plot_align_scores`.
    scores
        Columns dataset, method, metric and value; one row per metric and training (of one seed).

    Returns
    -------
    Sentences, plain text: first those on collapse, then those on controls, both by name of the method.

    Notes
    -----
    Collapse: ``superimposition:spread`` (standard deviation of translated over that of real cells) of one training, or
    its mean, is below 0.2, or the mean of ``superimposition:reach`` (share of the clusters that are reached) below 1.
    To be beaten: every control that does not see the truth, in every metric of the figure that asks for what is true,
    by the mean.
    """
    summary, resources, scores = (of_dataset(table, dataset) for table in (summary, resources, scores))
    spreads = scores[scores["metric"] == f"{SUPERIMPOSED}:spread"].dropna(subset="value")
    measures, _ = align_measures(summary, metrics)
    rows = sorted(align_rows(summary, resources, methods, None), key=lambda row: row.name)
    real = [row for row in rows if not row.control]
    found = [_collapse(row, spreads.loc[spreads["method"] == row.name, "value"]) for row in real]
    found += [_below(row, floor_controls(rows), measures) for row in real]
    return [sentence for sentence in found if sentence]


def _collapse(row: Row, spreads: pd.Series) -> str:
    spread, reach = (row.values.get(f"{SUPERIMPOSED}:{part}") for part in ("spread", "reach"))
    signs = []
    if spread and spread.mean < LEAST_SPREAD:
        signs.append(f"translated cells vary {write_number(spread.mean, 2)} times as much as real ones")
    if reach and reach.mean < 1 - 1e-9:
        signs.append(f"they reach {100 * reach.mean:.0f} % of the clusters")
    n_collapsed = int((spreads < LEAST_SPREAD).sum())
    verb = "collapses" if n_collapsed == 1 else "collapse"
    parts = [f"{n_collapsed} of {_count(len(spreads), 'training')} {verb}"] if n_collapsed else []
    parts += [f"{', '.join(signs)} (mean over runs)"] if signs else []
    return f"{row.label} collapses, at least in part: {'; '.join(parts)}." if parts else ""


def _below(row: Row, floor: list[Row], measures: list[Measure]) -> str:
    parts = []
    for measure in measures:
        own = row.values.get(measure.name)
        there = [(other.values[measure.name].mean, other) for other in floor if measure.name in other.values]
        worse = [(value, other) for value, other in there if own and measure.is_better(value, own.mean)]
        if worse and measure.judges:
            value, control = max(worse, key=lambda pair: pair[0] if measure.better == "higher" else -pair[0])
            numbers = [write_number(number, measure.decimals) for number in (own.mean, value)]
            parts.append(f"{measure.label} {numbers[0]} ({control.label}: {numbers[1]})")
    return f"{row.label} is worse than a control that knows nothing: {'; '.join(parts)}." if parts else ""


def asked_sentence(facts: Mapping) -> str:
    """Say what a method was given.

    Parameters
    ----------
    facts
        ``n1``, ``n2`` (cells), ``d1``, ``d2`` (features), ``n_shared``, ``n_pairs``, ``n_hidden``, ``n_trainings`` (per
        run); each may be missing.

    Returns
    -------
    One sentence of plain text; empty without facts.
    """
    sizes = [
        f"domain {i} has {facts[f'n{i}']:,} cells and {_count(facts[f'd{i}'], 'feature')}"
        for i in (1, 2)
        if f"n{i}" in facts and f"d{i}" in facts
    ]
    words = (("n_shared", "shared feature"), ("n_pairs", "known pair"))
    told = [_count(facts[key], word) for key, word in words if facts.get(key)]
    if not sizes and not told:
        return ""
    sentence = "; ".join([*sizes, f"told: {' and '.join(told) if told else 'nothing'}"])
    if facts.get("n_hidden"):
        sentence += f"; hidden from domain 1: {_count(facts['n_hidden'], 'feature')}"
    if facts.get("n_trainings", 1) > 1:
        sentence += f"; {facts['n_trainings']} trainings per run"
    return f"{sentence[0].upper()}{sentence[1:]}."


def align_scores_caption(
    summary: pd.DataFrame,
    resources: pd.DataFrame,
    scores: pd.DataFrame,
    methods: Mapping[str, Mapping],
    metrics: Mapping[str, Mapping],
    dataset: str,
    *,
    label: str | None = None,
    headline: str | None = None,
    asked: Mapping | None = None,
) -> str:
    """Write the caption of :func:`align_scores.plot_align_scores`.

    `scores` as for :func:`find_align_warnings`, `asked` as for :func:`asked_sentence`.
    """
    here, runs = of_dataset(summary, dataset), of_dataset(resources, dataset)
    measures, _ = align_measures(here, metrics)
    lead = pick_headline(measures, headline)
    rows = align_rows(here, runs, methods, lead)
    if not rows:
        raise DataError(f"no results of data set '{dataset}' to describe")
    real = [row for row in rows if not row.control]
    counts = f"{_count(len(real), 'method')} and {_count(len(rows) - len(real), 'control')}, {_seeds(rows)}"
    lines = [f"**{escape_rst(label or dataset)}**: {counts}.", escape_rst(asked_sentence(asked or {}))]
    if lead:
        lines.append(
            f"Sorted by {escape_rst(lead.label)}. Numbers are means over runs ± the half-width of the 95 % "
            "t-interval; one run has no interval. ↑ higher is better, ↓ lower is better; darker is better. Controls "
            "are grey, below the line."
        )
    warnings = find_align_warnings(summary, resources, scores, methods, metrics, dataset)
    lines += [*_failure_sentences(rows), *(f"Warning: {escape_rst(text)}" for text in warnings)]
    return _paragraphs([line for line in lines if line])


def destinations_caption(
    destinations: pd.DataFrame, methods: Mapping[str, Mapping], dataset: str, *, label: str | None = None
) -> str:
    """Write the caption of :func:`destinations.plot_destinations`."""
    table = of_dataset(destinations, dataset)
    table = table.assign(direction=table["direction"].astype(str))
    names, said, swapped = cluster_names(table), [], []
    for method, runs in table[table["direction"] == "12"].groupby("method", sort=True):
        found, name = destination_of(runs, names), escape_rst(method_label(methods, str(method)))
        low, high = (f"{100 * end:.0f}" for end in found.interval)
        said.append(f"{name} {found.n_right}/{found.n_runs} ({low} to {high} %)")
        if found.n_swapped:
            swapped.append(f"{name} swapped in {found.n_swapped} of {_count(found.n_runs, 'training')}")
    lines = [
        f"**{escape_rst(label or dataset)}**: where the cells of each cluster end up. Rows: cluster of origin; "
        "columns: cluster of the nearest real cell after the translation; per cent of the cells, mean over runs.",
        "A run is right where more than half of every cluster ends at the cluster of the same name; Wilson 95 % "
        "interval.",
        f"Right runs from domain 1 to domain 2: {', '.join(said)}." if said else "",
        "Two clusters are swapped where more than half of each ends at the other. From domain 1 to domain 2: "
        f"{', '.join(swapped) or 'in no training'}."
        if said
        else "",
    ]
    return _paragraphs([line for line in lines if line])


def markers_caption(
    summary: pd.DataFrame,
    methods: Mapping[str, Mapping],
    metrics: Mapping[str, Mapping],
    dataset: str,
    *,
    metric: str = "pearson",
    published: pd.DataFrame | None = None,
    label: str | None = None,
) -> str:
    """Write the caption of :func:`markers.plot_markers`; `published` as for :func:`published_caption`."""
    table = marker_rows(of_dataset(summary, dataset), metric)
    markers = set(table["marker"]) - {MEAN}
    sources = "" if published is None else _sources(of_dataset(published, dataset), metric)
    what, n_markers = escape_rst(part_label(metrics, metric)), _count(len(markers), "marker")
    lines = [
        f"**{escape_rst(label or dataset)}**: {what} of real and predicted value of {n_markers}, over the cells of "
        "domain 1. Dots are means over runs, bars 95 % t-intervals; short grey lines are the best method for that "
        "marker. Controls are grey.",
        escape_rst(lead_sentence(table, methods)),
        f"Open diamonds are published values. Source: {sources}" if sources else "",
    ]
    return _paragraphs([line for line in lines if line])


def cells_caption(*, label: str, features: tuple[str, str], seed: int, n_cells: int | None = None) -> str:
    """Write the caption of :func:`aligned_cells.plot_cells`: two features, seed of the run, most cells drawn."""
    drawn = f", at most {n_cells:,} cells of a domain" if n_cells else ""
    lines = [
        f"**{escape_rst(label)}**: {escape_rst(features[0])} and {escape_rst(features[1])} of the real cells, and of "
        f"the cells of domain 1 after their translation to domain 2 (colour: cluster of origin; grey: real cells). "
        f"Runs of seed {seed}{drawn}.",
        "Large marks are medians of clusters: filled of the translated cells, open of the real cells of that "
        "cluster, where they should lie.",
    ]
    return _paragraphs(lines)


def images_caption(*, label: str, seed: int, truth: str | None = None) -> str:
    """Write the caption of :func:`aligned_images.plot_images`; `truth` says what the second column holds."""
    second = f", {escape_rst(truth)}" if truth else ""
    return _paragraphs([
        f"**{escape_rst(label)}**: images of domain 1{second}, and what each method makes of them; runs of seed "
        f"{seed}. Images are drawn at random of each class."
    ])  # fmt: skip


def published_caption(comparison: pd.DataFrame, dataset: str, *, label: str | None = None) -> str:
    """Write the caption of :func:`published.plot_published`."""
    table = comparison[comparison["dataset"].astype(str) == dataset]
    sources = _sources(table)
    lines = [
        f"**{escape_rst(label or dataset)}**: published numbers (open diamonds) and ours (dots, mean over runs with "
        "the 95 % t-interval).",
        f"Source: {sources}" if sources else "",
    ]
    return _paragraphs([line for line in lines if line])


def _sources(comparison: pd.DataFrame, metric: str | None = None) -> str:
    """Each source of published numbers once, with what it says of them; those of one metric where it is named."""
    wanted = comparison["metric"].astype(str).map(lambda name: metric in (None, part_of(name)[0]))
    return " ".join(f"{escape_rst(source)}." for source in dict.fromkeys(comparison["source"][wanted]))


def align_markdown(
    summary: pd.DataFrame,
    resources: pd.DataFrame,
    scores: pd.DataFrame,
    methods: Mapping[str, Mapping],
    metrics: Mapping[str, Mapping],
    dataset: str,
    *,
    label: str | None = None,
    headline: str | None = None,
    asked: Mapping | None = None,
    markers: bool = False,
) -> str:
    """Write the section of one data set for ``summary.md``.

    Parameters
    ----------
    summary, resources, methods, metrics, dataset, label, headline
        As for :func:`align_scores.plot_align_scores`.
    scores
        As for :func:`find_align_warnings`.
    asked
        What the methods were given, as :func:`asked_sentence` takes it.
    markers
        Whether the features are markers, of which :func:`markers.lead_sentence` is said.

    Returns
    -------
    Markdown: what was asked, a table in the order of the figure, with a column for each proportion (how many
    trainings of how many), the best method of each metric and which others its interval does not exclude, and warnings.
    """
    here, runs = of_dataset(summary, dataset), of_dataset(resources, dataset)
    measures, _ = align_measures(here, metrics)
    rows = align_rows(here, runs, methods, pick_headline(measures, headline))
    lines = [f"### {_markdown(label or dataset)}", ""]
    if sentence := asked_sentence(asked or {}):
        lines += [_markdown(sentence), ""]
    shares = proportions(here, metrics)
    heads = [*(measure.head for measure in measures), *(f"{part_label(metrics, name)} in" for name in shares)]
    lines += [_cells(["Method", "Runs", *map(_markdown, heads)]), _cells(["---", "---:", *["---:"] * len(heads)])]
    lines += [_table_row(row, measures, shares) for row in rows]
    lines += ["", "Of trainings, in brackets the Wilson 95 % interval of their share."] if shares else []
    best = [sentence for measure in measures if (sentence := _best_sentence(rows, measure))]
    lines += ["", "Best mean, controls apart:", "", *(f"- {_markdown(text)}" for text in best)] if best else []
    lead = lead_sentence(marker_rows(here, "pearson"), methods) if markers else ""
    lines += ["", _markdown(lead)] if lead else []
    warnings = find_align_warnings(summary, resources, scores, methods, metrics, dataset)
    lines += ["", "Warnings:", "", *(f"- {_markdown(text)}" for text in warnings)] if warnings else []
    return "\n".join(lines) + "\n"


def proportions(summary: pd.DataFrame, metrics: Mapping[str, Mapping]) -> list[str]:
    """Parts of metrics that are 1 or 0 per training and have a value, those of one direction apart."""
    there = set(summary.loc[summary["mean"].notna(), "metric"].astype(str))
    stated = [(name, *part) for name, facts in metrics.items() for part in facts.get("parts", {}).items()]
    whole = [f"{name}:{part}" for name, part, kind in stated if kind == "proportion" and part[-2:] not in DIRECTIONS]
    return [name for name in whole if name in there]


def _table_row(row: Row, measures: Sequence[Measure], shares: Sequence[str]) -> str:
    marks = "".join(f" ({word})" for word, has in (("control", row.control), ("uses labels", row.uses_labels)) if has)
    if row.failed:
        numbers = [_markdown(row.message)] + [""] * (len(measures) + len(shares) - 1)
    else:
        numbers = [_words(row.values.get(measure.name), measure) for measure in measures]
        numbers += [_trainings(row.values.get(name)) for name in shares]
    return _cells([_markdown(row.label) + marks, f"{row.n_ok}/{row.n_runs}", *numbers])


def _words(value: Value | None, measure: Measure) -> str:
    if value is None:
        return "n/a"
    mean = write_number(value.mean, measure.decimals)
    return (
        f"{mean} ± {write_number(value.half_width, measure.decimals)}"
        if np.isfinite(value.half_width)
        else f"{mean} (n=1)"
    )


def _trainings(value: Value | None) -> str:
    """In how many trainings something holds, and Wilson's interval."""
    if value is None:
        return "n/a"
    count = round(value.mean * value.n)
    low, high = (write_number(end, 2) for end in wilson(count, value.n))
    return f"{count} of {value.n} ({low} to {high})"


def _best_sentence(rows: list[Row], measure: Measure) -> str:
    """Best mean of a metric, and the methods whose intervals overlap its own."""
    here = [(row.values[measure.name], row.label) for row in rows if not row.control and measure.name in row.values]
    if not here or not measure.judges:
        return ""
    sign = -1 if measure.better == "higher" else 1
    (top, name), *others = sorted(here, key=lambda pair: sign * pair[0].mean)
    near = [label for value, label in others if abs(value.mean - top.mean) <= _half(value) + _half(top)]
    also = f"; the interval overlaps that of {', '.join(near)}" if near else ""
    return f"{measure.label}: {name}, {_words(top, measure)}{also}"


def _half(value: Value) -> float:
    return value.half_width if np.isfinite(value.half_width) else 0.0
