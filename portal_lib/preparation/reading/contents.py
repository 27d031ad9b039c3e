"""What a file holds: counts, likely batches and labels, genes, and the problems that a run would meet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from portal_lib._text import some
from portal_lib.errors import DataError
from portal_lib.preparation.cell_cycle import cycle_genes
from portal_lib.preparation.checks import check_input, look_at, scan
from portal_lib.preparation.columns import as_categorical
from portal_lib.preparation.reading.gene_names import kind_of
from portal_lib.preparation.reading.rows import rows_of
from portal_lib.preparation.reading.sources import Source, open_source

if TYPE_CHECKING:
    from anndata import AnnData

# Beginnings of words in the names of columns, the most likely first.
BATCH_WORDS = (
    *("batch", "donor", "patient", "individual", "subject", "sample", "library", "orig_ident", "dataset", "study"),
    *("experiment", "project", "channel", "lane", "plate", "pool", "run", "replicate", "tech", "protocol", "platform"),
    *("assay", "method", "chemistry", "site", "center", "source"),
)
LABEL_WORDS = (
    *("cell_type", "celltype", "cell_label", "cell_annotation", "annotation", "annot", "label", "cell_ontology"),
    *("cell_class", "cell_identity", "cell_state", "cluster", "leiden", "louvain", "seurat_cluster", "subclass"),
    *("class", "type", "identity", "ident"),
)
# Columns of ids go after columns of names.
ID = re.compile(r"ontology|term_id|_id_|_uuid")
# Most categories of batches and labels; a column with more is a name of cells or a measurement.
MOST = 1000
SPECIES_CODE = re.compile(r"ENS([A-Z]*)G\d")
SPECIES = {"": "human", "MUS": "mouse", "RNO": "rat", "DAR": "zebrafish", "MMU": "macaque", "SSC": "pig"}
# Symbols of ribosomal proteins and mitochondrial genes; with those of the cell cycle they identify the species.
FAMILIES = {"human": re.compile(r"RP[LS]\d+\w*|MT-\w+"), "mouse": re.compile(r"Rp[ls]\d+\w*|mt-\w+")}
FEWEST_GENES = 10
# Batches that are listed one by one.
SHOWN = 12
# Organisms with scores of the cell cycle.
ORGANISMS = ("human", "mouse")
# Plain text in YAML; words that it reads as something else are quoted.
PLAIN = re.compile(r"[A-Za-z_/][\w./-]*", re.ASCII)
YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan"}


@dataclass(frozen=True)
class Contents:
    """What a file holds; as text, what ``python -m portal_lib inspect`` prints.

    Parameters
    ----------
    name
        The file.
    shape
        Cells × genes of X.
    matrices
        What each matrix holds, in words, by its place: ``X``, ``layers['counts']``, ``raw.X``.
    layer
        The value of the setting `layer` that selects the counts; None for X, also where there are no counts.
    mod
        The modality, of a file that holds several.
    batches, labels, others
        Number of cells of each category, by column: columns that are likely batches, or labels, the most likely first,
        and all other columns of categories.
    batch_key, label_key
        The columns chosen; None if there is none.
    genes
        Kind of the gene names and the species, in words.
    organism
        ``"human"``, ``"mouse"`` ...; None if it is unknown.
    genes_per_batch
        Number of genes with at least one count, by batch.
    notes, problems
        Unusual but valid input; what a run would refuse.
    """

    name: str
    shape: tuple[int, int]
    matrices: dict[str, str]
    layer: str | None
    mod: str | None
    batches: dict[str, pd.Series]
    labels: dict[str, pd.Series]
    others: dict[str, pd.Series]
    batch_key: str | None
    label_key: str | None
    genes: str
    organism: str | None
    genes_per_batch: dict[str, int]
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def config(self) -> str:
        """The entry of a configuration that runs the file, as YAML."""
        name = re.sub(r"[^A-Za-z0-9_-]", "_", Path(self.name).stem).lstrip("_-") or "mine"
        keys = {"name": name, "path": self.name, "batch": self.batch_key or "COLUMN", "label": self.label_key}
        keys |= {
            "mod": self.mod,
            "layer": self.layer,
            "organism": self.organism if self.organism in ORGANISMS else None,
        }
        lines = [f"{key}: {_yaml(value)}" for key, value in keys.items() if value is not None]
        return "\n".join(["datasets:", f"  - {lines[0]}", *(f"    {line}" for line in lines[1:])])

    def __str__(self) -> str:
        n_cells, n_genes = self.shape
        parts = [f"{self.name}: {n_cells:,} cells × {n_genes:,} genes"]
        parts.append(_section("Matrices", (f"{place} {words}" for place, words in self.matrices.items())))
        chosen = {self.batch_key, self.label_key}
        groups = {"Likely batches": self.batches, "Likely labels": self.labels, "Other columns": self.others}
        for title, columns in groups.items():
            lines = [_column(name, sizes, n_cells, chosen) for name, sizes in columns.items()]
            parts.append(_section(title, lines or (["none"] if title != "Other columns" else [])))
        parts.append(_section("Genes", [self.genes]))
        parts.append(_section(f"Genes with counts, by {self.batch_key}", _fewest(self.genes_per_batch)))
        parts += [_section("Notes", self.notes), _section("Problems that a run would meet", self.problems or ["none"])]
        parts.append(f"Configuration\n{self.config}")
        return "\n\n".join(filter(None, parts))


def inspect(
    data: AnnData | str | Path,
    *,
    batch_key: str | None = None,
    label_key: str | None = None,
    layer: str | None = None,
    mod: str | None = None,
) -> Contents:
    """Look into a file before a run.

    Parameters
    ----------
    data
        Cells × genes, in any form that :func:`portal_lib.preparation.reading.sources.open_source` accepts; not changed.
    batch_key, label_key
        Columns of obs; None for the most likely ones.
    layer
        Where the counts are: the name of a layer, or ``"raw"``; None for X or, where X holds no counts, the first layer
        that does.
    mod
        The modality, of files that hold several.

    Returns
    -------
    What it holds. Matrices are read in chunks: memory does not depend on the number of cells, but for obs.

    Raises
    ------
    DataError
        The file cannot be read, or there is no such layer.
    """
    name = str(data) if isinstance(data, str | Path) else "the data"
    with open_source(data, mod=mod) as source:
        columns, genes = source.columns, source.genes
        found = _matrices(source)
    if layer is None and not found["X"][0]:
        layer = next((_layer_of(place) for place in _by_preference(found) if found[place][0]), None)
    with open_source(data, layer=layer, mod=mod, keys=columns) as source:
        groups = _columns(source.obs)
        batch_key = batch_key or next(iter(groups["batches"]), None)
        label_key = label_key or next((key for key in groups["labels"] if key != batch_key), None)
        genes_per_batch = _genes_per_batch(source, batch_key)
    keys = {"batch_key": batch_key, "label_key": label_key}
    notes, problems = _problems(data, name, columns, **keys, layer=layer, mod=mod)
    words, organism = gene_names(genes)
    return Contents(
        name,
        (len(source.obs), len(genes)),
        {place: text for place, (_, text) in found.items()},
        layer,
        mod,
        **groups,
        batch_key=batch_key,
        label_key=label_key,
        genes=words,
        organism=organism,
        genes_per_batch=genes_per_batch,
        notes=list(dict.fromkeys([*source.notes, *notes])),
        problems=problems,
    )


def gene_names(genes: pd.Index) -> tuple[str, str | None]:
    """Kind and species of gene names in words, and the species, None if it is unknown.

    Parameters
    ----------
    genes
        Names, shape (n_genes,).

    Notes
    -----
    Ensembl ids name their species. Symbols are of the species of which most genes of the cell cycle, of ribosomal
    proteins and of mitochondria are among them; those of other mammals are written as human ones.
    """
    names, kind = [str(name) for name in genes], kind_of(genes)
    example = some(map(repr, names), 3)
    if kind.startswith("Ensembl"):
        codes = pd.Series([found[1] for name in names if (found := SPECIES_CODE.match(name))]).value_counts()
        species = SPECIES.get(str(codes.index[0]))
        return f"{kind} of {species or 'another species'} ({example})", species
    n_found = {
        one: sum(map(len, cycle_genes(pd.Index(names), one)[0])) + sum(bool(symbol.fullmatch(name)) for name in names)
        for one, symbol in FAMILIES.items()
    }
    species = max(n_found, key=lambda one: n_found[one])
    if n_found[species] < FEWEST_GENES:
        return f"{kind} of an unknown species ({example})", None
    return f"{kind} of {species} ({example})", species


def _matrices(source: Source) -> dict[str, tuple[bool, str]]:
    """Whether each matrix holds counts, and what it holds in words, by its place."""
    n_genes = source.shape[1]
    found = {"X": (False, f"is {source.found or 'missing'}") if source.rows is None else look_at(source.rows)}
    for name, stored in source.others.items():
        rows = rows_of(stored)
        with nullcontext() if rows is None else closing(rows):
            is_counts, words = look_at(rows)
            if rows is not None and rows.shape[1] != n_genes:
                words += f", of {rows.shape[1]:,} genes"
        found["raw.X" if name == "raw" else f"layers['{name}']"] = is_counts, words
    return found


def _by_preference(places: Iterable[str]) -> list[str]:
    """Places of counts: X, a layer called counts, other layers, raw."""
    return sorted(places, key=lambda place: (place != "X", place == "raw.X", place != "layers['counts']"))


def _layer_of(place: str) -> str | None:
    """The value of the setting `layer` that selects a place."""
    return {"X": None, "raw.X": "raw"}.get(place, place.removeprefix("layers['").removesuffix("']"))


def _columns(obs: pd.DataFrame) -> dict[str, dict[str, pd.Series]]:
    """Number of cells of each category, by column, in the groups of :class:`Contents`."""
    ranked: dict[str, list[tuple[int, str, pd.Series]]] = {"batches": [], "labels": [], "others": []}
    for name in obs.columns:
        ranks = {group: _rank(str(name), words) for group, words in (("batches", BATCH_WORDS), ("labels", LABEL_WORDS))}
        group = min(ranks, key=lambda one: ranks[one])
        group = "others" if ranks[group] == np.inf else group
        sizes = _sizes(obs[name], named=group != "others")
        if sizes is not None:
            ranked[group].append((int(ranks.get(group, 0)), str(name), sizes))
    return {
        group: {name: sizes for _, name, sizes in sorted(columns, key=lambda column: column[0])}
        for group, columns in ranked.items()
    }


def _rank(name: str, words: Iterable[str]) -> float:
    """How likely a column is what the words say, by its name: 0 is most likely, infinite is not at all."""
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    ranks = [rank for rank, word in enumerate(words) if re.search(rf"(^|_){word}", plain)]
    return min(ranks, default=np.inf) + (100 if ID.search(plain) else 0)


def _sizes(column: pd.Series, *, named: bool) -> pd.Series | None:
    """Number of cells of each category, largest first; None for a column that has none.

    Numbers are categories only in a column whose name says so, and if they are whole.
    """
    values = column.dropna()
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        if not named or (values % 1 != 0).any():
            return None
        values = values.astype(np.int64)
    sizes = pd.Series(as_categorical(values)).value_counts()
    return sizes if 2 <= len(sizes) <= min(MOST, max(2, len(column) // 2)) else None


def _genes_per_batch(source: Source, batch_key: str | None) -> dict[str, int]:
    """Number of genes with at least one count in each batch; empty without batches or counts."""
    if batch_key not in source.obs or source.rows is None or source.rows.shape != source.shape or 0 in source.shape:
        return {}
    batch = as_categorical(source.obs[batch_key])
    found = (scan(source, batch).total > 0).sum(axis=1)
    return {str(name): int(n) for name, n in zip(batch.categories, found, strict=True)}


def _problems(data, name: str, columns: list[str], *, batch_key: str | None, **how) -> tuple[list[str], list[str]]:
    """Notes and problems of the checks of a run."""
    if batch_key is None:
        found = some(columns, 20) or "no columns"
        return [], [
            f"no column of obs looks like batches. Found: {found}. Name it in 'batch'; if each of "
            "several files is one batch, list them in 'path', and set 'batch' to 'file'."
        ]
    try:
        return check_input(data, batch_key=batch_key, data_name=name, **how), []
    except DataError as error:
        first, *lines = str(error).split("\n  ")
        return [], lines or [first.removeprefix(f"{name}: ")]


def _section(title: str, lines: Iterable[str]) -> str:
    """A title and indented lines; empty without lines."""
    listed = [f"  {line}" for line in lines]
    return "\n".join([title, *listed]) if listed else ""


def _column(name: str, sizes: pd.Series, n_cells: int, chosen: set[str | None]) -> str:
    """A column, its number of categories and the largest of these; a star marks the chosen ones."""
    listed = some(f"{str(category)!r} ({n:,})" for category, n in sizes.items())
    star = "*" if name in chosen else ""
    empty = f"; empty for {n:,} cells" if (n := n_cells - int(sizes.sum())) else ""
    low, high = int(sizes.min()), int(sizes.max())
    cells = f"{low:,} cells each" if low == high else f"{low:,} to {high:,} cells"
    return f"{name}{star}: {len(sizes):,} categories of {cells}: {listed}{empty}"


def _fewest(genes_per_batch: dict[str, int]) -> list[str]:
    """Number of genes of each batch; of many batches the range, and those with the fewest genes."""
    listed = sorted(genes_per_batch.items(), key=lambda item: item[1])
    if len(listed) <= SHOWN:
        return [f"{name}: {n:,}" for name, n in genes_per_batch.items()]
    fewest = some(f"{name!r} ({n:,})" for name, n in listed)
    return [f"{listed[0][1]:,} to {listed[-1][1]:,}; fewest in {fewest}"]


def _yaml(text: str) -> str:
    """A text as a value in YAML, quoted where needed."""
    return text if PLAIN.fullmatch(text) and text.lower() not in YAML_WORDS else json.dumps(text, ensure_ascii=False)
