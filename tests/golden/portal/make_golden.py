"""Run the training loop of portal-sc 1.0.4 in float64 and store its numbers next to this file.

Needs the published package, installed apart from this project without its (old) dependencies::

    pip install --no-deps --target FOLDER portal-sc==1.0.4
    python tests/golden/portal/make_golden.py FOLDER

Its loop runs unchanged. Around it: modules that it imports and does not need here are replaced by empty ones; torch's
default type is float64 and ``Tensor.float`` keeps it; the initial weights are replaced by those of
``portal_golden_start`` when the optimisers are made; losses are read from the loop's variables at the end of each step.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import portal_golden_start as start
import torch

from benchmarks.trainer.published import VERSION, import_package


class RecordingAdam(torch.optim.Adam):
    """Adam that sets the initial weights and reads the losses of the loop that calls it."""

    history = []

    def __init__(self, parameters, **settings):
        super().__init__(parameters, **settings)
        weights = start.initial_weights()
        names = start.NETWORKS[:4] if len(self.param_groups[0]["params"]) == 16 else start.NETWORKS[4:]
        values = [value for name in names for value in weights[name]]
        with torch.no_grad():
            for parameter, value in zip(self.param_groups[0]["params"], values, strict=True):
                parameter.copy_(torch.from_numpy(value))

    def step(self, closure=None):
        seen = caller("train").f_locals
        if "loss_G" in seen and len(self.param_groups[0]["params"]) == 16:
            names = ("loss_D_A", "loss_D_B", "loss_G_GAN", "loss_cos", "loss_AE", "loss_LA")
            self.history.append([seen[name].item() for name in names])
        return super().step(closure)


def caller(name):
    frame = sys._getframe()
    while frame.f_code.co_name != name:
        frame = frame.f_back
    return frame


def record_batches(model):
    """Let the package draw as it does, and keep what it drew."""
    drawn, choice = [], np.random.choice

    def recording(*args, **settings):
        drawn.append(choice(*args, **settings))
        return drawn[-1]

    model.np.random.choice = recording
    return drawn


def train(portal, folder):
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
    torch.optim.Adam = RecordingAdam
    drawn = record_batches(portal.model)
    model = portal.model.Model(
        batch_size=start.BATCH_SIZE, training_steps=start.STEPS, seed=start.SEED, npcs=start.N_PCS,
        n_latent=start.N_LATENT, model_path=str(folder),
    )  # fmt: skip
    model.emb_A, model.emb_B = start.domains()
    model.train()
    model.eval(D_score=True)
    expected = [rows for pair in start.batches() for rows in pair]
    assert all(np.array_equal(a, b) for a, b in zip(drawn, expected, strict=True))
    return model


def numbers(model):
    arrays = {name: [p.detach().numpy() for p in getattr(model, name).parameters()] for name in start.NETWORKS}
    outputs = ("latent", "data_Aspace", "data_Bspace", "score_Aspace", "score_Bspace")
    return {
        "recipe": Path(__file__).name,
        "package": f"portal-sc {VERSION}",
        "torch": torch.__version__,
        "numpy": np.__version__,
        "names": list(start.LOSSES),
        "losses": RecordingAdam.history,
        "weights": {name: [start.summary(a) for a in values] for name, values in arrays.items()},
        "outputs": {name: start.summary(getattr(model, name)) for name in outputs},
        "latent_rows": model.latent[::50].tolist(),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        golden = numbers(train(import_package(sys.argv[1]), folder))
    target = Path(__file__).with_name(f"portal_sc_{VERSION}.json")
    target.write_text(json.dumps(golden, indent=1) + "\n")
