"""The claims of Portal, on two simulated atlases: private types stay apart, rare and nearly equal ones separable."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from portal_lib.datasets.integrate import toy_atlas
from portal_lib.preparation import prepare
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.outputs import Outputs
from portal_lib.training.rounds import Rounds
from portal_lib.training.trainer import fit

pytestmark = pytest.mark.slow
# The type that droplets alone have, and the one that plates alone have.
PRIVATE = {"lymphoid D": 0, "neural": 1}
N_NEIGHBORS = 15


class Integrated:
    """Cells of both atlases, droplets first: components, latent space, logits in the other atlas, labels and atlas."""

    def __init__(self):
        facts = toy_atlas.DATASET
        atlas = toy_atlas.load(None, n_cells=9000, n_genes=12000, seed=0)
        data = prepare(
            atlas, batch_key=facts["batch_key"], label_key=facts["label_key"], batches=facts["batches"],
            n_pcs_unintegrated=2,
        )  # fmt: skip
        batch = data.obs["batch"].cat.codes.to_numpy()
        order = np.argsort(batch, kind="stable")
        self.batch, self.label = batch[order], data.obs["label"].astype(str).to_numpy()[order]
        self.components = data.obsm["X_pca"][order]
        x_a, x_b = self.components[self.batch == 0], self.components[self.batch == 1]
        networks = fit(Portal(), x_a, x_b, steps=1000, seed=0, device="cpu").networks
        self.latent = Outputs(networks, x_a, x_b).latent
        # Droplet cells as plates would measure them, and plate cells as droplets would.
        rounds = Rounds((networks,))
        parts = rounds.discriminator_logits(x_a, 0, 1), rounds.discriminator_logits(x_b, 1, 0)
        self.logits = np.concatenate(parts)


@pytest.fixture(scope="module")
def integrated():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield Integrated()
    torch.set_num_threads(before)


@pytest.mark.parametrize("private", PRIVATE)
def test_private_types_are_beyond_the_margin_and_shared_types_are_not(integrated, private):
    beyond = integrated.logits < -Portal().margin
    of_type = integrated.label == private
    assert (integrated.batch[of_type] == PRIVATE[private]).all()
    shared = (integrated.batch == PRIVATE[private]) & ~of_type
    # How many there are depends on the processor's bfloat16: 4 and 22 % of lymphoid D were seen, of shared types none.
    assert beyond[shared].mean() < 0.002
    assert beyond[of_type].mean() > 0.02


@pytest.mark.parametrize("private", PRIVATE)
def test_private_types_keep_neighbors_of_their_own(integrated, private):
    purity = purities(integrated.latent, integrated.label)
    assert purity[integrated.label == private].mean() > 0.8


def test_shared_types_mix_and_keep_neighbors_of_their_own(integrated):
    shared = ~np.isin(integrated.label, list(PRIVATE))
    assert purities(integrated.latent, integrated.label)[shared].mean() > 0.9
    before, after = (purities(x, integrated.batch)[shared].mean() for x in (integrated.components, integrated.latent))
    assert after < before - 0.1


def test_rare_types_stay_separable_across_atlases(integrated):
    """Lines drawn between the three in one atlas part them in the other, as well as before integration."""
    rare = np.isin(integrated.label, toy_atlas.RARE_TYPES)
    before, after = (accuracy_across(x, integrated, rare) for x in (integrated.components, integrated.latent))
    assert after > 0.85
    assert after > before - 0.05


def purities(x, codes):
    """Share of the nearest cells with the cell's own code."""
    model = NearestNeighbors(n_neighbors=N_NEIGHBORS + 1).fit(x)
    neighbors = model.kneighbors(x, return_distance=False)[:, 1:]
    return (codes[neighbors] == codes[:, None]).mean(axis=1)


def accuracy_across(x, integrated, cells):
    droplets, plates = cells & (integrated.batch == 0), cells & (integrated.batch == 1)
    model = LogisticRegression(max_iter=3000).fit(x[droplets], integrated.label[droplets])
    return model.score(x[plates], integrated.label[plates])
