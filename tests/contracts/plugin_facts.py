"""What the facts of a plug-in must be: one JSON schema per kind, closed."""

import re

NAME = re.compile(r"[a-z][a-z0-9_]*")
TEXT = {"type": "string", "minLength": 2}
FLAG = {"type": "boolean"}
PARAMS = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["default", "type", "description"],
        "properties": {"description": TEXT},
    },
}
FILE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "url", "sha256", "bytes", "licence"],
    "properties": {
        "name": {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]*$"},
        "url": {"type": "string", "pattern": "^https://"},
        "sha256": {"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"},
        "bytes": {"type": ["integer", "null"], "minimum": 1},
        "licence": TEXT,
    },
}


def closed(**properties):
    """A map with exactly these keys."""
    required = list(properties)
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


SCHEMAS = {
    "datasets": closed(
        label=TEXT,
        task={"enum": ["integrate"]},
        organism=TEXT,
        files={"type": "array", "items": FILE},
        batch_key=TEXT,
        label_key=TEXT,
        batches={"type": "array", "minItems": 2, "uniqueItems": True, "items": {"type": "string"}},
        expected={"type": "object"},
        params=PARAMS,
        citation=TEXT,
        licence=TEXT,
    ),
    "methods": closed(
        label=TEXT,
        task={"enum": ["integrate"]},
        output={"enum": ["embed", "knn", "full"]},
        environment=TEXT,
        device={"enum": ["cpu", "any"]},
        threads={"type": "integer", "minimum": 1},
        memory_gb={"type": "number", "exclusiveMinimum": 0},
        stochastic=FLAG,
        uses_labels=FLAG,
        control=FLAG,
        params=PARAMS,
        citation=TEXT,
    ),
    "metrics": closed(
        label=TEXT,
        group={"enum": ["batch", "bio"]},
        needs={
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"enum": ["embedding", "graph", "clusters", "before", "label", "batch"]},
        },
        range={"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "number"}},
        better={"enum": ["higher"]},
        citation=TEXT,
    ),
}
