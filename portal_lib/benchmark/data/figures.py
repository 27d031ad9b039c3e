"""The figures of a run, and for each the files that it is drawn from and the facts that it needs.

Decided from the facts of the figures and of the data sets, which name the figures that suit them.
"""

import itertools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from portal_lib.benchmark import registry
from portal_lib.benchmark.config.model import Run, size_suffix
from portal_lib.benchmark.data.figure_inputs import INPUTS, Input
from portal_lib.benchmark.tables.published import published_files
from portal_lib.benchmark.tables.run_facts import dataset_label

# Facts that the script looks up itself.
REGISTRIES = ("methods", "metrics")


@dataclass(frozen=True)
class Figure:
    """One figure of a run: the plug-in that draws it, and what the wildcards of its file stand for."""

    name: str
    wildcards: dict[str, str]

    @property
    def facts(self) -> dict:
        """What the plug-in states."""
        return registry.find("figures")[self.name]

    @property
    def file(self) -> str:
        """Name of its files, without folder and suffix."""
        return self.facts["file"].format(**self.wildcards)

    @property
    def label(self) -> str:
        """Its entry in the report."""
        return self.facts["label"].format(**self.wildcards)


def find_figures(run: Run, published: Path, target: str = "figures") -> dict[str, Figure]:
    """All figures of a run, by the name of their files.

    Parameters
    ----------
    run
        The checked configuration.
    published
        Folder of published values.
    target
        Which figures: ``"figures"``, those of the benchmark, or ``"scaling"``.
    """
    found = {}
    for name, facts in registry.find("figures").items():
        datasets = [item for task in facts["tasks"] for item in run.of_task(task)]
        if facts.get("target", "figures") != target or not datasets:
            continue
        values = _values(run, facts, datasets)
        wildcards = [field for _, field, _, _ in Formatter().parse(facts["file"]) if field]
        for chosen in itertools.product(*(values[wildcard] for wildcard in wildcards)):
            figure = Figure(name, dict(zip(wildcards, chosen, strict=True)))
            if "dataset" not in wildcards or _suits(run, figure, published):
                found[figure.file] = figure
    return found


def _values(run: Run, facts: dict, datasets: list[str]) -> dict[str, list[str]]:
    """What each wildcard may stand for."""
    wholes: dict[str, int] = Counter(run.datasets[name].whole for name in datasets)
    if facts.get("target", "figures") == "figures":
        # A benchmark has one size of most data sets: nothing to compare.
        wholes = {whole: n for whole, n in wholes.items() if n > 1}
    return {"dataset": datasets, "whole": list(wholes), "definition": run.definitions} | facts.get("variants", {})


def _suits(run: Run, figure: Figure, published: Path) -> bool:
    """Whether a data set has a figure: because it names it, or because there is what the figure requires."""
    dataset = run.datasets[figure.wildcards["dataset"]]
    named = registry.find("datasets").get(dataset.name, {}).get("figures", [])
    if figure.facts.get("chosen") and figure.name not in named:
        return False
    required = figure.facts.get("requires", [])
    if not all(input_files(run, figure, INPUTS[name], "", published) for name in required):
        return False
    return not set(figure.facts.get("replaced_by", [])) & set(named)


def figure_files(run: Run, figure: Figure, out: str, published: Path) -> dict[str, str | list[str]]:
    """The files of every input of a figure: a path, or a list where there may be several.

    Parameters
    ----------
    run
        The checked configuration.
    figure
        From :func:`find_figures`.
    out
        Folder of the tables of the run.
    published
        Folder of published values.
    """
    inputs = {name: INPUTS[name] for name in figure.facts["inputs"]}
    files = {name: input_files(run, figure, one, out, published) for name, one in inputs.items()}
    return {name: found if inputs[name].many else found[0] for name, found in files.items()}


def input_files(run: Run, figure: Figure, one: Input, out: str, published: Path) -> list[str]:
    """The files of one input of a figure."""
    datasets = _datasets(run, figure)
    every = {
        "{dataset}": datasets,
        "{each}": _run_folders(run, datasets, first_seed=one.first_seed),
        "{papers}": [str(file) for name in datasets for file in published_files(published, run, name)],
    }
    files = []
    for pattern in one.files:
        pattern = pattern.replace("{out}", out).replace("{published}", str(published))
        wildcard = next((name for name in every if name in pattern), None)
        files += [pattern.replace(wildcard, value) for value in every[wildcard]] if wildcard else [pattern]
    return files


def _datasets(run: Run, figure: Figure) -> list[str]:
    """The data sets that a figure is about."""
    if "dataset" in figure.wildcards:
        return [figure.wildcards["dataset"]]
    datasets = [item for task in figure.facts["tasks"] for item in run.of_task(task)]
    whole = figure.wildcards.get("whole")
    return [name for name in datasets if whole in (None, run.datasets[name].whole)]


def _run_folders(run: Run, datasets: list[str], *, first_seed: bool) -> list[str]:
    """Folders of the runs of the methods that the configuration names, on data sets."""
    seeds = run.seeds[:1] if first_seed else run.seeds
    return [f"results/{d}/{m}/seed{seed}" for d, m, seed in run.runs(added=False) if d in datasets and seed in seeds]


def figure_facts(run: Run, figure: Figure) -> dict:
    """The facts that a figure names, those of methods and metrics excepted."""
    datasets = _datasets(run, figure)
    first = run.datasets[datasets[0]]
    known = figure.wildcards | {
        "label": dataset_label(run, first.id),
        "labels": {name: dataset_label(run, name) for name in datasets},
        "weights": run.settings["weights"],
        "source": first.name,
        "task": first.task,
        "sizes": {name: (run.datasets[name].cells, run.datasets[name].n_batches) for name in datasets},
        "shown": registry.find("datasets").get(first.name, {}).get("shown", []),
    }
    if "whole" in figure.wildcards:
        # Without the numbers of cells and batches of its samples.
        size = size_suffix(first.cells, first.n_batches).removeprefix(".")
        known["label"] = known["label"].removesuffix(size).rstrip(" ·.")
    return {name: known[name] for name in figure.facts["facts"] if name not in REGISTRIES}
