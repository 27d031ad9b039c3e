"""Checks values against a JSON schema and says what is wrong in one line per problem.

``jsonschema`` finds the errors; this module words them: place, what was found, what is allowed, and a hint.
"""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from portal_lib._text import suggest_or_list

SCHEMA_FILE = Path(__file__).with_name("schema.yaml")
TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a map",
    "boolean": "true or false",
    "null": "null",
}


def _is_integer(checker, value: object) -> bool:
    """JSON schema accepts 1.0 as a whole number, which would become a folder ``seed1.0``."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker, value: object) -> bool:
    """YAML has ``.nan`` and ``.inf``, to which no bounds apply."""
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


CHECKER = Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number})
Validator = extend(Draft202012Validator, type_checker=CHECKER)


def read_schema() -> dict:
    """The schema of the configuration."""
    return yaml.safe_load(SCHEMA_FILE.read_text(encoding="utf-8"))


def problems(value: object, schema: dict, at: str = "") -> list[str]:
    """All problems of `value`, one line each, sorted by place.

    Parameters
    ----------
    value
        Anything read from YAML.
    schema
        JSON schema, draft 2020-12.
    at
        Place of `value` in what the user wrote, as ``methods[1].params``.
    """
    errors = sorted(Validator(schema).iter_errors(value), key=_order)
    return [line for error in errors for line in _lines(error, at)]


def _order(error: ValidationError) -> list[tuple[int, str]]:
    """Numbers as numbers, so that the tenth entry comes after the ninth."""
    return [(part, "") if isinstance(part, int) else (-1, str(part)) for part in error.absolute_path]


def fill_defaults(value: Any, schema: dict) -> Any:
    """A copy of `value` in which every missing key of every closed map has its default."""
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    filled = dict(value)
    for key, sub in schema["properties"].items():
        if key not in filled and "default" in sub:
            filled[key] = sub["default"]
        if key in filled:
            filled[key] = fill_defaults(filled[key], sub)
    return filled


def with_numbers(value: Any, schema: dict) -> Any:
    """A copy of `value` with numbers, true, false and null in place of texts that mean one, where no text is allowed.

    ``snakemake --config 'preparation={n_pcs: 5}'`` reads the values of maps and lists as text.
    """
    if isinstance(value, dict):
        properties = _branch(schema, "object").get("properties", {})
        return {key: with_numbers(item, properties.get(key, {})) for key, item in value.items()}
    if isinstance(value, list):
        items = _branch(schema, "array").get("items", {})
        return [with_numbers(item, items) for item in value]
    types = _types(schema)
    if not isinstance(value, str):
        return value
    if "null" in types and value in ("null", "~"):
        return None
    if "string" in types and not any(problems(value, form) for form in _forms(schema)):
        return value
    return next((made for kind in types if (made := _meant(value, kind)) is not None), value)


def _types(schema: dict) -> list[str]:
    """All types that a schema allows."""
    given = schema.get("type", [])
    own = [given] if isinstance(given, str) else list(given)
    return own + [name for branch in schema.get("anyOf", []) for name in _types(branch)]


def _forms(schema: dict) -> list[dict]:
    """What a schema says about the form of a text: its pattern, its words."""
    parts = [schema, *schema.get("anyOf", [])]
    return [{key: part[key]} for part in parts for key in ("pattern", "enum") if key in part]


def _branch(schema: dict, kind: str) -> dict:
    """The schema, or the one of its alternatives that describes a value of this type."""
    return next((branch for branch in schema.get("anyOf", []) if kind in _types(branch)), schema)


def _meant(text: str, kind: str) -> Any:
    """The number or truth value of a type that a text means; None if it means none."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower())
    if kind == "integer" and re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    return None


def repeated_keys(file: str | Path) -> list[str]:
    """Keys that a YAML or JSON file gives twice in one map, one line each."""
    name = str(file)
    try:
        root = yaml.compose(Path(file).read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        # Snakemake has read the file, or says why it cannot.
        return []
    return [
        f"{name}, line {second}: {at} is given twice, first in line {first}" for at, first, second in _twice(root, "")
    ]


def _twice(node: Any, at: str) -> Iterator[tuple[str, int, int]]:
    """Place of every repeated key, and the lines of its first and of its other occurrence."""
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _twice(item, f"{at}[{number}]")
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            here = f"{at}.{name}" if at else name
            # The merge key of YAML.
            if name in lines and name != "<<":
                yield f"'{here}'", lines[name], line
            lines.setdefault(name, line)
            yield from _twice(value, here)


def place(at: str, path) -> str:
    """``datasets[0].batch``, or ``top level``."""
    for part in path:
        at += f"[{part}]" if isinstance(part, int) else (f".{part}" if at else str(part))
    return at or "top level"


def _lines(error: ValidationError, at: str) -> Iterator[str]:
    where = place(at, error.absolute_path)
    if error.validator == "anyOf":
        yield from _fitting_branch(error, at, where)
    else:
        words = WORDS.get(error.validator)
        yield from (f"{where}: {text}" for text in (words(error) if words else [error.message]))


def _fitting_branch(error: ValidationError, at: str, where: str) -> Iterator[str]:
    """Problems under the alternative whose type the value has."""
    branches = list(enumerate(error.validator_value))
    for i, branch in branches:
        if CHECKER.is_type(error.instance, branch["type"]):
            for sub in sorted(error.context, key=_order):
                if sub.schema_path[0] == i:
                    yield from _lines(sub, at)
            return
    allowed = " or ".join(TYPES[branch["type"]] for _, branch in branches)
    yield f"{where}: {_show(error.instance)} is not {allowed}"


def _unknown_keys(error: ValidationError) -> list[str]:
    known = error.schema.get("properties", {})
    return [f"unknown key '{key}'{suggest_or_list(key, known)}" for key in error.instance if key not in known]


def _wrong_type(error: ValidationError) -> list[str]:
    allowed = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    hint = "; YAML reads it as text, write 0.001 or 1.0e-3" if _is_bare_exponent(error.instance) else ""
    if allowed == ["string"] and not isinstance(error.instance, list | dict):
        # YAML reads 001, yes and null as values of other types.
        hint = "; write it in quotes"
    return [f"{_show(error.instance)} is not {' or '.join(TYPES[name] for name in allowed)}{hint}"]


def _is_bare_exponent(value: object) -> bool:
    """Whether a text is a number such as 1e-3, which YAML 1.1 takes for text."""
    return isinstance(value, str) and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", value) is not None


def _missing(error: ValidationError) -> list[str]:
    key = next(key for key in error.validator_value if key not in error.instance and f"'{key}'" in error.message)
    return [f"'{key}' is missing"]


def _depends(error: ValidationError) -> list[str]:
    return [
        f"'{key}' needs '{other}' as well"
        for key, others in error.validator_value.items()
        for other in others
        if error.message == f"{other!r} is a dependency of {key!r}"
    ]


WORDS = {
    "additionalProperties": _unknown_keys,
    "type": _wrong_type,
    "required": _missing,
    "dependentRequired": _depends,
    "const": lambda e: [f"{_show(e.instance)} is not allowed; expected {_show(e.validator_value)}"],
    "enum": lambda e: [f"{_show(e.instance)} is not allowed{suggest_or_list(e.instance, e.validator_value)}"],
    "minimum": lambda e: [f"{e.instance} is less than the minimum of {e.validator_value}"],
    "maximum": lambda e: [f"{e.instance} is greater than the maximum of {e.validator_value}"],
    "exclusiveMinimum": lambda e: [f"{e.instance} is not greater than {e.validator_value}"],
    "exclusiveMaximum": lambda e: [f"{e.instance} is not less than {e.validator_value}"],
    "minItems": lambda e: ["the list is empty; name at least one"],
    "uniqueItems": lambda e: [f"{_show(e.instance)} has the same item twice"],
    "pattern": lambda e: [f"{_show(e.instance)} does not match {e.validator_value}"],
}


def _show(value: object) -> str:
    return repr(value) if isinstance(value, str) else json.dumps(value, default=str)
