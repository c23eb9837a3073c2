"""Gaussian processes against conditioning done another way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from infinite_width.gaussian_process import log_marginal_likelihood, posterior, sample

X64 = jax.config.jax_enable_x64
RTOL = 1e-9 if X64 else 2e-4


def kernel(count=7, seed=0):
    factor = np.random.default_rng(seed).normal(size=(count, 2 * count))
    return factor @ factor.T / count


def test_posterior_equals_block_inverse():
    """Conditional mean and covariance read off the joint precision matrix."""
    joint = kernel()
    y, noise = np.arange(4.0) - 1.5, 0.3
    noisy = joint + np.diag([noise] * 4 + [0.0] * 3)
    precision = np.linalg.inv(noisy)
    covariance = np.linalg.inv(precision[4:, 4:])
    mean = -covariance @ precision[4:, :4] @ y
    result = posterior(joint[:4, :4], joint[4:, :4], joint[4:, 4:], y, noise)
    assert_allclose(result.mean, mean, rtol=RTOL, atol=1e-5)
    assert_allclose(result.covariance, covariance, rtol=RTOL, atol=1e-5)
    assert_allclose(result.standard_deviation, np.sqrt(np.diag(covariance)), rtol=RTOL)


def test_noise_free_posterior_interpolates():
    joint = kernel()
    y = np.stack([np.arange(4.0), np.ones(4)], 1)
    result = posterior(joint[:4, :4], joint[:4, :4], joint[:4, :4], y)
    assert_allclose(result.mean, y, atol=1e-8 if X64 else 1e-3)
    assert_allclose(result.covariance, 0.0, atol=1e-8 if X64 else 1e-3)


def test_marginal_likelihood_is_the_log_density():
    matrix, y = kernel(5), np.array([0.3, -1.0, 0.2, 0.9, 0.0])
    expected = multivariate_normal.logpdf(y, cov=matrix + 0.1 * np.eye(5))
    assert_allclose(log_marginal_likelihood(matrix, y, 0.1), expected, rtol=RTOL)
    twice = log_marginal_likelihood(matrix, np.stack([y, y], 1), 0.1)
    assert_allclose(twice, 2 * expected, rtol=RTOL)


def test_samples_have_the_covariance():
    matrix = kernel(4)
    draws = np.asarray(sample(random.key(0), matrix, 100_000, mean=jnp.arange(4.0)))
    assert draws.shape == (100_000, 4)
    error = np.sqrt(np.diag(matrix) / len(draws))
    assert (np.abs(draws.mean(0) - np.arange(4)) < 5 * error).all()
    spread = np.sqrt((np.outer(np.diag(matrix), np.diag(matrix)) + matrix**2) / len(draws))
    assert (np.abs(np.cov(draws.T) - matrix) < 5 * spread).all()


def test_sampling_from_a_singular_covariance():
    draws = sample(random.key(1), np.ones((3, 3)), 5)
    assert_allclose(draws, draws[:, :1] * np.ones(3), atol=1e-6 if X64 else 1e-2)


@pytest.mark.parametrize("bad, message", [
    (dict(k_train=-np.eye(2)), "k_train: expected a positive definite.*eigenvalue -1"),
    (dict(k_train=np.ones((2, 3))), "k_train: expected a square"),
    (dict(k_cross=np.ones((2, 3))), r"k_cross: expected \[test, train\]"),
    (dict(y=np.ones(3)), "y: expected 2 values.* got 3"),
    (dict(y=np.array([1.0, np.inf])), "y: expected finite"),
    (dict(noise=-0.1), "noise: expected a finite number >= 0"),
])
def test_bad_input(bad, message):
    arguments = dict(k_train=np.eye(2), k_cross=np.ones((3, 2)), k_test=np.eye(3),
                     y=np.ones(2), noise=0.0) | bad
    with pytest.raises(ValueError, match=message):
        posterior(**arguments)


def test_sampling_bad_input():
    with pytest.raises(ValueError, match="covariance: expected a positive semi-definite"):
        sample(random.key(0), np.diag([1.0, -1.0]))
    with pytest.raises(ValueError, match="count: expected an integer >= 1"):
        sample(random.key(0), np.eye(2), 0)
