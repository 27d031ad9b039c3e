import numpy as np
import pytest
import scanpy as sc
import scipy.sparse as sp
from anndata import AnnData
from sklearn.decomposition import PCA

from portal_lib.errors import NotApplicable
from portal_lib.methods.integrate.combat import METHOD, run

DEFAULTS = {key: fact["default"] for key, fact in METHOD["params"].items()}


def log_normalised(data):
    return np.log1p(data.X.toarray().astype(float) * 1e4 / data.obs["total_counts"].to_numpy()[:, None])


def with_counts(data, change):
    """A copy with counts changed in place by `change`."""
    result = data.copy()
    dense = result.X.toarray()
    change(dense, result.obs["batch"].cat.codes.to_numpy())
    result.X = sp.csr_matrix(dense)
    return result


@pytest.mark.slow
def test_equals_scanpy_where_every_gene_varies(hidden):
    result = run(hidden, DEFAULTS, 0, "cpu")
    oracle = sc.pp.combat(AnnData(log_normalised(hidden), obs=hidden.obs[["batch"]].copy()), inplace=False)
    assert result.notes == {"uncorrected_genes": 0}
    np.testing.assert_allclose(result.expression, oracle, atol=1e-5)
    pca = PCA(50, svd_solver="arpack", random_state=0).fit_transform(oracle)
    np.testing.assert_allclose(result.embedding, pca, atol=1e-3)


def test_results_have_shapes_types_and_equal_batch_means(hidden):
    result = run(hidden, DEFAULTS | {"n_pcs": 12}, 0, "cpu")
    codes = hidden.obs["batch"].cat.codes.to_numpy()
    assert (result.embedding.shape, result.embedding.dtype) == ((150, 12), np.float32)
    assert (result.expression.shape, result.expression.dtype) == (hidden.shape, np.float32)
    gap = np.abs(result.expression[codes == 0].mean(axis=0) - result.expression[codes == 1].mean(axis=0))
    before = log_normalised(hidden)
    assert gap.mean() < 0.1 * np.abs(before[codes == 0].mean(axis=0) - before[codes == 1].mean(axis=0)).mean()


def test_the_seed_has_no_effect_and_the_input_is_not_changed(hidden):
    before = hidden.X.data.tobytes(), hidden.obs.to_csv()
    first, other = run(hidden, DEFAULTS, 0, "cpu"), run(hidden, DEFAULTS, 1, "cpu")
    assert first.expression.tobytes() == other.expression.tobytes()
    assert first.embedding.tobytes() == other.embedding.tobytes()
    assert (hidden.X.data.tobytes(), hidden.obs.to_csv()) == before


def test_genes_that_are_constant_in_a_batch_are_not_corrected(hidden):
    def clear(dense, codes):
        dense[:, 3] = 0
        dense[codes == 1, 8] = 0

    data = with_counts(hidden, clear)
    result = run(data, DEFAULTS, 0, "cpu")
    rest = np.delete(np.arange(data.n_vars), [3, 8])
    alone = run(data[:, rest].copy(), DEFAULTS, 0, "cpu")
    assert result.notes == {"uncorrected_genes": 2}
    np.testing.assert_allclose(result.expression[:, [3, 8]], log_normalised(data)[:, [3, 8]], rtol=1e-6)
    np.testing.assert_allclose(result.expression[:, rest], alone.expression, atol=1e-6)
    assert np.isfinite(result.embedding).all()


def test_combat_does_not_apply_if_no_gene_varies_in_every_batch(hidden):
    def clear(dense, codes):
        dense[codes == 0] = 0

    with pytest.raises(NotApplicable, match="0 of 300 genes vary in every batch; ComBat needs two or more"):
        run(with_counts(hidden, clear), DEFAULTS, 0, "cpu")
