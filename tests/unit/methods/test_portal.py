import numpy as np
import pytest
from task_inputs import task_input_of

from portal_lib.errors import NotApplicable
from portal_lib.methods.integrate.portal import METHOD, align, run
from portal_lib.training import tuning

FEW = {key: fact["default"] for key, fact in METHOD["params"].items()} | {"training_steps": 3, "batch_size": 20}


def test_search_tries_the_grid_and_gives_what_its_best_value_gives(hidden, monkeypatch):
    # A trial takes a training; three of them show the same as eight.
    monkeypatch.setitem(tuning.search_lambda_cos.__kwdefaults__, "grid", (5.0, 20.0, 45.0))
    found = run(hidden, FEW | {"lambda_cos": "search"}, 0, "cpu")
    trials = found.tables["trials"]
    assert trials["lambda_cos"].tolist() == [5.0, 20.0, 45.0]
    best = trials["lambda_cos"][trials["mixing_metric"].argmin()]
    assert found.notes["lambda_cos"] == [best]
    plain = run(hidden, FEW | {"lambda_cos": best}, 0, "cpu")
    np.testing.assert_array_equal(found.embedding, plain.embedding)
    assert plain.notes["lambda_cos"] == [best]
    assert "trials" not in plain.tables


@pytest.mark.parametrize("lambda_cos", ["search", [5.0, 20.0]])
def test_task_align_takes_one_number(lambda_cos):
    x = np.eye(4, 2)
    with pytest.raises(NotApplicable, match="one number"):
        align(task_input_of(x, x, shared=((0, 0), (1, 1))), FEW | {"lambda_cos": lambda_cos}, 0, "cpu")
