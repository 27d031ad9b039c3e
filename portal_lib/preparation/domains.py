"""Two domains to align: the input of a method, and, separately, the ground truth that only scoring sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Correspondence:
    """Known correspondence of the domains in one training.

    Parameters
    ----------
    shared
        Features that both domains measure: (name in domain 1, name in domain 2).
    pairs
        Known pairs, each two measurements of one cell: (row of domain 1, row of domain 2).
    hidden
        Features that are removed from domain 1 before the method sees it, to be predicted. None of them is shared.
    """

    shared: tuple[tuple[str, str], ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Domains:
    """Two domains and their known correspondences. Cells are rows; the domains do not share an order of rows.

    Parameters
    ----------
    x1, x2
        Cells × features, shapes (n1, d1) and (n2, d2), finite; names of cells and of features are unique texts.
    correspondences
        One or more; a method is trained anew for each.
    draw_by_seed
        The correspondences are random draws: a run uses the one of its seed (seed modulo their number) instead of all.
    standardise
        Whether features are to be standardised before training; False where they are on one scale already.
    image
        Height and width, where features are the pixels of images, row by row.
    notes
        How the data were changed.
    """

    x1: pd.DataFrame
    x2: pd.DataFrame
    correspondences: tuple[Correspondence, ...]
    draw_by_seed: bool = False
    standardise: bool = True
    image: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()

    def correspondence_numbers(self, seed: int) -> list[int]:
        """Numbers of the correspondences that a run with this seed trains on."""
        n = len(self.correspondences)
        return [seed % n] if self.draw_by_seed else list(range(n))

    def task_input(self, number: int, truth: Truth | None = None) -> TaskInput:
        """The input of a method for one correspondence; `truth` is for controls that declare that they use it."""
        correspondence = self.correspondences[number]
        x1 = self.x1.drop(columns=list(correspondence.hidden))
        places = [{name: i for i, name in enumerate(x.columns)} for x in (x1, self.x2)]
        shared = tuple((places[0][a], places[1][b]) for a, b in correspondence.shared)
        values1, values2 = (np.ascontiguousarray(x.to_numpy(np.float32)) for x in (x1, self.x2))
        return TaskInput(
            values1,
            values2,
            tuple(x1.columns),
            tuple(self.x2.columns),
            shared,
            correspondence.pairs,
            standardise=self.standardise,
            image=self.image,
            truth=truth,
        )


@dataclass(frozen=True, eq=False)
class TaskInput:
    """Input of a method of the task "align".

    Parameters
    ----------
    x1, x2
        Cells × features, float32, shapes (n1, d1) and (n2, d2).
    features1, features2
        Names of the columns.
    shared
        (column of `x1`, column of `x2`) of the shared features; may be empty.
    pairs
        (row of `x1`, row of `x2`) of the known pairs; may be empty.
    standardise, image
        As in :class:`Domains`.
    truth
        None, except for controls that declare that they use it.
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
    """Ground truth for scoring; each part is None where it is unknown.

    Parameters
    ----------
    target12
        What domain 2 would have measured in the cells of domain 1, shape (n1, features of domain 2 or some of them).
    target21
        What domain 1 would have measured in the cells of domain 2, shape (n2, features of domain 1 or some of them).
    partner
        Row of domain 2 that is the same cell, shape (n1,), int64; -1 where there is none.
    label1, label2
        Class or population of every cell, texts of shape (n1,) and (n2,). Cells with one label belong together.
    scored
        Features of `target12` whose prediction is scored feature by feature, where nothing is hidden; empty for all.
    """

    target12: pd.DataFrame | None = None
    target21: pd.DataFrame | None = None
    partner: np.ndarray | None = None
    label1: np.ndarray | None = None
    label2: np.ndarray | None = None
    scored: tuple[str, ...] = ()
