"""Saved models: a folder with a description (JSON) and tensors, written atomically, read without running code."""

import contextlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from portal_lib import __version__
from portal_lib._files import replacing_folder
from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.training.objectives._contract import Objective

DESCRIPTION, TENSORS = "description.json", "tensors.pt"


def versions() -> dict[str, str]:
    """Versions of this package and of those that determine its numbers."""
    return {"portal_lib": __version__} | {name: metadata.version(name) for name in ("torch", "numpy", "anndata")}


def save_folder(
    folder: str | Path,
    kind: str,
    version: int,
    description: Mapping[str, Any],
    tensors: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> None:
    """Write a folder with ``description.json`` and ``tensors.pt``.

    Parameters
    ----------
    folder
        Its parents are created if necessary.
    kind, version
        What the folder contains, and the version of its format; both are checked when it is read.
    description
        Plain values. The versions of the packages are added.
    tensors
        Tensors, and lists and dicts of them, by name; on the CPU, so that any machine can read them.
    overwrite
        Replace a folder of the same kind.

    Raises
    ------
    ConfigError, DataError
        As in :func:`check_target`, or writing fails; no partial files are left.
    """
    folder = Path(folder).absolute()
    check_target(folder, kind, overwrite=overwrite)
    text = json.dumps({"kind": kind, "format": version, "versions": versions()} | dict(description), indent=1)
    image = io.BytesIO()
    torch.save(dict(tensors), image)
    with replacing_folder(folder) as part:
        (part / DESCRIPTION).write_text(text)
        (part / TENSORS).write_bytes(image.getbuffer())


def state_of(networks: nn.Module) -> dict[str, torch.Tensor]:
    """Weights by name, on the CPU."""
    return {name: tensor.cpu() for name, tensor in networks.state_dict().items()}


def networks_of(
    objective: Objective, widths: tuple[int, int], state: Mapping[str, torch.Tensor], device: torch.device
) -> nn.Module:
    """Networks with the weights of :func:`state_of`, ready for inference.

    Parameters
    ----------
    objective
        Builds the networks.
    widths
        Number of features of both domains.
    state
        The weights.
    device
        Where the networks compute.

    Raises
    ------
    ShapeError
        The weights are not those of such networks.
    """
    networks = objective.build(*widths, torch.Generator())
    try:
        networks.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ShapeError(f"the weights do not fit {objective.name} ({reason}).") from None
    return networks.to(device, next(iter(state.values())).dtype).requires_grad_(False)


@contextlib.contextmanager
def damage_reported(folder: str | Path) -> Iterator[None]:
    """Turn errors in rebuilding a model from its description and tensors into one message about its folder.

    Raises
    ------
    DataError
        A value is missing or wrong.
    ShapeError
        Tensors have other shapes than the description says.
    """
    try:
        yield
    except ShapeError as error:
        raise ShapeError(f"{folder}: {error}") from None
    except (LookupError, TypeError, AttributeError, ValueError, RuntimeError, ConfigError) as error:
        reason = f"{type(error).__name__}: {_first_line(error)}"
        raise DataError(f"{folder}: is damaged ({reason}). Save it again.") from error


def check_target(folder: str | Path, kind: str, *, overwrite: bool) -> None:
    """Refuse a folder that must not be written.

    Raises
    ------
    ConfigError
        It exists, and `overwrite` is False.
    DataError
        It exists and contains something else than `kind`; or as in :func:`check_place`.
    """
    folder = Path(folder)
    check_place(folder)
    if not folder.exists():
        return
    if not overwrite:
        raise ConfigError(f"{folder}: exists already. Choose another folder, or set overwrite.")
    try:
        _read_description(folder, kind)
    except DataError as error:
        raise DataError(f"{error} It is not overwritten.") from None


def check_place(path: str | Path) -> None:
    """Refuse a path that could not be created, before the work starts.

    Raises
    ------
    DataError
        The nearest existing parent is not a folder, or is not writable.
    """
    path = Path(path).absolute()
    above = next(place for place in (path, *path.parents) if place.exists())
    if above != path and not above.is_dir():
        raise DataError(f"{path}: cannot be created, since {above} is not a folder.")
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
        There is no such folder, or it contains something else, has another version of the format, or is damaged.
    """
    folder = Path(folder)
    description = _read_description(folder, kind)
    if description.get("format") != version:
        raise DataError(
            f"{folder}: is of format {description.get('format')}; this version of portal_lib reads {version}."
        )
    try:
        # For anything else torch falls back to its old format, which warns.
        if not zipfile.is_zipfile(folder / TENSORS):
            raise ValueError("missing, cut short, or not written by torch")
        return description, torch.load(folder / TENSORS, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise DataError(f"{folder / TENSORS}: cannot be read ({_first_line(error)}). Save it again.") from error


def _read_description(folder: Path, kind: str) -> dict[str, Any]:
    if not folder.is_dir():
        raise DataError(f"{folder}: {'is not a folder' if folder.exists() else 'there is no such folder'}.")
    try:
        description = json.loads((folder / DESCRIPTION).read_text())
    except FileNotFoundError:
        raise DataError(f"{folder}: contains no {kind}, since it has no {DESCRIPTION}.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / DESCRIPTION}: cannot be read ({_first_line(error)}).") from error
    if not isinstance(description, dict) or description.get("kind") != kind:
        raise DataError(f"{folder}: contains no {kind}.")
    return description


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
