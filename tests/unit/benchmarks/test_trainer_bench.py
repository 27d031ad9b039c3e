"""The bench measures what it says: counts by torch's own counter, memory by known arrays, real children."""

import argparse
import contextlib
import importlib.util
import io
import json
import mmap
import os
import shlex
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import torch
from naive_portal import NaivePortal
from scipy.spatial import cKDTree
from scipy.stats import ttest_ind
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.trainer import __main__ as bench
from benchmarks.trainer import floor, machine, mixture, published, rates, tables
from portal_lib.errors import ConfigError
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.trainer import fit

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(os.environ.get("PORTAL_PUBLISHED") or ROOT / ".bench" / "portal-sc")
CPU = torch.device("cpu")


@pytest.fixture
def package():
    """The published package. It sets the global generators, and leaves modules behind."""
    if not (FOLDER / published.NAME).is_dir():
        pytest.skip(f"no published package at {FOLDER}; PORTAL_PUBLISHED names its folder")
    states = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    yield published.import_package(FOLDER)
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    forget_package()


def forget_package():
    for name in [name for name in sys.modules if name.partition(".")[0] == published.NAME]:
        del sys.modules[name]


def counted(run, few=8, many=10):
    """Operations per step by torch's counter, from runs of two lengths."""
    totals = []
    for steps in (few, many):
        with FlopCounterMode(display=False) as counter:
            run(steps)
        totals.append(counter.get_total_flops())
    return (totals[1] - totals[0]) / (many - few)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_counted_operations_are_those_of_our_step(precision):
    x_a, x_b = mixture.make_cells(1200)
    seen = counted(lambda steps: fit(Portal(), x_a, x_b, steps=steps, device="cpu", precision=precision))
    assert seen == pytest.approx(floor.ours().operations, rel=0.02)
    assert floor.ours().operations == pytest.approx(4.97e9, rel=0.001)


@pytest.mark.slow
def test_counted_operations_follow_the_widths(domains):
    widths = floor.Widths((8, 64, 5), (5, 64, 8), (8, 64, 64, 1), batch_size=40)
    objective = Portal(n_latent=5, hidden=64)
    seen = counted(
        lambda steps: fit(objective, *domains, steps=steps, batch_size=40, device="cpu", precision="float32")
    )
    assert seen == pytest.approx(floor.ours(widths).operations, rel=0.02)


@pytest.mark.slow
def test_counted_operations_of_the_published_step_are_those_of_its_transcription():
    x_a, x_b = (torch.from_numpy(x[:500]).double() for x in mixture.make_cells(1250))
    objective = Portal()
    networks = objective.build(30, 30, torch.Generator().manual_seed(0))

    def run(steps):
        naive = NaivePortal(networks, objective)
        for step in range(steps):
            naive.step(x_a, x_b, step)

    assert counted(run) == pytest.approx(floor.published().operations, rel=1e-3)
    assert floor.published().operations == pytest.approx(5.73e9, rel=0.001)


def test_counted_operations_of_the_published_step_are_those_of_the_package(package, tmp_path):
    x = mixture.make_cells(1200)
    seen = counted(lambda steps: published.train(package, *x, steps=steps, checkpoints=tmp_path))
    assert seen == pytest.approx(floor.published().operations, rel=1e-3)


def test_bytes_are_operands_and_results_and_eight_passes_of_adam():
    networks = Portal().build(30, 30, torch.Generator())
    n_weights = sum(p.numel() for p in networks.parameters())
    assert floor.Widths().n_weights == n_weights == 662_630
    single, half = floor.ours(item_bytes=4), floor.ours(item_bytes=2)
    assert single.bytes - half.bytes == half.bytes - 8 * 4 * n_weights
    one_layer = floor.Widths((3, 2), (2, 3), (3, 1), batch_size=5)
    by_hand = {
        # rows, inner, columns of every product of one domain, in the order of the equations
        "pass": [(5, 3, 2), (10, 2, 3), (5, 3, 2)],
        "D": [(10, 3, 1), (3, 10, 1)],
        "G": [(5, 3, 1), (5, 1, 3), (3, 5, 2), (5, 2, 3), (2, 10, 3), (10, 3, 2), (3, 5, 2)],
    }
    products = [product for part in by_hand.values() for product in part]
    work = floor.ours(one_layer)
    assert work.operations == 2 * sum(2 * m * k * n for m, k, n in products)
    assert work.bytes == 4 * 2 * sum(m * k + k * n + m * n for m, k, n in products) + 32 * one_layer.n_weights


def test_made_cells_are_seeded_and_fall_off_and_some_types_have_no_counterpart():
    x_a, x_b = mixture.make_cells(5000, seed=1)
    again, other = mixture.make_cells(5000, seed=1), mixture.make_cells(5000, seed=2)
    assert (x_a.shape, x_b.shape, x_a.dtype) == ((3000, 30), (2000, 30), np.float32)
    assert x_a.tobytes() == again[0].tobytes() != other[0].tobytes()
    variance = np.concatenate((x_a, x_b)).var(axis=0)
    assert variance[:5].mean() > 4 * variance[-5:].mean()
    centred = [x - x.mean(axis=0) for x in (x_a, x_b)]
    for near, far, types in [(x_b, x_a, 18), (x_a, x_b, 18)]:
        # Types are farther apart than cells of a type: what is beyond the shift and the spread has no counterpart.
        distance, _ = cKDTree(near).query(far)
        gap = np.sort(distance)[int(len(far) * (1 - 2 / types))]
        assert gap > 1.3 * np.median(distance)
    assert all(np.isfinite(x).all() for x in centred)


def test_made_cells_take_no_memory_but_their_own():
    tracemalloc.start()
    x = mixture.make_cells(100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < sum(part.nbytes for part in x) + 8 * 2**20


@pytest.mark.skipif(machine.peak_mib() is None, reason="the kernel does not tell")
def test_peak_memory_is_that_of_a_block_that_is_gone():
    machine.forget_peak()
    before = machine.peak_mib()
    # From the system itself: what an array takes, malloc may still hold from before.
    with mmap.mmap(-1, 2**26) as block:
        for page in range(0, 2**26, 2**12):
            block[page] = 1
    assert machine.peak_mib() - before == pytest.approx(64, abs=4)
    machine.forget_peak()
    assert machine.peak_mib() - before < 8


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="the kernel does not tell")
def test_others_are_seen():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        with machine.Others() as others:
            rates.best_seconds(lambda: sum(range(100_000)), CPU)
        busy.kill()
    assert others.cores > 0.2


@pytest.mark.slow
def test_best_seconds_are_those_of_one_call():
    assert 0.03 <= rates.best_seconds(lambda: time.sleep(0.03), CPU) < 0.3
    assert 0 < rates.best_seconds(lambda: None, CPU) < 1e-4


@pytest.mark.slow
def test_rates_are_operations_over_seconds(monkeypatch):
    shapes = []
    monkeypatch.setattr(rates, "LARGE", {"cpu": 64})
    monkeypatch.setattr(rates, "COPY_BYTES", {"cpu": 2**20})
    monkeypatch.setattr(rates, "_product_seconds", lambda shape, dtype, device: shapes.append(shape) or 0.1)
    found = rates.measure_rates(CPU)
    assert shapes == [(1000, 512, 512), (64, 64, 64)] * 2
    assert found["float32 step"] == found["bfloat16 step"] == pytest.approx(4 * 1000 * 512 * 512 / 0.1)
    assert found["bfloat16 large"] == pytest.approx(4 * 64**3 / 0.1)
    monkeypatch.setattr(rates, "_product_seconds", lambda shape, dtype, device: 0.5)
    assert set(rates.measure_rates(CPU)) == {"float32 step", "bfloat16 step", "copy"}


def task(**settings):
    plain = {"cells": 300, "steps": 5, "threads": 1, "device": "cpu", "seed": 0, "round": 0, "precision": "float32"}
    return plain | {"loop": "ours"} | settings


@pytest.fixture(scope="module")
def real_bench(tmp_path_factory):
    """A bench of three real children, and what it wrote."""
    folder = tmp_path_factory.mktemp("bench")
    words = ["--cells", "200", "--steps", "5", "--rounds", "1", "--threads", "1", "--device", "cpu"]
    words += ["--precision", "float32", "--out", str(folder / "bench.md"), "--json", str(folder / "bench.json")]
    words += ["--published", str(FOLDER)]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        bench.main(words)
    kept = json.loads((folder / "bench.json").read_text())
    rows = {row["label"]: row for row in kept["rows"]}
    text = (folder / "bench.md").read_text()
    return argparse.Namespace(
        words=words, out=out.getvalue(), err=err.getvalue(), text=text, rows=rows, **kept["facts"]
    )


@pytest.mark.slow
def test_the_bench_prints_its_tables_and_its_circumstances(real_bench):
    assert real_bench.out == real_bench.text + "\n"
    assert f"python -m benchmarks.trainer {shlex.join(real_bench.words)}`" in real_bench.text
    assert "200 cells, round 1, ours, float32: " in real_bench.err
    assert list(real_bench.rows) == ["ours, float32", "published", "Harmony"]
    assert (real_bench.threads, real_bench.device, len(real_bench.load)) == (1, "cpu", 3)
    step = real_bench.rows["ours, float32"]["step_ms"]
    assert cells_of(real_bench.text, "200", "ours, float32")[2] == f"{step:.2f}"


@pytest.mark.slow
def test_a_child_measures_our_loop(real_bench):
    row = real_bench.rows["ours, float32"]
    few, many = row["steps"]
    assert (row["threads"], row["device"], row["precision"]) == (1, "cpu", "float32")
    assert many - few == 5
    assert row["step_ms"] == pytest.approx(np.median(row["step_ms_of_pairs"]))
    # What is done once and the steps are the whole.
    whole = 1e-3 * many * row["run_ms_per_step"]
    assert row["once_s"] == pytest.approx(max(0, whole - 1e-3 * many * row["step_ms"]))
    assert row["inference_s"] == pytest.approx(row["latent_s"] + row["translate_s"])
    assert row["components_mib"] == 200 * 30 * 4 / 2**20
    assert 0 < row["train_mib"] <= row["peak_mib"]
    assert {"float32 step", "bfloat16 step", "copy"} <= set(row["rates"])


@pytest.mark.slow
def test_a_child_measures_the_published_loop(real_bench):
    row = real_bench.rows["published"]
    if not (FOLDER / published.NAME).is_dir():
        assert row["reason"].startswith(f"{FOLDER}: contains no package 'portal'")
        return
    assert row["step_ms"] > 0
    assert row["latent_s"] is None
    assert row["inference_s"] > 0
    assert 0 < row["train_mib"] <= row["peak_mib"]


@pytest.mark.slow
def test_a_child_measures_harmony(real_bench):
    row = real_bench.rows["Harmony"]
    if importlib.util.find_spec("harmonypy") is None:
        assert row["reason"] == "package 'harmonypy' is not installed"
        return
    assert row["wall_s"] > 0
    assert row["peak_mib"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"cells": 10**13}, "out of memory"),
        ({"loop": "published", "folder": None}, "no folder given: pip install --no-deps"),
        (
            {"loop": "published", "folder": "/nowhere"},
            "/nowhere: contains no package 'portal'. Install it: pip install",
        ),
        ({"precision": "float8"}, "precision 'float8' is unknown"),
        ({"cells": "many"}, "Error"),
    ],
)
def test_what_cannot_be_measured_is_a_row_with_its_reason(settings, reason):
    assert reason in bench.run_child(task(**settings))["reason"]


def test_a_child_is_ended_in_the_end():
    assert bench.run_child(task(), limit_s=0.1) == {"reason": "not done after 0.1 s"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_one_message():
    with pytest.raises(SystemExit, match="ConfigError: device 'cuda' does not exist"):
        bench.main(["--device", "cuda"])


def test_loops_take_turns():
    asked = {"cells": [10, 20], "rounds": 2, "precision": ["auto", "float32"], "published": "folder"}
    asked |= {"steps": 5, "threads": 1, "device": "cpu"}
    order = [(t["cells"], t["round"], t["loop"], t.get("precision")) for t in bench.tasks(argparse.Namespace(**asked))]
    turn = [("ours", "auto"), ("published", None), ("ours", "float32"), ("harmony", None)]
    assert order == [(cells, number, *loop) for cells in (10, 20) for number in (0, 1) for loop in turn]


def measured(label, cells, number, step_ms, peak):
    row = {"label": label, "loop": label.partition(",")[0], "cells": cells, "round": number, "step_ms": step_ms}
    row |= {"run_ms_per_step": step_ms, "once_s": 0.5, "latent_s": 1.0, "inference_s": 3.0, "others_cores": 0.0}
    row |= {"components_mib": cells / 1000, "train_mib": peak, "peak_mib": peak, "precision": "float32"}
    return row | {"rates": {"float32 step": 5e11, "float32 large": 1e12, "copy": 1e10}}


ROWS = [
    measured("ours, auto", 1000, 0, 10.0, 101.0),
    measured("published", 1000, 0, 30.0, 201.0),
    measured("ours, auto", 1000, 1, 20.0, 103.0),
    measured("published", 1000, 1, 40.0, 203.0),
    measured("ours, auto", 9000, 0, 10.0, 130.0),
    {"label": "published", "loop": "published", "cells": 9000, "round": 0, "reason": "out of memory"},
]


def cells_of(text, *first):
    """Cells of the first line of a table that begins with these."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return next(line for line in lines if line[: len(first)] == list(first))


def test_ratios_are_of_neighbours_in_time():
    assert tables.ratios_to_published(ROWS, 1000, "ours, auto") == [3.0, 2.0]
    assert tables.ratios_to_published(ROWS, 9000, "ours, auto") == []
    line = cells_of(tables.times(ROWS), "1,000", "ours, auto")
    assert line[2:4] == ["15.00 (10.00–20.00)", "2.50 (2.00–3.00)"]
    assert line[7] == f"{2 * 15 + 1.5:.1f} (21.5–41.5)"
    assert cells_of(tables.times(ROWS), "9,000", "ours, auto")[2:4] == ["10.00", "–"]


def test_memory_is_over_the_components_and_its_growth_is_said():
    text = tables.memory(ROWS)
    assert cells_of(text, "9,000", "ours, auto")[2:6] == ["9", "130", "130", "121"]
    assert "From 1,000 to 9,000 cells the peak over the components grows by 20 MiB (ours, auto)." in text
    assert "(published)" not in text


def test_shares_are_of_the_measured_rate():
    line = cells_of(tables.rates(ROWS), "9,000", "ours, auto")
    reached = floor.ours().operations / 10e-3
    assert line[3:7] == ["4.97", f"{reached / 1e9:.0f}", f"{reached / 5e11:.0%}", f"{reached / 1e12:.0%}"]
    assert line[7] == f"{floor.ours().operations / 1e12 * 1e3:.3f}"
    assert cells_of(tables.rates(ROWS), "1,000", "published")[3] == "5.73"


@pytest.fixture
def made_package(tmp_path):
    """A package of the published one's name and version that imports what is not there."""
    folder = tmp_path / "site" / published.NAME
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(f"import {published.NAME}.model\n__version__ = {published.VERSION!r}\n")
    (folder / "model.py").write_text("import nowhere.deep as d\nimport scanpy as sc\nimport numpy as np\n")
    forget_package()
    yield folder
    forget_package()


def test_import_stands_in_for_what_is_not_used_and_for_nothing_else(made_package, monkeypatch):
    real = type(sys)("scanpy")
    monkeypatch.setitem(sys.modules, "scanpy", real)
    before, path = set(sys.modules), list(sys.path)
    package = published.import_package(made_package.parent)
    assert package.model.np is np
    assert package.model.sc is not real
    assert package.model.d.anything()
    assert sys.modules["scanpy"] is real
    assert set(sys.modules) - before == {"portal", "portal.model"}
    assert sys.path == path


def test_another_version_is_refused(made_package):
    init = made_package / "__init__.py"
    init.write_text(init.read_text().replace(published.VERSION, "0.9.0"))
    with pytest.raises(ConfigError, match=r"expected portal-sc 1\.0\.4 there, found portal-sc 0\.9\.0"):
        published.import_package(made_package.parent)


def test_a_second_folder_is_not_taken_for_the_first(made_package, tmp_path):
    published.import_package(made_package.parent)
    other = tmp_path / "other" / published.NAME
    other.mkdir(parents=True)
    (other / "model.py").write_text("")
    with pytest.raises(ConfigError, match="other: expected portal-sc"):
        published.import_package(other.parent)


@pytest.fixture(scope="module")
def compare():
    """The script that compares final scores, as a module; what it needs is imported with it."""
    from benchmarks import faithful

    return faithful


def test_difference_of_means_has_the_interval_of_welch(compare):
    rng = np.random.default_rng(0)
    first, second = rng.normal(1, 0.1, 10), rng.normal(1.2, 0.4, 7)
    gap, half = compare.welch_interval(first, second)
    oracle = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    np.testing.assert_allclose((gap - half, gap + half), oracle)
    assert np.isnan(compare.welch_interval(first[:1], second)[1])
    assert compare.welch_interval([1.0, 1.0], [3.0, 3.0]) == (-2.0, 0.0)


@pytest.mark.slow
def test_published_data_sets_are_brought_in_as_the_package_does(compare, package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x_a, x_b = mixture.make_cells(400)
    x_c = mixture.make_cells(300, seed=1)[0]
    for domains in ([x_a, x_b], [x_a, x_b, x_c]):
        expected = package.utils.integrate_datasets(domains, training_steps=9, lambda_cos=compare.LAMBDA_COS)
        got = compare.embed_published(domains, "published", 1234, 9, package)
        np.testing.assert_array_equal(got, expected)


@pytest.mark.slow
def test_an_interrupted_comparison_resumes(compare, tmp_path, capsys):
    def run(seeds, steps):
        words = ["--small", "--datasets", "toy_atlas", "--folder", tmp_path, "--threads", 1]
        compare.main([str(w) for w in [*words, "--loops", "ours", "ours float32", "--seeds", seeds, "--steps", steps]])
        return capsys.readouterr()

    done = [run(seeds, steps=3) for seeds in (1, 2, 2)]
    assert [run.err.count("trained in") for run in done] == [2, 2, 0]
    assert done[1].out == done[2].out
    table = pd.read_csv(tmp_path / "scores.tsv", sep="\t")
    assert list(table.columns) == ["dataset", "loop", "seed", "metric", "group", "value"]
    assert not table.duplicated(["loop", "seed", "metric"]).any()
    ours = table[table["loop"] == "ours"].pivot_table(index="seed", columns="group", values="value")
    overall = (0.4 * ours["batch"] + 0.6 * ours["bio"]).mean()
    assert cells_of(done[2].out, "overall")[1].startswith(f"{overall:.4f} ± ")
    with pytest.raises(SystemExit, match="was started with other settings: steps 3 there, 4 here"):
        run(1, steps=4)


def test_when_a_trainer_has_changed_only_its_rows_are_dropped(compare, tmp_path):
    rows = [("toy_atlas", loop, 0, "ari", "bio", 0.5) for loop in compare.LOOPS]
    pd.DataFrame(rows, columns=compare.COLUMNS).to_csv(tmp_path / "scores.tsv", sep="\t", index=False)
    settings = compare.settings_of(compare.parser().parse_args(["--folder", str(tmp_path)]))
    assert len(compare.rows_so_far(tmp_path, settings)) == 3
    other = settings | {"trainers": settings["trainers"] | {"ours": "x", "ours float32": "x"}}
    assert compare.rows_so_far(tmp_path, other)["loop"].tolist() == ["published"]
    assert pd.read_csv(tmp_path / "scores.tsv", sep="\t")["loop"].tolist() == ["published"]
    assert json.loads((tmp_path / "settings.json").read_text()) == other


def test_cells_come_back_in_their_order(compare, monkeypatch):
    rng = np.random.default_rng(0)
    codes, x = rng.integers(3, size=120), rng.normal(size=(120, 30)).astype(np.float32)
    batch = pd.Categorical.from_codes(codes, list("abc"))
    data = anndata.AnnData(obs=pd.DataFrame({"batch": batch}, index=[str(i) for i in range(120)]), obsm={"X_pca": x})
    monkeypatch.setattr(compare, "embed_ours", lambda domains, *settings: np.concatenate(domains))
    np.testing.assert_array_equal(compare.embed(data, "ours", 0, 1, None), x)
    monkeypatch.setattr(compare, "embed_ours", lambda domains, *settings: np.repeat(range(3), list(map(len, domains))))
    np.testing.assert_array_equal(compare.embed(data, "ours", 0, 1, None), codes)
