"""Gaussian processes on finite sets of inputs: draws, posterior and marginal likelihood.

Rasmussen & Williams (2006), chapter 2, is the source throughout.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray, Real

from infinite_width import _rounding, _validate


class Gaussian(NamedTuple):
    """A multivariate normal distribution over the values at n inputs.

    Attributes:
        mean: Shape [n], or [n, outputs].
        covariance: Shape [n, n], shared by the outputs.
    """

    mean: Float[Array, "n *outputs"]
    covariance: Float[Array, "n n"]

    @property
    def standard_deviation(self) -> Float[Array, " n"]:
        """Square root of the diagonal, with rounding below zero cut off."""
        return jnp.sqrt(jnp.maximum(jnp.diagonal(self.covariance), 0.0))


def sample(
    key: PRNGKeyArray,
    covariance: Real[ArrayLike, "n n"],
    count: int = 1,
    mean: Real[ArrayLike, ""] | Real[ArrayLike, " n"] = 0.0,
) -> Float[Array, "count n"]:
    """Draw functions from N(mean, covariance), one a row.

    The covariance may be singular: the draw is mean + sum_i sqrt(lambda_i) z_i v_i over its
    eigenpairs, with z_i ~ N(0, 1).

    Args:
        key: Randomness.
        covariance: Kernel matrix, or the covariance that `posterior` or
            `kernel_dynamics.ensemble` returns.
        count: Number of draws.
        mean: A number, or one for each input.

    Raises:
        ValueError: `covariance` is not square and finite, or has an eigenvalue below zero by
            more than rounding of its largest one; `count` is not an integer >= 1; `mean` has
            another shape, or a value that is not finite.

    Example:
        >>> import jax
        >>> from infinite_width.datasets import circle
        >>> from infinite_width.kernels import mlp_kernels
        >>> covariance = mlp_kernels(circle(5), depth=2).nngp
        >>> sample(jax.random.key(0), covariance, count=3).shape
        (3, 5)
    """
    covariance = _validate.kernel("covariance", covariance)
    _validate.at_least("count", count, 1, integer=True)
    size = len(covariance)
    mean = jnp.asarray(mean)
    if mean.ndim:
        mean = _validate.array("mean", mean, 1, "a number, or values [n]")
        _validate.shape("mean", mean, (size,), "a number, or values [n]")
    eigenvalues, eigenvectors = jnp.linalg.eigh(covariance)
    _validate.semidefinite("covariance", eigenvalues)
    normal = jax.random.normal(key, (count, size), covariance.dtype)
    return mean + (normal * jnp.sqrt(jnp.maximum(eigenvalues, 0.0))) @ eigenvectors.T


def posterior(
    k_train: Real[ArrayLike, "n n"],
    k_cross: Real[ArrayLike, "m n"],
    k_test: Real[ArrayLike, "m m"],
    y: Real[ArrayLike, "n *outputs"],
    noise: Real[ArrayLike, ""] = 0.0,
) -> Gaussian:
    """Condition a zero-mean Gaussian process on observations y = f + N(0, noise).

        mean = k_cross (k_train + noise I)^-1 y
        covariance = k_test - k_cross (k_train + noise I)^-1 k_cross^T

    The covariance is a difference, with rounding on the scale of `k_test`. Eigenvalues that
    rounding alone made negative are set to zero, so that `sample` can draw from it anywhere.

    Args:
        k_train: Kernel between training inputs.
        k_cross: Kernel between test inputs (rows) and training inputs (columns).
        k_test: Kernel between test inputs.
        y: Observed values, [n] or [n, outputs].
        noise: Variance of the observation noise.

    Returns:
        The distribution of the noise-free function at the test inputs.

    Raises:
        ValueError: Shapes do not fit; a value is not finite; `noise` is negative;
            k_train + noise I is not positive definite beyond rounding (a pivot of its Cholesky
            factor, as a share of the diagonal, is below n eps), as with repeated inputs, or raw
            columns in float32, without noise; or the covariance is not positive semi-definite,
            since the three kernels belong to different processes. Under `jit`, `vmap` or
            `grad`, values cannot be looked at, and only shapes are checked.

    Source: Rasmussen & Williams (2006), equations 2.23-2.24.

    Example:
        >>> import jax.numpy as jnp
        >>> from infinite_width.datasets import circle
        >>> from infinite_width.kernels import mlp_kernels
        >>> train, test = circle(jnp.array([0.0, 1.0, 2.0])), circle(jnp.array([0.5, 1.0]))
        >>> k_train, k_cross, k_test = (
        ...     mlp_kernels(*inputs, depth=2).nngp
        ...     for inputs in ((train,), (test, train), (test,)))
        >>> fit = posterior(k_train, k_cross, k_test, jnp.array([0.0, 1.0, 0.0]), noise=0.01)
        >>> [f"{value:.2f}" for value in fit.mean]
        ['0.63', '0.98']
        >>> [f"{value:.2f}" for value in fit.standard_deviation]
        ['0.29', '0.10']
    """
    k_train = _validate.kernel("k_train", k_train)
    k_test = _validate.kernel("k_test", k_test)
    shape = len(k_test), len(k_train)
    k_cross = _validate.kernel("k_cross", k_cross, shape, "a kernel matrix [test, train]")
    y = _validate.observations(y, len(k_train))
    _validate.at_least("noise", noise, 0.0)
    noisy = k_train + noise * jnp.eye(len(k_train), dtype=k_train.dtype)
    factor = _rounding.cholesky("k_train", noisy)
    half = jax.scipy.linalg.solve_triangular(factor, k_cross.T, lower=True)
    mean = half.T @ jax.scipy.linalg.solve_triangular(factor, y, lower=True)
    gain = jax.scipy.linalg.solve_triangular(factor, half, lower=True, trans=1).T
    covariance = _rounding.covariance_of_difference(
        "k_test", k_test - half.T @ half, gain, noisy, k_test
    )
    return Gaussian(mean, covariance)


def log_marginal_likelihood(
    k_train: Real[ArrayLike, "n n"],
    y: Real[ArrayLike, "n *outputs"],
    noise: Real[ArrayLike, ""] = 0.0,
) -> Float[Array, ""]:
    """Log density of the observations, in nats, summed over outputs.

        -1/2 y^T A^-1 y - 1/2 log det A - n/2 log(2 pi),   A = k_train + noise I

    Raises:
        ValueError: As `posterior`.

    Source: Rasmussen & Williams (2006), equation 2.30.

    Example:
        >>> import jax.numpy as jnp
        >>> y = jnp.array([1.0, -1.0])
        >>> f"{log_marginal_likelihood(jnp.eye(2), y, noise=1.0):.3f}"  # two draws of N(0, 2)
        '-3.031'
    """
    k_train = _validate.kernel("k_train", k_train)
    y = _validate.observations(y, len(k_train))
    _validate.at_least("noise", noise, 0.0)
    noisy = k_train + noise * jnp.eye(len(k_train), dtype=k_train.dtype)
    return _log_density(_rounding.cholesky("k_train", noisy), y)


def _log_density(factor, y):
    """Log density of y, summed over outputs, from the Cholesky factor of its covariance."""
    half = jax.scipy.linalg.solve_triangular(factor, y, lower=True)
    log_determinant = 2 * jnp.log(jnp.diagonal(factor)).sum()
    outputs = 1 if y.ndim == 1 else y.shape[1]
    return -0.5 * (half**2).sum() - 0.5 * outputs * (
        log_determinant + len(factor) * jnp.log(2 * jnp.pi)
    )
