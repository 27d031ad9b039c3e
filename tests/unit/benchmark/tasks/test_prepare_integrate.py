"""A preparation writes its file, and a record of time and memory."""

import json
import os
import subprocess
import sys
import time

import anndata
import pytest

from portal_lib.benchmark import registry
from portal_lib.benchmark.config.parse import parse_config
from portal_lib.benchmark.run.measure import Meter, peak_memory_mb
from portal_lib.benchmark.tasks.integrate.prepare import ROOT
from portal_lib.benchmark.tasks.integrate.prepare import prepare as prepare_dataset
from portal_lib.errors import DataError

SETTINGS = {"n_top_genes": 400, "n_pcs": 5, "n_pcs_unintegrated": 5}


def fields(**entry):
    (dataset,) = parse_config({"datasets": [entry]}).datasets.values()
    return dataset.__dict__


def prepare(dataset, source, folder):
    files = {"prepared": folder / "prepared.h5ad", "record": folder / "prepare.json"}
    prepare_dataset(dataset, source, **files, config_key="datasets[0]", settings=SETTINGS, threads=1)
    return json.loads(files["record"].read_text())


@pytest.fixture
def counts(tmp_path):
    """The default data set of the registry, small, as a file."""
    made = registry.load("datasets", "toy_atlas").load(n_cells=300, n_genes=600)
    made.write_h5ad(tmp_path / "counts.h5ad")
    return tmp_path / "counts.h5ad"


def test_the_record_has_time_and_memory(tmp_path):
    record = prepare(fields(name="toy_atlas", params={"n_cells": 300, "n_genes": 600}), tmp_path, tmp_path)
    assert (record["dataset"], record["status"], record["threads"]) == ("toy_atlas", "ok", 1)
    assert (record["n_cells"], record["n_genes"]) == (300, 600)
    assert record["portal_genes"] == anndata.read_h5ad(tmp_path / "prepared.h5ad").var["portal"].sum()
    assert record["batches"] == {"droplet": 180, "plate": 120}
    facts = anndata.read_h5ad(tmp_path / "prepared.h5ad").uns["preparation"]
    assert (record["portal_rule"], record["shared_genes"]) == ("intersection", facts["shared_genes"])
    assert record["highly_variable_genes"] == facts["highly_variable_genes"] == 600
    assert record["notes"] == facts["notes"].tolist()
    apart = {name: seconds for name, seconds in record["phases"].items() if name not in ("read", "waited")}
    assert {"import", "load", "rest"} < set(apart)
    assert min(apart.values()) >= 0
    assert sum(apart.values()) <= record["wall_s"]
    assert record["peak_memory_mb"] > 50
    assert record["machine"]["cores"] >= 1
    assert "numpy" in record["versions"]


def test_the_first_batch_of_the_file_is_first_unless_the_entry_says_otherwise(counts, tmp_path):
    cells = anndata.read_h5ad(counts)
    # 20 cells of the first batch, droplet; 120 of the second.
    cells = cells[[*range(20), *range(180, 300)]].copy()
    assert cells.obs["batch"].value_counts().to_dict() == {"plate": 120, "droplet": 20}
    cells.write_h5ad(counts)
    own = {"name": "mine", "path": str(counts), "batch": "batch", "label": "cell_type"}
    made = {"default": own, "largest": own | {"order": "largest"}, "chosen": own | {"reference": "plate"}}
    batches = {}
    for name, entry in made.items():
        prepare(fields(**entry), counts, tmp_path / name)
        batches[name] = list(anndata.read_h5ad(tmp_path / name / "prepared.h5ad").uns["preparation"]["batches"])
    assert batches == {"default": ["droplet", "plate"], "largest": ["plate", "droplet"], "chosen": ["plate", "droplet"]}


def test_a_sample_may_lack_batches_that_are_named(counts, tmp_path):
    """The first batches of a data set that names all of its own, or of a file whose entry lists all."""
    named = registry.facts("datasets", "scmixology")["batches"]
    cells = anndata.read_h5ad(counts)
    cells.obs["batch"] = cells.obs["batch"].map({"droplet": named[1], "plate": named[0]}).astype(str)
    cells.obs["cell_line"] = cells.obs["cell_type"]
    cells.write_h5ad(counts)
    own = {"name": "mine", "path": str(counts), "batch": "batch", "label": "cell_type", "order": named[::-1]}
    for entry, order in (({"name": "scmixology"}, named[:2]), (own, named[:2][::-1])):
        dataset = fields(**entry, n_batches=2)
        record = prepare(dataset, counts, tmp_path / dataset["id"])
        assert list(record["batches"]) == order


def test_combinations_of_batch_columns_that_a_sample_lacks_are_left_out_of_the_order(counts, tmp_path):
    cells = anndata.read_h5ad(counts)
    cells.obs["lane"] = [1, 2] * 150
    cells.write_h5ad(counts)
    order = ["plate · 2", "droplet · 2", "well · 1", "droplet · 1", "plate · 1"]
    own = {"name": "mine", "path": str(counts), "batch": ["batch", "lane"], "label": "cell_type", "order": order}
    record = prepare(fields(**own, cells=300), counts, tmp_path / "sample")
    assert list(record["batches"]) == [name for name in order if name != "well · 1"]


def test_of_a_whole_data_set_a_batch_that_is_named_must_be_there(counts, tmp_path):
    own = {"name": "mine", "path": str(counts), "batch": "batch", "label": "cell_type"}
    with pytest.raises(DataError, match=r"order: there is no batch 'well'"):
        prepare(fields(**own, order=["droplet", "plate", "well"]), counts, tmp_path / "whole")


@pytest.mark.slow
def test_a_sample_and_own_data_are_read_from_their_files(counts, tmp_path):
    own = {"name": "mine", "path": str(counts), "batch": "batch", "label": "cell_type"}
    sampled = fields(name="toy_atlas", cells=300, params={"n_cells": 900, "n_genes": 600})
    made = {}
    for dataset in (fields(**own), fields(**own, cells=300), sampled):
        record = prepare(dataset, counts, tmp_path / dataset["id"])
        assert record["n_cells"] == 300
        made[dataset["id"]] = anndata.read_h5ad(tmp_path / dataset["id"] / "prepared.h5ad")
    first = made.pop("mine")
    assert set(made) == {"mine.n300", "toy_atlas.n300"}
    assert all((other.obsm["X_pca"] == first.obsm["X_pca"]).all() for other in made.values())


@pytest.mark.slow
def test_nothing_is_left_to_compile_after_a_warm_up(tmp_path, counts):
    """In a cache of its own: what a preparation finds there, it does not compile."""
    code = """
import sys
from pathlib import Path
from portal_lib.benchmark.tasks.integrate.prepare import warm_up
from portal_lib.preparation import kernels
from portal_lib.preparation.recipe import prepare
def misses():
    found = [f for f in vars(kernels).values() if hasattr(f, "stats")]
    return sum(sum(f.stats.cache_misses.values()) for f in found)
warm_up()
before = misses()
prepare(Path(sys.argv[1]), batch_key="batch", label_key="cell_type", n_pcs=5, out=Path(sys.argv[1] + ".out"))
print(before, misses())
"""
    words = [sys.executable, "-c", code, str(counts)]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before == after > 0


def test_a_meter_times_blocks_and_itself():
    meter = Meter()
    with meter.phase("wait"):
        time.sleep(0.02)
    with pytest.raises(ValueError, match="no"), meter.phase("fails"):
        raise ValueError("no")
    record = meter.record()
    assert record["phases"].keys() == {"wait", "fails"}
    assert 0.02 <= record["phases"]["wait"] <= record["wall_s"]
    assert record["cpu_s"] >= 0


def test_peak_memory_keeps_a_spike():
    before = peak_memory_mb()
    spike = bytearray(b"x") * (2**20 * 60)
    del spike
    assert peak_memory_mb() >= before
