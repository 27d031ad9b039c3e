"""Score embeddings of cells, however they were made, with the metrics of the benchmark and without its workflow."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portal_lib._extras import packages_of
from portal_lib._files import write_text_atomic
from portal_lib._text import some, suggest
from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.preparation.inputs import is_table

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

# Of the workflow: above `max_cells` labelled cells, a sample is scored.
SCORED = {"max_cells": 100_000, "sample_cells": 50_000, "seed": 1234}
COLUMNS = ["embedding", "metric", "group", "value", "reason"]
# What metrics need and only counts give.
OF_COUNTS = {"before", "expression", "cell_cycle"}
NO_COUNTS = "the data hold no raw counts that can be prepared"
# Places in the file of a result.
EMBEDDING, GRAPH = "obsm/X_emb", "obsp/connectivities"
FILES = {"result": "result.h5ad", "record": "run.json", "scores": "scores.tsv", "scored": "scored.json"}
FILES |= {"graph": "neighbors.npz"}


def score(
    data: AnnData | str | Path | Sequence[str | Path],
    embeddings: str | Sequence[str] | Mapping[str, Any],
    *,
    batch_key: str | Sequence[str],
    label_key: str | None = None,
    unlabelled: Sequence[object] = (),
    pseudotime_key: str | None = None,
    layer: str | None = None,
    organism: str | None = None,
    metrics: str | Sequence[str] = "scib",
    weights: Mapping[str, float] | None = None,
    threads: int | None = None,
    data_name: str | None = None,
) -> pd.DataFrame:
    """Score embeddings or neighbour graphs of cells.

    Parameters
    ----------
    data
        The cells: an AnnData, the path of an h5ad file or a zarr store, or a list of paths that make up one data set.
        Not changed. Raw counts in it give the data before integration, which some metrics compare with.
    embeddings
        What to score: a key of obsm (coordinates) or of obsp (a neighbour graph), or a list of keys; or a map from
        names to keys, to tables (csv, tsv; :func:`portal_lib.preparation.reading.embeddings.read_embedding`), to
        DataFrames whose index has the names of the cells, to arrays of shape (n_cells, n_dims), or to sparse graphs of
        shape (n_cells, n_cells), in the order of the cells.
    batch_key, label_key
        Columns of obs; the batches of several columns are their combinations. Without a column of labels, metrics that
        need labels are not applicable; cells without a label are not scored.
    unlabelled
        Values of the label column that mean "no label", in addition to missing values.
    pseudotime_key
        Column of obs with a known pseudotime, numbers from 0, empty where a cell has none.
    layer
        Where the raw counts are; ``"raw"`` for `raw`. By default X, or else the first layer with counts.
    organism
        ``"human"`` or ``"mouse"``, for the conservation of the cell cycle.
    metrics
        As in the configuration of a benchmark: ``"scib"``, ``"fast"``, ``"portal"``, ``"all"``, a name, or names.
    weights
        Of ``batch`` and ``bio`` in the overall score; by default 0.4 and 0.6.
    threads
        For reading; default: all.
    data_name
        Name of the data in messages; by default that of the file.

    Returns
    -------
    Columns embedding, metric, group, value and reason: for each embedding one row per metric, with a finite value, or
    NaN and the reason why there is none; then, with group ``"aggregate"``, ``batch``, ``bio`` and ``overall`` (of the
    metrics of the Portal paper ``portal_batch`` ...), each the mean of the metrics that have a value.
    ``attrs["notes"]`` says where the counts are, and which cells were scored.

    Raises
    ------
    ConfigError
        A metric or keyword is unknown, both weights are 0, or a package of the extras ``preparation`` and ``metrics``
        is not installed.
    DataError, ShapeError
        The file, a column or an embedding cannot be used; or `layer` is given and holds no counts.

    Notes
    -----
    The scores are those that the workflow gives to the same embedding: counts are prepared by
    :func:`portal_lib.preparation.prepare` with its defaults, and above 100,000 cells, 50,000 are scored. Prepared data
    are in a temporary folder (``TMPDIR``), which takes about as much space as the counts.
    """
    names = _metrics_of_integration(metrics)
    cells = _Cells(data, data_name, layer, threads)
    keys = {"batch_key": batch_key, "label_key": label_key, "unlabelled": unlabelled, "pseudotime_key": pseudotime_key}
    truth = cells.truth(**keys)
    spaces = {name: cells.read(name, source) for name, source in _named(embeddings).items()}
    with (
        packages_of("preparation,metrics", "scores need it"),
        tempfile.TemporaryDirectory(prefix="portal-score-") as folder,
    ):
        prepared = Path(folder, "prepared.h5ad")
        notes, counted = cells.prepare(prepared, truth, organism=organism, **keys)
        tables = []
        for name, (place, values) in spaces.items():
            rows, scored = _score(prepared, name, place, values, names, counted)
            tables.append(_with_aggregates(rows, weights))
            notes += _notes_on_sample(scored)
    return _joined(tables, list(dict.fromkeys(notes)))


class _Cells:
    """The cells to score: their names, columns of obs, and where their counts are."""

    def __init__(self, data: Any, name: str | None, layer: str | None, threads: int | None):
        self._given, self._layer, self._threads = data, layer, threads
        self._data = None if isinstance(data, str | Path | Sequence) else data
        if self._data is None:
            self._paths = [data] if isinstance(data, str | Path) else list(data)
        else:
            self._paths = [name or "the data"]
        self.name = name or (str(self._paths[0]) if len(self._paths) == 1 else "the data")

    def truth(self, *, batch_key, label_key, unlabelled, pseudotime_key) -> pd.DataFrame:
        """Columns of the prepared obs that need no counts: batch, each of several batch columns, label, pseudotime.

        Reads the names of the cells, too, so it comes first.
        """
        import pandas as pd

        from portal_lib.preparation import columns as of_obs
        from portal_lib.preparation.checks import listed
        from portal_lib.preparation.reading.sources import open_source

        keys = listed(batch_key)
        wanted = [key for key in (*keys, label_key, pseudotime_key) if key is not None]
        with open_source(self._given, layer=self._layer, keys=wanted, threads=self._threads) as source:
            obs, self.names = source.obs, source.names
        problems = [line for key in keys for line in of_obs.column_problems(obs, key, "batch_key", self.names)]
        key = " · ".join(keys)
        if not problems:
            obs = obs.assign(**{key: of_obs.combined(obs, keys)}) if len(keys) > 1 else obs
            problems += of_obs.batch_problems(obs, key, names=self.names)
        if label_key is not None:
            problems += of_obs.label_problems(obs, label_key, "label_key", unlabelled)
        if label_key in keys:
            problems.append(f"batch and label are the same column, '{label_key}'. Name two columns.")
        if twice := self.names.repeated():
            problems.append(f"{len(twice):,} names of cells occur more than once: {some(map(repr, twice))}.")
        of_obs.raise_problems(self.name, problems)
        columns = {"batch": of_obs.as_categorical(obs[key])}
        if len(keys) > 1:
            columns |= {f"batch_{i}": of_obs.as_categorical(obs[one]) for i, one in enumerate(keys, start=1)}
        columns |= {} if label_key is None else {"label": of_obs.labels_of(obs, label_key, unlabelled)}
        return pd.DataFrame(columns | of_obs.pseudotime_of(obs, pseudotime_key, self.name))

    def prepare(self, out: Path, truth: pd.DataFrame, **settings) -> tuple[list[str], bool]:
        """Write the prepared data, without what counts give if there are none; notes, and whether there are counts."""
        from portal_lib.preparation.recipe import prepare

        how = settings | {"data_name": self.name, "threads": self._threads, "out": out}
        reason = ""
        for layer in [self._layer] if self._layer is not None else self._places():
            try:
                prepare(self._given, layer=layer, **how)
            except DataError as error:
                if self._layer is not None:
                    raise
                reason = reason or str(error)
            else:
                place = "raw.X" if layer == "raw" else f"layers['{layer}']"
                return ([f"{self.name}: the raw counts are those of {place}."] if self._layer != layer else []), True
        self._write_without_counts(out, truth, settings["batch_key"])
        return [f"no comparison with the data before integration, since {NO_COUNTS} ({reason})"], False

    def _places(self) -> Iterator[str | None]:
        """X, then the layers that hold counts."""
        from portal_lib.preparation.checks import holds_counts
        from portal_lib.preparation.reading.sources import open_source

        yield None
        with open_source(self._given, threads=self._threads) as source:
            order = sorted(source.others, key=lambda name: (name == "raw", name != "counts"))
            found = [name for name in order if holds_counts(source.others[name])]
        yield from found

    def _write_without_counts(self, out: Path, truth: pd.DataFrame, batch_key: str | Sequence[str]) -> None:
        """Write prepared data that consist of the cells and their columns of obs alone."""
        import numpy as np
        import pandas as pd

        from portal_lib.preparation.checks import listed
        from portal_lib.preparation.reading.names import Names
        from portal_lib.preparation.reading.storage import H5adWriter

        keys = listed(batch_key)
        facts = {"batch_key": np.array(keys, dtype=object) if len(keys) > 1 else keys[0], "cell_cycle": NO_COUNTS}
        with H5adWriter(out) as made:
            made.table("obs", truth, self.names)
            made.table("var", pd.DataFrame(), Names([]))
            made.element("uns", {"preparation": facts})

    def read(self, name: str, source: Any) -> tuple[str, Any]:
        """Where an embedding is stored in a result, ``obsm/X_emb`` or ``obsp/connectivities``, and its values."""
        from portal_lib.preparation.reading import embeddings as given

        if isinstance(source, str | Path) and is_table(str(source)):
            return EMBEDDING, given.read_embedding(source, self.names.to_index())
        if isinstance(source, str | Path):
            return self._of_key(str(source))
        if hasattr(source, "tocsr"):
            place, values = GRAPH, source.tocsr()
        elif hasattr(source, "iloc"):
            return EMBEDDING, given.embedding_of(source, self.names.to_index(), name)
        else:
            place, values = EMBEDDING, given.finite(source, name)
        wanted = (len(self.names), len(self.names) if place == GRAPH else values.shape[1])
        if values.shape != wanted:
            raise ShapeError(f"{name}: has shape {values.shape} for {len(self.names):,} cells; expected {wanted}.")
        return place, values

    def _of_key(self, key: str) -> tuple[str, Any]:
        """An embedding of obsm, or a graph of obsp."""
        from portal_lib.preparation.reading import embeddings as given

        keys = given.keys_of(self._data, self._paths[0])
        if key in keys["obsm"] or key not in keys["obsp"]:
            if key not in keys["obsm"]:
                found = ", ".join(f"{name}: {some(sorted(there), 20) or 'nothing'}" for name, there in keys.items())
                known = [*keys["obsm"], *keys["obsp"]]
                raise DataError(f"{self.name}: has no obsm or obsp '{key}'{suggest(key, known)} Found in {found}.")
            place, values = EMBEDDING, given.read_obsm(self._data, self._paths, key)
        elif len(self._paths) > 1:
            raise DataError(f"obsp['{key}']: graphs of several files cannot be joined. Give a graph of all cells.")
        else:
            place, values = GRAPH, given.read_obsp(self._data, self._paths[0], key)
        if values.shape[0] != len(self.names):
            raise DataError(f"{self.name}: '{key}' has {values.shape[0]:,} rows for {len(self.names):,} cells.")
        return place, values


def _metrics_of_integration(metrics: str | Sequence[str]) -> list[str]:
    """Names of the metrics of the task "integrate"; ConfigError for a name that is unknown or of another task."""
    from portal_lib.benchmark import registry
    from portal_lib.benchmark.config.metric_words import named_metrics
    from portal_lib.benchmark.tasks import task_of

    known, groups = registry.find("metrics"), task_of("integrate").groups
    metrics = [metrics] if isinstance(metrics, str) and metrics in known else metrics
    names, problems = named_metrics(metrics)
    others = [name for name in names if name in known and known[name]["group"] not in groups]
    if not isinstance(metrics, str):
        problems += [f"metrics: '{name}' is not a metric of integration" for name in others]
    if problems:
        raise ConfigError("\n  ".join(["the arguments have problems", *problems]) if problems[1:] else problems[0])
    return [name for name in names if name not in others]


def _named(embeddings: str | Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    """What to score, by name."""
    if isinstance(embeddings, str):
        return {embeddings: embeddings}
    made = dict(embeddings) if isinstance(embeddings, Mapping) else {str(key): key for key in embeddings}
    if not made:
        raise ConfigError("embeddings: none is given; name a key of obsm or a table.")
    return made


def _score(
    prepared: Path, name: str, place: str, values: Any, metrics: Sequence[str], counted: bool
) -> tuple[pd.DataFrame, dict]:
    """Rows of all metrics of one embedding, and which cells they are of, by the stage "score" of the workflow."""
    import pandas as pd

    from portal_lib.benchmark import registry
    from portal_lib.benchmark.run.runs import SCORE_COLUMNS
    from portal_lib.benchmark.tasks import stage

    facts = registry.find("metrics")
    group = {metric: facts[metric]["group"] for metric in metrics}
    left_out = [metric for metric in group if not counted and OF_COUNTS & set(facts[metric]["needs"])]
    files = {key: prepared.with_name(end) for key, end in FILES.items()} | {"prepared": prepared}
    _write_result(files["result"], prepared, place, values)
    write_text_atomic(files["record"], json.dumps({"status": "ok"}))
    with redirect_stdout(sys.stderr):
        stage("integrate", "score").score(
            {"dataset": "data", "method": name, "seed": 0},
            [metric for metric in group if metric not in left_out],
            settings=SCORED,
            **files,
        )
    text = dict.fromkeys(("dataset", "method", "metric", "group", "reason"), str)
    rows = pd.read_csv(files["scores"], sep="\t", dtype=text, keep_default_na=False, na_values={"value": [""]})
    others = [("data", name, 0, metric, group[metric], float("nan"), NO_COUNTS) for metric in left_out]
    rows = pd.concat([rows, pd.DataFrame(others, columns=SCORE_COLUMNS)]) if others else rows
    order = rows["metric"].str.partition(":")[0].map({metric: place for place, metric in enumerate(group)})
    return rows.iloc[order.argsort(kind="stable")], json.loads(files["scored"].read_text())


def _write_result(path: Path, prepared: Path, place: str, values: Any) -> None:
    """Write an embedding or a graph as the workflow writes that of a method."""
    import h5py

    from portal_lib.preparation.reading.storage import H5adWriter

    with h5py.File(prepared, "r") as cells, H5adWriter(path) as out:
        out.names("obs", cells["obs"])
        if place == GRAPH:
            out.element(place, values)
        else:
            out.dense(place, values.shape)[:] = values


def _with_aggregates(rows: pd.DataFrame, weights: Mapping[str, float] | None) -> pd.DataFrame:
    """The rows, followed by the scores of groups of metrics, as the workflow computes them."""
    import pandas as pd

    from portal_lib.benchmark.tables.aggregate import AGGREGATE, summarise
    from portal_lib.benchmark.tables.overall import WEIGHTS

    summary = summarise(rows, WEIGHTS if weights is None else weights)
    found = summary[summary["group"] == AGGREGATE].rename(columns={"mean": "value"})
    reason = found["value"].isna().map({True: "no metric of this group has a value", False: ""})
    found = found.assign(reason=reason, method=rows["method"].iloc[0])
    both = pd.concat([rows, found[[name for name in rows if name in found]]])
    return both.rename(columns={"method": "embedding"})[COLUMNS]


def _notes_on_sample(scored: Mapping) -> list[str]:
    """Which cells were scored, if not all."""
    n, total = scored["n_cells_scored"], scored["n_cells_total"]
    return [f"{n:,} of {total:,} cells are scored."] if n < total else []


def _joined(tables: Sequence[pd.DataFrame], notes: list[str]) -> pd.DataFrame:
    import pandas as pd

    made = pd.concat(tables, ignore_index=True)
    made.attrs["notes"] = notes
    return made
