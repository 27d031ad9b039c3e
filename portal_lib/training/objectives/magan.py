"""MAGAN: a dual GAN with a correspondence loss, so that the domains are aligned and not only superimposed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import ClassVar

import numpy as np
import torch

from portal_lib.alignment.parameters import MaganParameters
from portal_lib.errors import ConfigError, PortalLibError, ShapeError
from portal_lib.training import losses
from portal_lib.training.objectives._dual import DualGAN, DualNetworks


@dataclass(frozen=True, kw_only=True)
class Magan(DualGAN, MaganParameters):
    """The objective of MAGAN. The generators are updated first; the discriminators are evaluated on a new pass.

    Parameters
    ----------
    shared
        Features that both domains measure: (column of A, column of B), one or more.
    pairs
        Known pairs of cells: (row of A, row of B) of the training data. All are evaluated in every step.
    relation
        Another correspondence: ``relation(in_a, in_b)`` of the same cells in both domains, tensors of shapes
        (n, n_features_a) and (n, n_features_b), returns a scalar tensor, 0 for a perfect correspondence. Called with
        (x_A, x_AB) and with (x_BA, x_B).

    The other parameters are those of :class:`portal_lib.alignment.parameters.MaganParameters`.

    Notes
    -----
    ::

        L_G = [L_d + λ_rec L_r + λ_corr L_c] / 6,  two terms each
        L_d = -E log D_B(x_AB) - E log D_A(x_BA)
        L_r = MSE(x_A, x_ABA) + MSE(x_B, x_BAB)
        L_c = mean over cells and shared of (x_AB[b] - x_A[a])², or Σ over pairs of MSE(G_AB(x_i), x_j),
              and the same in the other direction
        L_D = [Σ_domains -E log D(x) - E log D(reconstructed) - E log(1 - D(translated))] / 6, or 4 without the second

    Where several correspondences are given they add up, in the terms ``correspondence_ab`` and ``correspondence_ba``.
    Departs from the paper: its printed L_D has the sign of the second term reversed, against its own text; the
    augmentation starts late, since from step 0 it leads to collapse on mass cytometry; no dropout and no minibatch
    information for D, which the published code lacks, too. Sizes of the networks, reduction, order of the
    players and optimiser are those of the published code, Leaky ReLU that of the paper.

    References
    ----------
    Amodio and Krishnaswamy, ICML 2018, arXiv 1803.00385.
    """

    shared: tuple[tuple[int, int], ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    relation: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None

    name: ClassVar[str] = "magan"
    fresh_pass: ClassVar[bool] = True
    mean_of_terms: ClassVar[bool] = True

    def __post_init__(self):
        for name in ("shared", "pairs"):
            object.__setattr__(self, name, _as_tuples(getattr(self, name)))
        super().__post_init__()

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if self.relation is not None and not callable(self.relation):
            yield f"relation is {self.relation!r}; it must be a function or None."
        for name in ("shared", "pairs"):
            if bad := [item for item in getattr(self, name) if not _two_numbers(item)]:
                yield f"{name} contains {bad[0]!r}; it must contain pairs of whole numbers of at least 0."

    @property
    def remedy(self) -> str:
        """What to try when training diverges."""
        return super().remedy if self.relation is None else "Lower the learning rate, or keep relation finite."

    def attach(self, networks: DualNetworks, cells_a: np.ndarray, cells_b: np.ndarray) -> None:
        """Check correspondences against the data, and register columns and known pairs as buffers of the networks.

        Raises
        ------
        ConfigError
            There is no correspondence, or a column or row does not exist; the message lists all of these.
        """
        problems = []
        if self.lambda_corr > 0 and not (self.shared or self.pairs or self.relation):
            problems.append("has no correspondence: give shared features, known pairs or a relation, or use 'gan'")
        for name, axis, what in (("shared", 1, "column"), ("pairs", 0, "row")):
            for place, (domain, cells) in enumerate((("A", cells_a), ("B", cells_b))):
                beyond = sorted({item[place] for item in getattr(self, name) if item[place] >= cells.shape[axis]})
                if beyond:
                    problems.append(f"{name}: domain {domain} has {cells.shape[axis]} {what}s, no {what} {beyond[0]}")
        if problems:
            raise ConfigError(f"magan: {'; '.join(problems)}.")
        for place, (domain, cells) in enumerate((("a", cells_a), ("b", cells_b))):
            columns = torch.tensor([item[place] for item in self.shared], dtype=torch.int64)
            rows = np.array([item[place] for item in self.pairs], dtype=np.int64)
            networks.register_buffer(f"shared_{domain}", columns, persistent=False)
            paired = torch.from_numpy(np.array(cells[rows], dtype=np.float64))
            networks.register_buffer(f"paired_{domain}", paired, persistent=False)

    def _weight(self, term: str) -> float:
        return self.lambda_corr if term.startswith("correspondence_") else super()._weight(term)

    def _generator_terms(self, networks, outputs):
        terms = super()._generator_terms(networks, outputs)
        if self.lambda_corr > 0:
            x, translated = outputs.x, outputs.translated
            terms["correspondence_ab"] = self._correspondence(networks, x["a"], translated["b"], "a")
            terms["correspondence_ba"] = self._correspondence(networks, translated["a"], x["b"], "b")
        return terms

    def _correspondence(self, networks, in_a, in_b, source):
        """L_c of the generator from `source`, of the same cells in both domains."""
        parts = []
        if self.shared:
            columns = in_a.index_select(1, networks.shared_a), in_b.index_select(1, networks.shared_b)
            parts.append(losses.squared_error(*columns))
        if self.pairs:
            known = {"a": networks.paired_a, "b": networks.paired_b}
            translated, partner = networks.translate(known[source], source), known["b" if source == "a" else "a"]
            parts.append(losses.pair_loss(translated, partner, self.pair_reduction))
        if self.relation is not None:
            parts.append(_related(self.relation, in_a, in_b))
        return sum(parts)


def _as_tuples(items: Sequence) -> tuple:
    """Lists and arrays of pairs as tuples of plain numbers; other items unchanged."""
    plain = np.asarray(items).tolist() if isinstance(items, np.ndarray) else items
    return tuple(tuple(item) if isinstance(item, list | tuple) else item for item in plain)


def _two_numbers(item):
    whole = isinstance(item, tuple) and all(isinstance(n, Integral) and not isinstance(n, bool) for n in item)
    return whole and len(item) == 2 and min(item) >= 0


def _related(relation, in_a, in_b):
    """Value of the relation, a scalar tensor; its exceptions become a ConfigError, except out-of-memory errors."""
    try:
        value = relation(in_a, in_b)
    except (PortalLibError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        shapes = " and ".join(str(tuple(x.shape)) for x in (in_a, in_b))
        reason = ": ".join(filter(None, (type(error).__name__, str(error).strip().partition("\n")[0])))
        raise ConfigError(f"magan: relation failed on tensors of shapes {shapes} ({reason}).") from error
    return _scalar(value)


def _scalar(value):
    if not isinstance(value, torch.Tensor) or value.shape != ():
        found = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        raise ShapeError(f"magan: relation must return a scalar tensor, such as a mean; it returned {found}.")
    return value
