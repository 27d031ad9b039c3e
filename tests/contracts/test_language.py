"""Code and documents use the terms of the field; metaphors that earlier versions used do not come back."""

import re
import subprocess

import pytest

from portal_lib.benchmark import registry

ROOT = registry.PACKAGE.parent
KINDS = ("*.py", "*.smk", "Snakefile", "*.md", "*.yaml", "*.j2")
# Each with the plain word for it.
FORBIDDEN = {
    r"houses?": "project or package",
    r"rooms?": "package, space or memory",
    r"fronts?": "public API, or before",
    r"beside": "next to, compared with, or in addition to",
    r"want of": "lack of",
    r"(?:is|are|was|were|be|being) told": "is given",
    r"told (?:by|of)": "recognised by, given",
    r"as (?:it|they) (?:lie|stand|come)s?": "unchanged, as stored",
    r"lies?": "is, is stored",
    r"lying": "stored",
    r"what counts need": "how raw counts are prepared",
    r"by (?:it|them)sel(?:f|ves) alone": "alone",
    r"brings? along": "contains",
    r"half[- ]written": "incomplete",
    r"gives? back": "returns",
    r"none for the name of": "None for",
    r"nothing in that is not": "accept only",
}
PATTERN = re.compile(rf"\b(?:{'|'.join(FORBIDDEN)})\b", re.IGNORECASE)
# Phrases in which the words are idiomatic, and the old name of a group of metrics in CHANGELOG.md.
ALLOWED = re.compile(r"\b(?:(?:is|are|was|were|be|being) told apart|front[- ]ends?|in-house)\b|`beside`", re.IGNORECASE)
THIS = "tests/contracts/test_language.py"


def tracked():
    """Files of the repository that hold prose; all files of these kinds where there is no git."""
    try:
        words = ["git", "ls-files", *KINDS]
        names = subprocess.run(words, cwd=ROOT, capture_output=True, check=True, text=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        names = [str(path.relative_to(ROOT)) for kind in KINDS for path in ROOT.rglob(kind)]
    return sorted(name for name in names if name != THIS and (ROOT / name).is_file())


def found(text):
    """Forbidden words, with the numbers of their lines."""
    lines = enumerate(ALLOWED.sub("", text).splitlines(), 1)
    return [f"{number}: {hit.group()}" for number, line in lines for hit in PATTERN.finditer(line)]


@pytest.mark.parametrize("name", tracked())
def test_a_file_uses_the_terms_of_the_field(name):
    assert found((ROOT / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text", ["the data lie there", "Beside it", "a front", "it is told nothing", "for want of memory"]
)
def test_metaphors_are_found(text):
    assert found(text)


@pytest.mark.parametrize("text", ["methods that are told apart", "a front-end", "believes", "headroom", "outlier"])
def test_idiomatic_phrases_are_allowed(text):
    assert not found(text)
