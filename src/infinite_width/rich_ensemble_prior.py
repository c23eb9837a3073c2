"""The regression over perfect and random features, with weights that are trained as products.

As `infinite_width.ensemble_prior`, but w_j = u_j^2 - v_j^2 is trained by gradient flow in u and v.
The size of the start leads from the fit of least L2 norm (large) to that of least L1 norm (small).

Source: Woodworth et al. (2020) for the implicit bias; the chapter ``prior/ensemble_prior`` derives
each formula.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from infinite_width.ensemble_prior import Numbers, _fraction, _points, _within


def _scale(scale):
    limits = jnp.finfo(float)
    return _within("scale", scale, limits.tiny, limits.max, "finite numbers > 0")


# log cosh and log sinh of b > 0, and arcsinh(exp(z)), without overflow.
def _log_cosh(b):
    small = jnp.minimum(b, 1.0)  # b^2 / 2 must not drown in the rounding of 1
    return jnp.where(b < 1, jnp.log1p(2 * jnp.sinh(small / 2) ** 2),
                     b + jnp.log1p(jnp.exp(-2 * b)) - jnp.log(2.0))


def _log_sinh(b):
    return b + jnp.log(-jnp.expm1(-2 * b)) - jnp.log(2.0)


def _arcsinh_exp(z):
    large = jnp.maximum(z, 0.0)
    return jnp.where(z > 0, large + jnp.log1p(jnp.sqrt(1 + jnp.exp(-2 * large))),
                     jnp.arcsinh(jnp.exp(jnp.minimum(z, 0.0))))


def _root(function, low, high):
    """Return the log of the root of an increasing function of b; its log is in [low, high]."""

    def halve(_, ends):
        low, high = ends
        middle = (low + high) / 2
        below = function(jnp.exp(middle)) < 0
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    low, high = jax.lax.fori_loop(0, 100, halve, (low, high))
    return (low + high) / 2


def rich_share(n: Numbers, p: Numbers, scale: Numbers) -> Float[Array, "..."]:
    """Return the share after training the weights as w_j = u_j^2 - v_j^2 by gradient flow.

    All u_j and v_j start at the same value, and `scale` is the sum of their squares, s. The
    end of the flow is w_j proportional to sinh(b phi_j.y), where b solves

        p sinh(n b) + (1 - p) cosh(b)^(n-1) sinh(b) = 1 / s,

    and the share is s p sinh(n b). It rises from `perfect_share` (s = inf) to `l1_share` (s = 0).

    Args:
        n: Number of training points.
        p: Fraction of perfect features.
        scale: Squared norm s of all initial parameters, for labels of size 1.

    Raises:
        ValueError: n < 1, p is not strictly between 0 and 1, or a scale is not > 0.

    Example:
        Small starts favour few features: on three points the share is 1/2 and not 3/7.

        >>> from infinite_width.rich_ensemble_prior import rich_share
        >>> [round(float(rich_share(3, 0.2, scale)), 3) for scale in (1e8, 1e-8)]
        [0.429, 0.5]
    """
    return _rich_share(*jnp.broadcast_arrays(_points(n), _fraction(p), _scale(scale)))


@jax.jit
def _rich_share(n, p, scale):
    def perfect(b):
        return jnp.log(p) + _log_sinh(n * b)

    def crowd(b):
        return jnp.log1p(-p) + (n - 1) * _log_cosh(b) + _log_sinh(b)

    level = -jnp.log(scale)
    bound = jnp.log(_arcsinh_exp(level))  # sinh(b) <= 1/s <= sinh(n b)
    b = jnp.exp(_root(lambda b: jnp.logaddexp(perfect(b), crowd(b)) - level,
                      bound - jnp.log(n) - 1e-3, bound + 1e-3))
    return jax.nn.sigmoid(perfect(b) - crowd(b))


def rich_threshold(p: Numbers, scale: Numbers) -> Float[Array, "..."]:
    """Return the number of points at which `rich_share` is one half.

    Close to 2 s arcsinh(1 / (2 s p)) for s = `scale` much larger than log2(1/p): (1 - p) / p
    as long as that is below s, then only 2 s log(1 / (s p)). For log2(1/p) much larger than s it
    grows nearly like the square of log2(1/p). For s -> 0 it is `l1_threshold`.

    Raises:
        ValueError: p is not strictly between 0 and 1/2, or a scale is not > 0.
    """
    p = _within("p", p, jnp.finfo(float).tiny, 0.5 - jnp.finfo(float).eps,
                "fractions strictly between 0 and 1/2")
    return _rich_threshold(*jnp.broadcast_arrays(p, _scale(scale)))


@jax.jit
def _rich_threshold(p, scale):
    # At the threshold p sinh(n b) and (1 - p) cosh(b)^(n-1) sinh(b) are both 1 / (2 s).
    level = -jnp.log(2 * scale)
    reach = _arcsinh_exp(level - jnp.log(p))  # n b

    def excess(b):
        return (reach / b - 1) * _log_cosh(b) + _log_sinh(b) - level + jnp.log1p(-p)

    high = jnp.log(_arcsinh_exp(level - jnp.log1p(-p))) + 1e-3  # n >= 1
    low = jnp.minimum(level, 0.0) - jnp.log1p(reach) - 2.0
    return reach / jnp.exp(_root(excess, low, high))
