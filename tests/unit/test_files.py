"""A reader never sees half a file."""

import os
import stat

import pandas as pd
import pytest

from portal_lib._files import replacing, replacing_folder, write_table, write_text_atomic
from portal_lib.errors import DataError


def test_the_file_appears_whole_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "thing.npz"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".npz"
        assert temporary.name.startswith(".thing.npz.")
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "thing"
    path.write_text("old")

    def write_half():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_text_atomic(tmp_path / "thing", "x")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "thing").stat().st_mode) == mode


def test_text_is_utf8(tmp_path):
    write_text_atomic(tmp_path / "thing", "10⁴ · ß")
    assert (tmp_path / "thing").read_bytes() == "10⁴ · ß".encode()


def test_tables_have_ten_digits_and_empty_fields_for_missing_values(tmp_path):
    table = pd.DataFrame({"metric": ["ari", "nmi"], "value": [1 / 3, float("nan")], "n": [3, 1]})
    write_table(table, tmp_path / "t.tsv")
    assert (tmp_path / "t.tsv").read_bytes() == b"metric\tvalue\tn\nari\t0.3333333333\t3\nnmi\t\t1\n"


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path):
    folder = tmp_path / "new" / "model"
    for text in ("first", "second"):
        with replacing_folder(folder) as temporary:
            (temporary / "weights").write_text(text)
            assert temporary != folder
        assert (folder / "weights").read_text() == text
        assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path, error):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "old").touch()

    def write_half():
        with replacing_folder(folder) as temporary:
            (temporary / "half").touch()
            raise error

    with pytest.raises(error):
        write_half()
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [folder]


def test_the_old_folder_comes_back_where_the_new_one_cannot_be_moved(tmp_path, monkeypatch):
    folder, rename = tmp_path / "model", os.rename
    folder.mkdir()
    (folder / "old").touch()

    def refuse_new(source, target):
        if source.name == "new":
            raise PermissionError(13, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse_new)
    with pytest.raises(DataError, match=r"model: cannot be written \(Permission denied\)"), replacing_folder(folder):
        pass
    assert [path.name for path in folder.iterdir()] == ["old"]


@pytest.mark.parametrize("write", [replacing, replacing_folder])
def test_an_error_of_the_operating_system_is_one_message(tmp_path, write):
    (tmp_path / "file").touch()
    reason = r"thing: cannot be written \(.+\)\. No partial file is left\."
    with pytest.raises(DataError, match=reason), write(tmp_path / "file" / "thing"):
        pass
