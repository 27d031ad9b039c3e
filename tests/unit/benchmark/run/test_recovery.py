"""Locks and marks of a killed Snakemake go; those of a living one stay. Snakemake's own code is the oracle."""

import subprocess
import sys

import pytest
from snakemake.persistence.file import FilePersistence

from portal_lib.benchmark.run import recovery
from portal_lib.benchmark.run.recovery import recover

SHORT = "results/toy/prepared.h5ad"
LONG = "results/" + "/".join(["a-long-name-ü" * 9] * 6) + "/result.h5ad"
HOLDER = """
import sys
from pathlib import Path
from portal_lib.benchmark.run.recovery import recover
recover(Path(sys.argv[1]))
print("holding", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def killed(tmp_path, monkeypatch):
    """A folder as a killed Snakemake leaves it: locked, with marks of unfinished files."""
    monkeypatch.setattr(recovery, "_held", [])
    persistence = FilePersistence(path=tmp_path / ".snakemake")
    for name in (SHORT, LONG, "results/never/begun.tsv"):
        persistence._mark_incomplete(name, None)
    persistence._mark_incomplete("results/cluster/result.h5ad", "4711")
    persistence._mark_incomplete("results/folder", None)
    persistence._write_locks("output", [SHORT, LONG])
    persistence._write_locks("input", ["raw.h5ad"])
    (tmp_path / "results/folder").mkdir(parents=True)
    for name in (SHORT, LONG, "results/cluster/result.h5ad", "results/whole.tsv"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def marks(folder):
    """What Snakemake finds unfinished."""
    names = [SHORT, LONG, "results/never/begun.tsv", "results/cluster/result.h5ad", "results/folder"]
    return FilePersistence(path=folder / ".snakemake")._filter_incomplete_keys(names)


def files(folder):
    return {str(path.relative_to(folder)) for path in (folder / "results").rglob("*") if path.is_file()}


def hold(folder):
    """A second process that announced itself as Snakemake does."""
    words = [sys.executable, "-c", HOLDER, str(folder)]
    root = recovery.Path(recovery.__file__).parents[3]
    holder = subprocess.Popen(words, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "holding\n"
    return holder


def release(holder):
    holder.kill()
    holder.communicate()


def test_the_oracle_splits_long_names(killed):
    assert any(path.name.startswith("@") for path in (killed / ".snakemake" / "incomplete").iterdir())
    assert len(marks(killed)) == 5


def test_a_killed_run_leaves_nothing_half_done(killed, capsys):
    assert recover(killed) == sorted([SHORT, LONG])
    assert files(killed) == {"results/cluster/result.h5ad", "results/whole.tsv"}
    assert marks(killed) == {"results/cluster/result.h5ad", "results/folder"}
    assert list(FilePersistence(path=killed / ".snakemake")._read_locks()) == []
    assert capsys.readouterr().err == "The previous run was killed: unlocked, 2 unfinished files removed.\n"
    assert recover(killed) == []


def test_nothing_is_removed_while_another_snakemake_runs(killed, capsys):
    before = files(killed), marks(killed), {p.name for p in (killed / ".snakemake" / "locks").iterdir()}
    (killed / ".snakemake" / "locks").rename(killed / "locks")
    holder = hold(killed)
    try:
        (killed / "locks").rename(killed / ".snakemake" / "locks")
        assert recover(killed) == []
        after = files(killed), marks(killed), {p.name for p in (killed / ".snakemake" / "locks").iterdir()}
        assert before == after
    finally:
        release(holder)
    assert capsys.readouterr().err == ""


def test_a_killed_process_releases_its_lock(killed):
    (killed / ".snakemake" / "locks").rename(killed / "locks")
    release(hold(killed))
    (killed / "locks").rename(killed / ".snakemake" / "locks")
    assert recover(killed) == sorted([SHORT, LONG])


def test_two_running_snakemakes_share_the_lock(killed):
    first = hold(killed)
    second = hold(killed)
    release(first)
    release(second)


def test_marks_without_locks_are_left_to_snakemake(killed):
    for lock in (killed / ".snakemake" / "locks").iterdir():
        lock.unlink()
    before = files(killed)
    assert recover(killed) == []
    assert files(killed) == before
    assert len(marks(killed)) == 5


def test_a_new_folder_and_a_file_system_without_locks_work(tmp_path, monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(95, "Operation not supported")

    assert recover(tmp_path) == []
    monkeypatch.setattr(recovery.fcntl, "flock", refuse)
    persistence = FilePersistence(path=tmp_path / ".snakemake")
    persistence._write_locks("output", [SHORT])
    assert recover(tmp_path) == []
    assert len(list(persistence._read_locks())) == 1
