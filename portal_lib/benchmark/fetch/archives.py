"""Unpacks archives from the network; no member can be written outside the target folder."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path

from portal_lib._files import replacing_folder
from portal_lib.benchmark.fetch.download import describe_os_error
from portal_lib.errors import FetchError

BLOCK = 1 << 20


def extract(archive, folder):
    """Unpack a zip or tar archive (plain, gzip, bzip2 or xz).

    Parameters
    ----------
    archive
        Path of the archive; the format is recognised by its content.
    folder
        Folder for the members. It appears complete or not at all; an existing one is
        replaced.

    Returns
    -------
    Path of the folder.

    Raises
    ------
    FetchError
        A member would land outside the folder, is a link that may lead out, or is a device; the file is not an
        archive, is damaged or needs a password; the disk is full. Nothing is left behind.
    """
    archive, folder = Path(archive), Path(folder)
    if not archive.is_file():
        raise FetchError(f"{archive}: no such file")
    with replacing_folder(folder) as new:
        try:
            _unpack(archive, new)
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise FetchError(f"{archive}: damaged or not readable as an archive: {error}") from error
        except OSError as error:
            raise FetchError(f"{archive}: {describe_os_error(error, folder)}") from error
    return folder


def _unpack(archive, folder):
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                _check_zip_member(archive, info)
            _check_space(archive, folder, sum(info.file_size for info in zipped.infolist()))
            zipped.extractall(folder)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as file:
            for member in file.getmembers():
                _check_tar_member(archive, member)
            # The checksum of a compressed stream follows the last member; tarfile does not read that far.
            while file.fileobj.read(BLOCK):
                pass
            _check_space(archive, folder, sum(member.size for member in file.getmembers()))
            # A second check of the same kind, where the interpreter has it; also removes owners and unusual modes.
            file.extraction_filter = getattr(tarfile, "data_filter", None)
            file.extractall(folder)
    else:
        raise FetchError(f"{archive}: neither a zip nor a tar archive")


def _check_zip_member(archive, member):
    """Refuse paths that leave the folder, and links, which zip stores as files that contain a path."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    # `filename` is already tidied for this system; what the archive says is `orig_filename`.
    if _climbs(member.orig_filename) or _climbs(member.filename):
        _refuse(archive, member.filename, "would land outside the folder")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        _refuse(archive, member.filename, "is a link or a device")


def _check_tar_member(archive, member):
    """Refuse paths that leave the folder, links that may, and special files."""
    if _climbs(member.name):
        _refuse(archive, member.name, "would land outside the folder")
    if (member.issym() or member.islnk()) and _climbs(member.linkname):
        _refuse(archive, member.name, f"is a link that may lead out, to '{member.linkname}'")
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        _refuse(archive, member.name, "is a device or another special file")


def _climbs(name):
    """Whether a path is absolute, on any system, or goes up anywhere."""
    name = name.replace("\\", "/")
    return name.startswith("/") or name[1:2] == ":" or ".." in name.split("/")


def _refuse(archive, member, reason):
    raise FetchError(f"{archive}: refused, its member '{member}' {reason}")


def _check_space(archive, folder, size):
    free = shutil.disk_usage(folder).free
    if size > free:
        raise FetchError(f"{archive}: {size} bytes to unpack, but only {free} are free in {folder.parent.parent}")
