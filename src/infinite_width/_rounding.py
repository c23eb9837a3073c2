"""Where rounding decides: float64, factors that say so, differences that cancel."""

import jax
import jax.numpy as jnp


def float64():
    """Return a context in which JAX computes in float64; it ends with the block."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64  # jax < 0.8

    return enable_x64(True)


def cholesky(name, matrix):
    """Return the Cholesky factor of `matrix`, or raise if rounding decides what it is.

    The square of a pivot is the variance that an observation has left when those before it are
    known; rounding gives it an error of up to n eps times its own variance. A smaller pivot is
    noise, and so is every solution that divides by it.
    """
    factor = jnp.linalg.cholesky(matrix)
    if isinstance(factor, jax.core.Tracer):
        return factor
    variance, pivots = jnp.diagonal(matrix), jnp.diagonal(factor) ** 2
    precision = jnp.finfo(matrix.dtype)
    determined = ~(pivots > max(len(matrix), 10) * precision.eps * variance)
    if bool(determined.any()):
        index = int(determined.argmax())
        wider = "" if precision.bits >= 64 else ", or compute in float64"
        raise ValueError(
            f"{name}: expected a matrix that is positive definite beyond the rounding of "
            f"{matrix.dtype}; got a row, {index}, that the rows before it determine. "
            "Remedies: scale the inputs (centred columns, x.x / d about 1), set noise > 0, drop "
            f"repeated inputs{wider}"
        )
    return factor


@jax.jit
def _cleaned(covariance, rounding):
    """Return the matrix with small negative eigenvalues set to 0, and its smallest one."""
    size, precision = len(covariance), jnp.finfo(covariance.dtype).eps
    # A factor costs a fraction of the eigenvalues, and mostly shows that nothing is to be done.
    shift = 5 * size * precision * jnp.diagonal(covariance).max()
    factor = jnp.linalg.cholesky(covariance + shift * jnp.eye(size, dtype=covariance.dtype))

    def project(matrix):
        eigenvalues, vectors = jnp.linalg.eigh(matrix)
        noise = (eigenvalues < 0) & (eigenvalues >= -rounding)
        kept = jnp.where(noise, 0.0, eigenvalues)
        return (vectors * kept) @ vectors.T, eigenvalues[0]

    def leave(matrix):
        return matrix, jnp.zeros((), matrix.dtype)

    return jax.lax.cond(jnp.isfinite(factor).all(), leave, project, covariance)


def covariance_of_difference(name, covariance, gain, k_train, k_test):
    """Return the covariance of f(x) - gain f(X), without the negative eigenvalues of rounding.

    The matrix is what is left of larger ones that cancel, so that its rounding is on their
    scale: some eps times norm(k_test) + norm(gain)^2 norm(k_train), bounded here by sums of
    rows and columns. The derivative is left alone.

    Raises:
        ValueError: An eigenvalue is below zero by more than that.
    """
    def norm(matrix, axis):
        return jnp.abs(matrix).sum(axis).max()

    fixed, gain, k_train, k_test = jax.lax.stop_gradient((covariance, gain, k_train, k_test))
    scale = norm(k_test, 0) + norm(gain, 0) * norm(gain, 1) * norm(k_train, 0)
    rounding = 10 * jnp.finfo(covariance.dtype).eps * scale
    clean, smallest = _cleaned(fixed, rounding)
    if not isinstance(smallest, jax.core.Tracer) and bool(smallest < -rounding):
        raise ValueError(
            f"{name}: expected kernels of one process, so that the covariance is positive "
            f"semi-definite; got an eigenvalue of {float(smallest):.3g}, where rounding allows "
            f"{-float(rounding):.1g}"
        )
    return covariance + (clean - fixed)
