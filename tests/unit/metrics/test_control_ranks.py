"""Ranks of controls: the label embedding above every integration, and these above shuffled cells."""

import pandas as pd
import pytest
from test_metric_properties import FACTS

from portal_lib.benchmark import registry
from portal_lib.benchmark.tables.overall import overall_scores
from portal_lib.metrics._score import score_all
from portal_lib.metrics._space import Space, Truth

pytestmark = pytest.mark.slow  # the controls on the toy atlas, prepared and scored

INTEGRATIONS = ["combat", "harmony"]
LOW = ["shuffle", "shuffle_by_batch"]
METHODS = [*INTEGRATIONS, *LOW, "unintegrated", "label_embedding_jittered"]


@pytest.fixture(scope="module")
def overall():
    """Raw overall score of each method on the toy atlas, by definition."""
    from portal_lib.datasets.integrate import toy_atlas
    from portal_lib.preparation import prepare

    facts = {key: toy_atlas.DATASET[key] for key in ("batch_key", "label_key", "batches")}
    cells = prepare(toy_atlas.load(None, n_cells=600, n_genes=2000, seed=0, depth=1.0), **facts)
    rows = [
        {"dataset": "toy_atlas", "method": name, "seed": 0} | row
        for name in METHODS
        for row in score_all(
            Space(integrated(name, cells), before=cells.obsm["X_unintegrated"]),
            Truth(cells.obs["batch"], cells.obs["label"]),
            [name for name, facts in FACTS.items() if facts["group"] != "auxiliary"],
        )
    ]
    made = overall_scores(pd.DataFrame(rows), scalings=["raw"], treatments=["ignore"])
    return {group: table.set_index("method")["value"] for group, table in made.groupby("group")}


def integrated(name, cells):
    """The embedding of a method with its defaults."""
    defaults = {key: spec["default"] for key, spec in registry.facts("methods", name)["params"].items()}
    return registry.load("methods", name).run(cells, defaults, 0, "cpu").embedding


@pytest.mark.parametrize("group", ["overall", "portal_overall"])
def test_label_embedding_ranks_above_integrations_and_these_above_shuffles(overall, group):
    found = overall[group]
    assert found["label_embedding_jittered"] > found[INTEGRATIONS].max() + 0.05
    assert found[INTEGRATIONS].min() > found["unintegrated"]
    assert found[[*INTEGRATIONS, "unintegrated"]].min() > found[LOW].max() + 0.05
