"""A training on disk: all that it needs to go on to the same weights as if it had never stopped."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from portal_lib.errors import ConfigError, DataError

FORMAT = 1


def save_checkpoint(path: str | Path, fingerprint: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint whole or not at all; one of the same name is replaced when the new one is complete.

    Parameters
    ----------
    path
        The file; its folder is made if need be.
    fingerprint
        What makes this training this one: plain values by name.
    state
        Tensors, numbers, text, and lists and dicts of them.

    Raises
    ------
    DataError
        The disk is full, or the file cannot be written for another reason of the system.
    """
    path, image = Path(path), io.BytesIO()
    torch.save({"format": FORMAT, "fingerprint": dict(fingerprint), "state": dict(state)}, image)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(image.getbuffer())
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written ({error.strerror}). Nothing half-written was left.") from error


def load_checkpoint(path: str | Path, fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """Read the state from a checkpoint of this very training; all tensors come back on the CPU.

    Raises
    ------
    DataError
        The file is no checkpoint, is damaged, or is of another version of the format.
    ConfigError
        It is of another training; names what differs.
    """
    path = Path(path)
    with as_one_error(path):
        _check_bytes(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or content.get("format") != FORMAT or not {"fingerprint", "state"} <= set(content):
        raise DataError(f"{path}: is not a checkpoint of format {FORMAT}. Remove it to start anew.")
    there = content["fingerprint"]
    names = [name for name in {**there, **fingerprint} if there.get(name) != fingerprint.get(name)]
    if names:
        listed = ", ".join(f"{name} {there.get(name)} there, {fingerprint.get(name)} here" for name in names)
        raise ConfigError(f"{path}: is the checkpoint of another training: {listed}. Name another file or remove it.")
    return content["state"]


@contextlib.contextmanager
def as_one_error(path: str | Path) -> Iterator[None]:
    """Turn what comes of a damaged or foreign file into one `DataError`; want of memory stays what it is."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, TypeError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if isinstance(error, pickle.UnpicklingError):
            reason = "it holds more than tensors and plain values"
        raise DataError(f"{path}: cannot be read as a checkpoint ({reason}). Remove it to start anew.") from error


def _check_bytes(path):
    """Raise ValueError where the file is no archive of torch, or its checksums are not those of its content."""
    if path.is_file() and not zipfile.is_zipfile(path):
        raise ValueError("cut short, or not written by torch")
    with zipfile.ZipFile(path) as archive:
        if (damaged := archive.testzip()) is not None:
            raise ValueError(f"the checksum of {damaged} is another one")
