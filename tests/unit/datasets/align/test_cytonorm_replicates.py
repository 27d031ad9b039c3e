import numpy as np
import pytest
from fcs_files import fcs

from portal_lib.datasets.align import cytonorm_replicates
from portal_lib.errors import DataError
from portal_lib.preparation.reading.fcs import read_fcs

BATCHES = ["PTLG021", "PTLG028", "PTLG034"]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Six files of nine cells; the markers are in reverse order, after a channel without a name."""
    rng, values = np.random.default_rng(0), {}
    markers = ["", *reversed(cytonorm_replicates.MARKERS)]
    for batch in BATCHES:
        for volunteer in (1, 2):
            table = rng.gamma(2.0, 10.0, (9, 38)).astype(np.float32)
            values[batch, volunteer] = np.arcsinh(table[:, :0:-1].astype(float) / 5)
            body = fcs(table, [f"m{i}" for i in range(38)], markers)
            (tmp_path / f"Gates_{batch}_Unstim_Control_{volunteer}.fcs").write_bytes(body)
    monkeypatch.setattr(cytonorm_replicates, "N_CELLS", 9)
    return tmp_path, values


@pytest.mark.parametrize(("first", "second"), [("PTLG021", "PTLG028"), ("PTLG034", "PTLG021")])
@pytest.mark.parametrize("volunteer", [1, 2])
def test_domains_are_the_chosen_batches(small, first, second, volunteer):
    folder, values = small
    domains, truth = cytonorm_replicates.load(folder, first=first, second=second, volunteer=volunteer)
    assert np.array_equal(domains.x1, values[first, volunteer])
    assert np.array_equal(domains.x2, values[second, volunteer])
    assert len(domains.correspondences[0].shared) == 37
    assert domains.standardise
    assert all(getattr(truth, name) is None for name in ("target12", "target21", "partner", "label1", "label2"))


def test_the_same_batch_twice_is_an_error(small):
    with pytest.raises(DataError, match="both domains are batch 'PTLG028'"):
        cytonorm_replicates.load(small[0], first="PTLG028")


def test_another_number_of_cells_is_an_error(small, monkeypatch):
    monkeypatch.setattr(cytonorm_replicates, "N_CELLS", 10)
    with pytest.raises(DataError, match=r"PTLG021_Unstim_Control_1\.fcs: .*10 cells expected, found 9"):
        cytonorm_replicates.load(small[0])


@pytest.mark.realdata
def test_real_batches_have_the_channels_that_the_authors_analyse(fetched):
    """Numbers of the channels, from 1, as the published script lists them."""
    channels = [48, 46, 43, 45, 20, 16, 21, 19, 22, 50, 47, 40, 44, 33, 17, 11, 18, 51, 14, 23, 32, 10, 49, 27, 24, 31]
    channels += [42, 37, 39, 34, 41, 26, 30, 28, 29, 25, 35]
    folder = fetched(cytonorm_replicates)
    for batch in BATCHES[1:]:
        for volunteer in (1, 2):
            domains, _ = cytonorm_replicates.load(folder, second=batch, volunteer=volunteer)
            events = read_fcs(folder / f"Gates_{batch}_Unstim_Control_{volunteer}.fcs")
            assert np.array_equal(domains.x2, np.arcsinh(events.values[:, np.array(channels) - 1] / 5))
            assert domains.x1.shape == (1000, 37)
            assert domains.x2.to_numpy().min() >= 0
