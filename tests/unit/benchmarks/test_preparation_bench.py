"""The bench of preparation on a small file: both ways run, and give the same components."""

import h5py
import numpy as np
import pytest

from benchmarks import preparation as bench
from portal_lib.preparation import prepare

pytestmark = pytest.mark.slow


def test_both_ways_are_measured_in_turn(counts, tmp_path, capsys):
    counts.write_h5ad(tmp_path / "a.h5ad")
    bench.main([str(tmp_path / "a.h5ad"), "--batch-key", "tech", "--rounds", "1", "--threads", "1"])
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split("|")[2].strip(): line.split("|") for line in lines if line.startswith("| 110 |")}
    assert float(rows["ours"][6]) > 0
    assert float(rows["ours"][7]) > 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5ad"]


def test_a_way_that_failed_is_a_row(counts, tmp_path, capsys):
    counts.write_h5ad(tmp_path / "a.h5ad")
    options = ["--batch-key", "tech", "--rounds", "1", "--memory-gb", "0.05", "--ways", "scanpy"]
    bench.main([str(tmp_path / "a.h5ad"), *options])
    found = capsys.readouterr().out
    assert "| scanpy | out of memory (0.05 GB) |" in found or "| scanpy | failed: " in found


@pytest.mark.filterwarnings("ignore:zero-centering a sparse:UserWarning")
def test_the_recipe_of_scanpy_is_ours(counts, tmp_path):
    counts.write_h5ad(tmp_path / "a.h5ad")
    bench.by_scanpy(str(tmp_path / "a.h5ad"), "tech", tmp_path / "theirs.h5ad")
    ours = prepare(counts, batch_key="tech")
    with h5py.File(tmp_path / "theirs.h5ad") as file:
        theirs = {key: file["obsm"][key][:] for key in ours.obsm}
    for key, scores in theirs.items():
        np.testing.assert_allclose(np.abs(scores), np.abs(ours.obsm[key][:, : scores.shape[1]]), atol=2e-3)
