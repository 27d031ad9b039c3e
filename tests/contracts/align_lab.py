"""Small domains on which everything of the task align is tried."""

import numpy as np
import pandas as pd

from portal_lib.preparation.domains import Correspondence, Domains, Truth

N, N_FEATURES = 120, 6
SHARED = ("a", "b", "c", "d")


def small_domains(seed=0, *, pairs=12, shared=SHARED, equal=False):
    """Cells of three classes, seen twice: domain 2 is a rotated view in another order; and the truth.

    The features of SHARED are the same in both; with `equal`, all are.
    """
    rng = np.random.default_rng(seed)
    label = np.repeat(["p", "q", "r"], N // 3)
    latent = rng.normal(0, 0.4, (N, 4)) + np.repeat(rng.normal(0, 2, (3, 4)), N // 3, axis=0)
    mix = rng.normal(size=(4, N_FEATURES))
    names1 = [*SHARED, "e", "f"]
    names2 = names1 if equal else [*SHARED, "g", "h", "i"]
    x1 = pd.DataFrame((latent @ mix).astype(np.float32), columns=names1)
    other = latent @ rng.normal(size=(4, len(names2)))
    full2 = pd.DataFrame(other.astype(np.float32), columns=names2)
    for name in names1 if equal else SHARED:
        full2[name] = x1[name]
    order = rng.permutation(N)
    x1.index = [f"c{i}" for i in range(N)]
    x2 = full2.iloc[order].reset_index(drop=True)
    x2.index = [f"d{i}" for i in range(N)]
    partner = np.argsort(order)
    known_rows = rng.choice(N, pairs, replace=False) if pairs else []
    correspondence = Correspondence(
        tuple((name, name) for name in (names1 if equal else shared)),
        tuple((int(i), int(partner[i])) for i in known_rows),
    )
    truth = Truth(
        target12=full2.set_axis(x1.index),
        target21=x1.iloc[order].set_axis(x2.index),
        partner=partner.astype(np.int64),
        label1=label,
        label2=label[order],
    )
    return Domains(x1, x2, (correspondence,)), truth
