"""Functions are short, and public ones have docstrings."""

import ast

import pytest

from portal_lib.benchmark import registry

ROOT = registry.PACKAGE.parent
LONGEST = 80
SCRIPT_LINES = 70
FILES = [file for folder in ("portal_lib", "scripts") for file in sorted((ROOT / folder).rglob("*.py"))]


def short(file):
    return str(file.relative_to(ROOT))


def parse(file):
    return ast.parse(file.read_text())


def functions(node, inside=""):
    """Functions of a module and of its classes, with their dotted names; not those inside functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield f"{inside}{child.name}", child
            yield from functions(child, f"{inside}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{inside}{child.name}", child


def code_lines(function):
    """Lines of a function without its docstring."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return function.end_lineno - function.lineno + 1 - (first.end_lineno - first.lineno + 1 if documented else 0)


def test_no_function_is_long():
    long = {
        f"{short(file)}: {name}": code_lines(item)
        for file in FILES
        for name, item in functions(parse(file))
        if not isinstance(item, ast.ClassDef) and code_lines(item) > LONGEST
    }
    assert long == {}


def test_public_functions_and_modules_have_docstrings():
    bare = [
        f"{short(file)}: {name}"
        for file in FILES
        for name, item in functions(parse(file))
        if not any(part.startswith("_") for part in name.split(".")) and not ast.get_docstring(item)
    ]
    bare += [short(file) for file in FILES if file.stat().st_size > 40 and not ast.get_docstring(parse(file))]
    assert bare == []


@pytest.mark.parametrize("file", [pytest.param(file, id=file.name) for file in FILES if file.parent.name == "scripts"])
def test_a_script_is_thin_typed_and_guarded(file):
    text, tree = file.read_text(), parse(file)
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    assert not main.args.args
    assert all(argument.annotation for argument in main.args.kwonlyargs)
    guard = tree.body[-1]
    assert ast.unparse(guard.test) == "'snakemake' in globals()"
    names = {node.id for part in tree.body[:-1] for node in ast.walk(part) if isinstance(node, ast.Name)}
    assert "snakemake" not in names
    assert len(text.splitlines()) <= SCRIPT_LINES
