"""config/README.md agrees with the schema and the registry, and its examples are valid."""

import re

import pytest
import yaml

from portal_lib.benchmark import registry
from portal_lib.benchmark.config.config_docs import reference
from portal_lib.benchmark.config.schema import problems, read_schema

ROOT = registry.PACKAGE.parent


def test_the_page_is_what_the_schema_and_the_registry_say():
    """Of the plug-ins that it describes; a new one joins it by ``make docs``."""
    page = (ROOT / "config" / "README.md").read_text()
    names = re.findall(r"^(?:### |\| )`(\w+)`", page, re.M)
    assert page == reference(names), "out of date: run make docs"


def test_every_key_and_every_parameter_is_on_the_page():
    page = reference()
    for key in read_schema()["properties"]:
        assert f"| `{key}` |" in page
    for kind in ("datasets", "methods"):
        for name, facts in registry.find(kind).items():
            # What reads given embeddings is not named by users.
            assert (f"### `{name}`" in page) != facts.get("given", False)
            for parameter in facts["params"] if not facts.get("given") else ():
                assert f"| `{parameter}` |" in page


@pytest.mark.parametrize("page", ["README.md", "config/README.md"])
def test_examples_in_the_pages_are_valid_configurations(page):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.S)
    assert blocks
    for block in blocks:
        assert problems(yaml.safe_load(block), read_schema()) == []


def test_every_path_that_the_pages_link_to_exists():
    for page in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / page).read_text()):
            assert (ROOT / target).exists(), (page, target)
