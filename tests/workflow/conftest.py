"""Fixtures: a copy of the workflow for one test, or one for all tests of a file."""

import pytest
from workdir import build


@pytest.fixture
def workdir(tmp_path):
    return build(tmp_path)


@pytest.fixture(scope="module")
def shared_workdir(tmp_path_factory):
    return build(tmp_path_factory.mktemp("workdir"))
