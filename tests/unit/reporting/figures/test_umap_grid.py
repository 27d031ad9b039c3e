import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from report_tables import METHODS, render

from portal_lib.errors import DataError, ShapeError
from portal_lib.reporting.figures import umap
from portal_lib.reporting.figures._layout import draw_cells, umap_layout
from portal_lib.reporting.figures._style import save_figure
from portal_lib.reporting.figures.umap import plot_umap_grid, point_area

pytestmark = pytest.mark.slow  # umap-learn is compiled first


@pytest.fixture(scope="module")
def blobs():
    """Three groups of cells far apart: embedding, group, and a neighbour graph."""
    from sklearn.neighbors import kneighbors_graph

    rng = np.random.default_rng(0)
    group = rng.integers(3, size=240)
    embedding = (rng.normal(size=(240, 8)) + 12 * np.eye(8)[group]).astype(np.float32)
    graph = kneighbors_graph(embedding, 15)
    return embedding, group, graph.maximum(graph.T).tocsr()


def grid(n_methods=3, n_cells=200, n_labels=5, **kwargs):
    rng = np.random.default_rng(0)
    projections = {f"m{i}": rng.normal(size=(n_cells, 2)) for i in range(n_methods)}
    labels = [f"type {i % n_labels:02d}" for i in range(n_cells)]
    return plot_umap_grid(projections, [f"b{i % 2}" for i in range(n_cells)], labels, **kwargs)


def page_texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_without_labels_cells_are_drawn_by_batch_only():
    rng = np.random.default_rng(0)
    figure = plot_umap_grid({"m": rng.normal(size=(30, 2)), "failed": "oom"}, ["a", "b"] * 15)
    assert len(figure.axes) == 3
    assert "by label" not in page_texts(figure)
    both = plot_umap_grid({"m": rng.normal(size=(30, 2)), "failed": "oom"}, ["a", "b"] * 15, ["x", "y", "z"] * 10)
    assert len(both.axes) == 5
    assert both.get_figheight() > figure.get_figheight() + 1


def test_groups_are_separate_and_the_layout_depends_on_the_seed(blobs):
    embedding, group, graph = blobs
    before = graph.copy(), embedding.copy()
    points = umap_layout(graph, embedding=embedding, seed=1)
    assert points.shape == (240, 2)
    assert points.dtype == np.float32
    centres = np.array([points[group == g].mean(axis=0) for g in range(3)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == group).mean() > 0.99
    np.testing.assert_array_equal(points, umap_layout(graph, embedding=embedding, seed=1))
    assert not np.array_equal(points, umap_layout(graph, embedding=embedding, seed=2))
    assert (graph != before[0]).nnz == 0
    np.testing.assert_array_equal(embedding, before[1])


def test_a_graph_without_embedding_is_enough_even_if_not_connected(blobs):
    points = umap_layout(blobs[2], progress=True)
    assert points.shape == (240, 2)
    assert np.isfinite(points).all()


def test_cells_without_neighbours_have_finite_coordinates(blobs):
    embedding, _, graph = blobs
    graph = graph.tolil()
    graph[:5] = 0
    graph[:, :5] = 0
    assert np.isfinite(umap_layout(graph, embedding=embedding)).all()


def test_a_graph_without_edges_is_at_the_origin():
    graph = sp.csr_matrix((30, 30))
    for embedding in (None, np.ones((30, 3))):
        np.testing.assert_array_equal(umap_layout(graph, embedding=embedding), np.zeros((30, 2)))


def test_a_sample_is_laid_out_in_the_order_of_its_cells(blobs):
    embedding, group, graph = blobs
    cells = draw_cells(240, 90)
    points = umap_layout(graph, embedding=embedding, cells=cells)
    centres = np.array([points[group[cells] == g].mean(axis=0) for g in range(3)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
    assert points.shape == (90, 2)
    assert (nearest == group[cells]).mean() > 0.99


def test_wrong_shapes_are_refused(blobs):
    embedding, _, graph = blobs
    with pytest.raises(ShapeError, match="as many columns as rows"):
        umap_layout(graph[:10])
    with pytest.raises(ShapeError, match="Cells are rows"):
        umap_layout(graph, embedding=embedding.T)
    with pytest.raises(ShapeError, match=r"projection of 'm' is \(2, 4\) for 4 cells"):
        plot_umap_grid({"m": np.zeros((2, 4))}, list("abab"), list("cccc"))
    with pytest.raises(ShapeError, match="3 labels for 4 cells"):
        plot_umap_grid({"m": np.zeros((4, 2))}, list("abab"), list("ccc"))
    with pytest.raises(DataError, match="no method"):
        plot_umap_grid({}, ["a"], ["b"])
    with pytest.raises(DataError, match="a cell has no label"):
        plot_umap_grid({"m": np.zeros((2, 2))}, ["a", "b"], ["c", None])


def test_the_sample_is_seeded_without_repeats_and_sorted():
    np.testing.assert_array_equal(draw_cells(5, 10), np.arange(5))
    cells = draw_cells(1000, 100)
    assert len(set(cells)) == 100
    assert (np.diff(cells) > 0).all()
    np.testing.assert_array_equal(cells, draw_cells(1000, 100))
    assert not np.array_equal(cells, draw_cells(1000, 100, seed=1))


def test_every_method_has_two_panels_and_every_category_a_legend_entry():
    figure = grid(n_methods=3, title="Toy $atlas$", n_total=5000, methods={"m0": {"label": "First"}})
    assert len(figure.axes) == 1 + 2 * 3
    written = page_texts(figure)
    for text in ("Toy $atlas$", "First", "m1", "by batch", "by label", "Batch", "Label", "b0", "b1", "type 04"):
        assert text in written
    assert "200 of 5,000 cells, sampled at random; the same cells in every panel." in written


@pytest.mark.parametrize(
    ("n_total", "n_labelled", "note"),
    [
        (200, 200, "200 cells."),
        (None, None, "200 cells."),
        (300, 200, "200 of 300 cells: those that have a label."),
        (
            300,
            250,
            "200 of 300 cells, sampled at random, among the 250 that have a label; the same cells in every panel.",
        ),
        (300, 300, "200 of 300 cells, sampled at random; the same cells in every panel."),
        (300, None, "200 of 300 cells, sampled at random; the same cells in every panel."),
    ],
)
def test_the_note_says_which_cells_are_drawn(n_total, n_labelled, note):
    assert note in page_texts(grid(n_methods=1, n_total=n_total, n_labelled=n_labelled))


def test_cells_without_a_label_are_not_called_a_sample():
    label = pd.Categorical(["a", None, "b", "a", "b", None])
    batch = pd.Categorical(list("xxxyyy"))
    cells = np.flatnonzero(label.codes >= 0)
    umaps = pd.DataFrame({"method": "m", "cell": cells, "x": [0.0, 1, 2, 3], "y": [1.0, 0, 3, 2]})
    figure = umap.draw(umaps, [{"method": "m", "status": "ok"}], {"batch": batch, "label": label}, {})
    assert "4 of 6 cells: those that have a label." in page_texts(figure)


@pytest.mark.parametrize(("n_batches", "named"), [(40, 40), (41, 39), (200, 39)])
def test_the_legend_names_a_part_of_many_batches_and_says_how_many_more(n_batches, named):
    batch = [f"donor{number:03d}" for number in range(n_batches)] * 2
    figure = plot_umap_grid({"m": np.random.default_rng(0).normal(size=(len(batch), 2))}, batch, ["x"] * len(batch))
    written = page_texts(figure)
    assert [text for text in written if text.startswith("donor")] == [f"donor{number:03d}" for number in range(named)]
    assert (f"and {n_batches - named} more" in written) == (named < n_batches)
    assert figure.get_size_inches()[0] < 8


def test_labels_and_batches_in_any_script_are_drawn(tmp_path):
    names = ["T细胞", "T cell\n(CD4)", "a\tb", "γδ", "عصب", "\N{DNA DOUBLE HELIX}"]
    rng = np.random.default_rng(0)
    points = {"T细胞": rng.normal(size=(60, 2))}
    figure = plot_umap_grid(points, np.resize(names[:2], 60), np.resize(names, 60), title="细胞\n1")
    texts = page_texts(figure)
    for shown in ("T\\u7ec6\\u80de", "T cell (CD4)", "a b", "γδ", "\\U0001f9ec"):
        assert any(shown in text for text in texts)
    save_figure(figure, tmp_path / "grid")


def test_panels_show_every_cell_in_its_colour():
    points = np.arange(8, dtype=float).reshape(4, 2)
    batch = pd.Categorical(["z", "a", "z", "a"], categories=["z", "a", "unused"])
    figure = plot_umap_grid({"m": points}, batch, list("wxyz"))
    scatter = figure.axes[1].collections[0]
    colours = {
        tuple(place): tuple(colour)
        for place, colour in zip(scatter.get_offsets(), scatter.get_facecolors(), strict=True)
    }
    assert set(colours) == set(map(tuple, points))
    assert colours[tuple(points[0])] == colours[tuple(points[2])] != colours[tuple(points[1])]
    written = page_texts(figure)
    assert written.index("z") < written.index("a")
    assert "unused" not in written


def test_a_failed_method_is_an_empty_panel_with_its_status():
    figure = plot_umap_grid(
        {"portal": np.zeros((4, 2)), "seurat": "oom", "fastmnn": "not_applicable"},
        list("abab"),
        list("cdcd"),
        methods=METHODS,
    )
    panels = figure.axes[3:]
    assert [axes.texts[0].get_text() for axes in panels] == ["oom (out of memory)"] * 2 + ["not applicable"] * 2
    assert not any(axes.collections for axes in panels)


def test_many_labels_have_numbers_and_the_legend_stays_inside():
    for n_methods, n_labels in ((1, 60), (2, 38), (13, 38)):
        figure = grid(n_methods=n_methods, n_cells=400, n_labels=n_labels, title="x" * 30)
        assert any(text.startswith("38  type") for text in page_texts(figure))
        assert figure.axes[2].texts
        assert not figure.axes[1].texts
        renderer = render(figure)
        boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in figure.axes[0].texts if t.get_text()]
        for i, (text, box) in enumerate(boxes):
            assert box.x1 <= figure.bbox.width, text
            assert box.y0 >= 0, text
            assert not any(box.overlaps(other) for _, other in boxes[i + 1 :]), text


def test_many_methods_wrap_into_even_rows():
    figure = grid(n_methods=7, per_row=6)
    lefts = {round(axes.get_position().x0, 3) for axes in figure.axes[1:]}
    assert len(lefts) == 4
    assert page_texts(figure).count("by batch") == 2


def test_points_shrink_with_the_number_of_cells():
    assert point_area(100) == point_area(10_000)
    assert point_area(100_000) == pytest.approx(point_area(10_000) / 10)
    assert point_area(10**9) > 0


def test_the_same_input_gives_the_same_bytes(tmp_path):
    first = save_figure(grid(), tmp_path / "a")
    second = save_figure(grid(), tmp_path / "b")
    other = save_figure(grid(seed=1), tmp_path / "c")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert first[1].read_bytes() != other[1].read_bytes()
