import cytofkit_files
import numpy as np
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from portal_lib.datasets.align import _cytofkit, cytof_panels
from portal_lib.errors import DataError

SHARED = [
    "CD3", "CD4", "CD8", "CD45", "CD45RA", "CD27", "CD28", "CD127",
    "CD5", "CD57", "CD16", "CD56", "CD161", "CD38", "CCR7", "HLA-DR",
]  # fmt: skip
A = ["CD14", "CD62L", "TNFa", "GranzymeB", "CD107a", "CD19", "IL10", "IL17_CD95", "IL2", "CD25", "GM-CSF", "MIP1B"]
B = ["IFNg", "CD69", "CD85j", "Vd2", "CD152", "TIM3", "IL4", "CD95", "GDTCR", "CD154", "Perforin", "Va24Ja18"]


@pytest.fixture
def small(tmp_path, monkeypatch):
    values = np.random.default_rng(0).normal(5, 4, (31, 40)).astype(np.float32)
    return cytofkit_files.write(tmp_path, values, monkeypatch), values


def test_both_panels_have_the_shared_markers_and_half_of_the_others(small):
    domains, truth = cytof_panels.load(small[0])
    assert list(domains.x1) == SHARED + A
    assert list(domains.x2) == SHARED + B
    assert list(truth.target12) == SHARED + B
    assert list(truth.target21) == SHARED + A
    assert list(truth.scored) == B
    (correspondence,) = domains.correspondences
    assert correspondence.shared == tuple((marker, marker) for marker in SHARED)
    assert correspondence.hidden == correspondence.pairs == ()
    assert domains.standardise


def test_every_cell_is_in_one_domain_and_its_other_panel_in_the_truth(small):
    """Values are arcsinh(counts / 5) of the right columns: the first CD14, not the second."""
    folder, counts = small
    domains, truth = cytof_panels.load(folder)
    order = list(_cytofkit.MARKERS)
    seen = [domains.x1.join(truth.target12[B]), truth.target21[SHARED + A].join(domains.x2[B])]
    cells = np.concatenate([part[order] for part in seen])
    expected = np.arcsinh(counts.astype(float) / 5)
    assert len(domains.x1) == 16
    assert np.array_equal(cells[np.lexsort(cells.T)], expected[np.lexsort(expected.T)])
    assert truth.target12[SHARED].equals(domains.x1[SHARED])
    assert truth.target21[SHARED].equals(domains.x2[SHARED])
    assert truth.partner is None


def test_each_shared_marker_is_hidden_in_turn(small):
    domains, _ = cytof_panels.load(small[0], hide=True)
    assert [correspondence.hidden for correspondence in domains.correspondences] == [(marker,) for marker in SHARED]
    for correspondence in domains.correspondences:
        assert correspondence.shared == tuple(
            (marker, marker) for marker in SHARED if marker != correspondence.hidden[0]
        )
    task_input = domains.task_input(2)
    assert (task_input.x1.shape[1], task_input.x2.shape[1], len(task_input.shared)) == (27, 28, 15)


def test_the_seed_determines_the_split(small):
    first, again, other = (cytof_panels.load(small[0], seed=seed)[0] for seed in (0, 0, 1))
    assert first.x1.equals(again.x1)
    assert not first.x1.equals(other.x1)


def test_an_unexpected_file_is_an_error(small, monkeypatch, tmp_path):
    monkeypatch.setattr(_cytofkit, "N_CELLS", 15942)
    with pytest.raises(DataError, match="15942 cells expected, found 31"):
        cytof_panels.load(tmp_path)
    cytofkit_files.write(tmp_path, small[1], monkeypatch, p7s="CD58")
    with pytest.raises(DataError, match=r"'CD57': number of channels: 0$"):
        cytof_panels.load(tmp_path)


@pytest.mark.realdata
def test_ridge_between_the_real_halves_gives_the_recorded_correlation(fetched):
    """Mean r over the 12 markers of panel B alone, predicted from the 16 shared ones: .53."""
    domains, truth = cytof_panels.load(fetched(cytof_panels))
    assert domains.x1.shape == domains.x2.shape == (7971, 28)
    scale = StandardScaler().fit(domains.x2[SHARED])
    ridge = RidgeCV(np.logspace(-2, 4, 13)).fit(scale.transform(domains.x2[SHARED]), domains.x2[B])
    predicted = ridge.predict(scale.transform(domains.x1[SHARED]))
    r = [np.corrcoef(p, truth.target12[name])[0, 1] for p, name in zip(predicted.T, B, strict=True)]
    assert np.mean(r) == pytest.approx(0.53, abs=0.02)
    assert min(domains.x1.min().min(), domains.x2.min().min()) >= np.arcsinh(-0.2) - 0.001


@pytest.mark.realdata
def test_the_real_markers_are_in_the_order_of_the_file(fetched):
    from portal_lib.preparation.reading.fcs import read_fcs

    events = read_fcs(fetched(cytof_panels) / _cytofkit.SHARED["files"][0]["name"])
    kept = [i for i in range(8, 50) if i not in (9, 10)]
    assert tuple(events.markers[i] for i in kept) == _cytofkit.MARKERS
    values = _cytofkit.read_markers(fetched(cytof_panels))
    assert np.array_equal(values, np.arcsinh(events.values[:, kept] / 5))
