"""Code around the ``main`` of every script of the workflow: logging, and ending with Snakemake."""

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from portal_lib.errors import PortalLibError

WATCH_S = 0.5
JOIN_S = 5
# Inputs that a rule names only for its reruns.
WATCHED = ("code", "given")


@contextmanager
def logged(log: str) -> Iterator[None]:
    """Send stdout, stderr, warnings and the traceback of a block to `log`, and to the terminal as well.

    A PortalLibError is printed as one message and ends the script with code 1; other errors keep their traceback. The
    script ends when the Snakemake that started it is gone, so that no orphan writes into a later run.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("default")
    _end_with_snakemake()
    with _teed(open(log, "wb")):
        try:
            yield
        except PortalLibError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            code = 1
        except Exception:
            traceback.print_exc()
            code = 1
        else:
            code = 0
    if code:
        sys.exit(code)


@contextmanager
def _teed(sink) -> Iterator[None]:
    """Copy what is written to file descriptors 1 and 2 into `sink`, and close it; the terminal keeps getting it."""
    reader, writer = os.pipe()
    terminal = os.dup(2)
    saved = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
    for descriptor in saved:
        os.dup2(writer, descriptor)
    os.close(writer)
    copier = threading.Thread(target=_copy, args=(reader, terminal, sink), daemon=True)
    copier.start()
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, original in saved.items():
            os.dup2(original, descriptor)
            os.close(original)
        copier.join(JOIN_S)


def _copy(reader: int, terminal: int, sink) -> None:
    """Copy everything to the terminal; the log gets only the last state of each progress bar."""
    line = b""
    with sink, os.fdopen(reader, "rb", buffering=0) as source, os.fdopen(terminal, "wb", buffering=0) as shown:
        while chunk := source.read(65536):
            with contextlib.suppress(OSError):
                shown.write(chunk)
            *whole, line = (line + chunk).split(b"\n")
            sink.writelines(_last_state(text) + b"\n" for text in whole)
            sink.flush()
            line = line[max(line.rstrip(b"\r").rfind(b"\r"), 0) :]
        sink.write(_last_state(line))


def _last_state(line: bytes) -> bytes:
    return line.rstrip(b"\r").rpartition(b"\r")[2]


def _end_with_snakemake() -> None:
    """End this process when the Snakemake above it is gone; without one above it, do nothing."""
    for ancestor in psutil.Process().parents():
        if _is_snakemake(ancestor):
            threading.Thread(target=_watch, args=(ancestor, os.getpid()), daemon=True).start()
            return


def _is_snakemake(process: psutil.Process) -> bool:
    """Judged by the names of the program and its script; other processes may have the name in their paths."""
    try:
        return any(Path(word).name == "snakemake" for word in process.cmdline()[:4])
    except psutil.Error:
        return False


def _watch(snakemake: psutil.Process, own: int) -> None:
    while _is_alive(snakemake):
        time.sleep(WATCH_S)
    os.kill(own, signal.SIGKILL)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def files_of(*named) -> dict[str, Path | list[Path]]:
    """Inputs and outputs of a rule by name, except its code and files that params name, which only cause reruns."""
    return {name: paths_of(given) for files in named for name, given in files.items() if name not in WATCHED}


def paths_of(given: str | Iterable[str]) -> Path | list[Path]:
    """One path, or several, as a rule gives them."""
    return Path(given) if isinstance(given, str) else [Path(path) for path in given]
