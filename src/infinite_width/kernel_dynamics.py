"""Training under a constant kernel: what gradient flow does to a very wide network.

For the loss 1/2 sum_i |f(x_i) - y_i|^2, and a tangent kernel Theta that stays put, predictions
follow df_t(x)/dt = -Theta(x, X) (f_t(X) - y), a linear equation with the solutions below.
Time t is learning rate times steps; t = inf is the end of training. Kernels between test and
training inputs have test inputs in rows: ``mlp_kernels(x_test, x_train, ...)``.

Source: Jacot et al. (2018), section 5; Lee et al. (2019), section 2.2.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from infinite_width import _validate
from infinite_width.gaussian_process import Gaussian
from infinite_width.kernels import Kernels


def _kernel(name, value, shape=None, meaning="a square kernel matrix"):
    value = _validate.array(name, value, 2, meaning)
    _validate.shape(name, value, shape or (len(value),) * 2, meaning)
    return value


def _targets(y, count):
    y = jnp.asarray(y)
    y = _validate.array("y", y, 2 if y.ndim == 2 else 1, "values [n] or [n, outputs]")
    if len(y) != count:
        raise ValueError(f"y: expected {count} values, one a training input; got {len(y)}")
    return y


def _time(t):
    if isinstance(t, jax.core.Tracer):
        return t
    if np.ndim(t) != 0 or not float(t) >= 0:
        raise ValueError(f"t: expected one time >= 0, jnp.inf allowed; got {t!r}")
    return t


def _gain(ntk_train, ntk_cross, t):
    """Return A_t = ntk_cross ntk_train^-1 (1 - exp(-ntk_train t)), shape [m, n]."""
    eigenvalues, vectors = jnp.linalg.eigh(ntk_train)
    size, precision = len(ntk_train), jnp.finfo(ntk_train.dtype).eps
    rounding = 10 * size * precision * jnp.abs(eigenvalues).max()
    if not isinstance(eigenvalues, jax.core.Tracer) and bool(eigenvalues[0] < -rounding):
        raise ValueError(
            "ntk_train: expected a positive semi-definite matrix; got smallest eigenvalue "
            f"{float(eigenvalues[0]):.3g}"
        )
    # An eigenvalue that is zero up to rounding belongs to a direction that training never
    # moves, and that ntk_cross does not see either: its share of the gain is zero.
    moves = eigenvalues > rounding
    rates = jnp.where(moves, eigenvalues, 1.0)
    learned = jnp.where(moves, -jnp.expm1(-rates * t) / rates, 0.0)
    return ((ntk_cross @ vectors) * learned) @ vectors.T


def train_prediction(
    ntk_train: Float[Array, "n n"],
    ntk_cross: Float[Array, "m n"],
    y: Float[Array, "n *outputs"],
    t: Float[Array, ""] | float,
    f0: float | tuple[Float[Array, "n *outputs"], Float[Array, "m *outputs"]] = 0,
) -> Float[Array, "m *outputs"]:
    """Prediction after training one network for time t under a constant kernel.

        f_t(x) = f_0(x) + A_t (y - f_0(X)),
        A_t = Theta(x, X) Theta(X, X)^-1 (1 - exp(-Theta(X, X) t))

    Args:
        ntk_train: Theta(X, X); it may be singular.
        ntk_cross: Theta(x, X), test inputs in rows; pass `ntk_train` for training inputs.
        y: Targets, [n] or [n, outputs].
        t: Learning rate times steps; jnp.inf allowed.
        f0: The function before training: one number for all inputs, or the pair (at the
            training inputs, at the test inputs).

    Returns:
        Predictions [m] or [m, outputs]. For many times, `jax.vmap` over t: the eigenvalue
        problem is solved once.

    Raises:
        ValueError: Shapes do not fit, a value is not finite, t is negative or not one number,
            or `ntk_train` has an eigenvalue below zero by more than rounding.

    Source: Lee et al. (2019), section 2.2.
    """
    ntk_train = _kernel("ntk_train", ntk_train)
    ntk_cross = _validate.array("ntk_cross", ntk_cross, 2, "a kernel matrix [test, train]")
    _kernel("ntk_cross", ntk_cross, (len(ntk_cross), len(ntk_train)), "[test, train]")
    y = _targets(y, len(ntk_train))
    start_train, start_test = f0 if isinstance(f0, tuple | list) else (f0, f0)
    start_train, start_test = jnp.asarray(start_train), jnp.asarray(start_test)
    for index, (start, kernel) in enumerate(((start_train, ntk_train), (start_test, ntk_cross))):
        if start.ndim > 0:
            expected = (len(kernel), *y.shape[1:])
            _validate.shape(f"f0[{index}]", start, expected, "a number or all values")
    return start_test + _gain(ntk_train, ntk_cross, _time(t)) @ (y - start_train)


def ensemble(
    train: Kernels,
    cross: Kernels,
    test: Kernels,
    y: Float[Array, "n *outputs"],
    t: Float[Array, ""] | float = jnp.inf,
) -> Gaussian:
    """Distribution of predictions over networks trained alike from random initialisations.

    With K the NNGP kernel, Theta the NTK and A_t as in `train_prediction`,

        mean = A_t y,
        covariance = K(x, x) + A_t K(X, X) A_t^T - A_t K(X, x) - K(x, X) A_t^T.

    At t = 0 this is the prior N(0, K). At t = inf it is not the posterior of a Gaussian
    process with kernel Theta, nor (if Theta differs from K) with kernel K.

    Args:
        train: Kernels(nngp, ntk) between training inputs, [n, n].
        cross: The same between test inputs (rows) and training inputs (columns), [m, n].
        test: The same between test inputs, [m, m]; its `ntk` is not used.
        y: Targets, [n] or [n, outputs].
        t: Learning rate times steps.

    Returns:
        Mean [m] or [m, outputs], and the covariance [m, m] of each output.

    Raises:
        ValueError: As `train_prediction`.

    Source: Lee et al. (2019), corollary 1.
    """
    ntk_train, nngp_train = _kernel("train.ntk", train.ntk), _kernel("train.nngp", train.nngp)
    nngp_test = _kernel("test.nngp", test.nngp)
    shape = len(nngp_test), len(ntk_train)
    _validate.shape("train.nngp", nngp_train, ntk_train.shape, "[train, train]")
    ntk_cross = _kernel("cross.ntk", cross.ntk, shape, "[test, train]")
    nngp_cross = _kernel("cross.nngp", cross.nngp, shape, "[test, train]")
    y = _targets(y, len(ntk_train))
    gain = _gain(ntk_train, ntk_cross, _time(t))
    mixed = gain @ nngp_cross.T
    return Gaussian(gain @ y, nngp_test + gain @ nngp_train @ gain.T - mixed - mixed.T)


def linearize(
    apply: Callable[[PyTree, Float[Array, "*batch d"]], Float[Array, "*batch outputs"]],
    params: PyTree,
) -> Callable[[PyTree, Float[Array, "*batch d"]], Float[Array, "*batch outputs"]]:
    """Return the network's first-order Taylor expansion around `params`.

        f_lin(p, x) = f(params, x) + (d f / d params)(params, x) (p - params)

    It has the same arguments as `apply`, and trains like it: its tangent kernel is the
    empirical one at `params` and stays there.

    Source: Lee et al. (2019), section 2.2.
    """

    def linearized(p, x):
        change = jax.tree.map(jnp.subtract, p, params)
        value, difference = jax.jvp(lambda q: apply(q, x), (params,), (change,))
        return value + difference

    return linearized
