"""Properties of every metric of integration; the metrics are the files of the folders."""

import numpy as np
import pytest
from scored_cells import made_cells, space_of

from portal_lib.benchmark import registry
from portal_lib.benchmark.config.parse import parse_config
from portal_lib.metrics import _distances, _kbet, _kernels, _lisi
from portal_lib.metrics._score import score_all
from portal_lib.metrics._space import Space, Truth

FACTS = {name: facts for name, facts in registry.find("metrics").items() if facts["group"] != "align"}
METRICS = list(FACTS)
CLUSTERED = {name for name, facts in FACTS.items() if "clusters" in facts["needs"]} | {
    "portal_nmi",
    "portal_ari",
    "portal_ari_per_batch",
    "portal_isolated_f1",
}
# Tests at a threshold, or ranks, which rounding may change for single cells.
COUNTED = {"kbet", "portal_kbet", "trajectory_conservation"}
SCIB = {
    *(
        "nmi",
        "ari",
        "asw_label",
        "isolated_labels_f1",
        "isolated_labels_asw",
        "clisi",
        "cell_cycle_conservation",
        "hvg_overlap",
    ),
    *("trajectory_conservation", "pcr", "asw_batch", "graph_connectivity", "kbet", "ilisi"),
}


def values(space, batch, label, metrics=METRICS):
    """Value by metric."""
    rows = score_all(space, Truth(batch, label), metrics)
    assert [row["reason"] for row in rows] == [""] * len(metrics)
    return {row["metric"]: row["value"] for row in rows}


def tolerance(name, exact):
    """Tolerance for the value of a metric."""
    return 0.05 if name in CLUSTERED else 0.01 if name in COUNTED else exact


@pytest.fixture(scope="module")
def plain(made):
    """Values of the made cells."""
    return values(space_of(made), made.batch, made.label)


def test_all_metrics_of_scib_exist():
    assert {name for name, facts in FACTS.items() if facts["definition"] == "scib"} == SCIB
    of_groups = {group: {name for name in SCIB if FACTS[name]["group"] == group} for group in ("batch", "bio")}
    assert (len(of_groups["batch"]), len(of_groups["bio"])) == (5, 9)


def test_the_portal_paper_has_five_batch_and_seven_bio_metrics():
    groups = [facts["group"] for facts in FACTS.values() if facts["definition"] == "portal"]
    assert (groups.count("portal_batch"), groups.count("portal_bio")) == (5, 7)


def test_fast_metrics_cover_both_groups_of_each_overall_score(made):
    fast = parse_config({"metrics": "fast"}).metrics
    paper = [name for name, facts in FACTS.items() if facts["definition"] == "portal" and facts["fast"]]
    batch = np.arange(len(made.label)) % 2
    label = np.where(made.label == "0", "0", "1")
    for names, groups in ((fast, {"batch", "bio"}), (paper, {"portal_batch", "portal_bio"})):
        names = [name for name in names if name in FACTS]
        # An embedding alone, and every label in every batch.
        rows = score_all(Space(made.embedding), Truth(batch, label), names)
        assert groups <= {row["group"] for row in rows if not row["reason"]}


def test_scores_do_not_depend_on_names_and_order_of_labels_and_batches(made, plain):
    label = np.array([{"0": "z", "1": "b b", "2": "é", "3": "10", "4": "9"}[one] for one in made.label])
    batch = np.array([{"0": 7, "1": -2, "2": 5}[one] for one in made.batch])
    assert values(space_of(made), batch, label) == plain


def test_scores_do_not_depend_on_the_order_of_cells(made, plain):
    order = np.random.default_rng(1).permutation(len(made.batch))
    turned = values(space_of(made, made.embedding[order], order), made.batch[order], made.label[order])
    for name, value in plain.items():
        assert turned[name] == pytest.approx(value, abs=tolerance(name, 1e-6)), name


@pytest.mark.parametrize("scale", [3, 1e-4, 1e5])
def test_scores_do_not_depend_on_rotation_translation_and_scale(made, plain, scale):
    axes, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(12, 12)))
    turned = values(space_of(made, scale * (made.embedding @ axes + 5)), made.batch, made.label)
    for name, value in plain.items():
        # Angles at the origin change with a translation.
        if name != "bras":
            assert turned[name] == pytest.approx(value, abs=tolerance(name, 1e-5)), name
    turned = values(space_of(made, scale * (made.embedding @ axes)), made.batch, made.label, ["bras"])
    assert turned["bras"] == pytest.approx(plain["bras"], abs=1e-6)


def test_repeated_dimensions_do_not_change_scores(made, plain):
    twice = values(space_of(made, np.hstack([made.embedding] * 2)), made.batch, made.label)
    for name, value in plain.items():
        assert twice[name] == pytest.approx(value, abs=tolerance(name, 1e-5)), name


def test_scoring_leaves_the_input_unchanged_and_is_reproducible(made, plain):
    embedding, expression = made.embedding.copy(), made.expression.copy()
    assert values(space_of(made, embedding), made.batch, made.label) == plain
    np.testing.assert_array_equal(embedding, made.embedding)
    np.testing.assert_array_equal(expression.data, made.expression.data)


def test_scores_do_not_depend_on_the_number_of_threads(made, monkeypatch):
    # Chunks so small that every thread has some.
    for module, size in ((_lisi, "ROWS_EACH"), (_kbet, "ROWS_EACH"), (_distances, "TILE")):
        monkeypatch.setattr(module, size, 8)
    found = []
    for n_threads in (1, 3):
        monkeypatch.setattr(_kernels, "n_threads", lambda n=n_threads: n)
        found.append(values(space_of(made), made.batch, made.label))
    assert found[0] == found[1]


@pytest.mark.parametrize(("given", "expected"), [("3", 3), ("99", 8), ("", 8), ("0", 8), ("all", 8)])
def test_threads_are_limited_by_cores_and_by_omp_num_threads(monkeypatch, given, expected):
    monkeypatch.setattr(_kernels.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert _kernels.n_threads() == expected


def test_a_perfect_space_scores_better_than_its_opposite():
    cells = made_cells(600)
    by_label, by_batch = (np.eye(5)[codes.astype(int)] for codes in (cells.label, cells.batch))
    noise = np.random.default_rng(0).uniform(-0.01, 0.01, by_label.shape)
    of_space = [name for name in METRICS if not {"pseudotime", "cell_cycle", "corrected"} & set(FACTS[name]["needs"])]
    # A label in one batch is compact in the opposite space, too; its silhouette is that of its batch.
    of_space = [name for name in of_space if not name.endswith("_asw")]
    perfect = values(space_of(cells, by_label + noise), cells.batch, cells.label, of_space)
    opposite = values(space_of(cells, by_batch + noise), cells.batch, cells.label, of_space)
    for name in of_space:
        best, worst = perfect[name], opposite[name]
        assert best < worst if FACTS[name]["better"] == "lower" else best > worst, name
    assert min(perfect[name] for name in ("nmi", "ari", "clisi", "graph_connectivity", "isolated_labels_f1")) > 0.99
    assert opposite["pcr"] == opposite["kbet"] == opposite["portal_kbet"] == 0
    assert opposite["ilisi"] == pytest.approx(0, abs=1e-6)


def test_pcr_of_the_unintegrated_space_is_exactly_0(made):
    wide = np.hstack([made.embedding] * 5)
    for embedding in (made.embedding, made.embedding.astype(np.float64), wide):
        assert values(Space(embedding, before=embedding), made.batch, made.label, ["pcr"]) == {"pcr": 0}


def test_pcr_of_centred_batches_is_1(made):
    centred = made.embedding.astype(float)
    for one in np.unique(made.batch):
        centred[made.batch == one] -= centred[made.batch == one].mean(axis=0)
    found = values(Space(centred, before=made.embedding), made.batch, made.label, ["pcr"])
    assert found["pcr"] == pytest.approx(1, abs=1e-12)


def test_values_are_in_the_range_of_the_facts(plain):
    for name, value in plain.items():
        low, high = FACTS[name]["range"]
        assert low is None or low <= value
        assert value <= high
