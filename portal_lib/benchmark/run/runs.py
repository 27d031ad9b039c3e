"""One run of a method: its files, its record, and tables of many runs."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from portal_lib._files import write_text_atomic
from portal_lib.benchmark.tables.reading import read_table
from portal_lib.benchmark.tasks import stage, task_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd

    from portal_lib.benchmark.run.supervise import Limits

SCORE_COLUMNS = ["dataset", "method", "seed", "metric", "group", "value", "reason"]
DESTINATION_COLUMNS = ["dataset", "method", "seed", "direction", "source", "target", "share"]
RESOURCE_COLUMNS = [
    *("dataset", "method", "seed", "status", "reason", "wall_s", "cpu_s", "load_s", "fit_s", "write_s"),
    *("peak_memory_mb", "probe", "peak_gpu_mb", "memory_limit_mb", "time_limit_s", "threads", "device"),
    *("trainings", "input"),
]
# In the column `input`, followed by the source in brackets.
GIVEN = "given"
# Last column of the tables of all runs: "yes" for a control that the configuration does not name for this data set.
ADDED = "added"


def run_method(task: dict, prepared: Path, result: Path, record: Path, limits: Limits) -> None:
    """Run a method under supervision and write its result and its record, whatever happens.

    Parameters
    ----------
    task
        ``task``, ``dataset``, ``method`` (name of the row), ``plugin`` (name in the registry), ``params``, ``seed``,
        ``device``, and other values that the stage ``run`` of the task reads.
    prepared
        The prepared data.
    result
        What the method returned, further tables in ``tables/`` next to it, and its trained models in ``model/`` where
        the task has ``keep_models``; no arrays when the run failed.
    record
        JSON record of the run.
    limits
        What it may use.
    """
    # Scores are made without what supervises processes.
    from portal_lib.benchmark.run import provenance
    from portal_lib.benchmark.run.supervise import supervise

    for stale in [*result.parent.glob(".work-*"), *result.parent.glob("tables"), *result.parent.glob("model")]:
        shutil.rmtree(stale)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix=".work-", dir=result.parent) as name:
        work = Path(name)
        made = work / result.name
        row = supervise(task | {"prepared": str(prepared), "result": str(made)}, work, limits)
        if row["status"] == "ok":
            for folder in ("tables", "model"):
                if (work / folder).exists():
                    os.replace(work / folder, result.parent / folder)
            os.replace(made, result)
        else:
            stage(task["task"], "run").write_empty(prepared, result)
    row |= task | {"device": row["device"] or task["device"], "started": started, "machine": provenance.machine()}
    row |= {"threads": limits.threads, "time_limit_s": limits.time_s, "memory_limit_mb": limits.memory_mb}
    write_text_atomic(record, json.dumps(row, indent=1, sort_keys=True))
    print(_line(row))


def _line(row: dict) -> str:
    what = f"{row['dataset']} · {row['method']} · seed {row['seed']}: {row['status']}"
    took = f"{row['wall_s']:.1f} s, {row['peak_memory_mb']:.0f} MiB"
    return f"{what} ({row['reason']}), {took}" if row["reason"] else f"{what}, {took}"


def resource_row(record: dict) -> dict:
    """The row of ``resources.tsv`` of one record; seconds and MiB, empty for an embedding that was made elsewhere."""
    if record.get("given"):
        known = {column: record[column] for column in ("dataset", "method", "seed", "status", "reason")}
        return dict.fromkeys(RESOURCE_COLUMNS) | known | {"input": f"{GIVEN} ({record['given']})"}
    phases, gpu = record["phases"], record["gpu"] or {}
    flat = {f"{name}_s": phases.get(name) for name in ("load", "fit", "write")}
    flat["peak_gpu_mb"] = gpu.get("torch_reserved_mb")
    flat["trainings"] = task_of(record["task"]).trainings(record)
    if used := record.get("input"):
        scaled = "not scaled" if used["scaled"] == "no" else f"scaled {used['scaled']}"
        flat["input"] = f"{used['n_genes']} {used['genes']} genes, {scaled}"
    return {column: flat.get(column, record.get(column)) for column in RESOURCE_COLUMNS}


def gather_resources(records: list[Path]) -> pd.DataFrame:
    """One row per run, in the order of the records."""
    import pandas as pd

    rows = [resource_row(record) for record in read_records(records)]
    return pd.DataFrame(rows, columns=RESOURCE_COLUMNS).astype({"trainings": "Int64"})


def mark_added(table: pd.DataFrame, added: Mapping[str, Collection[str]]) -> pd.DataFrame:
    """The table with the column `added`: ``yes`` for the named methods of a data set, else ``no``."""
    pairs = {(dataset, method) for dataset, methods in added.items() for method in methods}
    there = zip(table["dataset"], table["method"], strict=True)
    return table.assign(**{ADDED: ["yes" if pair in pairs else "no" for pair in there]})


def gather_tables(files: list[Path], columns: list[str]) -> pd.DataFrame:
    """All rows of tables with these columns, in the order of the files."""
    import pandas as pd

    filled = [table for table in map(read_table, files) if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns)


def read_records(files: list[str] | list[Path]) -> list[dict]:
    """The records of runs, in the order of the files."""
    return [json.loads(Path(file).read_text()) for file in files]


def machine_line(records: list[dict]) -> str:
    """The machine, or machines, on which runs were timed, in a few words."""
    lines = []
    for machine in (record["machine"] for record in records):
        words = [machine["cpu"], f"{machine['cores']} cores", f"{machine['memory_mb'] / 1024:.0f} GiB", machine["gpu"]]
        lines.append(", ".join(filter(None, words)))
    return "; ".join(dict.fromkeys(lines))
