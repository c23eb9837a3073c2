"""A regression over perfect and random features: which of them carry the label?

N features see n training points with labels +-1. A fraction p of the features are copies of
the label; the others are fair coins. A fit f = sum_j w_j phi_j is the sum of what the two kinds
contribute. Its *share* is the part of the label that the perfect features carry, between 0
and 1, and the *threshold* is the number of points at which the share is one half. Unless said
otherwise the number of features is infinite. Numbers of points may be real, and all arguments
may be arrays that broadcast.

Source: the toy model is Hebbar's (2023); the chapter ``prior/ensemble_prior`` derives each formula.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from infinite_width import _validate

Numbers = Float[Array, "..."] | float


def _within(name, value, low, high, meaning):
    """Return `value` as a floating array with low <= entries <= high, or raise a ValueError."""
    value = jnp.asarray(value)
    value = value if jnp.issubdtype(value.dtype, jnp.floating) else value.astype(float)
    if not isinstance(value, jax.core.Tracer):
        entries = np.asarray(value)
        if not ((entries >= low) & (entries <= high)).all():
            raise ValueError(f"{name}: expected {meaning}; got {value}")
    return value


def _points(n):
    return _within("n", n, 1.0, jnp.finfo(float).max, "numbers of points >= 1")


def _fraction(p):
    tiny = jnp.finfo(float).tiny
    return _within("p", p, tiny, 1 - jnp.finfo(float).epsneg, "fractions strictly between 0 and 1")


def _scale(scale):
    limits = jnp.finfo(float)
    return _within("scale", scale, limits.tiny, limits.max, "finite numbers > 0")


def perfect_share(n: Numbers, p: Numbers) -> Float[Array, "..."]:
    """Return the perfect features' share in the minimum-norm fit, p n / (p n + 1 - p).

    Args:
        n: Number of training points.
        p: Fraction of perfect features.

    Raises:
        ValueError: n < 1, or p is not strictly between 0 and 1.

    Source: Hebbar (2023).
    """
    n, p = _points(n), _fraction(p)
    return p * n / (p * n + 1 - p)


def finite_share(n: Numbers, n_perfect: Numbers, n_random: Numbers) -> Float[Array, "..."]:
    """Return the mean share in the minimum-norm fit with finitely many Gaussian features.

    With P perfect and M random features the share is P n / (P n + c), c ~ chi^2 with
    M - n + 1 degrees of freedom, and its mean is

        x e^x E_k(x),  x = P n / 2,  k = (M - n + 1) / 2,

    with the generalised exponential integral E_k. It is 1 if M < n. Coin flips instead of
    Gaussian features change it by relative O(1 / M).

    Raises:
        ValueError: n < 1, P = n_perfect < 1 or M = n_random < 0.
    """
    n, largest = _points(n), jnp.finfo(float).max
    perfect = _within("n_perfect", n_perfect, 1.0, largest, "numbers >= 1")
    randoms = _within("n_random", n_random, 0.0, largest, "numbers >= 0")
    share = _gaussian_share(perfect * n / 2, jnp.maximum(randoms - n + 1, 1.0) / 2)
    return jnp.where(randoms < n, 1.0, share)


@jax.jit
def _gaussian_share(x, order):
    # The continued fraction of e^x E_k(x), from the back; 300 terms reach rounding for x >= 1/2.
    depth = 300

    def term(i, tail):
        k = depth - i
        return k * (order + k - 1) / (x + order + 2 * k - tail)

    return x / (x + order - jax.lax.fori_loop(0, depth, term, jnp.zeros_like(x + order)))


def l1_share(n: Numbers, p: Numbers) -> Float[Array, "..."]:
    """Return the share in the fit of least L1 norm, p / (p + (1 - p) 2^(1 - n)).

    Only features that equal the label or its negative on all points get weight. Those that
    do by accident are counted as equals of the perfect ones.

    Raises:
        ValueError: n < 1, or p is not strictly between 0 and 1.
    """
    n, p = _points(n), _fraction(p)
    return p / (p + (1 - p) * jnp.exp2(1 - n))


def bayes_share(n: Numbers, p: Numbers) -> Float[Array, "..."]:
    """Return the posterior of the truth, p / (p + (1 - p) 2^-n).

    Its prior is p; the rest of the prior is spread evenly over all labellings. A toy version
    of Solomonoff induction.

    Raises:
        ValueError: n < 1, or p is not strictly between 0 and 1.
    """
    n, p = _points(n), _fraction(p)
    return p / (p + (1 - p) * jnp.exp2(-n))


def minimum_norm_threshold(p: Numbers) -> Float[Array, "..."]:
    """Return n = (1 - p) / p, at which `perfect_share` is one half.

    Raises a ValueError unless 0 < p < 1.
    """
    p = _fraction(p)
    return (1 - p) / p


def l1_threshold(p: Numbers) -> Float[Array, "..."]:
    """Return n = 1 + log2((1 - p) / p), at which `l1_share` is one half.

    Raises a ValueError unless 0 < p < 1.
    """
    return 1 + jnp.log2(minimum_norm_threshold(p))


def bayes_threshold(p: Numbers) -> Float[Array, "..."]:
    """Return n = log2((1 - p) / p), at which `bayes_share` is one half.

    Raises a ValueError unless 0 < p < 1.
    """
    return jnp.log2(minimum_norm_threshold(p))


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
    as long as that is below s, then only 2 s log(1 / (s p)). For s -> 0 it is `l1_threshold`.

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


class Fit(NamedTuple):
    """A regression on one draw of the features.

    Attributes:
        features: Activations +-1, [n, N], perfect features first.
        labels: Labels +-1, [n].
        weights: Of the minimum-norm fit, [N].
        share: The perfect features' part of the labels.
    """

    features: Float[Array, "n N"]
    labels: Float[Array, " n"]
    weights: Float[Array, " N"]
    share: Float[Array, ""]


def simulate(key: PRNGKeyArray, n: int, n_perfect: int, n_random: int) -> Fit:
    """Draw labels and features, and fit the labels with the weights of least norm.

    Args:
        key: Randomness.
        n: Number of training points.
        n_perfect: Number of copies of the labels among the features.
        n_random: Number of features that are fair coins.

    Raises:
        ValueError: A number is not an integer, or is below 1 (0 for `n_random`).
    """
    for name, value, least in (("n", n, 1), ("n_perfect", n_perfect, 1), ("n_random", n_random, 0)):
        _validate.at_least(name, value, least, integer=True)
    key_labels, key_features = jax.random.split(key)
    labels = jax.random.rademacher(key_labels, (n,), jnp.float32).astype(float)
    coins = jax.random.rademacher(key_features, (n, n_random), jnp.float32).astype(float)
    features = jnp.concatenate([jnp.tile(labels[:, None], n_perfect), coins], 1)
    # Two points on which all features agree make the Gram matrix singular: pseudo-inverse.
    gram = features @ features.T
    dual = jnp.linalg.pinv(gram, rtol=10 * n * jnp.finfo(gram.dtype).eps, hermitian=True) @ labels
    weights = features.T @ dual
    share = (labels @ (features[:, :n_perfect] @ weights[:n_perfect])) / n
    return Fit(features, labels, weights, share)
