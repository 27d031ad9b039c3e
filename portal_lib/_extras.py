"""Packages that only an extra installs."""

from collections.abc import Iterator
from contextlib import contextmanager

from portal_lib.errors import ConfigError


@contextmanager
def packages_of(extras: str, needed: str, hint: str = "") -> Iterator[None]:
    """Say what to install where a package of an extra is missing.

    Parameters
    ----------
    extras
        As pip has them in brackets: ``"preparation,metrics"``.
    needed
        What needs the package, the middle of the message: ``"scores need it"``.
    hint
        A further sentence.

    Raises
    ------
    ConfigError
        A package cannot be imported.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        install = f"pip install 'portal-lib[{extras}]'. {hint}".rstrip()
        raise ConfigError(f"the package '{package}' is not installed; {needed}: {install}") from error
