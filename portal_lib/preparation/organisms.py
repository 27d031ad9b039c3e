"""Names of organisms, in one spelling."""

SPECIES = {"homo sapiens": "human", "mus musculus": "mouse"}
# Those of which the genes of the cell cycle are known.
KNOWN = ("human", "mouse")


def organism_of(name: str | None) -> str:
    """The organism in one spelling: ``Human`` and ``Homo_sapiens`` are ``human``."""
    spelt = " ".join(str(name).replace("_", " ").lower().split())
    return SPECIES.get(spelt, spelt)
