"""Finds the library files that a file imports, so that a change reruns exactly the jobs that use it.

Snakemake does not look inside imported modules. The rules declare the files found here as inputs.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def library_files(*files: Path | str) -> list[Path]:
    """Files of this repository that `files` import, directly or through others, themselves included.

    Imports inside functions count; only those under ``if TYPE_CHECKING`` do not, since they never run. Sorted.
    """
    seen: set[Path] = set()
    queue = [Path(file).resolve() for file in files]
    while queue:
        file = queue.pop()
        if file not in seen:
            seen.add(file)
            queue.extend(_direct(file))
    return sorted(seen)


def external_imports(*files: Path | str) -> list[str]:
    """Top-level packages from outside this repository that `files` and what they import need, sorted."""
    names = {name.partition(".")[0] for file in library_files(*files) for name in imported_names(file)}
    return sorted(name for name in names if name not in sys.stdlib_module_names and not (ROOT / name).exists())


@cache
def _direct(file: Path) -> frozenset[Path]:
    return frozenset(found for name in imported_names(file) for found in _locate(name))


@cache
def imported_names(file: Path) -> frozenset[str]:
    """Dotted names that a file imports; ``from a import b`` gives ``a`` and ``a.b``."""
    names: set[str] = set()
    for node in _running_nodes(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, file)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return frozenset(names)


def _running_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            child = ast.Module(body=child.orelse, type_ignores=[])
        yield child
        yield from _running_nodes(child)


def _absolute(node: ast.ImportFrom, file: Path) -> str:
    if not node.level:
        return node.module or ""
    package = file.parents[node.level - 1].relative_to(ROOT).parts
    return ".".join((*package, *filter(None, [node.module])))


def _locate(name: str) -> list[Path]:
    """Files that importing `name` runs: the module and the ``__init__`` of every package above it."""
    parts = name.split(".")
    if not (ROOT / parts[0]).is_dir():
        return []
    inits = [ROOT.joinpath(*parts[:i], "__init__.py") for i in range(1, len(parts) + 1)]
    return [path for path in [*inits, ROOT.joinpath(*parts).with_suffix(".py")] if path.is_file()]
