"""Compare the final scores of our trainer with those of the published package's loop.

Every seed of every loop is trained on the same prepared components and scored as the workflow scores a run::

    make faithful
    python -m benchmarks.faithful --published FOLDER --seeds 10

With two batches the embedding is the latent space, with more the space of the first batch, data sets added one by
one, by our chain as by the package. An interrupted run resumes: seeds that are in the table are not
trained again. When our trainer changes, its rows are dropped and those of the package stay.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import torch
from scipy.special import stdtrit

from benchmarks.trainer import machine, published
from portal_lib._files import write_table, write_text_atomic
from portal_lib._intervals import CONFIDENCE, t_interval
from portal_lib.benchmark import registry
from portal_lib.benchmark.fetch.fetch import LOCK, fetch_files
from portal_lib.benchmark.imports import library_files
from portal_lib.benchmark.run import provenance
from portal_lib.benchmark.tables.overall import overall_scores
from portal_lib.benchmark.tasks.integrate.run import write_result
from portal_lib.benchmark.tasks.integrate.score import score as score_run
from portal_lib.errors import ConfigError, PortalLibError
from portal_lib.methods._result import Result
from portal_lib.preparation.prepared import Prepared
from portal_lib.preparation.reading.files import write_h5ad_atomic
from portal_lib.preparation.recipe import prepare
from portal_lib.training import chain
from portal_lib.training.objectives.portal import Portal

LOOPS = ("ours", "ours float32", "published")
PRECISION = {"ours": "auto", "ours float32": "float32"}
COLUMNS = ["dataset", "loop", "seed", "metric", "group", "value"]
# Those of which the scores of the package are kept in published_scores.tsv.
METRICS = ["ari", "asw_batch", "asw_label", "clisi", "graph_connectivity", "ilisi", "nmi", "pcr"]
AGGREGATES = ("overall", "batch", "bio")
LAMBDA_COS = 20.0
SMALL = {"n_cells": 400, "n_genes": 1500}
ALL_CELLS = {"max_cells": 10**9, "sample_cells": 10**9, "seed": 0}


def main(arguments=None):
    """Train and score what is missing, then print and write the comparison."""
    chosen = parser().parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    try:
        package = published.import_package(chosen.published) if "published" in chosen.loops else None
        settings = settings_of(chosen)
        table = complete(chosen, settings, package, rows_so_far(chosen.folder, settings))
    except PortalLibError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    text = f"{header(settings)}\n\n{report(table)}"
    write_text_atomic(chosen.folder / "summary.md", text)
    print(text)


def complete(chosen, settings, package, table):
    """The table with every requested seed, data set and loop."""
    done = set(table[COLUMNS[:3]].itertuples(index=False, name=None))
    prepared = {name: prepare_once(name, chosen) for name in chosen.datasets}
    for seed in range(chosen.seeds):
        for name, data in prepared.items():
            for loop in [loop for loop in chosen.loops if (name, loop, seed) not in done]:
                started, load = time.perf_counter(), machine.load_average()[0]
                embedding = embed(data, loop, seed, chosen.steps, package)
                trained = time.perf_counter() - started
                rows = score(embedding, prepared_file(name, chosen), (name, loop, seed), settings["metrics"])
                table = rows if table.empty else pd.concat([table, rows], ignore_index=True)
                write_table(table, chosen.folder / "scores.tsv")
                line = f"{name}, {loop}, seed {seed}: trained in {trained:.1f} s"
                print(f"{line} ({chosen.threads} threads, load {load})", file=sys.stderr, flush=True)
    asked = table["dataset"].isin(chosen.datasets) & table["loop"].isin(chosen.loops) & (table["seed"] < chosen.seeds)
    return table[asked]


def prepare_once(name, chosen):
    """The prepared data; created and kept if missing."""
    file = prepared_file(name, chosen)
    if not file.exists():
        facts, folder = registry.find("datasets")[name], chosen.folder / "data" / name
        if facts["files"]:
            fetch_files(facts["files"], folder, mirror=chosen.mirror, lock_path=LOCK)
        counts = registry.load("datasets", name).load(folder, **(SMALL if chosen.small and not facts["files"] else {}))
        keys = {key: facts[key] for key in ("batch_key", "label_key", "batches")}
        write_h5ad_atomic(prepare(counts, **keys, data_name=name), file)
    return anndata.read_h5ad(file)


def prepared_file(name, chosen):
    return chosen.folder / f"{name}.prepared.h5ad"


def embed(data, loop, seed, steps, package):
    """Coordinates of one run, shape (n_cells, n_dims), in the order of `data`."""
    codes = data.obs["batch"].cat.codes.to_numpy()
    rows = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    domains = [np.ascontiguousarray(data.obsm["X_pca"][r]) for r in rows]
    embed_batches = embed_published if loop == "published" else embed_ours
    grouped = embed_batches(domains, loop, seed, steps, package)
    embedding = np.empty_like(grouped)
    embedding[np.concatenate(rows)] = grouped
    return embedding


def embed_ours(domains, loop, seed, steps, package):
    settings = {"steps": steps, "seed": seed, "precision": PRECISION[loop], "progress": False}
    trained = chain.fit_chain(Portal(), domains, lambda_cos=LAMBDA_COS, **settings)
    return trained.latent if len(domains) == 2 else trained.data_Aspace


def embed_published(domains, loop, seed, steps, package):
    """As the package treats a list of data sets: a new model for each, and a growing reference."""
    reference = domains[0]
    with tempfile.TemporaryDirectory() as folder:
        for x in domains[1:]:
            settings = {"steps": steps, "seed": seed, "lambda_cos": LAMBDA_COS, "checkpoints": folder}
            model = published.train(package, reference, x, **settings)
            latent, reference = published.infer(model), model.data_Aspace
    return latent if len(domains) == 2 else reference


def score(embedding, prepared, run, metrics):
    """Rows of one run, by the same files and the same function as in the workflow."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Prepared(prepared) as stored:
            write_result(Result(embedding=embedding), stored, folder / "result.h5ad")
        (folder / "run.json").write_text(json.dumps({"status": "ok"}))
        files = {"result": folder / "result.h5ad", "record": folder / "run.json", "scores": folder / "scores.tsv"}
        files |= {"graph": folder / "neighbors.npz", "scored": folder / "scored.json"}
        named = dict(zip(("dataset", "method", "seed"), run, strict=True))
        score_run(named, metrics, prepared=prepared, settings=ALL_CELLS, **files)
        return pd.read_csv(folder / "scores.tsv", sep="\t").rename(columns={"method": "loop"})[COLUMNS]


def report(table):
    """Markdown: per data set the overall scores and every metric of each loop, and their differences."""
    as_methods = table.rename(columns={"loop": "method"})
    aggregates = overall_scores(as_methods, scalings=["raw"], treatments=["ignore"])
    aggregates = aggregates.rename(columns={"method": "loop", "group": "metric"})
    everything = pd.concat([aggregates, table], ignore_index=True)
    parts = []
    for name in dict.fromkeys(table["dataset"]):
        rows = everything[everything["dataset"] == name]
        metrics = [*AGGREGATES, *dict.fromkeys(table.loc[table["dataset"] == name, "metric"])]
        parts.append(f"### {name}\n\n{scores_of(rows, metrics)}")
    return "\n\n".join(parts) + "\n"


def scores_of(rows, metrics):
    """One line per metric: mean, sd and interval of each loop, and each difference to the published loop."""
    loops = [loop for loop in LOOPS if loop in set(rows["loop"])]
    others = [loop for loop in loops if loop != "published"] if "published" in loops else []
    head = ["metric", *(f"{loop}: mean ± half of the 95 % interval (sd, n)" for loop in loops)]
    head += [f"{loop} − published [95 % interval]" for loop in others]
    lines = [head, ["---"] * len(head)]
    for metric in metrics:
        of_metric = rows[rows["metric"] == metric]
        values = {loop: of_metric.loc[of_metric["loop"] == loop, "value"].dropna() for loop in loops}
        cells = [mean_of(values[loop]) for loop in loops]
        cells += [difference(values[loop], values["published"]) for loop in others]
        lines.append([metric, *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def mean_of(values):
    mean, sd, half = t_interval(values)
    return f"{mean:.4f} ± {half:.4f} ({sd:.4f}, {len(values)})" if len(values) > 1 else f"{mean:.4f}"


def difference(first, second):
    gap, half = welch_interval(first, second)
    return f"{gap:+.4f}" if np.isnan(half) else f"{gap:+.4f} [{gap - half:+.4f}, {gap + half:+.4f}]"


def welch_interval(first, second, confidence=CONFIDENCE):
    """Difference of two means, and half the width of its interval by Welch; NaN for one value."""
    gap = np.mean(first) - np.mean(second)
    if min(len(first), len(second)) < 2:
        return gap, np.nan
    parts = np.array([np.var(values, ddof=1) / len(values) for values in (first, second)])
    if not parts.any():
        return gap, 0.0
    freedom = parts.sum() ** 2 / (parts**2 / [len(first) - 1, len(second) - 1]).sum()
    return gap, stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(parts.sum())


def settings_of(chosen):
    """The settings that make the rows of one table comparable, and the program behind the rows of each loop."""
    code = hashlib.sha256()
    for file in library_files(chain.__file__, sys.modules[Portal.__module__].__file__):
        code.update(file.read_bytes())
    trainers = dict.fromkeys(PRECISION, code.hexdigest()[:16]) | {"published": f"portal-sc {published.VERSION}"}
    return {
        "steps": chosen.steps,
        "lambda_cos": LAMBDA_COS,
        "small": chosen.small,
        "metrics": METRICS,
        "torch": torch.__version__,
        "trainers": trainers,
    }


def rows_so_far(folder, settings):
    """The existing table, without rows of a trainer that has changed since; an error if other settings differ."""
    record, file = folder / "settings.json", folder / "scores.tsv"
    there = json.loads(record.read_text()) if record.exists() else settings
    names = [name for name in settings if name != "trainers" and there.get(name) != settings[name]]
    if names:
        differing = "; ".join(f"{name} {there.get(name)} there, {settings[name]} here" for name in names)
        raise ConfigError(f"{folder}: was started with other settings: {differing}. Choose another --folder.")
    table = pd.read_csv(file, sep="\t") if file.exists() else pd.DataFrame(columns=COLUMNS)
    changed = [loop for loop, trainer in settings["trainers"].items() if there["trainers"][loop] != trainer]
    if changed:
        print(f"{', '.join(changed)}: the trainer has changed, its rows are recomputed", file=sys.stderr)
        table = table[~table["loop"].isin(changed)]
        write_table(table, file)
    write_text_atomic(record, json.dumps(settings, indent=1))
    return table


def header(settings):
    facts = f"{settings['steps']:,} steps per round, lambda_cos {settings['lambda_cos']:g}, torch {settings['torch']}"
    where = f"{machine.describe('cuda' if torch.cuda.is_available() else 'cpu')}; {torch.get_num_threads()} threads"
    return f"- {facts}, commit {provenance.commit()}\n- {where}; ended {time.strftime('%Y-%m-%d', time.gmtime())}"


def parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--published", metavar="FOLDER", default=".bench/portal-sc", help="folder with portal-sc")
    made.add_argument("--folder", type=Path, default=Path(".bench/faithful"), help="for the table and prepared data")
    made.add_argument(
        "--datasets", nargs="+", default=["scmixology", "toy_atlas"], choices=list(registry.find("datasets"))
    )
    made.add_argument("--loops", nargs="+", default=list(LOOPS), choices=LOOPS)
    made.add_argument("--seeds", type=int, default=10, help="number of seeds, from 0")
    made.add_argument("--steps", type=int, default=1000, help="per round")
    made.add_argument("--threads", type=int, default=machine.cores())
    made.add_argument(
        "--mirror", default=os.environ.get("PORTAL_MIRROR"), help="folder or URL tried before the network"
    )
    made.add_argument(
        "--small", action="store_true", help="simulated data with few cells: a check of this program only"
    )
    return made


if __name__ == "__main__":
    main()
