"""Parameters are defined once, in a dataclass; signature, documentation, checks, options and facts follow from it."""

import argparse
import inspect
import subprocess
import sys
from dataclasses import dataclass

import pytest

from portal_lib._parameters import add_options, checked, documented, parameter, schema_of
from portal_lib.errors import ConfigError


@dataclass(frozen=True)
class Made:
    """One of each kind."""

    rate: float = parameter(0.5, "number", "Learning rate.", exclusiveMinimum=0, maximum=1)
    steps: int | None = parameter(None, ["integer", "null"], "Steps.", unset="as many as 100% need", minimum=1)
    units: tuple[int, ...] = parameter(
        (3, 2), "array", "Units.", items={"type": "integer", "minimum": 1}, metavar="N,N"
    )
    shown: bool = parameter(False, "boolean", "Whether to show.")
    kind: str = parameter("a", "string", "Kind.", enum=["a", "b"])


def test_facts_contain_default_schema_keywords_and_description():
    facts = schema_of(Made, ["units", "steps"])
    assert list(facts) == ["units", "steps"]
    assert facts["units"] == {
        "default": [3, 2], "type": "array", "items": {"type": "integer", "minimum": 1}, "description": "Units.",
    }  # fmt: skip
    assert facts["steps"]["description"] == "Steps. Null: as many as 100% need."


def test_checked_values_are_plain():
    assert checked(Made, {"units": (4,), "rate": 1, "steps": None, "shown": True, "kind": "b"}) == {
        "units": [4], "rate": 1.0, "steps": None, "shown": True, "kind": "b",
    }  # fmt: skip


def test_each_problem_says_what_is_allowed():
    with pytest.raises(ConfigError) as caught:
        checked(Made, {"rate": 0, "steps": 0, "units": [0], "shown": 1, "kind": "c"}, "Made", ["More."])
    assert str(caught.value).splitlines() == [
        "Made has 6 problems",
        "  rate is 0; allowed: a number above 0 of at most 1.",
        "  steps is 0; allowed: a whole number of at least 1, None.",
        "  units is [0]; allowed: a list of whole numbers of at least 1.",
        "  shown is 1; allowed: True, False.",
        "  kind is 'c'; allowed: 'a', 'b'.",
        "  More.",
    ]


def test_signature_and_docstring_show_every_parameter():
    @documented(Made, ["rate", "steps"])
    def replaced(x, *, key="k", **parameters):
        """Do it.

        Parameters
        ----------
        key
            Where.
        {parameters}
        """

    @documented(Made, ["rate"])
    def kept(x, **weights):
        """Do it."""

    assert str(inspect.signature(kept)) == "(x, *, rate: float = 0.5, **weights)"
    shown = inspect.signature(replaced).parameters
    assert list(shown) == ["x", "key", "rate", "steps"]
    assert shown["rate"].default == 0.5
    assert (
        "rate\n    Learning rate.\nsteps\n    Steps. None: as many as 100% need.\n" in f"{inspect.getdoc(replaced)}\n"
    )


def test_options_of_the_command_line(capsys):
    parser = argparse.ArgumentParser()
    add_options(parser, Made)
    assert vars(parser.parse_args([])) == {}
    given = parser.parse_args(["--rate", "0.1", "--steps", "3", "--units", "4,5", "--shown", "true", "--kind", "b"])
    assert vars(given) == {"rate": 0.1, "steps": 3, "units": [4, 5], "shown": True, "kind": "b"}
    assert "--units N,N Units. (default: 3,2)" in " ".join(parser.format_help().split())
    assert "Steps. (default: as many as 100% need)" in " ".join(parser.format_help().split())
    with pytest.raises(SystemExit):
        parser.parse_args(["--units", "x"])
    assert "'x' is neither a number nor a comma-separated list of numbers" in capsys.readouterr().err


def test_definitions_import_nothing_heavy():
    code = "import sys, portal_lib.portal.parameters; print(sorted({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
