import struct

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from portal_lib.datasets.align import mnist_rotated
from portal_lib.datasets.align._images import read_idx, rotate
from portal_lib.errors import DataError

IMAGES, LABELS = (file["name"] for file in mnist_rotated.DATASET["files"])


@pytest.fixture
def small(tmp_path):
    """Sixty images of six digits, not packed."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 28, 28), dtype=np.uint8), np.tile([0, 3, 7, 3, 9, 1], 10)
    (tmp_path / IMAGES).write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 60, 28, 28) + images.tobytes())
    (tmp_path / LABELS).write_bytes(bytes([0, 0, 8, 1]) + struct.pack(">I", 60) + labels.astype(np.uint8).tobytes())
    return tmp_path, images, labels


def test_threes_and_sevens_are_chosen_scaled_and_rotated(small):
    folder, images, labels = small
    domains, truth = mnist_rotated.load(folder)
    chosen = images[np.isin(labels, (3, 7))] / 255
    assert np.array_equal(domains.x1, chosen.reshape(30, 784))
    turned = rotate(chosen, 120).reshape(30, 784)
    assert np.allclose(domains.x2.to_numpy()[truth.partner], turned, atol=1e-12)
    assert list(truth.label1[:4]) == ["3", "7", "3", "3"]
    assert domains.image == (28, 28)
    assert not domains.standardise


def test_images_and_labels_of_other_numbers_are_an_error(small):
    folder, _, labels = small
    body = bytes([0, 0, 8, 1]) + struct.pack(">I", 59) + labels[:59].astype(np.uint8).tobytes()
    (folder / LABELS).write_bytes(body)
    with pytest.raises(DataError, match=f"60 images in {IMAGES}, but 59 labels in {LABELS}"):
        mnist_rotated.load(folder)


def test_labels_in_the_place_of_images_are_an_error(small):
    folder, *_ = small
    (folder / IMAGES).write_bytes((folder / LABELS).read_bytes())
    with pytest.raises(DataError, match=f"{IMAGES}: expected 3 axes, found 1"):
        mnist_rotated.load(folder)


@pytest.mark.realdata
def test_the_real_images_are_what_they_are_said_to_be(fetched):
    """1-NN purity of the rotated domain was measured before as .994, upright images near their class as .65."""
    domains, truth = mnist_rotated.load(fetched(mnist_rotated))
    assert domains.x1.shape == domains.x2.shape == (2038, 784)
    assert dict(zip(*np.unique(truth.label1, return_counts=True), strict=True)) == {"3": 1010, "7": 1028}
    assert np.array_equal(truth.label2[truth.partner], truth.label1)
    assert np.array_equal(domains.x2.to_numpy()[truth.partner], truth.target12)
    nearest = NearestNeighbors(n_neighbors=2).fit(domains.x2).kneighbors(domains.x2)[1][:, 1]
    assert (truth.label2[nearest] == truth.label2).mean() == pytest.approx(0.994, abs=0.003)
    upright = KNeighborsClassifier(1).fit(domains.x2, truth.label2).score(domains.x1, truth.label1)
    assert upright == pytest.approx(0.65, abs=0.03)
    digits = read_idx(fetched(mnist_rotated), LABELS, 1)
    assert list(np.bincount(digits)) == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.realdata
def test_halves_of_the_real_images_share_a_pool_of_pairs_only(fetched):
    domains, truth = mnist_rotated.load(fetched(mnist_rotated), disjoint=True)
    assert len(domains.x1) == len(domains.x2) == 1019
    both = {row.tobytes() for row in domains.x1.to_numpy()} & {row.tobytes() for row in truth.target21.to_numpy()}
    assert 45 <= len(both) <= 55
    assert len(domains.correspondences) == 100
    for correspondence in domains.correspondences:
        ((i, j),) = correspondence.pairs
        assert truth.label1[i] == truth.label2[j] == "3"
        assert np.array_equal(truth.target12.to_numpy()[i], domains.x2.to_numpy()[j])
