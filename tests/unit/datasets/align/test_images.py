import gzip
import struct

import numpy as np
import pytest

from portal_lib.datasets.align._images import Pairs, read_idx, rotate, rotated_domains
from portal_lib.errors import DataError


def idx(values, *, kind=8, axes=None, shape=None):
    shape = values.shape if shape is None else shape
    head = bytes([0, 0, kind, len(shape) if axes is None else axes])
    return head + struct.pack(f">{len(shape)}I", *shape) + values.astype(np.uint8).tobytes()


IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_images_and_labels_are_read_as_written(tmp_path, pack):
    (tmp_path / "images").write_bytes(pack(idx(IMAGES)))
    (tmp_path / "labels").write_bytes(pack(idx(IMAGES[:, 0, 0])))
    assert np.array_equal(read_idx(tmp_path, "images", 3), IMAGES)
    assert np.array_equal(read_idx(tmp_path, "labels", 1), IMAGES[:, 0, 0])


WHOLE = idx(IMAGES)
DAMAGED = {
    "empty": (b"", r"not an IDX file of unsigned bytes \(first bytes: none\)"),
    "another kind": (b"\x89PNG" + bytes(100), r"not an IDX file of unsigned bytes \(first bytes: 89 50 4e 47\)"),
    "floats": (idx(IMAGES, kind=13), "not an IDX file of unsigned bytes"),
    "only a header": (WHOLE[:10], "not an IDX file of unsigned bytes"),
    "labels": (idx(np.arange(40)), "expected 3 axes, found 1"),
    "cut short": (WHOLE[:-1], "the header says 6 × 5 × 4, which needs 136 bytes, found 135"),
    "too long": (WHOLE + b"\n", "the header says 6 × 5 × 4, which needs 136 bytes, found 137"),
    "absurd sizes": (idx(IMAGES, shape=(2**32 - 1,) * 3), "the header says 4294967295 × .* found 136"),
    "gzip cut short": (gzip.compress(WHOLE)[:-12], "cannot be unpacked"),
    "gzip that is none": (b"\x1f\x8b" + bytes(100), "cannot be unpacked"),
    "gzip with a wrong byte": (
        gzip.compress(WHOLE)[:40] + b"\xff\xff" + gzip.compress(WHOLE)[42:],
        "cannot be unpacked",
    ),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_one_error_that_names_it(tmp_path, kind):
    body, message = DAMAGED[kind]
    (tmp_path / "x").write_bytes(body)
    with pytest.raises(DataError, match="/x: " + message):
        read_idx(tmp_path, "x", 3)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="/x: no such file"):
        read_idx(tmp_path, "x", 3)


@pytest.mark.parametrize("shape", [(8, 8), (7, 7)])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3, 4, -1])
def test_quarter_turns_equal_numpy(shape, quarters):
    """And so a positive angle is counter-clockwise."""
    images = np.random.default_rng(1).random((3, *shape))
    expected = np.rot90(images, quarters, axes=(1, 2))
    assert np.allclose(rotate(images, 90 * quarters), expected, atol=1e-12)


def by_hand(image, angle):
    """Each pixel turned back to where it comes from, and the four pixels around it weighted by their distance."""
    height, width = image.shape
    around = np.pad(image, 1)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    out = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            # x to the right, y up.
            x, y = column - (width - 1) / 2, (height - 1) / 2 - row
            x, y = cos * x + sin * y, -sin * x + cos * y
            r, c = (height - 1) / 2 - y + 1, x + (width - 1) / 2 + 1
            if not (0 <= r <= height + 1 and 0 <= c <= width + 1):
                continue
            i, j = min(int(r), height), min(int(c), width)
            weights = np.outer([1 - (r - i), r - i], [1 - (c - j), c - j])
            out[row, column] = (weights * around[i : i + 2, j : j + 2]).sum()
    return out


@pytest.mark.parametrize("angle", [120.0, -37.5, 10, 200, 45])
@pytest.mark.parametrize("shape", [(9, 9), (6, 11)])
def test_rotation_is_bilinear_about_the_centre_with_zeros_outside(angle, shape):
    images = np.random.default_rng(2).random((2, *shape))
    turned = rotate(images, angle)
    for image, found in zip(images, turned, strict=True):
        assert np.allclose(found, by_hand(image, angle), atol=1e-9)


def test_images_are_rotated_independently_and_the_input_is_not_changed():
    images = np.zeros((3, 8, 8))
    images[1] = 1
    before = images.copy()
    turned = rotate(images, 30)
    assert np.array_equal(images, before)
    assert not turned[[0, 2]].any()
    assert turned[1].sum() < 64


DIGITS = np.repeat(["3", "7"], [60, 50])
PICTURES = np.random.default_rng(3).random((110, 6, 6))


def domains(**other):
    words = {"angle": 120.0, "disjoint": False, "pairs": Pairs("3", 1, 20), "seed": 0} | other
    return rotated_domains(PICTURES, DIGITS, **words)


def origin(table, angle=0.0):
    """Number of the image that each row is, rotated by the angle."""
    flat = rotate(PICTURES, angle).reshape(110, -1)
    distances = np.abs(table.to_numpy()[:, None] - flat[None]).max(axis=2)
    assert (distances.min(axis=1) < 1e-9).all()
    return distances.argmin(axis=1)


def test_paired_domains_contain_all_images_and_partners_are_rotations():
    seen, truth = domains()
    assert np.array_equal(origin(seen.x1), np.arange(110))
    second = origin(seen.x2, 120)
    assert sorted(second) == list(range(110))
    assert (second != np.arange(110)).sum() > 100
    assert np.array_equal(second[truth.partner], np.arange(110))
    assert np.array_equal(truth.label1, DIGITS)
    assert np.array_equal(truth.label2, DIGITS[second])
    assert seen.image == (6, 6)
    assert not seen.standardise
    assert seen.draw_by_seed


@pytest.mark.parametrize("disjoint", [False, True])
def test_targets_are_the_images_in_the_other_domain(disjoint):
    seen, truth = domains(disjoint=disjoint)
    assert np.array_equal(origin(truth.target12, 120), origin(seen.x1))
    assert np.array_equal(origin(truth.target21), origin(seen.x2, 120))


@pytest.mark.parametrize("disjoint", [False, True])
@pytest.mark.parametrize("digit", ["3", "7"])
def test_known_pairs_are_an_image_and_its_own_rotation(disjoint, digit):
    seen, truth = domains(disjoint=disjoint, pairs=Pairs(digit, 3, 20))
    first, second = origin(seen.x1), origin(seen.x2, 120)
    assert len(seen.correspondences) == 20
    for correspondence in seen.correspondences:
        assert len(set(correspondence.pairs)) == 3
        for i, j in correspondence.pairs:
            assert first[i] == second[j]
            assert truth.label1[i] == truth.label2[j] == digit
    assert len(set(seen.correspondences)) > 3


@pytest.mark.parametrize("digit", ["3", "7"])
def test_disjoint_domains_share_only_the_pool_of_pairs_and_keep_sizes_and_classes(digit):
    seen, truth = domains(disjoint=True, pairs=Pairs(digit, 1, 100))
    first, second = origin(seen.x1), origin(seen.x2, 120)
    both = np.intersect1d(first, second)
    assert len(set(first)) == len(set(second)) == 55
    assert len(both) == round(0.1 * (truth.label1 == digit).sum())
    assert set(DIGITS[both]) == {digit}
    assert {first[i] for correspondence in seen.correspondences for i, _ in correspondence.pairs} == set(both)
    # The rest would be exactly the other half: as many of each class as the first half leaves.
    assert (truth.label2 == "3").sum() == 60 - (truth.label1 == "3").sum()
    assert truth.partner is None
    assert str(len(both)) in seen.notes[0]


def test_the_seed_determines_the_bytes():
    for disjoint in (False, True):
        (first, _), (again, _), (other, _) = (domains(disjoint=disjoint, seed=seed) for seed in (1, 1, 2))
        assert first.x2.equals(again.x2)
        assert first.correspondences == again.correspondences
        assert not first.x2.equals(other.x2)
        assert first.correspondences != other.correspondences


@pytest.mark.parametrize(("disjoint", "most"), [(False, 60), (True, 20)])
def test_more_pairs_than_candidates_are_an_error(disjoint, most):
    assert len(domains(disjoint=disjoint, pairs=Pairs("3", most, 1))[0].correspondences[0].pairs) == most
    with pytest.raises(DataError, match=r"n_pairs is 61, but only \d+ images of '3' can be paired"):
        domains(disjoint=disjoint, pairs=Pairs("3", 61, 1))
