"""Two domains to align: what a method is told of them, and, apart from it, the truth that only scoring sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Correspondence:
    """What is known in one training.

    Parameters
    ----------
    shared
        Features that both domains measure: (name in domain 1, name in domain 2).
    pairs
        Cells that are known to be the same: (row of domain 1, row of domain 2).
    hidden
        Features that are taken away from domain 1 before the method sees it, to be predicted. None of them is shared.
    """

    shared: tuple[tuple[str, str], ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Domains:
    """Two domains, and what may be known of how they correspond. Cells are rows; rows are in no common order.

    Parameters
    ----------
    x1, x2
        Cells × features, shapes (n1, d1) and (n2, d2), finite; names of cells and of features are unique texts.
    known
        What is known, once or several times: a method is trained anew for each.
    draw_by_seed
        The entries of `known` are draws: a run takes the one of its seed (seed modulo their number) instead of all.
    standardise
        Whether features are to be standardised before training; False where they are of one scale already.
    image
        Height and width, where features are the pixels of images, row by row.
    notes
        What was done to the data.
    """

    x1: pd.DataFrame
    x2: pd.DataFrame
    known: tuple[Correspondence, ...]
    draw_by_seed: bool = False
    standardise: bool = True
    image: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()

    def known_of(self, seed: int) -> list[int]:
        """Numbers of the entries of `known` that a run with this seed trains on."""
        return [seed % len(self.known)] if self.draw_by_seed else list(range(len(self.known)))

    def view(self, number: int, truth: Truth | None = None) -> TaskInput:
        """What a method sees of one config_key of `known`; the truth is for controls that declare that they use it."""
        known = self.known[number]
        x1 = self.x1.drop(columns=list(known.hidden))
        places = [{name: i for i, name in enumerate(x.columns)} for x in (x1, self.x2)]
        shared = tuple((places[0][a], places[1][b]) for a, b in known.shared)
        values = [np.ascontiguousarray(x.to_numpy(np.float32)) for x in (x1, self.x2)]
        names = [tuple(x.columns) for x in (x1, self.x2)]
        facts = {"standardise": self.standardise, "image": self.image, "truth": truth}
        return TaskInput(*values, *names, shared, known.pairs, **facts)


@dataclass(frozen=True, eq=False)
class TaskInput:
    """What a method of the task "align" is given.

    Parameters
    ----------
    x1, x2
        Cells × features, float32, shapes (n1, d1) and (n2, d2).
    features1, features2
        Names of the columns.
    shared
        (column of `x1`, column of `x2`) of features that both domains measure; may be empty.
    pairs
        (row of `x1`, row of `x2`) of cells that are known to be the same; may be empty.
    standardise, image
        As in :class:`Domains`.
    truth
        None, but for controls that declare that they use it.
    """

    x1: np.ndarray
    x2: np.ndarray
    features1: tuple[str, ...]
    features2: tuple[str, ...]
    shared: tuple[tuple[int, int], ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    standardise: bool = True
    image: tuple[int, int] | None = None
    truth: Truth | None = None


@dataclass(frozen=True, eq=False)
class Truth:
    """What scoring knows. What is not known is None.

    Parameters
    ----------
    target12
        What domain 2 would have measured of the cells of domain 1, shape (n1, features of domain 2 or some of them).
    target21
        What domain 1 would have measured of the cells of domain 2, shape (n2, features of domain 1 or some of them).
    partner
        Row of domain 2 that is the same cell, shape (n1,), int64; -1 where there is none.
    label1, label2
        Class or population of every cell, texts of shape (n1,) and (n2,). Cells with one label belong together.
    scored
        Features of `target12` whose prediction is judged feature by feature, where nothing is hidden; empty for all.
    """

    target12: pd.DataFrame | None = None
    target21: pd.DataFrame | None = None
    partner: np.ndarray | None = None
    label1: np.ndarray | None = None
    label2: np.ndarray | None = None
    scored: tuple[str, ...] = ()
