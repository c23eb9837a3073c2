"""Closed-form kernels against known values, other derivations and finite networks."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from infinite_width import gaussian_process
from infinite_width._rounding import float64
from infinite_width.activations import ERF, GELU, LINEAR, RELU, TANH
from infinite_width.kernels import empirical_ntk, mlp_kernels

X64 = jax.config.jax_enable_x64
RTOL = 1e-12 if X64 else 1e-5
ALL = [RELU, ERF, TANH, GELU, LINEAR]


def inputs(count, d, seed=0):
    return np.random.default_rng(seed).normal(size=(count, d))


def test_one_relu_layer_at_known_angles():
    """Without bias at weight variance 2: K = J1(theta)/pi |x||x'|/d x 2, by hand."""
    x = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]) * np.sqrt(2)
    nngp, ntk = mlp_kernels(x, depth=1)
    limit = 1e-14 if X64 else 1e-6
    assert_allclose(nngp[0], [2.0, 2 / np.pi, 0.0], rtol=0, atol=limit)
    # Theta = K + 2 * K1 * (pi - theta) / (2 pi): 2 + 2 * 2 / 2, 2/pi + 0, 0.
    assert_allclose(ntk[0], [4.0, 2 / np.pi, 0.0], rtol=0, atol=limit)


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
def test_every_layer_gives_the_same_share_of_the_relu_diagonal(depth):
    nngp, ntk = mlp_kernels(inputs(7, 3), depth=depth)
    assert_allclose(np.diag(ntk), (depth + 1) * np.diag(nngp), rtol=RTOL)
    assert_allclose(np.diag(nngp), 2 * (inputs(7, 3) ** 2).mean(1), rtol=RTOL)


def test_linear_network_is_a_linear_kernel():
    x = inputs(4, 3)
    nngp, ntk = mlp_kernels(x, depth=3, activation=LINEAR, weight_variance=1.0)
    limit = (1e-15 if X64 else 5e-7) * (x @ x.T).max()
    assert_allclose(nngp, x @ x.T / 3, rtol=0, atol=limit)
    assert_allclose(ntk, 4 * x @ x.T / 3, rtol=0, atol=4 * limit)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_symmetric_positive_definite_and_consistent_with_cross(activation):
    x = inputs(12, 4)
    options = dict(depth=2, activation=activation, weight_variance=1.5, bias_variance=0.2)
    both, cross = mlp_kernels(x, **options), mlp_kernels(x, x.copy(), **options)
    for kernel, other in zip(both, cross):
        assert_allclose(kernel, kernel.T, rtol=RTOL)
        assert_allclose(kernel, other, rtol=1e-13 if X64 else 5e-6)
        smallest = np.linalg.eigvalsh(np.asarray(kernel, float))[0]
        assert smallest > -(1e-14 if X64 else 1e-6) * np.trace(kernel)


def test_relu_kernels_are_homogeneous():
    x = inputs(5, 3)
    for kernel, scaled in zip(mlp_kernels(x, depth=3), mlp_kernels(3 * x, depth=3)):
        limit = (1e-14 if X64 else 2e-6) * np.abs(scaled).max()
        assert_allclose(scaled, 9 * kernel, rtol=0, atol=limit)


@pytest.mark.slow
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
    assert_allclose(np.diag(ntk[:3, 3:]), np.diag(ntk[:3, :3]), rtol=1e-6 if X64 else 1e-5)


@pytest.mark.parametrize("features", [3, 784])
@pytest.mark.parametrize("scale", [1e-15, 1.0, 300.0])
def test_copies_and_opposites_are_exact(features, scale):
    """For ReLU without biases x and x have Theta = (depth + 1) K, and x and -x have 0."""
    x = scale * inputs(6, features)
    own = 2 * (x**2).mean(1)
    same, opposite = mlp_kernels(x, x.copy(), depth=1), mlp_kernels(x, -x, depth=1)
    limit = 1e-13 if X64 else 2e-6  # two roundings of a sum over the features
    assert_allclose(np.diag(same.nngp), own, rtol=limit)
    assert_allclose(np.diag(same.ntk), 2 * own, rtol=limit)
    assert_allclose(np.diag(opposite.nngp) / own, 0.0, atol=limit)
    assert_allclose(np.diag(opposite.ntk) / own, 0.0, atol=limit)


def degenerate():
    """Inputs with a zero, a copy and an opposite among them."""
    x = inputs(6, 3)
    return np.stack([0 * x[0], x[1], x[1], -x[1], x[4], 2 * x[4]])


# A change that leaves zero zero, copies copies and opposites opposites.
SHEAR = np.eye(3) / 2 + inputs(3, 3, 5) / 3


def weighted_sum(activation, x, weight_variance, bias_variance):
    kernels = mlp_kernels(x, depth=2, activation=activation, weight_variance=weight_variance,
                          bias_variance=bias_variance)
    mask = inputs(6, 6, 7)
    return (jnp.asarray(mask, kernels.ntk.dtype) * (kernels.nngp + 0.7 * kernels.ntk)).sum()


@cache
def both_modes(activation):
    """The gradient, and the derivative along tangents."""
    f = partial(weighted_sum, activation)
    return jax.jit(lambda p, t: (jax.grad(f, argnums=(0, 1, 2))(*p), jax.jvp(f, p, t)[1]))


def difference_quotient(function):
    """The slope at 0, in double precision whatever the test's precision: error 1e-8."""
    step = 2e-4
    with float64():
        f = jax.jit(function)
        values = [float(f(jnp.float64(factor * step))) for factor in (-2, -1, 1, 2)]
    return np.dot([1, -8, 8, -1], values) / (12 * step)


@pytest.mark.slow
@pytest.mark.parametrize("bias_variance", [0.0, 0.3])  # one compilation serves both
@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_derivatives_at_degenerate_inputs(activation, bias_variance):
    """Both modes, in inputs and variances, where inputs vanish, coincide and are opposite."""
    x = degenerate()
    # ReLU's NTK has cusps there, except along changes that keep the angles.
    direction = x @ SHEAR if activation is RELU else inputs(6, 3, 6)
    primals = jnp.asarray(x), jnp.asarray(1.7), jnp.asarray(bias_variance)
    # Along a bias variance of zero there is no slope for ReLU at a zero input.
    tangents = jnp.asarray(direction), jnp.asarray(0.4), jnp.asarray(0.6 if bias_variance else 0.0)

    def path(t):
        return weighted_sum(activation, x + t * direction, 1.7 + 0.4 * t,
                            bias_variance + t * (0.6 if bias_variance else 0.0))

    expected = difference_quotient(path)
    gradients, forward = both_modes(activation)(primals, tangents)
    reverse = sum(float((g * t).sum()) for g, t in zip(gradients, tangents))
    # Angles between inputs that a change of the angle by rounding moves off zero.
    tolerance = 1e-6 if X64 else 3e-4
    assert_allclose([forward, reverse], expected, rtol=tolerance, atol=tolerance)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.slow
def test_weight_variance_with_a_blank_image():
    """The derivative that was nan; ReLU's NNGP kernel is homogeneous in it, of degree 3."""
    x = jnp.asarray(inputs(6, 3)).at[0].set(0.0)

    def total(weight_variance):
        return mlp_kernels(x, depth=2, weight_variance=weight_variance).nngp.sum()

    limit = 1e-12 if X64 else 1e-5
    for derivative in (jax.jacfwd, jax.grad):
        assert_allclose(derivative(total)(2.0), 1.5 * total(2.0), rtol=limit)
        assert_allclose(derivative(total)(2.0), 37.186, rtol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("activation", [RELU, TANH], ids=lambda a: a.name)
def test_gradient_of_the_marginal_likelihood(activation):
    x, y = degenerate(), inputs(6, 1, 9)[:, 0]

    def evidence(log_weight_variance):
        k = mlp_kernels(x, depth=2, activation=activation, bias_variance=0.1,
                        weight_variance=jnp.exp(log_weight_variance)).nngp
        return gaussian_process.log_marginal_likelihood(k, y, 0.2)

    slope = jax.jit(jax.grad(evidence))(jnp.zeros(()))
    assert_allclose(slope, difference_quotient(evidence), rtol=1e-7 if X64 else 1e-3)


@pytest.mark.slow
def test_works_inside_jit_and_grad():
    x = jnp.asarray(inputs(4, 2))

    def trace(weight_variance):
        return mlp_kernels(x, depth=2, weight_variance=weight_variance).ntk.trace()

    # Homogeneous of degree 3 in the weight variance without biases.
    value, slope = jax.jit(jax.value_and_grad(trace))(2.0)
    assert_allclose(slope, 3 * value / 2.0, rtol=1e-13 if X64 else 2e-6)


@pytest.mark.parametrize("bad, message", [
    (dict(x1=np.ones(3)), "x1: expected inputs"),
    (dict(x2=np.ones((2, 5))), "x2: expected 3 features.* got 5"),
    (dict(x1=np.array([[1.0, np.nan, 0.0]])), "x1: expected finite"),
    (dict(depth=-1), "depth: expected an integer >= 0"),
    (dict(depth=1.5), "depth: expected an integer"),
    (dict(weight_variance=-2.0), "weight_variance: expected a finite number >= 0"),
    (dict(bias_variance=float("nan")), "bias_variance: expected a finite number"),
    (dict(x1=np.ones((2, 0)), x2=None), "x1: expected at least one feature"),
    (dict(activation="relu"), "activation: expected an Activation such as .*RELU; got 'relu'"),
    (dict(activation=jax.nn.relu), "activation: expected an Activation such as .*RELU; got <"),
])
def test_bad_input(bad, message):
    arguments = dict(x1=np.ones((2, 3)), x2=np.ones((2, 3)), depth=1) | bad
    x1, x2 = arguments.pop("x1"), arguments.pop("x2")
    with pytest.raises(ValueError, match=message):
        mlp_kernels(x1, x2, **arguments)


def two_outputs(params, x):
    return jnp.tanh(x @ params[0]["weight"] + params[0]["bias"]) @ params[1]["weight"]


@pytest.mark.slow
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
    limit = (1e-13 if X64 else 1e-6) * np.abs(expected).max()
    assert_allclose(kernel, expected, rtol=0, atol=limit)
    layers = empirical_ntk(two_outputs, params, x1, x2, by_layer=True)
    assert layers.shape == (2, 4, 5, 2, 2)
    assert_allclose(layers.sum(0), expected, rtol=0, atol=limit)
    first = np.einsum("iap,jbp->ijab", jacobian(x1)[..., :24], jacobian(x2)[..., :24])
    assert_allclose(layers[0], first, rtol=0, atol=limit)  # 18 weights and 6 biases
    one = empirical_ntk(lambda p, x: two_outputs(p, x)[:, :1], params, x1)
    assert_allclose(one, np.einsum("iap,jap->ij", *[jacobian(x1)[:, :1]] * 2), rtol=0, atol=limit)


def test_bad_input_of_empirical_ntk():
    with pytest.raises(ValueError, match="x2: expected 3 features"):
        empirical_ntk(two_outputs, [], np.ones((2, 3)), np.ones((2, 4)))
