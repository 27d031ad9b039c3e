"""A training that was interrupted ends in the same bytes as one that was not."""

import errno
import os

import numpy as np
import pytest
import torch

from portal_lib.errors import ConfigError, DataError, DeviceMemoryError
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.trainer import fit

SMALL = Portal(n_latent=3, hidden=16)


def train(domains, objective=SMALL, **settings):
    return fit(objective, *domains, **({"steps": 130, "batch_size": 20, "device": "cpu"} | settings))


def content(trained):
    return b"".join(p.numpy().tobytes() for p in trained.networks.state_dict().values())


class Killed(Exception):
    pass


def killed_at(step):
    """Portal that is interrupted in the middle of a step."""

    class Interrupted(Portal):
        def losses(self, player, networks, outputs, n):
            if n == step:
                raise Killed
            return super().losses(player, networks, outputs, n)

    return Interrupted(n_latent=3, hidden=16)


@pytest.mark.parametrize(
    "precision", ["float32", *(pytest.param(p, marks=pytest.mark.slow) for p in ("bfloat16", "float64"))]
)
@pytest.mark.parametrize("step", [3, 40, 79, 120])
def test_a_resumed_training_gives_the_same_bytes(domains, tmp_path, precision, step):
    file = tmp_path / "deep" / "portal.pt"
    settings = {"precision": precision, "seed": 2, "log_every": 7}
    with pytest.raises(Killed):
        train(domains, killed_at(step), checkpoint=file, checkpoint_every=40, **settings)
    assert file.exists() == (step >= 40)
    resumed = train(domains, checkpoint=file, checkpoint_every=40, **settings)
    whole = train(domains, **settings)
    assert content(resumed) == content(whole)
    assert resumed.history.equals(whole.history)


def test_checkpoints_change_nothing(domains, tmp_path):
    assert content(train(domains, checkpoint=tmp_path / "a.pt", checkpoint_every=9)) == content(train(domains))


def test_a_finished_training_is_loaded_and_can_be_extended(domains, tmp_path):
    file = tmp_path / "portal.pt"
    first = train(domains, steps=60, checkpoint=file)
    before = file.read_bytes()
    assert content(train(domains, killed_at(0), steps=60, checkpoint=file)) == content(first)
    assert file.read_bytes() == before
    assert content(train(domains, steps=90, checkpoint=file)) == content(train(domains, steps=90))
    with pytest.raises(ConfigError, match="has 90 steps, more than the requested 60"):
        train(domains, steps=60, checkpoint=file)


def test_given_batches_continue_after_a_resume(domains, tmp_path):
    rng = np.random.default_rng(5)
    rows = [tuple(torch.from_numpy(rng.integers(0, len(x), 20)) for x in domains) for _ in range(30)]
    train(domains, steps=11, batches=rows, checkpoint=tmp_path / "a.pt")
    resumed = train(domains, steps=30, batches=rows, checkpoint=tmp_path / "a.pt")
    assert content(resumed) == content(train(domains, steps=30, batches=rows))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed 0 there, 1 here"),
        ({"batch_size": 30}, "batch_size 20 there, 30 here"),
        ({"precision": "float64"}, "precision"),
        ({"objective": Portal(n_latent=4, hidden=16)}, "n_latent 3 there, 4 here"),
        ({"objective": Portal(n_latent=3, hidden=16, lambda_cos=7)}, "lambda_cos 20.0 there, 7.0 here"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(domains, tmp_path, change, message):
    file = tmp_path / "portal.pt"
    train(domains, steps=5, checkpoint=file, precision="float32")
    before = file.read_bytes()
    with pytest.raises(ConfigError, match=f"is the checkpoint of another training: .*{message}"):
        train(domains, steps=5, checkpoint=file, **({"precision": "float32"} | change))
    assert file.read_bytes() == before


def test_a_checkpoint_of_other_data_or_another_shape_is_refused(domains, tmp_path):
    file = tmp_path / "portal.pt"
    train(domains, steps=5, checkpoint=file)
    other = domains[0].copy()
    other[59, 7] += 1e-3
    with pytest.raises(ConfigError, match=r"domain_a \[60, 8, \d+\] there, \[60, 8, \d+\] here"):
        train((other, domains[1]), steps=5, checkpoint=file)
    with pytest.raises(ConfigError, match=r"domain_a \[60, 8, \d+\] there, \[60, 5, \d+\] here"):
        train([x[:, :5] for x in domains], steps=5, checkpoint=file)


@pytest.mark.parametrize(
    "damage", ["cut", "empty", "foreign", "pickle", "folder", "junk", "flipped", "bare", "state", "shape"]
)
def test_a_damaged_or_foreign_file_is_refused_and_kept(domains, tmp_path, damage):
    file = tmp_path / "portal.pt"
    train(domains, steps=5, checkpoint=file)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-500])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "foreign":
        torch.save({"E_A": torch.zeros(3)}, file)
    elif damage == "junk":
        file.write_bytes(b"junk")
    elif damage == "flipped":
        body = bytearray(file.read_bytes())
        body[len(body) // 2] ^= 255
        file.write_bytes(bytes(body))
    elif damage == "bare":
        torch.save({"format": 1}, file)
    elif damage in ("state", "shape"):
        content = torch.load(file, weights_only=True)
        if damage == "state":
            content["state"] = {}
        else:
            weights = content["state"]["networks"]
            weights |= {name: value[..., :-1].clone() for name, value in weights.items()}
        torch.save(content, file)
    elif damage == "pickle":
        torch.save({"format": 1, "code": os.system}, file)
    else:
        file.unlink()
        file.mkdir()
    with pytest.raises(DataError, match=r"portal\.pt: (cannot be read as a|is not a) checkpoint") as caught:
        train(domains, steps=9, checkpoint=file)
    assert "weights_only" not in str(caught.value)
    assert file.exists()


def test_out_of_memory_is_not_reported_as_damage(domains, tmp_path, monkeypatch):
    train(domains, steps=5, checkpoint=tmp_path / "portal.pt")

    def exhausted(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr("portal_lib.training.trainer._Run.load", exhausted)
    with pytest.raises(DeviceMemoryError, match="out of memory"):
        train(domains, steps=9, checkpoint=tmp_path / "portal.pt")


def test_a_checkpoint_of_any_device_is_read_to_the_cpu(domains, tmp_path, monkeypatch):
    train(domains, steps=5, checkpoint=tmp_path / "portal.pt")
    asked, real = [], torch.load
    monkeypatch.setattr(torch, "load", lambda *args, **given: asked.append(given) or real(*args, **given))
    train(domains, steps=9, checkpoint=tmp_path / "portal.pt")
    assert [given["map_location"] for given in asked] == ["cpu"]


def test_a_full_disk_is_one_error_and_leaves_the_last_checkpoint(domains, tmp_path, monkeypatch):
    file = tmp_path / "portal.pt"
    train(domains, steps=5, checkpoint=file)
    before = file.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("portal_lib._files.os.replace", full)
    with pytest.raises(DataError, match=r"portal\.pt: cannot be written \(No space left on device\)"):
        train(domains, steps=9, checkpoint=file)
    assert file.read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["portal.pt"]
