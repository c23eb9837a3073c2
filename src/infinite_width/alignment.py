"""How alike two kernels are, and a kernel and its targets."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Num

from infinite_width import _validate


def _pair(names, first, second):
    first, second = (_validate.array(name, kernel, 2, "a kernel matrix")
                     for name, kernel in zip(names, (first, second), strict=True))
    _validate.shape(names[1], second, first.shape, f"as {names[0]}")
    return first, second


def kernel_alignment(
    k1: Num[ArrayLike, "n m"], k2: Num[ArrayLike, "n m"], centred: bool = False
) -> Float[Array, ""]:
    """Cosine of the angle between two kernels, <k1, k2> / (|k1| |k2|), Frobenius.

    Args:
        k1: A kernel matrix.
        k2: Another one of the same shape.
        centred: Whether to subtract row and column means first, k -> H k H with
            H = 1 - 11^T / n, so that a constant shared by all entries counts for nothing.

    Raises:
        ValueError: Not two finite matrices of the same shape.

    Source: Cristianini et al. (2001); centred: Cortes et al. (2012).
    """
    k1, k2 = _pair(("k1", "k2"), k1, k2)
    if centred:
        k1, k2 = (k - k.mean(0) - k.mean(1, keepdims=True) + k.mean() for k in (k1, k2))
    return jnp.sum((k1 / jnp.linalg.norm(k1)) * (k2 / jnp.linalg.norm(k2)))


def kernel_target_alignment(
    kernel: Num[ArrayLike, "n n"], y: Num[ArrayLike, "n *outputs"], centred: bool = False
) -> Float[Array, ""]:
    """Alignment of a kernel with its targets, `kernel_alignment(kernel, y y^T, centred)`.

    Between 0 and 1 for a positive semi-definite kernel; 1 if it is proportional to y y^T, and
    1 / sqrt(n) for the identity and one output.

    Raises:
        ValueError: Shapes do not fit, or a value is not finite.

    Source: Cristianini et al. (2001).
    """
    y = jnp.asarray(y)
    y = _validate.array("y", y, 2 if y.ndim == 2 else 1, "targets [n] or [n, outputs]")
    y = y.reshape(len(y), -1)
    return kernel_alignment(kernel, y @ y.T, centred)
