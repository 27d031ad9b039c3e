"""Words of the report: captions and landing page in reStructuredText, the table in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portal_lib.reporting._align import GROUP_TITLES
from portal_lib.reporting._overall import SCALING_WORDS, Standing, scalings_of, standings, weights_words
from portal_lib.reporting._rows import (
    BESIDE,
    DEFINITIONS,
    GROUP_LABELS,
    STATUS_WORDS,
    Definition,
    Row,
    Value,
    definition_of,
    metric_columns,
    metric_label,
    of_dataset,
    table_rows,
    trainings_of,
)
from portal_lib.reporting._sample import sample_sentences
from portal_lib.reporting._words import escape_markdown as _markdown
from portal_lib.reporting._words import escape_rst
from portal_lib.reporting._words import table_line as _cells
from portal_lib.reporting.texts.overall import find_warnings, missing_markdown, range_lines, ranges_markdown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd


def table_caption(
    summary: pd.DataFrame,
    resources: pd.DataFrame,
    methods: Mapping,
    metrics: Mapping,
    dataset: str,
    *,
    label: str | None = None,
    scored: Mapping | None = None,
    overall: pd.DataFrame | None = None,
    ranges: pd.DataFrame | None = None,
    weights: Mapping[str, float] | None = None,
    definition: str | None = None,
) -> str:
    """Write the caption of the table of one data set; parameters as those of :func:`table.plot_table`."""
    here = of_dataset(summary, dataset)
    shown = definition_of(here, definition)
    rows = table_rows(here, of_dataset(resources, dataset), methods, shown)
    columns, _ = metric_columns(here, metrics, shown)
    real = [row for row in rows if not row.control]
    names = [
        f"{GROUP_LABELS[group]}: {', '.join(escape_rst(metric_label(metrics, m)) for m in columns[group]) or 'none'}."
        for group in (*shown.groups, BESIDE)
        if columns[group] or group != BESIDE
    ]
    whose = "" if shown.name == "scib" else f" Metrics of the {shown.label}."
    lines = [
        f"**{escape_rst(label or dataset)}**: {_count(len(real), 'method')} and "
        f"{_count(len(rows) - len(real), 'control')}, {_seeds(rows)}.{whose}",
        " ".join(names),
        f"Overall is {weights_words(weights)} of the raw values, computed per run and then averaged. Numbers are means "
        "over seeds ± the half-width of the 95 % t-interval; one run has no interval. Controls are grey, below the "
        "line.",
        *map(escape_rst, range_lines(ranges, dataset, shown, methods, metrics)),
        *map(escape_rst, implementation_sentences([name for group in columns.values() for name in group], metrics)),
        *map(escape_rst, sample_sentences(scored)),
        *_failure_sentences(rows),
        *(f"Warning: {escape_rst(text)}" for text in _warnings_of(dataset, here, methods, overall)),
    ]
    return _paragraphs(lines)


def implementation_sentences(names: Collection[str], metrics: Mapping) -> list[str]:
    """Say which implementation gave the values of some metrics: one text, plain; none where no metric says it."""
    by_implementation: dict[str, list[str]] = {}
    for name in names:
        if given := metrics.get(name, {}).get("implementation"):
            by_implementation.setdefault(given, []).append(metric_label(metrics, name))
    parts = [f"{', '.join(labels)}: {given}." for given, labels in by_implementation.items()]
    return [f"Implementations. {' '.join(parts)}"] if parts else []


def _warnings_of(dataset: str, summary: pd.DataFrame, methods: Mapping, overall: pd.DataFrame | None) -> list[str]:
    return find_warnings(summary, methods, None if overall is None else of_dataset(overall, dataset))


def umap_caption(
    dataset: str,
    *,
    label: str | None = None,
    n_cells: int,
    n_total: int | None = None,
    seed: int,
    shown_seed: int | None = None,
    failed: Mapping[str, str] | None = None,
) -> str:
    """Write the caption of a UMAP grid.

    Parameters
    ----------
    dataset, label
        Name of the data set, and its name for people.
    n_cells, n_total
        Cells drawn, and cells there are.
    seed
        Seed of the layout and of the draw.
    shown_seed
        Seed of the runs that are shown, where there are several.
    failed
        Status by label of the methods without a result.
    """
    sampled = n_total is not None and n_total > n_cells
    cells = (
        f"{n_cells:,} of {n_total:,} cells drawn at random, the same in every panel"
        if sampled
        else f"{n_cells:,} cells"
    )
    shown = f" Runs of seed {shown_seed}." if shown_seed is not None else ""
    lines = [
        f"**{escape_rst(label or dataset)}**: UMAP by batch (above) and by label (below), {cells}.{shown}",
        "Laid out from the neighbour graph that the metrics use (15 neighbours, Euclidean), min\\_dist 0.3, spread 1, "
        f"seed {seed}; cells are drawn in random order. A UMAP shows no distances: read the table for a verdict.",
    ]
    if failed:
        parts = ", ".join(f"{escape_rst(name)} ({_word(status)})" for name, status in failed.items())
        lines.append(f"Without a result: {parts}.")
    return _paragraphs(lines)


def resources_caption(
    resources: pd.DataFrame,
    methods: Mapping,
    dataset: str,
    *,
    label: str | None = None,
    machine: str | None = None,
    per_training: bool = False,
) -> str:
    """Write the caption of the bars of time and memory; parameters as those of :func:`resources.plot_resources`."""
    table = of_dataset(resources, dataset)
    failed = bool((table["status"] != "ok").any())
    time, parts = "wall time", "The fit is in full colour, start, load and write lighter."
    if per_training:
        time = f"time (fit, per training; {trainings_of(table) or 'no run ended well'})"
        parts = "Memory is that of a run with all its trainings. No start, load or write is in the time."
    lines = [
        f"**{escape_rst(label or dataset)}**: {time} and peak memory of each method, mean over its runs; points are "
        "single runs.",
        f"{parts} No download, preparation, metric or UMAP is in it.",
        "Failed runs are hatched, to the limit they reached or as far as they came." if failed else "No run failed.",
    ]
    probes = sorted(table["probe"].dropna().astype(str).unique()) if "probe" in table else []
    if probes:
        lines.append(f"Memory probe: {escape_rst(', '.join(probes))}.")
    if machine:
        lines.append(f"Machine: {escape_rst(machine)}.")
    return _paragraphs(lines)


def landing_page(facts: Mapping) -> str:
    """Write the first page of the report: what was run, on what machine, with which versions, and how it went.

    Parameters
    ----------
    facts
        Every key may be missing, and its section with it:
        ``title``, ``when`` (texts);
        ``datasets``: dicts of name, label, verified (None where there is nothing to verify), n_cells, n_scored,
        n_batches, n_labels;
        ``methods``: dicts of name, label, control, uses_labels, params (those that differ from the defaults);
        ``seeds``: numbers; ``metrics``: dicts of name, label, group;
        ``statuses``: number of runs by status; ``warnings``: plain sentences;
        ``machine``, ``versions``: values by name, shown in their order.

    Returns
    -------
    reStructuredText; every value is escaped.
    """
    title = escape_rst(facts.get("title", "Benchmark of single-cell integration"))
    parts = [f"{title}\n{'=' * len(title)}"]
    if facts.get("when"):
        parts.append(f"Written {escape_rst(facts['when'])}.")
    sections = {
        "How it went": _outcome(facts),
        "Data sets": [_dataset_line(d) for d in facts.get("datasets", ())],
        "Methods": [_method_line(m) for m in facts.get("methods", ())],
        "Metrics": _metric_lines(facts.get("metrics", ())),
        "Machine": [f"{escape_rst(key)}: {escape_rst(value)}" for key, value in facts.get("machine", {}).items()],
        "Versions": [f"{escape_rst(key)} {escape_rst(value)}" for key, value in facts.get("versions", {}).items()],
    }
    for name, lines in sections.items():
        if lines:
            parts.append(f"{name}\n{'-' * len(name)}")
            parts.append("\n".join(f"- {line}" for line in lines))
    return "\n\n".join(parts) + "\n"


def _outcome(facts: Mapping) -> list[str]:
    statuses = {status: n for status, n in facts.get("statuses", {}).items() if n}
    lines = []
    if statuses:
        counts = ", ".join(f"{n} {_word(status)}" for status, n in statuses.items())
        lines.append(f"{_count(sum(statuses.values()), 'run')}: {counts}")
    seeds = list(facts.get("seeds", ()))
    if seeds:
        lines.append(f"{_count(len(seeds), 'seed')}: {escape_rst(', '.join(map(str, seeds)))}")
    return lines + [f"**Warning**: {escape_rst(text)}" for text in facts.get("warnings", ())]


def _dataset_line(dataset: Mapping) -> str:
    state = {True: "files verified by checksum", False: "**unverified**: no checksum was known before the download"}
    sizes = [
        f"{dataset[key]:,} {word}"
        for key, word in (("n_cells", "cells"), ("n_batches", "batches"), ("n_labels", "labels"))
        if dataset.get(key)
    ]
    if dataset.get("n_scored", dataset.get("n_cells")) != dataset.get("n_cells"):
        sizes.append(f"{dataset['n_scored']:,} cells scored")
    known = state.get(dataset.get("verified"))
    return "; ".join([f"**{_named(dataset)}**", *([", ".join(sizes)] if sizes else []), *([known] if known else [])])


def _method_line(method: Mapping) -> str:
    marks = [word for key, word in (("control", "control"), ("uses_labels", "uses labels")) if method.get(key)]
    params = ", ".join(f"{key} = {value}" for key, value in (method.get("params") or {}).items())
    return "; ".join([f"**{_named(method)}**", *marks, *([escape_rst(params)] if params else [])])


def _metric_lines(metrics: Sequence[Mapping]) -> list[str]:
    """A line for each group of metrics that has some."""
    titles = {}
    for definition in DEFINITIONS.values():
        whose = "" if definition.name == "scib" else f", {definition.label}"
        titles |= {group: f"{GROUP_LABELS[group]}{whose}" for group in definition.groups}
    titles |= {BESIDE: "Beside, in no overall score", "align": GROUP_TITLES["align"]}
    lines = []
    for group, title in titles.items():
        names = [escape_rst(m.get("label", m["name"])) for m in metrics if m.get("group") == group]
        lines += [f"{title}: {', '.join(names)}"] if names else []
    return lines


def _named(facts: Mapping) -> str:
    name, label = str(facts["name"]), str(facts.get("label", facts["name"]))
    return escape_rst(label if label == name else f"{label} ({name})")


def _word(status: str) -> str:
    return escape_rst(STATUS_WORDS.get(status, status))


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _seeds(rows: list[Row]) -> str:
    counts = sorted({value.n for row in rows for value in row.values.values()})
    if not counts:
        return "no run with scores"
    return f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]} runs each"


def _failure_sentences(rows: list[Row]) -> list[str]:
    parts = [f"{escape_rst(row.label)} ({escape_rst(row.message)})" for row in rows if row.failed]
    partly = [
        f"{escape_rst(row.label)} ({row.n_ok} of {row.n_runs} runs ended well)"
        for row in rows
        if not row.failed and row.n_ok < row.n_runs
    ]
    return ([f"Without numbers: {', '.join(parts)}."] if parts else []) + (
        [f"Some runs failed: {', '.join(partly)}."] if partly else []
    )


def _paragraphs(lines: Sequence[str]) -> str:
    return "\n\n".join(lines) + "\n"


def summary_markdown(
    summary: pd.DataFrame,
    resources: pd.DataFrame,
    methods: Mapping | None = None,
    metrics: Mapping | None = None,
    scored: Mapping[str, Mapping] | None = None,
    *,
    overall: pd.DataFrame | None = None,
    ranges: pd.DataFrame | None = None,
) -> str:
    """Write the summary as Markdown tables, one per data set and definition of the metrics.

    Parameters
    ----------
    summary, resources
        As for :func:`table.plot_table`.
    methods, metrics
        Facts by name; names stand for themselves without them.
    scored
        Which cells were scored, by data set, as :func:`portal_lib.reporting._sample.sample_sentences` takes it.
    overall, ranges
        As for :func:`table.plot_table`; with them the other scalings stand beside the raw scores, and further tables
        hold who set their ranges and what the treatments of missing metrics give.

    Returns
    -------
    Rows in the order of the figure; "mean ± half-width", "mean (n=1)" where there is no interval, "n/a" where a metric
    does not apply, such as "(3/5)" behind a score of which metrics are missing, and the status of a method without
    numbers.
    """
    methods, metrics = methods or {}, metrics or {}
    names = dict.fromkeys([*summary["dataset"].astype(str), *resources["dataset"].astype(str)])
    parts = []
    for name in names:
        here = of_dataset(summary, name), of_dataset(resources, name)
        parts.append(f"### {_markdown(name)}\n")
        for shown in _definitions_of(here[0]):
            if shown.name != "scib":
                parts.append(f"#### Metrics of the {shown.label}\n")
            parts.append(_markdown_table(name, *here, methods, metrics, shown, overall))
            more = [] if overall is None else [missing_markdown(overall, name, shown, methods)]
            more += [] if ranges is None else [ranges_markdown(ranges, name, shown, methods, metrics)]
            parts += filter(None, more)
        said = sample_sentences((scored or {}).get(name))
        parts += [_markdown(" ".join(said)) + "\n"] if said else []
    return "\n".join(parts)


def _definitions_of(summary: pd.DataFrame) -> list[Definition]:
    """Definitions of which a data set has metrics; scIB's where it has none."""
    there = set(summary["group"].astype(str))
    return [one for one in DEFINITIONS.values() if there & set(one.groups)] or [definition_of(summary)]


def _markdown_table(
    dataset: str,
    summary: pd.DataFrame,
    resources: pd.DataFrame,
    methods: Mapping,
    metrics: Mapping,
    shown: Definition,
    overall: pd.DataFrame | None,
) -> str:
    columns, _ = metric_columns(summary, metrics, shown)
    placed = standings(overall, dataset, shown)
    scaled = [name for name in scalings_of(placed) if name != "raw"]
    order = [name for group in shown.groups for name in (group, *columns[group])] + columns[BESIDE]
    titles = ["Overall (raw)" if scaled else "Overall", *(f"Overall ({SCALING_WORDS[name]})" for name in scaled)]
    titles += [_title(metrics, name, shown) for name in order]
    lines = [_cells(["Method", "Runs", *titles]), _cells(["---", "---:", *["---:"] * len(titles)])]
    for row in table_rows(summary, resources, methods, shown):
        marks = "".join(
            f" ({word})" for word, has in (("control", row.control), ("uses labels", row.uses_labels)) if has
        )
        if row.failed:
            numbers = [_markdown(row.message)] + [""] * (len(titles) - 1)
        else:
            others = placed.get(row.name, Standing())
            numbers = [_number(row.values.get(shown.overall)), *(_number(others.values.get(name)) for name in scaled)]
            numbers += [_number(row.values.get(name)) + _used(row, columns.get(name)) for name in order]
        lines.append(_cells([_markdown(row.label) + marks, f"{row.n_ok}/{row.n_runs}", *numbers]))
    return "\n".join(lines) + "\n"


def _title(metrics: Mapping, name: str, shown: Definition) -> str:
    if name in shown.groups:
        return GROUP_LABELS[name].partition(" ")[0]
    arrow = " ↓" if metrics.get(name, {}).get("better") == "lower" else ""
    return _markdown(metric_label(metrics, name)) + arrow


def _used(row: Row, names: list[str] | None) -> str:
    """How many of the metrics a group's score is made of, where some are missing."""
    used = sum(name in row.values for name in names or ())
    return f" ({used}/{len(names)})" if names and used < len(names) else ""


def _number(value: Value | None) -> str:
    if value is None:
        return "n/a"
    return (
        f"{value.mean:.3f} {value.interval}"
        if np.isfinite(value.half_width)
        else f"{value.mean:.3f} ({value.interval})"
    )
