"""Training under a constant kernel: what gradient flow does to a very wide network.

For the loss 1/2 sum_i |f(x_i) - y_i|^2, and a tangent kernel Theta that stays put, predictions
follow df_t(x)/dt = -Theta(x, X) (f_t(X) - y), a linear equation with the solutions below.
Time t is learning rate times steps; t = inf is the end of training. Kernels between test and
training inputs have test inputs in rows: ``mlp_kernels(x_test, x_train, ...)``.

Source: Jacot et al. (2018), section 5; Lee et al. (2019), section 2.2.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PyTree, Real

from infinite_width import _rounding, _validate
from infinite_width.gaussian_process import Gaussian
from infinite_width.kernels import Kernels


def _time(t, dtype):
    if isinstance(t, jax.core.Tracer):
        return t.astype(dtype)
    try:
        proper = np.ndim(t) == 0 and float(t) >= 0
    except (TypeError, ValueError):
        proper = False
    if not proper:
        raise ValueError(f"t: expected one time >= 0, jnp.inf allowed; got {t!r}")
    return jnp.asarray(t, dtype)


def _spectrum(ntk_train):
    """Return eigenvalues, eigenvectors, and which directions training moves.

    An eigenvalue comes with an error of about eps times the largest one, whatever the size: up
    to 1.1 times that for kernels with repeated inputs, n = 20 to 2000, in both precisions.
    Below four times that it is taken for zero: a direction that training never moves.
    """
    eigenvalues, vectors = jnp.linalg.eigh(ntk_train)
    _validate.semidefinite("ntk_train", eigenvalues)
    rounding = 4 * jnp.finfo(ntk_train.dtype).eps * jnp.abs(eigenvalues).max()
    return eigenvalues, vectors, eigenvalues > rounding


def _learned(eigenvalues, moves, t):
    """Return (1 - exp(-lambda t)) / lambda and exp(-lambda t); 0 and 1 where nothing moves."""
    rates = jnp.where(moves, eigenvalues, 1.0)
    return (jnp.where(moves, -jnp.expm1(-rates * t) / rates, 0.0),
            jnp.where(moves, jnp.exp(-rates * t), 1.0))


@jax.custom_jvp
def _gain(ntk_train, ntk_cross, t):
    """Return A_t = ntk_cross ntk_train^-1 (1 - exp(-ntk_train t)), shape [m, n].

    Directions that training never moves, ntk_cross does not see either: their share is zero.
    """
    eigenvalues, vectors, moves = _spectrum(ntk_train)
    learned, left = _learned(eigenvalues, moves, t)
    seen = ntk_cross @ vectors
    gain = (seen * learned) @ vectors.T
    # A step of iterative refinement: products are more exact than eigenvalues are.
    missing = ntk_cross - (seen * left) @ vectors.T - gain @ ntk_train
    return gain + ((missing @ vectors) * learned) @ vectors.T


@_gain.defjvp
def _gain_derivative(primals, tangents):
    """Differentiate by divided differences (Daleckii and Krein, 1965).

    Those of eigenvectors, which JAX would use, are infinite where two eigenvalues coincide.
    """
    ntk_train, ntk_cross, t = primals
    train_dot, cross_dot, t_dot = tangents
    eigenvalues, vectors, moves = _spectrum(ntk_train)
    learned, left = _learned(eigenvalues, moves, t)
    larger = jnp.maximum(eigenvalues[:, None], eigenvalues)
    smaller = jnp.minimum(eigenvalues[:, None], eigenvalues)
    gap, both = larger - smaller, moves[:, None] & moves
    apart, duration = gap > 0, jnp.where(jnp.isfinite(t), t, 0.0)
    decay = jnp.where(both, jnp.exp(-jnp.where(both, smaller, 1.0) * t), 0.0)
    # -(exp(-larger t) - exp(-smaller t)) / gap, and with it the same of (1 - exp) / lambda.
    difference = decay * jnp.where(
        apart, -jnp.expm1(-gap * duration) / jnp.where(apart, gap, 1.0), duration
    )
    rates = jnp.where(moves, eigenvalues, 1.0)
    inside = (difference - learned) / rates[:, None]
    # Where one of the two directions is at rest the kernel's rank stays what it is, and the
    # difference is that between the other's share and zero.
    edge = jnp.where(moves, learned / rates, 0.0)
    slopes = jnp.where(both, inside, edge[:, None] + edge)
    seen = ntk_cross @ vectors
    change = (cross_dot @ vectors) * learned + seen @ (slopes * (vectors.T @ train_dot @ vectors))
    change = change + seen * jnp.where(moves, left, 0.0) * t_dot
    return _gain(ntk_train, ntk_cross, t), change @ vectors.T


def train_prediction(
    ntk_train: Real[ArrayLike, "n n"],
    ntk_cross: Real[ArrayLike, "m n"],
    y: Real[ArrayLike, "n *outputs"],
    t: Real[ArrayLike, ""],
    f0: Real[ArrayLike, ""] | Sequence[Real[ArrayLike, "..."]] = 0,
) -> Float[Array, "m *outputs"]:
    """Prediction after training one network for time t under a constant kernel.

        f_t(x) = f_0(x) + A_t (y - f_0(X)),
        A_t = Theta(x, X) Theta(X, X)^-1 (1 - exp(-Theta(X, X) t))

    Args:
        ntk_train: Theta(X, X); it may be singular. Eigenvalues below 4 eps times the largest
            are rounding, and count as zero: use float64 where smaller ones matter.
        ntk_cross: Theta(x, X), test inputs in rows; pass `ntk_train` for training inputs.
        y: Targets, [n] or [n, outputs].
        t: Learning rate times steps; jnp.inf allowed.
        f0: The function before training: one number for all inputs, or the pair (at the
            training inputs, at the test inputs).

    Returns:
        Predictions [m] or [m, outputs]. Use `jax.vmap` over t for many times; the eigenvalue
        problem is then solved once. First derivatives are right where eigenvalues coincide,
        too, and where the kernel is singular, as long as its rank stays what it is.

    Raises:
        ValueError: Shapes do not fit, a value is not finite, t is negative or not one number,
            or `ntk_train` has an eigenvalue below zero by more than rounding.

    Source: Lee et al. (2019), section 2.2.

    Example:
        >>> import jax.numpy as jnp
        >>> ntk_train, ntk_cross = jnp.eye(2), jnp.array([[0.5, 0.5]])
        >>> y = jnp.array([1.0, 3.0])
        >>> f"{train_prediction(ntk_train, ntk_cross, y, jnp.log(2.0))[0]:.3f}"  # halfway
        '1.000'
        >>> f"{train_prediction(ntk_train, ntk_cross, y, jnp.inf)[0]:.3f}"
        '2.000'
    """
    ntk_train = _validate.kernel("ntk_train", ntk_train)
    ntk_cross = _validate.array("ntk_cross", ntk_cross, 2, "a kernel matrix [test, train]")
    shape = len(ntk_cross), len(ntk_train)
    _validate.shape("ntk_cross", ntk_cross, shape, "a kernel matrix [test, train]")
    y = _validate.observations(y, len(ntk_train))
    start_train, start_test = f0 if isinstance(f0, tuple | list) else (f0, f0)
    start_train, start_test = jnp.asarray(start_train), jnp.asarray(start_test)
    for index, (start, kernel) in enumerate(((start_train, ntk_train), (start_test, ntk_cross))):
        if start.ndim > 0:
            expected = (len(kernel), *y.shape[1:])
            _validate.shape(f"f0[{index}]", start, expected, "a number or all values")
    return start_test + _gain(ntk_train, ntk_cross, _time(t, ntk_train.dtype)) @ (y - start_train)


def ensemble(
    train: Kernels,
    cross: Kernels,
    test: Kernels,
    y: Real[ArrayLike, "n *outputs"],
    t: Real[ArrayLike, ""] = jnp.inf,
) -> Gaussian:
    """Distribution of predictions over networks trained alike from random initialisations.

    With K the NNGP kernel, Theta the NTK and A_t as in `train_prediction`,

        mean = A_t y,
        covariance = K(x, x) + A_t K(X, X) A_t^T - A_t K(X, x) - K(x, X) A_t^T.

    At t = 0 this is the prior N(0, K). At t = inf it is not the posterior of a Gaussian
    process with kernel Theta, nor (if Theta differs from K) with kernel K. Eigenvalues of the
    covariance that rounding alone made negative are set to zero.

    Args:
        train: Kernels(nngp, ntk) between training inputs, [n, n].
        cross: The same between test inputs (rows) and training inputs (columns), [m, n].
        test: The same between test inputs, [m, m]; its `ntk` is not used.
        y: Targets, [n] or [n, outputs].
        t: Learning rate times steps.

    Returns:
        Mean [m] or [m, outputs], and the covariance [m, m] of each output.

    Raises:
        ValueError: As `train_prediction`; or the covariance is not positive semi-definite,
            since the kernels belong to different networks.

    Source: Lee et al. (2019), corollary 1.

    Example:
        >>> from infinite_width.datasets import circle
        >>> from infinite_width.kernels import mlp_kernels
        >>> train, test = circle(3), circle(8)
        >>> kernels = [mlp_kernels(*inputs, depth=1)
        ...            for inputs in ((train,), (test, train), (test,))]
        >>> trained = ensemble(*kernels, train[:, 0])
        >>> trained.mean.shape, trained.covariance.shape
        ((8,), (8, 8))
    """
    ntk_train = _validate.kernel("train.ntk", train.ntk)
    size, meaning = len(ntk_train), "a kernel matrix [train, train]"
    nngp_train = _validate.kernel("train.nngp", train.nngp, (size, size), meaning)
    nngp_test = _validate.kernel("test.nngp", test.nngp)
    shape, meaning = (len(nngp_test), size), "a kernel matrix [test, train]"
    ntk_cross = _validate.kernel("cross.ntk", cross.ntk, shape, meaning)
    nngp_cross = _validate.kernel("cross.nngp", cross.nngp, shape, meaning)
    y = _validate.observations(y, size)
    gain = _gain(ntk_train, ntk_cross, _time(t, ntk_train.dtype))
    mixed = gain @ nngp_cross.T
    covariance = nngp_test + gain @ nngp_train @ gain.T - mixed - mixed.T
    return Gaussian(gain @ y, _rounding.covariance_of_difference(
        "test.nngp", covariance, gain, nngp_train, nngp_test
    ))


def linearize(
    apply: Callable[[PyTree, Float[Array, "*batch d"]], Float[Array, "*batch outputs"]],
    params: PyTree,
) -> Callable[[PyTree, Float[Array, "*batch d"]], Float[Array, "*batch outputs"]]:
    """Return the network's first-order Taylor expansion around `params`.

        f_lin(p, x) = f(params, x) + (d f / d params)(params, x) (p - params)

    It has the same arguments as `apply`, and trains like it: its tangent kernel is the
    empirical one at `params` and stays there.

    Source: Lee et al. (2019), section 2.2.

    Example:
        >>> linear = linearize(lambda p, x: p**2 * x, 3.0)
        >>> float(linear(4.0, 1.0))  # 9 + 6 (4 - 3); the function itself gives 16
        15.0
    """

    def linearized(p, x):
        change = jax.tree.map(jnp.subtract, p, params)
        value, difference = jax.jvp(lambda q: apply(q, x), (params,), (change,))
        return value + difference

    return linearized
