"""Each conda environment is small, pinned as in the lock, used, and sufficient for what runs in it."""

import json
import re
import subprocess
import sys
from importlib import metadata

import pandas as pd
import pytest
import yaml
from plugin_facts import of_task

from portal_lib.benchmark import imports, registry
from portal_lib.benchmark.tasks import stage_file

ROOT = registry.PACKAGE.parent
FILES = {file.stem: yaml.safe_load(file.read_text()) for file in sorted((ROOT / "envs").glob("*.yaml"))}
METHODS = of_task("methods", registry.find("methods"), "integrate")
CHANNELS = ["conda-forge", "bioconda", "nodefaults"]
MOST_PACKAGES = 20
PIP_NAMES = {
    "matplotlib-base": "matplotlib",
    "python-igraph": "igraph",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "snakemake-minimal": "snakemake",
}
# Of these the rule takes the environment of each method.
BY_METHOD = "method_environment"
# The task and stage that a rule runs by name, and the plug-ins.
STAGES = {
    "prepare": ("integrate", "prepare", "datasets"),
    "prepare_domains": ("align", "prepare", "datasets"),
    "score": ("integrate", "score", "metrics"),
    "score_alignment": ("align", "score", "metrics"),
    "write_counts": ("integrate", None, "datasets"),
}

# Runs one method as the supervised child does, with some packages made unimportable.
RUN_APART = """
import json, sys
given = json.loads(sys.argv[1])
class Blocked:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        return None if name in given["refused"] else self.finder.find_spec(name, path, target)
sys.meta_path[:] = map(Blocked, sys.meta_path)
from portal_lib.benchmark.run import child, runs
from portal_lib.benchmark.tasks import stage
stage("integrate", "run").run(given["task"], child.Phases(), {})
"""


def pip_name(conda):
    return normal(PIP_NAMES.get(conda, conda))


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(name):
    """Version by pip name of an environment, without Python."""
    found = dict(package.split("=", 1) for package in FILES[name]["dependencies"])
    return {pip_name(package): version for package, version in found.items() if package != "python"}


def lock():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return {normal(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line and line[0] != "#"}


def rules():
    """Text of each rule that runs, by name."""
    found = {}
    for file in sorted((ROOT / "rules").glob("*.smk")):
        for name, body in re.findall(r"^rule (\w+):\n((?:[ ]+.*\n|\n)+)", file.read_text(), re.M):
            found[name] = body
    return found


def conda_of(body):
    """Environment of a rule, or the name of the function that selects it."""
    named = re.search(r"\n    conda:\s+(?:\"\.\./envs/(\w+)\.yaml\"|(\w+))", body)
    return named and (named[1] or named[2])


def distributions_of(modules):
    """Distributions that contain top-level modules, by module."""
    known = metadata.packages_distributions()
    return {module: {normal(name) for name in known.get(module, [])} for module in modules}


def with_requirements(names):
    """Distributions and all their requirements, without extras."""
    seen, queue = set(), list(names)
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        queue += [normal(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in needed if "extra ==" not in line]
    return seen


@pytest.mark.parametrize("name", FILES)
def test_an_environment_has_few_pinned_packages_from_three_channels(name):
    content = FILES[name]
    assert set(content) == {"channels", "dependencies"}
    assert content["channels"] == CHANNELS
    assert len(content["dependencies"]) <= MOST_PACKAGES
    for package in content["dependencies"]:
        assert re.fullmatch(r"[a-z0-9-]+=\d+(\.\d+)*", package), package
    names = [package.partition("=")[0] for package in content["dependencies"]]
    assert len(set(names)) == len(names)
    assert "python" in names


@pytest.mark.parametrize("name", FILES)
def test_pins_equal_the_lock(name):
    locked = lock()
    assert pins(name) == {package: locked.get(package) for package in pins(name)}


def test_environments_use_the_oldest_supported_python():
    import tomllib

    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    for content in FILES.values():
        assert f"python={oldest}" in content["dependencies"]


def test_the_environment_of_every_method_exists():
    assert {facts["environment"] for facts in registry.find("methods").values()} <= set(FILES)


def test_every_rule_that_runs_has_an_environment_and_every_file_is_used():
    named = {
        name: conda_of(body) for name, body in rules().items() if "\n    script:" in body or "\n    shell:" in body
    }
    assert len(named) > 5
    assert None not in named.values()
    used = {conda for conda in named.values() if conda != BY_METHOD} | {
        m["environment"] for m in registry.find("methods").values()
    }
    assert used == set(FILES)


def found_by_name(rule):
    """Files that the script of a rule imports by name while it runs, and that its text does not name."""
    if rule not in STAGES:
        return []
    task, stage, kind = STAGES[rule]
    plugins = [registry.source(kind, name) for name in of_task(kind, registry.find(kind), task)]
    return plugins + ([stage_file(task, stage)] if stage else [])


@pytest.mark.slow
@pytest.mark.parametrize("rule", [rule for rule, body in rules().items() if conda_of(body) in FILES])
def test_an_environment_has_what_its_scripts_import(rule):
    body = rules()[rule]
    script = re.search(r'"\.\./scripts/(\w+)\.py"', body)[1]
    modules = imports.external_imports(ROOT / "scripts" / f"{script}.py", *found_by_name(rule))
    held = with_requirements(pins(conda_of(body)))
    missing = {module: names for module, names in distributions_of(modules).items() if not names & held}
    assert missing == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.find("methods"))
def test_an_environment_has_what_a_method_imports(name):
    modules = imports.external_imports(registry.source("methods", name))
    held = with_requirements(pins(registry.find("methods")[name]["environment"]))
    missing = {module: names for module, names in distributions_of(modules).items() if not names & held}
    assert missing == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_method_runs_in_its_environment(prepared, tmp_path, name):
    prepared.write_h5ad(tmp_path / "prepared.h5ad")
    held = with_requirements(pins(METHODS[name]["environment"]))
    known = distributions_of(metadata.packages_distributions())
    refused = [module for module, names in known.items() if not names & held and module != registry.PACKAGE.name]
    table = pd.DataFrame(prepared.obsm["X_pca"], prepared.obs_names)
    table.to_csv(tmp_path / "given.csv")
    quick = {"training_steps": 2, "max_iter_harmony": 1, "table": str(tmp_path / "given.csv")}
    specs = METHODS[name]["params"]
    params = {key: quick.get(key, spec["default"]) for key, spec in specs.items()}
    task = {"plugin": name, "method": name, "params": params, "seed": 0, "device": "cpu"}
    task |= {"prepared": str(tmp_path / "prepared.h5ad"), "result": str(tmp_path / "result.h5ad")}
    words = [sys.executable, "-W", "ignore", "-c", RUN_APART, json.dumps({"refused": refused, "task": task})]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "result.h5ad").exists()
