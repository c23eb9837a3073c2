"""Small data sets: drawn, generated, or shipped with a library; nothing is downloaded.

Inputs are scaled so that x.x / d is 1 on average, what kernels and networks here expect, and
come in JAX's default floating-point type. Binary targets are +1 and -1, targets of ten classes
one-hot minus 1/10. Everything random follows from the key.
"""

import random
from contextlib import contextmanager
from numbers import Integral
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PRNGKeyArray, Real

from infinite_width import _validate


class Data(NamedTuple):
    """Examples from a rule that can be drawn again for more.

    Attributes:
        x: Inputs.
        y: One target an input.
    """

    x: Float[Array, "n d"]
    y: Float[Array, " n"]


class Split(NamedTuple):
    """A fixed collection of labelled examples, divided at random.

    Attributes:
        x_train: Training inputs.
        y_train: Their targets: one-hot minus 1/10, zero on average over classes.
        x_test: Test inputs, transformed with the training inputs' mean and scale.
        y_test: Their targets.
        labels_train: The classes 0 .. 9 of the training inputs.
        labels_test: The classes of the test inputs.
    """

    x_train: Float[Array, "train d"]
    y_train: Float[Array, "train 10"]
    x_test: Float[Array, "test d"]
    y_test: Float[Array, "test 10"]
    labels_train: Int[Array, " train"]
    labels_test: Int[Array, " test"]


def circle(angles: Real[ArrayLike, " n"] | int | np.integer) -> Float[Array, "n 2"]:
    """Return sqrt(2) (cos, sin) of the angles, so that x.x / d = 1.

    Args:
        angles: In radians; or a number n, for n equal steps from -pi, pi left out.

    Raises:
        ValueError: Not a finite vector, or not an integer >= 1.

    Example:
        >>> x = circle(8)
        >>> x.shape, bool((abs((x**2).sum(1) / 2 - 1) < 1e-6).all())
        ((8, 2), True)
    """
    if isinstance(angles, Integral):
        _validate.at_least("angles", angles, 1, integer=True)
        angles = -jnp.pi + 2 * jnp.pi * jnp.arange(int(angles)) / int(angles)
    angles = _validate.array("angles", angles, 1, "angles [n]")
    return jnp.sqrt(2.0) * jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)


def moons(key: PRNGKeyArray, n: int, noise: float = 0.1) -> Data:
    """Two interleaved half circles, one for each sign: x[n, 2], y[n] in {-1, +1}.

    Class +1 lies on (cos s, sin s) and class -1 on (1 - cos s, 1/2 - sin s), s uniform in
    [0, pi], with `noise` times a normal vector added; then centred at (1/2, 1/4) and scaled by
    the distribution's exact root mean square.

    Raises:
        ValueError: n is not an integer >= 1, or `noise` is negative.

    Example:
        >>> import jax
        >>> x, y = moons(jax.random.key(0), 50)
        >>> x.shape, sorted(set(y.tolist()))
        ((50, 2), [-1.0, 1.0])
    """
    signs, s, normal = _two_arms(key, n, noise)
    s = jnp.pi * s
    x = jnp.stack([jnp.cos(s) - 0.5, jnp.sin(s) - 0.25], axis=1)
    # The arms are images of each other under x -> -x. E|x|^2 = 1 + 5/16 - E[sin s] / 2.
    mean_square = 1.3125 - 1 / jnp.pi + 2 * noise**2
    return Data((signs[:, None] * x + noise * normal) / jnp.sqrt(mean_square / 2), signs)


def spirals(key: PRNGKeyArray, n: int, noise: float = 0.02, turns: float = 1.5) -> Data:
    """Two spiral arms, one for each sign: x[n, 2], y[n] in {-1, +1}.

    Class +1 lies on s (cos a, sin a), a = 2 pi turns s, with s^2 uniform in [0, 1], class -1 on
    the opposite; `noise` times a normal vector is added, and all is scaled by the
    distribution's exact root mean square.

    Raises:
        ValueError: n is not an integer >= 1, or `noise` or `turns` is negative.

    Example:
        >>> import jax
        >>> spirals(jax.random.key(0), 50).x.shape
        (50, 2)
    """
    _validate.at_least("turns", turns, 0.0)
    signs, s, normal = _two_arms(key, n, noise)
    radius = jnp.sqrt(s)
    angle = 2 * jnp.pi * turns * radius
    x = radius[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    return Data((signs[:, None] * x + noise * normal) / jnp.sqrt(0.25 + noise**2), signs)


def _two_arms(key, n, noise):
    _validate.at_least("n", n, 1, integer=True)
    _validate.at_least("noise", noise, 0.0)
    for_signs, for_place, for_noise = jax.random.split(key, 3)
    signs = jax.random.rademacher(for_signs, (n,)).astype(float)
    return signs, jax.random.uniform(for_place, (n,)), jax.random.normal(for_noise, (n, 2))


def sparse_parity(key: PRNGKeyArray, n: int, d: int, degree: int = 2) -> Data:
    """Uniform points of the cube {-1, +1}^d with y = x_1 x_2 ... x_degree in {-1, +1}.

    Raises:
        ValueError: A number is not an integer >= 1, or `degree` exceeds d.

    Example:
        >>> import jax
        >>> x, y = sparse_parity(jax.random.key(0), n=50, d=6)
        >>> bool((y == x[:, 0] * x[:, 1]).all())
        True
    """
    x = _cube(key, n, d, "degree", degree)
    return Data(x, x[:, :degree].prod(1))


def staircase(key: PRNGKeyArray, n: int, d: int, degree: int = 3) -> Data:
    """Uniform points of the cube {-1, +1}^d with a target that is learned step by step.

        y = (x_1 + x_1 x_2 + ... + x_1 x_2 ... x_degree) / sqrt(degree)

    The terms are orthonormal, so y has mean 0 and variance 1.

    Raises:
        ValueError: A number is not an integer >= 1, or `degree` exceeds d.

    Source: Abbe et al. (2021), here with unit variance.

    Example:
        >>> import jax
        >>> x, y = staircase(jax.random.key(0), n=50, d=6, degree=2)
        >>> bool((abs(y - x[:, 0] * (1 + x[:, 1]) / 2**0.5) < 1e-6).all())
        True
    """
    x = _cube(key, n, d, "degree", degree)
    return Data(x, jnp.cumprod(x[:, :degree], axis=1).sum(1) / jnp.sqrt(float(degree)))


def _cube(key, n, d, name, used):
    for label, value in (("n", n), ("d", d), (name, used)):
        _validate.at_least(label, value, 1, integer=True)
    if used > d:
        raise ValueError(f"{name}: expected at most d = {d}; got {used}")
    return jax.random.rademacher(key, (n, d)).astype(float)


def digits(key: PRNGKeyArray, n_train: int = 1000, n_test: int = 797) -> Split:
    """Handwritten digits, 8 x 8 pixels in rows of d = 64; 1797 in all.

    The training inputs' mean image is subtracted, and one number scales all pixels so that
    x.x / d is 1 on average over the training inputs.

    Raises:
        ValueError: The sizes are not integers >= 1 or add up to more than there are.

    Source: Alpaydin & Kaynak (1998), as scikit-learn ships them.

    Example:
        >>> import jax
        >>> data = digits(jax.random.key(0), n_train=100, n_test=50)
        >>> data.x_train.shape, data.y_test.shape
        ((100, 64), (50, 10))
    """
    from sklearn.datasets import load_digits

    return _split(key, *load_digits(return_X_y=True), n_train, n_test)


def mnist1d(key: PRNGKeyArray, n_train: int = 4000, n_test: int = 1000) -> Split:
    """MNIST-1D: digit-shaped signals, moved, stretched and noisy, with d = 40; 5000 in all.

    Always the 5000 signals of the published data set, generated afresh in about 2 s; the key
    divides them. Centred and scaled as in `digits`.

    Raises:
        ValueError: The sizes are not integers >= 1 or add up to more than there are.

    Source: Greydanus & Kobak (2024).

    Example:
        >>> import jax
        >>> mnist1d(jax.random.key(0), n_train=100, n_test=50).x_test.shape
        (50, 40)
    """
    from mnist1d.data import get_dataset_args, make_dataset

    with _untouched_random_state():  # It seeds Python's and NumPy's global generators.
        data = make_dataset(get_dataset_args())
    x, labels = (np.concatenate([data[name], data[name + "_test"]]) for name in ("x", "y"))
    return _split(key, x, labels, n_train, n_test)


@contextmanager
def _untouched_random_state():
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _split(key, x, labels, n_train, n_test):
    for name, value in (("n_train", n_train), ("n_test", n_test)):
        _validate.at_least(name, value, 1, integer=True)
    if n_train + n_test > len(x):
        raise ValueError(
            f"n_test: expected n_train + n_test <= {len(x)}; got {n_train} + {n_test}"
        )
    order = np.asarray(jax.random.permutation(key, len(x)))[: n_train + n_test]
    x, labels = np.asarray(x, float)[order], np.asarray(labels)[order]
    x = x - x[:n_train].mean(0)
    x = jnp.asarray(x / np.sqrt((x[:n_train] ** 2).mean()), float)
    y, labels = jnp.asarray(np.eye(10)[labels] - 0.1, float), jnp.asarray(labels, int)
    train, test = slice(None, n_train), slice(n_train, None)
    return Split(x[train], y[train], x[test], y[test], labels[train], labels[test])
