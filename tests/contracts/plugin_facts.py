"""Plug-ins by task, for the tests of each kind."""

from portal_lib.benchmark import facts


def task_of(kind, stated):
    """The task of a plug-in, given by its facts; the first of a method with several."""
    return facts.tasks_of(kind, stated)[0]


def of_task(kind, found, task):
    """The plug-ins of a task, by name."""
    return {name: stated for name, stated in found.items() if task in facts.tasks_of(kind, stated)}
