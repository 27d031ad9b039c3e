"""Shared by the rules: the checked configuration, and the functions that choose inputs, parameters and resources."""

import json
import math
import os
import re
from dataclasses import asdict
from functools import partial

from portal_lib.benchmark import registry, tasks
from portal_lib.benchmark.config.parse import mirror, parse_config
from portal_lib.benchmark.data.figures import figure_facts, figure_files, find_figures
from portal_lib.benchmark.imports import library_files
from portal_lib.benchmark.run.recovery import recover
from portal_lib.benchmark.tables.published import published_files
from portal_lib.errors import ConfigError

try:
    FILES = [os.path.relpath(file) for file in workflow.configfiles]
    RUN = parse_config(config, " over ".join(FILES) or "the configuration", FILES)
except ConfigError as error:
    sys.exit(str(error))

if workflow.is_main_process:
    recover(Path.cwd())

DATASETS = registry.find("datasets")
METHODS = registry.find("methods")
TASK_FILES = [tasks.stage_file(task, "task") for task in tasks.names()]
OUT = f"results/{RUN.name}"

# Captions of the report; written by the rule report_texts, read when the report is made.
TEXTS = Path(OUT, "texts.json")
config["texts"] = json.loads(TEXTS.read_text()) if TEXTS.exists() else {}
config["config_keys"] = {name: dataset.config_key for name, dataset in RUN.datasets.items()}
config["mirror"] = mirror(RUN.settings)


def names_of(task):
    """A pattern for the data sets of a task; it matches nothing if there are none."""
    return "|".join(map(re.escape, RUN.of_task(task))) or "(?!)"


wildcard_constraints:
    dataset="[A-Za-z0-9][A-Za-z0-9_.-]*",
    source="[A-Za-z0-9][A-Za-z0-9_-]*",
    fingerprint="[0-9a-f]{8}",
    method="[A-Za-z][A-Za-z0-9_.+-]*",
    seed=r"\d+",


def library_of(*files):
    """Files of this repository that the given ones import, themselves included; a change in one reruns the rule."""
    return [str(file) for file in library_files(*(ROOT / file for file in files))]


def plugin_files(kind, name):
    return library_of(registry.source(kind, name))


def fetch_files_of(wildcards):
    return DATASETS[wildcards.source]["files"]


def manifest_of(name):
    """The list of the files of a data set; nothing for data that are simulated."""
    return f"results/data/{name}/manifest.json" if DATASETS[name]["files"] else []


def write_counts_manifest(wildcards):
    return manifest_of(wildcards.source)


def write_counts_code(wildcards):
    return sorted({*library_of("scripts/write_counts.py"), *plugin_files("datasets", wildcards.source)})


def write_counts_params(wildcards):
    datasets = RUN.datasets.values()
    return next(d.params for d in datasets if (d.name, d.fingerprint) == (wildcards.source, wildcards.fingerprint))


def write_counts_memory(wildcards, threads):
    """MiB: some chunks per thread for simulated data, the whole data for those that are loaded."""
    return 2000 + 400 * threads if not DATASETS[wildcards.source]["files"] else 16000


def subsample_source(wildcards):
    """The source of a sample: the user's own file, or the data set of the registry as one file."""
    dataset = RUN.datasets[wildcards.dataset]
    return dataset.path or f"results/data/{dataset.name}/counts-{dataset.fingerprint}.h5ad"


def subsample_choice(wildcards):
    dataset = RUN.datasets[wildcards.dataset]
    columns = {"keys": dataset.obs_keys, "layer": dataset.layer, "mod": dataset.mod}
    return {"cells": dataset.cells, "n_batches": dataset.n_batches, "seed": dataset.sample_seed} | columns


def prepare_input(wildcards):
    """The sample, the user's own file, or the list of the files of a data set."""
    dataset = RUN.datasets[wildcards.dataset]
    if dataset.is_sample:
        return f"results/{dataset.id}/counts.h5ad"
    return dataset.path or manifest_of(dataset.name)


def prepare_source(wildcards):
    """What is prepared: a file, or the folder of the files of a data set."""
    dataset = RUN.datasets[wildcards.dataset]
    is_file = dataset.is_sample or dataset.path
    return prepare_input(wildcards) if is_file else f"results/data/{dataset.name}"


def prepare_code(wildcards):
    dataset = RUN.datasets[wildcards.dataset]
    plugin = [] if dataset.path or dataset.is_sample else plugin_files("datasets", dataset.name)
    return sorted({*library_of("scripts/prepare.py", tasks.stage_file(dataset.task, "prepare")), *plugin})


def hand_back_code(wildcards):
    dataset = RUN.datasets[wildcards.dataset]
    plugin = [] if dataset.path or dataset.is_sample else plugin_files("datasets", dataset.name)
    return sorted({*library_of("scripts/hand_back.py"), *plugin})


# Fields of a data set that its preparation does not depend on, or that are among its options.
NOT_PREPARED = ("config_key", "defaults", "preparation", "embeddings")


def prepare_dataset(wildcards):
    """The data set, as far as its preparation depends on it: other changes rerun nothing."""
    return {key: value for key, value in asdict(RUN.datasets[wildcards.dataset]).items() if key not in NOT_PREPARED}


def prepare_options(wildcards):
    """Parameters of the preparation; all genes are stored only where a method selects genes itself."""
    names = {RUN.methods[method].name for dataset, method, _ in RUN.runs() if dataset == wildcards.dataset}
    every = {"all_genes": True} if any(METHODS[name]["genes"] == "all" for name in names) else {}
    return {"settings": RUN.preparation(wildcards.dataset) | every}


def method_facts(wildcards):
    return METHODS[RUN.methods[wildcards.method].name]


def run_code(wildcards):
    child = "portal_lib/benchmark/run/child.py"
    stage = tasks.stage_file(RUN.datasets[wildcards.dataset].task, "run")
    plugin = plugin_files("methods", RUN.methods[wildcards.method].name)
    return sorted({*library_of("scripts/run_method.py", child, stage), *plugin})


def given_files(wildcards):
    """Files of the user from which a given embedding is read; none for a method."""
    dataset, method = RUN.datasets[wildcards.dataset], RUN.methods[wildcards.method]
    return dataset.given_files(method.id) if method.is_given else []


def run_task(wildcards):
    """The settings of a run, which are also in its record; `given` says where a given embedding is from."""
    task = RUN.task_of(wildcards.dataset)
    source = RUN.given_source(wildcards.dataset, wildcards.method)
    given = {} if source is None else {"given": source}
    return {
        "task": task.name,
        "dataset": wildcards.dataset,
        "method": wildcards.method,
        "plugin": RUN.methods[wildcards.method].name,
        "params": RUN.params(wildcards.dataset, wildcards.method),
        "seed": int(wildcards.seed),
        "device": "cpu" if method_facts(wildcards)["device"] == "cpu" else RUN.settings["device"],
        "keep_models": RUN.settings["keep_models"] and method_facts(wildcards)["has_model"],
        **given,
    } | task.run_settings(RUN, wildcards.dataset)


def method_environment(wildcards):
    return str(ROOT / "envs" / f"{method_facts(wildcards)['environment']}.yaml")


def method_threads(wildcards):
    return min(RUN.settings["threads"], method_facts(wildcards)["threads"])


def method_memory(wildcards):
    """MiB to request from a cluster: the memory limit of the method, plus 1 GiB for the process that supervises it."""
    return math.ceil(RUN.settings["limits"]["memory_gb"] * 1024) + 1024


def method_minutes(wildcards):
    return math.ceil(RUN.settings["limits"]["time_minutes"]) + 5


def method_gpus(wildcards):
    return int(method_facts(wildcards)["device"] == "any" and RUN.settings["device"].startswith("cuda"))


def metrics_of(wildcards):
    return RUN.metrics_of(wildcards.dataset)


def score_options(wildcards):
    return {"settings": RUN.settings["scoring"]}


def score_code(wildcards):
    stage = tasks.stage_file(RUN.datasets[wildcards.dataset].task, "score")
    plugins = [registry.source("metrics", name) for name in metrics_of(wildcards)]
    return library_of("scripts/score.py", stage, *plugins)


def of_runs(file, datasets=None, seeds=None, added=True, given=True):
    """The file of this name of every run; with or without added controls and given embeddings."""
    return [
        f"results/{dataset}/{method}/seed{seed}/{file}"
        for dataset, method, seed in RUN.runs(added=added)
        if (datasets is None or dataset in datasets) and (seeds is None or seed in seeds)
        if given or not RUN.methods[method].is_given
    ]


def of_umaps(file, wildcards):
    """The file of this name of the first seed of every method that the configuration names."""
    return of_runs(file, [wildcards.dataset], RUN.seeds[:1], added=False)


# Published numbers about data sets of this run: tables with a value for each data set, method and metric.
PUBLISHED_VALUES = ROOT / "config" / "published"
PUBLISHED = [str(file) for file in published_files(PUBLISHED_VALUES, RUN)]


def published_table():
    """The table of published numbers next to ours; nothing if no paper uses these data sets."""
    return [f"{OUT}/published.tsv"] if PUBLISHED else []


def prepared_of(dataset):
    """The file with the size of a data set."""
    return f"results/{dataset}/{RUN.task_of(dataset).sizes_file}"


def preparations():
    """Records of the preparations of the data sets to integrate."""
    return [f"results/{dataset}/prepare.json" for dataset in RUN.of_task("integrate")]


FIGURES_OF = {target: find_figures(RUN, PUBLISHED_VALUES, target) for target in ("figures", "scaling")}
FIGURE_BY_FILE = {file: figure for figures in FIGURES_OF.values() for file, figure in figures.items()}


def figure_outputs(target):
    """All files of the figures of a target."""
    return [
        f"{OUT}/figures/{file}.{suffix}"
        for file, figure in FIGURES_OF[target].items()
        for suffix in figure.facts.get("formats", ["png", "pdf"])
    ]


def figure_pattern(target):
    """A pattern for the files of the figures of a target; it matches nothing if there are none."""
    return "|".join(map(re.escape, FIGURES_OF[target])) or "(?!)"


def figure_plugin(wildcards):
    return FIGURE_BY_FILE[wildcards.figure].name


def figure_input_names(wildcards):
    return FIGURE_BY_FILE[wildcards.figure].facts["inputs"]


def figure_inputs(wildcards):
    return figure_files(RUN, FIGURE_BY_FILE[wildcards.figure], OUT, PUBLISHED_VALUES)


def figure_code(wildcards):
    return library_of("scripts/plot.py", registry.source("figures", figure_plugin(wildcards)))


def figure_facts_of(wildcards):
    return figure_facts(RUN, FIGURE_BY_FILE[wildcards.figure])


def figure_category(wildcards):
    return FIGURE_BY_FILE[wildcards.figure].facts["category"]


def figure_labels(wildcards):
    return {"what": FIGURE_BY_FILE[wildcards.figure].label}
