"""Downloads the files of a data set into a folder; only files that pass their checks are accepted."""

import argparse
import contextlib
import os
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from portal_lib.benchmark.fetch import checksums
from portal_lib.benchmark.fetch.download import (
    Missing,
    Part,
    Patience,
    Unreachable,
    check_scheme,
    describe_os_error,
    download,
    is_loopback,
    open_session,
)
from portal_lib.errors import FetchError, PortalLibError

# The lock file of the workflow, in its folder.
LOCK = Path("config", "checksums.lock.yaml")


@dataclass(frozen=True)
class _Job:
    """Settings shared by all files of one call."""

    folder: Path
    mirror: str | None
    lock_path: Path
    progress: bool
    session: object
    patience: Patience


def fetch_files(files, folder, *, mirror=None, lock_path, progress=True, session=None, patience=None):
    """Fetch and verify files.

    Parameters
    ----------
    files
        Entries ``{name, url, sha256, bytes}``, optionally `md5` and `git_blob`; all but the first two may be None.
    folder
        Where the files go, under their names; created if missing. An existing file that passes its checks is kept.
    mirror
        Folder or URL that is used first, laid out as ``<host>/<path of the URL>`` (a query, if any, belongs to the
        last name). Plain http only on this machine.
    lock_path
        Lock file of the sums that no data set states.
    progress
        Whether to draw a bar on stderr.
    session
        A ``requests.Session``; by default a new one.
    patience
        :class:`~portal_lib.benchmark.fetch.download.Patience` with a server that fails.

    Returns
    -------
    list of dict, one per file in order: `name`, `url`, `source` (the URL or path that it came from, or ``"in place"``),
    `bytes`, `sha256`, `status` (``"verified"``: the sum is the one that the data set states; ``"unverified"``: it is
    the one of the first download), `date` (of the file's arrival, UTC).

    Raises
    ------
    FetchError
        One or more files could not be downloaded or failed their checks: the message names all, each with the URL,
        the answer and what to do by hand. The other files are in place.
    """
    manifest, problems, silent = [], [], set()
    with _job(folder, mirror, lock_path, progress, session, patience) as job:
        for entry in files:
            host = urlsplit(entry["url"]).hostname
            once = replace(job, patience=replace(job.patience, attempts=1))
            try:
                manifest.append(_fetch(entry, once if host in silent else job))
            except FetchError as problem:
                problems.append(str(problem))
                if isinstance(problem.__cause__, Unreachable):
                    silent.add(host)
    if problems:
        raise FetchError("\n".join(problems))
    return manifest


def relock(entry, folder, *, mirror=None, lock_path, progress=True, session=None, patience=None):
    """Download a file again and replace its sum in the lock file; prints the old sum and the new one.

    Parameters are those of :func:`fetch_files`, for one entry.

    Returns
    -------
    The entry of the manifest, as :func:`fetch_files` returns it.

    Raises
    ------
    FetchError
        The data set states the sum itself (which only a reviewed change of its own file may replace), or the file
        cannot be downloaded.
    """
    if entry.get("sha256"):
        raise FetchError(f"{entry['name']}: its sha256 is stated in the file of the data set; change it there")
    with _job(folder, mirror, lock_path, progress, session, patience) as job:
        target = _target(entry, job.folder)
        part = Part(f"{target}.part")
        part.discard()
        source, _ = _obtain(entry, part, job)
    found = _inspect(entry, part.path, source, target, None, job)
    old = checksums.record(job.lock_path, entry["url"], found, replace=True)
    print(f"{entry['url']}\n  old sha256: {old['sha256'] if old else 'none'}\n  new sha256: {found['sha256']}")
    _settle(part, target)
    return _manifest(entry, source, found, target)


@contextlib.contextmanager
def _job(folder, mirror, lock_path, progress, session, patience):
    """Check the settings of a call; a session that is opened here is closed afterwards."""
    folder, mirror = Path(folder), _checked_mirror(mirror)
    _make_folder(folder)
    with contextlib.ExitStack() as stack:
        session = session or stack.enter_context(open_session())
        yield _Job(folder, mirror, Path(lock_path), progress, session, patience or Patience())


def _fetch(entry, job):
    """One file: kept if it passes its checks, otherwise from the mirror or its URL."""
    target = _target(entry, job.folder)
    if target.exists():
        try:
            found = _admit(entry, target, "in place", target, job)
            return _manifest(entry, "in place", found, target)
        except FetchError as problem:
            print(f"{problem}\n  fetching it again", file=sys.stderr)
    part = Part(f"{target}.part")
    source, resumed = _obtain(entry, part, job)
    if resumed and checksums.differences(entry, _locked(entry, job), checksums.measure(part.path)):
        # Assembled from several responses, and wrong: the pieces may not belong together, so download it again in one
        # go.
        part.discard()
        source, _ = _obtain(entry, part, job)
    found = _admit(entry, part.path, source, target, job)
    _settle(part, target)
    return _manifest(entry, source, found, target)


def _target(entry, folder):
    """Where the file goes; its name may not lead elsewhere."""
    name = entry["name"]
    if name in ("", ".", "..") or Path(name).name != name or "\\" in name:
        raise FetchError(f"'{name}': not a plain file name")
    return folder / name


def _obtain(entry, part, job):
    """Get the bytes, from the mirror if it has them. Returns their source, and whether the download was resumed."""
    url = entry["url"]
    known = bool(entry.get("sha256") or _locked(entry, job))
    options = {"session": job.session, "patience": job.patience, "checked_later": known, "progress": job.progress}
    try:
        check_scheme(url, loopback=False)
        if job.mirror is not None and "://" not in job.mirror:
            copy = Path(job.mirror, *_mirror_path(url).split("/"))
            if copy.is_file():
                return _copy(copy, part), False
        elif job.mirror is not None:
            address = f"{job.mirror.rstrip('/')}/{quote(_mirror_path(url), safe='/%')}"
            try:
                return address, download(address, part, loopback=is_loopback(address), **options)
            except Missing:
                pass
        return url, download(url, part, **options)
    except FetchError as problem:
        tried = "" if job.mirror is None else f"  (the mirror {job.mirror} was tried first)\n"
        raise FetchError(
            f"{entry['name']}: {problem}\n{tried}{_by_hand(entry, _target(entry, job.folder))}"
        ) from problem


def _copy(source, part):
    part.discard()
    try:
        shutil.copyfile(source, part.path)
    except OSError as error:
        raise FetchError(f"{source}: {describe_os_error(error, part.path)}") from error
    return str(source)


def _checked_mirror(mirror):
    if not mirror:
        return None
    mirror = os.fspath(mirror)
    if "://" in mirror:
        check_scheme(mirror, loopback=True)
    elif not Path(mirror).is_dir():
        raise FetchError(f"mirror: there is no folder '{mirror}'. Expected a folder or a URL.")
    return mirror


def _mirror_path(url):
    """Where a mirror has the file of a URL."""
    pieces = urlsplit(url)
    path = f"{pieces.hostname}{pieces.path}" + (f"?{pieces.query}" if pieces.query else "")
    if ".." in path.split("/"):
        raise FetchError(f"{url}: a path with '..' is refused")
    return path


def _admit(entry, path, source, target, job):
    """Accept a file, or raise; a first download is recorded. Returns its size and sums."""
    found = _inspect(entry, path, source, target, _locked(entry, job), job)
    if not entry.get("sha256"):
        checksums.record(job.lock_path, entry["url"], found)
    return found


def _inspect(entry, path, source, target, locked, job):
    """Size and sums of a file that passes its checks; any other is renamed, and an error is raised."""
    found = checksums.measure(path)
    wrong = checksums.differences(entry, locked, found)
    doubt = None if entry.get("sha256") and not wrong else checksums.unfit(entry["name"], path)
    if not wrong and doubt is None:
        return found
    aside = target.with_name(f"{target.name}.rejected-{found['sha256'][:8]}")
    os.replace(path, aside)
    Part(f"{target}.part").discard()
    lines = [f"{target.name}: the file from {source} is rejected", *([doubt] if doubt else []), *wrong]
    lines.append(f"kept as {aside}")
    if locked and not entry.get("sha256"):
        relock = f"python -m portal_lib.benchmark.fetch.fetch relock {entry['url']} {target} --lock {job.lock_path}"
        lines.append(f"if it was replaced on purpose: {relock}")
    raise FetchError("\n".join([*lines[:1], *(f"  {line}" for line in lines[1:]), _by_hand(entry, target)]))


def _by_hand(entry, target):
    return f"  by hand: download {entry['url']} in another way and save it as {target}; it is checked there, too"


def _locked(entry, job):
    """The record of a file in the lock file."""
    return checksums.read_lock(job.lock_path).get(entry["url"])


def _make_folder(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FetchError(f"{folder}: cannot be created: {error.strerror}") from error


def _settle(part, target):
    """Give a file its final name, once its bytes are on the disk."""
    with part.path.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part.path, target)
    part.discard()


def _manifest(entry, source, found, target):
    return {
        "name": entry["name"],
        "url": entry["url"],
        "source": source,
        "bytes": found["bytes"],
        "sha256": found["sha256"],
        "status": "verified" if entry.get("sha256") else "unverified",
        "date": time.strftime("%Y-%m-%d", time.gmtime(target.stat().st_mtime)),
    }


def main(arguments=None):
    """Command line: replace the locked sum of one file."""
    parser = argparse.ArgumentParser(prog="python -m portal_lib.benchmark.fetch.fetch", description=main.__doc__)
    parser.add_argument("command", choices=["relock"], help="download the file again, print its old and its new sum")
    parser.add_argument("url", help="URL as in the lock file")
    parser.add_argument("path", type=Path, help="where the file goes")
    parser.add_argument("--lock", type=Path, default=LOCK, help="lock file (default: %(default)s)")
    parser.add_argument("--mirror", default=os.environ.get("PORTAL_MIRROR"), help="folder or URL to use first")
    chosen = parser.parse_args(arguments)
    entry = {"name": chosen.path.name, "url": chosen.url}
    try:
        relock(entry, chosen.path.parent, mirror=chosen.mirror, lock_path=chosen.lock)
    except PortalLibError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
