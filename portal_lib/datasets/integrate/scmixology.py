"""Mixtures of five lung cancer cell lines in five libraries (CEL-seq2 and Drop-seq), labelled by genotype."""

DATASET = {
    "label": "Lung cancer line mixtures",
    "task": "integrate",
    "organism": "human",
    "files": [
        {
            "name": "sc_celseq2.count.csv.gz",
            "url": "https://raw.githubusercontent.com/LuyiTian/sc_mixology/7d00ffb0bd043467f365a9358d7312f294f13c9f/"
            "data/csv/sc_celseq2.count.csv.gz",
            "sha256": "a82aa89b8995aed412f4260c0adb343967e33a801af6f2e0aa647c1d897a5a21",
            "bytes": 2089195,
            "licence": "MIT",
        },
        {
            "name": "sc_celseq2.metadata.csv.gz",
            "url": "https://raw.githubusercontent.com/LuyiTian/sc_mixology/7d00ffb0bd043467f365a9358d7312f294f13c9f/"
            "data/csv/sc_celseq2.metadata.csv.gz",
            "sha256": "78429916bac394d92d8c972059a8f195c5479ce578da04f1eb3ba599585ef3d9",
            "bytes": 15903,
            "licence": "MIT",
        },
        {
            "name": "sc_dropseq.count.csv.gz",
            "url": "https://raw.githubusercontent.com/LuyiTian/sc_mixology/7d00ffb0bd043467f365a9358d7312f294f13c9f/"
            "data/csv/sc_dropseq.count.csv.gz",
            "sha256": "98c0bb6a9fbf4b93967ef82cef9985d7691cf59a31dc5b0b3699f70ed1a0fd08",
            "bytes": 1299691,
            "licence": "MIT",
        },
        {
            "name": "sc_dropseq.metadata.csv.gz",
            "url": "https://raw.githubusercontent.com/LuyiTian/sc_mixology/7d00ffb0bd043467f365a9358d7312f294f13c9f/"
            "data/csv/sc_dropseq.metadata.csv.gz",
            "sha256": "4c48f3e13778e89192d9861095bc102cc0deb9eba1a7f47a093f5a058ce1aa6a",
            "bytes": 10611,
            "licence": "MIT",
        },
        {
            "name": "sc_celseq2_5cl_p1.count.csv.gz",
            "url": "https://raw.githubusercontent.com/LuyiTian/sc_mixology/7d00ffb0bd043467f365a9358d7312f294f13c9f/"
            "data/csv/sc_celseq2_5cl_p1.count.csv.gz",
            "sha256": "577324d2fd427685144420536489202c68ae98cb22f5825c40c8cf41c5fe0a07",
            "bytes": 1846196,
            "licence": "MIT",
        },
        {
            "name": "sc_celseq2_5cl_p1.metadata.csv.gz",
            "url": "https://raw.githubusercontent.com/LuyiTian/sc_mixology/7d00ffb0bd043467f365a9358d7312f294f13c9f/"
            "data/csv/sc_celseq2_5cl_p1.metadata.csv.gz",
            "sha256": "a6f5b206f891113162d2c9af27860c187a04ccd8848f9bc29be97dfa95eeadc4",
            "bytes": 17651,
            "licence": "MIT",
        },
        {
            "name": "sc_celseq2_5cl_p2.count.csv.gz",
            "url": "https://raw.githubusercontent.com/LuyiTian/sc_mixology/7d00ffb0bd043467f365a9358d7312f294f13c9f/"
            "data/csv/sc_celseq2_5cl_p2.count.csv.gz",
            "sha256": "c6ef3df82d9fa44598ee15d8a07113c44a830ee3d2e3205c93590d594240bab5",
            "bytes": 1655842,
            "licence": "MIT",
        },
        {
            "name": "sc_celseq2_5cl_p2.metadata.csv.gz",
            "url": "https://raw.githubusercontent.com/LuyiTian/sc_mixology/7d00ffb0bd043467f365a9358d7312f294f13c9f/"
            "data/csv/sc_celseq2_5cl_p2.metadata.csv.gz",
            "sha256": "06d2f3b9fd646b4a3c1e6d1af7205c7eec1017bfab9a4c68853f9a3fc97be836",
            "bytes": 17861,
            "licence": "MIT",
        },
        {
            "name": "sc_celseq2_5cl_p3.count.csv.gz",
            "url": "https://raw.githubusercontent.com/LuyiTian/sc_mixology/7d00ffb0bd043467f365a9358d7312f294f13c9f/"
            "data/csv/sc_celseq2_5cl_p3.count.csv.gz",
            "sha256": "e535abac653a5a3ee44eff88345db2315693732f679156ab20ee924b21bced9a",
            "bytes": 1449564,
            "licence": "MIT",
        },
        {
            "name": "sc_celseq2_5cl_p3.metadata.csv.gz",
            "url": "https://raw.githubusercontent.com/LuyiTian/sc_mixology/7d00ffb0bd043467f365a9358d7312f294f13c9f/"
            "data/csv/sc_celseq2_5cl_p3.metadata.csv.gz",
            "sha256": "c373869c9d3bbca9dc7773a8b8ef65e6035c939d45b18cb410fede526770eadb",
            "bytes": 17656,
            "licence": "MIT",
        },
    ],
    "batch_key": "batch",
    "label_key": "cell_line",
    "batches": ["celseq2", "dropseq", "celseq2_5cl_p1", "celseq2_5cl_p2", "celseq2_5cl_p3"],
    "expected": {
        "n_cells": {"celseq2": 240, "dropseq": 210, "celseq2_5cl_p1": 156, "celseq2_5cl_p2": 163, "celseq2_5cl_p3": 252}
    },
    "citation": "Tian et al. 2019, Nature Methods 16:479, doi:10.1038/s41592-019-0425-8 (GEO GSE118767)",
    "licence": "MIT",
}


def load(folder):
    """Read the five libraries, without spike-ins and without doublets.

    Parameters
    ----------
    folder
        Folder that contains the files of ``DATASET["files"]``.

    Returns
    -------
    AnnData of raw UMI counts, CSR float32, shape (n_cells, n_genes): the genes (Ensembl ids) that all five libraries
    share, in the order of the first; cells grouped by library. obs has `batch` and `cell_line`, both categorical.

    Raises
    ------
    DataError
        A file is not the expected one, or the numbers of cells differ from ``DATASET["expected"]``.

    Notes
    -----
    The label is the genotype call of demuxlet. Only singlets are kept, since doublets have a cell line too. Well names
    repeat between plates, so each cell name gets the library as a prefix.
    """
    import anndata

    from portal_lib.datasets._checks import check_expected

    parts = [_read_library(folder, batch) for batch in DATASET["batches"]]
    adata = anndata.concat(parts, join="inner", merge="same")
    for key, order in (("batch", DATASET["batches"]), ("cell_line", sorted(set(adata.obs["cell_line"])))):
        adata.obs[key] = adata.obs[key].astype("category").cat.set_categories(order)
    check_expected(adata, DATASET)
    return adata


def _read_library(folder, batch):
    """Counts of one library, singlets only."""
    import anndata
    import pandas as pd

    from portal_lib.datasets._tables import counts_by_cell, read_r_table

    counts = counts_by_cell(read_r_table(folder, f"sc_{batch}.count.csv.gz"), drop_prefix="ERCC-")
    cells = read_r_table(folder, f"sc_{batch}.metadata.csv.gz").loc[counts.cells]
    obs = pd.DataFrame({"batch": batch, "cell_line": cells["cell_line_demuxlet"]}, index=cells.index)
    adata = anndata.AnnData(counts.matrix, obs=obs, var=pd.DataFrame(index=counts.genes))
    adata = adata[(cells["demuxlet_cls"] == "SNG").to_numpy()].copy()
    adata.obs_names = batch + "_" + adata.obs_names
    return adata
