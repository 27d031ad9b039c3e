"""Portal's step written out literally, one network at a time: the oracle of the optimised one."""

import torch
from torch import nn

NETWORKS = ("E_A", "E_B", "G_A", "G_B", "D_A", "D_B")
STACKED = {"E": "encoder", "G": "generator", "D": "discriminator"}


class NaivePortal:
    """Nothing detached, nothing frozen, ``log(1 + exp t)`` as printed; gradients that nobody uses are wiped."""

    def __init__(self, networks, objective):
        self.o = objective
        self.nets = {name: unstack(getattr(networks, STACKED[name[0]]), "AB".index(name[2])) for name in NETWORKS}
        self.opt_d = self.adam("D_A", "D_B")
        self.opt_g = self.adam("E_A", "E_B", "G_A", "G_B")

    def adam(self, *names):
        parameters = [p for name in names for p in self.nets[name].parameters()]
        return torch.optim.Adam(parameters, lr=self.o.learning_rate, betas=self.o.betas, foreach=False)

    def score(self, name, x, step):
        logit = self.nets[name](x).clamp(-50, 50)
        return logit if step < self.o.warmup_steps else logit.clamp(-self.o.margin, self.o.margin)

    def step(self, x_a, x_b, step):
        n, o = self.nets, self.o
        z_a, z_b = n["E_A"](x_a), n["E_B"](x_b)
        x_ab, x_ba, x_aa, x_bb = n["G_B"](z_a), n["G_A"](z_b), n["G_A"](z_a), n["G_B"](z_b)
        z_ab, z_ba = n["E_B"](x_ab), n["E_A"](x_ba)

        self.opt_d.zero_grad()
        in_a = (sp(-self.score("D_A", x_a, step)) + sp(self.score("D_A", x_ba, step))).mean()
        in_b = (sp(-self.score("D_B", x_b, step)) + sp(self.score("D_B", x_ab, step))).mean()
        (in_a + in_b).backward(retain_graph=True)
        self.opt_d.step()

        self.opt_g.zero_grad()
        gan = (sp(-self.score("D_A", x_ba, step)) + sp(-self.score("D_B", x_ab, step))).mean()
        cosine = (1 - cos(x_ab, x_a)).mean() + (1 - cos(x_ba, x_b)).mean()
        autoencoder = ((x_aa - x_a) ** 2).mean() + ((x_bb - x_b) ** 2).mean()
        latent = ((z_ab - z_a) ** 2).mean() + ((z_ba - z_b) ** 2).mean()
        (o.lambda_gan * gan + o.lambda_cos * cosine + o.lambda_ae * autoencoder + o.lambda_la * latent).backward()
        self.opt_g.step()
        terms = {"D/a": in_a, "D/b": in_b, "G/gan": gan, "G/cosine": cosine}
        terms |= {"G/autoencoder": autoencoder, "G/latent": latent}
        return {name: value.item() for name, value in terms.items()}

    def stacked(self):
        """Weights under the names and shapes of the paired networks."""
        state = {}
        for letter, name in STACKED.items():
            a, b = ([m for m in self.nets[f"{letter}_{d}"] if isinstance(m, nn.Linear)] for d in "AB")
            for k, (in_a, in_b) in enumerate(zip(a, b, strict=True)):
                state[f"{name}.weights.{k}"] = torch.stack((in_a.weight.T, in_b.weight.T)).detach()
                state[f"{name}.biases.{k}"] = torch.stack((in_a.bias, in_b.bias))[:, None].detach()
        return state


def unstack(paired, domain):
    layers = []
    for weight, bias in zip(paired.weights, paired.biases, strict=True):
        linear = nn.utils.skip_init(nn.Linear, weight.shape[1], weight.shape[2], dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(weight[domain].T)
            linear.bias.copy_(bias[domain, 0])
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def sp(t):
    return torch.log(1 + torch.exp(t))


def cos(u, v):
    return (u * v).sum(1) / (u.norm(dim=1).clamp_min(1e-12) * v.norm(dim=1).clamp_min(1e-12))
