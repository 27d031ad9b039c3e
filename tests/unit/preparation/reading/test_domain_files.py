"""Domains and ground truth: all problems are in one message, and damaged files are an error."""

import numpy as np
import pandas as pd
import pytest

from portal_lib.errors import DataError
from portal_lib.preparation.domains import Correspondence, Domains, Truth
from portal_lib.preparation.reading.domain_files import check_domains, read_domains, write_domains
from portal_lib.preparation.standardise import pooled_scales


def table(rows, columns, prefix="c"):
    values = np.arange(float(rows * len(columns))).reshape(rows, -1)
    return pd.DataFrame(values, index=[f"{prefix}{i}" for i in range(rows)], columns=list(columns))


GOOD = Domains(table(3, "ab"), table(4, "bc", "d"), (Correspondence((("b", "b"),), ((0, 3),)),))


def changed(**parts):
    fields = {name: getattr(GOOD, name) for name in ("x1", "x2", "correspondences", "image")}
    return Domains(**fields | parts)


def test_valid_domains_are_written_and_read(tmp_path):
    check_domains(GOOD, Truth())
    write_domains(GOOD, tmp_path / "domains.npz")
    again = read_domains(tmp_path / "domains.npz")
    assert again.correspondences == GOOD.correspondences
    assert again.x1.equals(GOOD.x1.astype(np.float32))
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("domains", "truth", "words"),
    [
        (changed(x1=table(1, "ab")), Truth(), "x1: has 1 cells; a domain needs 2 or more"),
        (changed(x1=table(3, "ab").replace(0.0, np.nan)), Truth(), "x1: has values that are not finite"),
        (changed(x2=table(4, "bb", "d")), Truth(), "x2: feature 'b' occurs more than once"),
        (changed(image=(2, 2)), Truth(), "image: 2 × 2 is not the number of features"),
        (changed(correspondences=()), Truth(), "no correspondences"),
        (
            changed(correspondences=(Correspondence((("b", "q"),)),)),
            Truth(),
            "correspondences[0].shared: domain 2 has no feature 'q'",
        ),
        (
            changed(correspondences=(Correspondence(pairs=((0, 9),)),)),
            Truth(),
            "correspondences[0].pairs: domain 2 has no row 9",
        ),
        (
            changed(correspondences=(Correspondence((("b", "b"),), hidden=("b",)),)),
            Truth(),
            "hidden: 'b' is not a feature of domain 1, or",
        ),
        (GOOD, Truth(label1=np.array(["a"])), "truth.label1: has 1 values for 3 cells"),
        (GOOD, Truth(partner=np.array([0, 1, 9])), "truth.partner: names rows that domain 2 does not have"),
        (GOOD, Truth(target12=table(3, "bq")), "truth.target12: has other cells, or features"),
        (GOOD, Truth(scored=("b",)), "truth.scored: names features that target12 does not have"),
    ],
)
def test_a_problem_is_reported(domains, truth, words):
    with pytest.raises(DataError) as caught:
        check_domains(domains, truth)
    assert words in str(caught.value)


def test_all_problems_are_in_one_message():
    with pytest.raises(DataError, match="the domains have 2 problems"):
        check_domains(changed(correspondences=()), Truth(label1=np.array(["a"])))


def test_a_damaged_file_is_one_error(tmp_path):
    write_domains(GOOD, tmp_path / "domains.npz")
    whole = (tmp_path / "domains.npz").read_bytes()
    for damage in (whole[: len(whole) // 2], b"", b"PK\x03\x04 nonsense"):
        (tmp_path / "domains.npz").write_bytes(damage)
        with pytest.raises(DataError, match="cannot be read"):
            read_domains(tmp_path / "domains.npz")


def test_shared_features_have_one_scale_and_constant_ones_stay():
    x1, x2 = np.array([[0.0, 5], [2, 5]]), np.array([[4.0], [6]])
    one, two = pooled_scales((x1, x2), [(0, 0)])
    assert one.mean[0] == two.mean[0] == 3
    assert one.sd[0] == two.sd[0] == pytest.approx(np.std([0, 2, 4, 6]))
    assert one.sd[1] == 1
    assert np.allclose(one.undo(one.apply(x1, np.float64)), x1)


@pytest.mark.parametrize("shared", [[], [(0, 0)]])
def test_a_constant_feature_is_0_when_scaled_where_rounding_gives_it_a_deviation(shared):
    x = np.full((77, 1), 0.1)
    assert x.std() > 0
    for scale in pooled_scales((x, x[:50]), shared):
        assert (scale.mean, scale.sd) == (0.1, 1)
        np.testing.assert_array_equal(scale.apply(x, np.float64), 0)
