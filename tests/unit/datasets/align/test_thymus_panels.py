import numpy as np
import pytest
from fcs_files import fcs
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from portal_lib.datasets.align import thymus_panels
from portal_lib.errors import DataError

MARKERS = ["CD27", "CD4", "CD5", "CD127", "CD44", "CD69", "CD117", "CD62L", "CD24", "CD3", "CD8", "CD25", "TCRb"]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Forty-one cells in a file of the same form."""
    values = np.random.default_rng(0).random((41, 13))
    (tmp_path / "sample_masscyt.fcs").write_bytes(fcs(values, MARKERS, MARKERS, dtype="<f8", offsets=False) + b"\n")
    monkeypatch.setattr(thymus_panels, "N_CELLS", 41)
    return tmp_path, values


def test_each_marker_is_hidden_once_and_the_others_are_shared(small):
    domains, _ = thymus_panels.load(small[0])
    assert [correspondence.hidden for correspondence in domains.correspondences] == [(marker,) for marker in MARKERS]
    for correspondence in domains.correspondences:
        assert correspondence.shared == tuple(
            (marker, marker) for marker in MARKERS if marker != correspondence.hidden[0]
        )
    task_input = domains.task_input(9)
    assert "CD3" not in task_input.features1
    assert (task_input.x1.shape, task_input.x2.shape) == ((21, 12), (20, 13))
    assert domains.standardise
    assert not domains.draw_by_seed


def test_chosen_markers_are_hidden_in_the_order_given(small):
    domains, _ = thymus_panels.load(small[0], markers=["TCRb", "CD4"])
    assert [correspondence.hidden for correspondence in domains.correspondences] == [("TCRb",), ("CD4",)]


def test_an_unknown_marker_is_an_error(small):
    with pytest.raises(DataError, match=r"no marker 'CD99'\. Found: CD27, CD4"):
        thymus_panels.load(small[0], markers=["CD4", "CD99"])


def test_every_cell_is_in_one_domain_and_the_truth_is_what_was_measured(small):
    folder, values = small
    domains, truth = thymus_panels.load(folder)
    cells = np.concatenate([domains.x1, domains.x2])
    assert np.array_equal(cells[np.lexsort(cells.T)], values[np.lexsort(values.T)])
    assert truth.target12.equals(domains.x1)
    assert truth.target21.equals(domains.x2)
    assert truth.partner is None
    assert not domains.x1.equals(thymus_panels.load(folder, seed=1)[0].x1)
    assert domains.x1.equals(thymus_panels.load(folder)[0].x1)


def test_another_file_in_its_place_is_noticed(small, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(DataError, match="25000 cells expected, found 41"):
        thymus_panels.load(small[0])
    (small[0] / "sample_masscyt.fcs").write_bytes(fcs(small[1], [f"m{i}" for i in range(13)]))
    with pytest.raises(DataError, match="'TCRb': channels that measure it: 0"):
        thymus_panels.load(small[0])


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("marker", "r"), [("CD3", 0.88), ("CD4", 0.38), ("CD62L", 0.30), ("TCRb", 0.87), ("CD25", 0.52)]
)
def test_ridge_between_the_real_halves_gives_what_was_measured_before(fetched, marker, r):
    domains, truth = thymus_panels.load(fetched(thymus_panels), markers=[marker])
    assert (len(domains.x1), len(domains.x2)) == (12500, 12500)
    others = [name for name in MARKERS if name != marker]
    scale = StandardScaler().fit(domains.x2[others])
    ridge = RidgeCV(np.logspace(-2, 4, 13)).fit(scale.transform(domains.x2[others]), domains.x2[marker])
    predicted = ridge.predict(scale.transform(domains.x1[others]))
    assert np.corrcoef(predicted, truth.target12[marker])[0, 1] == pytest.approx(r, abs=0.02)
