"""Gaussian averages of tanh, by quadrature over a mixture of error functions."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

# Several terms a pass over the kernel matrix: the pass costs memory traffic, not arithmetic.
_TERMS_A_PASS = 16
_SMALLEST_SCALE = 0.17


def _mixture() -> tuple[np.ndarray, np.ndarray]:
    # tanh(x) = E[erf(x / (sqrt(2) Z))] with Z from Kolmogorov's distribution, whose density
    # is the series below (the logistic as a scale mixture of normals: Andrews & Mallows,
    # 1974). In log z the density is analytic and decays doubly exponentially, so that the
    # trapezoidal rule with these 22 points has an error below 1e-11 at every x.
    log_z = np.linspace(math.log(_SMALLEST_SCALE), math.log(3.6), 22)
    z = np.exp(log_z)
    k = np.arange(1, 61)[:, None]
    density = 8 * z * ((-1.0) ** (k + 1) * k**2 * np.exp(-2 * k**2 * z**2)).sum(0)
    weights = density * z * (log_z[1] - log_z[0])
    return 1 / (math.sqrt(2) * z), weights


def _series(q11, q22, q12, power):
    """2/pi sum_m (2m+1)^power c_m r^(2m) D_m(q11) D_m(q22), c_m those of arcsin.

    Each pair of error functions gives an arcsine (Williams, 1996). Expanding it separates the
    two inputs, so that the cost per kernel entry is that of one polynomial instead of one
    arcsine for each pair. With a constant e, r = q12 / sqrt((q11 + e) (q22 + e)) and
    D_m(q) = sum_j weight_j s_j ((q + e) s_j^2)^m. The value does not depend on e; it keeps
    numbers and derivatives finite at q = 0, and as the square of the smallest scale no
    (q + e) s_j^2 exceeds 1.
    """
    q11, q22, q12 = (jnp.asarray(q, jnp.result_type(float, q11)) for q in (q11, q22, q12))
    scales, weights = (jnp.asarray(a, q12.dtype) for a in _mixture())
    shift = _SMALLEST_SCALE**2

    def mixture(q):  # weight_j s_j and log((q + e) s_j^2), along a new last axis
        s = math.sqrt(2) * scales / jnp.sqrt(1 + 2 * scales**2 * q[..., None])
        return weights * s, jnp.log((q[..., None] + shift) * s**2)

    def moments(start, exponent, m):  # D_m, for several m along a new first axis
        return (start * jnp.exp(m[..., None] * exponent)).sum(-1)

    mixture1, mixture2 = mixture(q11), mixture(q22)
    squared = (q12 / jnp.sqrt(q11 + shift) / jnp.sqrt(q22 + shift)) ** 2
    # The terms fall like exp(-2 pi sqrt(m / q)): this many leave 1e-10 of the derivative too.
    largest = jnp.maximum(q11.max(), q22.max())
    blocks = jnp.ceil((26 * largest + 20) / _TERMS_A_PASS).astype(int)

    def horner(step, total):
        first = (_TERMS_A_PASS * (blocks - 1 - step)).astype(q12.dtype)
        m = first + jnp.arange(_TERMS_A_PASS).reshape((-1,) + (1,) * q11.ndim)
        arcsine = jnp.exp(gammaln(m + 0.5) - gammaln(m + 1)) / math.sqrt(math.pi)
        left = arcsine * (2 * m + 1) ** (power - 1) * moments(*mixture1, m)
        # The barrier keeps XLA from computing these vectors anew for every matrix entry.
        left, right = jax.lax.optimization_barrier((left, moments(*mixture2, m)))
        for term in reversed(range(_TERMS_A_PASS)):
            total = total * squared + left[term] * right[term]
        return total

    start = jnp.zeros(jnp.broadcast_shapes(q11.shape, q22.shape, q12.shape), q12.dtype)
    return 2 / math.pi * jax.lax.fori_loop(0, blocks, horner, start)


def _with_derivatives(function):
    """Give an elementwise function of (q11, q22, q12) derivatives in both modes, to any order.

    How many terms the series needs is known at run time only, and such a loop cannot be run
    backwards. But each partial derivative is again such a function, by forward mode; the
    tangents enter after the loop, as factors.
    """

    def partial(index):
        def derivative(*q):
            def along(value):
                return function(*q[:index], value, *q[index + 1 :])

            return jax.jvp(along, (q[index],), (jnp.ones_like(q[index]),))[1]

        return _with_derivatives(derivative)

    @jax.custom_jvp
    def wrapped(q11, q22, q12):
        return function(q11, q22, q12)

    @wrapped.defjvp
    def rule(q, tangents):
        slope = sum(partial(index)(*q) * tangent for index, tangent in enumerate(tangents))
        return wrapped(*q), slope

    return wrapped


dual = _with_derivatives(lambda q11, q22, q12: q12 * _series(q11, q22, q12, power=0))
dual_derivative = _with_derivatives(lambda q11, q22, q12: _series(q11, q22, q12, power=1))
