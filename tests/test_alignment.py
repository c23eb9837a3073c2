import jax
import jax.numpy as jnp
import pytest
from numpy.testing import assert_allclose

from infinite_width.alignment import kernel_alignment, kernel_target_alignment

KEY = jax.random.key(5)


def rounding(factor=10):
    return factor * float(jnp.finfo(jnp.zeros(()).dtype).eps)


@pytest.mark.slow
def test_kernel_alignment():
    a = jax.random.normal(KEY, (6, 4))
    k = a @ a.T
    assert_allclose(kernel_alignment(k, 5 * k), 1, atol=rounding())
    assert_allclose(kernel_alignment(jnp.diag(jnp.array([1.0, 0])), jnp.ones((2, 2))), 0.5,
                    atol=rounding())
    # Centred: a constant added to every entry changes nothing.
    assert_allclose(kernel_alignment(k + 50, k, centred=True), 1, atol=rounding(100))
    assert kernel_alignment(k + 50, k) < 0.9


@pytest.mark.slow
def test_kernel_target_alignment():
    y = jnp.array([1.0, -1, 1, 1])
    assert_allclose(kernel_target_alignment(jnp.outer(y, y), y), 1, atol=rounding())
    assert_allclose(kernel_target_alignment(jnp.eye(4), y), 0.5, atol=rounding())
    assert_allclose(kernel_target_alignment(jnp.eye(4), y[:, None]), 0.5, atol=rounding())
    one_hot = jnp.eye(2)[jnp.array([0, 1, 0, 0])]
    centred = kernel_target_alignment(jnp.outer(y, y), one_hot, centred=True)
    assert_allclose(centred, 1, atol=rounding())  # two classes: one-hot is +-1 after centring


@pytest.mark.parametrize("call, name", [
    (lambda: kernel_alignment(jnp.eye(2), jnp.nan * jnp.eye(2)), "k2:"),
    (lambda: kernel_alignment(jnp.eye(2), jnp.eye(3)), "k2:"),
    (lambda: kernel_alignment(jnp.ones(2), jnp.ones(2)), "k1:"),
    (lambda: kernel_target_alignment(jnp.eye(2), jnp.ones(3)), "k2:"),
])
@pytest.mark.wrong_types
def test_bad_input(call, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
