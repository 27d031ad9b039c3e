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


def closed(optional=(), **properties):
    """A map with exactly these keys, some of which may be missing."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


SCHEMAS = {
    "datasets": closed(
        label=TEXT,
        task={"const": "integrate"},
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
        optional=["uses_pairs", "baseline"],
        label=TEXT,
        task={"enum": ["integrate", "align", ["integrate", "align"]]},
        output={"enum": ["embed", "knn", "full", "translate", "joint"]},
        environment=TEXT,
        device={"enum": ["cpu", "any"]},
        threads={"type": "integer", "minimum": 1},
        memory_gb={"type": "number", "exclusiveMinimum": 0},
        stochastic=FLAG,
        uses_pairs=FLAG,
        uses_labels=FLAG,
        control=FLAG,
        # Every method should beat it; where it is not stated, a control that does not use labels.
        baseline=FLAG,
        params=PARAMS,
        citation=TEXT,
    ),
    "metrics": closed(
        label=TEXT,
        definition={"enum": ["scib", "portal", "extra"]},
        implementation=TEXT,
        fast=FLAG,
        group={"enum": ["batch", "bio", "portal_batch", "portal_bio", "auxiliary"]},
        needs={
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {
                "enum": [
                    *("embedding", "graph", "clusters", "before", "label", "batch"),
                    *("expression", "corrected", "pseudotime", "organism"),
                ]
            },
        },
        range={"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": ["number", "null"]}},
        better={"enum": ["higher", "lower"]},
        citation=TEXT,
    ),
}
# The same of the task align.
ALIGN_SCHEMAS = {
    "datasets": closed(
        label=TEXT,
        task={"const": "align"},
        organism=TEXT,
        files={"type": "array", "items": FILE},
        resampled_per_seed=FLAG,
        max_trainings={"type": "integer", "minimum": 1},
        figures={"type": "array", "uniqueItems": True, "items": {"enum": ["cells", "destinations", "markers"]}},
        shown={"type": "array", "minItems": 0, "maxItems": 2, "items": TEXT},
        expected={"type": "object"},
        params=PARAMS,
        defaults={"type": "object"},
        citation=TEXT,
        licence=TEXT,
    ),
    "methods": SCHEMAS["methods"],
    "metrics": closed(
        optional=["by_feature", "parts", "shown_parts", "baseline_value", "collapse", "note"],
        label=TEXT,
        group={"const": "align"},
        # Where the metric stands in tables.
        block={"enum": ["align", "translate"]},
        order={"type": "integer", "minimum": 1},
        needs={
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"enum": ["translated", "reconstructed", "target", "joint", "partner", "label", "image"]},
        },
        range={"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": ["number", "null"]}},
        better={"enum": ["higher", "lower"]},
        # Judges feature by feature: computed where features are hidden.
        by_feature={"const": True},
        # Parts that are not a mean, and what they are.
        parts={"type": "object", "additionalProperties": {"enum": ["count", "proportion"]}},
        # Parts that tables show in place of the metric.
        shown_parts={"type": "array", "minItems": 1, "items": TEXT},
        # Value of a translation without information, where that is not the bad end of the range.
        baseline_value={"type": "number"},
        # Parts whose mean below a value is a sign of mode collapse.
        collapse={"type": "object", "additionalProperties": {"type": "number"}},
        # A sentence below a table.
        note=TEXT,
        citation=TEXT,
    ),
}


def task_of(kind, facts):
    """The task that a plug-in is about; the first that a method states."""
    if kind == "metrics":
        return "align" if facts.get("group") == "align" else "integrate"
    task = facts.get("task")
    return task if isinstance(task, str) else task[0]


def schema_of(kind, facts):
    """What the facts of a plug-in must be."""
    return (ALIGN_SCHEMAS if task_of(kind, facts) == "align" else SCHEMAS)[kind]


def of_task(kind, found, task):
    """The plug-ins of a task, by name."""
    tasks = {name: facts["task"] if kind == "methods" else task_of(kind, facts) for name, facts in found.items()}
    return {
        name: found[name] for name, stated in tasks.items() if task in ([stated] if isinstance(stated, str) else stated)
    }
