import numpy as np
import pytest
import torch

from portal_lib.training import losses


def tensor(*shape, seed=0, scale=1.0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape) * scale)


def sp(t):
    return np.log1p(np.exp(-np.abs(t))) + np.maximum(t, 0)


def cosine(u, v):
    return [
        1 - a @ b / max(np.linalg.norm(a), 1e-12) / max(np.linalg.norm(b), 1e-12) for a, b in zip(u, v, strict=True)
    ]


def test_sp_is_exact_over_the_whole_range_of_scores():
    t = np.linspace(-50, 50, 1001)
    np.testing.assert_allclose(losses.sp(torch.from_numpy(t)).numpy(), sp(t), rtol=1e-14)


def test_discriminator_loss():
    real, fake = tensor(2, 40, 1, seed=1, scale=3), tensor(2, 40, 1, seed=2, scale=3)
    expected = [np.mean(sp(-real[d].numpy()) + sp(fake[d].numpy())) for d in range(2)]
    np.testing.assert_allclose(losses.discriminator_loss(real, fake).numpy(), expected, rtol=1e-13)


def test_discriminator_loss_at_chance():
    zero = torch.zeros(2, 10, 1)
    assert losses.discriminator_loss(zero, zero).sum().item() == pytest.approx(4 * np.log(2))


def test_gan_loss():
    fake = tensor(2, 40, 1, seed=3, scale=3)
    np.testing.assert_allclose(losses.gan_loss(fake).numpy(), sp(-fake.numpy()).mean(axis=(1, 2)), rtol=1e-13)


def test_cosine_loss():
    u, v = tensor(2, 40, 6, seed=4), tensor(2, 40, 6, seed=5)
    expected = [np.mean(cosine(u[d].numpy(), v[d].numpy())) for d in range(2)]
    np.testing.assert_allclose(losses.cosine_loss(u, v).numpy(), expected, rtol=1e-13)


def test_cosine_loss_of_zero_vectors_is_finite():
    zero = torch.zeros(2, 3, 6, dtype=torch.float64, requires_grad=True)
    loss = losses.cosine_loss(zero, tensor(2, 3, 6))
    np.testing.assert_array_equal(loss.detach().numpy(), [1, 1])
    assert torch.isfinite(torch.autograd.grad(loss.sum(), zero)[0]).all()


@pytest.mark.parametrize("loss", [losses.autoencoder_loss, losses.latent_alignment_loss])
def test_squared_losses_are_means_over_cells_and_columns(loss):
    u, v = tensor(2, 40, 6, seed=6), tensor(2, 40, 6, seed=7)
    expected = ((u.numpy() - v.numpy()) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(loss(u, v).numpy(), expected, rtol=1e-13)


def test_margin_clamps_values_and_gradients():
    scores = torch.tensor([-7.0, -4.0, 0.0, 4.0, 7.0], requires_grad=True)
    clamped = losses.clamp_to_margin(scores, 5.0)
    (gradient,) = torch.autograd.grad(clamped.sum(), scores)
    assert clamped.tolist() == [-5, -4, 0, 4, 5]
    assert gradient.tolist() == [0, 1, 1, 1, 0]


def test_without_margin_logits_are_not_clamped():
    scores = torch.tensor([-70.0, 70.0])
    assert losses.clamp_to_margin(scores, None) is scores


@pytest.mark.parametrize("real", [True, False])
def test_cross_entropy_equals_torch_and_is_exact_for_large_logits(real):
    scores = tensor(40, 1, seed=1, scale=30)
    label = torch.full_like(scores, float(real))
    expected = torch.nn.functional.binary_cross_entropy_with_logits(scores, label)
    assert losses.cross_entropy(scores, real).item() == pytest.approx(expected.item(), rel=1e-13)
    assert losses.least_squares(scores, real).item() == pytest.approx(np.mean((scores.numpy() - float(real)) ** 2))


def test_errors_are_means_over_cells_and_columns():
    u, v = tensor(40, 6, seed=6), tensor(40, 6, seed=7)
    assert losses.squared_error(u, v).item() == pytest.approx(np.mean((u.numpy() - v.numpy()) ** 2), rel=1e-13)
    assert losses.absolute_error(u, v).item() == pytest.approx(np.mean(np.abs(u.numpy() - v.numpy())), rel=1e-13)


def test_known_pairs_are_summed_or_averaged_and_features_averaged():
    u, v = tensor(10, 6, seed=6), tensor(10, 6, seed=7)
    per_pair = np.mean((u.numpy() - v.numpy()) ** 2, axis=1)
    assert losses.pair_loss(u, v, "sum").item() == pytest.approx(per_pair.sum(), rel=1e-13)
    assert losses.pair_loss(u, v, "mean").item() == pytest.approx(per_pair.mean(), rel=1e-13)
