"""Folders of real data: next to the checkout, or as set by PORTAL_TEST_DATA and PORTAL_MIRROR."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("PORTAL_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
MIRROR = Path(os.environ.get("PORTAL_MIRROR") or FOLDER / "mirror")


def real_file(*parts):
    """A file of the real data; without it the test is skipped with the reason."""
    path = FOLDER.joinpath(*parts)
    if not path.is_file():
        pytest.skip(f"no real data at {path}; set PORTAL_TEST_DATA to their folder")
    return path


def mirror():
    """The folder with copies of public files; without it the test is skipped with the reason."""
    if not MIRROR.is_dir():
        pytest.skip(f"no mirror at {MIRROR}; set PORTAL_MIRROR")
    return MIRROR
