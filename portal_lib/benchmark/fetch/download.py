"""Downloads one URL into one file: streamed, resumed, retried. Checksums are verified elsewhere."""

import email.utils
import errno
import ipaddress
import json
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from portal_lib.errors import FetchError

BLOCK = 1 << 16
# After this many bytes of a connection the count of failed attempts starts again.
WORTHWHILE = 1 << 20
MOST_REDIRECTS = 10


class Missing(FetchError):
    """The server says that there is no such file."""


class Unreachable(FetchError):
    """The server did not answer any of several requests."""


class _Transient(Exception):
    """A failure that may not occur at the next attempt."""

    def __init__(self, reason, wait=None, *, answered=True):
        super().__init__(reason)
        self.wait = wait
        self.answered = answered


@dataclass(frozen=True)
class Patience:
    """How long to keep trying.

    Parameters
    ----------
    attempts
        Connections in a row that may fail before a substantial part of the file has arrived.
    first_wait
        Seconds before the second attempt; each further wait is twice as long.
    longest_wait
        Seconds. The download fails where a server requests more.
    timeout
        Seconds to wait for a connection, and for the next bytes.
    sleep
        What waits.
    """

    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0
    timeout: tuple[float, float] = (15.0, 60.0)
    sleep: Callable[[float], None] = time.sleep


class Part:
    """An unfinished download: the bytes so far, and a record of the remote file."""

    def __init__(self, path):
        self.path = Path(path)
        self.note = self.path.with_name(self.path.name + ".json")

    def size(self):
        """Bytes so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def discard(self):
        """Forget everything."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def origin(self, url):
        """The record of the remote file, if these bytes came from `url`; otherwise empty."""
        try:
            note = json.loads(self.note.read_text())
        except (OSError, ValueError):
            return {}
        complete = isinstance(note, dict) and {"url", "validator", "total"} <= set(note)
        return note if complete and note["url"] == url else {}

    def remember(self, url, validator, total):
        """Record which remote file the bytes belong to."""
        self.note.write_text(json.dumps({"url": url, "validator": validator, "total": total}))


def open_session():
    """A session that identifies this program to servers."""
    import requests

    from portal_lib import __version__

    session = requests.Session()
    session.headers["User-Agent"] = f"portal-lib/{__version__}"
    return session


def is_loopback(url):
    """Whether the URL is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_scheme(url, *, loopback):
    """Refuse URLs other than https; http is allowed for a mirror on this machine only."""
    scheme = urlsplit(url).scheme
    if scheme == "https" or (scheme == "http" and loopback and is_loopback(url)):
        return
    raise FetchError(f"{url}: refused, only https is allowed (and http for a mirror on this machine)")


def download(url, part, *, session, patience, loopback=False, checked_later=False, progress=True):
    """Download a file, resuming an earlier attempt.

    Parameters
    ----------
    url
        Where the file is.
    part
        :class:`Part` that receives the bytes.
    session
        A ``requests.Session``.
    patience
        :class:`Patience`.
    loopback
        Whether http on this machine is allowed.
    checked_later
        Whether a checksum is known, so that a wrongly resumed file would be noticed. Without one, only a file that
        the server marks (ETag, Last-Modified) is resumed.
    progress
        Whether to draw a bar on stderr.

    Returns
    -------
    Whether the file was put together from more than one response.

    Raises
    ------
    Missing
        The server answered 404 or 410.
    FetchError
        Any other failure that retrying cannot fix, or did not fix in time; a full disk.
    """
    failures, resumed = 0, False
    while True:
        before = part.size()
        try:
            return _attempt(url, part, session, patience, loopback, checked_later, progress) or resumed
        except _Transient as trouble:
            gained = part.size() - before
            failures = 1 if gained >= WORTHWHILE else failures + 1
            if failures >= patience.attempts:
                kind = FetchError if trouble.answered else Unreachable
                times = f"{failures} attempts" if failures > 1 else "one attempt"
                raise kind(f"{url}: {trouble}; given up after {times}") from trouble
            _wait(url, trouble, failures, patience)


def _wait(url, trouble, failures, patience):
    """Wait before the next attempt: as long as the server requests, or twice as long as the last time."""
    if trouble.wait is not None and trouble.wait > patience.longest_wait:
        raise FetchError(f"{url}: {trouble}, and requests a wait of {trouble.wait:.0f} s; try again later") from trouble
    wait = min(patience.first_wait * 2 ** (failures - 1), patience.longest_wait)
    wait = wait if trouble.wait is None else trouble.wait
    print(f"{url}: {trouble}; trying again in {wait:.0f} s", file=sys.stderr)
    patience.sleep(wait)


def _attempt(url, part, session, patience, loopback, checked_later, progress):
    """One connection. Returns whether it continued earlier bytes; raises _Transient if another one may help."""
    origin = part.origin(url)
    offset = part.size() if origin and (origin["validator"] or checked_later) else 0
    if offset and offset == origin["total"]:
        return True
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if origin["validator"]:
            headers["If-Range"] = origin["validator"]
    with _open(session, url, headers, patience, loopback) as response:
        _check_status(url, response, part)
        _check_body(url, response, part)
        if response.status_code == 206:
            _check_continuation(response, part, offset, origin)
            total = origin["total"] or _range_total(response)
        else:
            offset, total = 0, _content_length(response)
        _write(url, response, part, offset, total, progress)
    return offset > 0


def _open(session, url, headers, patience, loopback):
    """Send the request and follow redirects, all of which must use https."""
    from requests import exceptions

    for _ in range(MOST_REDIRECTS):
        check_scheme(url, loopback=loopback)
        # A mirror on this machine is never behind a proxy.
        proxies = {"http": None, "https": None} if is_loopback(url) else None
        try:
            response = session.get(
                url, headers=headers, stream=True, allow_redirects=False, timeout=patience.timeout, proxies=proxies
            )
        except exceptions.SSLError as error:
            raise FetchError(f"{url}: no secure connection: {error}") from error
        except (exceptions.ConnectionError, exceptions.Timeout) as error:
            raise _Transient(f"no answer ({_innermost(error)})", answered=False) from error
        except exceptions.RequestException as error:
            raise FetchError(f"{url}: {error}") from error
        if not response.is_redirect:
            return response
        response.close()
        url = urljoin(url, response.headers["Location"])
    raise FetchError(f"{url}: more than {MOST_REDIRECTS} redirections")


def _innermost(error):
    """The innermost cause of an error, without the layers of libraries around it."""
    reason = getattr(error.args[0], "reason", error) if error.args else error
    return str(reason).rpartition("): ")[2] or type(error).__name__


def _check_status(url, response, part):
    """Accept 200 and 206; any other status is an error, temporary or permanent."""
    status = response.status_code
    answer = f"the server answered {status} {response.reason}"
    if status == 416:
        part.discard()
        raise _Transient(f"{answer} to a request for the rest of the file; starting over")
    if status in (408, 425, 429) or status >= 500:
        raise _Transient(answer, _retry_after(response))
    if status in (404, 410):
        raise Missing(f"{url}: {answer}")
    if status == 200 or (status == 206 and "Range" in response.request.headers):
        return
    raise FetchError(f"{url}: {answer}")


def _check_body(url, response, part):
    """Refuse a web page, and an encoded body."""
    name = part.path.name.removesuffix(".part")
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml") and not name.endswith((".html", ".htm")):
        raise FetchError(f"{url}: the server answered with an HTML page where data are expected")
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    # Some servers mark a stored .gz as gzip-encoded; its bytes are still the file.
    if encoding != "identity" and not (encoding == "gzip" and name.endswith((".gz", ".tgz"))):
        raise FetchError(f"{url}: the server encoded the file ({encoding}) although the request forbids it")


def _check_continuation(response, part, offset, origin):
    """Make sure that a 206 continues the bytes that are there."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    total = _range_total(response)
    changed = (total and origin["total"] and total != origin["total"]) or (
        origin["validator"] and _validator(response) not in (None, origin["validator"])
    )
    if changed or match is None or int(match[1]) != offset:
        part.discard()
        raise _Transient("the remote file has changed since the download began; starting over")


def _write(url, response, part, offset, total, progress):
    """Append the body to the part, and compare its length with the announced one."""
    try:
        if offset == 0:
            part.path.write_bytes(b"")
            part.remember(url, _validator(response), total)
        _check_space(url, part, offset, total)
        with part.path.open("ab") as file, _bar(part, offset, total, progress) as bar:
            while block := _read(response):
                file.write(block)
                bar.update(len(block))
    except OSError as error:
        raise FetchError(f"{url}: {describe_os_error(error, part.path)}") from error
    size = part.size()
    if total is not None and size > total:
        part.discard()
    if total is not None and size != total:
        raise _Transient(f"the file ended after {size} bytes, {total} were announced")


def _read(response):
    """The next bytes as they were sent, none at the end."""
    from urllib3.exceptions import HTTPError

    try:
        return response.raw.read1(BLOCK, decode_content=False)
    except (HTTPError, ConnectionError, TimeoutError) as error:
        raise _Transient(f"the connection was cut ({type(error).__name__}: {error})") from error


def _check_space(url, part, offset, total):
    """Refuse a download that does not fit on the disk before it starts."""
    free = shutil.disk_usage(part.path.parent).free
    if total is not None and total - offset > free:
        raise FetchError(f"{url}: {total - offset} bytes to download, but only {free} are free in {part.path.parent}")


def describe_os_error(error, path):
    """An error of the local system, in words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left in {Path(path).parent}; free some space and start again; the download continues"
    return f"cannot write {path}: {error.strerror or error}"


def _bar(part, offset, total, progress):
    """A progress bar on stderr; updated rarely in a log file."""
    from tqdm import tqdm

    return tqdm(
        desc=part.path.name.removesuffix(".part"),
        total=total,
        initial=offset,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        mininterval=0.2 if sys.stderr.isatty() else 10.0,
        disable=not progress,
        file=sys.stderr,
    )


def _validator(response):
    """What identifies this version of the file: a strong ETag, or the date of its last change."""
    tag = response.headers.get("ETag")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified")


def _content_length(response):
    """Announced bytes of the body; None if not announced."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _range_total(response):
    """Bytes of the whole file as a 206 announces them; None if not announced."""
    text = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(text) if text.isdigit() else None


def _retry_after(response):
    """Seconds that the server requests to wait, or None."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
