"""Words of the report: captions and landing page in reStructuredText, the table in Markdown."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

import numpy as np

from portal_lib.reporting._rows import (
    AGGREGATES,
    GROUPS,
    STATUS_WORDS,
    Row,
    facts_of,
    method_label,
    metric_columns,
    metric_label,
    of_dataset,
    table_rows,
)
from portal_lib.reporting._sample import sample_sentences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

# A backslash takes the meaning of the next character in reStructuredText; it also breaks Jinja's braces, through which
# Snakemake sends every caption.
_ESCAPES = str.maketrans({char: f"\\{char}" for char in string.punctuation if char not in ",;/"})
_MARKDOWN_ESCAPES = str.maketrans({char: f"\\{char}" for char in "\\`*_{}[]<>#|~"})

# The shuffle that keeps the labels together: uses them, and is to be beaten all the same.
SHUFFLED_WITHIN_LABELS = "shuffle_by_label"
UNCORRECTED = "unintegrated"


def escape_rst(text: object) -> str:
    """Make a text of any origin mean only itself in reStructuredText and in Jinja.

    Parameters
    ----------
    text
        A name, a reason, a version.

    Returns
    -------
    One line; runs of white space are one space.
    """
    return " ".join(str(text).split()).translate(_ESCAPES)


def find_warnings(summary: pd.DataFrame, methods: Mapping[str, Mapping]) -> list[str]:
    """Name the methods that score overall below a control that they should beat.

    Parameters
    ----------
    summary
        Columns dataset, method, metric, mean; only ``overall`` is read.
    methods
        Facts by name: label, control, uses_labels.

    Returns
    -------
    One sentence per data set and method, plain text, in the order of the names.

    Notes
    -----
    To be beaten: the uncorrected data, every control that does not see the labels, and ``shuffle_by_label``, whose
    batches are mixed ideally while the labels are as in the uncorrected data.
    """
    table = summary[(summary["metric"] == "overall") & summary["mean"].notna()]
    found = []
    for dataset, scores in table.groupby(table["dataset"].astype(str), sort=True):
        means = dict(zip(scores["method"].astype(str), scores["mean"].astype(float), strict=True))
        floor = {name: mean for name, mean in means.items() if _is_floor(name, facts_of(methods, name))}
        for name in sorted(set(means) - set(floor)):
            above = {control: mean for control, mean in floor.items() if mean > means[name]}
            if above and not facts_of(methods, name).get("control"):
                names = ", ".join(f"{method_label(methods, c)} ({above[c]:.3f})" for c in sorted(above))
                found.append(f"{dataset}: {method_label(methods, name)} ({means[name]:.3f} overall) is below {names}.")
    return found


def _is_floor(name: str, facts: Mapping) -> bool:
    if name in (SHUFFLED_WITHIN_LABELS, UNCORRECTED):
        return True
    return bool(facts.get("control")) and not facts.get("uses_labels")


def table_caption(
    summary: pd.DataFrame,
    resources: pd.DataFrame,
    methods: Mapping,
    metrics: Mapping,
    dataset: str,
    *,
    label: str | None = None,
    scored: Mapping | None = None,
) -> str:
    """Write the caption of the table of one data set; parameters as those of :func:`table.plot_table`."""
    rows = table_rows(of_dataset(summary, dataset), of_dataset(resources, dataset), methods)
    columns, _ = metric_columns(of_dataset(summary, dataset), metrics)
    real = [row for row in rows if not row.control]
    names = {
        group: ", ".join(escape_rst(metric_label(metrics, m)) for m in columns[group]) or "none" for group in GROUPS
    }
    lines = [
        f"**{escape_rst(label or dataset)}**: {_count(len(real), 'method')} and "
        f"{_count(len(rows) - len(real), 'control')}, {_seeds(rows)}.",
        f"Batch correction: {names['batch']}. Bio conservation: {names['bio']}.",
        "Overall is 0.4 batch + 0.6 bio of the raw values, computed per run and then averaged. Numbers are means over "
        "seeds ± the half-width of the 95 % t-interval; one run has no interval. Controls are grey, below the line.",
        *map(escape_rst, sample_sentences(scored)),
        *_failure_sentences(rows),
        *(f"Warning: {escape_rst(text)}" for text in find_warnings(of_dataset(summary, dataset), methods)),
    ]
    return _paragraphs(lines)


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
    resources: pd.DataFrame, methods: Mapping, dataset: str, *, label: str | None = None, machine: str | None = None
) -> str:
    """Write the caption of the bars of time and memory; parameters as those of :func:`resources.plot_resources`."""
    table = of_dataset(resources, dataset)
    failed = bool((table["status"] != "ok").any())
    lines = [
        f"**{escape_rst(label or dataset)}**: wall time and peak memory of each method, mean over its runs; points are "
        "single runs.",
        "The fit is in full colour, start, load and write lighter. No download, preparation, metric or UMAP is in it.",
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
    lines = []
    for group, title in (("batch", "Batch correction"), ("bio", "Bio conservation")):
        names = [escape_rst(m.get("label", m["name"])) for m in metrics if m.get("group") == group]
        if names:
            lines.append(f"{title}: {', '.join(names)}")
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
) -> str:
    """Write the summary as Markdown tables, one per data set.

    Parameters
    ----------
    summary, resources
        As for :func:`table.plot_table`.
    methods, metrics
        Facts by name; names stand for themselves without them.
    scored
        Which cells were scored, by data set, as :func:`portal_lib.reporting._sample.sample_sentences` takes it.

    Returns
    -------
    Rows in the order of the figure; "mean ± half-width", "mean (n=1)" where there is no interval, "n/a" where a metric
    does not apply, and the status of a method without numbers.
    """
    methods, metrics = methods or {}, metrics or {}
    names = dict.fromkeys([*summary["dataset"].astype(str), *resources["dataset"].astype(str)])
    said = {name: sample_sentences((scored or {}).get(name)) for name in names}
    return "\n".join(_markdown_table(name, summary, resources, methods, metrics, said[name]) for name in names)


def _markdown_table(
    dataset: str, summary: pd.DataFrame, resources: pd.DataFrame, methods: Mapping, metrics: Mapping, said: list[str]
) -> str:
    summary, resources = of_dataset(summary, dataset), of_dataset(resources, dataset)
    columns, _ = metric_columns(summary, metrics)
    order = ["overall", *(name for group in GROUPS for name in (group, *columns[group]))]
    titles = [name.capitalize() if name in AGGREGATES else _markdown(metric_label(metrics, name)) for name in order]
    lines = [
        f"### {_markdown(dataset)}",
        "",
        _cells(["Method", "Runs", *titles]),
        _cells(["---", "---:", *["---:"] * len(order)]),
    ]
    for row in table_rows(summary, resources, methods):
        marks = "".join(
            f" ({word})" for word, has in (("control", row.control), ("uses labels", row.uses_labels)) if has
        )
        runs = f"{row.n_ok}/{row.n_runs}"
        if row.failed:
            numbers = [_markdown(row.message)] + [""] * (len(order) - 1)
        else:
            numbers = [_number(row, name) for name in order]
        lines.append(_cells([_markdown(row.label) + marks, runs, *numbers]))
    if said:
        lines += ["", _markdown(" ".join(said))]
    return "\n".join(lines) + "\n"


def _number(row: Row, name: str) -> str:
    value = row.values.get(name)
    if value is None:
        return "n/a"
    return (
        f"{value.mean:.3f} {value.interval}"
        if np.isfinite(value.half_width)
        else f"{value.mean:.3f} ({value.interval})"
    )


def _markdown(text: object) -> str:
    return " ".join(str(text).split()).translate(_MARKDOWN_ESCAPES)


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
