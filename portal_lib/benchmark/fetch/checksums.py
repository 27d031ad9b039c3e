"""Verifies files by checksum, and records checksums that nobody has published."""

import gzip
import hashlib
import time
import zipfile
import zlib
from pathlib import Path

from portal_lib._files import write_text_atomic
from portal_lib.errors import FetchError

BLOCK = 1 << 20
HEADER = """\
# Files whose checksum the data set does not state, as they were at the first download.
# Later downloads must match. Replace a sum only on purpose: python -m portal_lib.benchmark.fetch.fetch --help
"""
# First bytes by ending.
MAGIC = {
    ".gz": b"\x1f\x8b",
    ".tgz": b"\x1f\x8b",
    ".zip": b"PK",
    ".h5": b"\x89HDF",
    ".h5ad": b"\x89HDF",
    ".loom": b"\x89HDF",
}


def measure(path):
    r"""Size and sums of a file, read once, in bounded memory.

    Returns
    -------
    dict of `bytes`, `sha256`, `md5` and `git_blob` (sha1 of ``"blob <bytes>\0"`` and the content), sums in lower-case
    hexadecimal.
    """
    size = Path(path).stat().st_size
    sums = {
        "sha256": hashlib.sha256(),
        "md5": hashlib.md5(usedforsecurity=False),
        "git_blob": hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False),
    }
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            for algorithm in sums.values():
                algorithm.update(block)
    return {"bytes": size, **{name: algorithm.hexdigest() for name, algorithm in sums.items()}}


def differences(entry, locked, found):
    """Compare a file with its recorded size and checksums.

    Parameters
    ----------
    entry
        The file as its data set states it; `sha256`, `bytes`, `md5` and `git_blob` may be absent or None.
    locked
        Its record in the lock file, or None. It is used only where the data set states no sha256.
    found
        As :func:`measure` returns it.

    Returns
    -------
    list of one line per difference, with the value expected and the value found.
    """
    known = {key: entry[key] for key in ("bytes", "sha256", "md5", "git_blob") if entry.get(key) is not None}
    lines = [_difference(key, known[key], found[key], "") for key in known if known[key] != found[key]]
    if "sha256" not in known and locked is not None and locked["sha256"] != found["sha256"]:
        lines.append(_difference("sha256", locked["sha256"], found["sha256"], f" (locked on {locked['date']})"))
    return lines


def _difference(what, expected, found, remark):
    return f"{what}: expected {expected}{remark}, found {found}"


def unfit(name, path):
    """Why the content of a file does not match its name; None if it does.

    Parameters
    ----------
    name
        Its final name; the suffix gives the format.
    path
        Its path now.

    Notes
    -----
    Error pages come with status 200, and announced lengths can be wrong. Where no checksum is known this is the
    only check before the file is recorded in the lock file, so compressed files are read to their end.
    """
    with open(path, "rb") as file:
        start = file.read(1024)
    if not name.endswith((".html", ".htm")) and looks_like_html(start):
        return "it is an HTML page where data are expected"
    if not start:
        return "it is empty"
    ending = Path(name).suffix
    if not start.startswith(MAGIC.get(ending, b"")):
        return f"it is not a {ending} file"
    return _broken(ending, path)


def looks_like_html(start):
    """Whether the first bytes of a file are those of a web page."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return text.startswith((b"<!doctype html", b"<html", b"<head"))


def _broken(ending, path):
    """Why a compressed file cannot be read to its end; None if it can."""
    try:
        if ending in (".gz", ".tgz"):
            with gzip.open(path) as file:
                while file.read(BLOCK):
                    pass
        elif ending == ".zip":
            zipfile.ZipFile(path).close()
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        return f"it is broken or cut off ({error})"
    return None


def read_lock(path):
    """Read the lock file.

    Returns
    -------
    dict by URL, each with `bytes`, `sha256` and `date`; empty if there is no such file.

    Raises
    ------
    FetchError
        It is not a lock file.
    """
    import yaml

    try:
        lock = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FetchError(f"{path}: cannot be read as a lock file: {error}") from error
    fields = {"bytes", "date", "sha256"}
    if not isinstance(lock, dict) or not all(isinstance(v, dict) and set(v) == fields for v in lock.values()):
        raise FetchError(f"{path}: not a lock file: expected, by URL, {', '.join(sorted(fields))}")
    return lock


def record(path, url, found, *, replace=False):
    """Write the sum of a file into the lock file.

    Parameters
    ----------
    path
        The lock file; created if missing. Several processes may record at once.
    url
        Where the file comes from.
    found
        As :func:`measure` returns it.
    replace
        Whether a recorded sum may be replaced.

    Returns
    -------
    The previous record in the lock file; None if there was none.

    Raises
    ------
    FetchError
        Another sum is recorded, and `replace` is not set.
    """
    import yaml
    from filelock import FileLock

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.guard")):
        lock = read_lock(path)
        old = lock.get(url)
        if old is None or (replace and old["sha256"] != found["sha256"]):
            today = time.strftime("%Y-%m-%d", time.gmtime())
            lock[url] = {"bytes": found["bytes"], "sha256": found["sha256"], "date": today}
            write_text_atomic(path, HEADER + yaml.safe_dump(lock, sort_keys=True, width=1000))
        elif old["sha256"] != found["sha256"]:
            raise FetchError(f"{url}: {_difference('sha256', old['sha256'], found['sha256'], ' (just locked)')}")
    return old
