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
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray, Real

from infinite_width import _validate

Numbers = Real[ArrayLike, "..."]


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


def perfect_share(n: Numbers, p: Numbers) -> Float[Array, "..."]:
    """Return the perfect features' share in the minimum-norm fit, p n / (p n + 1 - p).

    Args:
        n: Number of training points.
        p: Fraction of perfect features.

    Raises:
        ValueError: n < 1, or p is not strictly between 0 and 1.

    Example:
        >>> from infinite_width.ensemble_prior import perfect_share
        >>> float(perfect_share(3, 0.25))
        0.5

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
    """Return n = log2((1 - p) / p), at which a Bayesian gives the truth one half.

    The truth has prior p, the rest of the prior is spread evenly over all labellings, and so the
    posterior of the truth is p / (p + (1 - p) 2^-n). A toy version of Solomonoff induction.

    Raises a ValueError unless 0 < p < 1.
    """
    return jnp.log2(minimum_norm_threshold(p))


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
