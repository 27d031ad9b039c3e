"""Schemas of plug-in facts: one closed schema for each kind and task, checked before a run is planned.

They describe facts with the defaults of :data:`portal_lib.benchmark.registry.DEFAULTS` filled in. Jobs of the workflow
read facts without this check (:mod:`portal_lib.benchmark.registry`), so that the environment of a method needs no
``jsonschema``.
"""

import re
from functools import cache
from string import Formatter
from typing import Any

from portal_lib._text import suggest_or_list
from portal_lib.benchmark import registry, tasks
from portal_lib.benchmark.config import schema
from portal_lib.benchmark.data.figure_inputs import FIGURE_FACTS, INPUTS
from portal_lib.errors import ConfigError
from portal_lib.preparation.inputs import COMPONENTS, GENE_SETS

NAME = re.compile(r"[a-z][a-z0-9_]*")
TEXT = {"type": "string", "minLength": 2}
FLAG = {"type": "boolean"}
MAP = {"type": "object"}


def _closed(optional=(), **properties) -> dict:
    """A map with exactly these keys, some of which are optional."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _subset(*words: str, least: int = 0) -> dict:
    """A list of some of these keywords."""
    return {"type": "array", "minItems": least, "uniqueItems": True, "items": {"enum": list(words)}}


PARAMS = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["default", "type", "description"],
        "properties": {"description": TEXT},
    },
}
FILE = _closed(
    name={"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]*$"},
    url={"type": "string", "pattern": "^https://"},
    sha256={"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"},
    bytes={"type": ["integer", "null"], "minimum": 1},
    licence=TEXT,
)
# Of the data sets of every task.
DATASET = {
    "label": TEXT,
    "task": TEXT,
    "organism": TEXT,
    "files": {"type": "array", "items": FILE},
    "expected": MAP,
    "params": PARAMS,
    "citation": TEXT,
    "licence": TEXT,
}
DATASETS = {
    "integrate": _closed(
        optional=["batches"],
        **DATASET,
        batch_key=TEXT,
        label_key=TEXT,
        # In order; by default as they appear in the data.
        batches={"type": "array", "minItems": 2, "uniqueItems": True, "items": {"type": "string"}},
    ),
    "align": _closed(
        **DATASET,
        # Whether known pairs are resampled for each seed, and the maximum number of trainings of a model over all
        # seeds.
        resampled_per_seed=FLAG,
        max_trainings={"type": "integer", "minimum": 1},
        figures=_subset("cells", "destinations", "markers"),
        shown={"type": "array", "maxItems": 2, "items": TEXT},
        # Parameters of methods on this data set.
        defaults=MAP,
    ),
}
METHOD = _closed(
    optional=["baseline", "input"],
    label=TEXT,
    task={"enum": ["integrate", "align", ["integrate", "align"]]},
    output={"enum": ["embed", "knn", "full", "translate", "joint"]},
    # Task integrate: the genes whose counts it gets, and the components that it works on, if not its `use_rep`.
    genes={"enum": list(GENE_SETS)},
    input={"enum": list(COMPONENTS)},
    environment=TEXT,
    device={"enum": ["cpu", "any"]},
    threads={"type": "integer", "minimum": 1},
    memory_gb={"type": "number", "exclusiveMinimum": 0},
    stochastic=FLAG,
    # Whether known pairs, or labels, change the result.
    uses_pairs=FLAG,
    uses_labels=FLAG,
    control=FLAG,
    # Whether its result has trained models that can be saved.
    has_model=FLAG,
    # Whether it reads embeddings that were made elsewhere: an entry of `datasets` asks for it, not one of `methods`.
    given=FLAG,
    # Whether every method should beat it; by default, if it is a control that does not see the labels.
    baseline=FLAG,
    params=PARAMS,
    citation=TEXT,
)
# Of the metrics of every task.
METRIC = {
    "label": TEXT,
    "group": TEXT,
    "range": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": ["number", "null"]}},
    "better": {"enum": ["higher", "lower"]},
    "citation": TEXT,
}
NEEDS = ("embedding", "graph", "clusters", "before", "label", "batch", "expression", "corrected", "pseudotime")
METRICS = {
    "integrate": _closed(
        **METRIC,
        definition={"type": "string", "pattern": "^(scib|portal|extra)$"},
        implementation=TEXT,
        fast=FLAG,
        needs=_subset(*NEEDS, "cell_cycle", least=1),
    ),
    "align": _closed(
        optional=["by_feature", "parts", "shown_parts", "baseline_value", "collapse", "note"],
        **METRIC,
        needs=_subset("translated", "reconstructed", "target", "joint", "partner", "label", "image", least=1),
        # Place of the metric in tables.
        block={"enum": ["align", "translate"]},
        order={"type": "integer", "minimum": 1},
        # Evaluated feature by feature, where features are hidden.
        by_feature={"const": True},
        # Parts that are not a mean, and what they are.
        parts={"type": "object", "additionalProperties": {"enum": ["count", "proportion"]}},
        # Parts that tables show instead of the metric.
        shown_parts={"type": "array", "minItems": 1, "items": TEXT},
        # Value for an uninformative translation, if that is not the worse end of the range.
        baseline_value={"type": "number"},
        # Parts whose mean below a value is a sign of mode collapse.
        collapse={"type": "object", "additionalProperties": {"type": "number"}},
        # A sentence below a table.
        note=TEXT,
    ),
}


FIGURE = _closed(
    optional=["category", "variants", "chosen", "requires", "replaced_by", "per_training", "target", "formats"],
    # Entry and category in the report.
    label=TEXT,
    category=TEXT,
    # Name of its files without suffix, with wildcards: one figure for each of their values.
    file={"type": "string", "pattern": r"^[a-z0-9_{}.]+$"},
    variants={"type": "object", "additionalProperties": {"type": "array", "minItems": 1, "items": TEXT}},
    tasks=_subset("integrate", "align", least=1),
    # Arguments of its function `draw`: inputs read from files, and facts.
    inputs=_subset(*INPUTS, least=1),
    facts={"type": "array", "uniqueItems": True, "items": TEXT},
    # Whether it is drawn only for data sets that name it; inputs that it cannot do without; figures that replace it.
    chosen={"const": True},
    requires=_subset(*INPUTS, least=1),
    replaced_by={"type": "array", "minItems": 1, "items": TEXT},
    # Tasks whose time is drawn per training.
    per_training=_subset("integrate", "align", least=1),
    target={"enum": ["figures", "scaling"]},
    formats=_subset("png", "pdf", "svg", least=1),
)


def tasks_of(kind: str, facts: dict) -> tuple[str, ...]:
    """The tasks of a plug-in: the one of a data set, those of a method, the one of a metric by its group."""
    if kind == "metrics":
        return tuple(name for name in tasks.names() if facts.get("group") in tasks.task_of(name).groups)
    task: Any = facts.get("task")
    return tuple(task) if isinstance(task, list) else (task,)


def problems(kind: str, name: str, facts: dict) -> list[str]:
    """Problems with the facts of a plug-in, one line each; empty if there are none."""
    at = registry.FACTS[kind]
    found = [] if NAME.fullmatch(name) else [f"the name of the file must match {NAME.pattern}"]
    if kind == "figures":
        return found + _figure_problems(facts, at)
    key, schemas = {"datasets": ("task", DATASETS), "metrics": ("group", METRICS)}.get(kind, (None, None))
    if schemas is None:
        return found + (schema.problems(facts, METHOD, at) or _unfit_defaults(facts, at))
    of_tasks = [task for task in tasks_of(kind, facts) if task in schemas]
    if of_tasks:
        return found + (schema.problems(facts, schemas[of_tasks[0]], at) or _unfit_defaults(facts, at))
    if key not in facts:
        return [*found, f"{at}: '{key}' is missing"]
    known = schemas if key == "task" else [group for task in schemas for group in tasks.task_of(task).groups]
    return [*found, f"{at}.{key}: {facts[key]!r} is not allowed{suggest_or_list(facts[key], known)}"]


def _figure_problems(facts: dict, at: str) -> list[str]:
    """Problems of a figure: violations of its schema, else facts that are neither known nor wildcards of its file."""
    if found := schema.problems(facts, FIGURE, at):
        return found
    known = [*FIGURE_FACTS, *(field for _, field, _, _ in Formatter().parse(facts["file"]) if field)]
    unknown = [name for name in facts["facts"] if name not in known]
    return [f"{at}.facts: {name!r} is not allowed{suggest_or_list(name, known)}" for name in unknown]


def _unfit_defaults(facts: dict, at: str) -> list[str]:
    """Defaults of parameters that their own schema does not allow."""
    return [
        line
        for key, spec in facts.get("params", {}).items()
        for line in schema.problems(spec["default"], spec, f"{at}.params.{key}.default")
    ]


@cache
def check_plugins() -> None:
    """Check the facts of every plug-in.

    Raises
    ------
    ConfigError
        With all problems; each line names the file and the key.
    """
    found = [
        f"{registry.source(kind, name).relative_to(registry.PACKAGE.parent)}: {problem}"
        for kind in registry.FACTS
        for name, facts in registry.find(kind).items()
        for problem in problems(kind, name, facts)
    ]
    if found:
        count = f"{len(found)} problem{'s' if len(found) > 1 else ''}"
        raise ConfigError("\n  ".join([f"the facts of plug-ins have {count}", *found]))
