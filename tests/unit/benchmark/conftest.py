import pytest


@pytest.fixture
def server():
    """A misbehaving HTTP server, see httpserver.py."""
    from httpserver import Server

    with Server() as running:
        yield running


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A copy of the package with test methods dropped in, see lab.py."""
    import lab as laboratory

    return laboratory.build(tmp_path_factory.mktemp("lab"))
