"""Each kind of bad configuration gives exactly its message; a good one becomes explicit."""

import pytest
import yaml

from portal_lib.benchmark import registry
from portal_lib.benchmark.config.parse import mirror, parse_config
from portal_lib.benchmark.config.schema import read_schema
from portal_lib.errors import ConfigError

METRICS = ", ".join(registry.find("metrics"))
PORTAL_PARAMS = ", ".join(sorted(registry.find("methods")["portal"]["params"]))


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with a file of the user's own in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.h5ad").touch()
    return {"name": "mine", "path": "mine.h5ad", "batch": "donor", "label": "type"}


def problems_of(raw):
    with pytest.raises(ConfigError) as caught:
        parse_config(raw, "config/config.yaml")
    head, *lines = str(caught.value).split("\n  ")
    assert head == f"config/config.yaml has {len(lines)} problem{'s' if len(lines) > 1 else ''}"
    return lines


def with_params(method, **params):
    return {"methods": [{"name": method, "params": params}]}


def test_the_message_is_that_of_the_style_guide():
    with pytest.raises(ConfigError) as caught:
        parse_config({"methdos": ["portal"], "seeds": [0, -1]}, "config/config.yaml")
    assert str(caught.value) == (
        "config/config.yaml has 2 problems\n"
        "  top level: unknown key 'methdos', did you mean 'methods'?\n"
        "  seeds[1]: -1 is less than the minimum of 0"
    )


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        ({"limits": {"memory": 3}}, ["limits: unknown key 'memory', did you mean 'memory_gb'?"]),
        ({"limits": {"time_minutes": 0}}, ["limits.time_minutes: 0 is not greater than 0"]),
        ({"limits": {"time_minutes": float("inf")}}, ["limits.time_minutes: Infinity is not a number"]),
        ({"preparation": {"n_pc": 3}}, ["preparation: unknown key 'n_pc', did you mean 'n_pcs'?"]),
        ({"preparation": {"n_top_genes": 99}}, ["preparation.n_top_genes: 99 is less than the minimum of 100"]),
        ({"umap": {"sed": 3}}, ["umap: unknown key 'sed', did you mean 'seed'?"]),
        ({"datasets": "toy_atlas"}, ["datasets: 'toy_atlas' is not a list"]),
        ({"datasets": []}, ["datasets: the list is empty; name at least one"]),
        ({"datasets": [3]}, ["datasets[0]: 3 is not text or a map"]),
        (
            {"datasets": [{"nam": "x"}]},
            ["datasets[0]: 'name' is missing", "datasets[0]: unknown key 'nam', did you mean 'name'?"],
        ),
        ({"methods": None}, ["methods: null is not a list"]),
        ({"methods": [{"name": "portal", "parms": {}}]}, ["methods[0]: unknown key 'parms', did you mean 'params'?"]),
        ({"seeds": [1.0]}, ["seeds[0]: 1.0 is not a whole number"]),
        ({"seeds": [4294967296]}, ["seeds[0]: 4294967296 is greater than the maximum of 4294967295"]),
        ({"seeds": [1, 1]}, ["seeds: [1, 1] has the same item twice"]),
        ({"device": "gpu"}, ["device: 'gpu' does not match ^(auto|cpu|cuda(:[0-9]+)?)$"]),
        ({"threads": 0}, ["threads: 0 is less than the minimum of 1"]),
        ({"run": "../x"}, ["run: '../x' does not match ^[A-Za-z0-9][A-Za-z0-9_-]*$"]),
    ],
)
def test_the_schema_is_closed_at_every_level(raw, lines):
    assert sorted(problems_of(raw)) == sorted(lines)


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (
            {"datasets": ["toy_atals"]},
            "datasets[0]: unknown data set 'toy_atals', did you mean 'toy_atlas'? "
            "For your own data give path and batch, and label if there is one.",
        ),
        ({"methods": ["portal", "harmny"]}, "methods[1]: unknown method 'harmny', did you mean 'harmony'?"),
        ({"metrics": ["nmj"]}, "metrics[0]: unknown metric 'nmj', did you mean 'nmi'?"),
        ({"metrics": ["zzzz"]}, f"metrics[0]: unknown metric 'zzzz'. Known: {METRICS}."),
        ({"metrics": ["ari", "nmi", "ari"]}, "metrics: 'ari' is listed 2 times; once is enough"),
        ({"methods": ["portal", "portal"]}, "methods: 'portal' is listed 2 times; give each its own 'variant'"),
        ({"datasets": ["toy_atlas"] * 3}, "datasets: 'toy_atlas' is listed 3 times; give each its own 'variant'"),
        (with_params("portal", lamda_cos=3), "methods[0].params: unknown key 'lamda_cos', did you mean 'lambda_cos'?"),
        (with_params("portal", zzzzzzzz=3), f"methods[0].params: unknown key 'zzzzzzzz'. Known: {PORTAL_PARAMS}."),
        (with_params("portal", margin=[5, -1]), "methods[0].params.margin: -1 is less than the minimum of 0"),
        (with_params("portal", batch_size="many"), "methods[0].params.batch_size: 'many' is not a whole number"),
        (
            with_params("harmony", use_rep="X_pac"),
            "methods[0].params.use_rep: 'X_pac' is not allowed, did you mean 'X_pca'?",
        ),
        (with_params("portal", margin=[]), "methods[0].params.margin: the list is empty; name at least one"),
        (
            {"datasets": [{"name": "toy_atlas", "params": {"n_cells": 3}}]},
            "datasets[0].params.n_cells: 3 is less than the minimum of 200",
        ),
        (
            {"datasets": [{"name": "toy_atlas", "params": {"cells": 300}}]},
            "datasets[0].params: unknown key 'cells', did you mean 'n_cells'?",
        ),
        (
            {"mirror": "https://example.org/copies"},
            "mirror: 'https://example.org/copies' is not on this machine. Give a folder, or a URL on localhost.",
        ),
        ({"mirror": "no/such"}, "mirror: no folder 'no/such'"),
        ({"mirror": "http://[::1"}, "mirror: 'http://[::1' is not a URL: Invalid IPv6 URL"),
        (
            {"run": "toy_atlas"},
            "run: 'toy_atlas' is the name of a data set, which has results/toy_atlas; choose another name",
        ),
        (
            {"run": "scmixology"},
            "run: 'scmixology' is the name of a data set, which has results/scmixology; choose another name",
        ),
        ({"run": "data"}, "run: 'data' is taken, results/data is for downloads; choose another name"),
        ({"metrics": "scibb"}, "metrics: 'scibb' is neither a list nor a known keyword, did you mean 'scib'?"),
        ({"weights": {"batch": 0, "bio": 0.0}}, "weights: both are 0; one must be greater"),
        ({"weights": {"bath": 1}}, "weights: unknown key 'bath', did you mean 'batch'?"),
        (
            {"datasets": [{"name": "toy_atlas", "reference": "plaet"}]},
            "datasets[0].reference: there is no batch 'plaet', did you mean 'plate'? Known: 'droplet', 'plate'.",
        ),
        (
            {"datasets": [{"name": "toy_atlas", "order": ["plate", "dropelt"]}]},
            "datasets[0].order: there is no batch 'dropelt', did you mean 'droplet'? Known: 'droplet', 'plate'.",
        ),
        (
            {"datasets": [{"name": "toy_atlas", "order": "lagest"}]},
            "datasets[0].order: 'lagest' is neither 'largest' nor 'file' nor a list of batches, "
            "did you mean 'largest'?",
        ),
        (
            {"datasets": [{"name": "toy_atlas", "preparation": {"n_pca": 3}}]},
            "datasets[0].preparation: unknown key 'n_pca', did you mean 'n_pcs'?",
        ),
        (
            {"datasets": [{"name": "toy_atlas", "preparation": {"n_pcs": 1}}]},
            "datasets[0].preparation.n_pcs: 1 is less than the minimum of 2",
        ),
        (
            {"datasets": ["toy_atlas", {"name": "toy_atlas", "preparation": {"all_genes": True}}]},
            "datasets: 'toy_atlas' is listed 2 times; give each its own 'variant'",
        ),
        (
            {"datasets": [{"name": "gaussians", "preparation": {}}], "methods": ["gan"]},
            "datasets[0].preparation: is for counts; the task of 'gaussians' is align",
        ),
        (
            {"datasets": [{"name": "gaussians", "order": "file"}], "methods": ["gan"]},
            "datasets[0].order: 'gaussians' has no batches; its task is align",
        ),
    ],
)
def test_problems_beyond_the_schema_are_reported(raw, line):
    assert problems_of(raw) == [line]


def test_all_problems_are_reported_at_once():
    raw = {
        "seeds": [-1],
        "methods": ["harmny", {"nam": "x"}, {"name": "portal", "params": {"margin": -1}}],
        "datasets": "toy_atlas",
        "metrics": [3, "nmj"],
        "mirror": "no/such",
        "zzz": 1,
    }
    assert {line.partition(": ")[0] for line in problems_of(raw)} == {
        *("top level", "seeds[0]", "methods[0]", "methods[1]", "methods[2].params.margin"),
        *("datasets", "metrics[0]", "metrics[1]", "mirror"),
    }
    assert problems_of(None) == ["top level: null is not a map"]


def test_own_data_become_a_data_set(own):
    run = parse_config({"datasets": ["toy_atlas", own, own | {"variant": "raw", "layer": "counts"}]})
    assert list(run.datasets) == ["toy_atlas", "mine", "mine.raw"]
    mine = run.datasets["mine.raw"]
    assert (mine.path, mine.batch, mine.label, mine.layer) == ("mine.h5ad", "donor", "type", "counts")
    assert (mine.params, mine.config_key) == ({}, "datasets[2]")
    assert (mine.reference, mine.order) == (None, "file")
    chosen = parse_config({"datasets": [own | {"reference": 3, "order": "largest"}]}).datasets["mine"]
    assert (chosen.reference, chosen.order) == (3, "largest")


def test_without_labels_methods_that_use_them_do_not_run(own, tmp_path):
    bare = {key: value for key, value in own.items() if key != "label"} | {"batch": ["donor", "lane"]}
    for entry, expected in ((own, {"shuffle_by_label", "label_embedding_jittered"}), (bare, set())):
        run = parse_config({"datasets": [entry], "methods": ["harmony"]})
        there = {method for _, method, _ in run.runs()}
        assert {"harmony", "shuffle", "shuffle_by_batch"} <= there
        assert there & {"shuffle_by_label", "label_embedding_jittered"} == expected
        assert not set(run.added.get("mine", [])) - there
    assert run.datasets["mine"].obs_keys == ["donor", "lane"]
    alone = problems_of({"datasets": [bare], "methods": ["shuffle_by_label"]})
    assert alone[0] == "methods: 'shuffle_by_label' fits no data set: it uses labels, and none of them has labels"


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({"batch": None}, ["datasets[0]: 'path' needs 'batch' as well"]),
        ({"label": None, "unlabelled": ["x"]}, ["datasets[0]: 'unlabelled' needs 'label' as well"]),
        (
            {"batch": ["donor", "lane"], "n_batches": 2},
            ["datasets[0].n_batches: needs one batch column; batch names 2"],
        ),
        ({"path": None}, ["datasets[0]: 'batch' needs 'path' as well", "datasets[0]: 'label' needs 'path' as well"]),
        ({"path": "no.h5ad"}, ["datasets[0].path: no file 'no.h5ad' (looked in {here})"]),
        (
            {"name": "toy_atlas"},
            ["datasets[0].name: 'toy_atlas' is a data set of the registry; give your own another name"],
        ),
        ({"params": {"n": 1}}, ["datasets[0].params: a data set of your own has no parameters"]),
        ({"name": "a/b"}, ["datasets[0].name: 'a/b' does not match ^[A-Za-z0-9][A-Za-z0-9_-]*$"]),
        ({"name": "data"}, ["datasets[0].name: 'data' is taken, results/data is for downloads; choose another name"]),
        ({"name": "demo"}, ["run: 'demo' is the name of a data set, which has results/demo; choose another name"]),
    ],
)
def test_own_data_with_a_mistake(own, tmp_path, change, lines):
    entry = {key: value for key, value in (own | change).items() if value is not None}
    assert problems_of({"datasets": [entry]}) == [line.format(here=tmp_path) for line in lines]


def test_defaults_are_filled_in():
    run = parse_config({})
    assert (run.name, list(run.datasets), run.seeds) == ("demo", ["toy_atlas"], [0, 1, 2])
    known = registry.find("metrics")
    assert run.metrics == [name for name, facts in known.items() if facts.get("definition") != "portal"]
    assert run.settings["weights"] == {"batch": 0.4, "bio": 0.6}
    assert run.settings["limits"] == {"time_minutes": 60, "memory_gb": 8}
    assert run.settings["preparation"]["n_top_genes"] == 4000
    made = {"datasets": run.datasets["toy_atlas"].params, "methods": run.params("toy_atlas", "portal")}
    for kind, name in (("datasets", "toy_atlas"), ("methods", "portal")):
        facts = registry.find(kind)[name]["params"]
        assert made[kind] == {key: fact["default"] for key, fact in facts.items()}


def test_a_configuration_with_filled_defaults_reads_the_same():
    first = parse_config({"methods": [{"name": "portal", "params": {"margin": [3, 4]}}]})
    assert parse_config(yaml.safe_load(yaml.safe_dump(first.settings))) == first


CONTROLS = {
    *("unintegrated", "unintegrated_by_batch", "shuffle", "shuffle_by_batch", "shuffle_by_label"),
    "label_embedding_jittered",
}


def test_controls_that_set_the_ends_run_whatever_is_named():
    run = parse_config(
        {"datasets": ["toy_atlas", "gaussians"], "methods": ["portal", "shuffle", "gan"], "seeds": [1, 2]}
    )
    assert run.named == ["portal", "shuffle", "gan"]
    assert {dataset: set(methods) for dataset, methods in run.added.items()} == {"toy_atlas": CONTROLS - {"shuffle"}}
    assert {method for dataset, method, _ in run.runs() if dataset == "toy_atlas"} == CONTROLS | {"portal"}
    assert [seed for dataset, method, seed in run.runs() if method == "shuffle_by_label"] == [1, 2]
    assert {method for dataset, method, _ in run.runs() if dataset == "gaussians"} == {"portal", "gan"}
    assert not {method for _, method, _ in run.runs(added=False)} & (CONTROLS - {"shuffle"})
    assert parse_config(yaml.safe_load(yaml.safe_dump(run.settings))) == run


def test_a_control_that_is_named_for_one_data_set_runs_on_all_that_are_scaled_and_keeps_its_parameters():
    other = {"name": "toy_atlas", "variant": "small", "params": {"n_cells": 300}}
    entry = {"name": "unintegrated", "datasets": ["toy_atlas"], "params": {"use_rep": "X_pca"}}
    run = parse_config({"datasets": ["toy_atlas", other, "gaussians"], "methods": [entry, "combat", "gan"]})
    assert [dataset for dataset, method, _ in run.runs() if method == "unintegrated"] == [
        "toy_atlas",
        "toy_atlas.small",
    ]
    assert run.params("toy_atlas.small", "unintegrated")["use_rep"] == "X_pca"
    # On the data set that it does not name it is added.
    assert "unintegrated" in run.named
    assert [dataset for dataset, methods in run.added.items() if "unintegrated" in methods] == ["toy_atlas.small"]
    assert [dataset for dataset, method, _ in run.runs(added=False) if method == "unintegrated"] == ["toy_atlas"]
    variant = {"name": "unintegrated", "variant": "pcs", "datasets": ["toy_atlas"]}
    run = parse_config({"datasets": ["toy_atlas", other], "methods": [variant, "combat"]})
    assert [run[:2] for run in run.runs() if run[1].startswith("unintegrated.")] == [("toy_atlas", "unintegrated.pcs")]
    assert ("toy_atlas", "unintegrated", 0) in run.runs()


@pytest.mark.parametrize("raw", [{"datasets": ["gaussians"], "methods": ["gan"]}, {"metrics": ["mixing_metric"]}])
def test_no_control_is_added_where_nothing_is_scaled(raw):
    run = parse_config(raw)
    assert list(run.methods) == run.named
    assert run.added == {}


def test_variants_and_sweeps_are_rows_of_their_own():
    entry = {"name": "portal", "params": {"margin": [3, 5.5], "n_latent": [10, 20], "n_pcs": 9}}
    run = parse_config({"methods": ["portal", entry, {"name": "portal", "variant": "v", "params": {"margin": 1}}]})
    assert run.named == [
        "portal",
        "portal.margin-3.n_latent-10",
        "portal.margin-3.n_latent-20",
        "portal.margin-5.5.n_latent-10",
        "portal.margin-5.5.n_latent-20",
        "portal.v",
    ]
    point = run.methods["portal.margin-5.5.n_latent-10"]
    assert point.name == "portal"
    params = run.params("toy_atlas", point.id)
    assert (params["margin"], params["n_latent"], params["n_pcs"]) == (5.5, 10, 9)
    assert run.params("toy_atlas", "portal.v")["margin"] == 1


def test_a_parameter_that_is_a_list_is_swept_by_a_list_of_lists():
    run = parse_config({"methods": [{"name": "portal", "params": {"lambda_cos": [[20, 50], 30]}}]})
    assert {name: run.params("toy_atlas", name)["lambda_cos"] for name in run.named} == {
        "portal.lambda_cos-20_50": [20, 50],
        "portal.lambda_cos-30": 30,
    }


def test_deterministic_methods_run_once_with_the_first_seed():
    run = parse_config({"methods": ["unintegrated", "shuffle"], "seeds": [7, 3]})
    assert run.runs(added=False) == [
        ("toy_atlas", "unintegrated", 7),
        ("toy_atlas", "shuffle", 7),
        ("toy_atlas", "shuffle", 3),
    ]


@pytest.mark.parametrize("place", ["http://localhost:80/x", "https://127.0.0.1", "http://[::1]:8000"])
def test_a_mirror_may_be_a_folder_or_on_this_machine(tmp_path, place):
    assert parse_config({"mirror": place}).settings["mirror"] == place
    assert parse_config({"mirror": str(tmp_path)}).settings["mirror"] == str(tmp_path)


def test_the_configuration_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("PORTAL_MIRROR", "/copies")
    assert mirror({"mirror": "here"}) == "here"
    assert mirror({"mirror": None}) == "/copies"
    monkeypatch.setenv("PORTAL_MIRROR", "")
    assert mirror({"mirror": None}) is None


def maps(schema):
    """Every map that a schema describes key by key."""
    if "properties" in schema:
        yield schema
    for sub in [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *filter(None, [schema.get("items")])]:
        yield from maps(sub)


def test_every_map_of_the_schema_is_closed_and_every_key_described():
    found = list(maps(read_schema()))
    assert len(found) == 8
    for schema in found:
        assert schema["additionalProperties"] is False
        assert all(spec["description"] and spec.get("type") for spec in schema["properties"].values())


ALIGNED = {"datasets": ["toy_atlas", "gaussians"], "methods": ["portal", "magan", "gan", "ridge"]}


def test_methods_run_on_the_data_sets_of_their_tasks():
    run = parse_config(ALIGNED | {"seeds": [0]})
    assert [(dataset, method) for dataset, method, _ in run.runs(added=False)] == [
        ("toy_atlas", "portal"),
        ("toy_atlas", "magan"),
        ("gaussians", "portal"),
        ("gaussians", "magan"),
        ("gaussians", "gan"),
        ("gaussians", "ridge"),
    ]
    groups = {name: facts["group"] for name, facts in registry.find("metrics").items()}
    assert "align" not in {groups[name] for name in run.metrics_of("toy_atlas")}
    assert {groups[name] for name in run.metrics_of("gaussians")} == {"align"}


def test_a_row_can_be_for_some_data_sets_only():
    entry = {"name": "magan", "variant": "long", "params": {"training_steps": 9}, "datasets": ["gaussians"]}
    run = parse_config(ALIGNED | {"methods": ["portal", entry], "seeds": [0]})
    assert ("toy_atlas", "magan.long", 0) not in run.runs()
    assert ("gaussians", "magan.long", 0) in run.runs()


def test_defaults_of_a_data_set_override_those_of_methods_and_not_given_values():
    defaults = registry.find("datasets")["gaussians"]["defaults"]
    entry = {"name": "magan", "variant": "long", "params": {"training_steps": 9}}
    run = parse_config(ALIGNED | {"methods": ["magan", entry, "portal"]})
    assert run.params("gaussians", "magan")["training_steps"] == defaults["training_steps"]
    assert run.params("gaussians", "magan.long")["training_steps"] == 9
    assert run.params("gaussians", "magan.long")["batch_size"] == defaults["batch_size"]
    assert run.params("toy_atlas", "magan")["batch_size"] == 256


def test_an_entry_can_change_defaults_of_methods():
    entry = {"name": "gaussians", "variant": "short", "defaults": {"training_steps": 7}}
    run = parse_config({"datasets": ["gaussians", entry], "methods": ["gan", "ridge"]})
    defaults = registry.find("datasets")["gaussians"]["defaults"]
    assert run.params("gaussians", "gan")["training_steps"] == defaults["training_steps"]
    assert run.params("gaussians.short", "gan")["training_steps"] == 7
    assert run.params("gaussians.short", "gan")["batch_size"] == defaults["batch_size"]


def test_deterministic_methods_run_once_unless_pairs_are_drawn_for_each_seed():
    run = parse_config({"datasets": ["gaussians", "digits_rotated"], "methods": ["gan", "ridge"], "seeds": [3, 4]})
    assert run.seeds_of("gaussians", "ridge") == [3]
    assert run.seeds_of("gaussians", "gan") == run.seeds_of("digits_rotated", "ridge") == [3, 4]
    run = parse_config({"datasets": ["digits_rotated"], "methods": ["gromov_wasserstein"], "seeds": [3, 4]})
    assert run.seeds_of("digits_rotated", "gromov_wasserstein") == [3]


def test_a_method_is_for_the_entries_that_it_names_and_not_for_their_variants():
    short = {"name": "gaussians", "variant": "short", "defaults": {"training_steps": 7}}
    methods = ["gan", {"name": "magan", "datasets": ["gaussians.short"]}, {"name": "ridge", "datasets": ["gaussians"]}]
    run = parse_config({"datasets": ["gaussians", short], "methods": methods})
    assert {run[:2] for run in run.runs()} == {
        *(("gaussians", name) for name in ("gan", "ridge")),
        *(("gaussians.short", name) for name in ("gan", "magan")),
    }


def test_numbers_may_come_from_the_command_line():
    """``snakemake --config`` gives the values of maps and lists as text."""
    assert parse_config({"seeds": ["0", "12"]}).seeds == [0, 12]
    run = parse_config(
        {
            "preparation": {"n_pcs": "5", "all_genes": "true"},
            "limits": {"time_minutes": "0.5"},
            "mirror": "null",
            "datasets": [
                {
                    "name": "toy_atlas",
                    "cells": ["100", "200"],
                    "defaults": {"training_steps": "7"},
                    "preparation": {"n_pcs": "6"},
                }
            ],
            "methods": [{"name": "portal", "params": {"training_steps": ["10", "20"], "lambda_cos": "15.5"}}],
        }
    )
    assert run.settings["preparation"] | {"n_pcs": 5, "all_genes": True} == run.settings["preparation"]
    assert (run.settings["limits"]["time_minutes"], run.settings["mirror"]) == (0.5, None)
    assert [data.cells for data in run.datasets.values()] == [100, 200]
    assert run.preparation("toy_atlas.n100")["n_pcs"] == 6
    assert run.datasets["toy_atlas.n100"].defaults == {"training_steps": 7}
    assert run.methods["portal.training_steps-20"].given == {"training_steps": 20, "lambda_cos": 15.5}
    assert problems_of({"preparation": {"n_pcs": "five"}}) == ["preparation.n_pcs: 'five' is not a whole number"]
    with pytest.raises(ConfigError, match=r"seeds\[0\]: 'one' is not a whole number"):
        parse_config({"seeds": ["one"]})


def test_a_list_of_one_list_is_one_value_and_not_part_of_the_id():
    entry = {"name": "gan", "variant": "large", "params": {"hidden_d": [[9, 8]]}}
    run = parse_config({"datasets": ["gaussians"], "methods": [entry]})
    assert list(run.methods) == ["gan.large"]
    assert run.params("gaussians", "gan.large")["hidden_d"] == [9, 8]


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (
            {"datasets": ["toy_atlas"], "methods": ["portal", "gan"]},
            ["methods: 'gan' fits no data set; its task is align"],
        ),
        (
            {"datasets": ["toy_atlas", "gaussians"], "methods": ["harmony"]},
            ["datasets[1]: no method for 'gaussians', whose task is align"],
        ),
        (
            {"datasets": ["gaussians"], "methods": ["gan"], "metrics": ["nmi"]},
            ["metrics: none for 'gaussians', whose task is align"],
        ),
        (
            {"datasets": ["gaussians"], "methods": ["gan", {"name": "magan", "datasets": ["gausians"]}]},
            [
                "methods: 'magan' is for data set 'gausians', which is not configured, did you mean 'gaussians'?",
                "methods: 'magan' fits no data set; its task is integrate or align",
            ],
        ),
        (
            {
                "datasets": [{"name": "gaussians", "defaults": {"training_step": 3, "batch_size": 0}}],
                "methods": ["gan"],
            },
            [
                "datasets[0].defaults.batch_size: 0 is less than the minimum of 1",
                "datasets[0].defaults: no method has a parameter 'training_step', did you mean 'training_steps'?",
            ],
        ),
        (
            {"datasets": [{"name": "gaussians", "cells": 100}], "methods": ["gan"]},
            ["datasets[0].cells: only data sets of the task integrate can be sampled; that of 'gaussians' is align"],
        ),
    ],
)
def test_methods_without_data_sets_and_data_sets_without_methods_are_named(raw, lines):
    assert problems_of(raw) == lines


def test_trainings_over_all_seeds_do_not_exceed_the_maximum_of_the_data_set():
    names = ["gaussians", "rna_protein", "cytof_panels"]
    run = parse_config({"datasets": names, "methods": ["gan"], "repeats": 10, "seeds": list(range(10))})
    assert [run.task_of(name).repeats(run, name) for name in names] == [10, 10, 3]
    assert [len(run.seeds_of(name, "gan")) for name in names] == [10, 1, 1]
    run = parse_config({"datasets": names, "methods": ["gan"], "seeds": list(range(12))})
    assert [len(run.seeds_of(name, "gan")) for name in names] == [12, 10, 3]


def test_words_for_metrics():
    known = registry.find("metrics")
    aligned = {name for name, facts in known.items() if facts["group"] == "align"}
    chosen = {word: set(parse_config({"metrics": word}).metrics) for word in ("scib", "full", "fast", "portal", "all")}
    definitions = {word: {known[name]["definition"] for name in names - aligned} for word, names in chosen.items()}
    assert definitions["scib"] == {"scib", "extra"}
    assert definitions["portal"] == {"portal"}
    assert chosen["all"] == set(known)
    assert chosen["full"] == chosen["scib"] == set(parse_config({"metrics": []}).metrics)
    assert aligned < chosen["fast"] < chosen["scib"]
    assert all(aligned <= names for names in chosen.values())
    assert parse_config({"metrics": "all"}).definitions == ["scib", "portal"]
    assert parse_config({"metrics": ["nmi"]}).definitions == ["scib"]


def test_an_entry_may_have_its_own_preparation():
    entries = ["toy_atlas", {"name": "toy_atlas", "variant": "all_genes", "preparation": {"all_genes": True}}]
    entries.append({"name": "toy_atlas", "variant": "few", "preparation": {"n_highly_variable": 500}, "cells": [300]})
    run = parse_config({"datasets": entries, "preparation": {"n_pcs": 20}})
    common = {"n_top_genes": 4000, "n_pcs": 20, "n_highly_variable": 2000, "n_pcs_unintegrated": 50}
    assert {name: run.preparation(name) for name in run.datasets} == {
        "toy_atlas": common,
        "toy_atlas.all_genes": common | {"n_top_genes": None, "n_highly_variable": None},
        "toy_atlas.few.n300": common | {"n_highly_variable": 500},
    }
    assert parse_config(run.settings).preparation("toy_atlas.few.n300") == common | {"n_highly_variable": 500}


def test_a_data_set_whose_batches_are_not_known_beforehand_may_have_an_order(monkeypatch):
    known = registry.find("datasets")
    toy = {key: value for key, value in known["toy_atlas"].items() if key != "batches"}
    find = registry.find
    changed = {"datasets": known | {"toy_atlas": toy}}
    monkeypatch.setattr(registry, "find", lambda kind: changed.get(kind) or find(kind))
    entry = {"name": "toy_atlas", "reference": "donor 7", "preparation": {"n_pcs": 5}}
    run = parse_config({"datasets": [entry]})
    assert (run.datasets["toy_atlas"].reference, run.preparation("toy_atlas")["n_pcs"]) == ("donor 7", 5)


def test_all_genes_of_the_run_can_be_switched_off_for_an_entry():
    entry = {"name": "toy_atlas", "variant": "few", "preparation": {"all_genes": False}}
    run = parse_config({"datasets": ["toy_atlas", entry], "preparation": {"all_genes": True}})
    assert run.preparation("toy_atlas")["n_highly_variable"] is None
    assert run.preparation("toy_atlas.few")["n_highly_variable"] == 2000


def test_an_entry_of_own_data_may_have_its_own_preparation(own):
    run = parse_config({"datasets": [own | {"preparation": {"n_pcs": 7}}]})
    assert run.preparation("mine")["n_pcs"] == 7
    assert problems_of({"datasets": [own | {"preparation": {"pcs": 7}}]}) == [
        "datasets[0].preparation: unknown key 'pcs', did you mean 'n_pcs'?"
    ]


def given(own, **changes):
    """The user's own data with embeddings that were made elsewhere."""
    return {"datasets": [own | changes], "methods": ["unintegrated"], "metrics": ["nmi"]}


def test_given_embeddings_are_rows_of_their_data_set_alone(own, tmp_path):
    (tmp_path / "seurat.csv").touch()
    entry = own | {"embeddings": {"my_scvi": "X_scVI", "Seurat": "seurat.csv"}, "cells": [100, 200]}
    run = parse_config({"datasets": [entry, "toy_atlas"], "methods": ["unintegrated"], "seeds": [3, 4]})
    assert run.named == ["unintegrated", "my_scvi", "Seurat"]
    rows = [(dataset, method, seed) for dataset, method, seed in run.runs() if run.methods[method].is_given]
    assert rows == [(f"mine.n{n}", method, 3) for n in (100, 200) for method in ("my_scvi", "Seurat")]
    assert run.params("mine.n100", "Seurat") == {
        **{"table": "seurat.csv", "key": None, "path": [], "layer": None, "mod": None, "sample": True}
    }
    assert run.params("mine.n100", "my_scvi") == {
        **{"table": None, "key": "X_scVI", "path": ["mine.h5ad"], "layer": None, "mod": None, "sample": True}
    }
    mine = run.datasets["mine.n100"]
    assert [mine.given_files(name) for name in mine.embeddings] == [["mine.h5ad"], ["seurat.csv"]]
    assert run.given_source("mine.n100", "Seurat") == "seurat.csv"
    assert run.given_source("mine.n100", "unintegrated") is None


def test_data_sets_share_the_name_of_an_embedding_and_each_has_its_own(own, tmp_path):
    for name in ("a.csv", "b.tsv.gz"):
        (tmp_path / name).touch()
    toy = {"name": "toy_atlas", "embeddings": {"seurat": "b.tsv.gz"}}
    run = parse_config({"datasets": [own | {"embeddings": {"seurat": "a.csv"}}, toy], "methods": ["unintegrated"]})
    assert run.methods["seurat"].datasets == ("mine", "toy_atlas")
    assert [run.params(name, "seurat")["table"] for name in ("mine", "toy_atlas")] == ["a.csv", "b.tsv.gz"]


@pytest.mark.parametrize(
    ("embeddings", "line"),
    [
        ({"portal": "X"}, "datasets[0].embeddings: 'portal' is the name of a method; choose another"),
        ({"Harmony": "X"}, "datasets[0].embeddings: 'Harmony' is the name of a method; choose another"),
        ({"1x": "X"}, "datasets[0].embeddings: '1x' does not match ^[A-Za-z][A-Za-z0-9_-]*$"),
        ({"a.b": "X"}, "datasets[0].embeddings: 'a.b' does not match ^[A-Za-z][A-Za-z0-9_-]*$"),
        ({"a": 3}, "datasets[0].embeddings.a: 3 is not text; write it in quotes"),
        (["X"], 'datasets[0].embeddings: ["X"] is not a map'),
        ({"a": "X", "A": "X"}, "datasets: embeddings 'A' and 'a' differ in case only"),
        (
            {"a": "mine.h5ad"},
            "datasets[0].embeddings.a: 'mine.h5ad' is a file, but not a table (csv, tsv, csv.gz or tsv.gz)",
        ),
    ],
)
def test_names_and_sources_of_embeddings_are_checked(own, embeddings, line):
    assert problems_of(given(own, embeddings=embeddings)) == [line]


def test_a_table_must_exist_and_only_own_data_have_obsm(own, tmp_path):
    assert problems_of(given(own, embeddings={"a": "no.csv"})) == [
        f"datasets[0].embeddings.a: no file 'no.csv' (looked in {tmp_path})"
    ]
    toy = {"datasets": [{"name": "toy_atlas", "embeddings": {"a": "X_scVI"}}]}
    assert problems_of(toy) == ["datasets[0].embeddings.a: 'X_scVI' is not a table (csv, tsv); 'toy_atlas' has no obsm"]
    aligned = {"datasets": [{"name": "gaussians", "embeddings": {"a": "X"}}], "methods": ["magan"]}
    assert problems_of(aligned) == ["datasets[0].embeddings: are for the task integrate; that of 'gaussians' is align"]


def test_what_reads_embeddings_is_not_a_method_to_name(own):
    (reader,) = (name for name, facts in registry.find("methods").items() if facts["given"])
    (line,) = problems_of({"methods": [reader]})
    assert line.startswith(f"methods[0]: unknown method '{reader}'")
    assert f"{reader}," not in line


def test_a_key_that_is_given_twice_in_a_file_is_refused(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("datasets: [toy_atlas]\nseeds: [0]\ndatasets: [gaussians]\n")
    with pytest.raises(ConfigError) as caught:
        parse_config(yaml.safe_load(file.read_text()), "mine.yaml", [file])
    assert str(caught.value) == (
        f"mine.yaml has 1 problem\n  {file}, line 3: 'datasets' is given twice, first in line 1"
    )


@pytest.mark.parametrize("organism", ["Human", "homo_sapiens", " Homo  sapiens", "MOUSE", "rat", "horse", "zebrafish"])
def test_an_organism_is_understood_in_any_case_and_may_be_any(own, organism):
    assert parse_config({"datasets": [own | {"organism": organism}]}).datasets["mine"].organism == organism


@pytest.mark.parametrize(
    ("organism", "known"), [("hmuan", "human"), ("Humans", "human"), ("mus musculis", "mus musculus")]
)
def test_a_misspelt_organism_is_refused(own, organism, known):
    found = problems_of({"datasets": [own | {"organism": organism}]})
    assert found == [f"datasets[0].organism: {organism!r} is not known, did you mean '{known}'?"]


def test_a_modality_belongs_to_a_file(own):
    assert parse_config({"datasets": [own | {"mod": "rna"}]}).datasets["mine"].mod == "rna"
    assert problems_of({"datasets": [{"name": "toy_atlas", "mod": "rna"}]}) == [
        "datasets[0]: 'mod' needs 'path' as well"
    ]


def test_a_folder_of_a_format_that_is_read_is_data(own, tmp_path):
    folder = tmp_path / "filtered"
    folder.mkdir()
    assert "no file 'filtered'" in problems_of({"datasets": [own | {"path": "filtered"}]})[0]
    (folder / "GSM1_matrix.mtx.gz").touch()
    assert parse_config({"datasets": [own | {"path": "filtered"}]}).datasets["mine"].path == "filtered"
