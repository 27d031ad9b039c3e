"""Atomic writing: a reader sees the old file or folder or the new one, never half of one.

All functions write to a temporary name in the same folder, which is then renamed. Where the system cannot write, they
raise one DataError, and no partial file is left.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal_lib.errors import DataError


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A temporary path in the folder of `path`, renamed to it when the block ends well and removed when it does not."""
    path = Path(path)
    with _reported(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path | str) -> Iterator[Path]:
    """An empty temporary folder, renamed to `folder` when the block ends well and removed when it does not.

    A folder that exists is moved aside before and removed after the new one is in place.
    """
    folder = Path(folder).absolute()
    with _reported(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
            new, old = Path(scratch, "new"), Path(scratch, "old")
            new.mkdir()
            yield new
            _swap(new, folder, old)


def write_text_atomic(path: Path | str, text: str) -> None:
    """Write text to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(table, path: Path | str) -> None:
    """Write a DataFrame as TSV, whole or not at all; numbers with ten significant digits."""
    with replacing(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.10g", lineterminator="\n")


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Errors of the system as one DataError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: cannot be written ({reason}). No partial file is left.") from error


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Put `new` in the place of `folder`, which moves to `old`; it moves back where `new` cannot be moved."""
    if not folder.exists():
        os.rename(new, folder)
        return
    os.rename(folder, old)
    try:
        os.rename(new, folder)
    except OSError:
        os.rename(old, folder)
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
