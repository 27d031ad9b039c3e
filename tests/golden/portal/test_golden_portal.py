"""Our training loop against that of the published package (portal-sc 1.0.4): same weights and batches, float64."""

import json
from pathlib import Path

import numpy as np
import portal_golden_start as start
import pytest
import torch

from portal_lib.training.inference import discriminator_logits, latent, translate
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.trainer import fit

GOLDEN = json.loads(Path(__file__).with_name("portal_sc_1.0.4.json").read_text())
STACKED = {"E": "encoder", "G": "generator", "D": "discriminator"}


def stacked(weights):
    """The state of the paired networks from single ones."""
    state = {}
    for letter, name in STACKED.items():
        a, b = weights[f"{letter}_A"], weights[f"{letter}_B"]
        for k in range(len(a) // 2):
            state[f"{name}.weights.{k}"] = torch.from_numpy(np.stack((a[2 * k].T, b[2 * k].T)))
            state[f"{name}.biases.{k}"] = torch.from_numpy(np.stack((a[2 * k + 1], b[2 * k + 1]))[:, None])
    return state


@pytest.fixture(scope="module")
def one_thread():
    """For networks of this size a second thread is slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(one_thread):
    return fit(
        Portal(),
        *start.domains(),
        steps=start.STEPS,
        device="cpu",
        precision="float64",
        log_every=1,
        initial=stacked(start.initial_weights()),
        batches=[tuple(map(torch.from_numpy, pair)) for pair in start.batches()],
    )


def agrees(array, golden, name):
    got = start.summary(array)
    for key in ("values", "squares", "sum"):
        np.testing.assert_allclose(got[key], golden[key], rtol=1e-10, atol=1e-10, err_msg=f"{name}, {key}")


def test_losses_of_every_step(trained):
    history = trained.history
    names = (history["player"] + "/" + history["term"])[: len(start.LOSSES)]
    assert names.tolist() == GOLDEN["names"]
    losses = history["value"].to_numpy().reshape(start.STEPS, -1)
    np.testing.assert_allclose(losses, GOLDEN["losses"], rtol=1e-10)


@pytest.mark.parametrize("network", start.NETWORKS)
def test_final_weights(trained, network):
    paired, domain = getattr(trained.networks, STACKED[network[0]]), "AB".index(network[2])
    for k, golden in enumerate(GOLDEN["weights"][network]):
        array = paired.biases[k // 2][domain] if k % 2 else paired.weights[k // 2][domain].T
        agrees(array.numpy(), golden, f"{network}[{k}]")


def test_outputs(trained):
    nets, (x_a, x_b) = trained.networks, start.domains()
    x_ab, x_ba = translate(nets, x_a, source="a"), translate(nets, x_b, source="b")
    got = {
        "latent": np.concatenate((latent(nets, x_a, domain="a"), latent(nets, x_b, domain="b"))),
        "data_Aspace": np.concatenate((x_a, x_ba)),
        "data_Bspace": np.concatenate((x_ab, x_b)),
        "score_Aspace": discriminator_logits(nets, np.concatenate((x_a, x_ba)), domain="a"),
        "score_Bspace": discriminator_logits(nets, np.concatenate((x_ab, x_b)), domain="b"),
    }
    for name, array in got.items():
        agrees(array, GOLDEN["outputs"][name], name)
    np.testing.assert_allclose(got["latent"][::50], GOLDEN["latent_rows"], rtol=1e-10, atol=1e-10)


def test_logits_are_on_both_sides_of_the_margin():
    """So the comparison covers clamped and unclamped gradients."""
    scores = np.abs([value for space in "AB" for value in GOLDEN["outputs"][f"score_{space}space"]["values"]])
    assert (scores > 5).any()
    assert (scores < 5).any()
