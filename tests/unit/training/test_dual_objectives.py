"""MAGAN and the dual GANs that it is compared with: losses, order of the players, and trained weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from naive_dual import NaiveDual

from portal_lib.errors import ConfigError, DivergedError, ShapeError
from portal_lib.training import objectives
from portal_lib.training.inference import discriminator_logits, translate
from portal_lib.training.objectives.cyclegan import CycleGan
from portal_lib.training.objectives.discogan import DiscoGan
from portal_lib.training.objectives.gan import Gan
from portal_lib.training.objectives.magan import Magan
from portal_lib.training.trainer import fit

SIZES = {"hidden_g": (12, 7), "hidden_d": (16, 9)}
SHARED = ((0, 1), (3, 4))
PAIRS = ((5, 2), (11, 0), (59, 89))


def squares(in_a, in_b):
    """A relation: the square of feature 2 of A is feature 0 of B."""
    return (in_a[:, 2].square() - in_b[:, 0]).square().mean()


OBJECTIVES = {
    "shared": Magan(shared=SHARED, augment_reconstructions=False, **SIZES),
    "pairs": Magan(pairs=PAIRS, lambda_corr=0.3, augment_start=3, **SIZES),
    "mean of pairs": Magan(pairs=PAIRS, pair_reduction="mean", augment_start=0, leak=0.0, **SIZES),
    "relation": Magan(relation=squares, lambda_corr=5.0, lambda_rec=2.0, augment_start=3, **SIZES),
    "all": Magan(shared=SHARED, pairs=PAIRS, relation=squares, augment_start=3, **SIZES),
    "gan": Gan(**SIZES),
    "gan, augmented": Gan(augment_reconstructions=True, augment_start=2, **SIZES),
    "discogan": DiscoGan(lambda_rec=3.0, **SIZES),
    "discogan, augmented": DiscoGan(augment_reconstructions=True, augment_start=2, **SIZES),
    "cyclegan": CycleGan(**SIZES),
    "cyclegan, augmented": CycleGan(augment_reconstructions=True, augment_start=2, **SIZES),
}


@pytest.fixture
def domains(domains):
    """Of different width: (60, 8) and (90, 5)."""
    return domains[0], domains[1][:, :5].copy()


def train(domains, objective, **settings):
    defaults = {"steps": 12, "batch_size": 20, "device": "cpu", "precision": "float64"}
    return fit(objective, *domains, **(defaults | settings))


def start(objective, domains, seed=5):
    networks = objective.build(*(x.shape[1] for x in domains), torch.Generator().manual_seed(seed))
    objective.attach(networks, *domains)
    return networks


def batches(domains, steps, size=20, seed=7):
    rng = np.random.default_rng(seed)
    return [tuple(torch.from_numpy(rng.integers(len(x), size=size)) for x in domains) for _ in range(steps)]


def table(trained):
    history = trained.history.assign(name=trained.history["player"] + "/" + trained.history["term"])
    return history.pivot(index="step", columns="name", values="value")


def content(trained):
    return b"".join(p.numpy().tobytes() for p in trained.networks.state_dict().values())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_training_equals_a_literal_transcription(domains, name):
    """Torch's own layers, losses and Adam, one network at a time: same losses, same weights, before and after."""
    objective, rows = OBJECTIVES[name], batches(domains, 8)
    initial = start(objective, domains)
    tensors = [torch.from_numpy(x) for x in domains]
    naive = NaiveDual(initial, objective, *tensors)
    expected = [naive.step(tensors[0][a], tensors[1][b], step) for step, (a, b) in enumerate(rows)]
    trained = train(domains, objective, steps=8, log_every=1, initial=initial.state_dict(), batches=rows)
    found = table(trained)
    assert set(found) == set(expected[0])
    for term in expected[0]:
        np.testing.assert_allclose(found[term], [e[term] for e in expected], rtol=1e-9, err_msg=term)
    for key, value in naive.weights().items():
        np.testing.assert_allclose(trained.networks.state_dict()[key], value, rtol=0, atol=1e-9, err_msg=key)


def forward(mlp, x, leak):
    for k, (weight, bias) in enumerate(zip(mlp.weights, mlp.biases, strict=True)):
        x = x @ weight[0].detach().numpy() + bias[0].detach().numpy()
        x = x if k == len(mlp.weights) - 1 else np.where(x > 0, x, leak * x)
    return x


def test_terms_of_magan_equal_those_of_plain_numpy(domains):
    objective = Magan(shared=SHARED, pairs=PAIRS, relation=squares, augment_start=0, **SIZES)
    networks = start(objective, domains)
    a, b = domains[0][:20], domains[1][30:50]
    ab, ba = forward(networks.generator_ab, a, 0.2), forward(networks.generator_ba, b, 0.2)
    aba, bab = forward(networks.generator_ba, ab, 0.2), forward(networks.generator_ab, ba, 0.2)

    def probability(mlp, x):
        return 1 / (1 + np.exp(-forward(mlp, x, 0.2)))

    def pairs_to(mlp, source):
        known, partner = (np.array([x[pair[i]] for pair in PAIRS]) for i, x in enumerate(domains))
        known, partner = (known, partner) if source == 0 else (partner, known)
        return np.sum(np.mean((forward(mlp, known, 0.2) - partner) ** 2, axis=1))

    shared_ab = np.mean([(ab[:, j] - a[:, i]) ** 2 for i, j in SHARED])
    shared_ba = np.mean([(ba[:, i] - b[:, j]) ** 2 for i, j in SHARED])
    d_a, d_b = networks.discriminator_a, networks.discriminator_b
    expected = {
        "gan_ab": -np.mean(np.log(probability(d_b, ab))),
        "gan_ba": -np.mean(np.log(probability(d_a, ba))),
        "reconstruction_a": np.mean((aba - a) ** 2),
        "reconstruction_b": np.mean((bab - b) ** 2),
        "correspondence_ab": shared_ab + pairs_to(networks.generator_ab, 0) + np.mean((a[:, 2] ** 2 - ab[:, 0]) ** 2),
        "correspondence_ba": shared_ba + pairs_to(networks.generator_ba, 1) + np.mean((ba[:, 2] ** 2 - b[:, 0]) ** 2),
        "real_a": -np.mean(np.log(probability(d_a, a))),
        "fake_a": -np.mean(np.log(1 - probability(d_a, ba))),
        "reconstructed_a": -np.mean(np.log(probability(d_a, aba))),
        "real_b": -np.mean(np.log(probability(d_b, b))),
        "fake_b": -np.mean(np.log(1 - probability(d_b, ab))),
        "reconstructed_b": -np.mean(np.log(probability(d_b, bab))),
    }
    seen = objective.forward(networks, torch.from_numpy(a), torch.from_numpy(b))
    g, d = (objective.losses(player, networks, seen, 0) for player in "GD")
    assert [*g, *d] == list(expected)
    for name, value in (g | d).items():
        assert value.item() == pytest.approx(expected[name], rel=1e-12), name
    heavy = replace(objective, lambda_corr=10.0, lambda_rec=2.0)
    by_hand = {"reconstruction": 2.0, "correspondence": 10.0}
    total = sum(by_hand.get(name.split("_")[0], 1.0) * expected[name] for name in g) / 6
    assert heavy.total("G", g).item() == pytest.approx(total, rel=1e-12)
    assert heavy.total("D", d).item() == pytest.approx(sum(expected[name] for name in d) / 6, rel=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("player", ["G", "D"])
def test_a_player_updates_its_own_networks_only(domains, name, player):
    objective = OBJECTIVES[name]
    networks = start(objective, domains)
    seen = objective.forward(networks, *(torch.from_numpy(x)[:20] for x in domains))
    total = objective.total(player, objective.losses(player, networks, seen, 5))
    own, others = (objective.parameters(networks, p) for p in (player, "DG"["GD".index(player)]))
    assert len(own) + len(others) == len(list(networks.parameters()))
    assert all(gradient.abs().sum() > 0 for gradient in torch.autograd.grad(total, own, retain_graph=True))
    assert all(g is None for g in torch.autograd.grad(total, others, allow_unused=True))


def test_reconstructions_are_shown_from_augment_start_on_and_only_with_augmentation(domains):
    on, off = (Magan(shared=SHARED, augment_reconstructions=a, augment_start=5, **SIZES) for a in (True, False))
    late, never = (table(train(domains, objective, log_every=1)) for objective in (on, off))
    assert (late.loc[:4, "D/reconstructed_a"] == 0).all()
    assert (late.loc[5:, ["D/reconstructed_a", "D/reconstructed_b"]] > 0).all(axis=None)
    assert "D/reconstructed_a" not in never
    np.testing.assert_allclose(late.loc[:4, "G/gan_ab"], never.loc[:4, "G/gan_ab"], rtol=1e-4)
    assert on.steady_from == 5
    assert off.steady_from == 0


@pytest.mark.parametrize("augment", [False, True])
def test_magan_without_correspondence_is_the_plain_dual_gan(domains, augment):
    given = {"augment_reconstructions": augment, "augment_start": 2} | SIZES
    plain = train(domains, Gan(**given))
    for correspondence in ({}, {"shared": SHARED}):
        assert content(train(domains, Magan(lambda_corr=0, **correspondence, **given))) == content(plain)
    given["augment_reconstructions"] = not augment
    assert content(train(domains, Magan(lambda_corr=0, **given))) != content(plain)


def test_augmentation_starts_at_half_of_the_training_unless_a_step_is_given():
    assert Magan().for_steps(300).augment_start == 150
    assert Magan(augment_start=0).for_steps(300).augment_start == 0


def test_published_defaults():
    magan = Magan()
    assert (magan.hidden_g, magan.hidden_d, magan.leak) == ((200, 100, 50), (800, 400, 200, 100, 50), 0.2)
    assert (magan.learning_rate, magan.betas, magan.players, magan.fresh_pass) == (1e-3, (0.5, 0.99), ("G", "D"), True)
    assert (magan.lambda_corr, magan.lambda_rec, magan.pair_reduction) == (1, 1, "sum")
    assert (magan.augment_reconstructions, magan.augment_start, magan.steady_from) == (True, None, 1000)
    assert not Gan().augment_reconstructions
    assert (CycleGan().lambda_rec, CycleGan().fresh_pass, DiscoGan().fresh_pass) == (10, False, False)


def test_weights_are_glorot_uniform_and_biases_zero():
    networks = Magan().build(30, 40, torch.Generator().manual_seed(1))
    for name, parameter in networks.named_parameters():
        values = parameter.detach().numpy()
        if "biases" in name:
            assert (values == 0).all()
        elif values.size >= 500:
            bound = np.sqrt(6 / (values.shape[1] + values.shape[2]))
            assert 0.97 * bound < np.abs(values).max() <= bound, name
            assert values.std() == pytest.approx(bound / np.sqrt(3), rel=0.1), name


@pytest.mark.parametrize("name", ["all", "gan", "cyclegan", "discogan"])
def test_domains_may_differ_in_width(domains, name):
    trained = train(domains, OBJECTIVES[name])
    assert translate(trained.networks, domains[0], source="a").shape == (60, 5)
    assert translate(trained.networks, domains[1], source="b").shape == (90, 8)
    assert discriminator_logits(trained.networks, domains[1], domain="b").shape == (90,)
    with pytest.raises(ShapeError, match="domain 'b' has 5 features"):
        translate(trained.networks, domains[0], source="b")


@pytest.mark.parametrize("name", ["all", "gan, augmented", "cyclegan", "discogan"])
@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_a_resumed_training_gives_the_same_bytes(domains, tmp_path, name, precision):
    objective, settings = OBJECTIVES[name], {"precision": precision, "seed": 2}
    file = tmp_path / "state.pt"
    train(domains, objective, steps=2, checkpoint=file, **settings)
    resumed = train(domains, objective, steps=9, checkpoint=file, **settings)
    whole = train(domains, objective, steps=9, **settings)
    assert content(resumed) == content(whole)
    assert resumed.history["value"].iloc[-1] == whole.history["value"].iloc[-1]


def roots(in_a, in_b):
    return (in_a[:, 2] - in_b[:, 0].square()).square().mean()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shared": ((0, 1), (3, 3))}, r"shared \[\[0, 1\], \[3, 4\]\] there, \[\[0, 1\], \[3, 3\]\] here"),
        ({"pairs": PAIRS[:2]}, "pairs "),
        ({"relation": roots}, "relation squares .* there, roots .* here"),
        ({"lambda_corr": 2.0}, "lambda_corr 1.0 there, 2.0 here"),
    ],
)
def test_a_checkpoint_of_other_correspondences_is_refused(domains, tmp_path, change, message):
    train(domains, OBJECTIVES["all"], steps=2, checkpoint=tmp_path / "state.pt")
    with pytest.raises(ConfigError, match=f"is the checkpoint of another training: {message}"):
        train(domains, replace(OBJECTIVES["all"], **change), steps=2, checkpoint=tmp_path / "state.pt")


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(domains):
    one, again, other = (train(domains, OBJECTIVES["all"], seed=seed, precision="bfloat16") for seed in (1, 1, 2))
    assert content(one) == content(again)
    assert content(one) != content(other)


def test_correspondences_may_be_lists_and_arrays(domains):
    given = Magan(shared=[[0, 1], (3, 4)], pairs=np.array(PAIRS), **SIZES)
    assert given == Magan(shared=SHARED, pairs=PAIRS, **SIZES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Magan(lambda_corr=-1, pair_reduction="max"),
            "magan has 2 problems\n  lambda_corr is -1; .*pair_reduction",
        ),
        (lambda: Magan(shared=[(0, -1)], pairs=[(1,)]), r"shared contains \(0, -1\); .*\n  pairs contains \(1,\);"),
        (lambda: Magan(relation=3), "relation is 3; it must be a function or None"),
        (lambda: Gan(lambda_rec=float("nan"), leak="x"), "gan has 2 problems\n  lambda_rec is nan; .*\n  leak is 'x';"),
        (lambda: Gan(learning_rate=0, augment_start=-1), "augment_start is -1; .*\n  learning_rate is 0;"),
        (lambda: Gan(hidden_g=(0,), betas=(0.5, 1)), r"hidden_g is \(0,\); .*\n  betas is \(0.5, 1\);"),
        (lambda: Gan(betas=(0.5,)), r"betas is \(0.5,\); it must have two numbers"),
        (lambda: CycleGan(gan_form="wasserstein"), "gan_form is 'wasserstein'; allowed: 'least_squares', 'cross"),
    ],
)
def test_every_parameter_out_of_range_is_named(make, message):
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        make()


def test_every_correspondence_that_does_not_exist_is_named(domains):
    with pytest.raises(ConfigError, match="magan: has no correspondence: give shared features, known pairs or a rel"):
        train(domains, Magan(**SIZES))
    message = "shared: domain B has 5 columns, no column 5; pairs: domain A has 60 rows, no row 60; pairs: domain B has"
    with pytest.raises(ConfigError, match=message):
        train(domains, Magan(shared=[(7, 5)], pairs=[(60, 90)], **SIZES))


def test_a_relation_must_return_a_scalar(domains):
    with pytest.raises(
        ShapeError, match=r"relation must return a scalar tensor.*; it returned a tensor of shape \(20,\)"
    ):
        train(domains, Magan(relation=lambda in_a, in_b: in_a[:, 0] - in_b[:, 0], **SIZES))


@pytest.mark.parametrize(
    ("relation", "reason"),
    [
        (lambda in_a, in_b: (in_a[:, 4] - in_b[:, 9]).mean(), "IndexError: index 9 is out of bounds for .* size 5"),
        (lambda in_a, in_b: {}["CD3"], "KeyError: 'CD3'"),
        (lambda in_a: in_a.mean(), "TypeError: .*takes 1 positional argument but 2 were given"),
        (lambda in_a, in_b: [][0] if in_a.isnan().any() else next(iter(())), "StopIteration"),
    ],
)
def test_an_exception_of_a_relation_is_the_cause_of_one_message(domains, relation, reason):
    message = rf"^magan: relation failed on tensors of shapes \(20, 8\) and \(20, 5\) \({reason}\)\.$"
    with pytest.raises(ConfigError, match=message) as caught:
        train(domains, Magan(relation=relation, **SIZES))
    assert type(caught.value.__cause__).__name__ in reason


def test_divergence_names_the_term(domains):
    broken = Magan(relation=lambda in_a, in_b: in_a.mean() * float("nan"), **SIZES)
    remedy = r"Lower the learning rate, or keep relation finite\."
    with pytest.raises(DivergedError, match=rf"magan, step 0: G/correspondence_ab is nan\. .* {remedy}$"):
        train(domains, broken)
    with pytest.raises(DivergedError, match=r" Lower the learning rate\.$"):
        train(domains, Magan(shared=SHARED, learning_rate=1e30, **SIZES), precision="float32")


def test_objectives_are_found_by_the_names_of_their_files():
    assert set(objectives.names()) >= {"portal", "magan", "gan", "cyclegan", "discogan"}
    assert objectives.find("magan") is Magan
    assert objectives.find("gan") is Gan
    with pytest.raises(ConfigError, match="objective 'magn' is not known, did you mean 'magan'"):
        objectives.find("magn")


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_images_are_translated_by_convolutional_networks(precision, tmp_path):
    rng = np.random.default_rng(0)
    domains = [rng.uniform(size=(40, 64)), rng.uniform(size=(30, 64))]
    objective = Magan(pairs=((0, 0),), image=(8, 8), augment_start=2)
    settings = {"steps": 6, "precision": precision}
    whole = train(domains, objective, **settings)
    assert translate(whole.networks, domains[0], source="a").shape == (40, 64)
    train(domains, objective, checkpoint=tmp_path / "state.pt", **settings | {"steps": 3})
    assert content(train(domains, objective, checkpoint=tmp_path / "state.pt", **settings)) == content(whole)
    with pytest.raises(ShapeError, match="domain A has 64 features, domain B 63; images of 8 × 8 have 64, in both"):
        train([domains[0], domains[1][:, :63]], objective)
    with pytest.raises(ConfigError, match=r"image is \(8, 7\); height and width must be divisible by 4"):
        Magan(image=(8, 7))
