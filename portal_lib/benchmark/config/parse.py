"""The configuration of a run: read, checked as a whole, and made explicit.

Every problem is reported at once, each with where, what was found, what is allowed, and a hint.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from portal_lib._text import suggest_or_list
from portal_lib.benchmark import registry
from portal_lib.benchmark.config import schema
from portal_lib.errors import ConfigError

VARIANT_HINT = "tell them apart by 'variant'"
SCHEMA_FILE = Path(__file__).with_name("schema.yaml")
LISTS = ("datasets", "methods", "metrics")
DOWNLOADS = "data"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Dataset:
    """A data set to integrate; `path` is set when it is the user's own file or files, `cells` when it is a sample."""

    id: str
    name: str
    params: dict = field(default_factory=dict)
    path: str | list[str] | None = None
    batch: str | None = None
    label: str | None = None
    layer: str | None = None
    organism: str | None = None
    pseudotime: str | None = None
    defaults: dict = field(default_factory=dict)
    cells: int | None = None
    sample_seed: int = 0
    config_key: str = ""

    @property
    def whole(self) -> str:
        """The name that all samples of one entry share: `id` without the number of cells."""
        return self.id if self.cells is None else self.id.removesuffix(_size_word(self.cells))

    @property
    def task(self) -> str:
        """The question that is asked of it: data of the user's own are integrated."""
        return "integrate" if self.path else registry.find("datasets")[self.name]["task"]

    @property
    def resampled_per_seed(self) -> bool:
        """Whether what is known differs from seed to seed."""
        return not self.path and registry.find("datasets")[self.name].get("resampled_per_seed", False)

    @property
    def obs_keys(self) -> list[str]:
        """Columns of obs that hold batch and label, and the pseudotime where there is one."""
        facts = registry.find("datasets").get(self.name)
        keys = [self.batch, self.label] if self.path else [facts["batch_key"], facts["label_key"]]
        return keys + [self.pseudotime] * (self.pseudotime is not None)

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that stand for the parameters."""
        return hashlib.sha256(json.dumps(self.params, sort_keys=True).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Method:
    """One row of the tables: a method of the registry, the parameters given, and the data sets it is for (or all)."""

    id: str
    name: str
    given: dict
    stochastic: bool
    datasets: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it can be asked."""
        return tasks_of(registry.find("methods")[self.name])

    def fits(self, dataset: Dataset) -> bool:
        """Whether it runs on a data set."""
        wanted = not self.datasets or dataset.whole in self.datasets
        return dataset.task in self.tasks and wanted


def tasks_of(facts: dict) -> tuple[str, ...]:
    """The tasks that a method states: one, or a list."""
    task = facts["task"]
    return (task,) if isinstance(task, str) else tuple(task)


@dataclass(frozen=True)
class Run:
    """What a configuration asks for. Lists are in the order of the configuration."""

    name: str
    datasets: dict[str, Dataset]
    methods: dict[str, Method]
    metrics: list[str]
    seeds: list[int]
    settings: dict

    def seeds_of(self, dataset: str, method: str) -> list[int]:
        """Seeds with which a method runs.

        The first where chance plays no part in what it does and is told; of a data set to align as many as have the
        trainings that it takes at most; else all.
        """
        facts = registry.find("methods")[self.methods[method].name]
        if not registry.varies(facts, self.datasets[dataset].resampled_per_seed):
            return self.seeds[:1]
        if self.datasets[dataset].task != "align":
            return self.seeds
        return self.seeds[: math.ceil(self._most_trainings(dataset) / self.repeats(dataset))]

    def runs(self) -> list[tuple[str, str, int]]:
        """Every (data set, method, seed)."""
        return [
            (d, m, seed)
            for d, dataset in self.datasets.items()
            for m, method in self.methods.items()
            if method.fits(dataset)
            for seed in self.seeds_of(d, m)
        ]

    def params(self, dataset: str, method: str) -> dict:
        """All parameters of a method on a data set: those given, what the data set asks for, the method's defaults."""
        chosen, asked = self.methods[method], self.datasets[dataset].defaults
        facts = registry.find("methods")[chosen.name]
        return _complete(facts, {key: value for key, value in asked.items() if key in facts["params"]} | chosen.given)

    def repeats(self, dataset: str) -> int:
        """Trainings per run of a data set to align: as many as are asked for, and no more than it has in the paper."""
        return min(self.settings["repeats"], self._most_trainings(dataset))

    def _most_trainings(self, dataset: str) -> int:
        """Of each model on a data set to align, over all seeds."""
        return registry.find("datasets")[self.datasets[dataset].name]["max_trainings"]

    def metrics_of(self, dataset: str) -> list[str]:
        """The metrics that judge the task of a data set."""
        known = registry.find("metrics")
        aligned = self.datasets[dataset].task == "align"
        return [name for name in self.metrics if (known[name]["group"] == "align") == aligned]

    @property
    def definitions(self) -> list[str]:
        """By whose definitions overall scores can be made of the metrics of this run, scIB's first."""
        known = registry.find("metrics")
        found = {known[name]["definition"] for name in self.metrics if "definition" in known[name]} - {BESIDE}
        return sorted(found, key=lambda name: (name != MAIN, name)) if self.of_task("integrate") else []

    def of_task(self, task: str) -> list[str]:
        """The data sets of a task."""
        return [name for name, dataset in self.datasets.items() if dataset.task == task]


def read_schema() -> dict:
    """The schema of the configuration, as a dict."""
    return yaml.safe_load(SCHEMA_FILE.read_text(encoding="utf-8"))


def parse_config(raw: dict, source: str = "the configuration") -> Run:
    """Check a configuration and make it explicit.

    Parameters
    ----------
    raw
        As read from YAML; missing keys have their default.
    source
        Name of the file or files, for the message.

    Raises
    ------
    ConfigError
        With all problems, one line each.
    """
    closed, raw = read_schema(), _with_numbers(raw)
    found = schema.problems(raw, closed)
    full = schema.fill_defaults(_sound(raw, closed) if found else raw, closed)
    datasets, bad_datasets = _datasets(full["datasets"])
    methods, bad_methods = _methods(full["methods"])
    metrics, bad_metrics = _metrics(full["metrics"])
    found += bad_datasets + bad_methods + bad_metrics + _weight_problems(full["weights"])
    found += _mirror_problems(full["mirror"]) + _folder_problems(full["run"], datasets)
    found = found or _default_problems(datasets, methods) + _idle_problems(datasets, methods, metrics)
    if found:
        raise _config_error(source, found)
    return Run(full["run"], datasets, methods, metrics, full["seeds"], full)


def _with_numbers(raw: object) -> object:
    """The same with seeds as numbers: ``snakemake --config`` reads the items of a list as text."""
    if not isinstance(raw, dict) or not isinstance(raw.get("seeds"), list):
        return raw
    return raw | {"seeds": [int(s) if isinstance(s, str) and s.isdecimal() else s for s in raw["seeds"]]}


def _sound(raw: object, closed: dict) -> dict:
    """What the schema finds nothing wrong with: the right keys, and lists with None in place of each wrong item."""
    sound = {}
    for key, value in raw.items() if isinstance(raw, dict) else ():
        if key in LISTS and isinstance(value, list):
            sound[key] = [None if schema.problems({key: [item]}, closed) else item for item in value]
        elif not schema.problems({key: value}, closed):
            sound[key] = value
    return sound


def _config_error(source: str, found: list[str]) -> ConfigError:
    count = f"{len(found)} problem{'s' if len(found) > 1 else ''}"
    return ConfigError("\n  ".join([f"{source} has {count}", *found]))


def mirror(settings: dict) -> str | None:
    """Where copies of public files lie: the configuration's word, else that of ``PORTAL_MIRROR``."""
    return settings["mirror"] or os.environ.get("PORTAL_MIRROR") or None


def _mirror_problems(given: str | None) -> list[str]:
    try:
        url = urlsplit(given or "")
    except ValueError as error:
        return [f"mirror: {given!r} is not a URL: {error}"]
    if given and url.scheme in ("http", "https"):
        if url.hostname not in LOOPBACK:
            return [f"mirror: {given!r} is not on this machine. Give a folder, or a URL on localhost."]
    elif given and not Path(given).is_dir():
        return [f"mirror: no folder {given!r}"]
    return []


# What a word for metrics stands for beside the definitions of which some metric is: which of these, and whether only
# the fast metrics. The set that the field knows, and what stands beside it, is what runs by default.
MAIN, BESIDE = "scib", "extra"
METRIC_WORDS = {MAIN: ({MAIN, BESIDE}, False), "full": ({MAIN, BESIDE}, False), "fast": ({MAIN, BESIDE}, True)}


def _definitions() -> set[str]:
    """By whose definitions metrics are computed."""
    return {facts["definition"] for facts in registry.find("metrics").values() if "definition" in facts}


def _metrics(given: str | list[str]) -> tuple[list[str], list[str]]:
    """Names of the metrics that a word stands for, or of a list, and what is wrong with them."""
    if isinstance(given, list) and given:
        return given, _metric_problems(given)
    found = _definitions()
    others = {name: ({name}, False) for name in found - {MAIN, BESIDE}}
    words, word = others | {"all": (found, False)} | METRIC_WORDS, given or MAIN
    if word not in words:
        return [], [f"metrics: {word!r} is neither a list nor a known word{suggest_or_list(word, words)}"]
    definitions, fast = words[word]
    return [name for name, facts in registry.find("metrics").items() if _is_meant(facts, definitions, fast)], []


def _is_meant(facts: dict, definitions: set[str], fast: bool) -> bool:
    return facts["group"] == "align" or (facts["definition"] in definitions and (facts["fast"] or not fast))


def _weight_problems(weights: dict[str, float]) -> list[str]:
    return [] if any(weights.values()) else ["weights: both are 0; one must be greater"]


def _metric_problems(metrics: list[str]) -> list[str]:
    known = registry.find("metrics")
    named = {i: name for i, name in enumerate(metrics) if name is not None}
    unknown = [
        f"metrics[{i}]: unknown metric {name!r}{suggest_or_list(name, known)}"
        for i, name in named.items()
        if name not in known
    ]
    return unknown + _twice(list(named.values()), "metrics", "once is enough")


def _default_problems(datasets: dict[str, Dataset], methods: dict[str, Method]) -> list[str]:
    """What a data set asks of methods: parameters that one of them has, with values that fit."""
    known = registry.find("methods")
    named = {key: spec for facts in known.values() for key, spec in facts["params"].items()}
    found = []
    for dataset in datasets.values():
        for key, value in dataset.defaults.items():
            specs = {m.name: known[m.name]["params"][key] for m in methods.values() if key in known[m.name]["params"]}
            if key not in named:
                found.append(
                    f"{dataset.config_key}.defaults: no method has a parameter {key!r}{suggest_or_list(key, named)}"
                )
            at = f"{dataset.config_key}.defaults.{key}"
            found += list(dict.fromkeys(line for spec in specs.values() for line in schema.problems(value, spec, at)))
    return found


def _idle_problems(datasets: dict[str, Dataset], methods: dict[str, Method], metrics: list[str]) -> list[str]:
    """Data sets and methods that would meet nothing they can run with, and data sets that nothing would judge."""
    found = []
    for item in methods.values():
        names = {dataset.whole for dataset in datasets.values()}
        for name in item.datasets:
            if name not in names:
                found.append(
                    f"methods: '{item.id}' is for data set {name!r}, which is not there{suggest_or_list(name, names)}"
                )
        if not any(item.fits(dataset) for dataset in datasets.values()):
            found.append(f"methods: '{item.id}' fits no data set; its task is {' or '.join(item.tasks)}")
    aligned = {registry.find("metrics")[name]["group"] == "align" for name in metrics}
    for name, dataset in datasets.items():
        if not any(item.fits(dataset) for item in methods.values()):
            found.append(f"{dataset.config_key}: no method for '{name}', whose task is {dataset.task}")
        if (dataset.task == "align") not in aligned:
            found.append(f"metrics: none for '{name}', whose task is {dataset.task}")
    return found


def _folder_problems(run: str, datasets: dict[str, Dataset]) -> list[str]:
    """Names that would share one folder of results."""
    found = []
    if DOWNLOADS in datasets:
        at = datasets[DOWNLOADS].config_key
        found.append(f"{at}.name: '{DOWNLOADS}' is taken, results/{DOWNLOADS} is for downloads; choose another name")
    if run == DOWNLOADS:
        found.append(f"run: '{run}' is taken, results/{run} is for downloads; choose another name")
    elif run in datasets or run in registry.find("datasets"):
        found.append(f"run: '{run}' is the name of a data set, which has results/{run}; choose another name")
    return found


def _datasets(entries: list) -> tuple[dict[str, Dataset], list[str]]:
    known = registry.find("datasets")
    made, found = [], []
    for i, entry in enumerate(entries):
        if entry is None:
            continue
        at, entry = f"datasets[{i}]", {"name": entry} if isinstance(entry, str) else entry
        own = "path" in entry
        bad = _own_problems(entry, at, known) if own else _known_problems(entry, at, known, "data set")
        if not (own or bad) and "cells" in entry and known[entry["name"]]["task"] != "integrate":
            bad = [f"{at}.cells: samples are drawn of data that are integrated; '{entry['name']}' is aligned"]
        if not (own or bad):
            bad = schema.problems(entry.get("params", {}), _param_schema(known[entry["name"]]), f"{at}.params")
        found += bad
        if not bad:
            made += _samples(entry, at, known)
    found += _twice([item.id for item in made], "datasets", VARIANT_HINT)
    return {item.id: item for item in made}, found


def _samples(entry: dict, at: str, known: dict) -> list[Dataset]:
    """One data set for each number of cells; the one itself where none is given."""
    identity = ".".join(filter(None, [entry["name"], entry.get("variant")]))
    own = {key: entry.get(key) for key in ("path", "batch", "label", "layer", "organism", "pseudotime")}
    facts = {} if own["path"] else known[entry["name"]]
    params = _complete(facts, entry.get("params", {})) if facts else {}
    defaults = facts.get("defaults", {}) | entry.get("defaults", {})
    whole = Dataset(identity, entry["name"], params, **own, defaults=defaults, config_key=at)
    given, seed = entry.get("cells", []), entry.get("sample_seed", 0)
    sizes = given if isinstance(given, list) else [given]
    sampled = [replace(whole, id=identity + _size_word(n), cells=n, sample_seed=seed) for n in sizes]
    return sampled or [whole]


def _size_word(cells: int) -> str:
    return f".n{cells}"


def _is_there(path: str) -> bool:
    """Whether this is a file, or a zarr store."""
    if not Path(path).is_dir():
        return Path(path).is_file()
    from portal_lib.preparation.storage import is_zarr

    return is_zarr(path)


def _own_problems(entry: dict, at: str, known: dict) -> list[str]:
    found = []
    if entry["name"] in known:
        found.append(f"{at}.name: '{entry['name']}' is a data set of the registry; give your own another name")
    for path in [entry["path"]] if isinstance(entry["path"], str) else entry["path"]:
        if not _is_there(path):
            found.append(f"{at}.path: no file '{path}' (looked in {Path.cwd()})")
    if "params" in entry:
        found.append(f"{at}.params: a data set of your own has no parameters")
    return found


def _known_problems(entry: dict, at: str, known: dict, kind: str) -> list[str]:
    if entry["name"] not in known:
        hint = suggest_or_list(entry["name"], known)
        own = " For your own data give path, batch and label." if kind == "data set" else ""
        return [f"{at}: unknown {kind} {entry['name']!r}{hint}{own}"]
    return []


def _methods(entries: list) -> tuple[dict[str, Method], list[str]]:
    known = registry.find("methods")
    made, found = [], []
    for i, entry in enumerate(entries):
        if entry is None:
            continue
        at, entry = f"methods[{i}]", {"name": entry} if isinstance(entry, str) else entry
        bad = _known_problems(entry, at, known, "method") or _empty_sweeps(entry, at)
        for identity, given in [] if bad else _sweep(entry):
            facts = known[entry["name"]]
            bad += schema.problems(given, _param_schema(facts), f"{at}.params")
            wanted = tuple(entry.get("datasets", ()))
            made.append(Method(identity, entry["name"], given, facts["stochastic"], wanted))
        found += bad
    found += _twice([item.id for item in made], "methods", VARIANT_HINT)
    return {item.id: item for item in made}, list(dict.fromkeys(found))


def _sweep(entry: dict) -> list[tuple[str, dict]]:
    """One (id, parameters) for each combination of the values of those parameters that are given as lists.

    A parameter whose value is itself a list is given as a list of lists. A list of one value is no part of the id.
    """
    given, swept = entry.get("params", {}), _swept(entry)
    rows = []
    for values in itertools.product(*swept.values()):
        point = dict(zip(swept, values, strict=True))
        words = [
            entry["name"],
            entry.get("variant"),
            *(f"{key}-{_word(point[key])}" for key in swept if len(swept[key]) > 1),
        ]
        rows.append((".".join(filter(None, words)), given | point))
    return rows


def _swept(entry: dict) -> dict[str, list]:
    return {key: value for key, value in entry.get("params", {}).items() if isinstance(value, list)}


def _empty_sweeps(entry: dict, at: str) -> list[str]:
    return [
        f"{at}.params.{key}: the list is empty; name at least one"
        for key, values in _swept(entry).items()
        if not values
    ]


def _word(value: object) -> str:
    """A parameter's value as part of a file name."""
    parts = value if isinstance(value, list) else [value]
    return "_".join(re.sub(r"[^A-Za-z0-9_.+-]", "_", str(part)) for part in parts)


def _param_schema(facts: dict) -> dict:
    return {"type": "object", "additionalProperties": False, "properties": facts["params"]}


def _complete(facts: dict, given: dict) -> dict:
    return {key: spec["default"] for key, spec in facts["params"].items()} | given


def _twice(names: list[str], key: str, hint: str) -> list[str]:
    return [f"{key}: '{name}' stands there {n} times; {hint}" for name, n in Counter(names).items() if n > 1]
