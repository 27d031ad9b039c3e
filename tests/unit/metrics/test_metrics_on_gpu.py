"""Neighbours and sums of distances by torch equal those of the CPU code; the same code on either device."""

import numpy as np
import pytest
from scored_cells import made_cells, space_of

from portal_lib.metrics import _gpu
from portal_lib.metrics._distances import distance_sums
from portal_lib.metrics._neighbors import exact_neighbors
from portal_lib.metrics._score import score_all
from portal_lib.metrics._space import Space, Truth

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(params=DEVICES)
def device(request):
    torch = pytest.importorskip("torch")
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return request.param


@pytest.fixture(autouse=True)
def in_chunks(monkeypatch):
    monkeypatch.setattr(_gpu, "CHUNK_BYTES", 8 * 400 * 70)


def test_nearest_cells_equal_the_exact_search(device):
    embedding = made_cells().embedding.astype(float) + 100
    indices, distances = _gpu.nearest(embedding, 50, device)
    expected, lengths = exact_neighbors(embedding, 50)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(distances, lengths, atol=1e-9)


def test_sums_of_distances_equal_the_kernels(device):
    cells = made_cells()
    codes = Truth(cells.batch, cells.label).codes
    ours = _gpu.distance_sums(cells.embedding.astype(float), *codes, device)
    expected = distance_sums(cells.embedding.astype(float), *codes)
    for name in ("by_label", "by_batch", "inside"):
        np.testing.assert_allclose(getattr(ours, name), getattr(expected, name), rtol=1e-8)


def test_scores_do_not_depend_on_the_device(device, monkeypatch):
    cells, names = made_cells(), ["asw_label", "asw_batch", "graph_connectivity", "nmi", "ilisi", "kbet"]
    plain = score_all(space_of(cells), Truth(cells.batch, cells.label), names)
    monkeypatch.setattr(_gpu, "device", lambda: device)
    space = space_of(cells)
    rows = score_all(space, Truth(cells.batch, cells.label), names)
    assert [row["value"] for row in rows] == pytest.approx([row["value"] for row in plain], abs=1e-9)
    assert space.neighbor_facts == {"search": "exact", "n_neighbors": 50, "device": device}


def test_torch_is_not_imported_where_the_driver_has_no_device(monkeypatch):
    monkeypatch.setattr(_gpu, "_device_files", list)
    monkeypatch.setattr(_gpu, "find_spec", lambda name: pytest.fail("looked for torch"))
    assert _gpu.device() is None
    assert "device" not in Space(np.random.default_rng(0).normal(size=(60, 3))).neighbors.facts


def test_a_device_without_torch_is_not_used(monkeypatch):
    monkeypatch.setattr(_gpu, "_device_files", lambda: ["/dev/nvidia0"])
    monkeypatch.setattr(_gpu, "find_spec", lambda name: None)
    assert _gpu.device() is None
