"""Activation functions and their Gaussian averages ("dual" functions).

For (u, v) ~ N(0, [[q11, q12], [q12, q22]]) a wide layer needs two numbers:
E[phi(u) phi(v)] for the NNGP kernel, and E[phi'(u) phi'(v)] for the NTK.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf, gammaln
from jaxtyping import Array, Float

Elementwise = Callable[[Float[Array, "*shape"]], Float[Array, "*shape"]]
Dual = Callable[
    [Float[Array, "*shape"], Float[Array, "*shape"], Float[Array, "*shape"]],
    Float[Array, "*shape"],
]


@dataclass(frozen=True)
class Activation:
    """An activation function with its Gaussian averages.

    Attributes:
        name: How figures and tables call it.
        phi: The function, elementwise.
        derivative: Its derivative, elementwise.
        dual: (q11, q22, q12) -> E[phi(u) phi(v)], elementwise over arrays that broadcast.
        dual_derivative: (q11, q22, q12) -> E[phi'(u) phi'(v)].
    """

    name: str
    phi: Elementwise
    derivative: Elementwise
    dual: Dual
    dual_derivative: Dual


def _safe_sqrt(x):
    # The gradient of sqrt at 0 is infinite; identical inputs must not spoil a derivative.
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


def _angle(q11, q22, q12):
    # sqrt(q * q) == q exactly in IEEE arithmetic, so that identical inputs get the angle 0
    # exactly; arccos of a rounded cosine would be off by sqrt(machine epsilon).
    product = _safe_sqrt(q11 * q22)
    sine = _safe_sqrt((product - q12) * (product + q12))
    return sine, jnp.arctan2(sine, q12)


def _relu_dual(q11, q22, q12):
    sine, theta = _angle(q11, q22, q12)
    return (sine + (math.pi - theta) * q12) / (2 * math.pi)


def _relu_dual_derivative(q11, q22, q12):
    _, theta = _angle(q11, q22, q12)
    return (math.pi - theta) / (2 * math.pi)


RELU = Activation(
    "ReLU",
    jax.nn.relu,
    lambda z: (z > 0).astype(jnp.result_type(z)),
    _relu_dual,
    _relu_dual_derivative,
)
"""max(0, z); averages from Cho & Saul (2009), equations 3-6, halved."""


def _erf_dual(q11, q22, q12):
    return 2 / math.pi * jnp.arcsin(2 * q12 / jnp.sqrt((1 + 2 * q11) * (1 + 2 * q22)))


def _erf_dual_derivative(q11, q22, q12):
    return 4 / math.pi / jnp.sqrt((1 + 2 * q11) * (1 + 2 * q22) - 4 * q12**2)


ERF = Activation(
    "erf",
    erf,
    lambda z: 2 / math.sqrt(math.pi) * jnp.exp(-(z**2)),
    _erf_dual,
    _erf_dual_derivative,
)
"""The error function; average from Williams (1996), equation 11."""


def _gelu_parts(q11, q22, q12):
    determinant = (1 + q11) * (1 + q22) - q12**2
    density = 1 / (2 * math.pi * jnp.sqrt(determinant))  # E[pdf(u) pdf(v)]
    orthant = 0.25 + jnp.arcsin(q12 / jnp.sqrt((1 + q11) * (1 + q22))) / (2 * math.pi)
    return determinant, density, orthant


def _gelu_dual(q11, q22, q12):
    _, density, orthant = _gelu_parts(q11, q22, q12)
    shrink = 1 - 1 / (1 + q11) - 1 / (1 + q22)
    return density * (q11 * q22 - q12**2 * shrink) + q12 * orthant


def _gelu_dual_derivative(q11, q22, q12):
    determinant, density, orthant = _gelu_parts(q11, q22, q12)
    return orthant + q12 * density * (1 / (1 + q11) + 1 / (1 + q22) + 1 / determinant)


def _normal_cdf(z):
    return 0.5 * (1 + erf(z / math.sqrt(2)))


GELU = Activation(
    "GELU",
    lambda z: z * _normal_cdf(z),
    lambda z: _normal_cdf(z) + z * jnp.exp(-(z**2) / 2) / math.sqrt(2 * math.pi),
    _gelu_dual,
    _gelu_dual_derivative,
)
"""z times the normal cdf of z; averages by Stein's lemma (compare Tsuchida et al., 2021)."""


def _tanh_mixture() -> tuple[np.ndarray, np.ndarray]:
    # tanh(x) = E[erf(x / (sqrt(2) Z))] with Z from Kolmogorov's distribution, whose density
    # is the series below (the logistic as a scale mixture of normals: Andrews & Mallows,
    # 1974). In log z the density is analytic and decays doubly exponentially, so that the
    # trapezoidal rule with these 22 points has an error below 1e-11 at every x.
    log_z = np.linspace(math.log(0.17), math.log(3.6), 22)
    z = np.exp(log_z)
    k = np.arange(1, 61)[:, None]
    density = 8 * z * ((-1.0) ** (k + 1) * k**2 * np.exp(-2 * k**2 * z**2)).sum(0)
    weights = density * z * (log_z[1] - log_z[0])
    return 1 / (math.sqrt(2) * z), weights


# Several terms a pass over the kernel matrix: the pass costs memory traffic, not arithmetic.
_TERMS_A_PASS = 16


def _tanh_series(q11, q22, q12, power):
    """2/pi sum_m (2m+1)^power c_m correlation^(2m) D_m(q11) D_m(q22), c_m those of arcsin.

    Each pair of error functions gives an arcsine (Williams, 1996). Expanding it separates the
    two inputs, D_m(q) = sum_j weight_j s_j (q s_j^2)^m, so that the cost per kernel entry is
    that of one polynomial instead of one arcsine for each pair.
    """
    q11, q22, q12 = (jnp.asarray(q, jnp.result_type(float, q11)) for q in (q11, q22, q12))
    scales, weights = (jnp.asarray(a, q12.dtype) for a in _tanh_mixture())

    def mixture(q):  # weight_j s_j and q s_j^2, with the mixture along a new last axis
        s = math.sqrt(2) * scales / jnp.sqrt(1 + 2 * scales**2 * q[..., None])
        return weights * s, q[..., None] * s**2

    def moments(start, ratio, first):  # D_m for m = first, first + 1, ...
        powers = [start * jnp.power(ratio, first)]
        for _ in range(_TERMS_A_PASS - 1):
            powers.append(powers[-1] * ratio)
        return jnp.stack([power.sum(-1) for power in powers])

    mixture1, mixture2 = mixture(q11), mixture(q22)
    product = q11 * q22
    squared_correlation = jnp.where(
        product > 0, jnp.minimum(q12**2 / jnp.where(product > 0, product, 1.0), 1.0), 0.0
    )
    # The terms fall like exp(-2 pi sqrt(m / q)): this many leave 1e-10 of the derivative too.
    largest = jnp.maximum(q11.max(), q22.max())
    blocks = jnp.ceil((26 * largest + 20) / _TERMS_A_PASS).astype(int)

    def horner(step, total):
        first = (_TERMS_A_PASS * (blocks - 1 - step)).astype(q12.dtype)
        m = first + jnp.arange(_TERMS_A_PASS).reshape((-1,) + (1,) * q11.ndim)
        arcsine = jnp.exp(gammaln(m + 0.5) - gammaln(m + 1)) / math.sqrt(math.pi)
        left = arcsine * (2 * m + 1) ** (power - 1) * moments(*mixture1, first)
        # The barrier keeps XLA from computing these vectors anew for every matrix entry.
        left, right = jax.lax.optimization_barrier((left, moments(*mixture2, first)))
        for term in reversed(range(_TERMS_A_PASS)):
            total = total * squared_correlation + left[term] * right[term]
        return total

    start = jnp.zeros(jnp.broadcast_shapes(q11.shape, q22.shape, q12.shape), q12.dtype)
    return 2 / math.pi * jax.lax.fori_loop(0, blocks, horner, start)


TANH = Activation(
    "tanh",
    jnp.tanh,
    lambda z: 1 - jnp.tanh(z) ** 2,
    lambda q11, q22, q12: q12 * _tanh_series(q11, q22, q12, power=0),
    lambda q11, q22, q12: _tanh_series(q11, q22, q12, power=1),
)
"""The hyperbolic tangent; averages by quadrature over a mixture of error functions.

The number of terms follows the largest variance, so derivatives need forward mode.
"""

LINEAR = Activation(
    "linear",
    lambda z: z,
    jnp.ones_like,
    lambda q11, q22, q12: q12,
    lambda q11, q22, q12: jnp.ones_like(q12),
)
"""The identity, for deep linear networks."""
