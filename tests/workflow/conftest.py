"""Fixtures: a copy of the house of one's own, or one for all tests of a file."""

import pytest
from house import build


@pytest.fixture
def house(tmp_path):
    return build(tmp_path)


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory):
    return build(tmp_path_factory.mktemp("house"))
