import pytest
import report_tables


@pytest.fixture
def summary():
    return report_tables.make_summary()


@pytest.fixture
def resources():
    return report_tables.make_resources()
