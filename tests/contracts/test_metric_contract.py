"""Every metric: in its range, best on perfect truth, worst on its opposite, and deaf to names and order."""

import numpy as np
import pytest
from plugin_facts import of_task

from portal_lib.benchmark import registry
from portal_lib.errors import NotApplicable
from portal_lib.metrics._space import Space, Truth

METRICS = of_task("metrics", registry.find("metrics"), "integrate")
N_LABELS, N_EACH = 3, 120


def one_hot(codes, seed=0):
    noise = np.random.default_rng(seed).normal(0, 0.05, (len(codes), codes.max() + 1))
    return np.eye(codes.max() + 1)[codes] + noise


@pytest.fixture(scope="module")
def cells():
    """Batch and label of cells, batches with equal shares of labels; and coordinates that hold the batch only."""
    label = np.repeat(np.arange(N_LABELS), N_EACH)
    batch = np.tile([0, 1], N_LABELS * N_EACH // 2)
    return batch, label, 5 * one_hot(batch, seed=9)


@pytest.fixture(scope="module")
def spaces(cells):
    """Where labels lie apart and batches are mixed; and the opposite."""
    batch, label, before = cells
    return {"perfect": Space(one_hot(label), before=before), "opposite": Space(one_hot(batch), before=before)}


def score(name, space, batch, label):
    return registry.load("metrics", name).score(space, Truth(batch, label))


@pytest.mark.parametrize("name", METRICS)
def test_best_on_perfect_truth_and_worst_on_its_opposite(cells, spaces, name):
    batch, label, _ = cells
    low, high = METRICS[name]["range"]
    best, worst = (score(name, spaces[end], batch, label) for end in ("perfect", "opposite"))
    assert low <= worst < best <= high
    assert best > low + 0.85 * (high - low)
    assert worst < low + 0.55 * (high - low)


@pytest.mark.parametrize("name", METRICS)
def test_random_coordinates_score_in_range_and_not_best(cells, spaces, name):
    batch, label, before = cells
    low, high = METRICS[name]["range"]
    space = Space(np.random.default_rng(3).normal(size=(len(label), 5)), before=before)
    found = score(name, space, batch, label)
    assert isinstance(found, float)
    assert low <= found <= high


@pytest.mark.parametrize("name", METRICS)
def test_names_of_labels_and_batches_do_not_matter(cells, spaces, name):
    batch, label, _ = cells
    plain = score(name, spaces["perfect"], batch, label)
    assert score(name, spaces["perfect"], np.array(["z", "a"])[batch], np.array(["T", "B", "N"])[label]) == plain


@pytest.mark.parametrize("name", METRICS)
def test_the_order_of_cells_does_not_matter(cells, spaces, name):
    batch, label, before = cells
    order = np.random.default_rng(5).permutation(len(label))
    moved = Space(one_hot(label)[order], before=before[order])
    expected = score(name, spaces["perfect"], batch, label)
    assert score(name, moved, batch[order], label[order]) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", METRICS)
def test_what_it_needs_it_misses_and_nothing_else(cells, name):
    """Each part of `needs` is needed, and the parts not named are not."""
    batch, label, before = cells
    needs = set(METRICS[name]["needs"])
    graph = Space(one_hot(label)).connectivities
    only_graph = {"connectivities": graph, "before": before}
    given = {
        "embedding": (only_graph, {"batch": batch, "label": label}),
        "before": ({"embedding": one_hot(label)}, {"batch": batch, "label": label}),
        "label": ({"embedding": one_hot(label), "before": before}, {"batch": batch}),
        "batch": ({"embedding": one_hot(label), "before": before}, {"label": label}),
    }
    for part, (space, truth) in given.items():
        plugin = registry.load("metrics", name)
        if part in needs:
            with pytest.raises(NotApplicable):
                plugin.score(Space(**space), Truth(**truth))
        else:
            assert np.isfinite(plugin.score(Space(**space), Truth(**truth)))
