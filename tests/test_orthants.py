import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from infinite_width.boolean_functions import hypercube, truth_tables
from infinite_width.kernels import mlp_kernels
from infinite_width.orthants import log_orthant_probability

KEY = jax.random.key(8)
X64 = jnp.zeros(()).dtype == jnp.float64


@pytest.mark.slow
def test_independent_signs_are_fair_coins():
    estimate = log_orthant_probability(KEY, jnp.diag(jnp.arange(1.0, 41.0)), jnp.arange(40) % 2)
    assert isinstance(estimate.value, float) and isinstance(estimate.error, float)
    # No randomness is left; rounding of 40 logarithms.
    assert_allclose(estimate.value, -40 * np.log(2), rtol=40 * jnp.finfo(jnp.zeros(())).eps)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [-0.7, 0.2, 0.9])
def test_two_signs_in_closed_form(correlation):
    covariance = jnp.array([[4.0, 2 * correlation], [2 * correlation, 1.0]])
    both = 0.25 + np.arcsin(correlation) / (2 * np.pi)
    for positive, expected in (([1, 1], both), ([0, 0], both), ([1, 0], 0.5 - both)):
        estimate = log_orthant_probability(KEY, covariance, jnp.array(positive))
        assert abs(estimate.value - np.log(expected)) < 5 * estimate.error + 1e-5
        assert estimate.error < 0.02


@pytest.mark.slow
def test_correlation_one_half_is_a_rank():
    # z_i = u_i - u_0 are all positive if u_0 is the least of 21 equal numbers.
    covariance = 0.5 * (jnp.eye(20) + 1)
    estimate = log_orthant_probability(KEY, covariance, jnp.ones(20), samples=20_000)
    assert abs(estimate.value + np.log(21)) < 5 * estimate.error
    assert estimate.error < 0.01


@pytest.mark.slow
def test_against_scipy_in_six_dimensions():
    generator = np.random.default_rng(2)
    root = generator.normal(size=(6, 8))
    covariance = root @ root.T / 8
    for positive in generator.integers(0, 2, (4, 6)):
        signs = 2 * positive - 1
        expected = multivariate_normal.cdf(
            np.zeros(6), np.zeros(6), signs[:, None] * covariance * signs, abseps=1e-7
        )
        estimate = log_orthant_probability(KEY, jnp.asarray(covariance), positive)
        # scipy's 1e-7 is far below 5 errors of ours for probabilities above 1e-4.
        assert expected > 1e-4
        assert abs(estimate.value - np.log(expected)) < 5 * estimate.error


@pytest.mark.slow
def test_all_functions_add_up_to_one():
    kernel = mlp_kernels(hypercube(3, low=-1), depth=2, bias_variance=0.1).nngp
    tables = truth_tables(3)
    keys = jax.random.split(KEY, len(tables))
    estimate = jax.vmap(lambda k, f: log_orthant_probability(k, kernel, f, 1000))(keys, tables)
    probability = np.exp(np.asarray(estimate.value))
    error = np.sqrt(((probability * np.asarray(estimate.error)) ** 2).sum())
    assert error < 0.003
    assert abs(probability.sum() - 1) < 5 * error


@pytest.mark.slow
def test_rare_signs_have_small_errors():
    # ln P of a far corner: antisymmetric signs under a nearly constant process. For two blocks
    # z = sqrt(c) u + sqrt(1 - c) e the probability is E[prod Phi(+-t u)], by quadrature.
    c, half = 0.95, 6
    covariance = c * jnp.ones((2 * half, 2 * half)) + (1 - c) * jnp.eye(2 * half)
    from scipy.stats import norm

    u = np.linspace(-12, 12, 20_001)
    t = np.sqrt(c / (1 - c)) * u
    density = norm.pdf(u) * np.exp(half * (norm.logcdf(t) + norm.logcdf(-t)))
    expected = np.log(density.sum() * (u[1] - u[0]))
    estimate = log_orthant_probability(KEY, covariance, jnp.arange(2 * half) % 2)
    assert expected < -10
    assert estimate.error < 0.05
    assert abs(estimate.value - expected) < 5 * estimate.error + (0 if X64 else 1e-3)


@pytest.mark.slow
def test_the_error_is_honest():
    covariance = jnp.asarray(mlp_kernels(hypercube(3, low=-1), depth=1, bias_variance=0.1).nngp)
    keys = jax.random.split(KEY, 60)
    positive = jnp.array([0, 1, 1, 0, 1, 0, 0, 1])
    one = jax.vmap(lambda k: log_orthant_probability(k, covariance, positive, 500))
    value, error = map(np.asarray, one(keys))
    # The spread of 60 values is known to 1/sqrt(120) = 9 %; four of these.
    assert_allclose(value.std(ddof=1) / error.mean(), 1, atol=0.4)


@pytest.mark.parametrize("arguments, name", [
    ((jnp.zeros((2, 3)), [1, 1]), "covariance"),
    ((jnp.ones((2, 2)), [1, 1]), "covariance"),
    ((jnp.array([[1.0, 2.0], [2.0, 1.0]]), [1, 1]), "covariance"),
    ((jnp.eye(2), [1, 1, 1]), "positive"),
    ((jnp.eye(2), [1, 1], 1), "samples"),
])
def test_bad_input_names_the_argument(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}:"):
        log_orthant_probability(KEY, *arguments)
