"""Errors that a user can cause or fix: one class per kind, one base class.

Scripts and the command line print them as one message without a traceback; other exceptions keep their traceback.
"""


class PortalLibError(Exception):
    """Base class of errors with a message to the user."""


class ConfigError(PortalLibError):
    """The configuration is wrong; the message lists all problems at once."""


class DataError(PortalLibError):
    """Input data cannot be used."""


class FetchError(PortalLibError):
    """A file could not be downloaded, or is not the expected file."""


class ShapeError(PortalLibError):
    """An array has the wrong shape. Cells are rows."""


class DivergedError(PortalLibError):
    """A loss is no longer finite."""


class DeviceMemoryError(PortalLibError):
    """A GPU is out of memory."""


class NotApplicable(PortalLibError):
    """A method or metric does not apply to the data; the message is the reason given in tables."""
