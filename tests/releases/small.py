"""First calls of the installed library, away from the repository: integrate, save, load, align, command line."""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp

import portal_lib
from portal_lib.benchmark import registry


def small(n_cells=240, n_genes=600):
    """Counts of two batches that differ in depth, with three cell types."""
    rng = np.random.default_rng(0)
    batch, label = np.arange(n_cells) % 2, rng.integers(3, size=n_cells)
    types = rng.gamma(0.6, 6.0, n_genes) * rng.lognormal(0, 1, (3, n_genes)) + 0.05
    counts = rng.poisson(types[label] * (1.0 + batch)[:, None])
    obs = pd.DataFrame({"donor": np.array(["a", "b"])[batch], "cell_type": np.array(["T", "B", "NK"])[label]})
    obs.index = [f"cell{i}" for i in range(n_cells)]
    return anndata.AnnData(sp.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=[f"gene{i}" for i in range(n_genes)]))


def main():
    """Run them all in a temporary folder; what fails ends the program."""
    assert not Path("portal_lib").exists()
    adata = small()
    with tempfile.TemporaryDirectory() as folder:
        file, out, saved = (Path(folder, name) for name in ("in.h5ad", "out.h5ad", "model"))
        adata.write_h5ad(file)
        portal_lib.integrate(adata, batch_key="donor", training_steps=30, progress=False)
        assert adata.obsm["X_portal"].shape == (240, 20)
        assert np.isfinite(adata.obsm["X_portal"]).all()
        model = portal_lib.PortalModel(training_steps=30).fit(adata, batch_key="donor", progress=False)
        model.save(saved)
        again = portal_lib.PortalModel.load(saved, device="cpu").transform(adata)
        np.testing.assert_allclose(again, adata.obsm["X_portal"], atol=1e-4)
        words = [sys.executable, "-m", "portal_lib", "integrate", file, "--batch-key", "donor", "--out", out]
        subprocess.run([*map(str, words), "--training-steps", "30", "--quiet"], check=True, cwd=folder)
        assert "X_portal" in anndata.read_h5ad(out).obsm
    found = portal_lib.align(adata.obsm["X_portal"], adata.obsm["X_portal"][:, ::-1], pairs=[(0, 0)], training_steps=30)
    assert found.x12.shape == (240, 20)
    assert {"portal", "magan"} <= set(registry.find("methods"))
    print(f"portal_lib {portal_lib.__version__} from {Path(portal_lib.__file__).parents[1].name}: all calls passed")


if __name__ == "__main__":
    warnings.simplefilter("error", FutureWarning)
    main()
