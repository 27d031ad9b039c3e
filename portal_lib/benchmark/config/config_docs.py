"""Makes ``config/README.md`` from schema and registry: ``python -m portal_lib.benchmark.config.config_docs``."""

import json
from collections.abc import Collection, Iterator

from portal_lib.benchmark import registry
from portal_lib.benchmark.config.schema import read_schema

HEAD = """# Configuration

Made from `schema.yaml` and the registry by `make docs`; do not edit.

`config.yaml` is the default run. Another file on top of it: `snakemake --cores 2 --configfile config/real.yaml`. Maps
are merged with those of the default; lists replace them. The configuration is closed: a misspelt key is an error, and
all errors are shown at once.

A data set of your own, and a sweep of two parameters:

```yaml
run: mine
datasets:
  - {name: my_atlas, path: data/my_atlas.h5ad, batch: donor, label: cell_type}
methods:
  - unintegrated
  - harmony
  - portal
  - {name: portal, variant: long, params: {training_steps: 4000}}
  - {name: portal, params: {lambda_cos: [10, 50]}}
```

The rows are then called `portal`, `portal.long`, `portal.lambda_cos-10` and `portal.lambda_cos-50`. A parameter whose
value is itself a list is given as a list of lists: `lambda_cos: [[20, 50]]`.

One data set, prepared in several ways: with 2,000 highly variable genes, with all genes, and with the components
scaled per batch as the input of the methods that have the parameter `use_rep`.

```yaml
run: forms
datasets:
  - scmixology
  - {name: scmixology, variant: all_genes, preparation: {all_genes: true}}
  - {name: scmixology, variant: scaled, defaults: {use_rep: X_scaled_per_batch}}
methods: [unintegrated, harmony, portal]
```

They are called `scmixology`, `scmixology.all_genes` and `scmixology.scaled`.

Embeddings that were made elsewhere, one in the file and one in a table, next to a method:

```yaml
run: mine
datasets:
  - name: my_atlas
    path: data/my_atlas.h5ad
    batch: donor
    label: cell_type
    embeddings: {my_scvi: X_scVI, seurat: data/seurat.csv}
methods: [unintegrated, harmony]
```

The rows are called `my_scvi` and `seurat`. A row whose table has mistakes has the status `error` with all of them.
"""


def reference(names: Collection[str] | None = None) -> str:
    """The whole page, Markdown.

    Parameters
    ----------
    names
        The plug-ins to describe; all of the registry by default.
    """
    found = {
        kind: {name: facts for name, facts in registry.find(kind).items() if names is None or name in names}
        for kind in registry.FACTS
    }
    parts = [HEAD, "## Keys\n", *_table(_keys(read_schema()["properties"]))]
    for kind, title in (("datasets", "Data sets"), ("methods", "Methods")):
        parts.append(f"\n## {title}\n")
        for name, facts in found[kind].items():
            # What reads given embeddings is asked for by `embeddings`, which the table of keys describes.
            parts += [] if facts.get("given") else _plugin(kind, name, facts)
    parts += ["\n## Metrics\n", *_metrics(found["metrics"])]
    return "\n".join(parts) + "\n"


def _keys(properties: dict, prefix: str = "") -> Iterator[tuple[str, dict]]:
    for name, spec in properties.items():
        yield f"{prefix}{name}", spec
        yield from _keys(spec.get("properties", {}), f"{prefix}{name}.")
        for branch in spec.get("items", {}).get("anyOf", []):
            yield from _keys(branch.get("properties", {}), f"{prefix}{name}[].")


def _table(rows) -> list[str]:
    lines = ["| key | type | default | |", "|---|---|---|---|"]
    for name, spec in rows:
        default = f"`{json.dumps(spec['default'])}`" if "default" in spec else ""
        lines.append(f"| `{name}` | {_type(spec)} | {default} | {spec['description']} |")
    return lines


def _type(spec: dict) -> str:
    """Type with its bounds, in words."""
    names = spec.get("type", "any")
    words = " or ".join([names] if isinstance(names, str) else names)
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = ", ".join(f"{sign} {spec[key]}" for key, sign in bounds.items() if key in spec)
    choices = ", ".join(f"`{choice}`" for choice in spec.get("enum", []))
    return "; ".join(filter(None, [words, limits, choices]))


def _plugin(kind: str, name: str, facts: dict) -> list[str]:
    lines = [f"### `{name}`\n", f"{facts['label']}. {_remarks(kind, facts)}".strip(), ""]
    if facts["params"]:
        lines += [*_table(facts["params"].items()), ""]
    return [*lines, f"{facts['citation']}\n"]


def _remarks(kind: str, facts: dict) -> str:
    if kind == "datasets":
        source = f"{len(facts['files'])} files" if facts["files"] else "simulated, nothing to download"
        batches = f"Batches: {', '.join(facts['batches'])}; {source}." if "batches" in facts else ""
        defaults = ", ".join(f"`{key}: {json.dumps(value)}`" for key, value in facts.get("defaults", {}).items())
        words = [f"Task: {facts['task']}. Organism: {facts['organism']}.", batches or f"{source.capitalize()}."]
        return " ".join([*words, f"Defaults of methods on it: {defaults}." if defaults else ""]).strip()
    words = [
        f"Task: {', '.join(registry.tasks_of(facts))}.",
        f"Output: {facts['output']}.",
        f"Uses up to {facts['threads']} threads." if facts["threads"] > 1 else "",
        f"May need {facts['memory_gb']} GiB." if facts["memory_gb"] > 1 else "",
        "Uses a GPU where there is one." if facts["device"] == "any" else "",
        "A control." if facts["control"] else "",
        "Sees the labels." if facts["uses_labels"] else "",
        "" if facts["stochastic"] else "Not stochastic: one run.",
    ]
    return " ".join(filter(None, words))


def _metrics(found: dict[str, dict]) -> list[str]:
    lines = ["| name | | group | needs |", "|---|---|---|---|"]
    for name, facts in found.items():
        lines.append(f"| `{name}` | {facts['label']} | {facts['group']} | {', '.join(facts['needs'])} |")
    return lines


if __name__ == "__main__":
    print(reference(), end="")
