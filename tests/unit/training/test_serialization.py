"""Saved folders of plain values and tensors; the models' own tests cover their content."""

import os

import pytest
import torch

from portal_lib.errors import ConfigError, DataError
from portal_lib.training.serialization import check_target, load_folder, save_folder, versions

PLAIN = {"name": "ä", "numbers": [1, 2.5, None, 1e-300], "nested": {"a": [True]}}
TENSORS = {"list": [{"w": torch.arange(6.0, dtype=torch.float64).reshape(2, 3)}], "half": torch.ones(3).bfloat16()}


def save(folder, number=1, **options):
    save_folder(folder, "Thing", 3, PLAIN | {"number": number}, TENSORS, **options)


def test_a_saved_folder_is_loaded_unchanged(tmp_path):
    save(tmp_path / "a" / "thing")
    description, tensors = load_folder(tmp_path / "a" / "thing", "Thing", 3)
    assert description == {"kind": "Thing", "format": 3, "versions": versions(), "number": 1, **PLAIN}
    assert torch.equal(tensors["list"][0]["w"], TENSORS["list"][0]["w"])
    assert tensors["list"][0]["w"].dtype is torch.float64
    assert tensors["half"].dtype is torch.bfloat16


def test_a_relative_name_is_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("thing")
    assert load_folder("thing", "Thing", 3)[0]["number"] == 1


def test_the_old_or_the_new_folder_is_complete_at_any_moment(tmp_path, monkeypatch):
    """If the process is killed between the two renames, the old folder is complete in a hidden one."""
    save(tmp_path / "thing", 1)
    real, seen = os.rename, []

    def watched(source, target):
        real(source, target)
        whole = [path.parent for path in tmp_path.rglob("tensors.pt")]
        seen.append(sorted(load_folder(path, "Thing", 3)[0]["number"] for path in whole))

    monkeypatch.setattr(os, "rename", watched)
    save(tmp_path / "thing", 2, overwrite=True)
    assert seen == [[1, 2], [1, 2]]


def test_another_kind_is_neither_read_nor_replaced(tmp_path):
    save(tmp_path / "thing")
    with pytest.raises(DataError, match=r"thing: contains no Chair.$"):
        load_folder(tmp_path / "thing", "Chair", 3)
    with pytest.raises(DataError, match=r"thing: contains no Chair. It is not overwritten.$"):
        save_folder(tmp_path / "thing", "Chair", 3, {}, {}, overwrite=True)
    with pytest.raises(ConfigError, match="exists already"):
        check_target(tmp_path / "thing", "Thing", overwrite=False)
    check_target(tmp_path / "thing", "Thing", overwrite=True)
    check_target(tmp_path / "nothing", "Thing", overwrite=False)


def test_another_version_of_the_format_is_replaced_but_not_read(tmp_path):
    save(tmp_path / "thing")
    with pytest.raises(DataError, match=r"thing: is of format 3; this version of portal_lib reads 4.$"):
        load_folder(tmp_path / "thing", "Thing", 4)
    save_folder(tmp_path / "thing", "Thing", 4, {}, {}, overwrite=True)
    description, tensors = load_folder(tmp_path / "thing", "Thing", 4)
    assert (description["kind"], description["format"], tensors) == ("Thing", 4, {})
