"""What a file holds is described correctly, and its configuration runs."""

import warnings

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import yaml
from realdata import real_file

from portal_lib.benchmark.config.parse import parse_config
from portal_lib.errors import DataError
from portal_lib.preparation import inspect, prepare
from portal_lib.preparation.cell_cycle import genes_of
from portal_lib.preparation.reading.contents import gene_names


def atlas(n_cells=120, n_genes=300):
    """Counts of two donors, with columns of every kind."""
    rng = np.random.default_rng(0)
    data = anndata.AnnData(sp.csr_matrix(rng.poisson(rng.gamma(1, 2, n_genes), (n_cells, n_genes)).astype(np.int32)))
    data.obs_names, data.var_names = [f"c{i}" for i in range(n_cells)], [f"g{i}" for i in range(n_genes)]
    rows = np.arange(n_cells)
    data.obs["leiden"] = (rows % 4).astype(str)
    data.obs["cellType"] = pd.Categorical(np.array(["T", "B", "NK"])[rows % 3])
    data.obs["donor_id"] = pd.Categorical(np.where(rows < 50, "d1", "d2"))
    data.obs["donor_ontology_term_id"] = np.where(rows < 50, "x:1", "x:2")
    data.obs["batch"] = "one"
    data.obs["phase"] = np.array(["G1", "S"])[rows % 2]
    data.obs["n_counts"], data.obs["age"] = rng.random(n_cells), rows % 5
    data.obs["barcode"] = data.obs_names
    return data


def log_normalised(adata):
    values = adata.X.toarray()
    return sp.csr_matrix(np.log1p(values / values.sum(axis=1, keepdims=True) * 1e4).astype(np.float32))


def test_columns_are_found_by_name_and_values(tmp_path):
    atlas().write_h5ad(tmp_path / "mine.h5ad")
    found = inspect(tmp_path / "mine.h5ad")
    assert found.shape == (120, 300)
    # One batch is no batches; ids go after names; measurements and names of cells are no categories.
    assert list(found.batches) == ["donor_id", "donor_ontology_term_id"]
    assert found.batches["donor_id"].to_dict() == {"d2": 70, "d1": 50}
    assert list(found.labels) == ["cellType", "leiden"]
    assert found.labels["cellType"].to_dict() == {"T": 40, "B": 40, "NK": 40}
    assert list(found.others) == ["phase"]
    assert (found.batch_key, found.label_key, found.problems) == ("donor_id", "cellType", [])


@pytest.mark.parametrize("form", ["memory", "h5ad", "zarr"])
def test_the_counts_are_found_wherever_they_are(tmp_path, form):
    adata = atlas()
    adata.raw = adata.copy()
    adata.layers["scaled"] = adata.X.toarray() - 0.5
    adata.layers["nothing"] = sp.csr_matrix(adata.shape)
    adata.layers["counts"] = adata.X.copy()
    adata.X = log_normalised(adata)
    adata = adata[:, :200].copy()
    source = adata
    if form != "memory":
        source = tmp_path / f"mine.{form}"
        with warnings.catch_warnings():
            # anndata announces what its next release will do.
            warnings.simplefilter("ignore")
            adata.write_h5ad(source) if form == "h5ad" else adata.write_zarr(source)
    found = inspect(source)
    counts = adata.layers["counts"]
    n_zero = 120 * 200 - counts.count_nonzero()
    share = f"{counts.count_nonzero() / (120 * 200):.1%} of them above 0 (int32)"
    assert found.matrices.pop("raw.X").endswith("above 0 (int32), of 300 genes")
    assert found.matrices == {
        "X": f"contains fractions (largest value {adata.X.max():.4g}): it looks log-transformed",
        "layers['counts']": f"contains counts: whole numbers up to {counts.max()}, {share}",
        "layers['nothing']": "contains only zeros",
        "layers['scaled']": f"contains negative values (lowest -0.5; {n_zero:,} of 24,000): "
        "it looks scaled or corrected",
    }
    assert (found.layer, found.problems) == ("counts", [])
    assert inspect(source, layer="raw").layer == "raw"


def test_genes_with_counts_are_counted_by_batch(tmp_path):
    adata = atlas()
    values = adata.X.toarray()
    values[:50, :100], values[50:, 250:] = 0, 0
    adata.X = sp.csr_matrix(values)
    expected = {"d1": int((values[:50] > 0).any(axis=0).sum()), "d2": int((values[50:] > 0).any(axis=0).sum())}
    assert inspect(adata).genes_per_batch == expected
    assert expected["d1"] <= 200
    adata.obs["donor_id"] = [f"d{i % 20}" for i in range(120)]
    assert "; fewest in 'd" in str(inspect(adata))


def test_the_configuration_runs_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    adata = atlas()
    adata.obs = adata.obs.rename(columns={"donor_id": "donor: 1", "cellType": "on"})
    adata.layers["1"] = adata.X.copy()
    adata.X = log_normalised(adata)
    adata.write_h5ad("1st run.h5ad")
    found = inspect("1st run.h5ad", label_key="on")
    run = parse_config(yaml.safe_load(found.config) | {"methods": ["unintegrated"]})
    dataset = run.datasets["1st_run"]
    assert (dataset.path, dataset.batch, dataset.label, dataset.layer) == ("1st run.h5ad", "donor: 1", "on", "1")
    keys = {"batch_key": dataset.batch, "label_key": dataset.label, "layer": dataset.layer}
    assert prepare(dataset.path, **keys, n_top_genes=200, n_pcs=5, n_pcs_unintegrated=5).n_obs == 120
    assert found.config in str(found)


def test_problems_are_those_of_a_run(tmp_path):
    adata = atlas()
    adata.X = log_normalised(adata)
    adata.obs["donor_id"] = ["d1"] * 5 + ["d2"] * 115
    adata.write_h5ad(tmp_path / "mine.h5ad")
    found = inspect(tmp_path / "mine.h5ad")
    assert [line.split(" (")[0] for line in found.problems] == [
        "X contains fractions",
        "batches of fewer than 10 cells: 'd1'",
    ]
    assert found.layer is None
    adata.obs = adata.obs[["n_counts", "batch"]]
    found = inspect(adata)
    assert found.problems == [
        "no column of obs looks like batches. Found: n_counts, batch. Name it in 'batch'; if each of several files is "
        "one batch, list them in 'path', and set 'batch' to 'file'."
    ]
    assert "batch: COLUMN" in found.config
    assert "Likely labels\n  none" in str(found)
    with pytest.raises(DataError, match="has no layer 'count'"):
        inspect(adata, layer="count")


def test_notes_are_those_of_a_run():
    adata = atlas()
    adata.X = sp.csr_matrix(np.vstack([np.zeros((3, 300), np.int32), adata.X.toarray()[3:]]))
    found = inspect(adata)
    assert found.notes == ["3 cells have no counts; kept, all values 0."]
    assert "Notes\n  3 cells have no counts" in str(found)


HUMAN, MOUSE = ([*genes_of(name)["S"][0], *genes_of(name)["G2M"][0]] for name in ("human", "mouse"))


@pytest.mark.parametrize(
    ("genes", "words", "organism"),
    [
        (HUMAN, "symbols of human", "human"),
        (MOUSE, "symbols of mouse", "mouse"),
        ([f"RPL{i}" for i in range(12)] + ["x"] * 50, "symbols of human", "human"),
        ([f"mt-Nd{i}" for i in range(12)], "symbols of mouse", "mouse"),
        ([f"g{i}" for i in range(50)], "symbols of an unknown species", None),
        ([f"ENSG{i:011d}" for i in range(9)] + ["ERCC-1"], "Ensembl ids of human", "human"),
        ([f"ENSMUSG{i:011d}.{i}" for i in range(9)], "Ensembl ids with versions of mouse", "mouse"),
        ([f"ENSABCG{i:011d}" for i in range(9)], "Ensembl ids of another species", None),
    ],
)
def test_kind_and_species_of_gene_names(genes, words, organism):
    found, species = gene_names(pd.Index(genes))
    assert found.partition(" (")[0] == words
    assert species == organism


def test_a_real_file():
    found = inspect(real_file("h5ad", "scmixology_3protocols.h5ad"))
    assert (found.batch_key, found.label_key, found.organism) == ("batch", "cell_type", "human")
    assert found.batches["batch"].to_dict() == {"10x_3cl": 895, "CEL-seq2_3cl": 240, "Drop-seq_3cl": 210}
    assert found.genes_per_batch == dict.fromkeys(["CEL-seq2_3cl", "Drop-seq_3cl", "10x_3cl"], 884)
    assert found.problems == []
