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


def quadrature(function, q11, q22, q12, nodes=160):
    """E[f(u) f(v)] by Gauss-Hermite quadrature in double precision."""
    z, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    slope = q12 / np.sqrt(q11)
    u = np.sqrt(q11) * z
    v = slope * z[:, None] + np.sqrt(max(q22 - slope**2, 0.0)) * z
    f_u, f_v = (np.asarray(function(jnp.asarray(w)), float) for w in (u, v))
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


def test_relu_gradient_is_finite_at_coinciding_inputs():
    one = jnp.asarray(1.0)
    gradient = jax.grad(RELU.dual, argnums=(0, 1, 2))(one, one, one)
    assert np.isfinite(np.asarray(gradient)).all()


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


def test_zero_variance_is_harmless():
    zero, one = jnp.asarray(0.0), jnp.asarray(1.0)
    for activation in ALL:
        values = [activation.dual(zero, one, zero), activation.dual_derivative(zero, one, zero)]
        assert np.isfinite(values).all(), activation.name
