"""The state of a training on disk; a resumed training ends with the same weights as an uninterrupted one."""

import contextlib
import io
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from portal_lib._files import replacing
from portal_lib.errors import ConfigError, DataError

FORMAT = 1


def save_checkpoint(path: str | Path, fingerprint: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically; an existing file is replaced once the new one is complete.

    Parameters
    ----------
    path
        The file; its folder is created if necessary.
    fingerprint
        What identifies the training: plain values by name.
    state
        Tensors, numbers, text, and lists and dicts of them.

    Raises
    ------
    DataError
        The file cannot be written, because the disk is full for example.
    """
    image = io.BytesIO()
    torch.save({"format": FORMAT, "fingerprint": dict(fingerprint), "state": dict(state)}, image)
    with replacing(path) as part:
        part.write_bytes(image.getbuffer())


def load_checkpoint(path: str | Path, fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """Read the state from a checkpoint of the same training; all tensors are on the CPU.

    Raises
    ------
    DataError
        The file is not a checkpoint, is damaged, or has another version of the format.
    ConfigError
        It belongs to another training; the message names the differences.
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
        raise ConfigError(f"{path}: is the checkpoint of another training: {listed}. Choose another file or remove it.")
    return content["state"]


@contextlib.contextmanager
def as_one_error(path: str | Path) -> Iterator[None]:
    """Turn errors of a damaged or foreign file into one `DataError`; out-of-memory errors are passed on."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, TypeError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if isinstance(error, pickle.UnpicklingError):
            reason = "it contains more than tensors and plain values"
        raise DataError(f"{path}: cannot be read as a checkpoint ({reason}). Remove it to start anew.") from error


def _check_bytes(path):
    """Raise ValueError if the file is not an archive of torch, or its content does not match its checksums."""
    if path.is_file() and not zipfile.is_zipfile(path):
        raise ValueError("cut short, or not written by torch")
    with zipfile.ZipFile(path) as archive:
        if (damaged := archive.testzip()) is not None:
            raise ValueError(f"the checksum of {damaged} does not match")
