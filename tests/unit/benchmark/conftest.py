import pytest


@pytest.fixture
def server():
    """A misbehaving HTTP server, see httpserver.py."""
    from httpserver import Server

    with Server() as running:
        yield running
