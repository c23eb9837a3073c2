"""Checks of arguments, so that a slip shows where it was made.

Values are looked at only when they are concrete: under ``jit`` or ``vmap`` an array has a
shape but no values, and only the shape is checked.
"""

from numbers import Integral

import jax
import jax.numpy as jnp
import numpy as np

from infinite_width.activations import Activation


def _numbers(name, value, meaning):
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected {meaning}; got {value!r}") from None


def array(name, value, rank, meaning):
    """Return `value` as a finite array of rank `rank`, or raise a ValueError."""
    value = _numbers(name, value, meaning)
    if not jnp.issubdtype(value.dtype, jnp.floating):
        value = value.astype(float)
    if value.ndim != rank:
        raise ValueError(
            f"{name}: expected {meaning}, an array of rank {rank}; got shape {value.shape}"
        )
    # NumPy, because under jit even jnp.isfinite of a constant has no value.
    if not isinstance(value, jax.core.Tracer) and not np.isfinite(value).all():
        raise ValueError(f"{name}: expected finite values; got NaN or infinity")
    return value


def shape(name, value, expected, meaning):
    """Raise a ValueError unless `value` has the shape `expected`."""
    if value.shape != tuple(expected):
        raise ValueError(
            f"{name}: expected {meaning}, shape {tuple(expected)}; got shape {value.shape}"
        )


def at_least(name, value, minimum, *, integer=False):
    """Raise a ValueError unless the number `value` is finite and at least `minimum`."""
    if isinstance(value, jax.core.Tracer):
        return
    kind = "an integer" if integer else "a finite number"
    if isinstance(value, bool):
        proper = False
    elif integer:
        proper = isinstance(value, Integral) and value >= minimum
    else:
        try:
            proper = np.ndim(value) == 0 and bool(np.isfinite(value)) and value >= minimum
        except (TypeError, ValueError):  # not a number at all
            proper = False
    if not proper:
        raise ValueError(f"{name}: expected {kind} >= {minimum}; got {value!r}")


def number(name, value, kind="number"):
    """Return `value` as a number of Python's if it is a single finite one, or raise."""
    try:
        entries = np.asarray(value)
        if entries.size == 1 and entries.dtype.kind in "biuf" and np.isfinite(entries).all():
            return entries.item()
    except (TypeError, ValueError):  # ragged, or traced
        pass
    raise ValueError(f"{name}: expected a finite {kind}; got {value}")


def features(name, value, expected):
    """Raise a ValueError unless the inputs `value` have `expected` features."""
    if value.shape[-1] != expected:
        raise ValueError(f"{name}: expected {expected} features; got {value.shape[-1]}")


def pair(x1, x2=None):
    """Return two sets of inputs with the same features; `x1` twice if `x2` is left out."""
    x1 = array("x1", x1, 2, "inputs [n1, d]")
    if x1.shape[1] == 0:
        raise ValueError(f"x1: expected at least one feature; got shape {x1.shape}")
    if x2 is None:
        return x1, x1
    x2 = array("x2", x2, 2, "inputs [n2, d]")
    features("x2", x2, x1.shape[1])
    return x1, x2


def activation(value):
    """Raise a ValueError unless `value` is an `Activation`."""
    if not isinstance(value, Activation):
        raise ValueError(
            "activation: expected an Activation such as infinite_width.activations.RELU; "
            f"got {value!r}"
        )


def kernel(name, value, shape_=None, meaning="a square kernel matrix"):
    """Return `value` as a finite matrix of that shape, square when left out."""
    value = array(name, value, 2, meaning)
    shape(name, value, shape_ or (len(value),) * 2, meaning)
    return value


def observations(y, count):
    """Return `y` as finite values [count] or [count, outputs]."""
    y = _numbers("y", y, "values [n] or [n, outputs]")
    y = array("y", y, 2 if y.ndim == 2 else 1, "values [n] or [n, outputs]")
    if len(y) != count:
        raise ValueError(f"y: expected {count} values, one for each training input; "
                         f"got {len(y)}")
    return y


def semidefinite(name, eigenvalues):
    """Raise a ValueError if the smallest eigenvalue is below zero by more than rounding.

    Rounding of n^2 entries can lower an eigenvalue by about n eps times the largest.
    """
    if isinstance(eigenvalues, jax.core.Tracer):
        return
    rounding = 10 * len(eigenvalues) * jnp.finfo(eigenvalues.dtype).eps
    if bool(eigenvalues[0] < -rounding * jnp.abs(eigenvalues).max()):
        raise ValueError(
            f"{name}: expected a positive semi-definite matrix; got smallest eigenvalue "
            f"{float(eigenvalues[0]):.3g}, largest {float(eigenvalues[-1]):.3g}"
        )
