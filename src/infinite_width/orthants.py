"""Probabilities of sign patterns of Gaussian processes, down to where no counting reaches.

The probability that a draw from N(0, covariance) has given signs is the mass of an orthant. For
the NNGP kernel it is the probability that an infinitely wide network at initialisation labels
given inputs in a given way: the volume P(f) of a Boolean function, or the marginal likelihood
P(S) of a training set.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr, ndtri
from jax.typing import ArrayLike
from jaxtyping import PRNGKeyArray, Real, Shaped

from infinite_width import _validate
from infinite_width.measure import Estimate


def log_orthant_probability(
    key: PRNGKeyArray,
    covariance: Real[ArrayLike, "points points"],
    positive: Sequence[int] | Shaped[ArrayLike, " points"],
    samples: int = 4096,
) -> Estimate:
    """Estimate ln P that a draw from N(0, covariance) is positive exactly where `positive` says.

    Importance sampling, one coordinate after the other, from truncated normals whose shifts
    solve a saddle-point problem (minimax tilting). The error of ln P stays small where P is far
    too small for counting. The next coordinate is always the one that is least likely to have
    its sign. Use float64 for kernels with small eigenvalues.

    Args:
        key: Randomness.
        covariance: Kernel at the inputs, positive definite.
        positive: The pattern; numbers above 0 count as true.
        samples: Number of importance samples.

    Returns:
        ln P and its standard error; arrays under ``vmap``.

    Raises:
        ValueError: `covariance` is not square, finite and positive definite, shapes do not fit,
            or `samples` is not an integer >= 2.

    Example:
        Two independent signs are fair coins: ln P = ln 1/4.

        >>> import jax
        >>> import jax.numpy as jnp
        >>> from infinite_width.orthants import log_orthant_probability
        >>> estimate = log_orthant_probability(jax.random.key(0), jnp.eye(2), [1, 0], 100)
        >>> round(estimate.value, 4)
        -1.3863

    Source: Botev (2017).
    """
    covariance = _validate.kernel("covariance", covariance)
    positive = jnp.asarray(positive)
    _validate.shape("positive", positive, (len(covariance),), "one entry for each input")
    _validate.at_least("samples", samples, 2, integer=True)
    if not isinstance(covariance, jax.core.Tracer):
        # NumPy, because under jit a JAX function of a constant has no value.
        eigenvalues = np.linalg.eigvalsh(np.asarray(covariance))
        if eigenvalues[0] <= jnp.finfo(covariance.dtype).eps * eigenvalues[-1]:
            raise ValueError("covariance: expected a positive definite matrix; got smallest "
                             f"eigenvalue {eigenvalues[0]:.3g}")
    signs = jnp.where(positive > 0, 1, -1).astype(covariance.dtype)
    value, error = _tilted(key, signs[:, None] * covariance * signs, samples)
    if isinstance(value, jax.core.Tracer):
        return Estimate(value, error)
    return Estimate(float(value), float(error))


def _hazard(a):
    """Return E[Z | Z > -a] of a standard normal Z."""
    return jnp.exp(-0.5 * a**2 - log_ndtr(a)) / jnp.sqrt(2 * jnp.pi)


def _ordered_cholesky(covariance):
    """Factor after a greedy permutation: next comes whatever is least likely to be positive."""
    size = len(covariance)

    def place(k, state):
        matrix, factor, means = state
        variance = jnp.diagonal(matrix) - (factor**2).sum(1)
        variance = jnp.maximum(variance, jnp.finfo(matrix.dtype).eps * jnp.diagonal(matrix))
        score = jnp.where(jnp.arange(size) >= k, factor @ means / jnp.sqrt(variance), jnp.inf)
        chosen = jnp.argmin(score)
        swap = jnp.arange(size).at[k].set(chosen).at[chosen].set(k)
        matrix, factor = matrix[swap][:, swap], factor[swap]
        pivot = jnp.sqrt(variance[chosen])
        column = (matrix[:, k] - factor @ factor[k]) / pivot
        factor = factor.at[:, k].set(jnp.where(jnp.arange(size) > k, column, 0).at[k].set(pivot))
        return matrix, factor, means.at[k].set(_hazard(score[chosen]))

    start = (covariance, jnp.zeros_like(covariance), jnp.zeros(size, covariance.dtype))
    return jax.lax.fori_loop(0, size, place, start)[1]


@partial(jax.jit, static_argnames="samples")
def _tilted(key, covariance, samples):
    factor = _ordered_cholesky(covariance)
    slopes = jnp.tril(factor, -1) / jnp.diagonal(factor)[:, None]
    shifts = _saddle_point(slopes)
    size = len(slopes)

    def coordinate(state, inputs):
        z, log_weight = state
        k, shift, slope, uniform = inputs
        log_mass = log_ndtr(shift + z @ slope)
        new = shift - ndtri(jnp.maximum(jnp.exp(jnp.log(uniform) + log_mass), tiny))
        log_weight = log_weight + shift * (shift / 2 - new) + log_mass
        return (z.at[:, k].set(new), log_weight), None

    tiny = jnp.finfo(slopes.dtype).tiny
    uniform = jax.random.uniform(key, (size, samples), slopes.dtype, minval=tiny)
    start = jnp.zeros((samples, size), slopes.dtype), jnp.zeros(samples, slopes.dtype)
    (_, log_weight), _ = jax.lax.scan(
        coordinate, start, (jnp.arange(size), shifts, slopes, uniform)
    )
    weight = jnp.exp(log_weight - log_weight.max())
    error = weight.std() / weight.mean() / jnp.sqrt(samples)
    return log_weight.max() + jnp.log(weight.mean()), error


def _saddle_point(slopes):
    """Solve for the shifts: damped Newton on the gradient in (x, shifts), last entries zero.

    Any shifts give an unbiased estimate; where Newton does not arrive, only precision suffers.
    """
    size = len(slopes)
    eye, free = jnp.eye(size, dtype=slopes.dtype), jnp.arange(size) < size - 1
    tolerance = 100 * jnp.finfo(slopes.dtype).eps * size

    def gradient(x, shift):
        hazard = _hazard(shift + slopes @ x)
        return jnp.stack([free * (slopes.T @ hazard - shift), free * (shift - x + hazard)])

    def step(state):
        v, g, count = state
        a = v[1] + slopes @ v[0]
        curvature = -_hazard(a) * (a + _hazard(a))
        # The Jacobian in blocks: that of the shifts is diagonal, so eliminate them.
        mixed = curvature[:, None] * slopes
        cross = (mixed - eye) * free * free[:, None]
        pivot = 1 + curvature
        schur = slopes.T @ mixed - cross.T @ (cross / pivot[:, None])
        schur = jnp.where(free & free[:, None], schur, eye)
        dx = jnp.linalg.solve(schur, g[0] - cross.T @ (g[1] / pivot))
        direction = jnp.stack([dx, (g[1] - cross @ dx) / pivot])
        lengths = 0.5 ** jnp.arange(12, dtype=slopes.dtype)
        norms = jax.vmap(lambda t: jnp.abs(gradient(*(v - t * direction))).max())(lengths)
        norms = jnp.where(jnp.isfinite(norms), norms, jnp.inf)
        v = v - lengths[jnp.argmin(norms)] * direction
        return v, gradient(*v), count + 1

    def unfinished(state):
        return (jnp.abs(state[1]).max() > tolerance) & (state[2] < 50)

    v = jnp.zeros((2, size), slopes.dtype)
    v, _, _ = jax.lax.while_loop(unfinished, step, (v, gradient(*v), 0))
    return v[1]
