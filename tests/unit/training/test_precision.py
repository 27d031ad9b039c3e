import numpy as np
import pytest
import torch

from portal_lib.errors import ConfigError, DeviceMemoryError
from portal_lib.training.inference import latent
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.precision import resolve_precision
from portal_lib.training.trainer import fit

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ({"amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"avx512_f": True}, "float32"),
        ({}, "float32"),
    ],
)
def test_auto_depends_on_the_processor(monkeypatch, has, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    assert resolve_precision("auto", CPU) == resolve_precision(expected, CPU)


def test_auto_without_capabilities_of_torch_is_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert resolve_precision("auto", CPU) == (torch.float32, torch.float32)


def test_an_unknown_name_is_refused():
    with pytest.raises(ConfigError, match=r"precision 'half' is unknown. Allowed: auto, bfloat16, float32, float64"):
        resolve_precision("half", CPU)


@pytest.mark.parametrize(
    ("precision", "weights", "tolerance"),
    [("bfloat16", torch.float32, 0.03), ("float32", torch.float32, 1e-4), ("float64", torch.float64, 0)],
)
def test_losses_of_the_first_steps_agree_between_precisions(domains, precision, weights, tolerance):
    settings = {"steps": 4, "device": "cpu", "batch_size": 50, "log_every": 1}
    trained = fit(Portal(n_latent=8, hidden=64), *domains, precision=precision, **settings)
    exact = fit(Portal(n_latent=8, hidden=64), *domains, precision="float64", **settings)
    assert trained.precision == precision
    assert {p.dtype for p in trained.networks.parameters()} == {weights}
    np.testing.assert_allclose(trained.history["value"], exact.history["value"], rtol=tolerance, atol=tolerance)
    assert (trained.history["value"].to_numpy() == exact.history["value"].to_numpy()).all() == (precision == "float64")


def test_trained_networks_compute_in_the_precision_of_their_weights(domains):
    networks = fit(Portal(n_latent=3, hidden=16), *domains, steps=3, device="cpu", precision="bfloat16").networks
    w, b = ([p[0].double().numpy() for p in ps] for ps in (networks.encoder.weights, networks.encoder.biases))
    expected = np.maximum(domains[0] @ w[0] + b[0], 0) @ w[1] + b[1]
    np.testing.assert_allclose(latent(networks, domains[0], domain="a"), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("message", "is_memory"),
    [("CUDA error: out of memory", True), ("CUBLAS_STATUS_ALLOC_FAILED in x", True), ("size mismatch", False)],
)
def test_out_of_memory_messages_of_cuda_libraries_are_recognised(domains, monkeypatch, message, is_memory):
    def failing(*_):
        raise RuntimeError(message)

    monkeypatch.setattr(Portal, "forward", failing)
    with pytest.raises(DeviceMemoryError if is_memory else RuntimeError, match=message):
        fit(Portal(n_latent=3, hidden=16), *domains, steps=3, device="cpu")


def test_out_of_gpu_memory_is_one_message(domains, monkeypatch):
    def exhausted(*_):
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 1.00 GiB\nmore"
        )

    monkeypatch.setattr(Portal, "forward", exhausted)
    with pytest.raises(DeviceMemoryError) as caught:
        fit(Portal(n_latent=3, hidden=16), *domains, steps=3, device="cpu")
    assert str(caught.value) == (
        "cpu: CUDA out of memory. Tried to allocate 2.00 GiB. "
        "Lower batch_size, train with resident=False, or choose another device."
    )
