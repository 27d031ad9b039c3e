import ast
import gzip
import inspect
import shutil

import numpy as np
import pytest
from realdata import mirror

from portal_lib.datasets._tables import counts_by_cell, read_r_table
from portal_lib.datasets.integrate import scmixology
from portal_lib.errors import DataError

CELLS = {"a1": ("SNG", "H1975"), "a2": ("DBL", "H2228"), "a3": ("SNG", "HCC827")}


def write_csv(path, header, rows):
    """As written by write.table of R: the header has one field fewer than the rows."""
    lines = [header, *rows]
    text = "".join(",".join(f'"{v}"' if isinstance(v, str) else str(v) for v in line) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()))


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Five libraries of three cells each, one of them a doublet; each has a spike-in and a gene of its own."""
    for number, batch in enumerate(scmixology.DATASET["batches"]):
        genes = ["ENSG3", "ENSG1", "ERCC-00002", "ENSG2", f"ENSG9{number}"]
        counts = [[gene, *(100 * number + 10 * row + column for column in range(3))] for row, gene in enumerate(genes)]
        write_csv(tmp_path / f"sc_{batch}.count.csv.gz", list(CELLS), counts)
        rows = [[cell, line, call] for cell, (call, line) in CELLS.items()]
        write_csv(tmp_path / f"sc_{batch}.metadata.csv.gz", ["cell_line_demuxlet", "demuxlet_cls"], rows)
    expected = {"n_cells": dict.fromkeys(scmixology.DATASET["batches"], 2)}
    monkeypatch.setitem(scmixology.DATASET, "expected", expected)
    return tmp_path


def test_the_facts_are_a_literal_dict_with_all_checksums():
    source = ast.parse(inspect.getsource(scmixology))
    (literal,) = (node.value for node in source.body if isinstance(node, ast.Assign))
    facts = ast.literal_eval(literal)
    assert len(facts["files"]) == 10
    for entry in facts["files"]:
        assert entry["url"].endswith("/" + entry["name"])
        assert entry["url"].startswith("https://")
        assert len(entry["sha256"]) == 64
        assert entry["bytes"] > 10_000
    assert list(facts["expected"]["n_cells"]) == facts["batches"]
    assert sum(facts["expected"]["n_cells"].values()) == 1021


def test_libraries_are_joined_without_doublets_and_spike_ins(small):
    adata = scmixology.load(small)
    assert adata.shape == (10, 3)
    assert list(adata.var_names) == ["ENSG3", "ENSG1", "ENSG2"]
    assert list(adata.obs_names[:4]) == ["celseq2_a1", "celseq2_a3", "dropseq_a1", "dropseq_a3"]
    assert list(adata.obs["batch"].cat.categories) == scmixology.DATASET["batches"]
    assert list(adata.obs["cell_line"][:2]) == ["H1975", "HCC827"]
    assert np.array_equal(adata.X.toarray()[:4], [[0, 10, 30], [2, 12, 32], [100, 110, 130], [102, 112, 132]])
    assert adata.X.format == "csr"
    assert adata.X.dtype == np.float32


def test_unexpected_numbers_of_cells_are_an_error(small, monkeypatch):
    monkeypatch.setitem(scmixology.DATASET, "expected", {"n_cells": {"dropseq": 3}})
    with pytest.raises(DataError, match="batch 'dropseq': expected 3 cells, found 2"):
        scmixology.load(small)


def test_a_missing_file_is_an_error_that_names_it(small):
    (small / "sc_dropseq.count.csv.gz").unlink()
    with pytest.raises(DataError, match=r"sc_dropseq\.count\.csv\.gz: no such file"):
        scmixology.load(small)


@pytest.mark.parametrize(
    "body",
    [b"", b"no gzip", gzip.compress(b'"a"\n"x",1,2\n"y",1,2,3,4\n'), gzip.compress(b"\xff\xfe")],
    ids=["empty", "no gzip", "rows of two lengths", "no text"],
)
def test_a_file_that_is_not_a_table_is_an_error(tmp_path, body):
    (tmp_path / "x.csv.gz").write_bytes(body)
    with pytest.raises(DataError, match=r"x\.csv\.gz: cannot be read as a table"):
        read_r_table(tmp_path, "x.csv.gz")


def test_a_repeated_row_name_is_an_error(tmp_path):
    write_csv(tmp_path / "x.csv.gz", ["c1"], [["g1", 1], ["g1", 2]])
    with pytest.raises(DataError, match="the row name 'g1' occurs more than once"):
        read_r_table(tmp_path, "x.csv.gz")


def test_counts_that_are_not_numbers_are_an_error(tmp_path):
    write_csv(tmp_path / "x.csv.gz", ["c1", "c2"], [["g1", 1, "many"]])
    with pytest.raises(DataError, match=r"other than numbers: .*many"):
        counts_by_cell(read_r_table(tmp_path, "x.csv.gz"))


def test_a_header_with_and_without_a_name_for_the_rows_reads_the_same(tmp_path):
    write_csv(tmp_path / "short.csv.gz", ["c1", "c2"], [["NA", 1, 2], ["7", 3, 4]])
    write_csv(tmp_path / "full.csv.gz", ["gene", "c1", "c2"], [["NA", 1, 2], ["7", 3, 4]])
    for name in ("short.csv.gz", "full.csv.gz"):
        counts = counts_by_cell(read_r_table(tmp_path, name))
        assert list(counts.genes) == ["NA", "7"]
        assert list(counts.cells) == ["c1", "c2"]
        assert np.array_equal(counts.matrix.toarray(), [[1, 3], [2, 4]])


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The real libraries, fetched from the mirror."""
    from portal_lib.benchmark.fetch.fetch import fetch_files

    folder = tmp_path_factory.mktemp("scmixology")
    lock_path = folder / "config" / "checksums.lock.yaml"
    files = scmixology.DATASET["files"]
    manifest = fetch_files(files, folder, mirror=str(mirror()), lock_path=lock_path, progress=False)
    assert all(record["status"] == "verified" and record["source"].startswith(str(mirror())) for record in manifest)
    assert not lock_path.exists()
    return folder


@pytest.mark.realdata
def test_the_real_libraries_have_the_stated_cells_and_genes(real):
    adata = scmixology.load(real)
    assert adata.shape == (1021, 11533)
    assert adata.obs["batch"].value_counts(sort=False).to_dict() == scmixology.DATASET["expected"]["n_cells"]
    lines = {"H1975": 271, "H2228": 217, "HCC827": 201, "A549": 186, "H838": 146}
    assert adata.obs["cell_line"].value_counts().to_dict() == lines
    assert adata.obs_names.is_unique
    assert adata.var_names.is_unique
    assert adata.var_names.str.startswith("ENSG").all()
    assert not adata.obs.isna().any(axis=None)
    assert np.all(adata.X.data > 0)
    assert np.all(adata.X.data % 1 == 0)


@pytest.mark.realdata
def test_a_plate_in_place_of_another_is_an_error(real, tmp_path):
    for path in real.glob("*.csv.gz"):
        shutil.copy(path, tmp_path)
    shutil.copy(real / "sc_celseq2_5cl_p2.count.csv.gz", tmp_path / "sc_celseq2_5cl_p1.count.csv.gz")
    shutil.copy(real / "sc_celseq2_5cl_p2.metadata.csv.gz", tmp_path / "sc_celseq2_5cl_p1.metadata.csv.gz")
    with pytest.raises(DataError, match="batch 'celseq2_5cl_p1': expected 156 cells, found 163"):
        scmixology.load(tmp_path)
