import pytest
from made_data import made_counts, made_domains


@pytest.fixture
def counts():
    return made_counts()


@pytest.fixture
def domains():
    return made_domains()
