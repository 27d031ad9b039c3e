"""Makes a working directory usable again after the Snakemake in it was killed.

Snakemake leaves its locks and its marks of unfinished files behind when it is killed, and refuses to start. Every
running one shares a file lock, which the kernel releases when a process ends: the lock shows whether one is running.
"""

import base64
import contextlib
import fcntl
import json
import os
import shutil
import sys
from pathlib import Path

_held: list[int] = []


def recover(workdir: Path) -> list[str]:
    """Register this Snakemake; if no other is running, remove stale locks and unfinished files.

    Parameters
    ----------
    workdir
        Folder in which Snakemake runs.

    Returns
    -------
    Files that were removed because they were unfinished; those of jobs that a cluster may still run are kept, and
    so are folders, for which Snakemake itself says what to do.
    """
    state = workdir / ".snakemake"
    state.mkdir(exist_ok=True)
    descriptor = os.open(state / "alive.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    _held.append(descriptor)
    removed = []
    if _alone(descriptor) and any((state / "locks").glob("*")):
        removed = _clean(workdir, state)
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return removed


def _alone(descriptor: int) -> bool:
    """Whether no other process has the lock; False where the file system does not support locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _clean(workdir: Path, state: Path) -> list[str]:
    removed = []
    for mark in [path for path in (state / "incomplete").rglob("*") if path.is_file()]:
        if _on_cluster(mark):
            continue
        target = workdir / _marked_file(mark, state / "incomplete")
        if target.is_dir():
            continue
        if target.is_file():
            target.unlink()
            removed.append(str(target.relative_to(workdir)))
        mark.unlink()
    shutil.rmtree(state / "locks")
    print(f"The previous run was killed: unlocked, {len(removed)} unfinished files removed.", file=sys.stderr)
    return sorted(removed)


def _on_cluster(mark: Path) -> bool:
    """Whether the mark names a job that a cluster may still run; a mark cut short by the kill names none."""
    try:
        return bool(json.loads(mark.read_text() or "{}").get("external_jobid"))
    except json.JSONDecodeError:
        return False


def _marked_file(mark: Path, folder: Path) -> str:
    """The file of a mark; Snakemake encodes its name in base64, in pieces if it is long."""
    encoded = "".join(part.removeprefix("@") for part in mark.relative_to(folder).parts)
    return base64.b64decode(encoded, altchars=b"-_").decode()
