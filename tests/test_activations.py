"""Gaussian averages of the activations, against quadrature, Monte Carlo and calculus."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from infinite_width.activations import ERF, GELU, LINEAR, RELU, TANH

X64 = jax.config.jax_enable_x64
SMOOTH = [ERF, TANH, GELU, LINEAR]
ALL = [*SMOOTH, RELU]
COVARIANCES = [(1.0, 1.0, 0.3), (0.5, 2.0, -0.7), (1.3, 1.3, 1.3), (0.1, 0.2, 0.1),
               (2.0, 2.0, -2.0), (1.0, 3.0, 0.0)]
# Formulas in double precision are exact to rounding; in single precision their roots of
# differences of O(1) numbers lose half of the digits, sqrt(6e-8).
TOLERANCE = 1e-9 if X64 else 5e-4


def quadrature(function, q11, q22, q12, nodes=160, other=None):
    """E[f(u) f(v)], or E[f(u) g(v)], by Gauss-Hermite quadrature in double precision."""
    z, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    slope = q12 / np.sqrt(q11) if q11 else 0.0
    u = np.sqrt(q11) * z
    v = slope * z[:, None] + np.sqrt(max(q22 - slope**2, 0.0)) * z
    f_u = np.asarray(function(jnp.asarray(u)), float)
    f_v = np.asarray((other or function)(jnp.asarray(v.ravel())), float).reshape(v.shape)
    return np.einsum("i,j,i,ij->", weights, weights, f_u, f_v)


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("activation", SMOOTH, ids=lambda a: a.name)
def test_averages_equal_quadrature(activation, covariance):
    dual = float(activation.dual(*map(jnp.asarray, covariance)))
    slope = float(activation.dual_derivative(*map(jnp.asarray, covariance)))
    # tanh has poles at distance pi/2: this rule itself is good to 1e-9 only for q <= 1.3.
    tolerance = max(TOLERANCE, 5e-7 if activation is TANH and max(covariance) > 1.3 else 0)
    assert_allclose(dual, quadrature(activation.phi, *covariance), atol=tolerance)
    assert_allclose(slope, quadrature(activation.derivative, *covariance), atol=4 * tolerance)


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_averages_equal_monte_carlo(activation, covariance):
    q11, q22, q12 = covariance
    rng = np.random.default_rng(1)
    matrix = np.array([[q11, q12], [q12, q22]])
    u, v = rng.multivariate_normal([0, 0], matrix, 200_000).T
    for function, average in ((activation.phi, activation.dual),
                              (activation.derivative, activation.dual_derivative)):
        products = np.asarray(function(jnp.asarray(u)) * function(jnp.asarray(v)), float)
        error = products.std() / np.sqrt(len(products))
        value = float(average(*map(jnp.asarray, covariance)))
        assert abs(value - products.mean()) <= 4.5 * error + TOLERANCE


@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_derivative_is_the_derivative(activation):
    z = jnp.array([-2.1, -0.4, 0.3, 1.7])
    automatic = jax.vmap(jax.grad(activation.phi))(z)
    assert_allclose(activation.derivative(z), automatic, atol=1e-12 if X64 else 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_price_theorem(activation):
    """d E[phi phi] / d q12 = E[phi' phi'] links the two averages."""
    if not X64:
        pytest.skip("a derivative of rounding-limited single-precision values")
    q11, q22, q12 = 1.2, 0.7, 0.4
    slope = jax.jvp(lambda q: activation.dual(jnp.asarray(q11), jnp.asarray(q22), q),
                    (jnp.asarray(q12),), (jnp.asarray(1.0),))[1]
    expected = activation.dual_derivative(*map(jnp.asarray, (q11, q22, q12)))
    assert_allclose(slope, expected, rtol=1e-9)


def test_relu_is_exact_at_coinciding_and_opposite_inputs():
    q = jnp.array([0.1, 1.0, 7.3])
    assert_allclose(RELU.dual(q, q, q), q / 2, rtol=1e-15 if X64 else 1e-6)
    assert_allclose(RELU.dual_derivative(q, q, q), 0.5, rtol=1e-15 if X64 else 1e-6)
    assert_allclose(RELU.dual(q, q, -q), 0.0, atol=1e-15 if X64 else 1e-6)


def test_relu_averages_to_rounding():
    """At all angles and sizes, against extended precision at the same rounded covariances."""
    kind = np.float64 if X64 else np.float32
    angle, q11, q22 = np.meshgrid(
        [0.0, 1e-6, 1e-2, 0.3, 1.2, np.pi / 2, 2.0, 3.1, np.pi], [1e-20, 1e-3, 1.0, 700.0],
        [1e-20, 0.4, 30.0])
    q11, q22, q12 = (q.astype(kind) for q in (q11, q22, np.sqrt(q11 * q22) * np.cos(angle)))
    wide11, wide22, wide12 = (q.astype(np.longdouble) for q in (q11, q22, q12))
    scale = np.sqrt(wide11 * wide22)
    theta = 2 * np.arctan2(np.sqrt(np.maximum(scale - wide12, 0)),
                           np.sqrt(np.maximum(scale + wide12, 0)))
    dual = scale * (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)
    limit = 1e-14 if X64 else 4e-7
    found, slope = RELU.averages(q11, q22, q12)
    assert np.max(abs(np.asarray(found) - dual) / scale) < limit
    # The angle feels a rounding of the cosine as one divided by its sine, at most as its root.
    epsilon = np.finfo(kind).eps
    allowed = limit + np.minimum(epsilon / np.maximum(np.sin(theta), 1e-30), 6 * epsilon**0.5)
    assert (abs(np.asarray(slope) - (np.pi - theta) / (2 * np.pi)) < allowed).all()


@pytest.mark.parametrize("activation", [ERF, GELU], ids=lambda a: a.name)
def test_smooth_averages_to_rounding(activation):
    """Of coinciding, opposite and other pairs of all sizes, against double precision's own
    formulas with numpy's arcsine; relative to the averages of the two inputs with themselves."""
    kind = np.float64 if X64 else np.float32
    cosine, q11, q22 = np.meshgrid([-1, -0.9, -0.01, 0, 0.5, 1], [1e-20, 1e-3, 1, 40],
                                   [1e-20, 1e-3, 1, 40])
    covariance = [q.astype(kind) for q in (q11, q22, np.sqrt(q11 * q22) * cosine)]
    a, b, c = (q.astype(np.longdouble) for q in covariance)
    determinant = np.maximum(a * b - c**2, 0)

    def by_formula(a, b, c, determinant):
        if activation is ERF:
            total = 1 + 2 * a + 2 * b + 4 * determinant
            return 2 / np.pi * np.arctan2(2 * c, np.sqrt(total)), 4 / np.pi / np.sqrt(total)
        total = 1 + a + b + determinant
        orthant = 0.25 + np.arctan2(c, np.sqrt(total)) / (2 * np.pi)
        density = 1 / (2 * np.pi * np.sqrt(total))
        both = 1 / (1 + a) + 1 / (1 + b)
        return (density * (determinant + c**2 * both) + c * orthant,
                orthant + c * density * (both + 1 / total))

    dual, slope = by_formula(a, b, c, determinant)
    own1, own2 = (by_formula(q, q, q, 0 * q)[0] for q in (a, b))
    found = activation.averages(*covariance)
    limit = 2e-14 if X64 else 1e-6
    # The determinant cancels: its rounding counts as much as the product of the variances.
    allowed = limit * (1 + a * b / (1 + a + b + determinant) / 10)
    assert (abs(np.asarray(found[0]) - dual) < allowed * np.sqrt(own1 * own2)).all()
    assert (abs(np.asarray(found[1]) - slope) < allowed * np.maximum(abs(slope), 0.1)).all()


DEGENERATE = [(1.3, 1.3, 1.3), (0.8, 0.8, -0.8), (0.9, 0.4, 0.6), (0.0, 1.1, 0.0),
              (0.0, 0.0, 0.0)]


@pytest.mark.slow
@pytest.mark.parametrize("activation", SMOOTH, ids=lambda a: a.name)
def test_partial_derivatives(activation):
    """d dual / d q11 = E[phi'' phi] / 2, where inputs coincide, are opposite or vanish too."""
    second = jax.vmap(jax.grad(activation.derivative))
    columns = [jnp.array(column) for column in zip(*DEGENERATE)]
    for derivative in (jax.grad, jax.jacfwd):
        slopes = jax.jit(jax.vmap(derivative(activation.dual, argnums=(0, 1, 2))))(*columns)
        for index, covariance in enumerate(DEGENERATE):
            q11, q22, q12 = covariance
            expected = (
                quadrature(second, *covariance, other=activation.phi) / 2,
                quadrature(second, q22, q11, q12, other=activation.phi) / 2,
                quadrature(activation.derivative, *covariance),
            )
            found = [float(slope[index]) for slope in slopes]
            assert_allclose(found, expected, rtol=0, atol=1e-8 if X64 else 2e-5)


@pytest.mark.slow
def test_relu_partial_derivatives():
    """By hand: sin / (4 pi) sqrt(q22 / q11), and the same with 1 and 2 swapped, and the slope."""
    angles = jnp.array([0.0, 0.7, np.pi / 2, 2.5, np.pi])
    q11, q22 = jnp.full(5, 0.49), jnp.full(5, 1.21)
    gradient = jax.vmap(jax.grad(RELU.dual, argnums=(0, 1, 2)))(q11, q22, 0.77 * jnp.cos(angles))
    sine = np.sin(angles) / (4 * np.pi)
    expected = [sine * 1.1 / 0.7, sine * 0.7 / 1.1, (np.pi - angles) / (2 * np.pi)]
    assert_allclose(gradient, expected, rtol=0, atol=1e-14 if X64 else 3e-7)
    zero = jax.grad(RELU.dual, argnums=(0, 1, 2))(0.0, 1.0, 0.0)
    assert_allclose(zero, [0.0, 0.0, 0.25], rtol=1e-6)


@pytest.mark.slow
def test_second_derivatives_of_relu():
    """d^2 dual / d q12^2 = 1 / (2 pi sqrt(q11 q22 - q12^2)): Price's theorem twice."""
    for q12 in (0.0, 0.5, -0.6):
        curvature = jax.grad(jax.grad(RELU.dual, 2), 2)(0.8, 0.9, q12)
        assert_allclose(curvature, 1 / (2 * np.pi * np.sqrt(0.72 - q12**2)), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("q", [4.0, 20.0])
def test_tanh_at_large_variance_equals_trapezoidal_rule(q):
    """tanh(sqrt(q) z)^2: 40 000 points of a rule that converges geometrically."""
    z = np.linspace(-12, 12, 40_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    squared = (np.tanh(np.sqrt(q) * z) ** 2 * density).sum()
    slope = (np.cosh(np.sqrt(q) * z) ** -4.0 * density).sum()
    q = jnp.asarray(q)
    assert_allclose(TANH.dual(q, q, q), squared, atol=1e-9 if X64 else 1e-4)
    assert_allclose(TANH.dual_derivative(q, q, q), slope, atol=4e-9 if X64 else 1e-3)


@pytest.mark.slow
def test_zero_variance():
    """A constant zero times v: E[phi(0) phi(v)] = 0, and phi'(0) E[phi'(v)]."""
    slopes = {"ReLU": 0.25, "linear": 1.0, "GELU": 0.25, "erf": 4 / np.pi / np.sqrt(3)}
    for activation in ALL:
        dual, slope = activation.averages(0.0, 1.0, 0.0)
        assert_allclose(dual, 0.0, atol=1e-7)
        mean = slopes.get(activation.name) or quadrature(activation.derivative, 0.0, 1.0, 0.0)
        assert_allclose(slope, mean, atol=1e-9 if X64 else 1e-6)
