"""Shares and thresholds of the ensemble prior against brute force and against each other."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random
from numpy.testing import assert_allclose
from scipy import integrate, optimize, stats

from infinite_width.ensemble_prior import (
    bayes_threshold,
    finite_share,
    l1_share,
    l1_threshold,
    minimum_norm_threshold,
    perfect_share,
    simulate,
)
from infinite_width.rich_ensemble_prior import rich_share, rich_threshold

X64 = jax.config.jax_enable_x64
RTOL = 1e-11 if X64 else 1e-5  # a few hundred units in the last place


def patterns(n):
    """All 2^n activations on n points whose labels are all 1, a column each."""
    return np.array(list(itertools.product([-1.0, 1.0], repeat=n))).T


def test_minimum_norm_share_equals_regression_on_every_pattern():
    """Infinitely many coins are every pattern, equally often: the Gram matrix is exact."""
    n, p = 5, 0.03
    coins = patterns(n)
    gram = p * np.ones((n, n)) + (1 - p) * coins @ coins.T / 2**n
    share = p * np.ones(n) @ np.linalg.solve(gram, np.ones(n))
    assert_allclose(perfect_share(n, p), share, rtol=RTOL)


@pytest.mark.parametrize("n, perfect, randoms", [(64, 4, 252), (3, 1, 7), (20, 1, 20), (1, 9, 1)])
def test_finite_share_equals_quadrature(n, perfect, randoms):
    a, freedom = perfect * n, randoms - n + 1
    density = stats.chi2(freedom).pdf
    # c = t^2 removes the singularity of the density at 0.
    expected, _ = integrate.quad(
        lambda t: a / (a + t * t) * density(t * t) * 2 * t, 0, np.inf, epsabs=1e-12, limit=500
    )
    assert_allclose(finite_share(n, perfect, randoms), expected, rtol=1e-8 if X64 else RTOL)


def test_finite_share_limits():
    assert_allclose(finite_share(10, 3, 9), 1.0)
    assert_allclose(finite_share(50, 2000, 198_000), perfect_share(50, 0.01), rtol=1e-3)


@pytest.mark.slow
def test_simulated_share_has_the_finite_mean():
    shares = jax.vmap(lambda k: simulate(k, 16, 4, 92).share)(random.split(random.key(0), 400))
    error = shares.std() / 20
    # Coins instead of Gaussian features: a relative difference of order 1/M = 0.011.
    assert abs(shares.mean() - finite_share(16, 4, 92)) < 4 * error + 0.011
    assert abs(shares.mean() - perfect_share(16, 4 / 96)) > 8 * error


@pytest.mark.slow
@pytest.mark.parametrize("n, perfect, randoms", [(6, 2, 30), (8, 3, 4), (2, 1, 1)])
def test_simulated_fit_is_the_minimum_norm_interpolant(n, perfect, randoms):
    fit = simulate(random.key(3), n, perfect, randoms)
    assert fit.features.shape == (n, perfect + randoms)
    assert set(np.unique(fit.features)) <= {-1.0, 1.0}
    assert_allclose(fit.features[:, :perfect], np.tile(fit.labels[:, None], perfect))
    tolerance = 1e-9 if X64 else 1e-4
    expected = np.linalg.pinv(np.asarray(fit.features, float), rcond=1e-6) @ fit.labels
    assert_allclose(fit.weights, expected, atol=tolerance)
    assert_allclose(fit.share, perfect * fit.weights[0], atol=tolerance)


def test_sums_of_squares_divide_as_the_share_does():
    fit = simulate(random.key(1), 12, 5, 60)
    squares = jnp.sum(fit.weights[:5] ** 2) / jnp.sum(fit.weights[5:] ** 2)
    assert_allclose(squares, fit.share / (1 - fit.share), rtol=1e-8 if X64 else 1e-3)


@pytest.mark.parametrize("scale", [30.0, 1.0, 1e-2, 1e-6])
def test_rich_share_is_where_the_flow_ends(scale):
    """The flow keeps w_j = (s / N) sinh(b.phi_j); minimise the convex dual by brute force."""
    n, p = 5, 0.04
    coins = np.hstack([np.ones((n, 1)), patterns(n)])
    weight = scale * np.r_[p, np.full(2**n, (1 - p) / 2**n)]

    def objective(b):
        return weight @ np.cosh(coins.T @ b) - b.sum()

    def gradient(b):
        return coins @ (weight * np.sinh(coins.T @ b)) - 1

    b = optimize.minimize(objective, np.full(n, 0.01), jac=gradient, tol=1e-12).x
    assert_allclose(gradient(b), 0, atol=1e-4)
    expected = weight[0] * np.sinh(b.sum())
    assert_allclose(rich_share(n, p, scale), expected, rtol=1e-4)


def test_rich_share_counts_odd_subsets():
    """Odds are p / (1 - p) times sum over odd k of binomial(n, k) tanh(b)^(k - 1)."""
    n, p = 7, 0.02
    for scale in (100.0, 0.3, 1e-3):
        share = float(rich_share(n, p, scale))
        leverage = share / (1 - share) * (1 - p) / p
        t2 = optimize.brentq(
            lambda x, leverage: sum(math.comb(n, 2 * k + 1) * x**k for k in range(4)) - leverage,
            -0.1, 1.1, args=(leverage,))
        b = np.arctanh(np.sqrt(t2))
        total = p * np.sinh(n * b) + (1 - p) * np.cosh(b) ** (n - 1) * np.sinh(b)
        assert_allclose(total * scale, 1, rtol=1e-6 if X64 else 3e-2)


def test_rich_share_runs_from_minimum_norm_to_l1():
    n, p = jnp.array([1.0, 2.0, 8.0, 30.0]), 2.0**-6
    assert_allclose(rich_share(n, p, 1e9), perfect_share(n, p), rtol=1e-4)
    # Overlaps n - 2 are suppressed by (p s)^(2/n), which at n = 30 is still 0.02.
    assert_allclose(rich_share(n[:3], p, 1e-36), l1_share(n[:3], p), rtol=1e-4)
    scales = jnp.logspace(6, -30, 40)
    assert (jnp.diff(rich_share(12.0, p, scales)) > -10 * RTOL).all()


def test_thresholds_are_where_the_share_is_one_half():
    p = 2.0 ** -jnp.arange(2.0, 21.0)
    tolerance = 1e-9 if X64 else 3e-4
    def posterior(n, p):
        return p / (p + (1 - p) * 2.0**-n)

    for share, threshold in ((perfect_share, minimum_norm_threshold), (l1_share, l1_threshold),
                             (posterior, bayes_threshold)):
        assert_allclose(share(threshold(p), p), 0.5, rtol=tolerance)
    for scale in (1e6, 50.0, 1.0, 1e-5, 1e-30):
        assert_allclose(rich_share(rich_threshold(p, scale), p, scale), 0.5, rtol=tolerance)


def test_rich_threshold_is_capped_by_the_scale():
    p, scale = 2.0 ** -jnp.arange(4.0, 31.0), 3000.0
    cap = 2 * scale * jnp.arcsinh(1 / (2 * scale * p))
    assert_allclose(rich_threshold(p, scale), cap, rtol=0.1)  # relative corrections C^2 / s
    assert_allclose(rich_threshold(0.01, 1e9), minimum_norm_threshold(0.01), rtol=1e-3)
    assert_allclose(rich_threshold(2.0**-10, 1e-36), l1_threshold(2.0**-10), rtol=1e-2)


def test_functions_trace():
    value = jax.jit(jax.vmap(rich_share, (0, None, None)))(jnp.array([3.0, 5.0]), 0.1, 1.0)
    assert_allclose(value, rich_share(jnp.array([3.0, 5.0]), 0.1, 1.0), rtol=RTOL)
    assert np.isfinite(jax.grad(perfect_share, 1)(5.0, 0.1))


@pytest.mark.parametrize("call, message", [
    (lambda: perfect_share(0, 0.1), "n: expected numbers of points >= 1; got 0"),
    (lambda: perfect_share(3, 1.5), "p: expected fractions strictly between 0 and 1; got 1.5"),
    (lambda: l1_share(3, 0.0), "p: expected fractions strictly"),
    (lambda: l1_share(np.nan, 0.5), "n: expected numbers of points"),
    (lambda: finite_share(3, 0, 5), "n_perfect: expected numbers >= 1"),
    (lambda: finite_share(3, 1, -1), "n_random: expected numbers >= 0"),
    (lambda: rich_share(3, 0.1, 0.0), "scale: expected finite numbers > 0"),
    (lambda: rich_threshold(0.7, 1.0), "p: expected fractions strictly between 0 and 1/2"),
    (lambda: minimum_norm_threshold(-1.0), "p: expected fractions strictly"),
    (lambda: simulate(random.key(0), 0, 1, 1), "n: expected an integer >= 1; got 0"),
    (lambda: simulate(random.key(0), 3, 0, 1), "n_perfect: expected an integer >= 1"),
    (lambda: simulate(random.key(0), 3, 1, 2.5), "n_random: expected an integer >= 0"),
])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
