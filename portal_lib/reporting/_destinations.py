"""Where the cells of each cluster are mapped: shares per method and direction, and how many runs are right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from portal_lib._intervals import wilson

MAJORITY = 0.5


@dataclass(frozen=True)
class Destination:
    """Where the clusters of one domain are mapped in the other, over the runs of one method.

    Parameters
    ----------
    sources, targets
        Clusters of the rows and columns of `mean`.
    mean
        Share of the cells of a source that are mapped to a target, mean over runs; rows sum to 1.
    n_runs, n_right, n_swapped
        All runs; runs that map more than half of every cluster to the cluster of the same name; and runs with two
        clusters of which more than half of each is mapped to the other.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    mean: np.ndarray
    n_runs: int
    n_right: int
    n_swapped: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson 95 % interval of the share of right runs."""
        return wilson(self.n_right, self.n_runs)


def destination_of(runs: pd.DataFrame, labels: Sequence[str]) -> Destination:
    """Summarise the runs of one method in one direction.

    Parameters
    ----------
    runs
        Columns seed, source, target, share; a missing target has share 0.
    labels
        Names of the clusters in order; a cluster without a cell in a domain is left out of that domain.

    Returns
    -------
    The mean over runs. A run is right if it maps more than half of every source that is also a target to the cluster of
    the same name. Right and swapped runs are those that the metric ``destination`` counts.
    """
    table = runs.assign(source=runs["source"].astype(str), target=runs["target"].astype(str))
    sources = tuple(name for name in labels if name in set(table["source"]))
    targets = tuple(name for name in labels if name in set(table["target"]))
    seeds = sorted(table["seed"].unique())
    shares = table.pivot_table(index=["seed", "source"], columns="target", values="share", aggfunc="mean")
    every = pd.MultiIndex.from_product([seeds, sources])
    shares = shares.reindex(index=every, columns=list(targets)).fillna(0.0).to_numpy()
    per_run = shares.reshape(len(seeds), len(sources), len(targets))
    right = sum(_is_right(shares, sources, targets) for shares in per_run)
    swapped = sum(_is_swapped(shares, sources, targets) for shares in per_run)
    return Destination(sources, targets, per_run.mean(axis=0), len(seeds), right, swapped)


def _is_right(shares: np.ndarray, sources: Sequence[str], targets: Sequence[str]) -> bool:
    own = [row[targets.index(name)] for row, name in zip(shares, sources, strict=True) if name in targets]
    return bool(own) and min(own) > MAJORITY


def _is_swapped(shares: np.ndarray, sources: Sequence[str], targets: Sequence[str]) -> bool:
    both = [name for name in sources if name in targets]
    most = shares[[sources.index(name) for name in both]][:, [targets.index(name) for name in both]] > MAJORITY
    np.fill_diagonal(most, False)
    return bool((most & most.T).any())


def cluster_names(destinations: pd.DataFrame) -> list[str]:
    """Names of the clusters: numbers in numerical order, then the others in alphabetical order."""
    names = {*destinations["source"].astype(str), *destinations["target"].astype(str)}
    return sorted(names, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))
