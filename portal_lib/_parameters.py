"""Parameters that are defined once: default, bounds and description of each, in a frozen dataclass.

Signatures, docstrings, checks, command-line options and the facts of plug-ins are derived from it. Imports neither
torch nor numpy, so that reading the registry stays fast.
"""

import argparse
import dataclasses
import inspect
import math
import numbers
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from portal_lib.errors import ConfigError

# Keys of the metadata that are not keywords of a JSON schema.
_METAVAR, _UNSET = "metavar", "unset"
_LARGEST = 2**63 - 1


def parameter(
    default: Any,
    type: str | Sequence[str],
    description: str,
    *,
    metavar: str | None = None,
    unset: str | None = None,
    **words: Any,
) -> Any:
    """Define one parameter as a field of a dataclass.

    Parameters
    ----------
    default
        A plain value; lists as tuples.
    type
        Names of JSON types: ``"number"``, ``["integer", "null"]``.
    description
        What the parameter does, in sentences: for docstrings, command line and documentation of the configuration.
    metavar
        Placeholder of the value on the command line; None for one that follows from `type`.
    unset
        What None stands for, where `type` allows it.
    words
        Bounds, as in a JSON schema: ``minimum``, ``exclusiveMinimum``, ``maximum``, ``enum``, ``items``,
        ``uniqueItems``, ``pattern`` (of one word, such as ``"^search$"``).
    """
    words = {"type": type} | words | {"description": description, _METAVAR: metavar, _UNSET: unset}
    return dataclasses.field(default=default, metadata=words)


def defaults_of(parameters: type) -> dict[str, Any]:
    """Default of each parameter."""
    return {field.name: field.default for field in dataclasses.fields(parameters)}


def schema_of(parameters: type, names: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """The parameters as in the facts of plug-ins: JSON-schema keywords with default and description.

    Parameters
    ----------
    parameters
        Dataclass of :func:`parameter` fields.
    names
        Names of the parameters, in this order; None for all.

    Raises
    ------
    ConfigError
        A name is not one of them.
    """
    known = {field.name: field for field in dataclasses.fields(parameters)}
    names = list(known) if names is None else list(names)
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"{parameters.__name__} has no parameter {', '.join(unknown)}. Known: {', '.join(known)}.")
    return {name: _schema(known[name]) for name in names}


def checked(
    parameters: type, values: Mapping[str, Any], owner: str = "", problems: Iterable[str] = ()
) -> dict[str, Any]:
    """Values of parameters as plain values: bool, int, float, str, None and lists of them.

    Parameters
    ----------
    parameters
        Dataclass of :func:`parameter` fields.
    values
        Values of some or all of them.
    owner
        Name of the parameters as a whole in the message.
    problems
        Further problems, for the end of the message.

    Raises
    ------
    ConfigError
        Values are out of range; the message lists all problems.
    """
    schema, plain, found = schema_of(parameters, values), {}, []
    for name, value in values.items():
        try:
            plain[name] = _plain(value, schema[name])
        except (TypeError, ValueError):
            found.append(f"{name} is {value!r}; allowed: {_allowed(schema[name])}.")
    found += problems
    if found:
        head = "" if len(found) == 1 else f"{owner} has {len(found)} problems\n  "
        raise ConfigError(head + "\n  ".join(found))
    return plain


def documented(parameters: type, names: Iterable[str] | None = None) -> Callable[[Any], Any]:
    """Decorator: show parameters in the signature and the docstring of a function or class.

    Parameters
    ----------
    parameters
        Dataclass of :func:`parameter` fields.
    names
        Names of the parameters; None for all.

    Returns
    -------
    A decorator. In the signature the parameters are keyword-only and come last; they replace ``**parameters``, while an
    argument of another name, such as ``**weights``, stays. In the docstring they replace the line ``{parameters}``.
    """
    known = {field.name: field for field in dataclasses.fields(parameters)}
    fields = [known[name] for name in (known if names is None else names)]

    def decorate(target):
        function = vars(target)["__init__"] if isinstance(target, type) else target
        function.__signature__ = _signature(function, fields)
        if target.__doc__:
            entries = "\n".join(map(_entry, fields))
            target.__doc__ = inspect.cleandoc(target.__doc__).replace("{parameters}", entries)
        return target

    return decorate


def add_options(group: Any, parameters: type, names: Iterable[str] | None = None) -> None:
    """Add an option of the command line for each parameter; those that are not given do not appear in the result.

    Parameters
    ----------
    group
        Parser, or group of one.
    parameters
        Dataclass of :func:`parameter` fields.
    names
        Names of the parameters; None for all.
    """
    fields = {field.name: field for field in dataclasses.fields(parameters)}
    for name, words in schema_of(parameters, names).items():
        field = fields[name]
        unset = field.metadata[_UNSET]
        shown = unset if field.default is None else _as_text(field.default)
        text = f"{field.metadata['description']} (default: {shown})".replace("%", "%%")
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=_reader(words),
            metavar=field.metadata[_METAVAR] or _metavar(words),
            default=argparse.SUPPRESS,
            help=text,
        )


def given_options(options: argparse.Namespace, parameters: type, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Values of those parameters that were given on the command line."""
    values = vars(options)
    return {name: values[name] for name in schema_of(parameters, names) if name in values}


def _schema(field: dataclasses.Field) -> dict[str, Any]:
    words = {name: value for name, value in field.metadata.items() if name not in (_METAVAR, _UNSET)}
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    if unset := field.metadata[_UNSET]:
        words["description"] += f" Null: {unset}."
    return {"default": default} | words


def _types(words: Mapping[str, Any]) -> list[str]:
    return [words["type"]] if isinstance(words["type"], str) else list(words["type"])


def _allowed(words: Mapping[str, Any]) -> str:
    """Which values JSON-schema keywords allow: ``"a number of at least 0, None"``."""
    if "enum" in words:
        return ", ".join(map(repr, words["enum"]))
    texts = {
        "integer": f"a whole number{_bounds(words)}",
        "number": f"a number{_bounds(words)}",
        "array": f"a list of {_items(words)}",
        "boolean": "True, False",
        "string": repr(words["pattern"].strip("^$")) if "pattern" in words else "a text",
        "null": "None",
    }
    return ", ".join(texts[kind] for kind in _types(words))


def _bounds(words: Mapping[str, Any]) -> str:
    texts = {
        "minimum": "of at least",
        "exclusiveMinimum": "above",
        "maximum": "of at most",
        "exclusiveMaximum": "below",
    }
    return "".join(f" {text} {words[word]}" for word, text in texts.items() if word in words)


def _items(words: Mapping[str, Any]) -> str:
    """The items of a list, in the plural."""
    items = words.get("items", {})
    kind = "whole numbers" if items.get("type") == "integer" else "numbers"
    return ("different " if words.get("uniqueItems") else "") + kind + _bounds(items)


def _plain(value: Any, words: Mapping[str, Any]) -> Any:
    """The value as the first of its types that accepts it; ValueError or TypeError where none does."""
    if "enum" in words:
        if value not in words["enum"]:
            raise ValueError
        return value
    for kind in _types(words):
        if _is_of[kind](value):
            return _convert[kind](value, words)
    raise ValueError


def _whole(value: Any, words: Mapping[str, Any]) -> int:
    if not (_within(value, words) and value <= _LARGEST):
        raise ValueError
    return int(value)


def _number(value: Any, words: Mapping[str, Any]) -> float:
    if not (_within(value, words) and math.isfinite(value)):
        raise ValueError
    return float(value)


def _within(value: Any, words: Mapping[str, Any]) -> bool:
    return (
        value >= words.get("minimum", -math.inf)
        and value <= words.get("maximum", math.inf)
        and value > words.get("exclusiveMinimum", -math.inf)
        and value < words.get("exclusiveMaximum", math.inf)
    )


def _list(value: Any, words: Mapping[str, Any]) -> list[Any]:
    if len(value) == 0 or (words.get("uniqueItems") and len(set(value)) < len(value)):
        raise ValueError
    return [_plain(item, words["items"]) for item in value]


def _text(value: Any, words: Mapping[str, Any]) -> str:
    if "pattern" in words and not re.search(words["pattern"], str(value)):
        raise ValueError
    return str(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


_is_of: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, numbers.Integral) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, numbers.Real) and not isinstance(value, bool),
    "array": _is_list,
    # Not only text: a torch.device is the name of a device, too.
    "string": lambda value: value is not None,
}
_convert: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "null": lambda value, words: None,
    "boolean": lambda value, words: value,
    "integer": _whole,
    "number": _number,
    "array": _list,
    "string": _text,
}


def _signature(function: Any, fields: Sequence[dataclasses.Field]) -> inspect.Signature:
    own = inspect.signature(function)
    kept = list(own.parameters.values())
    last = [kept.pop()] if kept and kept[-1].kind is inspect.Parameter.VAR_KEYWORD else []
    added = [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for field in fields
    ]
    return own.replace(parameters=[*kept, *added, *(item for item in last if item.name != "parameters")])


def _entry(field: dataclasses.Field) -> str:
    unset = field.metadata[_UNSET]
    text = field.metadata["description"] + (f" None: {unset}." if unset else "")
    return f"{field.name}\n{textwrap.indent(textwrap.fill(text, 110), '    ')}"


def _as_text(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(map(_as_text, default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def _metavar(words: Mapping[str, Any]) -> str:
    kinds = _types(words)
    return {"integer": "N", "number": "X", "array": "X,X,..."}.get(kinds[0], "NAME")


def _reader(words: Mapping[str, Any]) -> Callable[[str], Any]:
    """What turns the text of an option into a value; whether it is allowed is left to :func:`checked`."""
    kinds = _types(words)
    if "array" not in kinds:
        simple: dict[str, Callable[[str], Any]] = {"integer": int, "number": float, "boolean": _truth}
        return simple.get(kinds[0], str)
    item = int if words["items"]["type"] == "integer" else float

    def read(text: str) -> Any:
        if "pattern" in words and re.search(words["pattern"], text):
            return text
        try:
            values = [item(part) for part in text.split(",")]
        except ValueError:
            message = f"{text!r} is neither a number nor a comma-separated list of numbers"
            raise argparse.ArgumentTypeError(message) from None
        return values[0] if len(values) == 1 and "number" in kinds else values

    return read


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"
