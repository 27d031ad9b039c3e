"""Marks by folder, and an order in which several processes finish together."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
# Folders whose tests all have the mark of the same name. They take longest, so they start first.
MARKED = ("workflow", "golden")
# Tests with one of these fixtures run methods in processes of their own, or compile the code that scib calls.
SLOW_FIXTURES = {"methods_package", "scib"}


def pytest_collection_modifyitems(items):
    """Mark tests by folder and fixture; whole files keep together, those of long tests come first."""
    for item in items:
        folder = item.path.relative_to(FOLDER).parts[0] if item.path.is_relative_to(FOLDER) else ""
        if folder in MARKED:
            item.add_marker(getattr(pytest.mark, folder))
        if SLOW_FIXTURES.intersection(item.fixturenames):
            item.add_marker(pytest.mark.slow)
    last = len(MARKED)
    items.sort(key=lambda item: next((i for i, name in enumerate(MARKED) if item.get_closest_marker(name)), last))
