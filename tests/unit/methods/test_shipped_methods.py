"""Methods of the task "align" that are part of the library give what its public API gives, byte for byte."""

import numpy as np
import pytest

import portal_lib
from portal_lib.benchmark import registry
from portal_lib.preparation.domains import TaskInput

DUAL_GANS = ["magan", "gan", "cyclegan", "discogan"]
TRAINING = {"training_steps": 4, "batch_size": 8}
SMALL = {"hidden_g": [6, 4], "hidden_d": [8, 4]}
SETTINGS = {"seed": 3, "device": "cpu", "log_every": 50, "progress": False, **TRAINING}
SHARED, PAIRS = ((0, 1), (3, 4)), ((0, 3), (7, 1))


def panels():
    """Two panels of different scale, one with a constant feature."""
    rng = np.random.default_rng(0)
    x1, x2 = rng.normal(size=(50, 6)) * 3 + 5, rng.normal(size=(40, 5)) - 1
    x1[:, 5] = 0.1
    return x1, x2


def images():
    rng = np.random.default_rng(1)
    return rng.uniform(size=(30, 64)), rng.uniform(size=(25, 64))


CASES = {
    "shared features, standardised": (panels, {"shared": SHARED}, {"scale": True}, {}),
    "pairs, as measured": (panels, {"pairs": PAIRS}, {"scale": False}, {}),
    "shared features and pairs": (panels, {"shared": SHARED, "pairs": PAIRS}, {"scale": True}, {}),
    "images": (images, {"pairs": PAIRS}, {"scale": "pixels"}, {}),
    "convolutions": (images, {"pairs": PAIRS}, {"scale": "pixels"}, {"network": "conv"}),
    "augmented": (panels, {"shared": SHARED}, {"scale": True}, {"augment_reconstructions": True, "lambda_rec": 2.0}),
}


def as_task(data, known, scale):
    """Arrays as a method of the benchmark gets them."""
    x1, x2 = (np.ascontiguousarray(x, dtype=np.float32) for x in data)
    names = (tuple(f"{side}{i}" for i in range(x.shape[1])) for side, x in (("a", x1), ("b", x2)))
    image = (8, 8) if scale == "pixels" else None
    return TaskInput(x1, x2, *names, **known, standardise=scale is True, image=image)


def of_benchmark(method, view, **params):
    """The result of a method, its parameters at their defaults unless given."""
    defaults = {name: words["default"] for name, words in registry.find("methods")[method]["params"].items()}
    return registry.load("methods", method).align(view, defaults | params, SETTINGS["seed"], "cpu")


def assert_same_bytes(result, found, names):
    for name in names:
        one, other = getattr(result, name), getattr(found, name)
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes()), name
    assert result.tables["history"].equals(found.history)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method", DUAL_GANS)
def test_a_dual_gan_of_the_benchmark_equals_the_public_api(method, case):
    data, known, scale, params = CASES[case]
    view = as_task(data(), known, scale["scale"])
    weights = {name: value for name, value in params.items() if name != "network"}
    if "network" in params:
        weights["image"] = (8, 8)
    x1, x2 = (x.astype(np.float32) for x in data())
    found = portal_lib.align(x1, x2, method=method, round_trip=True, **known, **scale, **SETTINGS, **SMALL, **weights)
    result = of_benchmark(method, view, **TRAINING, **SMALL, **params)
    assert_same_bytes(result, found, ("x12", "x21") if view.image else ("x12", "x21", "x121", "x212"))
    precision = found.model.record["precision"]
    assert result.notes == {"training_steps": 4, "precision": precision, "data": list(found.notes)}
    constant = "x1: 1 column is constant (5), and could be removed."
    assert (constant in found.notes) == (data is panels and scale["scale"] is True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_features_are_kept_and_treated_alike_by_the_benchmark_and_the_public_api(dtype):
    """0.1 has a standard deviation above 0 in float64, by rounding; scaled by it, the feature would be -1 or 1."""
    x1, x2 = panels()
    x1[:, 1], x2[:, 2] = 0.3, 0.3
    known = {"shared": ((0, 1), (1, 2))}
    view = as_task((x1, x2), known, True)
    # Values that float32 holds exactly, so that the dtype changes nothing but the constant columns' rounding.
    x1, x2 = (np.where(np.ptp(x, axis=0) == 0, x, x.astype(np.float32)).astype(dtype) for x in (x1, x2))
    found = portal_lib.align(x1, x2, method="magan", round_trip=True, **known, **SETTINGS, **SMALL)
    result = of_benchmark("magan", view, **TRAINING, **SMALL)
    for name in ("x12", "x21"):
        one, other = getattr(result, name), getattr(found, name)
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert result.notes["data"] == list(found.notes)
    assert "x1: 2 columns are constant (1, 5), and could be removed." in found.notes
    if dtype is np.float32:
        assert_same_bytes(result, found, ("x12", "x21", "x121", "x212"))


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("order", [range(6), [5, 2, 0, 3, 1, 4]])
def test_portal_of_the_benchmark_equals_the_public_api(order, scale):
    x1, x2 = panels()
    x2 = np.c_[x2, x2[:, 0] * 2]
    known = {"shared": tuple(enumerate(order))}
    view = as_task((x1, x2), known, scale)
    settings = SETTINGS | {"log_every": 10}
    x1, x2 = (x.astype(np.float32) for x in (x1, x2))
    found = portal_lib.align(x1, x2, method="portal", round_trip=True, **known, scale=scale, **settings)
    result = of_benchmark("portal", view, **TRAINING)
    assert result.notes["data"] == list(found.notes)
    assert_same_bytes(result, found, ("x12", "x21", "x121", "x212", "z1", "z2"))
