"""Formats other than h5ad: the same counts give the same result, read from files that real programs wrote."""

import gzip
import logging
import shutil
import warnings

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from realdata import real_file
from scipy.io import mmwrite

from portal_lib.errors import DataError
from portal_lib.preparation import check_input, prepare
from portal_lib.preparation.reading import rows
from portal_lib.preparation.reading.sources import open_source

KEYS = {"batch_key": "tech", "label_key": "type"}
FEW = {"n_top_genes": 250, "n_pcs": 8, "n_pcs_unintegrated": 8}
TEXT = h5py.string_dtype()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch, caplog):
    """Small chunks, so that the few cells of these tests make many."""
    monkeypatch.setattr(rows, "CHUNK", 900)
    caplog.set_level(logging.ERROR)


def read(path, **how):
    """Counts, cell names, gene names and notes of a file."""
    with open_source(path, **how) as source:
        counts = sp.vstack(list(source.rows.chunks())).tocsr()
        return counts, source.names.to_index().tolist(), source.genes.tolist(), source.notes


def same(made, expected):
    np.testing.assert_array_equal(made.X.toarray(), expected.X.toarray())
    np.testing.assert_array_equal(made.obsm["X_pca"], expected.obsm["X_pca"])
    assert made.obs.astype(str).equals(expected.obs.astype(str))
    assert made.var_names.tolist() == expected.var_names.tolist()


def message(data, **how):
    with pytest.raises(DataError) as caught:
        open_source(data, **how)
    return str(caught.value)


# --- writers, in the layout of each format


def write_loom(adata, path, genes="Gene", cells="CellID", dtype="f4"):
    """The layout of loompy 3: genes × cells in chunks of 64 × 64."""
    with h5py.File(path, "w") as file:
        matrix = adata.X.toarray().T.astype(dtype)
        file.create_dataset("matrix", data=matrix, chunks=(64, 64), compression="gzip")
        file.create_dataset("layers/spliced", data=matrix // 2, chunks=(64, 64))
        file.create_dataset(f"row_attrs/{genes}", data=adata.var_names.tolist(), dtype=TEXT)
        file.create_dataset(f"col_attrs/{cells}", data=adata.obs_names.tolist(), dtype=TEXT)
        for key in adata.obs:
            file.create_dataset(f"col_attrs/{key}", data=adata.obs[key].astype(str).tolist(), dtype=TEXT)
        file["col_attrs/ClusterID"] = np.arange(adata.n_obs)
        for name in ("col_graphs", "row_graphs"):
            file.create_group(name)


def write_10x_v3(adata, path, kinds=None, name="matrix"):
    """The layout of Cell Ranger 3: genes × cells by column."""
    by_cell = adata.X.tocsr()
    with h5py.File(path, "w") as file:
        group = file.create_group(name)
        for part, kind in (("data", "i4"), ("indices", "i8"), ("indptr", "i8")):
            group.create_dataset(part, data=getattr(by_cell, part).astype(kind), compression="gzip", shuffle=True)
        group["shape"] = np.array(adata.shape[::-1], "i4")
        group["barcodes"] = adata.obs_names.to_numpy().astype("S")
        features = {"id": [f"ENSG{i:011d}" for i in range(adata.n_vars)], "name": adata.var_names.tolist()}
        features["feature_type"] = kinds or ["Gene Expression"] * adata.n_vars
        for key, values in features.items():
            group[f"features/{key}"] = np.array(values).astype("S")


def write_10x_v2(adata, path, genomes=("hg19",)):
    """The layout of Cell Ranger 2: a group for each genome."""
    by_cell = adata.X.tocsr()
    with h5py.File(path, "w") as file:
        for genome in genomes:
            for part in ("data", "indices", "indptr"):
                file[f"{genome}/{part}"] = getattr(by_cell, part)
            file[f"{genome}/shape"] = np.array(adata.shape[::-1])
            file[f"{genome}/barcodes"] = adata.obs_names.to_numpy().astype("S")
            file[f"{genome}/gene_names"] = adata.var_names.to_numpy().astype("S")
            file[f"{genome}/genes"] = np.array([f"{genome}_{i}" for i in range(adata.n_vars)]).astype("S")


def write_10x_folder(adata, folder, *, compressed=True, prefix=""):
    folder.mkdir()
    mmwrite(folder / f"{prefix}matrix.mtx", sp.coo_matrix(adata.X.T), field="integer")
    names = "features.tsv" if compressed else "genes.tsv"
    kind = "\tGene Expression" if compressed else ""
    lines = [f"ENSG{i}\t{name}{kind}\n" for i, name in enumerate(adata.var_names)]
    (folder / f"{prefix}{names}").write_text("".join(lines))
    (folder / f"{prefix}barcodes.tsv").write_text("".join(f"{name}\n" for name in adata.obs_names))
    for file in [*folder.iterdir()] if compressed else []:
        with file.open("rb") as plain, gzip.open(f"{file}.gz", "wb") as packed:
            shutil.copyfileobj(plain, packed)
        file.unlink()


def write_h5mu(modalities, path, obs=None, order=None):
    """The layout of mudata: an AnnData for each modality, obs and the places of cells of the whole."""
    names = list(obs.index) if obs is not None else modalities[next(iter(modalities))].obs_names.tolist()
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "MuData", "encoding-version": "0.1.0"})
        anndata.io.write_elem(file, "obs", pd.DataFrame(index=names) if obs is None else obs)
        anndata.io.write_elem(file, "var", pd.DataFrame(index=["all"]))
        for name, adata in modalities.items():
            anndata.io.write_elem(file, f"mod/{name}", adata)
            places = [adata.obs_names.get_loc(cell) + 1 if cell in adata.obs_names else 0 for cell in names]
            file[f"obsmap/{name}"] = np.array(places, dtype=np.uint32)


# --- one data set in every form


@pytest.mark.parametrize("form", ["loom", "loom float64", "h5mu", "h5mu of the whole", "h5mu zarr"])
def test_every_format_with_a_table_of_cells_gives_the_same_result(counts, tmp_path, form):
    path = tmp_path / "mine"
    if form.startswith("loom"):
        write_loom(counts, path, dtype="f8" if "64" in form else "i4")
    elif form == "h5mu":
        write_h5mu({"rna": counts}, path)
    elif form == "h5mu of the whole":
        # Columns only in the table of the whole, whose cells are in another order and more.
        others = [f"other{i}" for i in range(7)]
        whole = counts.obs.astype("category").reindex([*counts.obs_names[::-1], *others])
        bare = counts.copy()
        bare.obs = bare.obs[[]]
        write_h5mu({"rna": bare}, path, obs=whole)
    else:
        import zarr

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            root = zarr.open_group(path, mode="w")
            anndata.io.write_elem(root, "mod/rna", counts)
    same(prepare(path, **KEYS, **FEW), prepare(counts, **KEYS, **FEW))


@pytest.mark.parametrize("form", ["v3", "v2", "folder", "old folder", "folder of GEO"])
def test_several_10x_samples_are_one_data_set_with_the_file_as_batch(counts, tmp_path, form):
    """Their barcodes clash, as those of 10x samples do."""
    parts = [counts[:60].copy(), counts[60:].copy()]
    for part in parts:
        part.obs_names = [f"AAAC{i}-1" for i in range(part.n_obs)]
    paths = [tmp_path / name / "outs" / "filtered" for name in ("s1", "s2")]
    for part, path in zip(parts, paths, strict=True):
        path.parent.mkdir(parents=True)
        if form == "v3":
            write_10x_v3(part, path)
        elif form == "v2":
            write_10x_v2(part, path)
        else:
            prefix = "GSM1_s1_" if "GEO" in form else ""
            write_10x_folder(part, path, compressed=form != "old folder", prefix=prefix)
    made = prepare(paths, batch_key="file", **FEW)
    same_counts = counts.copy()
    same_counts.obs["tech"] = np.repeat(["s1", "s2"], [60, 50])
    same_counts.obs_names = [f"s{1 + (i >= 60)}:AAAC{i if i < 60 else i - 60}-1" for i in range(110)]
    same(made, prepare(same_counts, batch_key="tech", **FEW))
    assert "50 cell names are in more than one file" in made.uns["preparation"]["notes"][0]


def test_only_gene_expression_of_a_10x_file_is_used(counts, tmp_path):
    kinds = ["Gene Expression"] * 380 + ["Antibody Capture"] * 15 + ["CRISPR Guide Capture"] * 5
    write_10x_v3(counts, tmp_path / "a.h5", kinds)
    found, _, genes, notes = read(tmp_path / "a.h5")
    np.testing.assert_array_equal(found.toarray(), counts.X[:, :380].toarray())
    assert genes == counts.var_names[:380].tolist()
    left = "15 of Antibody Capture, 5 of CRISPR Guide Capture left out"
    assert notes == [f"380 features of Gene Expression are used, and {left}."]


def test_repeated_symbols_of_10x_get_numbers_as_in_scanpy(counts, tmp_path):
    counts.var_names = ["TBCE", "TBCE", *counts.var_names[2:]]
    write_10x_v3(counts, tmp_path / "a.h5")
    _, _, genes, notes = read(tmp_path / "a.h5")
    assert genes[:3] == ["TBCE", "TBCE-1", "gene2"]
    assert notes == ["1 gene name that occurred before got a number at the end, as in scanpy."]


def test_a_modality_is_chosen_and_named_in_messages(counts, tmp_path):
    protein = anndata.AnnData(np.ones((counts.n_obs, 3), np.float32), obs=counts.obs)
    protein.var_names = ["CD3", "CD4", "CD8"]
    path = tmp_path / "a.h5mu"
    write_h5mu({"rna": counts, "prot": protein}, path)
    assert read(path, mod="rna")[2] == counts.var_names.tolist()
    assert read(path, mod="prot")[2] == ["CD3", "CD4", "CD8"]
    expected = f"{path}: it has the modalities prot, rna. Set datasets[0].mod to one of them."
    assert message(path, config_key="datasets[0]") == expected
    assert "has no 'rn', did you mean 'rna'? It has the modalities prot, rna." in message(path, mod="rn")
    counts.write_h5ad(tmp_path / "b.h5ad")
    assert message(tmp_path / "b.h5ad", mod="rna").endswith("has no modalities, so there is no 'rna'. Leave out mod.")


def test_a_genome_of_10x_v2_is_chosen(counts, tmp_path):
    write_10x_v2(counts, tmp_path / "a.h5", ("hg19", "mm10"))
    assert "it has the genomes hg19, mm10. Set mod to one of them." in message(tmp_path / "a.h5")
    assert read(tmp_path / "a.h5", mod="mm10")[2] == counts.var_names.tolist()


def test_layers_and_other_names_of_loom(counts, tmp_path):
    write_loom(counts, tmp_path / "a.loom", genes="var_names", cells="obs_names")
    found, cells, genes, _ = read(tmp_path / "a.loom", layer="spliced")
    np.testing.assert_array_equal(found.toarray(), counts.X.toarray() // 2)
    assert (cells, genes) == (counts.obs_names.tolist(), counts.var_names.tolist())
    with pytest.raises(DataError, match=r"obs has no column 'teck', did you mean 'tech'\? Found: .*ClusterID"):
        check_input(tmp_path / "a.loom", batch_key="teck", label_key="type")
    with h5py.File(tmp_path / "a.loom", "r+") as file:
        file.move("row_attrs/var_names", "row_attrs/mine")
    assert "row_attrs has no names: none of Gene, gene," in message(tmp_path / "a.loom")


def test_a_sample_of_10x_files_keeps_the_file_of_each_cell(counts, tmp_path):
    from portal_lib.benchmark.data.nested_samples import sample_cells

    for name, part in (("a", counts[:60].copy()), ("b", counts[60:].copy())):
        write_10x_v3(part, tmp_path / f"{name}.h5")
    how = {"seed": 0, "data_name": "mine", "config_key": "datasets[0]", "keys": ["file"]}
    sample_cells([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "made.h5ad", cells=80, **how)
    made = anndata.read_h5ad(tmp_path / "made.h5ad")
    assert made.n_obs == 80
    assert (made.obs["file"] == np.where(np.isin(made.obs_names, counts.obs_names[:60]), "a", "b")).all()
    sample_cells(tmp_path / "a.h5", tmp_path / "all.h5ad", cells=60, **(how | {"keys": []}))
    assert anndata.read_h5ad(tmp_path / "all.h5ad").obs_names.tolist() == counts.obs_names[:60].tolist()


# --- what cannot be read


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.rds", b"RDX3\n", "zellkonverter::writeH5AD("),
        ("a.RData", b"RDX3\n", "zellkonverter::writeH5AD("),
        ("a.csv", b"cell,gene\n", "Read the table with pandas"),
        ("a.counts.tsv.gz", b"\x1f\x8b", "Read the table with pandas"),
        ("a.txt.h5ad", b"x", "These are read: h5ad, zarr"),
        ("a.h5ad.gz", b"\x1f\x8b", "Decompress it."),
        ("matrix.mtx", b"%%MatrixMarket", "Give the folder that holds it"),
        ("a.h5ad", b"", "(0 bytes, not in HDF5 format). These are read: h5ad, zarr, h5mu, 10x HDF5, a folder with"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_message_with_what_to_do(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    found = message(tmp_path / name)
    assert found.startswith(f"{tmp_path / name}: is not an h5ad file (")
    assert expected in found
    assert "\n" not in found


def test_hdf5_of_another_kind_and_folders_are_one_message(tmp_path):
    with h5py.File(tmp_path / "a.h5seurat", "w") as file:
        file.create_group("assays")
        file["cell.names"] = [1]
    assert "Found: assays, cell.names. Convert it: SeuratDisk::Convert(" in message(tmp_path / "a.h5seurat")
    assert f"{tmp_path}: is a folder with no matrix.mtx, and not a zarr store." in message(tmp_path)
    for name in ("a_matrix.mtx", "b_matrix.mtx.gz"):
        (tmp_path / name).touch()
    assert "is a folder with 2 files matrix.mtx: a_matrix.mtx, b_matrix.mtx.gz" in message(tmp_path)


def test_a_10x_folder_with_missing_or_short_tables_is_one_message(counts, tmp_path):
    write_10x_folder(counts, tmp_path / "a", compressed=False)
    (tmp_path / "a" / "barcodes.tsv").write_text("one\n")
    assert "matrix.mtx: has 400 × 110 entries, but there are 400 features and 1 barcodes." in message(tmp_path / "a")
    (tmp_path / "a" / "barcodes.tsv").unlink()
    assert message(tmp_path / "a") == f"{tmp_path}/a: has no barcodes.tsv, plain or with .gz."
    (tmp_path / "a" / "matrix.mtx").write_text("no matrix\n")
    (tmp_path / "a" / "barcodes.tsv").write_text("one\n")
    assert message(tmp_path / "a").startswith(f"{tmp_path}/a: cannot be read")


# --- files that real programs wrote

RAW = ("mirror", "raw.githubusercontent.com")
SCANPY = (*RAW, "scverse", "scanpy", "fabadb9412c0d1cd9df9d9c2e95ac266d564ee18", "tests", "_data", "10x_data")


@pytest.mark.realdata
def test_cell_ranger_3_gives_the_same_as_scanpy_from_the_file_and_the_folder():
    scanpy = pytest.importorskip("scanpy")
    file = real_file(*SCANPY, "3.0.0", "filtered_feature_bc_matrix.h5")
    folder = real_file(*SCANPY, "3.0.0", "filtered_feature_bc_matrix", "matrix.mtx.gz").parent
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = scanpy.read_10x_h5(file)
    for path in (file, folder):
        found, cells, genes, _ = read(path)
        assert found.shape == (1107, 507)
        assert (found != expected.X).nnz == 0
        assert cells == expected.obs_names.tolist()
        assert genes == expected.var_names.tolist()


@pytest.mark.realdata
def test_cell_ranger_2_gives_the_same_from_the_file_and_the_folder():
    file = real_file(*SCANPY, "1.2.0", "filtered_gene_bc_matrices_h5.h5")
    folder = real_file(*SCANPY, "1.2.0", "filtered_gene_bc_matrices", "hg19_chr21", "matrix.mtx").parent
    found, of_folder = read(file), read(folder)
    assert found[0].shape == (12, 343)
    assert (found[0] != of_folder[0]).nnz == 0
    assert found[1:3] == of_folder[1:3]
    assert "it has the genomes another_genome, hg19_chr21. Set mod" in message(
        real_file(*SCANPY, "1.2.0", "multiple_genomes.h5")
    )


@pytest.mark.realdata
def test_a_folder_that_r_wrote_has_quoted_names():
    there = (*RAW, "acidgenomics", "r-chromium", "b9f66b843fd4c37efb3df4f40482428c9a82d395", "inst", "extdata")
    there += ("cellranger_v2", "pbmc", "outs", "filtered_gene_bc_matrices", "GRCh38", "matrix.mtx")
    found, cells, genes, _ = read(real_file(*there).parent)
    assert (found.shape, found.nnz, found.sum()) == ((100, 100), 401, found.data.sum())
    assert cells[0] == "AAACCTGAGACAGACC-1"
    assert not any('"' in gene for gene in genes)


@pytest.mark.realdata
def test_a_loom_file_of_r_has_its_columns():
    there = (*RAW, "Bioconductor", "LoomExperiment", "b2e714b67cbcb5e551e91288b3c485443305a8b6", "inst", "extdata")
    path = real_file(*there, "L1_DRG_20_example.loom")
    with open_source(path, keys=["SampleID", "Clusters"]) as source, h5py.File(path) as file:
        np.testing.assert_array_equal(sp.vstack(list(source.rows.chunks())).toarray(), file["matrix"][:].T)
        assert source.genes.tolist() == file["row_attrs/Gene"].asstr()[:].tolist()
        assert source.names.to_index().tolist() == file["col_attrs/CellID"].asstr()[:].tolist()
        assert source.obs["SampleID"].unique().tolist() == ["10X43_2", "10X53_7"]
        assert source.obs["Clusters"].tolist() == file["col_attrs/Clusters"][:].tolist()
        assert {"Class", "Tissue", "X_Total"} <= set(source.columns)


def test_repeated_genes_of_loom_get_numbers(counts, tmp_path):
    counts.var_names = ["TBCE", "TBCE", *counts.var_names[2:]]
    write_loom(counts, tmp_path / "a.loom")
    _, _, genes, notes = read(tmp_path / "a.loom")
    assert genes[:3] == ["TBCE", "TBCE-1", "gene2"]
    assert len(notes) == 1
