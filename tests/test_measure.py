import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from infinite_width.measure import Estimate, jackknife, loglog_slope, mean, quantile

X = np.array([16.0, 32.0, 64.0, 128.0, 256.0])


def rounding(factor=10):
    return factor * float(jnp.finfo(jnp.zeros(()).dtype).eps)


def test_slope_of_an_exact_power():
    slope = loglog_slope(X, 3 * X**-0.75)
    assert_allclose([*slope], [-0.75, 0.0], atol=1e-12)
    many = loglog_slope(X, np.stack([X**-0.4, X**-0.6, X**-0.5]))
    assert_allclose([*many], [-0.5, 0.1 / np.sqrt(3)], atol=1e-12)


def test_slope_error_is_that_of_the_regression():
    y = X**-0.5 * np.exp(0.1 * np.random.default_rng(0).normal(size=5))
    fit = stats.linregress(np.log(X), np.log(y))
    assert_allclose([*loglog_slope(X, y)], [fit.slope, fit.stderr], rtol=1e-10)


def test_slope_errors_cover_the_truth():
    # Of 400 experiments, the fraction within two standard errors (8 seeds: Student's t with 7
    # degrees of freedom gives 0.914) with 4 binomial standard deviations.
    generator = np.random.default_rng(1)
    y = X**-0.5 * np.exp(0.2 * generator.normal(size=(400, 8, 5)))
    slopes = [loglog_slope(X, sample) for sample in y]
    inside = np.mean([abs(slope.value + 0.5) < 2 * slope.error for slope in slopes])
    assert abs(inside - 0.914) < 4 * np.sqrt(0.914 * 0.086 / 400)


def test_mean():
    samples = np.random.default_rng(2).normal(size=(30, 4, 3))
    whole = mean(samples)
    assert isinstance(whole.value, float) and isinstance(whole.error, float)
    assert_allclose([*whole], [samples.mean(), stats.sem(samples, axis=None)], rtol=1e-12)
    for axis in (0, 1, -1):
        value, error = mean(jnp.asarray(samples), axis)
        exact = rounding() if jnp.zeros(()).dtype == jnp.float32 else 1e-14
        assert_allclose(value, samples.mean(axis), atol=exact)
        assert_allclose(error, stats.sem(samples, axis=axis), atol=exact)
    truth = np.arange(100) < 30
    assert_allclose(mean(truth).value, 0.3)
    assert_allclose(mean(truth).error, np.sqrt(0.3 * 0.7 / 99), rtol=1e-12)


def test_mean_is_taken_in_float64():
    samples = np.float32(1000) + np.random.default_rng(3).normal(size=100_000).astype(np.float32)
    assert_allclose(mean(samples).value, np.mean(samples, dtype=float), rtol=1e-14)


def test_quantile_error_covers_the_truth():
    # Intervals of one error from the order statistics cover the median of 101 normal numbers
    # as often as a binomial number is within one standard deviation of its mean, 0.683;
    # interpolation between order statistics and the discreteness of 101 move that by 0.05.
    generator = np.random.default_rng(4)
    estimates = quantile(generator.normal(size=(101, 4000)), axis=0)
    assert abs(np.mean(np.abs(estimates.value) < estimates.error) - 0.683) < 0.05
    # The standard deviation of the median is sqrt(pi / 2 / n) for n normal numbers.
    assert_allclose(estimates.error.mean(), np.sqrt(np.pi / 2 / 101), rtol=0.05)
    q = quantile(generator.normal(size=(1001, 500)), 0.9, axis=0)
    density = stats.norm.pdf(stats.norm.ppf(0.9))
    assert_allclose(q.error.mean(), np.sqrt(0.09 / 1001) / density, rtol=0.05)
    assert_allclose(q.value.mean(), stats.norm.ppf(0.9), atol=4 * q.error.mean() / np.sqrt(500))


def test_jackknife_of_a_mean_is_its_standard_error():
    samples = np.random.default_rng(5).normal(size=(40, 3))
    assert_allclose([*jackknife(np.mean, samples[:, 0])], [*mean(samples[:, 0])], rtol=1e-12)
    value, error = jackknife(lambda s: s.mean(0), samples)
    assert_allclose(value, samples.mean(0))
    assert_allclose(error, stats.sem(samples, axis=0), rtol=1e-12)


def test_jackknife_keeps_pairs_together_and_groups_its_samples():
    generator = np.random.default_rng(6)
    x = generator.exponential(size=20_000)
    assert_allclose([*jackknife(lambda a, b: a.mean() / b.mean(), 2 * x, x)], [2, 0], atol=1e-12)
    # Independent exponentials: the ratio of means has the relative error sqrt(2 / n); a
    # jackknife of 100 groups knows it to 1 / sqrt(2 * 99) = 7 %.
    ratio = jackknife(lambda a, b: a.mean() / b.mean(), x, generator.exponential(size=20_000))
    assert_allclose(ratio.error / ratio.value, np.sqrt(2 / 20_000), rtol=4 * 0.07)
    # The variance of a normal number has the relative error sqrt(2 / (n - 1)).
    variance = jackknife(lambda s: s.var(ddof=1), generator.normal(size=20_000))
    assert_allclose(variance.error / variance.value, np.sqrt(2 / 19_999), rtol=4 * 0.07)


def test_arithmetic_of_estimates_follows_simulated_ones():
    """First-order errors against the scatter of a million draws with small errors."""
    a, b = Estimate(3.0, 0.01), Estimate(-2.0, 0.02)
    generator = np.random.default_rng(7)
    x, y = (e.value + e.error * generator.normal(size=1_000_000) for e in (a, b))
    for result, draws in (
        (a + b, x + y), (a - b, x - y), (a * b, x * y), (a / b, x / y), (2 - a, 2 - x),
        (1 + 4 * a, 1 + 4 * x), (a / 4 - 1, x / 4 - 1), (6 / b, 6 / y), (a**-1.5, x**-1.5),
        (-b, -y), (abs(b), abs(y)), (np.float64(2) * a, 2 * x), (jnp.float32(2) - a, 2 - x),
    ):
        # Second order: (0.02 / 2)^2 = 1e-4, and a standard deviation known to 0.07 %.
        assert_allclose([*result], [draws.mean(), draws.std()], rtol=3e-3)
        assert isinstance(result, Estimate)


def test_estimates_of_arrays():
    samples = np.random.default_rng(8).normal(size=(50, 3))
    whole = mean(samples, axis=0)
    scaled = np.array([1.0, 10.0, 100.0]) * whole
    assert_allclose([*scaled[1]], [*(10 * mean(samples[:, 1]))])
    value, error = whole[1:]
    assert value.shape == error.shape == (2,)
    assert_allclose(jax.tree.map(lambda part: part[0], whole).value, whole[0].value)
    with pytest.raises(AttributeError):
        whole.value = 0


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: loglog_slope(X[:2], X[:2]), "x:"),
        (lambda: loglog_slope(X, X[:4]), "y:"),
        (lambda: loglog_slope(X, -X), "y:"),
        (lambda: loglog_slope(X, X[None]), "y:"),
        (lambda: loglog_slope(0 * X, X), "x:"),
        (lambda: loglog_slope(np.ones(5), X), "x:"),
        (lambda: mean([1.0]), "samples: expected at least 2 samples; got 1"),
        (lambda: mean([1.0, np.nan]), "samples: expected finite"),
        (lambda: mean(np.ones((3, 3)), axis=2), "axis: expected an axis of shape"),
        (lambda: mean(np.ones((1, 3)), axis=0), "samples:"),
        (lambda: quantile([1.0, 2.0], 1.0), "q:"),
        (lambda: quantile([1.0]), "samples:"),
        (lambda: jackknife(np.mean, np.ones(3), np.ones(4)), "samples: expected arrays of one"),
        (lambda: jackknife(np.mean, np.ones(1)), "samples:"),
        (lambda: jackknife(np.mean, np.ones(3), groups=1), "groups:"),
    ],
)
def test_bad_input(call, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
