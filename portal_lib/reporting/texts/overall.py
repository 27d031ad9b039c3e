"""Words about overall scores: warnings, captions and Markdown of scalings, ranges, missing metrics and ranks."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from portal_lib.reporting._overall import (
    ALL,
    MOVED_NOTE,
    SCALING_WORDS,
    SCALINGS,
    STEADY,
    TREATMENT_WORDS,
    TREATMENTS,
    end_words,
    joined_sets,
    left_out_sentence,
    means_by_dataset,
    of_kind,
    range_facts,
    separation,
    weights_words,
)
from portal_lib.reporting._rows import DEFINITIONS, Definition, Value, facts_of, method_label, metric_label
from portal_lib.reporting._words import escape_markdown, escape_rst, table_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

# The shuffle that keeps the labels together: uses them, and is to be beaten all the same.
SHUFFLED_WITHIN_LABELS = "shuffle_by_label"
UNCORRECTED = "unintegrated"
# The treatments of missing metrics by which methods are compared with controls.
COMPARED = ("ignore", "complete")


def find_warnings(
    summary: pd.DataFrame, methods: Mapping[str, Mapping], overall: pd.DataFrame | None = None
) -> list[str]:
    """Name the methods that score overall below a control that they should beat, and by which scores.

    Parameters
    ----------
    summary
        Columns dataset, method, metric, mean; the raw scores ``overall`` and ``portal_overall`` are read.
    methods
        Facts by name: label, control, uses_labels.
    overall
        ``overall.tsv``: the other scores. Without it only the raw ones are compared, missing metrics left out.

    Returns
    -------
    One sentence per data set, method and definition of the metrics, plain text, in the order of the names.

    Notes
    -----
    To be beaten: the uncorrected data, every control that does not see the labels, and ``shuffle_by_label``, whose
    batches are mixed ideally while the labels are as in the uncorrected data; variants of them, too. Means are
    compared; that two of them can be told apart is not asked. Scores of different metrics are not alike, so those of
    the metrics that every run has are compared as well.
    """
    found = []
    for definition in DEFINITIONS.values():
        means = _means(summary, overall, definition)
        for dataset in sorted({dataset for dataset, _, _ in means}):
            found += [
                (dataset, name, _warning(dataset, name, sentence, definition, methods))
                for name, sentence in _below(dataset, means, methods)
            ]
    return [sentence for _, _, sentence in sorted(found, key=lambda item: item[:2])]


def _means(summary: pd.DataFrame, overall: pd.DataFrame | None, definition: Definition) -> dict[tuple, dict]:
    """Mean by data set, kind (scaling and treatment of missing metrics) and method."""
    raw = summary[(summary["metric"] == definition.overall) & summary["mean"].notna()]
    parts = [raw.assign(scaling="raw", missing="ignore")]
    for missing in COMPARED if overall is not None else ():
        rows = means_by_dataset(overall, definition.overall, missing=missing)
        parts.append(rows[(rows["dataset"] != ALL) & ((rows["scaling"] != "raw") | (missing != "ignore"))])
    columns = ["dataset", "scaling", "missing", "method", "mean"]
    table = pd.concat([part[columns] for part in parts if len(part)] or [parts[0][columns]])
    table = table.astype(dict.fromkeys(columns[:-1], str))
    return {(row.dataset, (row.scaling, row.missing), row.method): float(row.mean) for row in table.itertuples()}


def _below(dataset: str, means: Mapping[tuple, float], methods: Mapping) -> list[tuple[str, str]]:
    """Each method with the controls above it, and by which scores they are."""
    names = sorted({name for one, _, name in means if one == dataset})
    floor = [name for name in names if _is_floor(name, facts_of(methods, name))]
    made = []
    for name in names:
        if name in floor or facts_of(methods, name).get("control"):
            continue
        parts = []
        for control in floor:
            pairs = {
                kind: (means[dataset, kind, name], means[dataset, kind, control])
                for kind in product(SCALINGS, COMPARED)
                if (dataset, kind, name) in means and (dataset, kind, control) in means
            }
            words = [
                f"{_kind_words(*kind)} {pair[0]:.3f} against {pair[1]:.3f}"
                for kind, pair in pairs.items()
                if pair[0] < pair[1] and (kind[1] == "ignore" or not _same(pair, pairs.get((kind[0], "ignore"))))
            ]
            if words:
                parts.append(f"{method_label(methods, control)} ({', '.join(words)})")
        if parts:
            made.append((name, "; ".join(parts)))
    return made


def _kind_words(scaling: str, missing: str) -> str:
    return SCALING_WORDS[scaling] + ("" if missing == "ignore" else " over the metrics that every run has")


def _same(pair: tuple[float, float], other: tuple[float, float] | None) -> bool:
    return other is not None and np.allclose(pair, other, rtol=0, atol=1e-9)


def _warning(dataset: str, name: str, above: str, definition: Definition, methods: Mapping) -> str:
    whose = "" if definition.name == "scib" else f" of the {definition.label}"
    return f"{dataset}: {method_label(methods, name)} has a lower overall score{whose} than {above}."


def _is_floor(name: str, facts: Mapping) -> bool:
    if name.split(".")[0] in (SHUFFLED_WITHIN_LABELS, UNCORRECTED):
        return True
    return bool(facts.get("control")) and not facts.get("uses_labels")


def range_lines(
    ranges: pd.DataFrame | None, dataset: str, definition: Definition, methods: Mapping, metrics: Mapping
) -> list[str]:
    """Say of each scaling over which runs the metrics were scaled and which run set which end; plain text."""
    lines = []
    for scaling in ("minmax", "control"):
        ends, reasons = range_facts(ranges, dataset, definition, scaling)
        if len(ends):
            parts = []
            pairs = dict(list(ends.groupby(ends["metric"].astype(str))))
            for metric in _in_order(pairs, metrics):
                pair = pairs[metric]
                low, high = (next(pair[pair["end"] == end].itertuples()) for end in ("low", "high"))
                of = f"{int(low.n_runs)} runs, {end_words(low, methods)} to {end_words(high, methods)}"
                parts.append(f"{metric_label(metrics, metric)}: {of}")
            runs = "all runs of this data set" if scaling == "minmax" else "the runs of its controls"
            lines.append(f"{SCALING_WORDS[scaling].capitalize()} over {runs}. {'; '.join(parts)}.")
            lines[-1] = " ".join([lines[-1], *left_out_sentence(reasons, metrics)])
    return lines


def ranges_markdown(
    ranges: pd.DataFrame, dataset: str, definition: Definition, methods: Mapping, metrics: Mapping
) -> str:
    """Write the ends of every metric that is scaled, and who set them, as a Markdown table; empty without any."""
    rows: dict[str, dict[str, str]] = {}
    said = []
    for scaling in ("minmax", "control"):
        ends, reasons = range_facts(ranges, dataset, definition, scaling)
        for end in ends.itertuples():
            cells = rows.setdefault(str(end.metric), {})
            cells[f"{scaling} {end.end}"] = end_words(end, methods)
            cells[scaling] = f"{int(end.n_runs)}"
        said += [f"{SCALING_WORDS[scaling].capitalize()}: {line}" for line in left_out_sentence(reasons, metrics)]
    if not rows:
        return ""
    order = [f"{scaling}{end}" for scaling in ("minmax", "control") for end in ("", " low", " high")]
    titles = [f"{SCALING_WORDS[s]}: {word}" for s in ("minmax", "control") for word in ("runs", "low end", "high end")]
    lines = [f"#### Ranges of the scaled scores{_whose(definition)}", ""]
    lines += [table_line(["Metric", *titles]), table_line(["---", *(["---:", "---", "---"] * 2)])]
    for metric in _in_order(rows, metrics):
        cells = [escape_markdown(rows[metric].get(name, "–")) for name in order]
        lines.append(table_line([escape_markdown(metric_label(metrics, metric)), *cells]))
    return "\n".join(lines + (["", escape_markdown(" ".join(said))] if said else [])) + "\n"


def _in_order(names: Collection[str], metrics: Mapping) -> list[str]:
    """Metrics in the order of the facts, others by name after them."""
    places = {name: place for place, name in enumerate(metrics)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def _whose(definition: Definition) -> str:
    return "" if definition.name == "scib" else f" ({definition.label})"


def missing_markdown(overall: pd.DataFrame, dataset: str, definition: Definition, methods: Mapping) -> str:
    """Write overall scores and ranks under each treatment of missing metrics; empty where none is missing.

    Parameters
    ----------
    overall
        ``overall.tsv``.
    dataset
        Which data set of it.
    definition
        Whose metrics.
    methods
        Facts by name.
    """
    here = overall[(overall["dataset"].astype(str) == str(dataset)) & overall["mean"].notna()]
    here = here.assign(method=here["method"].astype(str))
    counted = here[(here["scaling"] == "raw") & (here["missing"] == "ignore")]
    if not (counted[counted["group"] == definition.overall].eval("n_used < n_total")).any():
        return ""
    scores = of_kind(here, definition.overall)
    there = [name for name in SCALINGS if name in set(scores["scaling"])]
    titles = [f"{SCALING_WORDS[scaling]}: {TREATMENT_WORDS[missing]}" for scaling in there for missing in TREATMENTS]
    lines = [
        f"#### Missing metrics, treated in three ways{_whose(definition)}",
        "",
        table_line(["Method", "Batch metrics", "Bio metrics", *titles]),
        table_line(["---", *["---:"] * (len(titles) + 2)]),
    ]
    cells = {key: row.iloc[0] for key, row in scores.groupby(["method", "scaling", "missing"])}
    for name in _by_rank(scores, methods):
        counts = [
            _counts(counted[(counted["group"] == group) & (counted["method"] == name)]) for group in definition.groups
        ]
        numbers = [_ranked_cell(cells.get((name, scaling, missing))) for scaling in there for missing in TREATMENTS]
        moved = any(
            pd.notna(row["rank_range"]) and row["rank_range"] > STEADY for key, row in cells.items() if key[0] == name
        )
        label = escape_markdown(method_label(methods, name)) + (" ‡" if moved else "")
        lines.append(table_line([label, *counts, *numbers]))
    mark = [MOVED_NOTE] if any(" ‡ |" in line for line in lines) else []
    return "\n".join([*lines, "", escape_markdown(" ".join(["In brackets: the rank.", *mark]))]) + "\n"


def _counts(rows: pd.DataFrame) -> str:
    return f"{int(rows.iloc[0]['n_used'])}/{int(rows.iloc[0]['n_total'])}" if len(rows) else "–"


def _ranked_cell(row: pd.Series | None) -> str:
    if row is None:
        return "–"
    return f"{row['mean']:.3f}" + (f" ({int(row['rank'])})" if pd.notna(row["rank"]) else "")


def _by_rank(scores: pd.DataFrame, methods: Mapping) -> list[str]:
    """Names, best raw mean first, controls last."""
    raw = of_kind(scores, scores["group"].iloc[0], "raw", "ignore").set_index("method")["mean"]
    names = set(scores["method"])
    return sorted(names, key=lambda name: (bool(facts_of(methods, name).get("control")), -raw.get(name, -np.inf), name))


def ranks_markdown(overall: pd.DataFrame, differences: pd.DataFrame, methods: Mapping, definition: Definition) -> str:
    """Write for each scaling the methods by rank, and from which others each cannot be told apart.

    Parameters
    ----------
    overall, differences
        ``overall.tsv`` and ``differences.tsv``.
    methods
        Facts by name.
    definition
        Whose metrics.
    """
    parts = []
    for scaling in SCALINGS:
        table = means_by_dataset(overall, definition.overall, scaling)
        datasets = list(dict.fromkeys(table.loc[table["dataset"] != ALL, "dataset"]))
        if not datasets:
            continue
        whole = ALL if len(datasets) > 1 else datasets[0]
        table = table[(table["dataset"] == whole) & table["rank"].notna()].sort_values(["rank", "method"])
        names = list(table["method"])
        apart = separation(differences, scaling, definition.overall, whole)
        over = f"{len(datasets)} data sets" if len(datasets) > 1 else "seeds"
        lines = [
            f"#### Ranks, {SCALING_WORDS[scaling]}: mean over {over}\n",
            table_line(["Rank", "Method", "Overall", "Not told apart from"]),
            table_line(["---:", "---", "---:", "---"]),
        ]
        for row in table.itertuples(index=False):
            value = Value(float(row.mean), float(row.half_width), int(row.n))
            others = _others(row.method, names, apart, methods)
            cells = [
                str(int(row.rank)),
                escape_markdown(method_label(methods, row.method)),
                f"{value.mean:.3f} {value.interval}",
            ]
            lines.append(table_line([*cells, others]))
        parts.append("\n".join(lines) + "\n")
    if parts:
        parts.append(
            "Two methods are told apart where the 95 % t-interval of their paired differences, one for each pair, "
            'leaves out 0; "?": there is no interval. Controls, and methods that lack a data set, have no rank.\n'
        )
    return "\n".join(parts)


def _others(name: str, names: Sequence[str], apart: Callable[[str, str], str], methods: Mapping) -> str:
    """Names of the methods from which one is not told apart."""
    words = {"no": "", "unknown": " (?)"}
    found = [(other, apart(name, other)) for other in names if other != name]
    return (
        ", ".join(escape_markdown(method_label(methods, other)) + words[word] for other, word in found if word in words)
        or "–"
    )


def ranks_caption(
    overall: pd.DataFrame,
    differences: pd.DataFrame,
    methods: Mapping,
    *,
    scaling: str = "raw",
    definition: str = "scib",
    weights: Mapping[str, float] | None = None,
) -> str:
    """Write the caption of the rank plot; parameters as those of :func:`ranks.plot_ranks`."""
    kind = DEFINITIONS[definition]
    table = means_by_dataset(overall, kind.overall, scaling)
    datasets = list(dict.fromkeys(table.loc[table["dataset"] != ALL, "dataset"]))
    head = f"**Methods by overall score** ({SCALING_WORDS[scaling]}; {kind.label}; {weights_words(weights)}): "
    if not datasets:
        return f"{head}no method has such a score; there is nothing to compare.\n"
    whole = ALL if len(datasets) > 1 else datasets[0]
    table = table[(table["dataset"] == whole) & table["rank"].notna()].sort_values(["rank", "method"])
    over = f"{len(datasets)} data sets, each counting once" if len(datasets) > 1 else "seeds"
    lines = [f"{head}mean over {over}, with the 95 % t-interval."]
    if len(table) < 2:
        lines.append("Fewer than two methods have a rank; there is nothing to compare.")
    else:
        apart = separation(differences, scaling, kind.overall, whole)
        lines += _separation_sentences(list(table["method"]), apart, methods)
        lines.append(
            "The interval of a difference is for that pair alone. Over several data sets it is over data sets, as "
            "seeds on one of them say nothing of another; with one data set it is over seeds."
        )
    return "\n\n".join(lines) + "\n"


def _separation_sentences(names: list[str], apart: Callable[[str, str], str], methods: Mapping) -> list[str]:
    """Sets of methods that are not told apart, and of those of which that cannot be told."""
    starts = {
        "no": "Joined, as not told apart: the interval of their paired differences holds 0: ",
        "unknown": "Joined by broken bars, as it cannot be told: there is no interval of their paired differences: ",
    }
    lines = []
    for word, start in starts.items():
        sets = joined_sets(names, lambda a, b, word=word: word if apart(a, b) == word else "yes")
        labels = [", ".join(escape_rst(method_label(methods, name)) for name in members) for members in sets]
        lines += [f"{start}{'; '.join(labels)}."] if sets else []
    return lines or ["Every two methods are told apart by their paired differences."]
