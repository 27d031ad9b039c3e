"""Marks by folder, and an order in which several processes finish together."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
# Folders whose tests all have the mark of the same name. They take longest, so they start first.
MARKED = ("workflow", "golden")
# With this fixture each test runs a method in processes of its own, which adds up.
IN_PROCESSES = "methods_package"


def pytest_collection_modifyitems(items):
    """Mark tests by folder and fixture; whole files keep together, those of long tests come first."""
    for item in items:
        folder = item.path.relative_to(FOLDER).parts[0] if item.path.is_relative_to(FOLDER) else ""
        if folder in MARKED:
            item.add_marker(getattr(pytest.mark, folder))
        if IN_PROCESSES in item.fixturenames:
            item.add_marker(pytest.mark.slow)
    last = len(MARKED)
    items.sort(key=lambda item: next((i for i, name in enumerate(MARKED) if item.get_closest_marker(name)), last))
