import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from infinite_width.measure import (
    bootstrap,
    kernel_alignment,
    kernel_distance,
    kernel_target_alignment,
    loglog_slope,
)

KEY = jax.random.key(5)
X = np.array([16.0, 32.0, 64.0, 128.0, 256.0])


def rounding(factor=10):
    return factor * float(jnp.finfo(jnp.zeros(()).dtype).eps)


def test_slope_of_an_exact_power():
    slope = loglog_slope(X, 3 * X**-0.75)
    assert_allclose(slope, (-0.75, 0.0), atol=1e-12)
    many = loglog_slope(X, np.stack([X**-0.4, X**-0.6, X**-0.5]))
    assert_allclose(many, (-0.5, 0.1 / np.sqrt(3)), atol=1e-12)


def test_slope_error_is_that_of_the_regression():
    from scipy.stats import linregress

    y = X**-0.5 * np.exp(0.1 * np.random.default_rng(0).normal(size=5))
    fit = linregress(np.log(X), np.log(y))
    assert_allclose(loglog_slope(X, y), (fit.slope, fit.stderr), rtol=1e-10)


def test_slope_errors_cover_the_truth():
    # Of 400 experiments, the fraction within two standard errors (8 seeds: Student's t with 7
    # degrees of freedom gives 0.914) with 4 binomial standard deviations.
    generator = np.random.default_rng(1)
    y = X**-0.5 * np.exp(0.2 * generator.normal(size=(400, 8, 5)))
    slopes = [loglog_slope(X, sample) for sample in y]
    inside = np.mean([abs(slope.value + 0.5) < 2 * slope.error for slope in slopes])
    assert abs(inside - 0.914) < 4 * np.sqrt(0.914 * 0.086 / 400)


def test_bootstrap_of_a_mean():
    samples = jax.random.normal(KEY, (500,))
    estimate = bootstrap(jnp.mean, samples, KEY, resamples=800)
    assert isinstance(estimate.value, float)
    assert_allclose(estimate.value, samples.mean(), atol=rounding())
    # The plug-in error is sd / sqrt(500), known to 1 / sqrt(2 * 800) = 2.5 %.
    assert_allclose(estimate.error, samples.std() / np.sqrt(500), rtol=4 * 0.025)
    again = bootstrap(jnp.mean, samples, KEY, resamples=800)
    assert again == estimate


def test_bootstrap_of_a_tree_keeps_pairs_together():
    x = jax.random.normal(KEY, (100,))
    pairs = {"x": x, "y": 2 * x}
    ratio = bootstrap(lambda s: (s["x"] * s["y"]).sum() / (s["x"] ** 2).sum(), pairs, KEY, 50)
    assert_allclose(ratio, (2.0, 0.0), atol=rounding())
    vector = bootstrap(lambda s: s.mean(0), jnp.stack([x, -x], 1), KEY, 50)
    assert vector.value.shape == vector.error.shape == (2,)


def test_kernel_distance():
    k = jnp.array([[2.0, 1.0], [1.0, 3.0]])
    assert_allclose(kernel_distance(1.1 * k, k), 0.1, atol=rounding())
    assert_allclose(kernel_distance(k, 2 * k), 0.5, atol=rounding())
    assert kernel_distance(k, k) == 0


def test_kernel_alignment():
    a = jax.random.normal(KEY, (6, 4))
    k = a @ a.T
    assert_allclose(kernel_alignment(k, 5 * k), 1, atol=rounding())
    assert_allclose(kernel_alignment(jnp.diag(jnp.array([1.0, 0])), jnp.ones((2, 2))), 0.5,
                    atol=rounding())
    # Centred: a constant added to every entry changes nothing.
    assert_allclose(kernel_alignment(k + 50, k, centred=True), 1, atol=rounding(100))
    assert kernel_alignment(k + 50, k) < 0.9


def test_kernel_target_alignment():
    y = jnp.array([1.0, -1, 1, 1])
    assert_allclose(kernel_target_alignment(jnp.outer(y, y), y), 1, atol=rounding())
    assert_allclose(kernel_target_alignment(jnp.eye(4), y), 0.5, atol=rounding())
    assert_allclose(kernel_target_alignment(jnp.eye(4), y[:, None]), 0.5, atol=rounding())
    one_hot = jnp.eye(2)[jnp.array([0, 1, 0, 0])]
    centred = kernel_target_alignment(jnp.outer(y, y), one_hot, centred=True)
    assert_allclose(centred, 1, atol=rounding())  # two classes: one-hot is +-1 after centring


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: loglog_slope(X[:2], X[:2]), "x:"),
        (lambda: loglog_slope(X, X[:4]), "y:"),
        (lambda: loglog_slope(X, -X), "y:"),
        (lambda: loglog_slope(X, X[None]), "y:"),
        (lambda: loglog_slope(0 * X, X), "x:"),
        (lambda: loglog_slope(np.ones(5), X), "x:"),
        (lambda: bootstrap(jnp.mean, jnp.ones(1), KEY), "samples:"),
        (lambda: bootstrap(jnp.mean, (jnp.ones(3), jnp.ones(4)), KEY), "samples:"),
        (lambda: bootstrap(jnp.mean, jnp.ones(3), KEY, 1), "resamples:"),
        (lambda: kernel_distance(jnp.eye(2), jnp.eye(3)), "reference:"),
        (lambda: kernel_distance(jnp.ones(2), jnp.ones(2)), "kernel:"),
        (lambda: kernel_alignment(jnp.eye(2), jnp.nan * jnp.eye(2)), "k2:"),
        (lambda: kernel_target_alignment(jnp.eye(2), jnp.ones(3)), "k2:"),
    ],
)
def test_bad_input(call, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
