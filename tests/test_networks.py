import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from infinite_width.activations import ERF, RELU, TANH
from infinite_width.kernels import mlp_kernels
from infinite_width.networks import MLP
from infinite_width.parametrizations import MEAN_FIELD, MUP, NTK, STANDARD, richness

KEY = jax.random.key(11)
# Few distinct shapes in this file: compiling, not computing, takes the time.
X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
ALL = [STANDARD, NTK, MUP, MEAN_FIELD, richness(0.25)]


@pytest.mark.slow
@pytest.mark.parametrize("bias_variance", [0.0, 0.3])
def test_shapes(bias_variance):
    network = MLP(16, 3, TANH, bias_variance=bias_variance)
    params = network.init(KEY, 3, 2)
    assert [p["weight"].shape for p in params] == [(3, 16), (16, 16), (16, 16), (16, 2)]
    assert [p["bias"].shape for p in params if "bias" in p] == (
        [(16,), (16,), (16,), (2,)] if bias_variance else []
    )
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
    rates = network.learning_rates(0.1, "sgd")
    assert jax.tree.structure(rates) == jax.tree.structure(params)
    for shape in ((3,), (7, 3), (2, 7, 3)):
        h = network.preactivations(params, np.ones(shape))
        assert [a.shape[-1] for a in h] == [16, 16, 16, 2]
        assert_allclose(network.apply(params, np.ones(shape)), h[-1], rtol=0)
        assert h[-1].shape == (*shape[:-1], 2)
        assert h[-1].dtype == jnp.float32


@pytest.mark.slow
def test_forward_pass_by_hand():
    network = MLP(16, 2, ERF, bias_variance=0.4, weight_variance=1.7)
    params = network.init(KEY, 3)
    x = X
    h = np.asarray(x)
    for layer, fan_in in zip(params, (3, 16, 16), strict=True):
        if layer is not params[0]:
            h = ERF.phi(h)
        h = np.sqrt(1.7 / fan_in) * h @ layer["weight"] + np.sqrt(0.4) * layer["bias"]
    assert_allclose(network.apply(params, x), h, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("base_width", [1, 16])
@pytest.mark.parametrize("parametrization", ALL)
def test_size_of_effective_weights(parametrization, base_width):
    width = 64
    network = MLP(width, 1, RELU, parametrization, bias_variance=0.5, base_width=base_width)
    params = network.init(KEY, 400, 500)
    exponents = parametrization.weight_exponents()
    m = width / base_width
    expected = [np.sqrt(2 / 400) * m**-exponents.input,
                np.sqrt(2 / base_width) * m**-exponents.output]
    for layer, deviation in enumerate(expected):
        w = np.asarray(params[layer]["weight"])
        found = w.std() * network._scale(layer, "weight", 400)
        assert_allclose(found, deviation, rtol=4 / np.sqrt(2 * w.size))  # 4 standard errors


@pytest.mark.parametrize("unit_multiplier", [False, True])
def test_all_agree_at_the_base_width(unit_multiplier):
    x = X

    def network(parametrization):
        return MLP(16, 1, TANH, parametrization, bias_variance=0.2, base_width=16,
                   unit_multiplier=unit_multiplier)

    reference = network(NTK)
    params = reference.init(KEY, 3)
    for parametrization in (STANDARD, MUP, MEAN_FIELD, richness(0.25)):
        same = network(parametrization)
        for one, two in zip(*map(jax.tree.leaves, (params, same.init(KEY, 3))), strict=True):
            assert_allclose(one, two, rtol=1e-6)
        assert_allclose(same.apply(params, x), reference.apply(params, x), rtol=1e-6)
        for optimizer in ("sgd", "adam"):
            assert same.learning_rates(0.1, optimizer) == reference.learning_rates(0.1, optimizer)


# Learning rates of the input and the output layer at m = 4 times the base width, in units of
# those at the base width, by hand. What W itself must feel is, for SGD and for Adam,
#   standard:            1 and 1;                  1 and 1
#   NTK:                 1 and 1/m;         m^{-1/2} and 1/m
#   muP and mean field:  m and 1/m;                1 and 1/m   (Yang et al., 2022, table 3)
# and W = m^{-a} w divides that by m^{-2a} under SGD, by m^{-a} under Adam, with a = 0 and 0
# (standard), 0 and 1/2 (NTK), -1/2 and 1/2 (muP), 0 and 1 (mean field).
AT_FOUR_TIMES = [
    (STANDARD, "sgd", 1, 1), (STANDARD, "adam", 1, 1),
    (NTK, "sgd", 1, 1), (NTK, "adam", 1 / 2, 1 / 2),
    (MUP, "sgd", 1, 1), (MUP, "adam", 1 / 2, 1 / 2),
    (MEAN_FIELD, "sgd", 4, 4), (MEAN_FIELD, "adam", 1, 1),
]


@pytest.mark.parametrize("parametrization, optimizer, first, last", AT_FOUR_TIMES)
def test_learning_rates_beyond_the_base_width(parametrization, optimizer, first, last):
    network = MLP(64, 1, TANH, parametrization, base_width=16)
    rates = [layer["weight"] for layer in network.learning_rates(0.1, optimizer)]
    assert_allclose(rates, [0.1 * first, 0.1 * last], rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer, theta", [("sgd", 0.5), ("adam", 0.25)])
def test_gauge_moves_nothing_that_trains(optimizer, theta):
    x = X
    rule = {"sgd": lambda g: g, "adam": jnp.sign}[optimizer]  # Adam's first step is the sign

    def after_two_steps(parametrization):
        network = MLP(16, 2, TANH, parametrization, weight_variance=1.0)
        rates, params = network.learning_rates(0.01, optimizer), network.init(KEY, 3)
        gradient = jax.grad(lambda p: 0.5 * (network.apply(p, x) ** 2).sum())
        before = network.apply(params, x)
        for _ in range(2):
            params = jax.tree.map(lambda p, rate, g: p - rate * rule(g), params, rates,
                                  gradient(params))
        return network.apply(params, x) - before

    reference = after_two_steps(NTK)
    scale = float(jnp.abs(reference).max())
    assert_allclose(after_two_steps(NTK.shift(theta, optimizer)), reference, atol=1e-4 * scale)
    other = NTK.shift(theta, {"sgd": "adam", "adam": "sgd"}[optimizer])
    assert float(jnp.abs(after_two_steps(other) - reference).max()) > 0.1 * scale


def test_the_base_width_cancels_for_ntk_under_sgd():
    plain, based = MLP(16, 2), MLP(16, 2, base_width=8)
    x = X
    assert_allclose(plain.apply(plain.init(KEY, 3), x), based.apply(based.init(KEY, 3), x),
                    rtol=1e-5)
    assert plain.learning_rates(0.3, "sgd") == based.learning_rates(0.3, "sgd")


def test_unit_multiplier_changes_the_rate_not_the_function():
    x = X
    inside = MLP(16, 1, parametrization=STANDARD, unit_multiplier=True)
    front = MLP(16, 1, parametrization=STANDARD)
    assert_allclose(inside.apply(inside.init(KEY, 3), x), front.apply(front.init(KEY, 3), x),
                    rtol=1e-5)
    # As a framework has it: f = phi(x w1) w2 with variance 2 / fan_in, and no other factor.
    params = inside.init(KEY, 3)
    assert_allclose(inside.apply(params, x),
                    jax.nn.relu(x @ params[0]["weight"]) @ params[1]["weight"], rtol=1e-5,
                    atol=1e-6)
    assert_allclose(params[1]["weight"].std(), np.sqrt(2 / 16), rtol=4 / np.sqrt(2 * 16))


@pytest.mark.slow
def test_empirical_kernels_are_the_closed_form_on_average():
    width, depth, members = 64, 2, 300
    activation, weight_variance, bias_variance = ERF, 1.5, 0.3
    x = X[:3]
    network = MLP(width, depth, activation, weight_variance=weight_variance,
                  bias_variance=bias_variance)

    def one(key):
        params = network.init(key, 3)
        gradient = jax.vmap(jax.grad(lambda p, x: network.apply(p, x)[0]), (None, 0))(params, x)
        rows = [leaf.reshape(3, -1) for leaf in jax.tree.leaves(gradient)]
        features = activation.phi(network.preactivations(params, x)[-2])
        # The output's covariance given the hidden layers, whose mean is the NNGP kernel.
        nngp = bias_variance + weight_variance * features @ features.T / width
        return sum(row @ row.T for row in rows), nngp

    ntk, nngp = jax.jit(jax.vmap(one))(jax.random.split(KEY, members))
    limit = mlp_kernels(x, depth=depth, activation=activation, weight_variance=weight_variance,
                        bias_variance=bias_variance)
    for sample, expected in ((ntk, limit.ntk), (nngp, limit.nngp)):
        error = np.asarray(sample).std(0, ddof=1) / np.sqrt(members)
        # 4.5 standard errors for 12 numbers, plus the O(1/n) by which a finite width differs.
        allowed = 4.5 * error + np.abs(expected).max() / width
        assert (np.abs(np.asarray(sample).mean(0) - expected) < allowed).all()
        assert (allowed < 0.15 * np.abs(expected).max()).all()


@pytest.mark.slow
def test_orthogonal_weights():
    n = 16
    network = MLP(n, 3, orthogonal=True)
    params = network.init(KEY, 3)
    for layer in params[1:3]:
        q = np.asarray(layer["weight"], float) / np.sqrt(n)
        assert_allclose(q.T @ q, np.eye(n), atol=1e-5)
    assert not np.allclose(params[0]["weight"] @ params[0]["weight"].T, n * np.eye(3), atol=1.0)
    # Haar: the trace has mean 0 and variance 1; QR without the sign fix has a trace of order
    # -sqrt(n) instead (diagonal entries of one sign).
    def trace(key):
        return jnp.trace(MLP(n, 2, orthogonal=True).init(key, 3)[1]["weight"]) / np.sqrt(n)

    traces = np.asarray(jax.vmap(trace)(jax.random.split(KEY, 400)))
    assert abs(traces.mean()) < 4 / np.sqrt(400)
    assert abs(traces.var() - 1) < 4 * np.sqrt(2 / 400)


def test_biases_of_mup_follow_the_input_and_the_readout():
    # At width m times the base width: hidden biases learn m times faster (SGD), the readout's
    # stays; initial sizes are those at the base width for hidden, m^{-1/2} for the readout.
    network = MLP(64, 2, TANH, MUP, bias_variance=1.0, base_width=16)
    rates = network.learning_rates(1.0, "sgd")
    effective = [rates[i]["bias"] * network._scale(i, "bias", 1) ** 2 for i in range(3)]
    assert_allclose(effective, [4, 4, 1])
    deviations = [
        network._scale(i, "bias", 1) * network._scale(i, "bias", 1, initial=True) for i in range(3)
    ]
    assert_allclose(deviations, [1, 1, 0.5])


def test_keys_give_independent_and_repeatable_draws():
    network = MLP(16, 2, bias_variance=0.1)
    one, again, other = (network.init(jax.random.key(s), 3) for s in (0, 0, 1))
    for a, b, c in zip(*map(jax.tree.leaves, (one, again, other)), strict=True):
        assert_allclose(a, b, rtol=0)
        assert not np.allclose(a, c)
    legacy = network.init(jax.random.PRNGKey(0), 3)  # both kinds of key
    assert_allclose(legacy[1]["weight"], one[1]["weight"], rtol=0)


def test_a_network_is_a_value():
    assert MLP(8, 2) == MLP(8, 2)
    assert hash(MLP(8, 2)) == hash(MLP(8, 2))
    assert MLP(8, 2) != MLP(8, 2, parametrization=MUP)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: MLP(0, 2), "width:"),
        (lambda: MLP(4, 0), "depth:"),
        (lambda: MLP(4, 1.5), "depth:"),
        (lambda: MLP(4, 2, weight_variance=-1.0), "weight_variance:"),
        (lambda: MLP(4, 2, bias_variance=float("nan")), "bias_variance:"),
        (lambda: MLP(4, 2, base_width=0), "base_width:"),
        (lambda: MLP(4, 2, parametrization=MEAN_FIELD), "depth:"),
        (lambda: MLP(4, 2).init(KEY, 0), "d_in:"),
        (lambda: MLP(4, 2).init(KEY, 3, 0), "d_out:"),
        (lambda: MLP(4, 2).learning_rates(1.0, "lion"), "optimizer:"),
        (lambda: MLP(4, 2).apply(MLP(4, 2).init(KEY, 3), jnp.ones((5, 4))), "x:"),
        (lambda: MLP(4, 3).apply(MLP(4, 2).init(KEY, 3), jnp.ones((5, 3))), "params:"),
    ],
)
def test_bad_input(call, name):
    with pytest.raises(ValueError, match=name):
        call()
