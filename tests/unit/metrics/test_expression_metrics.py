"""Metrics that read expression or pseudotime: scib and scanpy are the oracles."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scib_oracle import as_anndata, diffusion_pseudotime, expressed, scib_cell_cycle, scib_hvg_overlap, scib_trajectory
from scipy import sparse
from scored_cells import EXPRESSION_NAMES, cycle_scores, embeddings, made_cells, neighbor_graph

from portal_lib.errors import NotApplicable
from portal_lib.metrics._space import Space, Truth
from portal_lib.metrics._variable_genes import variable_genes
from portal_lib.metrics._variance import explained_share
from portal_lib.metrics.scib import cell_cycle_conservation, hvg_overlap, trajectory_conservation
from portal_lib.preparation.cell_cycle import genes_of

pytestmark = pytest.mark.realdata


def reconstructed(cells):
    """A corrected expression: 20 components, centred in each batch, turned back; some genes are left out."""
    values = cells.expression.toarray()
    means = values.mean(axis=0)
    scores = np.array(cells.embedding[:, :20])
    axes = np.linalg.lstsq(scores, values - means)[0]
    for one in np.unique(cells.batch):
        scores[cells.batch == one] -= scores[cells.batch == one].mean(axis=0)
    kept = np.arange(values.shape[1]) % 7 > 0
    return (scores @ axes + means)[:, kept].astype(np.float32), cells.genes[kept]


def in_float64(cells):
    """The cells with expression in float64; from float32 scib has errors above 1e-6."""
    return SimpleNamespace(**(vars(cells) | {"expression": cells.expression.astype(np.float64)}))


@pytest.mark.parametrize("organism", ["human", "mouse"])
def test_cell_cycle_genes_equal_scib(scib, organism):
    table = scib.preprocessing.get_cell_cycle_genes(organism)
    for phase, name in (("S", "S"), ("G2/M", "G2M")):
        of_phase = table[table.phase == phase]
        assert genes_of(organism)[name] == (list(of_phase.gene_name), list(of_phase.gene_id))


@pytest.mark.parametrize(
    ("name", "control"),
    [
        (name, control)
        for name in ("kang_ifnb_labelled", "mesc_scmerge")
        for control in ("unintegrated", "centred", "shuffle_by_label")
    ]
    + [pytest.param("scmixology", "centred", marks=pytest.mark.slow)],
)
def test_cell_cycle_conservation_equals_scib(scib, real, name, control):
    cells = in_float64(real(name))
    embedding = embeddings(cells)[control]
    space = Space(embedding, expression=lambda: (cells.expression, cells.genes), cell_cycle=cycle_scores(cells))
    ours = cell_cycle_conservation.score(space, Truth(cells.batch, cells.label))
    assert ours == pytest.approx(scib_cell_cycle(scib, cells, embedding), abs=1e-6)


def test_cell_cycle_conservation_of_a_wide_embedding_uses_50_components(scib, real):
    cells = in_float64(real("kang_ifnb_labelled"))
    wide = cells.expression[:, ::9].toarray()
    space = Space(wide, expression=(cells.expression, cells.genes), cell_cycle=cycle_scores(cells))
    ours = cell_cycle_conservation.score(space, Truth(cells.batch))
    assert ours == pytest.approx(scib_cell_cycle(scib, cells, wide), abs=1e-6)


def test_explained_variance_is_equal_for_dense_and_sparse_matrices(real):
    cells = real("mesc_scmerge")
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(len(cells.batch), 2)))
    dense = explained_share(cells.expression.toarray().astype(float), basis)
    assert explained_share(cells.expression.astype(float), basis) == pytest.approx(dense, abs=1e-9)
    assert 0 < dense < 1


def test_cell_cycle_conservation_says_why_it_does_not_apply(real):
    cells = real("scmixology_3protocols")
    truth, given = Truth(cells.batch), {"expression": (cells.expression, cells.genes)}
    for parts, reason in [
        ({"cell_cycle": np.ones((len(cells.batch), 2))}, "no expression before"),
        (given, "no scores of the cell cycle"),
        (given | {"cell_cycle": "the organism is not stated"}, "cell cycle: the organism is not stated"),
    ]:
        with pytest.raises(NotApplicable, match=reason):
            cell_cycle_conservation.score(Space(cells.embedding, **parts), truth)


@pytest.mark.parametrize("name", EXPRESSION_NAMES)
@pytest.mark.parametrize("n_top", [1, 50, 400])
def test_variable_genes_equal_scanpy(real, name, n_top):
    import scanpy as sc

    cells = real(name)
    for values in (cells.expression, reconstructed(cells)[0]):
        adata = expressed(cells, values, np.arange(values.shape[1]).astype(str))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = sc.pp.highly_variable_genes(adata, flavor="cell_ranger", n_top_genes=n_top, inplace=False)
        np.testing.assert_array_equal(variable_genes(values, n_top), table["highly_variable"])


@pytest.mark.parametrize("name", EXPRESSION_NAMES)
def test_hvg_conservation_equals_scib(scib, real, name):
    cells = real(name)
    values, genes = reconstructed(cells)
    for corrected in ((values, genes), (cells.expression, cells.genes)):
        space = Space(cells.embedding, expression=(cells.expression, cells.genes), corrected=corrected)
        ours = hvg_overlap.score(space, Truth(cells.batch, cells.label))
        assert ours == pytest.approx(scib_hvg_overlap(scib, cells, *corrected), abs=1e-6)
    assert ours == 1


def test_hvg_conservation_is_computed_on_the_genes_that_the_method_corrected(made):
    """Genes that are in the expression before, but not in the corrected one, are in neither list."""
    noise = np.random.default_rng(0).normal(size=(len(made.batch), 80))
    corrected = np.maximum(made.expression.toarray()[:, :80] + noise, 0), made.genes[:80]
    found = [
        hvg_overlap.score(Space(made.embedding, expression=before, corrected=corrected), Truth(made.batch))
        for before in ((made.expression, made.genes), (made.expression[:, :80], made.genes[:80]))
    ]
    assert found[0] == found[1] < 0.9
    assert "of the genes that the method corrected" in hvg_overlap.METRIC["implementation"]


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, -2.5, "mean"])
@pytest.mark.parametrize("as_sparse", [True, False])
def test_hvg_conservation_is_0_for_a_batch_that_was_wiped_out(value, as_sparse):
    cells = made_cells()
    before = cells.expression.toarray()
    after, wiped = before.copy(), cells.batch == "1"
    after[wiped] = before[wiped].mean(axis=0) if value == "mean" else value
    after = sparse.csr_matrix(after) if as_sparse else after
    for corrected, expected in ((cells.expression, 1), (after, 2 / 3), (after[:] * 0, 0)):
        space = Space(cells.embedding, expression=(before, cells.genes), corrected=(corrected, cells.genes))
        assert hvg_overlap.score(space, Truth(cells.batch)) == pytest.approx(expected, abs=1e-12)


def test_hvg_conservation_leaves_out_a_batch_that_was_empty_before():
    cells = made_cells()
    before = cells.expression.toarray()
    before[cells.batch == "1"] = 0
    space = Space(cells.embedding, expression=(before, cells.genes), corrected=(cells.expression, cells.genes))
    assert hvg_overlap.score(space, Truth(cells.batch)) == 1
    nothing = Space(cells.embedding, expression=(0 * before, cells.genes), corrected=(cells.expression, cells.genes))
    with pytest.raises(NotApplicable, match="no batch has two expressed genes"):
        hvg_overlap.score(nothing, Truth(cells.batch))


def test_hvg_conservation_does_not_depend_on_the_order_of_genes(real):
    cells = real("mesc_scmerge")
    values, genes = reconstructed(cells)
    order = np.random.default_rng(0).permutation(len(genes))
    one, other = (
        hvg_overlap.score(
            Space(cells.embedding, expression=(cells.expression, cells.genes), corrected=corrected), Truth(cells.batch)
        )
        for corrected in ((values, genes), (values[:, order], genes[order]))
    )
    assert one == other < 1


@pytest.mark.parametrize("name", EXPRESSION_NAMES)
@pytest.mark.parametrize("control", ["unintegrated", "centred", "shuffle_by_batch"])
def test_trajectory_conservation_equals_scib(scib, real, name, control):
    cells = real(name)
    pseudotime = diffusion_pseudotime(cells, embeddings(cells)["centred"], root=7)
    pseudotime[np.isinf(pseudotime)] = np.nan
    pseudotime[::11] = np.nan
    after = as_anndata(cells, embeddings(cells)[control])
    # On the same graph: eigenvectors of near-equal eigenvalues turn with its last digits.
    space = Space(connectivities=after.obsp["connectivities"], pseudotime=pseudotime)
    ours = trajectory_conservation.score(space, Truth(cells.batch, cells.label))
    assert ours == pytest.approx(scib_trajectory(scib, after, pseudotime), abs=1e-6)
    found = trajectory_conservation.score(
        Space(embeddings(cells)[control], pseudotime=pseudotime), Truth(cells.batch, cells.label)
    )
    assert found == pytest.approx(ours, abs=1e-3)


def test_trajectory_conservation_on_a_disconnected_graph_equals_scib(scib):
    cells = made_cells(300)
    pseudotime = np.random.default_rng(0).uniform(size=300) + (cells.label == "0") * 2
    for first, expected in (("1", None), ("0", 0)):
        embedding = cells.embedding + 1000 * (cells.label == "0")[:, None]
        times = pseudotime if first == "1" else -pseudotime + pseudotime.max()
        ours = trajectory_conservation.score(Space(embedding, pseudotime=times), Truth(cells.batch, cells.label))
        assert ours == pytest.approx(scib_trajectory(scib, as_anndata(cells, embedding), times), abs=1e-5)
        assert expected is None or ours == expected


def test_a_preserved_trajectory_scores_1():
    place = np.sort(np.random.default_rng(0).uniform(size=120))
    line = np.column_stack([np.cos(2 * place), np.sin(2 * place)])
    space = Space(line, pseudotime=place)
    label = (place * 5).astype(int)
    assert trajectory_conservation.score(space, Truth(None, label)) > 0.999
    assert (
        trajectory_conservation.score(Space(connectivities=neighbor_graph(line), pseudotime=place), Truth(None, label))
        > 0.999
    )


def test_trajectory_conservation_says_why_it_does_not_apply():
    cells = made_cells(100)
    truth, nothing = Truth(cells.batch, cells.label), np.full(100, np.nan)
    with pytest.raises(NotApplicable, match="no pseudotime"):
        trajectory_conservation.score(Space(cells.embedding), truth)
    with pytest.raises(NotApplicable, match="0 cells have a pseudotime"):
        trajectory_conservation.score(Space(cells.embedding, pseudotime=nothing), truth)
    with pytest.raises(NotApplicable, match="the known pseudotime is the same in all cells"):
        trajectory_conservation.score(Space(cells.embedding, pseudotime=np.ones(100)), truth)


@pytest.mark.parametrize(
    ("joined", "reason"),
    [
        ((3, 4), "the cells with a pseudotime are not connected"),
        ((0, 1), "the pseudotime recomputed on the graph is the same in all cells"),
    ],
)
def test_a_graph_without_pseudotime_gives_the_reason(joined, reason):
    graph = sparse.coo_matrix(([1.0, 1.0], (joined, joined[::-1])), shape=(5, 5))
    space = Space(connectivities=graph, pseudotime=[0, 1, 2, 3, np.nan])
    with pytest.raises(NotApplicable, match=reason):
        trajectory_conservation.score(space, Truth(None, ["a", "a", "b", "b", "b"]))
