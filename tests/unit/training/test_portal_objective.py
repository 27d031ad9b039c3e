import numpy as np
import pytest
import torch
from naive_portal import NaivePortal

from portal_lib.errors import ConfigError, ShapeError
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.trainer import fit

SMALL = Portal(n_latent=3, hidden=16)


def start(objective, n_features, seed=5):
    return objective.build(n_features, n_features, torch.Generator().manual_seed(seed))


def fixed_batches(n_a, n_b, steps, size=20, seed=7):
    rng = np.random.default_rng(seed)
    return [
        (torch.from_numpy(rng.integers(n_a, size=size)), torch.from_numpy(rng.integers(n_b, size=size)))
        for _ in range(steps)
    ]


@pytest.mark.parametrize("warmup_steps", [6, 0])
def test_training_equals_a_literal_transcription(domains, warmup_steps):
    """Un-detached fakes, all gradients kept, one network at a time, in float64: same losses, same weights."""
    steps = 10
    objective = Portal(n_latent=3, hidden=16, warmup_steps=warmup_steps, lambda_cos=15.0, margin=1.0)
    initial = start(objective, 8)
    batches = fixed_batches(60, 90, steps)
    naive = NaivePortal(initial, objective)
    expected = [
        naive.step(torch.from_numpy(domains[0])[a], torch.from_numpy(domains[1])[b], step)
        for step, (a, b) in enumerate(batches)
    ]
    trained = fit(
        objective, *domains, steps=steps, device="cpu", precision="float64", log_every=1,
        initial=initial.state_dict(), batches=batches,
    )  # fmt: skip
    table = trained.history.assign(name=trained.history["player"] + "/" + trained.history["term"])
    table = table.pivot(index="step", columns="name", values="value")
    for name in expected[0]:
        np.testing.assert_allclose(table[name], [e[name] for e in expected], rtol=1e-10, err_msg=name)
    for name, value in naive.stacked().items():
        np.testing.assert_allclose(trained.networks.state_dict()[name], value, rtol=0, atol=1e-10, err_msg=name)


def test_a_pass_stores_every_tensor_in_its_space(domains):
    networks = start(SMALL, 8)
    x_a, x_b = (torch.from_numpy(x)[:20] for x in domains)
    seen = SMALL.forward(networks, x_a, x_b)
    z_a, z_b = networks.encode(x_a, "a"), networks.encode(x_b, "b")
    x_ab, x_ba = networks.generate(z_a, "b"), networks.generate(z_b, "a")
    for got, expected in [
        (seen.x, (x_a, x_b)),
        (seen.z, (z_a, z_b)),
        (seen.reconstructed, (networks.generate(z_a, "a"), networks.generate(z_b, "b"))),
        (seen.translated, (x_ba, x_ab)),
        (seen.z_again, (networks.encode(x_ba, "a"), networks.encode(x_ab, "b"))),
    ]:
        torch.testing.assert_close(got, torch.stack(expected))


def test_the_margin_applies_from_the_end_of_the_warm_up_on(domains):
    """Logits far beyond the margin: the loss is unbounded in step 5, and bounded without gradient in step 6."""
    networks = start(SMALL, 8)
    with torch.no_grad():
        networks.discriminator.biases[-1].fill_(40.0)
    seen = SMALL.forward(networks, *(torch.from_numpy(x)[:20] for x in domains))
    parameters = SMALL.parameters(networks, "D")
    totals, gradients = [], []
    for step in (5, 6):
        totals.append(SMALL.total("D", SMALL.losses("D", networks, seen, step)))
        gradients.append(max(g.abs().max().item() for g in torch.autograd.grad(totals[-1], parameters)))
    assert totals[0] > 50
    assert totals[1].item() == pytest.approx(2 * (np.log1p(np.exp(5)) + np.log1p(np.exp(-5))))
    assert gradients[0] > 0
    assert gradients[1] == 0


def test_the_discriminator_step_does_not_reach_the_translation(domains):
    networks = start(SMALL, 8)
    seen = SMALL.forward(networks, *(torch.from_numpy(x)[:20] for x in domains))
    total = SMALL.total("D", SMALL.losses("D", networks, seen, 0))
    gradients = torch.autograd.grad(total, SMALL.parameters(networks, "G"), allow_unused=True)
    assert all(gradient is None for gradient in gradients)


def test_published_defaults():
    portal = Portal()
    assert (portal.lambda_gan, portal.lambda_cos, portal.lambda_ae, portal.lambda_la) == (1, 20, 10, 10)
    assert (portal.margin, portal.warmup_steps, portal.n_latent, portal.hidden) == (5, 6, 20, 512)
    assert (portal.learning_rate, portal.betas, portal.players) == (1e-3, (0.9, 0.999), ("D", "G"))


def test_every_parameter_out_of_range_is_named():
    with pytest.raises(ConfigError, match=r"lambda_cos is -1; .*\n  n_latent is 0"):
        Portal(lambda_cos=-1, n_latent=0)


def test_domains_of_other_widths_are_refused(domains):
    with pytest.raises(ShapeError, match="domain A has 8 features, domain B 5"):
        fit(SMALL, domains[0], domains[1][:, :5], steps=1, device="cpu")
