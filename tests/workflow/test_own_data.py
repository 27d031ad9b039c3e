"""An h5ad of the user's: it runs as any data set does, and bad input ends in one clear message."""

import anndata
import numpy as np
import pytest
import scipy.sparse as sp

METHODS = {"methods": ["unintegrated"], "seeds": [0]}


def atlas(n_cells=240, n_genes=400, seed=0):
    """Counts of three types in two batches."""
    rng = np.random.default_rng(seed)
    label, batch = rng.integers(0, 3, n_cells), rng.integers(0, 2, n_cells)
    rate = rng.gamma(0.6, 2.0, (3, n_genes))[label] * rng.gamma(5, 0.2, (2, n_genes))[batch]
    data = anndata.AnnData(sp.csr_matrix(rng.poisson(rate).astype(np.float32)))
    data.obs["donor"] = np.array(["d1", "d2"])[batch]
    data.obs["cell_type"] = np.array(["T", "B", "NK"])[label]
    return data


def entry(**changes):
    return {"name": "mine", "path": "mine.h5ad", "batch": "donor", "label": "cell_type"} | changes


def test_own_data_in_five_lines(house):
    atlas().write_h5ad(house.root / "mine.h5ad")
    house.configure(run="own", datasets=[entry()], **METHODS)
    house.snakemake()
    assert "mine\tunintegrated\t0\tnmi" in house.read("results/own/scores.tsv")
    assert (house.root / "results" / "own" / "report.html").exists()


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (None, {"batch": "btach"}, "DataError: mine.h5ad: obs has no column 'btach'. Found: donor, cell_type."),
        ("logged", {}, "it looks log-normalised"),
        ("not_h5ad", {}, "DataError: mine.h5ad"),
    ],
)
def test_bad_input_is_one_message_and_no_file(house, change, settings, message):
    data = atlas()
    if change == "logged":
        counts = data.X.toarray()
        data.X = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    data.write_h5ad(house.root / "mine.h5ad")
    if change == "not_h5ad":
        (house.root / "mine.h5ad").write_text("cell,gene\n")
    house.configure(run="own", datasets=[entry(**settings)], **METHODS)
    done = house.snakemake(check=False)
    log = house.read("results/mine/prepare.log")
    assert done.returncode != 0
    assert message in log, log
    assert message in done.text
    assert "Traceback" not in log
    assert not (house.root / "results" / "mine" / "prepared.h5ad").exists()
