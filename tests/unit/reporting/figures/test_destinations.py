import numpy as np
import pandas as pd
import pytest
from align_tables import METHODS, QUALITY, assert_inside, labelled, make_destinations, texts
from scipy import stats

from portal_lib.errors import DataError
from portal_lib.reporting._destinations import cluster_names, destination_of
from portal_lib.reporting.figures.destinations import draw


def run(shares, seed=0, sources="ab", targets="ab"):
    rows = [
        {"seed": seed, "source": a, "target": b, "share": shares[i][j]}
        for i, a in enumerate(sources)
        for j, b in enumerate(targets)
    ]
    return pd.DataFrame(rows)


def test_a_run_is_right_if_more_than_half_of_every_cluster_keeps_its_name():
    right, swapped = [[0.9, 0.1], [0.3, 0.7]], [[0.2, 0.8], [0.9, 0.1]]
    half, one = [[0.5, 0.5], [0.0, 1.0]], [[0.9, 0.1], [0.6, 0.4]]
    runs = pd.concat([run(shares, seed) for seed, shares in enumerate((right, swapped, half, one, right))])
    found = destination_of(runs, ["a", "b"])
    assert (found.n_right, found.n_runs) == (2, 5)
    np.testing.assert_allclose(found.mean, np.mean([right, swapped, half, one, right], axis=0))
    np.testing.assert_allclose(found.mean.sum(axis=1), 1)
    # Wilson, J. Am. Stat. Assoc. 22:209, 1927: (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n).
    z, n, p = stats.norm.ppf(0.975), 5, 0.4
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    expected = (np.array([-half, half]) + p + z**2 / (2 * n)) / (1 + z**2 / n)
    np.testing.assert_allclose(found.interval, expected)


def test_a_run_is_swapped_if_two_clusters_are_mapped_to_each_other():
    swapped, ring = [[0.1, 0.8, 0.1], [0.6, 0.2, 0.2], [0, 0, 1]], [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    half, right = [[0.2, 0.5, 0.3], [0.9, 0.1, 0.0], [0, 0, 1]], np.eye(3)
    runs = pd.concat([run(each, i, "abc", "abc") for i, each in enumerate((swapped, ring, half, right, swapped))])
    assert destination_of(runs, ["a", "b", "c"]).n_swapped == 2
    # Clusters that one of the domains lacks have no partner.
    assert destination_of(run([[0, 1], [1, 0]], sources="bc", targets="ab"), ["a", "b", "c"]).n_swapped == 0


def test_a_cluster_that_the_other_domain_lacks_is_no_error():
    found = destination_of(run([[1.0], [1.0]], targets="a"), ["a", "b"])
    assert (found.sources, found.targets, found.n_right) == (("a", "b"), ("a",), 1)
    assert destination_of(run([[1.0]], sources="b", targets="a"), ["a", "b"]).n_right == 0


def test_missing_pairs_are_zero():
    runs = run([[1.0, 0.0], [0.0, 1.0]])
    assert destination_of(runs[runs.share > 0], ["a", "b"]).mean.tolist() == [[1, 0], [0, 1]]


def test_names_that_are_numbers_are_sorted_as_numbers():
    table = pd.DataFrame({"source": [10, 2, 1], "target": ["b", "a", 2]})
    assert cluster_names(table) == ["1", "2", "10", "a", "b"]


def test_numeric_labels_and_directions_are_names():
    table = make_destinations(("3", "7"))
    as_read = table.assign(source=table.source.astype(int), target=table.target.astype(int))
    as_read["direction"] = as_read.direction.astype(int)
    assert texts(draw(as_read, METHODS, "gaussians")) == texts(draw(table, METHODS, "gaussians"))


def test_each_method_and_direction_has_a_map_with_its_right_runs():
    table = make_destinations()
    figure = draw(table, METHODS, "gaussians", label="Three clusters")
    written = texts(figure)
    assert len(labelled(figure.axes[0], "share")) == len(QUALITY) * 2 * 9
    assert {"Three clusters", "MAGAN", "MAGAN · paper", "Dual GAN", "Column means"} <= set(written)
    one = destination_of(table[(table.method == "gan") & (table.direction == "12")], ["0", "1", "2"])
    assert f"1 → 2: {one.n_right}/20 right" in written
    low, high = one.interval
    assert f"{100 * low:.0f}–{100 * high:.0f} %" in written
    assert sum("2 → 1:" in text for text in written) == len(QUALITY)


def test_controls_come_last():
    figure = draw(make_destinations(), METHODS, "gaussians")
    at = {text.get_text(): (text.get_position()[1], text.get_position()[0]) for text in figure.axes[0].texts}
    real = [METHODS[n]["label"] for n in ("magan", "gan", "cyclegan", "ridge", "knn", "lle")]
    assert max(at[name] for name in real) < min(at[METHODS[n]["label"]] for n in ("random_cells", "true_partner"))


def test_a_direction_without_a_result_is_named():
    table = make_destinations(quality={"magan": 0.9, "gan": 0.1})
    table = table[~((table.method == "gan") & (table.direction == "21"))]
    assert "2 → 1: no result" in texts(draw(table, METHODS, "gaussians"))
    assert "2 → 1: no result" not in texts(draw(table[table.direction == "12"], METHODS, "gaussians"))


LONG = ("naive-like CD4 T cells of the blood", "memory-like T cells")
SIX = ("B cells", "CD4 T cells", "CD8 T cells", "Monocytes", "NK cells", "Dendritic cells")


@pytest.mark.parametrize("labels", [("3", "7"), ("0", "1", "2"), LONG, SIX[:4], SIX], ids=len)
@pytest.mark.parametrize("n_methods", [1, 10])
@pytest.mark.slow
def test_texts_neither_overlap_nor_leave_the_figure(labels, n_methods):
    table = make_destinations(labels, quality=dict(list(QUALITY.items())[:n_methods]), n_runs=3)
    assert_inside(draw(table, METHODS, "gaussians"))


def test_an_unknown_data_set_is_refused():
    with pytest.raises(DataError, match="no destinations of data set 'nowhere'"):
        draw(make_destinations(), METHODS, "nowhere")
