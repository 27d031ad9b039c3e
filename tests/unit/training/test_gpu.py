"""Behaviour of GPUs only: recorded steps, cells on the device or in pinned memory, lack of device memory."""

import numpy as np
import pytest
import torch

from portal_lib.errors import DeviceMemoryError
from portal_lib.training import trainer
from portal_lib.training.inference import latent, translate
from portal_lib.training.objectives.magan import Magan
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.trainer import fit

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
SMALL = Portal(n_latent=3, hidden=16)


# Its steps change once, well after a recording could have begun.
AUGMENTED = Magan(
    shared=((0, 0), (3, 2)), pairs=((1, 1), (4, 7)), augment_start=20, hidden_g=(16, 8), hidden_d=(24, 12)
)


def train(domains, objective=SMALL, **settings):
    return fit(
        objective, *domains, **({"steps": 60, "batch_size": 20, "device": "cuda", "precision": "float64"} | settings)
    )


@pytest.mark.parametrize("objective", [SMALL, AUGMENTED], ids=["portal", "magan"])
def test_recorded_steps_agree_with_the_cpu(domains, objective):
    on_gpu, on_cpu = train(domains, objective), train(domains, objective, device="cpu")
    np.testing.assert_allclose(on_gpu.history["value"], on_cpu.history["value"], rtol=1e-6)
    np.testing.assert_allclose(
        translate(on_gpu.networks, domains[0], source="a"),
        translate(on_cpu.networks, domains[0], source="a"),
        rtol=1e-5,
        atol=1e-9,
    )


def test_latent_coordinates_agree_with_the_cpu(domains):
    on_gpu, on_cpu = train(domains), train(domains, device="cpu")
    np.testing.assert_allclose(
        latent(on_gpu.networks, domains[0], domain="a"), latent(on_cpu.networks, domains[0], domain="a"), rtol=1e-5
    )


@pytest.mark.parametrize("objective", [SMALL, AUGMENTED], ids=["portal", "magan"])
def test_recorded_steps_agree_with_single_steps(domains, objective, monkeypatch):
    recorded = train(domains, objective)
    monkeypatch.setattr(trainer, "_EAGER_STEPS", 10**9)
    np.testing.assert_allclose(recorded.history["value"], train(domains, objective).history["value"], rtol=1e-9)


def test_cells_on_the_device_and_on_the_host_give_the_same(domains):
    there, streamed = train(domains, resident=True), train(domains, resident=False)
    np.testing.assert_allclose(there.history["value"], streamed.history["value"], rtol=1e-9)


def test_a_checkpoint_of_a_gpu_resumes_there_and_opens_on_a_cpu(domains, tmp_path):
    file = tmp_path / "portal.pt"
    train(domains, steps=40, checkpoint=file)
    whole = train(domains)
    (tmp_path / "copy.pt").write_bytes(file.read_bytes())
    for name, device in (("portal.pt", "cuda"), ("copy.pt", "cpu")):
        resumed = train(domains, checkpoint=tmp_path / name, device=device)
        np.testing.assert_allclose(resumed.history["value"], whole.history["value"], rtol=1e-6)


def test_auto_uses_bfloat16_where_the_device_has_it(domains):
    expected = "bfloat16" if torch.cuda.get_device_capability() >= (8, 0) else "float32"
    assert train(domains, precision="auto").precision == expected


def test_out_of_memory_is_one_message(domains):
    with pytest.raises(DeviceMemoryError, match=r"cuda:0: CUDA out of memory\. .* Lower batch_size"):
        train(domains, batch_size=4 * 10**8, steps=1)
