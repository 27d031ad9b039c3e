"""The inputs of figures: for each named input, its files and how they are read.

A figure names its inputs in its facts. They reach its function ``draw`` as tables, arrays and records.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from portal_lib.benchmark.tables.reading import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import numpy as np
    import pandas as pd


class Input(NamedTuple):
    """An input of figures.

    Parameters
    ----------
    files
        Paths with wildcards. ``{out}`` is the folder of the run and ``{published}`` that of published values;
        ``{dataset}`` stands for each data set of the figure, ``{each}`` for the folder of each run of a method on it,
        ``{papers}`` for each file of published values about it.
    read
        Function of the path, or with `many` of the list of all paths.
    many
        Whether there may be any number of files.
    first_seed
        Whether ``{each}`` stands for runs with the first seed only.
    """

    files: tuple[str, ...]
    read: Callable[[Any], Any]
    many: bool = False
    first_seed: bool = False


def read_named(file: str) -> pd.DataFrame:
    """Rows of the methods that the configuration names."""
    from portal_lib.benchmark.tables.overall import of_named

    return of_named(read_table(file))


def read_destinations(file: str) -> pd.DataFrame:
    """Shares of cells by source and target; all other columns are names."""
    import pandas as pd

    table = pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False)
    return table.astype({"share": float, "seed": int})


def read_published(files: Sequence[str]) -> pd.DataFrame | None:
    """Published values of one or several papers; None if there are none."""
    import pandas as pd

    return pd.concat([read_table(file) for file in files], ignore_index=True) if files else None


def read_records(files: Sequence[str]) -> list[dict]:
    """The records of runs, in the order of the files."""
    return [json.loads(Path(file).read_text()) for file in files]


def read_machine(files: Sequence[str]) -> str:
    """The machine, or machines, on which runs were timed."""
    from portal_lib.benchmark.run.runs import machine_line

    return machine_line(read_records(files))


def read_scored(files: Sequence[str]) -> dict:
    """Which cells of a data set were scored."""
    from portal_lib.benchmark.data.scored_cells import facts_of_dataset

    return facts_of_dataset(files)


def read_prepared(file: str) -> dict:
    """Batch and label of all cells of a data set; a label is missing where a cell has none, None if there are none."""
    from portal_lib.preparation.prepared import Prepared

    with Prepared(file) as data:
        return {"batch": data.column("batch"), "label": data.label}


def read_cells(file: str) -> Any:
    """The measured cells of both domains."""
    from portal_lib.preparation.reading import domain_files

    return domain_files.read_domains(file)


def read_truth(file: str) -> Any:
    """The ground truth about the cells of both domains."""
    from portal_lib.preparation.reading import domain_files

    return domain_files.read_truth(file)


def read_translations(files: Sequence[str]) -> list[np.ndarray | None]:
    """Cells of domain 1 translated to domain 2 in the first training of each run; None where there are none."""
    import numpy as np

    found = []
    for file in files:
        with np.load(file, allow_pickle=False) as made:
            first = next((name for name in made.files if name.endswith("/x12")), None)
            found.append(None if first is None else made[first])
    return found


TABLES = (
    *("summary", "overall", "overall_runs", "ranges", "differences", "published"),
    *("scaling", "scaling_fits"),
)
INPUTS = {name: Input((f"{{out}}/{name}.tsv",), read_table) for name in TABLES} | {
    "scores": Input(("{out}/scores.tsv",), read_named),
    "resources": Input(("{out}/resources.tsv",), read_named),
    "destinations": Input(("{out}/destinations.tsv",), read_destinations),
    "published_values": Input(("{papers}",), read_published, many=True),
    "published_scaling": Input(("{published}/portal_scaling.tsv",), read_table),
    "records": Input(("{each}/run.json",), read_records, many=True),
    "first_records": Input(("{each}/run.json",), read_records, many=True, first_seed=True),
    "machine": Input(("{each}/run.json",), read_machine, many=True),
    "scaling_machine": Input(("results/{dataset}/prepare.json", "{each}/run.json"), read_machine, many=True),
    "scored": Input(("{each}/scored.json",), read_scored, many=True),
    "umaps": Input(("{out}/umaps/{dataset}.tsv",), read_table),
    "prepared": Input(("results/{dataset}/prepared.h5ad",), read_prepared),
    "domains": Input(("results/{dataset}/domains.npz",), read_cells),
    "truth": Input(("results/{dataset}/truth.npz",), read_truth),
    "translations": Input(("{each}/aligned.npz",), read_translations, many=True, first_seed=True),
}
# What a figure may use without reading a file, in addition to the wildcards of its name: facts of plug-ins, the data
# set and of the configuration.
FIGURE_FACTS = ("methods", "metrics", "label", "labels", "weights", "source", "task", "shown", "sizes")


def method_inputs(record: str | Path) -> dict:
    """What a method was given, from ``domains.json``, in the form that captions take."""
    facts = json.loads(Path(record).read_text())
    trainings = 1 if facts["draw_by_seed"] else len(facts["n_shared"])
    inputs = {name: facts[name] for name in ("n1", "n2", "d1", "d2")}
    inputs |= {"n_shared": facts["n_shared"][0], "n_pairs": facts["n_pairs"][0], "n_hidden": len(facts["hidden"][0])}
    return inputs | {"d1": facts["d1"] - len(facts["hidden"][0]), "n_trainings": trainings}
