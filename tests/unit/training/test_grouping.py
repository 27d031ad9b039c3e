"""Rows of several data sets in one array, split and restored."""

import numpy as np
import pytest

from portal_lib.errors import DataError
from portal_lib.training.grouping import group_rows, release_pages, rows_of_groups, ungroup_rows

CODES = {
    "one after the other": np.repeat([0, 1, 2], [3, 1, 4]),
    "in another order": np.repeat([2, 0, 1], [3, 1, 4]),
    "interleaved": np.array([0, 1, 0, 2, 2, 1, 0, 0]),
    "one is empty": np.array([0, 2, 0, 2, 2, 2, 0, 0]),
}


def mapped(tmp_path, values):
    values.tofile(tmp_path / "x")
    return np.memmap(tmp_path / "x", values.dtype, "r", shape=values.shape)


@pytest.mark.parametrize("large", [0, 10**9])
@pytest.mark.parametrize("codes", CODES.values(), ids=CODES)
def test_grouped_rows_are_restored(tmp_path, codes, large):
    x = mapped(tmp_path, np.random.default_rng(0).normal(size=(len(codes), 3)).astype(np.float32))
    groups = rows_of_groups(codes, 3)
    parts = group_rows(x[:, :2], groups, large)
    for code, part in enumerate(parts):
        np.testing.assert_array_equal(part, x[codes == code, :2])
    grouped = np.concatenate(parts)
    ungroup_rows(grouped, groups)
    np.testing.assert_array_equal(grouped, x[:, :2])


def test_consecutive_rows_are_views():
    x = np.zeros((8, 3))
    for codes in (CODES["one after the other"], CODES["in another order"]):
        assert all(part.base is x for part in group_rows(x, rows_of_groups(codes, 3), 0))


def test_many_rows_are_grouped_in_a_temporary_file(monkeypatch):
    monkeypatch.setattr("portal_lib.training.grouping.CHUNK", 7)
    x = np.random.default_rng(0).normal(size=(100, 3))
    codes = np.random.default_rng(1).integers(4, size=100)
    parts = group_rows(x, rows_of_groups(codes, 4), 0)
    for code, part in enumerate(parts):
        np.testing.assert_array_equal(part, x[codes == code])
        assert not part.flags.writeable


def test_released_pages_are_read_again(tmp_path):
    values = np.arange(20_000.0).reshape(-1, 2)
    x = mapped(tmp_path, values)
    assert x.sum() == values.sum()
    release_pages(x[5:, :1])
    np.testing.assert_array_equal(x, values)


def test_changes_of_a_private_map_are_kept(tmp_path):
    mapped(tmp_path, np.zeros((1000, 2)))
    x = np.memmap(tmp_path / "x", np.float64, "c", shape=(1000, 2))
    x[:] = 3
    release_pages(x)
    release_pages(x[:, :1])
    release_pages(np.zeros(3))
    assert (x == 3).all()


def test_a_full_disk_for_the_temporary_file_is_one_error(monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("portal_lib.training.grouping._write_groups", full)
    x, codes = np.zeros((10, 3), np.float32), np.resize([0, 1], 10)
    with pytest.raises(DataError, match=r"cannot write a temporary file of .* MB .*\(No space left on device\)"):
        group_rows(x, rows_of_groups(codes, 2), large=1)
