"""A folder with a description (JSON) and tensors: written whole or not at all, read without running code from it."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from portal_lib.errors import ConfigError, DataError

DESCRIPTION, TENSORS = "description.json", "tensors.pt"


def save_folder(
    folder: str | Path,
    kind: str,
    version: int,
    description: Mapping[str, Any],
    tensors: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> None:
    """Write a folder that holds ``description.json`` and ``tensors.pt``.

    Parameters
    ----------
    folder
        Its parents are made if need be.
    kind, version
        What the folder holds, and the version of its format: checked when it is read.
    description
        Plain values.
    tensors
        Tensors, and lists and dicts of them, by name; on the CPU, so that any machine can read them.
    overwrite
        Replace a folder of the same kind.

    Raises
    ------
    ConfigError, DataError
        As in :func:`check_target`, or the system cannot write; nothing half-written is left.

    Notes
    -----
    Both files are written into a hidden folder beside, which is then renamed. An old folder is moved aside before and
    removed after, so that at any moment one of the two is whole.
    """
    folder = Path(folder).absolute()
    check_target(folder, kind, overwrite=overwrite)
    text = json.dumps({"kind": kind, "format": version} | dict(description), indent=1)
    image = io.BytesIO()
    torch.save(dict(tensors), image)
    part, old = (folder.with_name(f".{folder.name}.{end}") for end in ("part", "old"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        (part / DESCRIPTION).write_text(text)
        (part / TENSORS).write_bytes(image.getbuffer())
        swap_folder(part, folder, old)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror}). Nothing half-written was left.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_target(folder: str | Path, kind: str, *, overwrite: bool) -> None:
    """Refuse a folder that must not be written.

    Raises
    ------
    ConfigError
        It is there, and `overwrite` is False.
    DataError
        It is there, and does not hold what would replace it; or as in :func:`check_place`.
    """
    folder = Path(folder)
    check_place(folder)
    if not folder.exists():
        return
    if not overwrite:
        raise ConfigError(f"{folder}: is there already. Name another folder, or say that it is to be overwritten.")
    try:
        _read_description(folder, kind)
    except DataError as error:
        raise DataError(f"{error} It is not overwritten.") from None


def check_place(path: str | Path) -> None:
    """Refuse a file or folder that could not be made, before the work whose result it is to take.

    Raises
    ------
    DataError
        The nearest of the folders above it that is there is no folder, or cannot be written to.
    """
    path = Path(path).absolute()
    above = next(place for place in (path, *path.parents) if place.exists())
    if above != path and not above.is_dir():
        raise DataError(f"{path}: cannot be made, since {above} is no folder.")
    if not os.access(above, os.W_OK):
        raise DataError(f"{path}: cannot be written ({above} is not writable).")


def load_folder(folder: str | Path, kind: str, version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read what :func:`save_folder` wrote.

    Returns
    -------
    Description, and tensors on the CPU.

    Raises
    ------
    DataError
        There is no such folder, it holds something else, is of another version of the format, or is damaged.
    """
    folder = Path(folder)
    description = _read_description(folder, kind)
    if description.get("format") != version:
        raise DataError(
            f"{folder}: is of format {description.get('format')}; this version of portal_lib reads {version}."
        )
    try:
        # Anything else would be read by an older way of torch, which warns.
        if not zipfile.is_zipfile(folder / TENSORS):
            raise ValueError("missing, cut short, or not written by torch")
        return description, torch.load(folder / TENSORS, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise DataError(f"{folder / TENSORS}: cannot be read ({_first_line(error)}). Save it again.") from error


def _read_description(folder: Path, kind: str) -> dict[str, Any]:
    if not folder.is_dir():
        raise DataError(f"{folder}: {'is no folder' if folder.exists() else 'there is no such folder'}.")
    try:
        description = json.loads((folder / DESCRIPTION).read_text())
    except FileNotFoundError:
        raise DataError(f"{folder}: holds no {kind}, since it has no {DESCRIPTION}.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / DESCRIPTION}: cannot be read ({_first_line(error)}).") from error
    if not isinstance(description, dict) or description.get("kind") != kind:
        raise DataError(f"{folder}: holds no {kind}.")
    return description


def swap_folder(part: Path, folder: Path, old: Path) -> None:
    """Put `part` where `folder` is or was; `old` is where that one lies for a moment. All on one file system."""
    if not folder.exists():
        os.rename(part, folder)
        return
    shutil.rmtree(old, ignore_errors=True)
    os.rename(folder, old)
    try:
        os.rename(part, folder)
    except OSError:
        os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
