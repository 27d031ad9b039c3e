"""Where the golden run starts: inputs, initial weights and batches, from numpy's frozen legacy generator."""

import numpy as np

STEPS = 100
BATCH_SIZE = 200
SEED = 1234
N_CELLS = {"A": 700, "B": 450}
N_PCS, N_LATENT, HIDDEN = 30, 20, 512
LOSSES = ("D/a", "D/b", "G/gan", "G/cosine", "G/autoencoder", "G/latent")
SHAPES = {
    "E": [(HIDDEN, N_PCS), (HIDDEN,), (N_LATENT, HIDDEN), (N_LATENT,)],
    "G": [(HIDDEN, N_LATENT), (HIDDEN,), (N_PCS, HIDDEN), (N_PCS,)],
    "D": [(HIDDEN, N_PCS), (HIDDEN,), (HIDDEN, HIDDEN), (HIDDEN,), (1, HIDDEN), (1,)],
}
NETWORKS = ("E_A", "E_B", "G_A", "G_B", "D_A", "D_B")


def domains():
    """Five groups of cells in A and in B, one in each without counterpart; components that fall off as in a PCA."""
    random = np.random.RandomState(0)
    scale = 6 / np.sqrt(1 + np.arange(N_PCS))
    centres = random.normal(size=(6, N_PCS)) * scale
    x_a = centres[random.randint(0, 5, N_CELLS["A"])] + random.normal(size=(N_CELLS["A"], N_PCS)) * scale
    x_b = centres[random.randint(1, 6, N_CELLS["B"])] + random.normal(size=(N_CELLS["B"], N_PCS)) * scale
    return x_a, x_b + 0.1 * scale


def initial_weights():
    """N(0, 0.1), by network, as W_1, b_1, W_2, b_2, ... with W of shape (outputs, inputs)."""
    random = np.random.RandomState(1)
    return {name: [random.normal(0, 0.1, shape) for shape in SHAPES[name[0]]] for name in NETWORKS}


def batches():
    """Row numbers that the published package draws: the legacy global generator after ``np.random.seed(SEED)``."""
    random = np.random.RandomState(SEED)
    return [tuple(random.randint(0, N_CELLS[d], BATCH_SIZE) for d in "AB") for _ in range(STEPS)]


def summary(array):
    """Summary of a large array: its sum, its sum of squares, and 24 values spread over it."""
    flat = np.asarray(array, dtype=np.float64).ravel()
    places = np.linspace(0, flat.size - 1, 24).astype(int)
    return {"sum": flat.sum(), "squares": (flat**2).sum(), "values": flat[places].tolist()}
