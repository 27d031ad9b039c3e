"""Which figures a run has and what they are drawn from follow from facts; the script draws what the facts say."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from portal_lib._files import write_table
from portal_lib.benchmark import registry
from portal_lib.benchmark.config.parse import parse_config
from portal_lib.benchmark.data.figure_inputs import INPUTS
from portal_lib.benchmark.data.figures import figure_facts, figure_files, find_figures
from portal_lib.benchmark.run.runs import gather_tables

ROOT = Path(__file__).parents[4]
PUBLISHED = ROOT / "config" / "published"


def make_run(**settings):
    return parse_config({"datasets": ["toy_atlas"], "methods": ["unintegrated", "shuffle"], "seeds": [0, 1]} | settings)


def figures_of(dataset, methods):
    run = make_run(datasets=[dataset], methods=methods)
    return {file.removesuffix(f".{dataset}") for file in find_figures(run, PUBLISHED)}


def test_a_data_set_to_integrate_has_a_table_umap_and_resources_and_the_run_has_ranks():
    expected = {"table_scib.toy_atlas", "umap.toy_atlas", "resources.toy_atlas", "ranks_scib.raw", "ranks_scib.minmax"}
    assert expected <= set(find_figures(make_run(), PUBLISHED))


def test_both_definitions_of_metrics_have_a_table_and_ranks():
    found = find_figures(make_run(metrics=["nmi", "portal_ari"]), PUBLISHED)
    assert {"table_scib.toy_atlas", "table_portal.toy_atlas", "ranks_portal.raw", "ranks_scib.raw"} <= set(found)


def test_a_data_set_to_align_has_the_figures_that_it_names():
    # Published values have their own figure, unless the figure of markers shows them.
    for dataset, figures in {
        "digits_rotated": {"scores", "cells", "destinations", "resources"},
        "gaussians": {"scores", "cells", "destinations", "published", "resources"},
        "thymus_panels": {"scores", "markers", "resources"},
    }.items():
        found = figures_of(dataset, ["ridge"])
        assert figures <= found
        assert not found & ({"cells", "destinations", "markers", "published", "umap", "table_scib"} - figures)


def test_scaling_figures_belong_to_the_whole_of_which_samples_are_drawn():
    run = make_run(datasets=[{"name": "toy_atlas", "cells": [500, 1000]}])
    found = find_figures(run, PUBLISHED, "scaling")
    assert {f"scaling_{kind}.toy_atlas" for kind in ("time", "phases", "memory")} <= set(found)
    facts = figure_facts(run, found["scaling_time.toy_atlas"])
    assert facts == {"whole": "toy_atlas", "label": registry.find("datasets")["toy_atlas"]["label"]}
    machine = figure_files(run, found["scaling_time.toy_atlas"], "out", PUBLISHED)["scaling_machine"]
    assert [f"results/toy_atlas.n{n}/prepare.json" for n in (500, 1000)] == machine[:2]
    assert sum(file.endswith("run.json") for file in machine) == 6


def test_scores_against_the_size_need_two_sizes():
    several = make_run(datasets=[{"name": "donors", "n_batches": [2, 5]}, {"name": "toy_atlas", "cells": 500}])
    found = find_figures(several, PUBLISHED)
    assert {file for file in found if file.startswith("sizes.")} == {"sizes.donors"}
    facts = figure_facts(several, found["sizes.donors"])
    assert facts["label"] == registry.find("datasets")["donors"]["label"]
    assert facts["sizes"] == {"donors.b2": (None, 2), "donors.b5": (None, 5)}


def test_a_run_of_alignment_alone_has_no_scaling_figures():
    assert find_figures(make_run(datasets=["gaussians"], methods=["ridge"]), PUBLISHED, "scaling") == {}


def test_files_of_an_input_are_those_of_the_data_set_and_its_runs():
    run = make_run()
    files = figure_files(run, find_figures(run, PUBLISHED)["umap.toy_atlas"], "results/x", PUBLISHED)
    folders = [f"results/toy_atlas/{method}/seed0" for method in ("unintegrated", "shuffle")]
    assert files["umaps"] == "results/x/umaps/toy_atlas.tsv"
    assert files["first_records"] == [f"{folder}/run.json" for folder in folders]
    assert files["prepared"] == "results/toy_atlas/prepared.h5ad"
    table = figure_files(run, find_figures(run, PUBLISHED)["table_scib.toy_atlas"], "results/x", PUBLISHED)
    assert table["summary"] == "results/x/summary.tsv"
    assert len(table["scored"]) == 3


@pytest.mark.parametrize("name", ["scores", "resources"])
def test_figures_do_not_see_controls_that_were_added(tmp_path, name):
    (tmp_path / "made.tsv").write_text("dataset\tmethod\tadded\nd\tportal\tno\nd\tshuffle\tyes\n")
    assert INPUTS[name].read(tmp_path / "made.tsv")["method"].tolist() == ["portal"]


def test_published_values_come_from_the_papers_about_a_data_set():
    run = make_run(datasets=["thymus_panels"], methods=["ridge"])
    figure = find_figures(run, PUBLISHED)["markers.thymus_panels"]
    assert figure_files(run, figure, "out", PUBLISHED)["published_values"] == [str(PUBLISHED / "magan.tsv")]
    assert figure_facts(run, figure)["source"] == "thymus_panels"


def test_facts_of_ranks_are_those_of_the_configuration():
    run = make_run(weights={"batch": 1, "bio": 3})
    facts = figure_facts(run, find_figures(run, PUBLISHED)["ranks_scib.minmax"])
    assert facts["weights"] == {"batch": 1, "bio": 3}
    assert list(facts["labels"]) == ["toy_atlas"]
    assert (facts["scaling"], facts["definition"]) == ("minmax", "scib")


STRANGE_NAMES = ["001", "1", "2.0", "NA", "nan", "NaN", "null", "None", "1e5", "inf", "True", "n-a", "-1"]


@pytest.mark.parametrize("table", ["summary", "scores", "resources", "umaps", "published_scaling", "destinations"])
def test_names_in_tables_are_text_whatever_they_look_like(tmp_path, table):
    """Written by the writer of all tables and read by every reader."""
    columns = {"source": STRANGE_NAMES, "target": STRANGE_NAMES} if table == "destinations" else {}
    written = pd.DataFrame(
        {"dataset": STRANGE_NAMES, "method": STRANGE_NAMES[::-1], "seed": 1, "added": "no", "share": 0.5} | columns
    )
    write_table(written.assign(value=np.nan), tmp_path / "table.tsv")
    read = INPUTS[table].read(str(tmp_path / "table.tsv"))
    for name in ("dataset", "method", *columns):
        assert read[name].tolist() == written[name].tolist()
    assert read["share"].tolist() == [0.5] * len(STRANGE_NAMES)
    assert table == "destinations" or read["value"].isna().all()
    gathered = gather_tables([tmp_path / "table.tsv"] * 2, list(written))
    assert gathered["dataset"].tolist() == STRANGE_NAMES * 2


def test_there_are_no_published_values_without_a_paper():
    assert INPUTS["published_values"].read([]) is None


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("plot", ROOT / "scripts" / "plot.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_reads_the_inputs_and_writes_every_format(script, tmp_path):
    rows = {"dataset": "toy", "method": ["a", "b"], "seed": 0, "status": "ok", "wall_s": [1.0, 2.0], "fit_s": 0.5}
    pd.DataFrame(rows).to_csv(tmp_path / "resources.tsv", sep="\t", index=False)
    machine = {"cpu": "some CPU", "cores": 2, "memory_mb": 2048, "gpu": None}
    (tmp_path / "run.json").write_text(json.dumps({"machine": machine}))
    script.main(
        figure="resources",
        inputs={"resources": str(tmp_path / "resources.tsv"), "machine": [str(tmp_path / "run.json")]},
        facts={"dataset": "toy", "label": "Toy", "task": "integrate"},
        files=[str(tmp_path / "figures" / f"resources.toy.{kind}") for kind in ("png", "svg")],
    )
    assert (tmp_path / "figures" / "resources.toy.png").read_bytes().startswith(b"\x89PNG")
    assert "some CPU, 2 cores" in (tmp_path / "figures" / "resources.toy.svg").read_text()
