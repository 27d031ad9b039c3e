import subprocess
import sys
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from portal_lib.errors import ConfigError, DataError, ShapeError
from portal_lib.portal.transfer import transfer_labels


@pytest.fixture
def cells():
    """300 reference cells of four types and 5,000 query cells, more than are searched at once."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 6)) * 1.5
    kind, of_query = rng.integers(4, size=300), rng.integers(4, size=5_000)
    labels = np.array(["T", "B", "NK", "mono"])[kind]
    return centres[kind] + rng.normal(size=(300, 6)), labels, centres[of_query] + rng.normal(size=(5_000, 6))


def as_published(reference, labels, query, k, metric):
    """All distances; the most frequent label of the k nearest, which Counter gives in the order of first members."""
    votes = []
    for distances in cdist(query, reference, metric):
        nearest = np.argsort(distances, kind="stable")[:k]
        votes.append(Counter(labels[nearest]).most_common(1)[0])
    return [label for label, _ in votes], [n / k for _, n in votes]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 2, 20, pytest.param(300, marks=pytest.mark.slow)])
def test_transferred_labels_equal_those_of_the_published_code(cells, metric, k):
    """With 2 and 20 neighbours there are ties, with 300 every cell votes."""
    reference, labels, query = cells
    found = transfer_labels(reference, labels, query, k=k, metric=metric)
    label, confidence = as_published(reference, labels, query, k, metric)
    assert list(found.columns) == ["label", "confidence"]
    assert found["label"].tolist() == label
    np.testing.assert_allclose(found["confidence"], confidence)


def test_on_ties_the_label_with_the_nearest_cell_is_chosen():
    reference = np.arange(1.0, 7.0)[:, None]
    assert transfer_labels(reference, list("bababa"), [[0.0]], k=6, metric="euclidean")["label"][0] == "b"
    assert transfer_labels(reference, list("abbaab"), [[0.0]], k=6, metric="euclidean")["label"][0] == "a"
    assert transfer_labels(reference, list("cbbaac"), [[0.0]], k=5, metric="euclidean")["label"][0] == "b"


def test_cosine_ignores_the_length_of_vectors():
    reference, query = np.array([[10.0, 0.0], [0.6, 0.8]]), np.array([[1.0, 0.1]])
    assert transfer_labels(reference, ["far", "near"], query, k=1)["label"][0] == "far"
    assert transfer_labels(reference, ["far", "near"], query, k=1, metric="euclidean")["label"][0] == "near"
    longer = np.array([[3.0], [0.01]]) * reference
    assert transfer_labels(longer, ["far", "near"], query * 100, k=1)["label"][0] == "far"


def test_cells_below_the_threshold_are_unassigned(cells):
    reference, labels, query = cells
    sure = transfer_labels(reference, labels, query)
    found = transfer_labels(reference, labels, query, threshold=0.8, unassigned="?")
    low = (sure["confidence"] < 0.8).to_numpy()
    assert 0 < low.sum() < len(low)
    assert (found["label"][low] == "?").all()
    assert (found["label"][~low] == sure["label"][~low]).all()
    assert (found["confidence"] == sure["confidence"]).all()
    assert (transfer_labels(reference, labels, query, threshold=1)["label"] == "unassigned").any()
    exact = transfer_labels(np.eye(4), list("aaab"), np.ones((1, 4)), k=4, threshold=0.75)
    assert exact["label"][0] == "a"


def test_a_cell_of_the_reference_gets_its_own_label(cells):
    reference, labels, _ = cells
    found = transfer_labels(reference, labels, reference, k=1)
    assert found["label"].tolist() == labels.tolist()
    assert (found["confidence"] == 1).all()


def test_kinds_of_labels_and_arrays(cells):
    reference, labels, query = cells
    query = query[:50]
    expected = transfer_labels(reference, labels, query)["label"].tolist()
    series = pd.Series(labels, index=np.arange(300)[::-1])
    categories = pd.Categorical(labels, categories=["none", *np.unique(labels)])
    for given in (labels.tolist(), labels.astype(object), series, categories, series.astype("category")):
        assert transfer_labels(reference, given, query)["label"].tolist() == expected
    numbers = pd.factorize(labels)[0]
    assert [pd.unique(labels)[i] for i in transfer_labels(reference, numbers, query)["label"]] == expected
    small = transfer_labels(reference.astype(np.float32), labels, query.astype(np.float32))
    assert small["label"].tolist() == expected
    assert transfer_labels(reference.astype(np.float32), labels, query)["label"].tolist() == expected
    frame = pd.DataFrame(query, index=[f"cell{i}" for i in range(50)])
    assert transfer_labels(pd.DataFrame(reference), labels, frame)["label"].to_dict() == dict(
        zip(frame.index, expected, strict=True)
    )
    whole = np.random.default_rng(0).integers(-9, 10, size=(30, 3)) + 1000
    assert transfer_labels(whole, np.arange(30), whole.astype(float), k=1)["confidence"].tolist() == [1] * 30


def test_permuted_cells_give_permuted_labels_and_input_is_not_modified(cells):
    reference, labels, query = cells
    before = reference.copy(), query.copy()
    order, back = np.random.default_rng(1).permutation(300), np.random.default_rng(2).permutation(5_000)
    permuted = transfer_labels(reference[order], labels[order], query[back])
    pd.testing.assert_frame_equal(
        permuted, transfer_labels(reference, labels, query).iloc[back].reset_index(drop=True), check_exact=True
    )
    np.testing.assert_array_equal(reference, before[0])
    np.testing.assert_array_equal(query, before[1])


MEMORY = """
import numpy as np
from portal_lib.portal.transfer import transfer_labels
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
rng = np.random.default_rng(0)
cells = rng.normal(size=(20_000, 5)).astype(np.float32)
transfer_labels(cells[:100], np.arange(100) % 3, cells[:100])
before = peak()
found = transfer_labels(cells, np.arange(20_000) % 3, cells[::-1])
assert len(found) == 20_000
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the high-water mark of memory from /proc")
@pytest.mark.slow
def test_the_distances_of_all_pairs_are_never_in_memory_at_once():
    """Those of 20,000 by 20,000 cells are 1,526 MiB in float32."""
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 100


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"metric": "correlation"}, ConfigError, "metric 'correlation' is not known. Allowed: cosine, euclidean"),
        ({"k": 301}, ConfigError, "k is 301, must be a whole number from 1 to 300, the number of reference cells"),
        ({"k": 0}, ConfigError, "k is 0"),
        ({"k": 2.5}, ConfigError, "k is 2.5"),
        ({"threshold": 1.5, "k": 0}, ConfigError, "k is 0.*threshold is 1.5, must be 0 to 1"),
        ({"threshold": float("nan")}, ConfigError, "threshold is nan"),
        ({"unassigned": "NK", "threshold": 0.1}, ConfigError, "unassigned is 'NK', which is one of the labels"),
        ({"labels": ["T"] * 299}, ShapeError, r"labels have shape \(299,\) for 300 reference cells"),
        ({"labels": [None, *["T"] * 299]}, DataError, "1 of 300 reference cells have no label"),
        ({"labels": [np.nan, *[1.0] * 299]}, DataError, "1 of 300 reference cells have no label"),
        ({"query": np.zeros((4, 5))}, ShapeError, "reference has 6 columns, query 5"),
        ({"query": np.zeros(6)}, ShapeError, r"query has shape \(6,\)"),
        ({"query": np.zeros((0, 6))}, ShapeError, r"query has shape \(0, 6\)"),
        ({"query": np.full((2, 6), np.inf)}, DataError, "query: 12 of 12 values are NaN or infinite"),
        ({"query": [["a"] * 6]}, DataError, "query: cannot be read as numbers"),
        ({"query": np.eye(6)[[0, 1, 1]] * [[1], [1], [0]]}, DataError, "query: row 2 contains only zeros.*euclidean"),
        ({"reference": np.zeros((300, 6))}, DataError, "reference: row 0 contains only zeros"),
    ],
)
def test_wrong_arguments_are_one_message(cells, change, error, message):
    given = dict(zip(["reference", "labels", "query"], cells, strict=True)) | change
    with pytest.raises(error, match=f"transfer_labels: .*{message}"):
        transfer_labels(given.pop("reference"), given.pop("labels"), given.pop("query"), **given)
