"""Fixtures of the benchmark: a server, and a copy of the package with test methods."""

import pytest


@pytest.fixture
def server():
    """A misbehaving HTTP server, see httpserver.py."""
    from httpserver import Server

    with Server() as running:
        yield running


@pytest.fixture(scope="session")
def methods_package(tmp_path_factory):
    """A copy of the package with test methods added, see package_copy.py."""
    import package_copy

    return package_copy.build(tmp_path_factory.mktemp("package"))
