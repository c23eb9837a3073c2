"""Measured numbers with their errors: slopes, bootstrap, and how alike two kernels are."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from infinite_width import _validate


class Estimate(NamedTuple):
    """A measured number and one standard error of it.

    Attributes:
        value: The estimate.
        error: Its standard error, in the same unit.
    """

    value: float
    error: float


def loglog_slope(
    x: Float[Array, " points"], y: Float[Array, "*seeds points"]
) -> Estimate:
    """Fit the exponent p of y ~ x^p: least squares of log y against log x.

    Args:
        x: Positive numbers, for example widths.
        y: Positive numbers: one curve [points], or one a seed [seeds, points].

    Returns:
        From one curve, its slope and the regression's standard error
        sqrt(sum residual^2 / (points - 2) / sum (log x - mean)^2), which takes the points for
        independent. From several, the mean of their slopes and its standard error, the
        standard deviation over seeds (ddof 1) divided by sqrt(seeds).

    Raises:
        ValueError: Fewer than 3 points, fewer than 2 seeds, shapes that do not fit, values that
            are not positive and finite, or an `x` that is the same everywhere.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 1 or len(x) < 3:
        raise ValueError(f"x: expected at least 3 points, shape [points]; got shape {x.shape}")
    if y.ndim not in (1, 2) or y.shape[-1] != len(x):
        raise ValueError(f"y: expected [{len(x)}] or [seeds, {len(x)}]; got shape {y.shape}")
    if y.ndim == 2 and len(y) < 2:
        raise ValueError(f"y: expected at least 2 seeds; got {len(y)}")
    for name, array in (("x", x), ("y", y)):
        if not (np.isfinite(array).all() and (array > 0).all()):
            raise ValueError(f"{name}: expected positive finite values; got {array!r}")
    centred = np.log(x) - np.log(x).mean()
    spread = (centred**2).sum()
    if spread == 0:
        raise ValueError(f"x: expected at least two different values; got {x!r}")
    slopes = np.log(y) @ centred / spread
    if y.ndim == 2:
        return Estimate(float(slopes.mean()), float(slopes.std(ddof=1) / np.sqrt(len(y))))
    residual = np.log(y) - np.log(y).mean() - slopes * centred
    return Estimate(float(slopes), float(np.sqrt((residual**2).sum() / (len(x) - 2) / spread)))


def bootstrap(
    statistic: Callable[[PyTree], Float[Array, "*shape"]],
    samples: PyTree[Float[Array, "count ..."]],
    key: PRNGKeyArray,
    resamples: int = 1000,
) -> Estimate:
    """Standard error of a statistic by drawing samples again with replacement.

    Args:
        statistic: Function of the samples, written in JAX, of any fixed shape.
        samples: Array or tree of arrays with independent samples along the first axis.
        key: Randomness.
        resamples: Number of draws; the error itself is uncertain by 1 / sqrt(2 resamples).

    Returns:
        The statistic of `samples` and its standard deviation over the draws: floats for a
        scalar statistic, else arrays of its shape.

    Raises:
        ValueError: Fewer than 2 samples, arrays of unequal length, or `resamples` is not an
            integer >= 2.

    Source: Efron (1979).
    """
    _validate.at_least("resamples", resamples, 2, integer=True)
    samples = jax.tree.map(jnp.asarray, samples)
    counts = {leaf.shape[:1] for leaf in jax.tree.leaves(samples)}
    if len(counts) != 1 or min(counts) < (2,):
        raise ValueError(
            "samples: expected at least 2 along the first axis of every array; "
            f"got lengths {sorted(counts)}"
        )
    (count,) = min(counts)

    def once(key):
        index = jax.random.randint(key, (count,), 0, count)
        return statistic(jax.tree.map(lambda leaf: leaf[index], samples))

    draws = jax.jit(lambda keys: jax.lax.map(once, keys))(jax.random.split(key, resamples))
    value, error = np.asarray(statistic(samples)), np.asarray(draws).std(0, ddof=1)
    return Estimate(float(value), float(error)) if value.ndim == 0 else Estimate(value, error)


def _pair(names, first, second):
    first, second = (_validate.array(name, kernel, 2, "a kernel matrix")
                     for name, kernel in zip(names, (first, second), strict=True))
    _validate.shape(names[1], second, first.shape, f"as {names[0]}")
    return first, second


def kernel_distance(
    kernel: Float[Array, "n m"], reference: Float[Array, "n m"]
) -> Float[Array, ""]:
    """Relative Frobenius distance |kernel - reference| / |reference|.

    Raises:
        ValueError: Not two finite matrices of the same shape.
    """
    kernel, reference = _pair(("kernel", "reference"), kernel, reference)
    return jnp.linalg.norm(kernel - reference) / jnp.linalg.norm(reference)


def kernel_alignment(
    k1: Float[Array, "n m"], k2: Float[Array, "n m"], centred: bool = False
) -> Float[Array, ""]:
    """Cosine of the angle between two kernels, <k1, k2> / (|k1| |k2|), Frobenius.

    Args:
        k1: A kernel matrix.
        k2: Another one of the same shape.
        centred: Whether to subtract row and column means first, k -> H k H with
            H = 1 - 11^T / n, so that a constant shared by all entries counts for nothing.

    Raises:
        ValueError: Not two finite matrices of the same shape.

    Source: Cristianini et al. (2001); centred: Cortes et al. (2012).
    """
    k1, k2 = _pair(("k1", "k2"), k1, k2)
    if centred:
        k1, k2 = (k - k.mean(0) - k.mean(1, keepdims=True) + k.mean() for k in (k1, k2))
    return jnp.sum((k1 / jnp.linalg.norm(k1)) * (k2 / jnp.linalg.norm(k2)))


def kernel_target_alignment(
    kernel: Float[Array, "n n"], y: Float[Array, "n *outputs"], centred: bool = False
) -> Float[Array, ""]:
    """Alignment of a kernel with its targets, `kernel_alignment(kernel, y y^T, centred)`.

    Between 0 and 1 for a positive semi-definite kernel; 1 if it is proportional to y y^T, and
    1 / sqrt(n) for the identity and one output.

    Raises:
        ValueError: Shapes do not fit, or a value is not finite.

    Source: Cristianini et al. (2001).
    """
    y = jnp.asarray(y)
    y = _validate.array("y", y, 2 if y.ndim == 2 else 1, "targets [n] or [n, outputs]")
    y = y.reshape(len(y), -1)
    return kernel_alignment(kernel, y @ y.T, centred)
