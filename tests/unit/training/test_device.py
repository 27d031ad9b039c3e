import pytest
import torch

from portal_lib.errors import ConfigError
from portal_lib.training.device import resolve_device


@pytest.mark.parametrize(
    ("asked", "count", "got"),
    [
        ("cpu", 0, "cpu"),
        ("cpu", 2, "cpu"),
        ("auto", 0, "cpu"),
        ("auto", 2, "cuda:0"),
        ("cuda", 1, "cuda:0"),
        ("cuda:1", 2, "cuda:1"),
    ],
)
def test_existing_devices_are_resolved(monkeypatch, asked, count, got):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    assert resolve_device(asked) == torch.device(got)


@pytest.mark.parametrize(
    ("asked", "count", "message"),
    [
        ("cuda", 0, "device 'cuda' does not exist. Found: cpu. Choose one, or auto."),
        ("cuda:1", 1, "device 'cuda:1' does not exist. Found: cpu, cuda:0. Choose one, or auto."),
        ("gpu", 1, "device 'gpu' is unknown. Allowed: auto, cpu, cuda, cuda:0, cuda:1, ..."),
    ],
)
def test_missing_devices_are_refused(monkeypatch, asked, count, message):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(ConfigError) as caught:
        resolve_device(asked)
    assert str(caught.value) == message
