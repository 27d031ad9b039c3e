import io
import shutil
import stat
import tarfile
import zipfile

import pytest

from portal_lib.benchmark.fetch.archives import extract
from portal_lib.errors import FetchError

FILES = {"a.txt": b"one", "folder/b.txt": b"two" * 1000}


def make_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in members.items():
            file.writestr(name, body)
    return path


def make_tar(path, members, mode="w:gz"):
    """`members` maps names to bytes or to TarInfo objects, which are stored as they are."""
    with tarfile.open(path, mode) as file:
        for name, body in members.items():
            if isinstance(body, tarfile.TarInfo):
                file.addfile(body)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(body)
            file.addfile(member, io.BytesIO(body))
    return path


def special(name, kind, linkname=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, linkname
    return {name: member}


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def left(folder, archive):
    """What is in the folder of an archive."""
    return sorted(path.name for path in folder.iterdir() if path != archive)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_is_unpacked(tmp_path, mode):
    archive = make_tar(tmp_path / "x.tar", FILES, mode)
    assert contents(extract(archive, tmp_path / "out" / "x")) == FILES
    assert left(tmp_path / "out", archive) == ["x"]


def test_zip_is_unpacked(tmp_path):
    archive = make_zip(tmp_path / "x.zip", FILES)
    assert contents(extract(archive, tmp_path / "x")) == FILES
    assert left(tmp_path, archive) == ["x"]


def test_a_folder_that_is_there_is_replaced(tmp_path):
    archive = make_zip(tmp_path / "x.zip", FILES)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "old").touch()
    assert contents(extract(archive, tmp_path / "x")) == FILES
    assert left(tmp_path, archive) == ["x"]


def test_links_that_stay_inside_are_kept(tmp_path):
    members = FILES | special("soft", tarfile.SYMTYPE, "folder/b.txt") | special("hard", tarfile.LNKTYPE, "a.txt")
    folder = extract(make_tar(tmp_path / "x.tar.gz", members), tmp_path / "x")
    assert (folder / "soft").read_bytes() == FILES["folder/b.txt"]
    assert (folder / "hard").read_bytes() == FILES["a.txt"]


CLIMBING = ["../out.txt", "folder/../../out.txt", "/tmp/out.txt", "C:/out.txt", "..\\out.txt", "\\\\host\\out.txt"]


@pytest.mark.parametrize("name", CLIMBING)
@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_members_that_climb_out_are_refused_before_anything_is_written(tmp_path, make, name):
    archive = make(tmp_path / "x", FILES | {name: b"evil"})
    with pytest.raises(FetchError, match=r"refused, its member .*out\.txt' would land outside the folder"):
        extract(archive, tmp_path / "out")
    assert left(tmp_path, archive) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("link", ["../../secret", "/etc/passwd", "folder/../../x"])
def test_tar_links_that_may_lead_out_are_refused(tmp_path, kind, link):
    archive = make_tar(tmp_path / "x.tar", FILES | special("link", kind, link))
    with pytest.raises(FetchError, match="its member 'link' is a link that may lead out"):
        extract(archive, tmp_path / "out")
    assert left(tmp_path, archive) == []


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_refused(tmp_path, kind):
    archive = make_tar(tmp_path / "x.tar", FILES | special("device", kind))
    with pytest.raises(FetchError, match="its member 'device' is a device"):
        extract(archive, tmp_path / "out")


def test_links_in_zip_are_refused(tmp_path):
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as file:
        member = zipfile.ZipInfo("link")
        member.create_system = 3
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(member, "/etc/passwd")
    with pytest.raises(FetchError, match="its member 'link' is a link"):
        extract(archive, tmp_path / "out")


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_a_damaged_archive_leaves_nothing(tmp_path, make):
    archive = make(tmp_path / "x", {"noise": bytes(i * i % 251 for i in range(50_000))})
    body = bytearray(archive.read_bytes())
    middle = len(body) // 2
    body[middle : middle + 20] = bytes(20)
    archive.write_bytes(body)
    with pytest.raises(FetchError, match="damaged"):
        extract(archive, tmp_path / "out")
    assert left(tmp_path, archive) == []


def test_an_archive_that_is_cut_off_is_damaged(tmp_path):
    archive = make_tar(tmp_path / "x.tar.gz", {"noise": bytes(i * i % 251 for i in range(50_000))})
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(FetchError, match="damaged"):
        extract(archive, tmp_path / "out")


def test_a_file_that_is_not_an_archive_is_refused(tmp_path):
    archive = tmp_path / "x.zip"
    archive.write_text("<html>")
    with pytest.raises(FetchError, match="neither a zip nor a tar archive"):
        extract(archive, tmp_path / "out")


def test_an_archive_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FetchError, match="no such file"):
        extract(tmp_path / "x.zip", tmp_path / "out")


def test_an_archive_that_will_not_fit_is_not_unpacked(tmp_path, monkeypatch):
    archive = make_zip(tmp_path / "x.zip", FILES)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 5, 5))
    with pytest.raises(FetchError, match="3003 bytes to unpack, but only 5 are free"):
        extract(archive, tmp_path / "out")
    assert left(tmp_path, archive) == []
