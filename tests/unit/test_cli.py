"""The command line: files, messages and exit status."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from cells_of_batches import made_cells, state_of

import portal_lib
from portal_lib import PortalModel, integrate, transfer_labels
from portal_lib._parameters import defaults_of, schema_of
from portal_lib.cli import _parser, main
from portal_lib.portal.parameters import PortalParameters

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).resolve().parents[2]
QUICK = "--training-steps 3 --batch-size 16 --n-pcs 8 --n-latent 4 --n-top-genes 150 --device cpu"
SETTINGS = {"training_steps": 3, "batch_size": 16, "n_pcs": 8, "n_latent": 4, "n_top_genes": 150, "device": "cpu"}


@pytest.fixture
def cells(tmp_path, monkeypatch):
    """Small data, written as in.h5ad to the folder in which the command runs."""
    monkeypatch.chdir(tmp_path)
    cells = made_cells()
    cells.write_h5ad("in.h5ad")
    return anndata.read_h5ad("in.h5ad")


def run(words):
    return main(shlex.split(words))


def test_the_output_is_the_input_with_the_result_of_integrate(cells, capsys):
    assert run(f"integrate in.h5ad --batch-key donor --out out.h5ad --seed 2 {QUICK}") == 0
    made = anndata.read_h5ad("out.h5ad")
    before = state_of(cells)
    integrate(cells, batch_key="donor", seed=2, **SETTINGS)
    np.testing.assert_array_equal(made.obsm["X_portal"], cells.obsm["X_portal"])
    assert made.uns["portal"]["parameters"] == cells.uns["portal"]["parameters"]
    assert made.uns["portal"]["batches"].tolist() == cells.uns["portal"]["batches"].tolist()
    del made.obsm["X_portal"], made.uns["portal"]
    assert state_of(made) == before
    output = capsys.readouterr()
    assert output.out.startswith("out.h5ad: obsm['X_portal'], 54 cells × 4. PortalModel(")
    assert "portal: 100%" in output.err
    assert "3/3" in output.err
    assert sorted(file.name for file in Path().iterdir()) == ["in.h5ad", "out.h5ad"]


def test_every_option_reaches_the_model(cells, capsys):
    options = {
        "lambda_cos": "search",
        "lambda_grid": [10.0, 20.0],
        "training_steps": 2,
        "batch_size": 12,
        "n_latent": 5,
        "n_pcs": 7,
        "n_top_genes": 140,
        "margin": 4.0,
        "lambda_ae": 9.0,
        "lambda_la": 8.0,
        "learning_rate": 0.002,
        "space": "reference",
        "seed": 7,
        "device": "cpu",
        "precision": "float64",
    }
    assert list(options) == list(defaults_of(PortalParameters))
    words = [f"--{name.replace('_', '-')}={str(v).strip('[]').replace(' ', '')}" for name, v in options.items()]
    data = "--batch-key donor --batches x,y --use-rep X_pca --key-added X_new --checkpoints state --quiet"
    assert run(f"integrate in.h5ad --out out.h5ad {data} --save-model model {' '.join(words)}") == 0
    model = PortalModel.load("model", device="cpu")
    assert model.parameters == options
    made = anndata.read_h5ad("out.h5ad")
    np.testing.assert_allclose(model.transform(cells), made.obsm["X_new"], atol=1e-12)
    assert made.uns["X_new"]["batches"].tolist() == ["x", "y"]
    assert made.uns["X_new"]["use_rep"] == "X_pca"
    assert Path("state/trials.tsv").is_file()
    assert capsys.readouterr() == ("", "")


def test_help_shows_every_parameter_with_its_description(capsys):
    with pytest.raises(SystemExit):
        run("integrate --help")
    shown = "".join(capsys.readouterr().out.split())
    for name, words in schema_of(PortalParameters).items():
        description = words["description"].partition(" Null: ")[0]
        assert "".join(f"--{name.replace('_', '-')}".split()) in shown
        assert "".join(description.split()) in shown


@pytest.mark.parametrize(
    ("words", "value"), [("20", 20.0), ("15,30", [15.0, 30.0]), ("search", "search"), ("1e1", 10.0)]
)
def test_lambda_cos_is_a_number_a_list_or_search(words, value):
    needed = ["integrate", "in.h5ad", "--batch-key", "donor", "--out", "out.h5ad"]
    assert _parser().parse_args([*needed, "--lambda-cos", words]).lambda_cos == value


@pytest.mark.parametrize("layer", ["counts", "raw"])
def test_counts_are_read_from_a_layer_that_is_kept(cells, layer):
    integrate(cells, batch_key="donor", **SETTINGS)
    expected = cells.obsm.pop("X_portal")
    if layer == "raw":
        cells.raw = cells.copy()
    else:
        cells.layers["counts"] = cells.X.copy()
    cells.X = np.log1p(cells.X.toarray())
    cells.write_h5ad("layered.h5ad")
    assert run(f"integrate layered.h5ad --batch-key donor --out out.h5ad --layer {layer} --quiet {QUICK}") == 0
    made = anndata.read_h5ad("out.h5ad")
    np.testing.assert_array_equal(made.obsm["X_portal"], expected)
    np.testing.assert_array_equal(made.X, cells.X)


def test_parts_that_are_not_needed_are_copied_and_not_parsed(cells, monkeypatch):
    """Counts and layers that are not used are invalid here, and are copied nevertheless."""
    cells.layers["other"] = cells.X.copy()
    cells.write_h5ad("in.h5ad")
    with h5py.File("in.h5ad", "r+") as file:
        for matrix in ("X", "layers/other"):
            file[f"{matrix}/indices"][:] = 10**6
        file.create_dataset("extra", data=np.arange(5))
    monkeypatch.setattr(anndata, "read_h5ad", None)
    before = Path("in.h5ad").read_bytes()
    assert run(f"integrate in.h5ad --batch-key donor --out out.h5ad --use-rep X_pca --quiet {QUICK}") == 0
    assert Path("in.h5ad").read_bytes() == before
    with h5py.File("out.h5ad") as file:
        assert (file["layers/other/indices"][:] == 10**6).all()
        assert file["extra"][:].tolist() == [0, 1, 2, 3, 4]
        assert file["obsm/X_portal"].shape == (54, 4)


def test_labels_are_transferred_to_cells_without_one(cells):
    cells.obs["type"] = cells.obs["type"].astype(object).where(np.arange(54) % 2 == 0, None)
    cells.obs.loc["cell1", "type"] = " "
    cells.write_h5ad("in.h5ad")
    words = f"integrate in.h5ad --batch-key donor --out out.h5ad --transfer-labels type --use-rep X_pca --quiet {QUICK}"
    assert run(words) == 0
    made = anndata.read_h5ad("out.h5ad")
    known = np.arange(54) % 2 == 0
    space = made.obsm["X_portal"]
    expected = transfer_labels(space[known], cells.obs["type"].to_numpy()[known], space[~known], k=20)
    assert made.obs["type_portal"][~known].tolist() == expected["label"].tolist()
    assert made.obs["type_portal"][known].tolist() == cells.obs["type"][known].tolist()
    np.testing.assert_array_equal(made.obs["type_portal_confidence"][~known], expected["confidence"])
    assert made.obs["type_portal_confidence"][known].isna().all()
    assert made.obs["type"].isna().sum() == 26


def test_integer_labels_have_no_fraction_and_a_threshold_leaves_cells_unassigned(cells, capsys):
    known = np.arange(54) % 2 == 0
    cells.obs["cluster"] = np.where(known, np.arange(54) // 4 % 2, np.nan)
    cells.obs["word"] = np.where(known, np.array(["unassigned", "T"])[np.arange(54) // 4 % 2], "")
    cells.write_h5ad("in.h5ad")
    words = f"integrate in.h5ad --batch-key donor --out out.h5ad --use-rep X_pca --quiet {QUICK}"
    assert run(f"{words} --transfer-labels cluster --label-threshold 1") == 0
    made = anndata.read_h5ad("out.h5ad")
    assert set(made.obs["cluster_portal"]) == {"0", "1", "unassigned"}
    unsure = made.obs["cluster_portal_confidence"] < 1
    assert (made.obs["cluster_portal"][~known] == "unassigned").tolist() == unsure[~known].tolist()
    assert run(f"{words} --overwrite --transfer-labels word") == 0
    assert run(f"{words} --overwrite --transfer-labels word --label-threshold 0.5") == 1
    assert "has the label 'unassigned', which --label-threshold assigns" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out in.h5ad/x.h5ad", "--save-model in.h5ad/m", "--checkpoints in.h5ad/c"])
def test_an_impossible_output_path_is_refused_before_the_training(cells, capsys, monkeypatch, option):
    monkeypatch.setattr("portal_lib.portal.model.fit_chain", None)
    words = f"integrate in.h5ad --batch-key donor --out a.h5ad --use-rep X_pca --quiet {QUICK}"
    assert run(f"{words} {option}") == 1
    assert "in.h5ad is not a folder" in capsys.readouterr().err


def test_existing_files_are_replaced_on_request_only(cells, capsys):
    before = Path("in.h5ad").read_bytes()
    command = f"integrate in.h5ad --batch-key donor --use-rep X_pca --quiet {QUICK}"
    assert run(f"{command} --out in.h5ad") == 1
    assert capsys.readouterr().err == (
        "error: in.h5ad: is IN itself. Choose another file, or give --overwrite to replace it.\n"
    )
    Path("link.h5ad").hardlink_to("in.h5ad")
    assert run(f"{command} --out link.h5ad") == 1
    assert "is IN itself" in capsys.readouterr().err
    Path("link.h5ad").unlink()
    Path("old.h5ad").write_text("mine")
    assert run(f"{command} --out old.h5ad") == 1
    assert capsys.readouterr().err == (
        "error: old.h5ad: exists already. Choose another file, or give --overwrite to replace it.\n"
    )
    Path("model").mkdir()
    assert run(f"{command} --out new.h5ad --save-model model") == 1
    assert "model: exists already. Choose another folder" in capsys.readouterr().err
    assert run(f"{command} --out new.h5ad --save-model model --overwrite") == 1
    assert "model: contains no PortalModel" in capsys.readouterr().err
    assert run(f"{command} --out model") == 1
    assert capsys.readouterr().err == "error: model: is a folder; --out must be the name of a file.\n"
    assert Path("in.h5ad").read_bytes() == before
    assert Path("old.h5ad").read_text() == "mine"
    assert not Path("new.h5ad").exists()
    for name in ("old.h5ad", "in.h5ad"):
        assert run(f"{command} --out {name} --overwrite --save-model saved") == 0
        assert "X_portal" in anndata.read_h5ad(name).obsm
    assert capsys.readouterr() == ("", "")


ERRORS = {
    "no such file": ("nowhere.h5ad --batch-key donor", r"nowhere.h5ad: there is no such file \(current folder: .*\)."),
    "another column": (
        "in.h5ad --batch-key doner",
        r"in.h5ad: obs has no column 'doner', did you mean 'donor'\? Found: donor, type. Set batch_key.",
    ),
    "bad numbers": (
        "in.h5ad --batch-key donor --batch-size 0 --margin -1",
        r"PortalModel has 2 problems\n  batch_size is 0; allowed: .*\n  margin is -1.0; allowed: .*",
    ),
    "several things at once": (
        "bad.h5ad --batch-key donor",
        r"bad.h5ad has 2 problems\n  X contains negative values .*\n  obs\['donor'\] is empty for 1 of 54 cells: .*",
    ),
    "no such device": ("in.h5ad --batch-key donor --device cuda:99", r"device 'cuda:99' does not exist. Found: .*"),
    "no such labels": (
        "in.h5ad --batch-key donor --transfer-labels typ",
        r"in.h5ad: obs has no column 'typ', did you mean 'type'\? Found: donor, type.",
    ),
    "no empty labels": (
        "in.h5ad --batch-key donor --transfer-labels type",
        r"in.h5ad: obs\['type'\] has a label for 54 of 54 cells. To transfer labels, 20 or more cells must have .*",
    ),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_is_one_message_status_1_and_no_file(cells, capsys, kind):
    words, message = ERRORS[kind]
    cells.X = cells.X * -1
    cells.obs["donor"] = cells.obs["donor"].where(np.arange(54) > 0)
    cells.write_h5ad("bad.h5ad")
    assert run(f"integrate {words} --out out.h5ad --save-model model") == 1
    output = capsys.readouterr()
    assert re.fullmatch(f"error: {message}\n", output.err), output.err
    assert output.out == ""
    assert sorted(file.name for file in Path().iterdir()) == ["bad.h5ad", "in.h5ad"]


def test_interruption_and_lack_of_memory_are_one_message(cells, capsys, monkeypatch):
    def stop(error):
        def fit_into(*_arguments, **_options):
            raise error

        monkeypatch.setattr("portal_lib.portal.integrate.fit_into", fit_into)
        return run("integrate in.h5ad --batch-key donor --out out.h5ad")

    assert stop(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "interrupted; no result was written.\n"
    assert stop(MemoryError("Unable to allocate 9 TiB")) == 1
    assert capsys.readouterr().err == "error: there is not enough memory (Unable to allocate 9 TiB).\n"
    with pytest.raises(ZeroDivisionError):
        stop(ZeroDivisionError())
    assert not Path("out.h5ad").exists()


GIVEN = "integrate in.h5ad --batch-key donor --out out.h5ad"
USAGE = {
    "integrate in.h5ad --batchkey donor --out out.h5ad": "unknown option --batchkey, did you mean --batch-key?",
    f"{GIVEN} --lamda-cos=3": "--lamda-cos=3; unknown option --lamda-cos, did you mean --lambda-cos?",
    f"{GIVEN} --train 3": "unrecognized arguments: --train 3",
    f"{GIVEN} --lambda-cos 3,x": "--lambda-cos: '3,x' is neither a number nor a comma-separated list of numbers",
    "integrate in.h5ad --out out.h5ad": "the following arguments are required: --batch-key",
    "integrat in.h5ad": "invalid choice: 'integrat' (choose from",
    "--verson": "unknown option --verson, did you mean --version?",
    "": "the following arguments are required: COMMAND",
}


@pytest.mark.parametrize("words", USAGE)
def test_wrong_usage_suggests_the_option_and_ends_with_status_2(capsys, words):
    with pytest.raises(SystemExit) as caught:
        run(words)
    assert caught.value.code == 2
    assert USAGE[words] in capsys.readouterr().err


LIGHT = """
import json, sys
from portal_lib.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print(json.dumps([end.code, sorted({"torch", "scanpy", "anndata", "numpy", "pandas", "scipy"} & set(sys.modules))]))
"""


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["integrate", "--help"], ["integrate"]])
def test_help_and_version_load_nothing_heavy(words):
    output = subprocess.run([sys.executable, "-c", LIGHT, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(output.stdout.splitlines()[-1]) == [2 if words == ["integrate"] else 0, []]


@pytest.mark.slow
def test_python_m_runs_the_commands(tmp_path):
    def program(*words):
        return subprocess.run([sys.executable, "-m", "portal_lib", *words], cwd=ROOT, capture_output=True, text=True)

    assert program("--version").stdout == f"portal_lib {portal_lib.__version__}\n"
    failed = program("integrate", str(tmp_path / "no.h5ad"), "--batch-key", "donor", "--out", str(tmp_path / "o.h5ad"))
    assert failed.returncode == 1
    assert re.fullmatch(r"error: .*no.h5ad: there is no such file .*\n", failed.stderr)


AS_PROGRAM = """
import os, runpy, sys
sys.argv[1:] = ["--version"]
try:
    runpy.run_module("portal_lib", run_name="__main__")
except SystemExit:
    print(os.environ["OMP_WAIT_POLICY"], os.environ["GOMP_SPINCOUNT"])
"""


@pytest.mark.parametrize(("given", "found"), [({}, "PASSIVE 1000"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE 1000")])
def test_idle_threads_sleep_unless_the_environment_says_otherwise(given, found):
    environment = {name: value for name, value in os.environ.items() if name[:4] not in ("OMP_", "GOMP")} | given
    words = [sys.executable, "-c", AS_PROGRAM]
    output = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert output.stdout.splitlines()[-1] == found


ONLY_NAMES = """
import json, sys
import portal_lib
found = [dir(portal_lib), sorted({"torch", "scanpy", "anndata", "numpy"} & set(sys.modules))]
print(json.dumps(found))
"""


def test_importing_the_package_is_light_and_shows_its_names():
    output = subprocess.run([sys.executable, "-c", ONLY_NAMES], cwd=ROOT, capture_output=True, text=True, check=True)
    names, heavy = json.loads(output.stdout)
    assert heavy == []
    assert set(portal_lib.__all__) <= set(names)
    for name in portal_lib.__all__:
        assert getattr(portal_lib, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'integrat'"):
        portal_lib.integrat  # noqa: B018


def blocks_of_readme(language):
    section = (ROOT / "README.md").read_text().partition("## The library alone")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.S)


def test_the_examples_of_the_readme_run(cells, monkeypatch, capsys):
    """With few steps, and small data under the names that the examples use."""
    monkeypatch.setattr("portal_lib.portal.model.default_training_steps", lambda n_cells: 3)
    cells.obs["cell_type"] = cells.obs.pop("type").astype(object).where(np.arange(54) % 2 == 0, None)
    cells.write_h5ad("atlas.h5ad")
    cells[:30].write_h5ad("new.h5ad")
    (python,), (shell,) = blocks_of_readme("python"), blocks_of_readme("bash")
    space = {}
    exec(python, space)
    assert space["adata"].obsm["X_portal"].shape == (54, 20)
    commands = [line for line in shell.replace("\\\n", "").splitlines() if line.startswith("python -m portal_lib ")]
    assert len(commands) == 1
    assert run(shlex.join(shlex.split(commands[0], comments=True)[3:])) == 0
    assert "X_portal" in anndata.read_h5ad("integrated.h5ad").obsm


def test_inspect_prints_what_a_file_holds_and_its_configuration(cells, capsys):
    assert run("inspect in.h5ad") == 0
    text = capsys.readouterr().out
    assert text.startswith(f"in.h5ad: {cells.n_obs} cells × {cells.n_vars} genes\n")
    assert "  donor*: " in text
    assert "\ndatasets:\n  - name: in\n    path: in.h5ad\n    batch: donor\n" in text
    assert run("inspect in.h5ad --batch-key donr") == 0
    assert "obs has no column 'donr', did you mean 'donor'?" in capsys.readouterr().out
    assert run("inspect absent.h5ad") == 1
    assert capsys.readouterr().err.startswith("error: absent.h5ad: there is no such file")


@pytest.fixture
def embedded(cells):
    """The cells with an embedding in obsm, and another one in a table."""
    rng = np.random.default_rng(0)
    cells.obs["cell_type"] = np.array(["T", "B"])[rng.integers(0, 2, cells.n_obs)]
    cells.obsm["X_scVI"] = rng.normal(size=(cells.n_obs, 4)).astype(np.float32)
    cells.write_h5ad("in.h5ad")
    table = pd.DataFrame(rng.normal(size=(cells.n_obs, 3)), cells.obs_names)
    table.iloc[::-1].to_csv("seurat.csv")
    return cells


def test_score_writes_and_prints_the_table_of_score(embedded, capsys):
    words = "score in.h5ad --batch-key donor --label-key cell_type --metrics asw_label,pcr,isolated_labels_asw"
    embeddings = "--embedding X_scVI --embedding seurat.csv --embedding other=X_scVI"
    assert run(f"{words} {embeddings} --out scores.tsv") == 0
    written = pd.read_csv("scores.tsv", sep="\t", keep_default_na=False, na_values={"value": [""]})
    sources = {"X_scVI": "X_scVI", "seurat": "seurat.csv", "other": "X_scVI"}
    keys = {"batch_key": "donor", "label_key": "cell_type"}
    found = portal_lib.score("in.h5ad", sources, **keys, metrics=["asw_label", "pcr", "isolated_labels_asw"])
    pd.testing.assert_frame_equal(written, found)
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert lines[0].split() == ["embedding", "metric", "group", "value", "reason"]
    assert len(lines) == 1 + 3 * 6
    value = found.loc[0, "value"]
    assert lines[1].split() == ["X_scVI", "asw_label", "bio", f"{value:.4f}"]
    assert lines[3].split(maxsplit=3)[3] == "no isolated label: every label is in every batch"
    assert output.err == ""


def test_score_needs_neither_labels_nor_counts(embedded, capsys):
    embedded.X = np.log1p(embedded.X)
    embedded.write_h5ad("in.h5ad")
    assert run("score in.h5ad --batch-key donor --embedding X_scVI --metrics fast") == 0
    output = capsys.readouterr()
    assert re.search(r"asw_label +bio +no labels are known", output.out)
    assert re.search(r"pcr +batch +the data hold no raw counts that can be prepared", output.out)
    assert output.err.startswith("note: no comparison with the data before integration")
    assert run("score in.h5ad --batch-key donor --embedding X_scVI --metrics pcr --quiet") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--embedding X_scvi", "error: in.h5ad: has no obsm or obsp 'X_scvi', did you mean 'X_scVI'?"),
        ("--embedding a=X_scVI --embedding a=seurat.csv", "error: --embedding: two have the same name"),
        ("--embedding X_scVI --metrics fats", "error: metrics: 'fats' is neither a list nor a known keyword"),
        ("--embedding X_scVI --label-key typ", "error: in.h5ad: obs has no column 'typ', did you mean 'type'?"),
        ("--embedding X_scVI --out there.tsv", "error: there.tsv: exists already"),
    ],
)
def test_a_mistake_in_score_is_one_message(embedded, capsys, words, message):
    Path("there.tsv").touch()
    assert run(f"score in.h5ad --batch-key donor {words}") == 1
    output = capsys.readouterr()
    assert output.err.startswith(message)
    assert output.err.count("\n") == 1
    assert Path("there.tsv").read_text() == ""
