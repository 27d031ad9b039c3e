"""Errors that a user can cause or must act on: one class per kind, one base class.

A script or command line prints these as one message without a traceback; every other exception keeps its traceback.
"""


class PortalLibError(Exception):
    """Base of every error that is a message to the user."""


class ConfigError(PortalLibError):
    """The configuration is wrong; the message lists all problems at once."""


class DataError(PortalLibError):
    """Input data cannot be used as they are."""


class FetchError(PortalLibError):
    """A file could not be had, or is not the file it should be."""


class ShapeError(PortalLibError):
    """An array has another shape than its contract says. Cells are rows."""


class DivergedError(PortalLibError):
    """A loss is no longer finite."""


class DeviceMemoryError(PortalLibError):
    """The memory of a GPU is not enough."""


class NotApplicable(PortalLibError):
    """A method or metric does not fit these data; the message is the reason that tables print."""
