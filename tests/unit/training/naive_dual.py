"""Dual GANs as a reader of the papers would write them: one network at a time, torch's own layers, losses and Adam."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn


def sequential(mlp, leak):
    """An ordinary torch network with the weights of ours."""
    layers = []
    for weight, bias in zip(mlp.weights, mlp.biases, strict=True):
        linear = nn.utils.skip_init(nn.Linear, *weight.shape[1:], dtype=torch.float64)
        linear.weight.data, linear.bias.data = weight.detach()[0].T.clone(), bias.detach()[0, 0].clone()
        layers += [linear, nn.LeakyReLU(leak)]
    return nn.Sequential(*layers[:-1])


def cross_entropy(logits, label):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def least_squares(logits, label):
    return F.mse_loss(logits, torch.full_like(logits, label))


class NaiveDual:
    """G step, then D step. `objective` has the weights; its name selects the paper."""

    def __init__(self, networks, objective, x_a, x_b):
        self.objective, self.cells = objective, (x_a, x_b)
        names = ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
        self.g_ab, self.g_ba, self.d_a, self.d_b = (sequential(getattr(networks, n), objective.leak) for n in names)
        self.adams = [
            torch.optim.Adam(
                itertools.chain(*(n.parameters() for n in pair)), lr=objective.learning_rate, betas=objective.betas
            )
            for pair in ((self.g_ab, self.g_ba), (self.d_a, self.d_b))
        ]
        self.cycle = objective.name == "cyclegan"
        self.gan = least_squares if self.cycle else cross_entropy

    def step(self, x_a, x_b, step):
        """Terms of both players, by player and name."""
        x_ab, x_ba = self.g_ab(x_a), self.g_ba(x_b)
        x_aba, x_bab = self.g_ba(x_ab), self.g_ab(x_ba)
        terms = {f"G/{name}": loss for name, loss in self.generator_terms(x_a, x_b, x_ab, x_ba, x_aba, x_bab).items()}
        weights = {"reconstruction": self.objective.lambda_rec}
        weights["correspondence"] = getattr(self.objective, "lambda_corr", None)
        total = sum(weights.get(name[2:].split("_")[0], 1.0) * loss for name, loss in terms.items())
        self.move(0, total, len(terms))
        if self.objective.name in ("magan", "gan"):
            x_ab, x_ba = self.g_ab(x_a), self.g_ba(x_b)
            x_aba, x_bab = self.g_ba(x_ab), self.g_ab(x_ba)
        x_ab, x_ba, x_aba, x_bab = (x.detach() for x in (x_ab, x_ba, x_aba, x_bab))
        seen = {}
        for name, d, real, fake, again in (("a", self.d_a, x_a, x_ba, x_aba), ("b", self.d_b, x_b, x_ab, x_bab)):
            seen[f"D/real_{name}"] = self.gan(d(real), 1.0)
            seen[f"D/fake_{name}"] = self.gan(d(fake), 0.0)
            if self.objective.augment_reconstructions:
                late = step >= self.objective.augment_start
                seen[f"D/reconstructed_{name}"] = self.gan(d(again), 1.0) if late else torch.zeros(()).double()
        self.move(1, sum(seen.values()) * (0.5 if self.cycle else 1.0), len(seen))
        return {name: loss.item() for name, loss in (terms | seen).items()}

    def generator_terms(self, x_a, x_b, x_ab, x_ba, x_aba, x_bab):
        distance = F.l1_loss if self.cycle else F.mse_loss
        terms = {"gan_ab": self.gan(self.d_b(x_ab), 1.0), "gan_ba": self.gan(self.d_a(x_ba), 1.0)}
        terms |= {"reconstruction_a": distance(x_aba, x_a), "reconstruction_b": distance(x_bab, x_b)}
        if getattr(self.objective, "lambda_corr", 0) > 0:
            terms["correspondence_ab"] = self.correspondence(self.g_ab, x_a, x_ab, 0)
            terms["correspondence_ba"] = self.correspondence(self.g_ba, x_b, x_ba, 1)
        return terms

    def correspondence(self, g, x, translated, source):
        total, objective = 0.0, self.objective
        for pair in objective.shared:
            there, here = translated[:, pair[1 - source]], x[:, pair[source]]
            total = total + ((there - here) ** 2).mean() / len(objective.shared)
        for pair in objective.pairs:
            known, partner = self.cells[source][pair[source]], self.cells[1 - source][pair[1 - source]]
            per_pair = 1 if objective.pair_reduction == "sum" else 1 / len(objective.pairs)
            total = total + per_pair * ((g(known[None])[0] - partner) ** 2).mean()
        if objective.relation is not None:
            total = total + objective.relation(*((x, translated) if source == 0 else (translated, x)))
        return total

    def move(self, player, total, n_terms):
        total = total / n_terms if self.objective.name in ("magan", "gan") else total
        self.adams[player].zero_grad()
        total.backward()
        self.adams[player].step()

    def weights(self):
        """As in the state of our networks."""
        found = {}
        networks = {"generator_ab": self.g_ab, "generator_ba": self.g_ba}
        networks |= {"discriminator_a": self.d_a, "discriminator_b": self.d_b}
        for name, network in networks.items():
            for k, layer in enumerate(network[::2]):
                found[f"{name}.weights.{k}"] = layer.weight.detach().T[None]
                found[f"{name}.biases.{k}"] = layer.bias.detach()[None, None]
        return found
