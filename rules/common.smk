"""What the rules share: the checked configuration, and the functions that choose inputs, parameters and resources."""

import json
import math
import os
import re
from dataclasses import asdict

from portal_lib.benchmark import registry
from portal_lib.benchmark.config.parse import mirror, parse_config
from portal_lib.benchmark.data.figures import figure_facts, figure_files, find_figures
from portal_lib.benchmark.imports import library_files
from portal_lib.benchmark.tables.published import published_files
from portal_lib.benchmark.run.recovery import recover
from portal_lib.errors import ConfigError

ROOT = Path(workflow.basedir)

try:
    RUN = parse_config(config, " over ".join(os.path.relpath(file) for file in workflow.configfiles))
except ConfigError as error:
    sys.exit(str(error))

if workflow.is_main_process:
    recover(Path.cwd())

DATASETS = registry.find("datasets")
METHODS = registry.find("methods")
OUT = f"results/{RUN.name}"

# What the captions of the report say; written by the rule describe, read when the report is made.
TEXTS = Path(OUT, "texts.json")
config["texts"] = json.loads(TEXTS.read_text()) if TEXTS.exists() else {}
config["config_keys"] = {name: dataset.config_key for name, dataset in RUN.datasets.items()}
config["mirror"] = mirror(RUN.settings)


def names_of(task):
    """A pattern for the data sets of a task; one that fits nothing where there are none."""
    return "|".join(map(re.escape, RUN.of_task(task))) or "(?!)"


wildcard_constraints:
    dataset="[A-Za-z0-9][A-Za-z0-9_.-]*",
    source="[A-Za-z0-9][A-Za-z0-9_-]*",
    fingerprint="[0-9a-f]{8}",
    method="[a-z][A-Za-z0-9_.+-]*",
    seed=r"\d+",


def library_of(*files):
    """Files of this repository that the given ones need to run; a change in one of them reruns the rule."""
    return [str(file) for file in library_files(*(ROOT / file for file in files))]


def plugin_files(kind, name):
    return library_of(registry.source(kind, name))


def fetch_files_of(wildcards):
    return DATASETS[wildcards.source]["files"]


def manifest_of(name):
    """What tells which files were fetched; nothing for data that are made by code."""
    return f"results/data/{name}/manifest.json" if DATASETS[name]["files"] else []


def write_counts_manifest(wildcards):
    return manifest_of(wildcards.source)


def write_counts_code(wildcards):
    return sorted({*library_of("scripts/write_counts.py"), *plugin_files("datasets", wildcards.source)})


def write_counts_params(wildcards):
    datasets = RUN.datasets.values()
    return next(d.params for d in datasets if (d.name, d.fingerprint) == (wildcards.source, wildcards.fingerprint))


def write_counts_memory(wildcards, threads):
    """MiB: some chunks per thread where the data are made by code, the data themselves where they are loaded."""
    return 2000 + 400 * threads if not DATASETS[wildcards.source]["files"] else 16000


def subsample_source(wildcards):
    """What a sample is drawn from: the user's own file, or the data set of the registry as one file."""
    dataset = RUN.datasets[wildcards.dataset]
    return dataset.path or f"results/data/{dataset.name}/counts-{dataset.fingerprint}.h5ad"


def subsample_choice(wildcards):
    dataset = RUN.datasets[wildcards.dataset]
    where = {"keys": dataset.obs_keys, "layer": dataset.layer}
    return {"cells": dataset.cells, "seed": dataset.sample_seed} | where


def prepare_input(wildcards):
    """The sample, the user's own file, or what tells of the files of a data set."""
    dataset = RUN.datasets[wildcards.dataset]
    if dataset.cells:
        return f"results/{dataset.id}/counts.h5ad"
    return dataset.path or manifest_of(dataset.name)


def prepare_source(wildcards):
    """Where the counts are: a file, or the folder of the files of a data set."""
    dataset = RUN.datasets[wildcards.dataset]
    is_file = dataset.cells or dataset.path
    return prepare_input(wildcards) if is_file else f"results/data/{dataset.name}"


def prepare_code(wildcards):
    dataset = RUN.datasets[wildcards.dataset]
    plugin = [] if dataset.path or dataset.cells else plugin_files("datasets", dataset.name)
    return sorted({*library_of("scripts/prepare.py"), *plugin})


# Of an entry: its place in the configuration, and what others than the preparation take from it.
NOT_COUNTS = ("config_key", "defaults", "organism")


def prepare_dataset(wildcards):
    """The entry, as far as its counts depend on it: other changes rerun nothing."""
    return {key: value for key, value in asdict(RUN.datasets[wildcards.dataset]).items() if key not in NOT_COUNTS}


def integrate_code(wildcards):
    child = "portal_lib/benchmark/run/child.py"
    plugin = plugin_files("methods", RUN.methods[wildcards.method].name)
    return sorted({*library_of("scripts/integrate.py", child), *plugin})


def integrate_task(wildcards):
    """What the supervised run is told, and what its record repeats."""
    method = RUN.methods[wildcards.method]
    return {
        "dataset": wildcards.dataset,
        "method": wildcards.method,
        "plugin": method.name,
        "params": RUN.params(wildcards.dataset, wildcards.method),
        "seed": int(wildcards.seed),
        "device": "cpu" if METHODS[method.name]["device"] == "cpu" else RUN.settings["device"],
    }


def align_code(wildcards):
    child = "portal_lib/benchmark/run/child_align.py"
    plugin = plugin_files("methods", RUN.methods[wildcards.method].name)
    return sorted({*library_of("scripts/align.py", child), *plugin})


def align_task(wildcards):
    return integrate_task(wildcards) | {"task": "align", "repeats": RUN.repeats(wildcards.dataset)}


def prepare_domains_code(wildcards):
    plugin = plugin_files("datasets", RUN.datasets[wildcards.dataset].name)
    return sorted({*library_of("scripts/prepare_domains.py"), *plugin})


def integrate_environment(wildcards):
    return str(ROOT / "envs" / f"{METHODS[RUN.methods[wildcards.method].name]['environment']}.yaml")


def integrate_threads(wildcards):
    return min(RUN.settings["threads"], METHODS[RUN.methods[wildcards.method].name]["threads"])


def integrate_memory(wildcards):
    """MiB to ask of a cluster: the limit of the method, and room for what watches it."""
    return math.ceil(RUN.settings["limits"]["memory_gb"] * 1024) + 1024


def integrate_minutes(wildcards):
    return math.ceil(RUN.settings["limits"]["time_minutes"]) + 5


def integrate_gpus(wildcards):
    usable = METHODS[RUN.methods[wildcards.method].name]["device"] == "any"
    return int(usable and RUN.settings["device"].startswith("cuda"))


def metrics_of(wildcards):
    return RUN.metrics_of(wildcards.dataset)


def organism_of(wildcards):
    """As the data set or its entry states it; simulated data have none."""
    dataset = RUN.datasets[wildcards.dataset]
    stated = dataset.organism if dataset.path else DATASETS[dataset.name]["organism"]
    return None if stated in (None, "none", "simulated") else stated


def score_code(wildcards):
    return library_of("scripts/score.py", *metric_sources(wildcards))


def score_alignment_code(wildcards):
    return library_of("scripts/score_alignment.py", *metric_sources(wildcards))


def metric_sources(wildcards):
    return [registry.source("metrics", name) for name in metrics_of(wildcards)]


def of_runs(file, datasets=None, seeds=None):
    """The file of that name of every run."""
    return [
        f"results/{dataset}/{method}/seed{seed}/{file}"
        for dataset, method, seed in RUN.runs()
        if (datasets is None or dataset in datasets) and (seeds is None or seed in seeds)
    ]


# Published numbers about data sets of this run: tables with a value for each data set, method and metric.
PUBLISHED = [str(file) for file in published_files(ROOT / "config" / "published", RUN)]


def published_table():
    """The table of published numbers beside ours; nothing where no paper is about these data."""
    return [f"{OUT}/published.tsv"] if PUBLISHED else []


def prepared_of(dataset):
    """What tells how large a data set is, and what of it is known."""
    return f"results/{dataset}/{'prepared.h5ad' if RUN.datasets[dataset].task == 'integrate' else 'domains.json'}"


PUBLISHED_VALUES = ROOT / "config" / "published"
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
    """A pattern for the files of the figures of a target; one that nothing matches where there are none."""
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
