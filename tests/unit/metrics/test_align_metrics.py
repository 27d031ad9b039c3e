"""Properties of every metric of alignment; the metrics are the files of the folder."""

import numpy as np
import pytest

from portal_lib.benchmark import registry
from portal_lib.errors import NotApplicable
from portal_lib.metrics._score import score_translation
from portal_lib.metrics.align._translation import Correspondence, Translation

METRICS = {name: facts for name, facts in registry.find("metrics").items() if facts["group"] == "align"}
N_LABELS, N_CELLS = 4, 320
# Random pairs are drawn by row number, so the order of cells has a small influence.
BY_ROW = {"mse_rel_random"}


def domains(seed=0):
    """Separate populations, measured in two domains of the same geometry; half of the cells in each."""
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(2 * N_CELLS) % N_LABELS)
    x1 = 4 * np.eye(N_LABELS, 6)[label] + rng.normal(size=(2 * N_CELLS, 6))
    x2 = 3 * x1[:, [3, 1, 0, 5, 2, 4]] - 5
    first, second = np.arange(N_CELLS), np.arange(N_CELLS, 2 * N_CELLS)
    real = {"x1": x1[first], "x2": x2[second]}
    known = {"target12": x2[first], "target21": x1[second], "label1": label[first], "label2": label[second]}
    return real, known


def next_population(target, label):
    """The values of a cell of the next population for each cell."""
    order = np.argsort(label, kind="stable")
    found = np.empty_like(target)
    found[order] = target[np.roll(order, len(order) // N_LABELS)]
    return found


@pytest.fixture(scope="module")
def cells():
    return domains()


@pytest.fixture(scope="module")
def outcomes(cells):
    """Translations from perfect to useless."""
    real, known = cells
    rng = np.random.default_rng(1)
    target = {"x12": known["target12"], "x21": known["target21"]}
    label, aim = {"x12": known["label1"], "x21": known["label2"]}, {"x12": real["x2"], "x21": real["x1"]}
    # Translated back, the perfect cells are the cells themselves, the others as in their first translation.
    target |= {"x121": real["x1"], "x212": real["x2"]}
    label |= {"x121": known["label1"], "x212": known["label2"]}
    aim |= {"x121": real["x1"], "x212": real["x2"]}
    return {
        "perfect": target,
        "noisy": {name: x + 0.8 * x.std() * rng.normal(size=x.shape) for name, x in target.items()},
        "random": {name: rng.permutation(x) for name, x in target.items()},
        "swapped": {name: next_population(x, label[name]) for name, x in target.items()},
        "collapsed": {name: np.broadcast_to(x[5], x.shape) for name, x in aim.items()},
    }


def values(real, outcome, known, metrics=METRICS):
    """Value by row."""
    rows = score_translation(Translation(**real, **outcome), Correspondence(**known), list(metrics))
    assert {row["reason"] for row in rows} == {""}
    return {row["metric"]: row["value"] for row in rows}


@pytest.fixture(scope="module")
def found(cells, outcomes):
    real, known = cells
    return {name: values(real, outcome, known) for name, outcome in outcomes.items()}


def test_the_expected_metrics_exist():
    expected = {"foscttm", "label_transfer", "mse", "mse_rel_mean", "mse_rel_random", "pearson", "spearman"}
    assert expected | {"destination", "superimposition", "knn_auc", "wasserstein", "cycle_error"} <= set(METRICS)


def test_wasserstein_distance_measures_a_shift_and_ignores_a_permutation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    shifted = values({"x1": x, "x2": x}, {"x12": x + 0.5 * x.std(axis=0), "x21": x}, {}, ["wasserstein"])
    assert shifted["wasserstein:12"] == pytest.approx(0.5)
    assert shifted["wasserstein:21"] == pytest.approx(0)
    mixed = values({"x1": x, "x2": x}, {"x12": rng.permutation(x), "x21": x}, {}, ["wasserstein"])
    assert mixed["wasserstein"] == pytest.approx(0)


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_translation_scores_best_and_a_useless_one_far_below(found, name):
    low, high = METRICS[name]["range"]
    ends = {outcome: found[outcome][name] for outcome in found}
    assert all(low - 1e-9 <= value <= (np.inf if high is None else high + 1e-9) for value in ends.values())
    if METRICS[name]["better"] == "lower":
        # Without a target the score compares with other real cells.
        assert ends["perfect"] == pytest.approx(low, abs=1e-9 if "target" in METRICS[name]["needs"] else 0.2)
        assert max(ends.values()) > low + 0.45 * (1 if high is None else high - low)
    else:
        assert ends["perfect"] > low + 0.85 * (high - low)
        assert min(ends.values()) < low + 0.55 * (high - low)


@pytest.mark.parametrize("name", METRICS)
def test_noise_lowers_the_score(found, name):
    worse = found["noisy"][name] - found["perfect"][name]
    assert worse > 0.02 if METRICS[name]["better"] == "lower" else worse < -0.02


def test_random_pairs_swaps_and_collapse_have_their_known_scores(found):
    random, swapped, collapsed = (found[name] for name in ("random", "swapped", "collapsed"))
    assert random["foscttm"] == pytest.approx(0.5, abs=0.03)
    assert random["cycle_error"] == pytest.approx(2, abs=0.1)
    assert collapsed["foscttm"] == pytest.approx(0.5, abs=1e-9)
    assert random["knn_auc"] == pytest.approx(0.05, abs=0.02)
    assert random["mse_rel_random"] == pytest.approx(1, abs=0.05)
    assert random["mse_rel_mean"] == pytest.approx(2, abs=0.1)
    assert abs(random["pearson"]) < 0.05
    assert random["destination"] == pytest.approx(1 / N_LABELS, abs=0.06)
    assert random["label_transfer"] == pytest.approx(1 / N_LABELS, abs=0.06)
    assert swapped["destination"] < 0.05
    assert swapped["label_transfer"] < 0.05
    assert swapped["superimposition"] > 0.85
    # The populations are permuted in a cycle: no two of them are swapped.
    assert {values["destination:swapped"] for values in found.values()} == {0}
    assert collapsed["superimposition"] == pytest.approx(0, abs=1e-9)
    assert collapsed["destination"] == pytest.approx(1 / N_LABELS)
    assert (collapsed["pearson"], collapsed["pearson:constant_predictions"]) == (0, 6)


def test_parts_stated_in_the_facts_are_always_returned(found):
    stated = {f"{name}:{part}" for name, facts in METRICS.items() for part in facts.get("parts", {})}
    assert stated >= {"pearson:constant_predictions", "spearman:constant_predictions"}
    assert all(stated <= set(values) for values in found.values())


def test_scores_do_not_depend_on_names_and_order_of_labels(cells, outcomes, found):
    real, known = cells
    names = np.array(["z", "b b", "é", "10"])
    renamed = known | {name: names[known[name]] for name in ("label1", "label2")}
    for outcome in ("noisy", "random"):
        other = values(real, outcomes[outcome], renamed)
        before = {name: found[outcome][name] for name in METRICS}
        assert {name: other[name] for name in METRICS} == pytest.approx(before, abs=1e-12)
        for code, text in enumerate(names):
            assert other[f"destination:21:{text}"] == found[outcome][f"destination:21:{code}"]


def test_scores_do_not_depend_on_the_order_of_cells(cells, outcomes, found):
    real, known = cells
    rng = np.random.default_rng(2)
    order = {"1": rng.permutation(N_CELLS), "2": rng.permutation(N_CELLS)}
    place = {"x1": "1", "x2": "2", "x12": "1", "x21": "2", "x121": "1", "x212": "2"} | {
        "target12": "1",
        "target21": "2",
        "label1": "1",
        "label2": "2",
    }
    moved = [{k: x[order[place[k]]] for k, x in group.items()} for group in (real, outcomes["noisy"], known)]
    other = values(*moved)
    assert list(other) == list(found["noisy"])
    for name, value in other.items():
        tolerance = 0.05 if name.partition(":")[0] in BY_ROW else 1e-9
        assert value == pytest.approx(found["noisy"][name], abs=tolerance), name


def test_scores_do_not_depend_on_units_of_features(cells, outcomes, found):
    real, known = cells
    rng = np.random.default_rng(3)
    units = {"1": (rng.uniform(0.01, 99, 6), rng.normal(size=6)), "2": (rng.uniform(0.01, 99, 6), rng.normal(size=6))}
    place = {"x1": "1", "x2": "2", "x12": "2", "x21": "1", "x121": "1", "x212": "2", "target12": "2", "target21": "1"}

    def changed(group):
        return {k: x * units[place[k]][0] + units[place[k]][1] if k in place else x for k, x in group.items()}

    other = values(*(changed(group) for group in (real, outcomes["noisy"], known)))
    assert other == pytest.approx(found["noisy"], abs=1e-6)


def test_scoring_leaves_the_input_unchanged_and_is_reproducible(cells, outcomes, found):
    real, known = cells
    groups = real, outcomes["noisy"], known
    before = [{name: x.copy() for name, x in group.items()} for group in groups]
    assert values(*groups) == found["noisy"]
    for group, copies in zip(groups, before, strict=True):
        for name, copy in copies.items():
            np.testing.assert_array_equal(group[name], copy)


def test_metrics_do_not_depend_on_metrics_computed_before(cells, outcomes, found):
    real, known = cells
    for name in METRICS:
        assert values(real, outcomes["noisy"], known, [name])[name] == found["noisy"][name]


GIVEN = {
    "reconstructed": ("x121", "x212"),
    "translated": ("x12", "x21"),
    "target": ("target12", "target21"),
    "label": ("label1", "label2"),
}


@pytest.mark.parametrize("name", METRICS)
def test_each_needed_part_is_required_and_no_other(cells, outcomes, name):
    real, known = cells
    for part, keys in GIVEN.items():
        has = {key: x for key, x in outcomes["noisy"].items() if key not in keys}
        knows = {key: x for key, x in known.items() if key not in keys}
        plugin, args = registry.load("metrics", name), (Translation(**real, **has), Correspondence(**knows))
        if part in METRICS[name]["needs"]:
            with pytest.raises(NotApplicable):
                plugin.score(*args)
        else:
            assert np.isfinite(plugin.score(*args)[""])


@pytest.mark.parametrize("name", METRICS)
def test_one_direction_is_scored_alone(cells, outcomes, name):
    real, known = cells
    plugin = registry.load("metrics", name)
    one = {part: outcomes["noisy"][part] for part in ("x12", "x121")}
    found = plugin.score(Translation(**real, **one), Correspondence(**known))
    both = plugin.score(Translation(**real, **outcomes["noisy"]), Correspondence(**known))
    first, second = ("1", "2") if "reconstructed" in METRICS[name]["needs"] else ("12", "21")
    assert found[""] == pytest.approx(both.get(first, both[""]))
    assert second not in found
