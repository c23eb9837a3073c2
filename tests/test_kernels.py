"""Closed-form kernels against known values, other derivations and finite networks."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from infinite_width.activations import ERF, GELU, LINEAR, RELU, TANH
from infinite_width.kernels import Kernels, empirical_ntk, mlp_kernels

X64 = jax.config.jax_enable_x64
RTOL = 1e-12 if X64 else 1e-5
ALL = [RELU, ERF, TANH, GELU, LINEAR]


def inputs(count, d, seed=0):
    return np.random.default_rng(seed).normal(size=(count, d))


def test_one_relu_layer_at_known_angles():
    """Without bias at weight variance 2: K = J1(theta)/pi |x||x'|/d x 2, by hand."""
    x = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]) * np.sqrt(2)
    nngp, ntk = mlp_kernels(x, depth=1)
    assert_allclose(nngp[0], [2.0, 2 / np.pi, 0.0], atol=1e-6)
    # Theta = K + 2 * K1 * (pi - theta) / (2 pi): 2 + 2 * 2 / 2, 2/pi + 0, 0.
    assert_allclose(ntk[0], [4.0, 2 / np.pi, 0.0], atol=1e-6)


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
def test_every_layer_gives_the_same_share_of_the_relu_diagonal(depth):
    nngp, ntk = mlp_kernels(inputs(7, 3), depth=depth)
    assert_allclose(np.diag(ntk), (depth + 1) * np.diag(nngp), rtol=RTOL)
    assert_allclose(np.diag(nngp), 2 * (inputs(7, 3) ** 2).mean(1), rtol=RTOL)


def test_linear_network_is_a_linear_kernel():
    x = inputs(4, 3)
    nngp, ntk = mlp_kernels(x, depth=3, activation=LINEAR, weight_variance=1.0)
    assert_allclose(nngp, x @ x.T / 3, rtol=RTOL, atol=1e-7)
    assert_allclose(ntk, 4 * x @ x.T / 3, rtol=RTOL, atol=1e-6)


@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_symmetric_positive_definite_and_consistent_with_cross(activation):
    x = inputs(12, 4)
    options = dict(depth=2, activation=activation, weight_variance=1.5, bias_variance=0.2)
    both, cross = mlp_kernels(x, **options), mlp_kernels(x, x.copy(), **options)
    for kernel, other in zip(both, cross):
        assert_allclose(kernel, kernel.T, rtol=RTOL)
        # Two copies of an input meet at an angle of sqrt(machine epsilon).
        assert_allclose(kernel, other, rtol=1e-6 if X64 else 2e-3)
        assert np.linalg.eigvalsh(kernel)[0] > -1e-5 * np.trace(kernel)


def test_relu_kernels_are_homogeneous():
    x = inputs(5, 3)
    for kernel, scaled in zip(mlp_kernels(x, depth=3), mlp_kernels(3 * x, depth=3)):
        assert_allclose(scaled, 9 * kernel, rtol=1e-10 if X64 else 1e-4, atol=1e-5)


def test_against_neural_tangents():
    from infinite_width.neural_tangents import stax

    x1, x2 = inputs(4, 3), inputs(5, 3, 1)
    for activation, layer in ((RELU, stax.Relu()), (ERF, stax.Erf()), (GELU, stax.Gelu())):
        layers = [stax.Dense(8, 1.3, 0.4), layer] * 3 + [stax.Dense(1, 1.3, 0.4)]
        theirs = stax.serial(*layers)[2](jnp.asarray(x1), jnp.asarray(x2), ("nngp", "ntk"))
        ours = mlp_kernels(x1, x2, depth=3, activation=activation, weight_variance=1.3**2,
                           bias_variance=0.4**2)
        assert_allclose(ours.nngp, theirs.nngp, rtol=1e-8 if X64 else 1e-4)
        assert_allclose(ours.ntk, theirs.ntk, rtol=1e-6 if X64 else 1e-3)


def test_near_coinciding_inputs_are_stable():
    """Moving an input by 1e-7 may change the NTK by sqrt-free O(1e-7) only."""
    x = inputs(3, 4)
    ntk = mlp_kernels(np.concatenate([x, x + 1e-7]), depth=3).ntk
    assert_allclose(np.diag(ntk[:3, 3:]), np.diag(ntk[:3, :3]), rtol=1e-6 if X64 else 5e-3)


def seconds(activation, x):
    """The fastest of three compiled passes; the machine may be shared."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        jax.block_until_ready(mlp_kernels(x, depth=3, activation=activation))
        times.append(time.perf_counter() - start)
    return min(times[1:])


def test_large_kernels_take_less_than_a_second():
    x = inputs(2000, 20)
    relu = seconds(RELU, x)
    # A fifth of a second on two idle cores.
    assert relu < 5
    for activation in (ERF, TANH, GELU):
        # Without care tanh, the only one with a series, takes a hundred times as long.
        assert seconds(activation, x) < 10 * relu


def test_works_inside_jit_and_grad():
    x = jnp.asarray(inputs(4, 2))

    def trace(weight_variance):
        return mlp_kernels(x, depth=2, weight_variance=weight_variance).ntk.trace()

    # Homogeneous of degree 3 in the weight variance without biases.
    value, slope = jax.jit(jax.value_and_grad(trace))(2.0)
    # Fused arithmetic may leave an angle of sqrt(machine epsilon) on the diagonal.
    assert_allclose(slope, 3 * value / 2.0, rtol=1e-7 if X64 else 1e-3)


@pytest.mark.parametrize("bad, message", [
    (dict(x1=np.ones(3)), "x1: expected inputs"),
    (dict(x2=np.ones((2, 5))), "x2: expected 3 features.* got 5"),
    (dict(x1=np.array([[1.0, np.nan, 0.0]])), "x1: expected finite"),
    (dict(depth=-1), "depth: expected an integer >= 0"),
    (dict(depth=1.5), "depth: expected an integer"),
    (dict(weight_variance=-2.0), "weight_variance: expected a finite number >= 0"),
    (dict(bias_variance=float("nan")), "bias_variance: expected a finite number"),
    (dict(x1=np.ones((2, 0)), x2=None), "x1: expected at least one feature"),
])
def test_bad_input(bad, message):
    arguments = dict(x1=np.ones((2, 3)), x2=np.ones((2, 3)), depth=1) | bad
    x1, x2 = arguments.pop("x1"), arguments.pop("x2")
    with pytest.raises(ValueError, match=message):
        mlp_kernels(x1, x2, **arguments)


def two_outputs(params, x):
    return jnp.tanh(x @ params[0]["weight"] + params[0]["bias"]) @ params[1]["weight"]


def test_empirical_ntk_is_the_jacobian_product():
    rng = np.random.default_rng(3)
    params = [{"weight": jnp.asarray(rng.normal(size=(3, 6))), "bias": jnp.zeros(6)},
              {"weight": jnp.asarray(rng.normal(size=(6, 2)))}]
    x1, x2 = (jnp.asarray(inputs(n, 3, n)) for n in (4, 5))

    def jacobian(x):
        leaves = jax.tree.leaves(jax.jacobian(two_outputs)(params, x))
        return np.concatenate([np.asarray(leaf).reshape(len(x), 2, -1) for leaf in leaves], -1)

    expected = np.einsum("iap,jbp->ijab", jacobian(x1), jacobian(x2))
    kernel = empirical_ntk(two_outputs, params, x1, x2)
    assert kernel.shape == (4, 5, 2, 2)
    assert_allclose(kernel, expected, rtol=1e-9 if X64 else 1e-4, atol=1e-5)
    layers = empirical_ntk(two_outputs, params, x1, x2, by_layer=True)
    assert layers.shape == (2, 4, 5, 2, 2)
    assert_allclose(layers.sum(0), expected, rtol=1e-9 if X64 else 1e-4, atol=1e-5)
    one = empirical_ntk(lambda p, x: two_outputs(p, x)[:, :1], params, x1)
    assert one.shape == (4, 4)


def test_empirical_ntk_bad_input():
    with pytest.raises(ValueError, match="x2: expected 3 features"):
        empirical_ntk(two_outputs, [], np.ones((2, 3)), np.ones((2, 4)))


def test_result_is_named():
    assert Kernels._fields == ("nngp", "ntk")
