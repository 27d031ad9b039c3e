"""All texts of a report: its first page, the captions of its figures, and the summary in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal_lib.reporting._rows import DEFINITIONS
from portal_lib.reporting._words import escape_markdown
from portal_lib.reporting.texts import align as align_text
from portal_lib.reporting.texts import integrate as text
from portal_lib.reporting.texts import overall as overall_text
from portal_lib.reporting.texts.published import published_markdown

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

# Of the overall scores, those that have a figure of ranks.
SCALINGS = ("raw", "minmax")


def report_texts(facts: Mapping, tables: Mapping[str, pd.DataFrame], methods: Mapping, metrics: Mapping) -> dict:
    """Write the first page and every caption.

    Parameters
    ----------
    facts
        As :func:`text.landing_page` takes them, with ``weights`` and ``definitions``; each data set has ``task``,
        ``machine``, ``seed`` (the one that is drawn); to integrate ``sample``, ``umap_cells``, ``umap_seed`` and
        ``failed``; to align ``asked``, ``figures`` and ``shown``.
    tables
        ``scores``, ``summary``, ``resources``, ``destinations``, ``overall``, ``ranges`` and ``differences``;
        ``published``, as :func:`portal_lib.benchmark.tables.published.compare_published` makes it, where a paper is
        about these data.
    methods, metrics
        Facts by name.

    Returns
    -------
    reStructuredText by ``landing`` and ``{figure}.{dataset}``.
    """
    texts = {"landing": text.landing_page(facts)} | _rank_captions(facts, tables, methods)
    for data in facts["datasets"]:
        if data["task"] == "align":
            found = _align_captions(data, tables, methods, metrics)
        else:
            found = _integrate_captions(data, facts, tables, methods, metrics)
        found["resources"] = text.resources_caption(
            tables["resources"],
            methods,
            data["name"],
            label=data["label"],
            machine=data["machine"],
            per_training=data["task"] == "align",
        )
        texts |= {f"{figure}.{data['name']}": caption for figure, caption in found.items()}
    return texts


def _rank_captions(facts: Mapping, tables: Mapping, methods: Mapping) -> dict[str, str]:
    parts = tables["overall"], tables["differences"], methods
    words = {"weights": facts["weights"]}
    return {
        f"ranks_{definition}.{scaling}": overall_text.ranks_caption(
            *parts, scaling=scaling, definition=definition, **words
        )
        for definition in facts["definitions"]
        for scaling in SCALINGS
    }


def _integrate_captions(
    data: Mapping, facts: Mapping, tables: Mapping, methods: Mapping, metrics: Mapping
) -> dict[str, str]:
    name, label = data["name"], data["label"]
    words = {"label": label, "scored": data["sample"], "weights": facts["weights"]}
    words |= {"overall": tables["overall"], "ranges": tables["ranges"]}
    both = tables["summary"], tables["resources"]
    cells = {"n_cells": min(data["n_scored"], data["umap_cells"]), "n_total": data["n_cells"]}
    seeds = {"seed": data["umap_seed"], "shown_seed": data["seed"], "failed": data["failed"]}
    found = {"umap": text.umap_caption(name, label=label, **cells, **seeds)}
    for definition in facts["definitions"]:
        caption = text.table_caption(*both, methods, metrics, name, definition=definition, **words)
        found[f"table_{definition}"] = caption
    return found


def _align_captions(data: Mapping, tables: Mapping, methods: Mapping, metrics: Mapping) -> dict[str, str]:
    name, label = data["name"], data["label"]
    read, published = _align_tables(tables), _published_here(tables, name)
    found = {"scores": align_text.align_scores_caption(*read, methods, metrics, name, label=label, asked=data["asked"])}
    if "destinations" in data["figures"]:
        found["destinations"] = align_text.destinations_caption(tables["destinations"], methods, name, label=label)
    if "markers" in data["figures"]:
        words = {"published": published, "label": label}
        found["markers"] = align_text.markers_caption(tables["summary"], methods, metrics, name, **words)
    elif published is not None:
        found["published"] = align_text.published_caption(published, name, label=label)
    if "cells" in data["figures"] and data["shown"]:
        found["cells"] = align_text.cells_caption(label=label, features=tuple(data["shown"]), seed=data["seed"])
    elif "cells" in data["figures"]:
        found["cells"] = align_text.images_caption(label=label, seed=data["seed"], truth="what they should become")
    return found


def _align_tables(tables: Mapping) -> tuple[pd.DataFrame, ...]:
    """What the words about scores of the task align are made of."""
    return tables["summary"], tables["resources"], tables["scores"]


def _published_here(tables: Mapping, name: str) -> pd.DataFrame | None:
    """Published numbers about one data set beside ours; nothing where there are none."""
    here = tables["published"][tables["published"]["dataset"] == name] if "published" in tables else ()
    return here if len(here) else None


def summary_page(facts: Mapping, tables: Mapping[str, pd.DataFrame], methods: Mapping, metrics: Mapping) -> str:
    """Write the summary in Markdown: a section for each data set, who computed the metrics, and published numbers.

    Parameters
    ----------
    facts, tables, methods, metrics
        As for :func:`report_texts`.
    """
    parts, both = [], (tables["summary"], tables["resources"])
    for data in facts["datasets"]:
        if data["task"] == "align":
            words = {"label": data["label"], "asked": data["asked"], "markers": "markers" in data["figures"]}
            parts.append(align_text.align_markdown(*_align_tables(tables), methods, metrics, data["name"], **words))
        else:
            here = [table[table["dataset"].astype(str) == data["name"]] for table in both]
            words = {"overall": tables["overall"], "ranges": tables["ranges"]}
            parts.append(text.summary_markdown(*here, methods, metrics, {data["name"]: data["sample"]}, **words))
    for definition in facts["definitions"]:
        found = tables["overall"], tables["differences"], methods, DEFINITIONS[definition]
        parts.append(overall_text.ranks_markdown(*found))
    valued = set(tables["summary"].loc[tables["summary"]["mean"].notna(), "metric"])
    said = text.implementation_sentences([name for name in metrics if name in valued], metrics)
    parts += [f"{escape_markdown(sentence)}\n" for sentence in said]
    if "published" in tables and len(tables["published"]):
        parts.append("### Published and ours\n\n" + published_markdown(tables["published"], methods, metrics))
    return "\n".join(parts)
