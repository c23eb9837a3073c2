"""Gaussian processes against conditioning done another way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from infinite_width.activations import ERF, RELU
from infinite_width.gaussian_process import log_marginal_likelihood, posterior, sample
from infinite_width.kernels import mlp_kernels

EPS = float(jnp.finfo(jnp.zeros(()).dtype).eps)


def kernel(count=7, seed=0):
    factor = np.random.default_rng(seed).normal(size=(count, 2 * count))
    return factor @ factor.T / count


def rounding(matrix):
    """Errors of a solve: the condition number times eps, and a few operations of size 1."""
    return 10 * np.linalg.cond(matrix) * EPS


@pytest.mark.slow
def test_posterior_equals_block_inverse():
    """Conditional mean and covariance read off the joint precision matrix."""
    joint = kernel()
    y, noise = np.arange(4.0) - 1.5, 0.3
    noisy = joint + np.diag([noise] * 4 + [0.0] * 3)
    precision = np.linalg.inv(noisy)
    covariance = np.linalg.inv(precision[4:, 4:])
    mean = -covariance @ precision[4:, :4] @ y
    result = posterior(joint[:4, :4], joint[4:, :4], joint[4:, 4:], y, noise)
    allowed = rounding(noisy[:4, :4])
    assert allowed < (1e-12 if EPS < 1e-10 else 1e-4)
    assert_allclose(result.mean, mean, rtol=0, atol=allowed)
    assert_allclose(result.covariance, covariance, rtol=0, atol=allowed)
    deviation = np.sqrt(np.diag(covariance))
    assert_allclose(result.standard_deviation, deviation, rtol=allowed / deviation.min() ** 2)


@pytest.mark.slow
def test_noise_free_posterior_interpolates():
    joint = kernel()[:4, :4]
    y = np.stack([np.arange(4.0), np.ones(4)], 1)
    result = posterior(joint, joint, joint, y)
    assert_allclose(result.mean, y, rtol=0, atol=3 * rounding(joint))
    assert_allclose(result.covariance, 0.0, atol=rounding(joint))


@pytest.mark.slow
def test_posterior_of_integers_and_of_zero_test_inputs():
    fit = posterior(np.array([[2, 1], [1, 2]]), np.zeros((1, 2), int), np.eye(1, dtype=int),
                    np.array([1, 0]), 1)
    assert_allclose(fit.mean, 0, atol=0)
    assert_allclose(fit.covariance, 1, rtol=0)


@pytest.mark.slow
def test_posterior_derivative_at_its_own_training_inputs():
    """There the covariance is cleaned of rounding; its derivative is the formula's."""
    x = np.random.default_rng(0).normal(size=(5, 3))
    ahead = np.random.default_rng(1).normal(size=(5, 3))

    def covariance(shift):
        inputs = jnp.asarray(x) + shift * ahead
        k, cross, test = (mlp_kernels(*pair, depth=1).nngp for pair in (
            (x,), (inputs, x), (inputs,)))
        return posterior(k, cross, test, np.ones(5), noise=0.1).covariance

    step = 1e-4 if EPS < 1e-10 else 1e-2
    slope = jax.jacfwd(covariance)(0.5)
    difference = (covariance(0.5 + step) - covariance(0.5 - step)) / (2 * step)
    assert_allclose(slope, difference, atol=step**2 * 30 + 30 * EPS / step)
    # At the inputs themselves, without noise: a second-order zero.
    k = mlp_kernels(x, depth=1).nngp
    scale = jax.grad(lambda s: jnp.trace(posterior(k, k, s * k, np.ones(5)).covariance))(1.0)
    assert_allclose(scale, np.trace(k), rtol=20 * EPS)


POINTS = {
    "own inputs": (np.random.default_rng(0).normal(size=(8, 3)),) * 2,
    # Between dense inputs the posterior of a smooth kernel is a millionth of the prior.
    "a dense line": (np.linspace(-1, 1, 9)[:, None], np.linspace(-1, 1, 120)[:, None]),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", POINTS)
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("unit", [1.0, 1e3])
def test_drawing_from_a_posterior(case, compiled, unit):
    """Its covariance cancels on the scale of the prior, in any unit of y."""
    x, x_test = POINTS[case]
    options = dict(depth=1, activation=ERF, bias_variance=0.5)
    matrices = [unit**2 * mlp_kernels(*inputs, **options).nngp
                for inputs in ((x,), (x_test, x), (x_test,))]
    y = unit * np.sin(x[:, 0])
    noise = 0.0 if case == "own inputs" else unit**2 * 1e4 * EPS
    fit = (jax.jit(posterior) if compiled else posterior)(*matrices, y, noise)
    draws = sample(jax.random.key(0), fit.covariance, 20, fit.mean)
    if case == "own inputs":  # the values themselves, to the root of rounding
        assert_allclose(draws, np.tile(y, (20, 1)), rtol=0, atol=unit * np.sqrt(30 * EPS))
    raw = np.asarray(matrices[2]) - np.asarray(matrices[1]) @ np.linalg.solve(
        np.asarray(matrices[0]) + noise * np.eye(len(x)), np.asarray(matrices[1]).T)
    # Cleaning moves no entry by more than rounding of the prior does.
    assert_allclose(fit.covariance, raw, rtol=0, atol=100 * unit**2 * EPS * len(x_test))


def test_kernels_of_different_processes_are_refused():
    k = kernel(4)
    with pytest.raises(ValueError, match="k_test: expected kernels of one process"):
        posterior(k, k, 0.5 * k, np.ones(4))
    with pytest.raises(ValueError, match="covariance: expected a positive semi-definite"):
        fit = jax.jit(posterior)(k, k, 0.5 * k, np.ones(4))
        sample(jax.random.key(0), fit.covariance)


def diabetes():
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True, scaled=False)
    order = np.random.default_rng(0).permutation(len(x))[:342]
    return x[order], y[order]


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 20, 200])
@pytest.mark.parametrize("activation", [RELU, ERF])
@pytest.mark.parametrize("last", [False, True])
def test_repeated_inputs_without_noise_are_refused(count, activation, last):
    x = np.random.default_rng(count).normal(size=(count, 3))
    x = np.concatenate([x, x[:1]] if last else [x[:1], x])
    k, y = mlp_kernels(x, depth=2, activation=activation).nngp, np.arange(count + 1.0)
    with pytest.raises(ValueError, match="k_train: .*noise > 0, drop repeated inputs"):
        posterior(k, k, k, y)
    with pytest.raises(ValueError, match="k_train: .*noise > 0, drop repeated inputs"):
        log_marginal_likelihood(k, y)
    fit = posterior(k, k, k, y, noise=0.1)
    first, second = (0, count) if last else (0, 1)
    assert_allclose(fit.mean[first], fit.mean[second], rtol=0, atol=1e4 * count * EPS)


@pytest.mark.slow
def test_raw_columns_in_float32_are_refused():
    x, y = diabetes()
    k = mlp_kernels(x, depth=2).nngp
    if EPS > 1e-10:
        with pytest.raises(ValueError, match="scale the inputs .*, or compute in float64"):
            posterior(k, k, k, y)
    else:  # where the numbers are right
        assert_allclose(posterior(k, k, k, y).mean, y, rtol=1e-8)
    scaled = mlp_kernels((x - x.mean(0)) / x.std(0), depth=2).nngp
    allowed = 10 * float(np.linalg.cond(np.asarray(scaled, float))) * EPS * np.abs(y).max()
    assert_allclose(posterior(scaled, scaled, scaled, y).mean, y, rtol=0, atol=allowed)


def test_inputs_of_different_sizes_are_no_reason_to_refuse():
    """Pivots are judged by their own variance: a Cholesky factor knows no units."""
    sizes = 10.0 ** np.arange(-4, 4)
    k = np.outer(sizes, sizes) * kernel(8)
    fit = posterior(k, k, k, sizes)
    assert_allclose(fit.mean / sizes, 1, rtol=10 * rounding(kernel(8)))


def test_marginal_likelihood_is_the_log_density():
    matrix, y = kernel(5), np.array([0.3, -1.0, 0.2, 0.9, 0.0])
    expected = multivariate_normal.logpdf(y, cov=matrix + 0.1 * np.eye(5))
    allowed = rounding(matrix + 0.1 * np.eye(5))
    assert_allclose(log_marginal_likelihood(matrix, y, 0.1), expected, rtol=allowed)
    twice = log_marginal_likelihood(matrix, np.stack([y, y], 1), 0.1)
    assert_allclose(twice, 2 * expected, rtol=allowed)


@pytest.mark.slow
def test_samples_have_the_covariance():
    matrix = kernel(4)
    draws = np.asarray(sample(random.key(0), matrix, 100_000, mean=jnp.arange(4.0)))
    assert draws.shape == (100_000, 4)
    error = np.sqrt(np.diag(matrix) / len(draws))
    assert (np.abs(draws.mean(0) - np.arange(4)) < 5 * error).all()
    spread = np.sqrt((np.outer(np.diag(matrix), np.diag(matrix)) + matrix**2) / len(draws))
    assert (np.abs(np.cov(draws.T) - matrix) < 5 * spread).all()


@pytest.mark.slow
def test_sampling_from_a_singular_covariance():
    draws = sample(random.key(1), np.ones((3, 3)), 5)
    # Eigenvalues that should be zero are some eps; draws go with their roots.
    assert_allclose(draws, draws[:, :1] * np.ones(3), atol=10 * np.sqrt(EPS))


@pytest.mark.parametrize("bad, message", [
    (dict(k_train=-np.eye(2)), "k_train: expected a matrix that is positive definite.*row, 0"),
    (dict(k_train=np.ones((2, 3))), "k_train: expected a square"),
    (dict(k_cross=np.ones((2, 3))), r"k_cross: expected .*\[test, train\], shape \(3, 2\)"),
    (dict(k_train=np.array([["a"]])), "k_train: expected"),
    (dict(y="three"), "y: expected"),
    (dict(y=np.ones(3)), "y: expected 2 values.* got 3"),
    (dict(y=np.array([1.0, np.inf])), "y: expected finite"),
    (dict(noise=-0.1), "noise: expected a finite number >= 0"),
    (dict(noise="0.1"), "noise: expected a finite number >= 0"),
])
def test_bad_input(bad, message):
    arguments = dict(k_train=np.eye(2), k_cross=np.ones((3, 2)), k_test=np.eye(3),
                     y=np.ones(2), noise=0.0) | bad
    with pytest.raises(ValueError, match=message):
        posterior(**arguments)


def test_bad_input_of_sampling():
    with pytest.raises(ValueError, match="covariance: expected a positive semi-definite"):
        sample(random.key(0), np.diag([1.0, -1.0]))
    with pytest.raises(ValueError, match="count: expected an integer >= 1"):
        sample(random.key(0), np.eye(2), 0)
    with pytest.raises(ValueError, match="mean: expected"):
        sample(random.key(0), np.eye(2), 1, np.zeros(3))
