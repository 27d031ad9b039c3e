"""Where real data lie: beside the checkout, or where PORTAL_TEST_DATA and PORTAL_MIRROR say."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("PORTAL_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
MIRROR = Path(os.environ.get("PORTAL_MIRROR") or FOLDER / "mirror")


def real_file(*parts):
    """A file of the real data; without it the test is skipped and says so."""
    path = FOLDER.joinpath(*parts)
    if not path.is_file():
        pytest.skip(f"no real data at {path}; PORTAL_TEST_DATA names their folder")
    return path


def mirror():
    """The folder with copies of public files; without it the test is skipped and says so."""
    if not MIRROR.is_dir():
        pytest.skip(f"no mirror at {MIRROR}; PORTAL_MIRROR names one")
    return MIRROR
