"""What would run, without running it."""

from pathlib import Path

import pytest
import yaml
from workdir import job_counts

from portal_lib.benchmark.config.parse import parse_config
from portal_lib.benchmark.data.figures import find_figures

ROOT = Path(__file__).parents[2]
REPORT = {"report_texts": 1, "gather": 1, "report": 1, "all": 1}
# Rules that do the same for another task or format share a script; every other script has the name of its rule.
SCRIPTS = {"integrate": "run_method", "align": "run_method", "prepare_domains": "prepare", "score_alignment": "score"}
SCRIPTS |= {"plot_scaling": "plot"}


def test_the_default_run_has_exactly_these_jobs(workdir):
    counts = job_counts(workdir.snakemake("--dry-run").text)
    integrated = {"prepare": 1, "integrate": 25, "score": 25, "umap": 1}
    run = parse_config(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))
    plots = {"plot": len(find_figures(run, ROOT / "config" / "published"))}
    assert counts == plots | REPORT | integrated | {"prepare_domains": 1, "align": 9, "score_alignment": 9}


def test_the_real_run_fetches_first(workdir):
    counts = job_counts(workdir.snakemake("--dry-run", "--configfile", "config/real.yaml").text)
    runs = len(yaml.safe_load(workdir.read("config/real.yaml"))["methods"])
    assert counts["fetch"] == 1
    assert counts["prepare"] == 1
    assert counts["umap"] == 1
    assert counts["integrate"] == counts["score"] > runs


def test_forms_of_one_data_set_stand_in_one_run(workdir):
    """Each is prepared, run and scored in a folder of its own."""
    forms = ["toy_atlas", {"name": "toy_atlas", "variant": "all_genes", "preparation": {"all_genes": True}}]
    forms.append({"name": "toy_atlas", "variant": "scaled", "defaults": {"use_rep": "X_scaled"}})
    raw = {"datasets": forms, "methods": ["unintegrated", "harmony"], "seeds": [0]}
    (workdir.root / "forms.yaml").write_text(yaml.safe_dump(raw))
    text = workdir.snakemake("tables", "--dry-run", "--configfile", "forms.yaml").text
    # Two named methods and the five controls that are not named, for each form.
    assert job_counts(text) == {"prepare": 3, "integrate": 21, "score": 21, "gather": 1, "tables": 1}
    for form in ("toy_atlas", "toy_atlas.all_genes", "toy_atlas.scaled"):
        assert f"results/{form}/harmony/seed0/scores.tsv" in text


def test_targets_are_listed_and_need_only_their_rules(workdir):
    text = workdir.snakemake("--list").text
    for target in ("all", "tables", "figures", "integrated"):
        assert f"\n{target}" in f"\n{text}"
    counts = job_counts(workdir.snakemake("tables", "--dry-run").text)
    integrated, aligned = {"prepare", "integrate", "score"}, {"prepare_domains", "align", "score_alignment"}
    assert set(counts) == integrated | aligned | {"gather", "tables"}


@pytest.mark.parametrize("profile", ["local", "slurm"])
def test_profiles_dry_run(workdir, profile):
    text = workdir.snakemake("--profile", f"config/profiles/{profile}", "--dry-run").text
    assert job_counts(text)["integrate"] == 25


def test_lint_is_clean(workdir):
    assert "in a good condition" in workdir.snakemake("--lint").text


def test_every_rule_that_runs_has_log_conda_and_a_docstring(workdir):
    import re

    for file in sorted((workdir.root / "rules").glob("*.smk")):
        for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", file.read_text(), re.M):
            assert body.lstrip().startswith('"'), name
            assert "\n    log:" in body, name
            assert "\n    conda:" in body, name
            script = re.search(r'"\.\./scripts/(\w+)\.py"', body)[1]
            assert script == SCRIPTS.get(name, name)
            assert (workdir.root / "scripts" / f"{script}.py").exists(), name


def test_each_problem_of_a_configuration_is_a_line_without_a_traceback(workdir):
    workdir.configure(methdos=["portal"], seeds=[1, -1])
    done = workdir.snakemake("--dry-run", check=False)
    assert done.returncode != 0
    assert "config/config.yaml has 2 problems" in done.text
    assert "  top level: unknown key 'methdos', did you mean 'methods'?" in done.text
    assert "  seeds[1]: -1 is less than the minimum of 0" in done.text
    assert "Traceback" not in done.text


def test_the_snakefile_is_read_quickly_and_without_heavy_imports(workdir):
    import subprocess
    import sys

    code = (
        "import sys, time; started = time.process_time()\n"
        "from portal_lib.benchmark import registry\n"
        "from portal_lib.benchmark.config.parse import parse_config\n"
        "parse_config({}); [registry.find(kind) for kind in registry.FACTS]\n"
        "print(time.process_time() - started, *({'torch', 'scanpy', 'anndata', 'numba'} & set(sys.modules)))"
    )
    words = subprocess.run([sys.executable, "-c", code], cwd=workdir.root, capture_output=True, text=True, check=True)
    seconds, *heavy = words.stdout.split()
    assert heavy == []
    assert float(seconds) < 0.5
