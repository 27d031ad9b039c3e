"""Every file of training/objectives: the interface that the trainer needs."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import torch

from portal_lib.training import objectives
from portal_lib.training.inference import translate
from portal_lib.training.trainer import fit

# What an objective cannot do without, where it has such a field.
NEEDED = {"shared": ((0, 1), (2, 2))}
SMALL = {"hidden": 12, "n_latent": 3, "hidden_g": (12, 6), "hidden_d": (12, 6)}
NAMES = objectives.names()


def made(name, **given):
    make = objectives.find(name)
    known = {field.name for field in fields(make)}
    return make(**{key: value for key, value in (NEEDED | SMALL | given).items() if key in known})


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def domains():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 6)), rng.normal(size=(50, 6))


def train(name, domains, **settings):
    return fit(made(name), *domains, **({"steps": 5, "batch_size": 10, "device": "cpu", "seed": 1} | settings))


def content(trained):
    return b"".join(value.numpy().tobytes() for value in trained.networks.state_dict().values())


def started(name, domains):
    objective = made(name)
    networks = objective.build(6, 6, torch.Generator().manual_seed(0))
    objective.attach(networks, *domains)
    return objective, networks, [torch.from_numpy(x[:10]) for x in domains]


@pytest.mark.parametrize("name", NAMES)
def test_an_objective_states_its_facts(name):
    make = objectives.find(name)
    objective = make()
    assert is_dataclass(make)
    assert make.name == name
    assert sorted(objective.players) == ["D", "G"]
    assert isinstance(objective.fresh_pass, bool)
    assert objective.remedy.endswith(".")
    assert objective.steady_from >= 0
    assert objective.learning_rate > 0
    with pytest.raises(AttributeError):
        objective.learning_rate = 1.0


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(domains, name):
    one, again, other = (train(name, domains, seed=seed) for seed in (1, 1, 2))
    assert content(one) == content(again)
    assert content(one) != content(other)


@pytest.mark.parametrize("name", NAMES)
def test_a_training_resumes_from_its_checkpoint(domains, tmp_path, name):
    train(name, domains, steps=2, checkpoint=tmp_path / "state.pt")
    assert content(train(name, domains, checkpoint=tmp_path / "state.pt")) == content(train(name, domains))


@pytest.mark.parametrize("name", NAMES)
def test_players_share_no_parameter_and_leave_none_out(domains, name):
    objective, networks, _ = started(name, domains)
    of = {player: {id(p) for p in objective.parameters(networks, player)} for player in objective.players}
    assert not of["D"] & of["G"]
    assert of["D"] | of["G"] == {id(p) for p in networks.parameters()}


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_named_scalars_that_no_longer_depend_on_the_step(domains, name):
    objective, networks, batch = started(name, domains)
    start = objective.steady_from
    for player in objective.players:
        seen = [
            objective.losses(player, networks, objective.forward(networks, *batch), step)
            for step in (0, start, start + 1, start + 10**6)
        ]
        assert len({tuple(terms) for terms in seen}) == 1
        assert all(loss.shape == () for terms in seen for loss in terms.values())
        values = [[loss.item() for loss in terms.values()] for terms in seen[1:]]
        assert values[0] == values[1] == values[2]
        assert objective.total(player, seen[0]).shape == ()


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_all_parameters_of_a_player(domains, name):
    """The gradient of a player's loss reaches all of its parameters."""
    objective, networks, batch = started(name, domains)
    for player in objective.players:
        outputs = objective.forward(networks, *batch)
        total = objective.total(player, objective.losses(player, networks, outputs, 10**6))
        gradients = torch.autograd.grad(total, objective.parameters(networks, player))
        assert all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("name", NAMES)
def test_networks_translate_both_ways(domains, name):
    networks = train(name, domains).networks
    for x, source in zip(domains, "ab", strict=True):
        result = translate(networks, x, source=source)
        assert result.shape == x.shape
        assert np.isfinite(result).all()
