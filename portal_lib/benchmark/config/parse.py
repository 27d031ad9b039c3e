"""Reads a configuration, checks it as a whole, and makes it explicit.

All problems are reported at once, each with its place, what was found, what is allowed, and a hint.
"""

import difflib
import itertools
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from portal_lib._text import suggest_or_list
from portal_lib.benchmark import registry
from portal_lib.benchmark.config import schema
from portal_lib.benchmark.config.metric_words import named_metrics, twice
from portal_lib.benchmark.config.model import Dataset, Method, Run, complete, size_suffix
from portal_lib.benchmark.facts import check_plugins
from portal_lib.benchmark.tasks import names as task_names
from portal_lib.benchmark.tasks import task_of
from portal_lib.errors import ConfigError
from portal_lib.preparation.inputs import is_table
from portal_lib.preparation.order import AS_THEY_COME, order_problems
from portal_lib.preparation.organisms import KNOWN, SPECIES, organism_of

VARIANT_HINT = "give each its own 'variant'"
LISTS = ("datasets", "methods", "metrics")
DOWNLOADS = "data"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}

# Names of organisms that are more alike than this are misspelt.
LIKE = 0.75
# Keys of an entry that make samples of it.
SAMPLED = ("cells", "n_batches")


def parse_config(raw: dict, source: str = "the configuration", files: Iterable[str | Path] = ()) -> Run:
    """Check a configuration and make it explicit.

    Parameters
    ----------
    raw
        As read from YAML; missing keys have their default. Numbers may be text, as ``snakemake --config`` gives them.
    source
        Name of the file or files, for the message.
    files
        The files, in which no key may be given twice: YAML would use the last one only.

    Raises
    ------
    ConfigError
        With all problems, one line each; those of plug-ins first.
    """
    check_plugins()
    closed = schema.read_schema()
    raw = schema.with_numbers(raw, closed)
    repeated = [line for file in files for line in schema.repeated_keys(file)]
    found = repeated + schema.problems(raw, closed)
    full = schema.fill_defaults(_sound(raw, closed) if found else raw, closed)
    datasets, bad_datasets = _datasets(full["datasets"])
    methods, bad_methods = _methods(full["methods"])
    metrics, bad_metrics = named_metrics(full["metrics"])
    given, bad_given = _given(datasets, methods)
    methods |= given
    found += bad_datasets + bad_methods + bad_given + bad_metrics + _weight_problems(full["weights"])
    found += _mirror_problems(full["mirror"]) + _folder_problems(full["run"], datasets)
    found = found or _default_problems(datasets, methods) + _idle_problems(datasets, methods, metrics)
    if found:
        raise _config_error(source, found)
    methods = _with_controls(datasets, methods, metrics)
    return Run(full["run"], datasets, methods, metrics, full["seeds"], full)


# Groups of metrics that are scaled between controls.
SCALED = {"batch", "bio", "portal_batch", "portal_bio"}


def _with_controls(datasets: dict[str, Dataset], methods: dict[str, Method], metrics: list[str]) -> dict[str, Method]:
    """The methods, and every control of the tasks whose metrics are scaled between controls.

    A control that the configuration names keeps its parameters, and runs on all data sets of these tasks. Its variants
    set no ends, and therefore stay on their data sets.
    """
    known, groups = registry.find("methods"), {registry.find("metrics")[name]["group"] for name in metrics} & SCALED
    wanted: dict[str, list[str]] = {}
    for dataset in datasets.values():
        if groups & set(task_of(dataset.task).groups):
            wanted.setdefault(dataset.task, []).append(dataset.whole)
    made = dict(methods)
    for name, facts in known.items():
        names = tuple(dict.fromkeys(one for task in registry.tasks_of(facts) for one in wanted.get(task, ())))
        if not facts["control"] or not names:
            continue
        if name not in made:
            made[name] = Method(name, name, {}, facts["stochastic"], names, added=names)
        elif there := made[name].datasets:
            added = tuple(one for one in names if one not in there)
            made[name] = replace(made[name], datasets=(*there, *added), added=added)
    return made


def _sound(raw: object, closed: dict) -> dict:
    """The valid part of a configuration: its known keys, and lists with None in place of each invalid item."""
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
    """Folder or URL with copies of public files: from the configuration, else from ``PORTAL_MIRROR``."""
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


def _weight_problems(weights: dict[str, float]) -> list[str]:
    return [] if any(weights.values()) else ["weights: both are 0; one must be greater"]


def _default_problems(datasets: dict[str, Dataset], methods: dict[str, Method]) -> list[str]:
    """Defaults of a data set must be parameters of at least one method, with values that it allows."""
    known = registry.find("methods")
    named = {key: spec for facts in known.values() if not facts["given"] for key, spec in facts["params"].items()}
    found = []
    for dataset in datasets.values():
        for key, value in dataset.defaults.items():
            used = {m.name: known[m.name]["params"] for m in methods.values() if not m.is_given}
            specs = {name: params[key] for name, params in used.items() if key in params}
            if key not in named:
                found.append(
                    f"{dataset.config_key}.defaults: no method has a parameter {key!r}{suggest_or_list(key, named)}"
                )
            at = f"{dataset.config_key}.defaults.{key}"
            found += list(dict.fromkeys(line for spec in specs.values() for line in schema.problems(value, spec, at)))
    return found


def _idle_problems(datasets: dict[str, Dataset], methods: dict[str, Method], metrics: list[str]) -> list[str]:
    """Data sets without a method, methods without a data set, and data sets without a metric."""
    names = {dataset.whole for dataset in datasets.values()}
    found = [
        f"methods: '{item.id}' is for data set {name!r}, which is not configured{suggest_or_list(name, names)}"
        for item in methods.values()
        for name in item.datasets
        if name not in names
    ]
    for item in methods.values():
        if not any(item.fits(dataset) for dataset in datasets.values()):
            same = any(dataset.task in item.tasks for dataset in datasets.values())
            why = "; its task is " + " or ".join(item.tasks)
            if same and registry.find("methods")[item.name]["uses_labels"]:
                why = ": it uses labels, and none of them has labels"
            found.append(f"methods: '{item.id}' fits no data set{why}")
    groups = {registry.find("metrics")[name]["group"] for name in metrics}
    for name, dataset in datasets.items():
        if not any(item.fits(dataset) for item in methods.values()):
            found.append(f"{dataset.config_key}: no method for '{name}', whose task is {dataset.task}")
        if not groups & set(task_of(dataset.task).groups):
            found.append(f"metrics: none for '{name}', whose task is {dataset.task}")
    return found


def _folder_problems(run: str, datasets: dict[str, Dataset]) -> list[str]:
    """Names that would share one results folder."""
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
    made, found = [], []
    for i, entry in enumerate(entries):
        if entry is None:
            continue
        at, entry = f"datasets[{i}]", _dataset_with_numbers({"name": entry} if isinstance(entry, str) else entry)
        bad = _own_problems(entry, at) if "path" in entry else _registered_problems(entry, at)
        bad += _embedding_problems(entry, at)
        found += bad
        if not bad:
            made += _samples(entry, at)
    found += twice([item.id for item in made], "datasets", VARIANT_HINT)
    return {item.id: item for item in made}, found


def _dataset_with_numbers(entry: dict) -> dict:
    """An entry with numbers where its maps have numbers as text; what a key allows is known for each on its own."""
    known = registry.find("datasets").get(entry["name"], {}).get("params", {})
    methods = {key: spec for facts in registry.find("methods").values() for key, spec in facts["params"].items()}
    of_key = {
        "params": {"properties": known},
        "defaults": {"properties": methods},
        "preparation": schema.read_schema()["properties"]["preparation"],
    }
    return entry | {key: schema.with_numbers(entry[key], closed) for key, closed in of_key.items() if key in entry}


def _registered_problems(entry: dict, at: str) -> list[str]:
    """What is wrong with an entry that names a data set of the registry."""
    known = registry.find("datasets")
    if entry["name"] not in known:
        own = "For your own data give path and batch, and label if there is one."
        return [f"{at}: unknown data set {entry['name']!r}{suggest_or_list(entry['name'], known)} {own}"]
    task = known[entry["name"]]["task"]
    sampled = [key for key in SAMPLED if key in entry]
    if all(isinstance(entry.get(key), list) for key in SAMPLED):
        return [f"{at}: cells and n_batches cannot both be lists; one of them is what times and memory are compared by"]
    if sampled and not task_of(task).can_sample:
        can = " or ".join(name for name in task_names() if task_of(name).can_sample)
        return [
            f"{at}.{sampled[0]}: only data sets of the task {can} can be sampled; that of '{entry['name']}' is {task}"
        ]
    found = _param_problems(entry.get("params", {}), known[entry["name"]], at)
    facts = known[entry["name"]]
    if "batch_key" in facts:
        return found + _order_problems(entry, at, facts.get("batches")) + _preparation_problems(entry, at)
    for key in ("reference", "order"):
        if key in entry:
            found.append(f"{at}.{key}: '{entry['name']}' has no batches; its task is {task}")
    if "preparation" in entry:
        found.append(f"{at}.preparation: is for counts; the task of '{entry['name']}' is {task}")
    return found


def _embedding_problems(entry: dict, at: str) -> list[str]:
    """What is wrong with the embeddings of an entry: their names, and where they are from."""
    found, taken = [], {name.lower() for name in registry.find("methods")}
    task = "integrate" if "path" in entry else registry.find("datasets").get(entry["name"], {}).get("task", "integrate")
    if task != "integrate" and "embeddings" in entry:
        return [f"{at}.embeddings: are for the task integrate; that of '{entry['name']}' is {task}"]
    for name, source in entry.get("embeddings", {}).items():
        if name.lower() in taken:
            found.append(f"{at}.embeddings: '{name}' is the name of a method; choose another")
        if is_table(source) and not Path(source).is_file():
            found.append(f"{at}.embeddings.{name}: no file '{source}' (looked in {Path.cwd()})")
        elif not is_table(source) and Path(source).is_file():
            endings = "csv, tsv, csv.gz or tsv.gz"
            found.append(f"{at}.embeddings.{name}: '{source}' is a file, but not a table ({endings})")
        elif not is_table(source) and "path" not in entry:
            found.append(f"{at}.embeddings.{name}: '{source}' is not a table (csv, tsv); '{entry['name']}' has no obsm")
    return found


def _given(datasets: dict[str, Dataset], methods: dict[str, Method]) -> tuple[dict[str, Method], list[str]]:
    """A row for each name of an embedding, on the data sets that have one of this name; and problems with names."""
    wanted: dict[str, list[str]] = {}
    for dataset in datasets.values():
        for name in dataset.embeddings:
            wanted.setdefault(name, []).append(dataset.whole)
    plugin = next(name for name, facts in registry.find("methods").items() if facts["given"])
    facts = registry.find("methods")[plugin]
    made = {
        name: Method(name, plugin, {}, facts["stochastic"], tuple(dict.fromkeys(wholes)))
        for name, wholes in wanted.items()
    }
    same = [sorted(names) for names in _by_lower_case(made).values() if len(names) > 1]
    return made, [f"datasets: embeddings {' and '.join(map(repr, names))} differ in case only" for names in same]


def _by_lower_case(names: Iterable[str]) -> dict[str, list[str]]:
    """Names that are the same in lower case, and would be one folder on some file systems."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.lower(), []).append(name)
    return found


def _preparation_problems(entry: dict, at: str) -> list[str]:
    """What is wrong with the preparation of an entry, which has the keys of that of the run."""
    closed = schema.read_schema()["properties"]["preparation"]
    return schema.problems(entry.get("preparation", {}), closed, f"{at}.preparation")


def _order_problems(entry: dict, at: str, batches: list[str] | None) -> list[str]:
    """What is wrong with the order of the batches, which are known only for data sets of the registry."""
    return list(order_problems(entry.get("order", AS_THEY_COME), entry.get("reference"), batches, f"{at}."))


def _samples(entry: dict, at: str) -> list[Dataset]:
    """One data set for each number of cells or of batches; the one itself where none is given."""
    identity = ".".join(filter(None, [entry["name"], entry.get("variant")]))
    own: dict[str, Any] = {
        key: entry.get(key) for key in ("path", "batch", "label", "layer", "mod", "organism", "pseudotime")
    }
    own |= {"unlabelled": entry.get("unlabelled", [])}
    own |= {"reference": entry.get("reference"), "order": entry.get("order", AS_THEY_COME)}
    facts = {} if own["path"] else registry.find("datasets")[entry["name"]]
    params = complete(facts, entry.get("params", {})) if facts else {}
    defaults = facts.get("defaults", {}) | entry.get("defaults", {})
    own |= {"preparation": entry.get("preparation", {}), "embeddings": entry.get("embeddings", {})}
    whole = Dataset(identity, entry["name"], params, **own, defaults=defaults, config_key=at)
    numbers = [entry.get(key) for key in ("cells", "n_batches")]
    sizes = itertools.product(*(number if isinstance(number, list) else [number] for number in numbers))
    return [
        replace(
            whole,
            id=identity + size_suffix(cells, n_batches),
            cells=cells,
            n_batches=n_batches,
            sample_seed=entry.get("sample_seed", 0),
        )
        for cells, n_batches in sizes
    ]


def _is_data(path: Path) -> bool:
    """Whether a path is a file, or a folder of a format that is read."""
    if not path.is_dir():
        return path.is_file()
    from portal_lib.preparation.reading.formats import is_data_folder

    return is_data_folder(path)


def _organism_problems(name: str | None, at: str) -> list[str]:
    """A misspelt human or mouse, whose cells would get no scores of the cell cycle; any other organism is one."""
    given = organism_of(name)
    for known in [] if given in KNOWN else [*KNOWN, *SPECIES]:
        if difflib.SequenceMatcher(None, given, known).ratio() > LIKE:
            return [f"{at}.organism: {name!r} is not known, did you mean '{known}'?"]
    return []


def _own_problems(entry: dict, at: str) -> list[str]:
    found = []
    if entry["name"] in registry.find("datasets"):
        found.append(f"{at}.name: '{entry['name']}' is a data set of the registry; give your own another name")
    for path in [entry["path"]] if isinstance(entry["path"], str) else entry["path"]:
        if not _is_data(Path(path)):
            found.append(f"{at}.path: no file '{path}' (looked in {Path.cwd()})")
    if "params" in entry:
        found.append(f"{at}.params: a data set of your own has no parameters")
    if "n_batches" in entry and not isinstance(entry["batch"], str):
        found.append(f"{at}.n_batches: needs one batch column; batch names {len(entry['batch'])}")
    found += _order_problems(entry, at, None) + _preparation_problems(entry, at)
    return found + _organism_problems(entry.get("organism"), at)


def _methods(entries: list) -> tuple[dict[str, Method], list[str]]:
    known = {name: facts for name, facts in registry.find("methods").items() if not facts["given"]}
    made, found = [], []
    for i, entry in enumerate(entries):
        if entry is None:
            continue
        at, entry = f"methods[{i}]", {"name": entry} if isinstance(entry, str) else entry
        facts = known.get(entry["name"])
        if facts is None:
            found.append(f"{at}: unknown method {entry['name']!r}{suggest_or_list(entry['name'], known)}")
            continue
        entry = _method_with_numbers(entry, facts["params"])
        bad = _empty_sweeps(entry, at)
        for identity, given in [] if bad else _sweep(entry):
            bad += _param_problems(given, facts, at)
            wanted = tuple(entry.get("datasets", ()))
            made.append(Method(identity, entry["name"], given, facts["stochastic"], wanted))
        found += bad
    found += twice([item.id for item in made], "methods", VARIANT_HINT)
    return {item.id: item for item in made}, list(dict.fromkeys(found))


def _method_with_numbers(entry: dict, params: dict) -> dict:
    """An entry with numbers where its parameters, or the values of a sweep, are numbers as text."""
    if "params" not in entry:
        return entry
    made = {}
    for key, value in entry["params"].items():
        spec = params.get(key, {})
        values = [schema.with_numbers(one, spec) for one in value] if isinstance(value, list) else value
        made[key] = values if isinstance(value, list) else schema.with_numbers(value, spec)
    return entry | {"params": made}


def _sweep(entry: dict) -> list[tuple[str, dict]]:
    """One (id, parameters) for each combination of the values of parameters given as lists.

    A parameter whose value is itself a list is given as a list of lists. A list of one value does not appear in the id.
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


def _param_problems(given: dict, facts: dict, at: str) -> list[str]:
    closed = {"type": "object", "additionalProperties": False, "properties": facts["params"]}
    return schema.problems(given, closed, f"{at}.params")
