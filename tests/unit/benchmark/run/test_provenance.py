"""Machine, versions and commit, without names of hosts, users or folders."""

import getpass
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

from portal_lib.benchmark.run import provenance


def test_the_machine_is_described_by_what_it_can_do():
    found = provenance.machine()
    assert set(found) == {"cpu", "cores", "memory_mb", "gpu", "system", "python"}
    assert found["cpu"]
    assert 1 <= found["cores"] <= psutil.cpu_count()
    assert found["memory_mb"] * 2**20 <= psutil.virtual_memory().total + 2**20
    assert found["python"] == platform.python_version()


def test_the_machine_has_no_name():
    words = " ".join(map(str, provenance.machine().values())).split()
    assert platform.node() not in words
    assert getpass.getuser() not in words
    assert str(Path.home()) not in words


def test_versions_are_those_installed_and_missing_ones_are_left_out():
    assert provenance.versions(["numpy", "no-such-package"]) == {"numpy": metadata.version("numpy")}


def repository(folder, *, tracked=True):
    def git(*words):
        author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        return subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True, text=True).stdout

    git("init", "--quiet")
    (folder / "file").write_text("one")
    (folder / "portal_lib").mkdir()
    (folder / "portal_lib" / "__init__.py").touch()
    git("add", "file", "portal_lib" if tracked else "file")
    git("commit", "--quiet", "--message", "one")
    return git("rev-parse", "HEAD").strip()


def test_the_commit_says_whether_files_differ_from_it(tmp_path, monkeypatch):
    head = repository(tmp_path)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert provenance.commit() == head[:12]
    (tmp_path / "untracked").touch()
    assert provenance.commit() == head[:12]
    (tmp_path / "file").write_text("two")
    assert provenance.commit() == f"{head[:12]}+"


def test_the_commit_of_another_repository_is_not_ours(tmp_path, monkeypatch):
    """As that of a project in whose virtual environment the package is installed."""
    repository(tmp_path, tracked=False)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert provenance.commit() is None


def test_outside_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit() is None
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() is None
