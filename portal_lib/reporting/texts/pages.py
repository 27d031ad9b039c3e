"""The texts of a report: its first page, the captions of its figures, and the summary in Markdown."""

from collections.abc import Iterable, Mapping
from typing import Any

from portal_lib.errors import DataError
from portal_lib.reporting._align import GROUP_TITLES
from portal_lib.reporting._overall import RANK_NOTE, SCALING_WORDS, SCALINGS, weights_words
from portal_lib.reporting._rows import AUXILIARY, DEFINITIONS, GROUP_LABELS, STATUS_WORDS
from portal_lib.reporting.texts import align, integrate, overall
from portal_lib.reporting.texts.preparation import preparation_rows
from portal_lib.reporting.texts.published import published_rows, sources
from portal_lib.reporting.texts.render import render, template_names
from portal_lib.reporting.texts.report import Report, common_facts, implementations

# Facts of the texts of each task: ``CAPTIONS``, ``section_facts`` and ``warnings``.
TASKS = {"integrate": integrate, "align": align}


def report_texts(report: Report, figures: Iterable[str]) -> dict[str, str]:
    """Write the first page and the captions of figures.

    Parameters
    ----------
    report
        What was run, its tables, and the facts of its plug-ins.
    figures
        Stems of the files of figures, such as ``table_scib.toy_atlas``: name, dot, and data set or other key.

    Returns
    -------
    reStructuredText by ``landing`` and stem.
    """
    return {"landing": landing_page(report)} | {stem: caption(report, stem) for stem in figures}


def caption(report: Report, stem: str) -> str:
    """Write the caption of one figure.

    The template is that of the figure's name. A name with a version behind it (``table_scib``) takes the template of
    the name alone and has the fact ``version``. Facts of the figure's own are optional: see ``CAPTIONS`` of the task.
    """
    figure, _, key = stem.partition(".")
    template, version = split_version(figure)
    data = next((data for data in report.facts["datasets"] if data["name"] == key), None)
    facts: dict[str, Any] = {"version": version, "scalings": SCALING_WORDS}
    facts["weights"] = weights_words(report.facts["weights"])
    facts |= {"key": key} if data is None else common_facts(report, data)
    captions = overall.CAPTIONS if data is None else TASKS[data["task"]].CAPTIONS
    if own := captions.get(template):
        facts |= own(report, data or key, version)
    return render(f"captions/{template}.rst", facts)


def split_version(figure: str) -> tuple[str, str]:
    """Template of a figure, and the version behind its name; empty where the figure has none."""
    names = [name for name in template_names() if figure == name or figure.startswith(f"{name}_")]
    if not names:
        raise DataError(f"figure '{figure}' has no caption: reporting/templates/captions/{figure}.rst.j2 is missing")
    name = max(names, key=len)
    return name, figure[len(name) + 1 :]


def landing_page(report: Report) -> str:
    """Write the first page: what was run, on which machine, with which versions, and how it went."""
    facts = report.facts
    statuses = {STATUS_WORDS.get(status, status): n for status, n in facts["statuses"].items() if n}
    warnings = [
        {**warning, "label": data["label"]}
        for data in facts["datasets"]
        for warning in TASKS[data["task"]].warnings(report, data["name"])
    ]
    own = {"statuses": statuses, "warnings": warnings, "groups": _metric_groups(facts["metrics"])}
    own |= {"preparations": preparation_rows(report)}
    own["added"] = _added_controls(facts["datasets"])
    return render("landing.rst", {**facts, **own})


def _added_controls(datasets: Iterable[Mapping]) -> list[dict]:
    """Labels of the controls that were added to the configuration, with those of the data sets that got the same."""
    found: dict[tuple, list[str]] = {}
    for data in datasets:
        if data.get("added"):
            found.setdefault(tuple(data["added"]), []).append(data["label"])
    return [{"controls": list(controls), "datasets": labels} for controls, labels in found.items()]


def _metric_groups(metrics: Iterable[Mapping]) -> dict[str, list[str]]:
    """Labels of metrics by the title of their group."""
    titles: dict[str, str] = {}
    for definition in DEFINITIONS.values():
        whose = "" if definition.name == "scib" else f" ({definition.label})"
        titles |= {group: f"{GROUP_LABELS[group]}{whose}" for group in definition.groups}
    titles |= {AUXILIARY: "Auxiliary, part of no overall score", "align": GROUP_TITLES["align"]}
    found = {title: [one["label"] for one in metrics if one["group"] == group] for group, title in titles.items()}
    return {title: labels for title, labels in found.items() if labels}


def summary_page(report: Report) -> str:
    """Write the summary in Markdown: a section per data set, ranks, implementations, and published numbers."""
    summary = report.tables["summary"]
    with_value = set(summary.loc[summary["mean"].notna(), "metric"])
    ranks = [
        overall.rank_facts(report, scaling, definition)
        for definition in report.facts["definitions"]
        for scaling in SCALINGS
    ]
    facts = {
        "sections": [_section(report, data) for data in report.facts["datasets"]],
        "preparations": preparation_rows(report),
        "ranks": [rank for rank in ranks if rank["n_datasets"]],
        "implementations": implementations([name for name in report.metrics if name in with_value], report.metrics),
        "published": published_rows(report),
        "sources": sources(report),
    }
    return render("summary.md", facts)


def _section(report: Report, data: Mapping) -> str:
    """Section of one data set, by the template of its task."""
    own = TASKS[data["task"]].section_facts(report, data)
    facts = {**data, **own, "scalings": SCALING_WORDS, "rank_note": RANK_NOTE}
    return render(f"summary/{data['task']}.md", facts)
