"""Gaussian processes on finite sets of inputs: draws, posterior and marginal likelihood.

Rasmussen & Williams (2006), chapter 2, is the source throughout.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from infinite_width import _validate


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


def _square(name, matrix):
    matrix = _validate.array(name, matrix, 2, "a square kernel matrix")
    _validate.shape(name, matrix, (matrix.shape[0],) * 2, "a square kernel matrix")
    return matrix


def _cholesky(name, matrix):
    factor = jnp.linalg.cholesky(matrix)
    if not isinstance(factor, jax.core.Tracer) and not bool(jnp.isfinite(factor).all()):
        smallest = float(jnp.linalg.eigvalsh(matrix)[0])
        raise ValueError(
            f"{name}: expected a positive definite matrix; got smallest eigenvalue "
            f"{smallest:.3g}. Coinciding inputs need noise > 0, or float64."
        )
    return factor


def sample(
    key: PRNGKeyArray,
    covariance: Float[Array, "n n"],
    count: int = 1,
    mean: Float[Array, " n"] | float = 0.0,
) -> Float[Array, "count n"]:
    """Draw functions from N(mean, covariance), one a row.

    The covariance may be singular: the draw is mean + sum_i sqrt(lambda_i) z_i v_i over its
    eigenpairs, with z_i ~ N(0, 1).

    Args:
        key: Randomness.
        covariance: Kernel matrix.
        count: Number of draws.
        mean: A number, or one for each input.

    Raises:
        ValueError: `covariance` is not square and finite, or has an eigenvalue below zero by
            more than rounding; `count` is not an integer >= 1.
    """
    covariance = _square("covariance", covariance)
    _validate.at_least("count", count, 1, integer=True)
    eigenvalues, eigenvectors = jnp.linalg.eigh(covariance)
    size = covariance.shape[0]
    rounding = 10 * size * jnp.finfo(covariance.dtype).eps * jnp.abs(eigenvalues).max()
    if not isinstance(eigenvalues, jax.core.Tracer) and bool(eigenvalues[0] < -rounding):
        raise ValueError(
            "covariance: expected a positive semi-definite matrix; got smallest eigenvalue "
            f"{float(eigenvalues[0]):.3g}"
        )
    normal = jax.random.normal(key, (count, size), covariance.dtype)
    return mean + (normal * jnp.sqrt(jnp.maximum(eigenvalues, 0.0))) @ eigenvectors.T


def posterior(
    k_train: Float[Array, "n n"],
    k_cross: Float[Array, "m n"],
    k_test: Float[Array, "m m"],
    y: Float[Array, "n *outputs"],
    noise: float = 0.0,
) -> Gaussian:
    """Condition a zero-mean Gaussian process on observations y = f + N(0, noise).

        mean = k_cross (k_train + noise I)^-1 y
        covariance = k_test - k_cross (k_train + noise I)^-1 k_cross^T

    Args:
        k_train: Kernel between training inputs.
        k_cross: Kernel between test inputs (rows) and training inputs (columns).
        k_test: Kernel between test inputs.
        y: Observed values, [n] or [n, outputs].
        noise: Variance of the observation noise.

    Returns:
        The distribution of the noise-free function at the test inputs.

    Raises:
        ValueError: Shapes do not fit, a value is not finite, `noise` is negative, or
            k_train + noise I is not positive definite.

    Source: Rasmussen & Williams (2006), equations 2.23-2.24.
    """
    k_train, k_test = _square("k_train", k_train), _square("k_test", k_test)
    k_cross = _validate.array("k_cross", k_cross, 2, "a kernel matrix [test, train]")
    _validate.shape("k_cross", k_cross, (len(k_test), len(k_train)), "[test, train]")
    y = _observations(y, len(k_train))
    _validate.at_least("noise", noise, 0.0)
    factor = _cholesky("k_train", k_train + noise * jnp.eye(len(k_train)))
    half = jax.scipy.linalg.solve_triangular(factor, k_cross.T, lower=True)
    mean = half.T @ jax.scipy.linalg.solve_triangular(factor, y, lower=True)
    return Gaussian(mean, k_test - half.T @ half)


def _observations(y, count):
    y = jnp.asarray(y)
    y = _validate.array("y", y, 2 if y.ndim == 2 else 1, "values [n] or [n, outputs]")
    if len(y) != count:
        raise ValueError(f"y: expected {count} values, one for each training input; "
                         f"got {len(y)}")
    return y


def log_marginal_likelihood(
    k_train: Float[Array, "n n"], y: Float[Array, "n *outputs"], noise: float = 0.0
) -> Float[Array, ""]:
    """Log density of the observations, in nats, summed over outputs.

        -1/2 y^T A^-1 y - 1/2 log det A - n/2 log(2 pi),   A = k_train + noise I

    Raises:
        ValueError: As `posterior`.

    Source: Rasmussen & Williams (2006), equation 2.30.
    """
    k_train = _square("k_train", k_train)
    y = _observations(y, len(k_train))
    _validate.at_least("noise", noise, 0.0)
    factor = _cholesky("k_train", k_train + noise * jnp.eye(len(k_train)))
    half = jax.scipy.linalg.solve_triangular(factor, y, lower=True)
    outputs = 1 if y.ndim == 1 else y.shape[1]
    log_determinant = 2 * jnp.log(jnp.diagonal(factor)).sum()
    return -0.5 * (half**2).sum() - 0.5 * outputs * (
        log_determinant + len(k_train) * jnp.log(2 * jnp.pi)
    )
