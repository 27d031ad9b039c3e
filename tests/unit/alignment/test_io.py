"""``python -m portal_lib align`` and ``translate``: input files, output files, messages and exit status."""

import inspect
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from fcs_files import fcs

from portal_lib import Aligner, align
from portal_lib._parameters import defaults_of
from portal_lib.alignment.io import (
    correspondences,
    read_domain,
    read_pairs,
    representations,
    shared_features,
    weights_of,
)
from portal_lib.alignment.parameters import TrainingParameters
from portal_lib.cli import main
from portal_lib.errors import ConfigError, DataError

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).resolve().parents[3]
QUICK = "--training-steps 3 --batch-size 16 --device cpu --precision float32 --set hidden_g=[8] --set hidden_d=[8]"
SETTINGS = {
    "training_steps": 3, "batch_size": 16, "device": "cpu", "precision": "float32", "hidden_g": [8], "hidden_d": [8],
}  # fmt: skip


@pytest.fixture
def domains(tmp_path, monkeypatch):
    """Two small domains, written as x1.csv and x2.h5ad into the folder where the command runs."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    one = pd.DataFrame(rng.normal(size=(30, 4)), index=[f"u{i}" for i in range(30)], columns=list("abcd"))
    two = pd.DataFrame(rng.normal(size=(25, 3)), index=[f"v{i}" for i in range(25)], columns=list("bce"))
    one.to_csv("x1.csv")
    anndata.AnnData(two).write_h5ad("x2.h5ad")
    Path("pairs.tsv").write_text("u3\tv4\n7\t0\n\n")
    return one, two


def run(words):
    return main(shlex.split(words))


def test_the_command_writes_the_result_of_align(domains, capsys):
    words = "--shared b,c=e --pairs pairs.tsv --seed 3 --set lambda_corr=10 --set augment-start=1"
    assert run(f"align x1.csv x2.h5ad --out new/out {words} {QUICK}") == 0
    given = {"shared": [("b", "b"), ("c", "e")], "pairs": [(3, 4), (7, 0)], "seed": 3, "lambda_corr": 10}
    expected = align(*domains, **given, augment_start=1, **SETTINGS)
    x12, x21 = pd.read_csv("new/out/x12.csv", index_col=0), anndata.read_h5ad("new/out/x21.h5ad")
    np.testing.assert_allclose(x12, expected.x12, rtol=1e-6)
    np.testing.assert_array_equal(x21.X, expected.x21)
    assert [x12.index[0], *x12.columns] == ["u0", "b", "c", "e"]
    assert [x21.obs_names[24], *x21.var_names] == ["v24", "a", "b", "c", "d"]
    model = Aligner.load("new/out/model", device="cpu")
    np.testing.assert_allclose(model.translate(domains[0], source=1), expected.x12, rtol=1e-6)
    history = pd.read_csv("new/out/history.tsv", sep="\t")
    assert history["term"].tolist() == expected.history["term"].tolist()
    printed = capsys.readouterr()
    assert printed.out == "new/out: x12.csv 30 × 3, x21.h5ad 25 × 4. Aligner(method='magan', 4 features and 3)\n"
    assert "magan: 100%" in printed.err
    assert sorted(f.name for f in Path("new/out").iterdir()) == ["history.tsv", "model", "x12.csv", "x21.h5ad"]
    assert [f.name for f in Path("new").iterdir()] == ["out"]


def test_help_and_signature_show_every_parameter_of_the_training(capsys):
    with pytest.raises(SystemExit):
        main(["align", "--help"])
    shown = "".join(capsys.readouterr().out.split())
    signature = inspect.signature(align).parameters
    for name, default in defaults_of(TrainingParameters).items():
        assert f"--{name.replace('_', '-')}" in shown
        assert signature[name].default == default


def test_tables_of_every_kind_are_read(domains):
    one, two = domains
    cells = read_domain("x2.h5ad")
    assert cells.var_names.tolist() == list("bce")
    for name, options in {
        "t.tsv": {"sep": "\t"},
        "t.txt.gz": {"sep": "\t"},
        "t.csv.gz": {},
    }.items():
        one.to_csv(name, **options)
        pd.testing.assert_frame_equal(read_domain(name), one)
    one.to_csv("plain.csv", index=False)
    pd.testing.assert_frame_equal(read_domain("plain.csv"), one.reset_index(drop=True))
    two.to_csv("bare.csv", index=False, header=False)
    np.testing.assert_allclose(read_domain("bare.csv"), two)
    words = "--shared 0=0 --out out --quiet"
    assert run(f"align bare.csv plain.csv {words} {QUICK}") == 0
    written = Path("out/x12.csv").read_text().splitlines()
    assert len(written) == 26
    assert written[0] == "a,b,c,d"


def test_a_first_column_with_an_empty_header_holds_cell_names(domains):
    values = domains[0].to_numpy()
    numbered = pd.DataFrame(values, index=[f"{i:03}" for i in range(7, 37)], columns=list("abcd"))
    for name, table in {"plain.csv": pd.DataFrame(values, columns=list("abcd")), "named.csv": numbered}.items():
        table.to_csv(name)
        pd.testing.assert_frame_equal(read_domain(name), table.set_axis(table.index.astype(str)))
    found = align(read_domain("named.csv"), read_domain("plain.csv"), pairs=[("007", "0")], **SETTINGS)
    assert found.model.columns == (list("abcd"), list("abcd"))
    assert found.model.record["n_pairs"] == 1
    pd.DataFrame(values).to_csv("bare.csv")
    assert read_domain("bare.csv").columns.tolist() == ["0", "1", "2", "3"]
    # Row numbers written as names are not features of both domains.
    assert run(f"align plain.csv bare.csv --shared same --out out --quiet {QUICK}") == 1


@pytest.mark.parametrize("first", [",1.5,0.5", "NA,1,2", "1,,2", "1,NA,2"])
def test_a_first_line_of_numbers_with_a_gap_is_data(tmp_path, first):
    (tmp_path / "x.csv").write_text(f"{first}\n3,4,5\n6,7,8\n")
    assert read_domain(tmp_path / "x.csv").shape == (3, 3)


@pytest.mark.parametrize("header", ["u,a,,b, ", ",Unnamed: 0,a,b,"])
def test_other_columns_without_a_header_are_one_error(tmp_path, header):
    (tmp_path / "x.csv").write_text(f"{header}\n1,2,3,4,5\n6,7,8,9,1\n")
    blank = [i for i, name in enumerate(header.split(",")) if i and name not in ("a", "b")]
    message = rf"x\.csv: 2 columns have no header \({blank[0]}, 4; the first is 0\)\. Give a name, or remove it\."
    with pytest.raises(DataError, match=message):
        read_domain(tmp_path / "x.csv")


def test_option_values_are_parsed():
    assert shared_features("same") == "same"
    assert shared_features("CD3, CD4=cd4,7=2") == [["CD3", "CD3"], ["CD4", "cd4"], ["7", "2"]]
    for text, part in (("a=b=c", "a=b=c"), ("a,,b", ""), ("a,b=", "b=")):
        with pytest.raises(ConfigError, match=f"^--shared {text}: '{part}' must be NAME, or NAME1=NAME2\\.$"):
            shared_features(text)
    assert weights_of(["lambda-corr=1e1", "augment_reconstructions=false", "pair_reduction=mean"]) == {
        "lambda_corr": 10.0,
        "augment_reconstructions": False,
        "pair_reduction": "mean",
    }
    with pytest.raises(ConfigError, match="--set lambda_corr: must be NAME=VALUE"):
        weights_of(["lambda_corr"])


def test_overwrite_replaces_an_alignment_and_nothing_else(domains, capsys):
    command = f"align x1.csv x2.h5ad --shared same --out out --quiet {QUICK}"
    assert run(command) == 0
    before = Path("out/x12.csv").read_bytes()
    assert run(command) == 1
    assert capsys.readouterr().err == (
        "error: out: exists already. Choose another folder, or give --overwrite to replace it.\n"
    )
    assert run(f"{command} --seed 1 --overwrite") == 0
    assert Path("out/x12.csv").read_bytes() != before
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("all of it")
    assert run(f"{command} --out mine --overwrite") == 1
    assert capsys.readouterr().err == "error: mine: contains no alignment, so it is not overwritten.\n"
    assert Path("mine/thesis.txt").read_text() == "all of it"


ERRORS = {
    "no such file": (
        "nowhere.csv x2.h5ad --shared same",
        r"nowhere.csv: there is no such file \(current folder: .*\)\.",
    ),
    "another kind": ("x1.xlsx x2.h5ad --shared same", r"x1.xlsx: unsupported file type\. Allowed: \.h5ad, .*"),
    "text": ("text.csv x2.h5ad --shared a=b", r"text.csv: cannot be read as numbers .*"),
    "empty": ("empty.csv x2.h5ad --shared a=b", r"empty.csv: cannot be read as a table .*"),
    "gaps": ("gaps.csv x2.h5ad --shared b", r"gaps.csv: 1 of 120 values are NaN or infinite, .*"),
    "no correspondence": ("x1.csv x2.h5ad", r"method 'magan' needs a correspondence: .*"),
    "another column": (
        "x1.csv x2.h5ad --shared b,f",
        r"align has 2 .*\n  shared\[1\]: x1.csv has no column 'f'.*",
    ),
    "bad pairs": ("x1.csv x2.h5ad --pairs bad.tsv", r"bad.tsv, line 2: 'u3' must be two cells, .*"),
    "no pairs": ("x1.csv x2.h5ad --pairs empty.csv", r"empty.csv: contains no pairs\."),
    "another cell": ("x1.csv x2.h5ad --pairs far.tsv", r"pairs\[0\]: x2.h5ad has 25 rows, no row 25; the first is 0\."),
    "no such features": (
        "x1.csv x2.h5ad --shared b --features1 b,aa,q",
        r"x1.csv: 'aa' is not a column, did you mean 'a'\? 'q' is not a column\. Found: a, b, c, d\.",
    ),
    "features of a representation": (
        "x1.csv x2.h5ad --shared b --features2 b,c --use-rep ,X_pca",
        r"--features2 selects columns of X, --use-rep uses 'X_pca' instead of X\. Give one\.",
    ),
    "bad weight": ("x1.csv x2.h5ad --shared same --set lambda_cor=1", r"method .* no parameter 'lambda_cor', did .*"),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_gives_one_message_status_1_and_no_file(domains, capsys, kind):
    words, message = ERRORS[kind]
    domains[0].assign(b="x").to_csv("text.csv")
    gaps = domains[0].copy()
    gaps.iloc[3, 1] = np.nan
    gaps.to_csv("gaps.csv")
    Path("empty.csv").write_text("")
    Path("bad.tsv").write_text("u1\tv1\nu3\n")
    Path("far.tsv").write_text("0,25\n")
    before = sorted(file.name for file in Path().iterdir())
    assert run(f"align {words} --out out {QUICK}") == 1
    printed = capsys.readouterr()
    assert re.fullmatch(f"error: {message}\n", printed.err, flags=re.S), printed.err
    assert printed.out == ""
    assert sorted(file.name for file in Path().iterdir()) == before


def test_a_full_disk_leaves_the_old_result(domains, capsys, monkeypatch):
    command = f"align x1.csv x2.h5ad --shared same --out out --quiet {QUICK}"
    assert run(command) == 0
    before = Path("out/x12.csv").read_bytes()

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("portal_lib.alignment.io._write", full)
    assert run(f"{command} --overwrite --seed 1") == 1
    assert "out: cannot be written (No space left on device). No partial file" in capsys.readouterr().err
    assert Path("out/x12.csv").read_bytes() == before
    assert not [file for file in Path().iterdir() if file.name.startswith(".")]


def test_pairs_are_names_or_numbers(domains):
    assert read_pairs("pairs.tsv") == [("u3", "v4"), ("7", "0")]
    with pytest.raises(DataError, match=r"none.tsv: cannot be read \(No such file"):
        read_pairs("none.tsv")


def test_use_rep_may_differ_between_the_files(domains):
    one, two = domains
    for name, table in zip(("r1.h5ad", "r2.h5ad"), domains, strict=True):
        rep = {"X_rep": table.to_numpy()[:, :2]}
        anndata.AnnData(obs=pd.DataFrame(index=table.index), obsm=rep | {f"X_{name[1]}": rep["X_rep"]}).write_h5ad(name)
    one, two = one.to_numpy(), two.to_numpy()
    for files, option, used in (
        ("r1.h5ad r2.h5ad", "X_rep", (one[:, :2], two[:, :2])),
        ("r1.h5ad r2.h5ad", "X_1,X_2", (one[:, :2], two[:, :2])),
        ("r1.h5ad x2.h5ad", "X_1,", (one[:, :2], two)),
        ("x1.csv r2.h5ad", ",X_2", (one, two[:, :2])),
    ):
        assert run(f"align {files} --use-rep {option} --pairs pairs.tsv --out out --overwrite --quiet {QUICK}") == 0
        found = Aligner.load("out/model", device="cpu").translate(used[0], source=1)
        expected = align(*used, pairs=[(3, 4), (7, 0)], **SETTINGS).x12
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ConfigError, match=r"^--use-rep a,b,c: must be KEY, or KEY1,KEY2\.$"):
        representations("a,b,c")


def rolled(table, axis):
    """Names that are the numbers of other rows (or columns)."""
    return table.set_axis(np.roll(np.arange(table.shape[axis]), 7 if axis == 0 else 1).astype(str), axis=axis)


@pytest.mark.parametrize("file", ["n1.csv", "n1.h5ad"])
def test_numbers_that_are_names_are_read_as_names(domains, capsys, file):
    one, two = domains
    named = rolled(one, 0)
    named.to_csv("n1.csv")
    anndata.AnnData(named).write_h5ad("n1.h5ad")
    two.to_csv("n2.csv", index=False)
    Path("pairs.csv").write_text("3,5\n7,0\n")
    assert run(f"align {file} n2.csv --pairs pairs.csv --out out --quiet {QUICK}") == 0
    expected = align(one, two, pairs=[(10, 5), (14, 0)], **SETTINGS)
    np.testing.assert_allclose(pd.read_csv("out/x21.csv"), expected.x21, rtol=1e-5)
    note = f"--pairs: numbers are read as names of rows of {file}, such as '3', which is row 10."
    assert capsys.readouterr().err == f"note: {note}\n"


def test_features_whose_names_are_numbers_are_found_by_name(domains):
    for name, table in zip(("n1.csv", "n2.csv"), domains, strict=True):
        rolled(table, 1).to_csv(name)
    one, two = read_domain("n1.csv"), read_domain("n2.csv")
    known, notes = correspondences("1,3=2", None, [one, two], data_name=("n1.csv", "n2.csv"))
    assert known == {"shared": [["1", "1"], ["3", "2"]], "pairs": None}
    text = "--shared: numbers are read as names of columns of {}, such as '1', which is column 2."
    assert notes == [text.format(name) for name in ("n1.csv", "n2.csv")]


def test_numbers_that_are_no_names_are_read_as_positions(domains):
    # Names that equal their own position, or no position, are unambiguous.
    own, far = (domains[0].set_axis((np.arange(30) + start).astype(str)) for start in (0, 1000))
    Path("own.csv").write_text("3,4\n")
    Path("far.csv").write_text("3,4\n1001,v5\n")
    for table, pairs, expected in ((own, "own.csv", [["3", 4]]), (far, "far.csv", [[3, 4], ["1001", "v5"]])):
        known, notes = correspondences(None, pairs, [table, domains[1]], data_name=("x1", "x2"))
        assert known["pairs"] == expected
        assert notes == []
    bare = domains[0].reset_index(drop=True)
    assert correspondences("0=2", "own.csv", [bare, domains[1]], data_name=("x1", "x2"))[0] == {
        "shared": [[0, 2]],
        "pairs": [[3, 4]],
    }


def test_numbers_of_which_only_some_are_names_are_one_error(domains, capsys):
    domains[0].set_axis(np.arange(1, 31).astype(str)).to_csv("one.csv")
    for pairs, wrong in (("0,v1\n1,v2\n", "one.csv has no row '0'"), ("1,7\n2,8\n", "x2.h5ad has no row '7', '8'")):
        Path("pairs.csv").write_text(pairs)
        assert run(f"align one.csv x2.h5ad --pairs pairs.csv --out out {QUICK}") == 1
        reason = "numbers are read as names of rows of one.csv, such as '1', which is row 0. Give names."
        assert capsys.readouterr().err == f"error: --pairs: {wrong}; {reason}\n"
    assert not Path("out").exists()


def test_new_cells_are_translated_with_a_saved_model(domains, capsys):
    assert run(f"align x1.csv x2.h5ad --shared b --out out --quiet {QUICK}") == 0
    model = Aligner.load("out/model", device="cpu")
    new = domains[0].iloc[:7]
    new[["d", "c", "b", "a"]].assign(extra=0.5).to_csv("new.tsv", sep="\t")
    assert run("translate out/model new.tsv --source 1 --out there/new2.csv.gz --device cpu") == 0
    table = pd.read_csv("there/new2.csv.gz", index_col=0)
    expected = pd.DataFrame(model.translate(new, source=1), index=new.index, columns=list("bce"))
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-5)
    printed = capsys.readouterr()
    assert printed.out == "there/new2.csv.gz: 7 × 3, in domain 2. Aligner(method='magan', 4 features and 3)\n"
    assert printed.err == ""
    anndata.AnnData(obs=domains[1][[]], obsm={"X_rep": domains[1].to_numpy()}).write_h5ad("r2.h5ad")
    assert run("translate out/model r2.h5ad --source 2 --use-rep X_rep --out new1.tsv --device cpu --quiet") == 0
    table = pd.read_csv("new1.tsv", sep="\t", index_col=0)
    np.testing.assert_allclose(table, model.translate(domains[1], source=2), rtol=1e-5)
    assert list(table.columns) == list("abcd")
    assert [f.name for f in Path("there").iterdir()] == ["new2.csv.gz"]
    assert capsys.readouterr().out == ""


# By the model, the cells and the file to write.
TRANSLATE_ERRORS = {
    ("none", "x1.csv", "o.csv"): r"none: there is no such folder\.",
    ("out", "x1.csv", "o.csv"): r"out: contains no Aligner, since it has no description.json\.",
    ("out/model", "new.csv", "o.csv"): r"new.csv: there is no such file .*",
    ("out/model", "x2.h5ad", "o.csv"): r"x2.h5ad: has no column 'a', 'd'\.",
    ("out/model", "bare.csv", "o.csv"): r"bare.csv: has 3 columns; domain 1 has 4 features\. .*",
    ("out/model", "x1.csv", "o.h5ad"): r"o.h5ad: unsupported file type\. Allowed: .*",
    ("out/model", "x1.csv", "bare.csv"): r"bare.csv: exists already\. Choose another file, .*",
    ("out/model", "x1.csv", "x1.csv"): r"x1.csv: is IN itself\. .*",
    ("out/model", "x1.csv", "x1.csv/o.csv"): r".*x1.csv/o.csv: cannot be created, since .* is not a folder\.",
}


def test_an_error_of_translate_gives_one_message_and_no_file(domains, capsys, monkeypatch):
    assert run(f"align x1.csv x2.h5ad --shared b --out out --quiet {QUICK}") == 0
    domains[1].to_csv("bare.csv", index=False, header=False)
    before = {file.name: file.read_bytes() for file in Path().iterdir() if file.is_file()}
    for (model, cells, out), message in TRANSLATE_ERRORS.items():
        assert run(f"translate {model} {cells} --source 1 --out {out} --device cpu") == 1
        printed = capsys.readouterr()
        assert re.fullmatch(f"error: {message}\n", printed.err), printed.err
        assert printed.out == ""

    def full(path, *_arguments):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("portal_lib.alignment.io._write", full)
    assert run("translate out/model x1.csv --source 1 --out bare.csv --overwrite --device cpu") == 1
    assert "bare.csv: cannot be written (No space left on device). No partial file" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in Path().iterdir() if file.is_file()} == before


def test_translate_uses_the_channels_of_the_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).gamma(1, 5, (40, 3)).astype(np.float32)
    Path("a.fcs").write_bytes(fcs(values, channels=("Time", "Nd142Di", "Nd143Di"), markers=("", "CD4", "CD8")))
    words = "--features1 CD8,Time --shared CD8 --out out --quiet"
    assert run(f"align a.fcs a.fcs {words} {QUICK}") == 0
    assert run("translate out/model a.fcs --source 1 --out new.csv --device cpu --quiet") == 0
    np.testing.assert_allclose(pd.read_csv("new.csv"), pd.read_csv("out/x12.csv"), rtol=1e-5)


LIGHT = """
import json, sys
from portal_lib.cli import main
try:
    main([sys.argv[1], "--help"])
except SystemExit as end:
    print(json.dumps([end.code, sorted({"torch", "anndata", "numpy", "pandas"} & set(sys.modules))]))
"""


@pytest.mark.parametrize("command", ["align", "translate"])
def test_help_does_not_import_heavy_packages(command):
    printed = subprocess.run(
        [sys.executable, "-c", LIGHT, command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(printed.stdout.splitlines()[-1]) == [0, []]


def test_features_of_fcs_files_are_the_channels_with_a_marker_name(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.gamma(1, 5, (40, 4)).astype(np.float32)
    for name in ("a", "b"):
        made = fcs(values, channels=("Time", "Pr141Di", "Nd142Di", "Nd143Di"), markers=("", "CD3", "CD4", "CD8"))
        (tmp_path / f"{name}.fcs").write_bytes(made)
    table = read_domain(tmp_path / "a.fcs")
    assert list(table.columns) == ["CD3", "CD4", "CD8"]
    assert np.allclose(table, np.arcsinh(values[:, 1:] / 5), rtol=1e-6)
    assert np.allclose(read_domain(tmp_path / "a.fcs", cofactor=0), values[:, 1:], rtol=1e-6)
    words = f"align {tmp_path}/a.fcs {tmp_path}/b.fcs --shared same --out {tmp_path}/out --quiet {QUICK}"
    assert main(shlex.split(words)) in (None, 0)
    assert list(pd.read_csv(tmp_path / "out" / "x12.csv").columns) == ["CD3", "CD4", "CD8"]


def test_features_are_selected_by_name_in_files_of_any_kind(domains):
    words = f"--features1 d,b --features2 e,b --shared b --out out --quiet {QUICK}"
    assert run(f"align x1.csv x2.h5ad {words}") == 0
    expected = align(domains[0][["d", "b"]], domains[1][["e", "b"]], shared=["b"], **SETTINGS)
    x12, x21 = pd.read_csv("out/x12.csv", index_col=0), anndata.read_h5ad("out/x21.h5ad")
    assert [*x12.columns, *x21.var_names] == ["e", "b", "d", "b"]
    np.testing.assert_allclose(x12, expected.x12, rtol=1e-5)
    domains[0].to_csv("bare.csv", index=False, header=False)
    np.testing.assert_allclose(read_domain("bare.csv", features=["3", "1"]), domains[0][["d", "b"]])


def test_channels_of_fcs_files_are_noted_and_can_be_selected(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).gamma(1, 5, (40, 5)).astype(np.float32)
    channels = ("Time", "Pd102Di", "Nd142Di", "Nd143Di", "Ir191Di")
    Path("a.fcs").write_bytes(fcs(values, channels=channels, markers=("", "barcode", "CD4", "CD8", "DNA")))
    assert run(f"align a.fcs a.fcs --shared same --out all {QUICK}") == 0
    note = "note: a.fcs: features are 4 channels: barcode, CD4, CD8, DNA.\n"
    assert capsys.readouterr().err.startswith(note * 2)
    words = "--features1 CD8,Time --features2 CD4,CD8 --shared CD8 --out some --quiet"
    assert run(f"align a.fcs a.fcs {words} {QUICK}") == 0
    assert capsys.readouterr().err == ""
    assert list(pd.read_csv("some/x21.csv").columns) == ["CD8", "Time"]
    assert list(pd.read_csv("some/x12.csv").columns) == ["CD4", "CD8"]
    assert run(f"align a.fcs a.fcs --features1 CD44 --shared same --out no {QUICK}") == 1
    message = "error: a.fcs: 'CD44' is not a column, did you mean 'CD4'? Found: Time, barcode, CD4, CD8, DNA.\n"
    assert capsys.readouterr().err == message


def test_an_fcs_file_with_a_broken_header_is_one_error(tmp_path):
    (tmp_path / "a.fcs").write_bytes(b"FCS3.0    " + b"x" * 200)
    with pytest.raises(DataError, match="broken header"):
        read_domain(tmp_path / "a.fcs")
