"""The published package portal-sc, unchanged, on given components.

It is installed in a folder of its own, without its dependencies, which are years old::

    pip install --no-deps --target FOLDER portal-sc==1.0.4
"""

import ast
import contextlib
import importlib
import io
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock

import numpy as np

from portal_lib.errors import ConfigError

NAME = "portal"
VERSION = "1.0.4"
INSTALL = "pip install --no-deps --target {folder} portal-sc==" + VERSION
# The packages that its networks, training and inference use.
_USED = {"torch", "numpy", "scipy", "pandas", "sklearn"}


def import_package(folder: str | Path) -> ModuleType:
    """Import the published package into this process.

    Parameters
    ----------
    folder
        Where it was installed, separately.

    Raises
    ------
    ConfigError
        The folder does not contain the package, or contains another version.

    Notes
    -----
    It imports packages for figures, files and R that neither its training nor its inference calls. While it is
    imported, empty modules stand in for them, whether they are installed or not, so that it is the same everywhere;
    afterwards this process sees the real ones again.
    """
    folder = Path(folder).resolve()
    if not (folder / NAME / "model.py").is_file():
        raise ConfigError(f"{folder}: contains no package '{NAME}'. Install it: {INSTALL.format(folder=folder)}")
    with _in_front(folder), _replaced(_not_used(folder / NAME)):
        package = importlib.import_module(NAME)
    if package.__version__ != VERSION or Path(package.__file__).parent != folder / NAME:
        found = f"portal-sc {package.__version__} of {Path(package.__file__).parents[1]}"
        raise ConfigError(f"{folder}: expected portal-sc {VERSION} there, found {found}.")
    return package


def train(
    package: ModuleType,
    x_a: np.ndarray,
    x_b: np.ndarray,
    *,
    steps: int,
    checkpoints: str | Path,
    lambda_cos: float = 20.0,
    seed: int = 1234,
):
    """Run its training loop unchanged; it uses a GPU if torch finds one.

    Parameters
    ----------
    package
        From :func:`import_package`.
    x_a, x_b
        Principal components, shape (n_cells, n_pcs). Cells are rows.
    steps
        Batches of 500 cells of each domain to see.
    checkpoints
        Folder for the one file that it writes at the end of training and reads before inference.
    lambda_cos
        Weight of the cosine term.
    seed
        Of the global generators of torch and numpy, which it sets.

    Returns
    -------
    Its model, with ``emb_A`` and ``emb_B`` as given.
    """
    model = package.model.Model(
        training_steps=steps, seed=seed, npcs=x_a.shape[1], lambdacos=lambda_cos, model_path=str(checkpoints)
    )
    model.emb_A, model.emb_B = x_a, x_b
    with _quiet():
        model.train()
    return model


def infer(model) -> np.ndarray:
    """Run its inference unchanged, which encodes and translates all cells at once.

    Returns
    -------
    Latent coordinates of A, then B, shape (n_cells, n_latent); the model holds ``data_Aspace`` and ``data_Bspace`` too.
    """
    with _quiet():
        model.eval()
    return model.latent


def _not_used(package: Path) -> set[str]:
    """Modules that it imports and does not need here, with the packages above them."""
    known = _USED | {NAME} | set(sys.stdlib_module_names)
    names = {name for file in package.glob("*.py") for name in _imports(file) if name.partition(".")[0] not in known}
    return {".".join(name.split(".")[: i + 1]) for name in names for i in range(name.count(".") + 1)}


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without its progress bar, and without the warnings of current torch about it."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Converting a tensor with requires_grad=True to a scalar")
        yield


@contextlib.contextmanager
def _replaced(names: set[str]) -> Iterator[None]:
    """Temporarily replace modules of these names by empty ones."""
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update({name: MagicMock(name=name) for name in names})
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@contextlib.contextmanager
def _in_front(folder: Path) -> Iterator[None]:
    """Temporarily put a folder first on the path."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
