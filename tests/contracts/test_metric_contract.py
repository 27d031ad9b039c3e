"""Every metric is in range, best for a perfect space, worst for its opposite, and independent of names and order."""

import numpy as np
import pytest
from plugin_facts import of_task

from portal_lib.benchmark import registry
from portal_lib.errors import NotApplicable
from portal_lib.metrics._scaled import scaled
from portal_lib.metrics._space import Space, Truth

METRICS = of_task("metrics", registry.find("metrics"), "integrate")
N_LABELS, N_EACH = 3, 120
PARTS = ("before", "expression", "corrected", "pseudotime", "cell_cycle")


def one_hot(codes, seed=0):
    noise = np.random.default_rng(seed).normal(0, 0.05, (len(codes), codes.max() + 1))
    return np.eye(codes.max() + 1)[codes] + noise


class Cells:
    """Cells with all inputs of metrics.

    Three labels with equal shares of two batches and a small one in one batch only; coordinates before integration that
    hold the batch only; expression that holds the batch, the label and a cell cycle; a pseudotime.
    """

    def __init__(self):
        rng = np.random.default_rng(1)
        self.label = np.append(np.repeat(np.arange(N_LABELS), N_EACH), np.full(16, N_LABELS))
        self.batch = np.append(np.tile([0, 1], N_LABELS * N_EACH // 2), np.zeros(16, int))
        n_cells = len(self.label)
        # The batches, but the label that is in one of them is divided between both.
        self.mixed = np.where(self.label == N_LABELS, np.arange(n_cells) % 2, self.batch)
        self.genes = np.array([f"gene{number}" for number in range(300)])
        phase, means = rng.normal(size=(n_cells, 2)), rng.uniform(0.5, 2, 300)
        values = rng.normal(0, 0.3, (n_cells, 300)) + means
        values[:, :20] += phase[:, :1]
        values[:, 20:40] += phase[:, 1:]
        values[:, 40:80] += rng.normal(size=(4, 40))[self.label]
        values[:, 100:200] += 2 * rng.normal(size=(2, 100))[self.batch]
        self.values = np.maximum(values, 0)
        self.phase, self.place = phase, rng.uniform(size=n_cells)
        self.parts = {
            "before": 5 * one_hot(self.batch, seed=9),
            "expression": (self.values, self.genes),
            "corrected": (self.values, self.genes),
            "pseudotime": self.place,
            "cell_cycle": phase,
        }

    def truth(self, name):
        """Truth for a metric; along a trajectory the labels are its sections."""
        return self.batch, (3 * self.place).astype(int) if "pseudotime" in needs(name) else self.label

    def embedding(self, name, perfect):
        """Coordinates that are best or worst for a metric."""
        if "pseudotime" in needs(name):
            place = self.place if perfect else 2 * np.abs(self.place - 0.5)
            return np.column_stack([5 * place, self.phase[:, 0] / 2])
        if "cell_cycle" in needs(name) and perfect:
            return self.values if METRICS[name]["definition"] == "scib" else scaled(self.values).toarray()
        return one_hot(self.label if perfect else self.mixed)

    def space(self, name, perfect=True, order=slice(None), **changed):
        """The space for a metric, with all parts; corrected expression is the one before, or has its genes permuted."""
        parts = self.parts if perfect else self.parts | {"corrected": (self.values, np.roll(self.genes, 150))}
        moved = {key: _moved(part, order) for key, part in (parts | changed).items()}
        if "embedding" in changed or "connectivities" in changed:
            return Space(**moved)
        return Space(self.embedding(name, perfect)[order], **moved)


def _moved(part, order):
    """A part of a space with its cells in another order."""
    if isinstance(part, tuple):
        return part[0][order], part[1]
    return part[order] if isinstance(part, np.ndarray) else part


@pytest.fixture(scope="module")
def cells():
    return Cells()


def needs(name):
    return set(METRICS[name]["needs"])


def score(name, space, batch, label):
    return registry.load("metrics", name).score(space, Truth(batch, label))


def bounds(name):
    """Range of a metric; where it has no lower bound, 0, the value of no improvement."""
    low, high = METRICS[name]["range"]
    return 0 if low is None else low, high


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_space_scores_near_the_best_and_its_opposite_near_the_worst(cells, name):
    low, high = bounds(name)
    best, worst = (score(name, cells.space(name, end), *cells.truth(name)) for end in (True, False))
    if METRICS[name]["better"] == "lower":
        assert low <= best < low + 0.1 * (high - low)
        assert 5 * best < worst <= high
        return
    assert worst < best <= high
    assert best - worst > 0.15 * (high - low)
    assert worst < low + 0.55 * (high - low)
    if METRICS[name]["definition"] == "scib":
        assert best - worst > 0.4 * (high - low)
        assert low <= worst
        assert best > low + 0.85 * (high - low)


@pytest.mark.parametrize("name", METRICS)
def test_scores_of_random_coordinates_are_in_range(cells, name):
    low, high = METRICS[name]["range"]
    space = cells.space(name, embedding=np.random.default_rng(3).normal(size=(len(cells.label), 5)))
    found = score(name, space, *cells.truth(name))
    assert isinstance(found, float)
    assert low is None or low <= found
    assert found <= high


@pytest.mark.parametrize("name", METRICS)
def test_scores_do_not_depend_on_names_of_labels_and_batches(cells, name):
    batch, label = cells.truth(name)
    space = cells.space(name)
    plain = score(name, space, batch, label)
    assert score(name, space, np.array(["z", "a"])[batch], np.array(["T", "B", "N", "A"])[label]) == plain


@pytest.mark.parametrize("name", METRICS)
def test_scores_do_not_depend_on_the_order_of_cells(cells, name):
    batch, label = cells.truth(name)
    order = np.random.default_rng(5).permutation(len(label))
    expected = score(name, cells.space(name), batch, label)
    found = score(name, cells.space(name, order=order), batch[order], label[order])
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", METRICS)
def test_each_needed_part_is_required_and_no_other(cells, name):
    batch, label = cells.truth(name)
    graph = cells.space(name).connectivities
    known = {"batch": batch, "label": label}
    given = {part: (cells.space(name, **{part: None}), known) for part in PARTS}
    given["embedding"] = cells.space(name, connectivities=graph), known
    given |= {part: (cells.space(name), known | {part: None}) for part in known}
    plugin = registry.load("metrics", name)
    for part, (space, truth) in given.items():
        if part in needs(name):
            with pytest.raises(NotApplicable):
                plugin.score(space, Truth(**truth))
        else:
            assert np.isfinite(plugin.score(space, Truth(**truth)))
