"""How gene names of several files differ, in words: symbols and Ensembl ids, case, version suffixes, prefixes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

ENSEMBL = re.compile(r"ENS[A-Z]*G\d{6,}(\.\d+)?")
GENOME = re.compile(r"^(?:hg19|hg38|GRCh3[78]|mm10|mm39|GRCm3[89])_+", re.IGNORECASE)
VERSION = re.compile(r"\.\d+$")
# What makes names equal that are not, and its name.
CHANGES: dict[str, Callable[[str], str]] = {
    "without version suffixes (ENSG00000141510.17)": lambda name: VERSION.sub("", name),
    "without regard to upper and lower case": str.casefold,
    "without the prefix of a genome (hg19_TP53)": lambda name: GENOME.sub("", name),
    "without spaces at the ends": str.strip,
}
# Of the genes of the smaller file: fewer shared names than this are explained.
FEW = 0.8
# How many names the kind is read from.
LOOKED_AT = 2000


class GenesOfFile(NamedTuple):
    """Gene names of one file.

    Parameters
    ----------
    file
        Its name in messages.
    genes
        Names, shape (n_genes,).
    table
        Function that returns its table var, columns of which may hold other names.
    """

    file: str
    genes: pd.Index
    table: Callable[[], pd.DataFrame]


def kind_of(genes: pd.Index) -> str:
    """``"Ensembl ids"``, ``"Ensembl ids with versions"``, ``"numbers"`` or ``"symbols"``: what most names are."""
    names = [str(name) for name in genes[:LOOKED_AT]]
    ids = [found for found in map(ENSEMBL.fullmatch, names) if found]
    if len(ids) > len(names) / 2:
        return "Ensembl ids with versions" if sum(bool(found[1]) for found in ids) > len(ids) / 2 else "Ensembl ids"
    return "numbers" if sum(name.isdecimal() for name in names) > len(names) / 2 else "symbols"


def difference(files: Sequence[GenesOfFile], n_shared: int) -> str:
    """Sentences on the names that files have, and on what would make more of them equal.

    Parameters
    ----------
    files
        Two or more.
    n_shared
        Number of names that all of them have.
    """
    first, other = _least_alike(files)
    have = "; ".join(
        f"{one.file} has {len(one.genes):,} ({', '.join(map(repr, map(str, one.genes[:3])))}: {kind_of(one.genes)})"
        for one in (first, other)
    )
    said = f"the {len(files)} files share {n_shared:,} gene names. {have}."
    return f"{said} {_remedy(first, other)}"


def _least_alike(files: Sequence[GenesOfFile]) -> tuple[GenesOfFile, GenesOfFile]:
    """The first file, and the one that shares the smallest part of its names with it."""
    first, *others = files
    return first, min(others, key=lambda one: _shared(first.genes, one.genes) / max(len(one.genes), 1))


def _remedy(first: GenesOfFile, other: GenesOfFile) -> str:
    """What makes most names equal."""
    there = _shared(first.genes, other.genes)
    found = {
        f"{change.capitalize()} {first.file} and {other.file} share {n:,}. Rename the genes of one of them.": n
        for change, apply in CHANGES.items()
        if (n := _shared(first.genes.astype(str).map(apply), other.genes.astype(str).map(apply))) > there
    }
    for one, reference in ((other, first), (first, other)):
        for name, values in _texts(one.table()).items():
            n = _shared(values, reference.genes)
            said = f"var['{name}'] of {one.file} holds {n:,} names of {reference.file}: "
            found[f"{said}set adata.var_names = adata.var['{name}'], unique, and write it again."] = n
    best = max(found, key=lambda text: found[text], default=None)
    if best is not None and found[best] > 1.2 * there:
        return best
    kinds = {kind_of(one.genes) for one in (first, other)}
    return "Name the genes of all files in the same way." if len(kinds) > 1 or not there else "Are they of one species?"


def _texts(table: pd.DataFrame) -> dict[str, pd.Index]:
    """Columns of text."""
    return {
        str(name): pd.Index(column.dropna().astype(str))
        for name, column in table.items()
        if isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column.dtype)
    }


def _shared(names: pd.Index, others: pd.Index) -> int:
    return len(set(names) & set(others))
