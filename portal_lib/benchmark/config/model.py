"""A checked configuration: the data sets, methods and metrics of a run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portal_lib.benchmark import registry
from portal_lib.benchmark.tasks import task_of
from portal_lib.preparation.inputs import is_table
from portal_lib.preparation.order import AS_THEY_COME

if TYPE_CHECKING:
    from portal_lib.benchmark.tasks.base import Task

# The definitions of metrics that run by default, and those that enter no overall score.
MAIN, AUXILIARY = "scib", "extra"


@dataclass(frozen=True)
class Dataset:
    """A data set; `path` is set when it is the user's own file or files, `cells` or `n_batches` when it is a sample."""

    id: str
    name: str
    params: dict = field(default_factory=dict)
    path: str | list[str] | None = None
    batch: str | list[str] | None = None
    label: str | None = None
    unlabelled: list = field(default_factory=list)
    layer: str | None = None
    mod: str | None = None
    organism: str | None = None
    pseudotime: str | None = None
    reference: str | int | None = None
    order: str | list[str | int] = AS_THEY_COME
    defaults: dict = field(default_factory=dict)
    preparation: dict = field(default_factory=dict)
    embeddings: dict[str, str] = field(default_factory=dict)
    cells: int | None = None
    n_batches: int | None = None
    sample_seed: int = 0
    config_key: str = ""

    @property
    def whole(self) -> str:
        """Name shared by all samples of one entry: `id` without the numbers of cells and batches."""
        return self.id.removesuffix(size_suffix(self.cells, self.n_batches))

    @property
    def is_sample(self) -> bool:
        """Whether only some of its cells or batches are used."""
        return bool(self.cells or self.n_batches)

    @property
    def task(self) -> str:
        """Name of its task; ``"integrate"`` for a data set of the user."""
        return "integrate" if self.path else registry.find("datasets")[self.name]["task"]

    @property
    def resampled_per_seed(self) -> bool:
        """Whether the known pairs are resampled for each seed."""
        return not self.path and registry.find("datasets")[self.name].get("resampled_per_seed", False)

    @property
    def obs_keys(self) -> list[str]:
        """Columns of obs with the batch, the label and, if given, the pseudotime."""
        facts = {} if self.path else registry.find("datasets")[self.name]
        batch, label = (self.batch, self.label) if self.path else (facts["batch_key"], facts["label_key"])
        batches = batch if isinstance(batch, list) else [batch]
        return [key for key in (*batches, label, self.pseudotime) if key is not None]

    @property
    def has_labels(self) -> bool:
        """Whether labels of its cells are known, of all or of some."""
        return self.label is not None if self.path else "label_key" in registry.find("datasets")[self.name]

    def given_embedding(self, name: str) -> dict:
        """Parameters of the plug-in that reads one of its `embeddings`."""
        source = self.embeddings[name]
        if is_table(source):
            return {"table": source, "sample": self.is_sample}
        return {"key": source, "path": self.paths, "layer": self.layer, "mod": self.mod, "sample": self.is_sample}

    def given_files(self, name: str) -> list[str]:
        """Files from which one of its `embeddings` is read."""
        return [self.embeddings[name]] if is_table(self.embeddings[name]) else self.paths

    @property
    def paths(self) -> list[str]:
        """The user's own files; none of a data set of the registry."""
        return [self.path] if isinstance(self.path, str) else list(self.path or [])

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits of a checksum of the parameters."""
        return hashlib.sha256(json.dumps(self.params, sort_keys=True).encode()).hexdigest()[:8]


def size_suffix(cells: int | None, n_batches: int | None) -> str:
    """Suffix of the name of a sample."""
    return (f".n{cells}" if cells else "") + (f".b{n_batches}" if n_batches else "")


@dataclass(frozen=True)
class Method:
    """One row of the tables: a method, its given parameters, and the data sets that it runs on (or all)."""

    id: str
    name: str
    given: dict
    stochastic: bool
    datasets: tuple[str, ...] = ()
    # Data sets for which the configuration does not name it: a control there, which only sets ends of scaled scores.
    added: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks that it can do."""
        return registry.tasks_of(registry.find("methods")[self.name])

    @property
    def is_given(self) -> bool:
        """Whether it stands for embeddings of the user, called `id` in each of its data sets."""
        return registry.find("methods")[self.name]["given"]

    def fits(self, dataset: Dataset) -> bool:
        """Whether it runs on a data set: one of its task that it is for, with labels if it uses them."""
        wanted = not self.datasets or dataset.whole in self.datasets
        lacking = registry.find("methods")[self.name]["uses_labels"] and not dataset.has_labels
        return dataset.task in self.tasks and wanted and not (lacking and dataset.task == "integrate")

    def is_added(self, dataset: Dataset) -> bool:
        """Whether it runs on a data set only to set the ends of control-scaled scores."""
        return dataset.whole in self.added and self.fits(dataset)


@dataclass(frozen=True)
class Run:
    """A checked configuration. Lists are in the order of the configuration."""

    name: str
    datasets: dict[str, Dataset]
    methods: dict[str, Method]
    metrics: list[str]
    seeds: list[int]
    settings: dict

    def task_of(self, dataset: str) -> Task:
        """The task of a data set."""
        return task_of(self.datasets[dataset].task)

    def of_task(self, task: str) -> list[str]:
        """The data sets of a task."""
        return [name for name, dataset in self.datasets.items() if dataset.task == task]

    def seeds_of(self, dataset: str, method: str) -> list[int]:
        """Seeds with which a method runs: the first if its result does not depend on the seed, else by its task."""
        facts = registry.find("methods")[self.methods[method].name]
        if not registry.varies(facts, self.datasets[dataset].resampled_per_seed):
            return self.seeds[:1]
        return self.task_of(dataset).seeds(self, dataset)

    def runs(self, *, added: bool = True) -> list[tuple[str, str, int]]:
        """Every (data set, method, seed); with or without those of controls that the configuration does not name."""
        return [
            (d, m, seed)
            for d, dataset in self.datasets.items()
            for m, method in self.methods.items()
            if method.fits(dataset) and (added or not method.is_added(dataset))
            for seed in self.seeds_of(d, m)
        ]

    @property
    def named(self) -> list[str]:
        """The methods that the configuration names."""
        datasets = self.datasets.values()
        return [m for m, one in self.methods.items() if any(one.fits(d) and not one.is_added(d) for d in datasets)]

    @property
    def added(self) -> dict[str, list[str]]:
        """By data set, the controls that the configuration does not name for it; data sets without any are left out."""
        found = {d: [m for m, one in self.methods.items() if one.is_added(data)] for d, data in self.datasets.items()}
        return {dataset: methods for dataset, methods in found.items() if methods}

    def params(self, dataset: str, method: str) -> dict:
        """All parameters of a method on a data set: those given, the data set's defaults, the method's defaults."""
        chosen, defaults = self.methods[method], self.datasets[dataset].defaults
        facts = registry.find("methods")[chosen.name]
        if chosen.is_given:
            return complete(facts, self.datasets[dataset].given_embedding(method))
        return complete(facts, {key: value for key, value in defaults.items() if key in facts["params"]} | chosen.given)

    def given_source(self, dataset: str, method: str) -> str | None:
        """Where a given embedding is from: a key of obsm or the name of a file; None for a method."""
        return self.datasets[dataset].embeddings[method] if self.methods[method].is_given else None

    def preparation(self, dataset: str) -> dict:
        """Parameters of :func:`portal_lib.preparation.prepare` for a data set: its own, else those of the run."""
        given = self.settings["preparation"] | self.datasets[dataset].preparation
        every = {"n_top_genes": None, "n_highly_variable": None} if given["all_genes"] else {}
        return {key: value for key, value in given.items() if key != "all_genes"} | every

    def metrics_of(self, dataset: str) -> list[str]:
        """The metrics for the task of a data set."""
        known, groups = registry.find("metrics"), self.task_of(dataset).groups
        return [name for name in self.metrics if known[name]["group"] in groups]

    @property
    def definitions(self) -> list[str]:
        """Definitions of metrics for which this run has overall scores, scIB's first."""
        facts, used = registry.find("metrics"), {name for data in self.datasets for name in self.metrics_of(data)}
        found = {facts[name]["definition"] for name in used if "definition" in facts[name]} - {AUXILIARY}
        return sorted(found, key=lambda name: (name != MAIN, name))


def complete(facts: dict, given: dict) -> dict:
    """Parameters of a plug-in, with defaults filled in."""
    return {key: spec["default"] for key, spec in facts["params"].items()} | given
