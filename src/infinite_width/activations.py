"""Activation functions and their Gaussian averages ("dual" functions).

For (u, v) ~ N(0, [[q11, q12], [q12, q22]]) a wide layer needs two numbers:
E[phi(u) phi(v)] for the NNGP kernel, and E[phi'(u) phi'(v)] for the NTK.

The averages can be differentiated in forward and reverse mode, at zero variance and at
correlation +-1 too. Only ReLU's have no derivative there in some directions; see `RELU`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax.scipy.special import erf
from jaxtyping import Array, ArrayLike, Float

from infinite_width import _tanh_averages
from infinite_width._arcs import arcsine, safe_root, supplement

Elementwise = Callable[[Float[Array, "*shape"]], Float[Array, "*shape"]]
Dual = Callable[[ArrayLike, ArrayLike, ArrayLike], Float[Array, "..."]]
Averages = Callable[
    [ArrayLike, ArrayLike, ArrayLike], tuple[Float[Array, "..."], Float[Array, "..."]]
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
        both: (q11, q22, q12) -> the two averages; when left out, by calling the two.
    """

    name: str
    phi: Elementwise
    derivative: Elementwise
    dual: Dual
    dual_derivative: Dual
    both: Averages | None = None

    def averages(
        self, q11: ArrayLike, q22: ArrayLike, q12: ArrayLike
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Return E[phi(u) phi(v)] and E[phi'(u) phi'(v)], sharing what they have in common.

        Example:
            >>> from infinite_width.activations import RELU
            >>> [float(average) for average in RELU.averages(1.0, 1.0, 1.0)]
            [0.5, 0.5]
        """
        if self.both is not None:
            return self.both(q11, q22, q12)
        pair = self.dual(q11, q22, q12), self.dual_derivative(q11, q22, q12)
        return jnp.asarray(pair[0]), jnp.asarray(pair[1])


def _from_both(name, phi, derivative, averages):
    """Return an activation whose averages come in pairs."""

    def both(q11, q22, q12):
        dtype = jnp.result_type(q11, q22, q12)
        dtype = dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.result_type(float)
        return averages(*(jnp.asarray(q, dtype) for q in (q11, q22, q12)))

    return Activation(
        name, phi, derivative,
        lambda q11, q22, q12: both(q11, q22, q12)[0],
        lambda q11, q22, q12: both(q11, q22, q12)[1],
        both,
    )


@jax.custom_jvp
def _relu_averages(q11, q22, q12):
    (root1, inverse1), (root2, inverse2) = safe_root(q11), safe_root(q22)
    cosine, sine, rest = supplement(q12 * inverse1 * inverse2)
    dual = root1 * (root2 / (2 * math.pi)) * (sine + rest * cosine)
    return dual, rest * (1 / (2 * math.pi))


@_relu_averages.defjvp
def _relu_averages_jvp(q, tangents):
    (root1, inverse1), (root2, inverse2) = safe_root(q[0]), safe_root(q[1])
    cosine, sine, _ = supplement(q[2] * inverse1 * inverse2)
    dual, slope = _relu_averages(*q)
    scaled1, scaled2 = inverse1 * tangents[0], inverse2 * tangents[1]
    d_dual = slope * tangents[2] + sine * (root2 * scaled1 + root1 * scaled2) / (4 * math.pi)
    d_cosine = inverse1 * inverse2 * tangents[2] - cosine / 2 * (
        inverse1 * scaled1 + inverse2 * scaled2
    )
    # The cusp: where the sine is zero, the angle's derivative is taken to be zero.
    _, inverse_sine = safe_root(sine**2)
    return (dual, slope), (d_dual, d_cosine * inverse_sine / (2 * math.pi))


RELU = _from_both(
    "ReLU",
    jax.nn.relu,
    lambda z: (z > 0).astype(jnp.result_type(z)),
    _relu_averages,
)
"""max(0, z); averages from Cho & Saul (2009), equations 3-6, halved.

At correlation +-1 E[phi' phi'] has a cusp: its derivative along the angle is taken to be zero,
so that derivatives in directions that keep the correlation are right. At zero variance, where
phi'(0) has to be chosen, E[phi' phi'] is 1/4, and the derivatives in that variance, infinite
or undefined, are taken to be zero: moving a zero input to both sides averages to that.
"""


def _determinant(q11, q22, q12):
    """Return q11 q22 - q12^2, exactly zero where that is nothing but rounding."""
    product = q11 * q22
    value = product - q12**2
    rounding = value < 16 * jnp.finfo(value.dtype).eps * product
    # The derivatives stay those of the difference.
    return value - jax.lax.stop_gradient(jnp.where(rounding, value, 0.0))


def _erf_averages(q11, q22, q12):
    root1, root2 = 1 / jnp.sqrt(1 + 2 * q11), 1 / jnp.sqrt(1 + 2 * q22)
    total = 1 + 2 * (q11 + q22) + 4 * _determinant(q11, q22, q12)
    cosine = jnp.sqrt(total) * root1 * root2
    dual = 2 / math.pi * arcsine(2 * q12 * root1 * root2, cosine)
    return dual, 4 / math.pi / jnp.sqrt(total)


ERF = _from_both(
    "erf",
    erf,
    lambda z: 2 / math.sqrt(math.pi) * jnp.exp(-(z**2)),
    _erf_averages,
)
"""The error function; average from Williams (1996), equation 11."""


def _gelu_averages(q11, q22, q12):
    determinant = 1 + q11 + q22 + _determinant(q11, q22, q12)
    root1, root2 = 1 / jnp.sqrt(1 + q11), 1 / jnp.sqrt(1 + q22)
    cosine = jnp.sqrt(determinant) * root1 * root2
    density = root1 * root2 / (2 * math.pi * cosine)  # E[pdf(u) pdf(v)]
    orthant = 0.25 + arcsine(q12 * root1 * root2, cosine) / (2 * math.pi)
    both = root1**2 + root2**2
    dual = density * (q11 * q22 - q12**2 * (1 - both)) + q12 * orthant
    return dual, orthant + q12 * density * (both + 1 / determinant)


def _normal_cdf(z):
    return 0.5 * (1 + erf(z / math.sqrt(2)))


GELU = _from_both(
    "GELU",
    lambda z: z * _normal_cdf(z),
    lambda z: _normal_cdf(z) + z * jnp.exp(-(z**2) / 2) / math.sqrt(2 * math.pi),
    _gelu_averages,
)
"""z times the normal cdf of z; averages by Stein's lemma (compare Tsuchida et al., 2021)."""

TANH = Activation(
    "tanh",
    jnp.tanh,
    lambda z: 1 - jnp.tanh(z) ** 2,
    _tanh_averages.dual,
    _tanh_averages.dual_derivative,
)
"""The hyperbolic tangent; averages by quadrature over a mixture of error functions.

The error is below 1e-10 in float64. The cost grows with the largest variance.
"""

LINEAR = Activation(
    "linear",
    lambda z: z,
    jnp.ones_like,
    lambda q11, q22, q12: jnp.asarray(q12),
    lambda q11, q22, q12: jnp.ones_like(q12),
)
"""The identity, for deep linear networks."""
