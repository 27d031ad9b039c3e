"""What a method can ask of prepared data: which genes, and components of them; and embeddings that are given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anndata import AnnData

    from portal_lib.preparation.prepared import Prepared

# Sets of genes that a method can ask for, and the fact of the preparation that is their number.
GENE_SETS = {"highly_variable": "highly_variable_genes", "portal": "portal_genes", "all": "n_genes"}
# Components that a method can work on: their genes, and how these are scaled.
COMPONENTS = {
    "X_pca": ("portal", "per batch"),
    "X_unintegrated": ("highly_variable", "no"),
    "X_scaled": ("highly_variable", "over all cells"),
    "X_scaled_per_batch": ("highly_variable", "per batch"),
}
# Separators of tables by the ending of their files, which ``.gz`` may follow.
SEPARATORS = {".csv": ",", ".tsv": "\t"}


def table_separator(path: str | Path) -> str | None:
    """What separates the fields of a table, by the ending of its file; None if this is no name of a table."""
    return SEPARATORS.get(Path(str(path).lower().removesuffix(".gz")).suffix)


def is_table(text: str) -> bool:
    """Whether this is the name of a table, by its ending; else it is the key of an embedding."""
    return table_separator(text) is not None


def input_facts(data: AnnData | Prepared, genes: str, components: str | None) -> dict[str, Any]:
    """What a method works on.

    Parameters
    ----------
    data
        Prepared data, of which ``uns["preparation"]`` is read.
    genes
        The genes whose counts it gets, one of :data:`GENE_SETS`.
    components
        The components that it works on, one of :data:`COMPONENTS`; None for the counts.

    Returns
    -------
    ``genes`` (``"all"`` also where every gene of the data is in the set), their number ``n_genes``, and ``scaled``:
    ``"no"``, ``"over all cells"`` or ``"per batch"``.
    """
    genes, scaled = (genes, "no") if components is None else COMPONENTS[components]
    facts = data.uns["preparation"]
    n_genes = int(facts[GENE_SETS[genes]])
    return {"genes": "all" if n_genes == facts["n_genes"] else genes, "n_genes": n_genes, "scaled": scaled}
