"""scib is the oracle: on synthetic cells, on real cells, and by its documented values for real cells."""

import numpy as np
import pandas as pd
import pytest
from scib_oracle import scib_clustered, scib_isolated, scib_scores
from scored_cells import REAL_NAMES, embeddings, made_cells

from portal_lib.metrics._score import score_all
from portal_lib.metrics._space import Space, Truth

METRICS = ["asw_label", "asw_batch", "graph_connectivity", "pcr", "ilisi", "clisi", "nmi", "ari"]
ISOLATED = ["isolated_labels_f1", "isolated_labels_asw"]
# LISI: scib passes six digits through a file.
TOLERANCE = dict.fromkeys([*METRICS, *ISOLATED], 1e-6) | {"ilisi": 1e-5, "clisi": 1e-5}
TOLERANCE |= dict.fromkeys(["nmi", "ari", "isolated_labels_f1"], 0.01)

# Documented values of scib, for the first and for the second file.
TABLE = {
    "unintegrated": [(0.542, 0.751), (0.795, 0.691), (0.889, 0.889), (0, 0), (0.179, 0), (0.955, 1), (0.678, 0.718)],
    "centred": [(0.553, 0.775), (0.914, 0.857), (0.882, 1), (1, 1), (0.791, 0.197), (0.950, 1), (0.792, 0.900)],
    "shuffle": [
        (0.447, 0.495),
        (0.941, 0.970),
        (0.485, 0.321),
        (0.995, 0.984),
        (0.940, 0.482),
        (0.587, 0.132),
        (0.036, 0.006),
    ],
    "shuffle_by_batch": [
        (0.455, 0.497),
        (0.865, 0.937),
        (0.399, 0.344),
        (0, 0),
        (0.179, 0),
        (0.584, 0.140),
        (0.031, 0.008),
    ],
    "shuffle_by_label": [
        (0.542, 0.751),
        (0.954, 0.975),
        (0.889, 0.889),
        (0.992, 0.972),
        (0.929, 0.458),
        (0.955, 1),
        (0.659, 0.718),
    ],
    "label_embedding_jittered": [
        (0.992, 0.995),
        (0.944, 0.965),
        (1, 1),
        (0.986, 0.968),
        (0.919, 0.459),
        (1, 1),
        (0.995, 1),
    ],
}
TABLE_ARI = {
    "unintegrated": (0.512, 0.533),
    "centred": (0.787, 0.851),
    "shuffle": (0.001, 0),
    "shuffle_by_batch": (-0.005, 0),
    "shuffle_by_label": (0.465, 0.533),
    "label_embedding_jittered": (0.998, 1),
}


def our_scores(cells, embedding, metrics=METRICS):
    """Values by metric."""
    space = Space(embedding, before=cells.embedding)
    rows = score_all(space, Truth(cells.batch, cells.label), metrics)
    assert all(row["reason"] == "" for row in rows)
    return {row["metric"]: row["value"] for row in rows}


def assert_equal_scores(ours, theirs):
    """Every value within the tolerance of its metric."""
    wrong = {name: (ours[name], theirs[name]) for name in theirs if abs(ours[name] - theirs[name]) > TOLERANCE[name]}
    assert not wrong


@pytest.mark.slow
@pytest.mark.parametrize("control", list(TABLE))
def test_scores_of_made_cells_equal_scib(scib, made, control):
    embedding = embeddings(made)[control]
    assert_equal_scores(our_scores(made, embedding), scib_scores(scib, made, embedding, made.embedding, lisi=False))


@pytest.mark.slow
@pytest.mark.parametrize("control", ["centred", "shuffle_by_batch"])
def test_lisi_of_made_cells_equals_scib(scib_with_lisi, made, control):
    embedding = embeddings(made)[control]
    assert_equal_scores(our_scores(made, embedding), scib_scores(scib_with_lisi, made, embedding, made.embedding))


@pytest.mark.slow
@pytest.mark.parametrize("control", list(TABLE))
def test_isolated_label_scores_of_made_cells_equal_scib(scib, made, control):
    embedding = embeddings(made)[control]
    assert_equal_scores(our_scores(made, embedding, ISOLATED), scib_isolated(scib, made, embedding))


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["scmixology", "emb_celllines_2370"])
@pytest.mark.parametrize("control", ["unintegrated", "centred", "shuffle_by_label"])
def test_isolated_label_scores_of_real_cells_equal_scib(scib, real, name, control):
    cells = real(name)
    embedding = embeddings(cells)[control]
    assert_equal_scores(our_scores(cells, embedding, ISOLATED), scib_isolated(scib, cells, embedding))


@pytest.mark.realdata
def test_documented_isolated_label_scores_are_reproduced(real):
    cells = real("emb_celllines_2370")
    ours = our_scores(cells, cells.embedding, ISOLATED)
    assert ours["isolated_labels_asw"] == pytest.approx(0.7428, abs=5e-5)
    assert ours["isolated_labels_f1"] == pytest.approx(0.894, abs=0.01)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "control"),
    [(name, control) for name in REAL_NAMES for control in ("unintegrated", "centred", "shuffle_by_label")]
    + [("scmixology", "centred"), ("emb_celllines_2370", "unintegrated"), ("mesc_scmerge", "centred")],
)
def test_scores_of_real_cells_equal_scib(scib_with_lisi, real, name, control):
    cells = real(name)
    embedding = embeddings(cells)[control]
    assert_equal_scores(our_scores(cells, embedding), scib_scores(scib_with_lisi, cells, embedding, cells.embedding))


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "control"),
    [
        ("kang_ifnb_labelled", "unintegrated"),
        ("kang_ifnb_labelled", "centred"),
        ("kang_ifnb_labelled", "shuffle_by_label"),
        ("scmixology_3protocols", "centred"),
        ("emb_celllines_2370", "centred"),
    ],
)
def test_scores_by_scibs_default_clustering_differ_as_documented(scib, real, name, control):
    cells = real(name)
    embedding = embeddings(cells)[control]
    theirs = {metric: value for metric, value in scib_clustered(scib, cells, embedding).items() if np.isfinite(value)}
    ours = our_scores(cells, embedding, list(theirs))
    # As `implementation` states. Leiden finds other clusters with another seed or order of the cells, too.
    tolerance = {"nmi": 0.02, "ari": 0.0405, "isolated_labels_f1": 0.04}
    wrong = {key: (ours[key], theirs[key]) for key in theirs if abs(ours[key] - theirs[key]) > tolerance[key]}
    assert not wrong
    assert ("isolated_labels_f1" in theirs) == (name == "emb_celllines_2370")


@pytest.mark.slow
def test_pcr_of_a_wide_embedding_uses_50_components_as_scib(scib):
    cells = made_cells(seed=3)
    rng = np.random.default_rng(0)
    wide = np.hstack([cells.embedding, rng.normal(size=(len(cells.batch), 70)).astype(np.float32)])
    cells.embedding = wide[:, :40]
    ours = our_scores(cells, wide)["pcr"]
    assert ours == pytest.approx(scib_scores(scib, cells, wide, cells.embedding, lisi=False)["pcr"], abs=1e-6)


def documented_values(control, column):
    """Values of scib for a control of one file, by metric."""
    values = [pair[column] for pair in TABLE[control]] + [TABLE_ARI[control][column]]
    return dict(zip([*METRICS[:6], "nmi", "ari"], values, strict=True))


@pytest.mark.realdata
@pytest.mark.parametrize("column", [0, 1], ids=REAL_NAMES)
@pytest.mark.parametrize("control", ["unintegrated", "centred"])
def test_documented_scib_scores_are_reproduced(real, control, column):
    cells = real(REAL_NAMES[column])
    ours = our_scores(cells, embeddings(cells)[control])
    # The documented clusters are leidenalg's at convergence; ours are igraph's after two iterations, with an ARI of .47
    # or .51 on the first file without integration, depending on the seed, also with more iterations.
    tolerance = dict.fromkeys(METRICS, 0.002) | {"nmi": 0.03, "ari": 0.045}
    wrong = {
        name: (ours[name], value)
        for name, value in documented_values(control, column).items()
        if abs(ours[name] - value) > tolerance[name]
    }
    assert not wrong


@pytest.mark.realdata
@pytest.mark.parametrize("column", [0, 1], ids=REAL_NAMES)
@pytest.mark.parametrize("control", list(TABLE)[2:])
def test_documented_scores_of_random_controls_are_within_their_spread(real, control, column):
    cells = real(REAL_NAMES[column])
    draws = pd.DataFrame([our_scores(cells, embeddings(cells, seed)[control]) for seed in range(4)])
    # Each documented value is that of one permutation.
    allowed = np.maximum(0.03, 3 * draws.std())
    wrong = {
        name: (draws[name].mean(), value)
        for name, value in documented_values(control, column).items()
        if abs(draws[name].mean() - value) > allowed[name]
    }
    assert not wrong
