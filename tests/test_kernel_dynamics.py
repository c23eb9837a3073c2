import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

from infinite_width._rounding import float64
from infinite_width.activations import ERF, RELU
from infinite_width.datasets import circle
from infinite_width.gaussian_process import posterior, sample
from infinite_width.kernel_dynamics import ensemble, linearize, train_prediction
from infinite_width.kernels import Kernels, mlp_kernels
from infinite_width.networks import MLP
from infinite_width.training import squared_loss, train

EPS = float(jnp.finfo(jnp.zeros(()).dtype).eps)
GENERATOR = np.random.default_rng(4)
X, X_TEST = GENERATOR.normal(size=(5, 3)), GENERATOR.normal(size=(4, 3))
Y = GENERATOR.normal(size=5)
SETTING = dict(depth=2, activation=ERF, weight_variance=1.5, bias_variance=0.2)
TRAIN, CROSS, TEST = (
    mlp_kernels(X, **SETTING), mlp_kernels(X_TEST, X, **SETTING), mlp_kernels(X_TEST, **SETTING)
)
# Errors of a solve are the condition number times rounding.
CONDITION = float(np.linalg.cond(np.asarray(TRAIN.ntk, float)))
RTOL = 10 * CONDITION * EPS
TIMES = [0.0, 0.3, 4.0, np.inf]


def exact(t):
    """A_t in float64 by the matrix exponential of scipy."""
    from scipy.linalg import expm

    theta, cross = (np.asarray(k, float) for k in (TRAIN.ntk, CROSS.ntk))
    decay = np.zeros_like(theta) if np.isinf(t) else expm(-theta * t)
    return cross @ np.linalg.solve(theta, np.eye(5) - decay)


@pytest.mark.slow
@pytest.mark.parametrize("t", TIMES)
def test_prediction_is_the_matrix_exponential(t):
    assert_allclose(train_prediction(TRAIN.ntk, CROSS.ntk, Y, t), exact(t) @ Y, atol=RTOL)
    starts = GENERATOR.normal(size=5), GENERATOR.normal(size=4)
    found = train_prediction(TRAIN.ntk, CROSS.ntk, Y, t, starts)
    assert_allclose(found, starts[1] + exact(t) @ (Y - starts[0]), atol=10 * RTOL)
    found = train_prediction(TRAIN.ntk, CROSS.ntk, Y, t, 0.5)
    assert_allclose(found, 0.5 + exact(t) @ (Y - 0.5), atol=RTOL)
    two = train_prediction(TRAIN.ntk, CROSS.ntk, np.stack([Y, 2 * Y], 1), t)
    assert_allclose(two, np.outer(exact(t) @ Y, [1, 2]), atol=2 * RTOL)


def test_prediction_solves_the_differential_equation():
    from scipy.integrate import solve_ivp

    kernels = np.concatenate([TRAIN.ntk, CROSS.ntk])
    start = GENERATOR.normal(size=9)
    flow = solve_ivp(lambda t, f: -kernels @ (f[:5] - Y), (0, 2.0), start, rtol=1e-9, atol=1e-9)
    found = [train_prediction(TRAIN.ntk, kernel, Y, 2.0, (start[:5], f0))
             for kernel, f0 in ((TRAIN.ntk, start[:5]), (CROSS.ntk, start[5:]))]
    assert_allclose(np.concatenate(found), flow.y[:, -1], atol=10 * RTOL + 1e-7)


def test_prediction_is_the_limit_of_small_steps():
    theta, rate, t = np.asarray(TRAIN.ntk, float), 2e-4, 0.5
    f = np.zeros(5)
    for _ in range(round(t / rate)):
        f = f - rate * theta @ (f - Y)
    # One step errs by (rate lambda)^2 / 2 of the residual; over time t that adds up to at most
    # rate lambda^2 t exp(-lambda t) / 2 <= rate lambda / (2 e), for the largest eigenvalue.
    allowed = rate * np.linalg.eigvalsh(theta)[-1] / (2 * np.e) * np.linalg.norm(Y)
    found = train_prediction(TRAIN.ntk, TRAIN.ntk, Y, t)
    assert_allclose(found, f, atol=allowed + RTOL)
    assert allowed < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("t", TIMES)
def test_against_neural_tangents(t):
    from infinite_width.neural_tangents import nt, stax

    layers = []
    for _ in range(2):
        layers += [stax.Dense(1, 1.5**0.5, 0.2**0.5), stax.Erf()]
    kernel_fn = stax.serial(*layers, stax.Dense(1, 1.5**0.5, 0.2**0.5))[2]
    predict = nt.predict.gradient_descent_mse_ensemble(kernel_fn, jnp.asarray(X), Y[:, None])
    # Its loss is the mean over outputs, so that time runs len(Y) times slower.
    mean, covariance = predict(t=None if np.isinf(t) else t * len(Y), x_test=jnp.asarray(X_TEST),
                               get="ntk", compute_cov=True)
    found = ensemble(TRAIN, CROSS, TEST, Y, t)
    # In float32 neural-tangents' own kernels are off by up to 4e-4.
    allowed = 100 * RTOL + (0 if EPS < 1e-10 else 4e-4 * CONDITION)
    assert_allclose(found.mean, mean[:, 0], atol=allowed)
    assert_allclose(found.covariance, covariance, atol=allowed)


@pytest.mark.parametrize("t", TIMES)
def test_ensemble_is_the_law_of_predictions_from_random_starts(t):
    # The prediction is linear in f_0, so its law follows from that of f_0 ~ N(0, K) exactly.
    prior = np.block([[np.asarray(TRAIN.nngp), np.asarray(CROSS.nngp).T],
                      [np.asarray(CROSS.nngp), np.asarray(TEST.nngp)]])
    response = np.concatenate([-exact(t), np.eye(4)], axis=1)
    found = ensemble(TRAIN, CROSS, TEST, Y, t)
    assert_allclose(found.mean, exact(t) @ Y, atol=RTOL)
    assert_allclose(found.covariance, response @ prior @ response.T, atol=10 * RTOL)
    assert_allclose(found.covariance, found.covariance.T, atol=10 * RTOL)


def test_ensemble_at_its_two_ends():
    start = ensemble(TRAIN, CROSS, TEST, Y, 0.0)
    assert_allclose(start.mean, 0, atol=EPS)
    assert_allclose(start.covariance, TEST.nngp, rtol=10 * EPS)
    # Where only the readout learns, Theta = K, and training ends in the NNGP posterior.
    readout = ensemble(*(Kernels(k.nngp, k.nngp) for k in (TRAIN, CROSS, TEST)), Y)
    bayes = posterior(TRAIN.nngp, CROSS.nngp, TEST.nngp, Y)
    condition = float(np.linalg.cond(np.asarray(TRAIN.nngp, float)))
    assert_allclose(readout.mean, bayes.mean, atol=100 * condition * EPS)
    assert_allclose(readout.covariance, bayes.covariance, atol=100 * condition * EPS)
    full = ensemble(TRAIN, CROSS, TEST, Y)
    assert np.abs(np.asarray(full.covariance - bayes.covariance)).max() > 0.01


@pytest.mark.slow
def test_a_singular_kernel_is_no_trouble():
    x = np.concatenate([X, X[:1]])  # one input twice, with targets that disagree
    y = np.append(Y, Y[0] + 2)
    ntk = mlp_kernels(x, **SETTING).ntk
    end = train_prediction(ntk, ntk, y, np.inf)
    fitted = np.append(Y, Y[0] + 1)
    fitted[0] = Y[0] + 1  # the twins meet in the middle
    assert_allclose(end, fitted, atol=100 * RTOL)
    later = train_prediction(ntk, ntk, y, 1e6)
    assert_allclose(later, end, atol=100 * RTOL)


@pytest.mark.slow
def test_no_direction_above_rounding_is_dropped():
    """600 random inputs and labels; the smallest eigenvalue is 2e-4 of the largest."""
    x = np.random.default_rng(0).normal(size=(600, 10))
    y = np.sign(np.random.default_rng(1).normal(size=600))
    ntk = mlp_kernels(x, depth=2).ntk
    exact_ntk = np.asarray(ntk, float)
    eigenvalues, vectors = np.linalg.eigh(exact_ntk)
    condition = eigenvalues[-1] / eigenvalues[0]
    assert 4000 < condition < 6000
    for t in (np.inf, 1.0):
        expected = vectors @ (-np.expm1(-eigenvalues * t) * (vectors.T @ y))
        found = train_prediction(ntk, ntk, y, t)
        # A backward stable solve errs by at most condition * eps.
        error = np.sqrt(np.mean((np.asarray(found) - expected) ** 2))
        assert error < 0.1 * condition * EPS
    assert_allclose(train_prediction(ntk, ntk, y, np.inf), y, atol=condition * EPS)


@pytest.mark.slow
@pytest.mark.parametrize("count, activation", [(10, ERF), (150, ERF), (150, RELU)])
def test_rounding_of_eigenvalues_is_below_the_threshold(count, activation):
    """Every input twice: half of the eigenvalues are zero, all others are far above."""
    x = np.random.default_rng(count).normal(size=(count, 10))
    ntk = mlp_kernels(np.concatenate([x, x]), depth=2, activation=activation).ntk
    y = np.random.default_rng(0).normal(size=2 * count)
    met = np.tile((y[:count] + y[count:]) / 2, 2)
    eigenvalues = np.asarray(jnp.linalg.eigvalsh(ntk), float) / float(jnp.linalg.norm(ntk, 2))
    assert np.abs(eigenvalues[:count]).max() < 2 * EPS  # half of the threshold
    condition = 1 / eigenvalues[count]
    for t in (1e7, np.inf):
        assert_allclose(train_prediction(ntk, ntk, y, t), met, atol=10 * condition * EPS)


def test_drawing_from_an_ensemble_at_its_own_training_inputs():
    end = ensemble(TRAIN, TRAIN, TRAIN, Y)
    draws = sample(jax.random.key(0), end.covariance, 10, end.mean)
    size = float(np.abs(np.asarray(TRAIN.nngp)).sum(0).max())
    assert_allclose(draws, np.tile(Y, (10, 1)), atol=RTOL + np.sqrt(100 * EPS * size))


def central_difference(function, at, step):
    return (np.asarray(function(at + step)) - np.asarray(function(at - step))) / (2 * step)


STEP = 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("t", [0.3, np.inf])
@pytest.mark.parametrize("case", ["distinct", "coinciding eigenvalues", "repeated inputs"])
def test_derivatives(case, t):
    """In the kernel's hyperparameter, both modes; on a circle eigenvalues come in pairs."""
    x = {"distinct": X, "coinciding eigenvalues": np.asarray(circle(6), np.float64),
         "repeated inputs": np.concatenate([X, X[:2]])}[case]
    x_test = np.random.default_rng(2).normal(size=(3, x.shape[1]))
    y = np.cos(np.arange(len(x)))

    def prediction(bias):
        options = dict(SETTING, depth=1, bias_variance=bias)
        train, cross = mlp_kernels(x, **options), mlp_kernels(x_test, x, **options)
        return train_prediction(train.ntk, cross.ntk, y, t)

    forward = jax.jacfwd(prediction)(1.0)
    with float64():
        expected = central_difference(prediction, 1.0, STEP)
    # Its values err by the condition number times eps, here a thousand.
    allowed = 1e-8 + 3e3 * EPS
    assert_allclose(forward, expected, atol=allowed)
    assert allowed < 0.03 * np.abs(expected).max()
    assert_allclose(jax.jit(jax.jacrev(prediction))(1.0), forward, atol=3e3 * EPS)


@pytest.mark.slow
def test_derivative_in_the_inputs_of_a_linear_model():
    """More inputs than features: the kernel is singular, and its range turns with them."""
    x, y = GENERATOR.normal(size=(7, 3)), GENERATOR.normal(size=7)
    x_test, ahead = GENERATOR.normal(size=(2, 3)), GENERATOR.normal(size=(7, 3))

    def prediction(shift, t=np.inf):
        inputs = jnp.asarray(x) + shift * ahead
        return train_prediction(inputs @ inputs.T, x_test @ inputs.T, y, t)

    def least_squares(shift):
        return x_test @ np.linalg.lstsq(x + shift * ahead, y, rcond=None)[0]

    expected = central_difference(least_squares, 0.0, STEP)
    assert_allclose(jax.jacrev(prediction)(0.0), expected, atol=1e-7 + 1e3 * EPS)
    with float64():
        expected = central_difference(lambda s: prediction(s, 0.2), 0.0, STEP)
    found = jax.jacfwd(lambda s: prediction(s, 0.2))(0.0)
    assert_allclose(found, expected, atol=1e-7 + 1e3 * EPS)


@pytest.mark.parametrize("t", [0.0, 0.3, np.inf])
def test_derivative_in_time_is_the_flow(t):
    speed = jax.jacfwd(lambda t: train_prediction(TRAIN.ntk, CROSS.ntk, Y, t))(t)
    residual = Y - train_prediction(TRAIN.ntk, TRAIN.ntk, Y, t)
    assert_allclose(speed, np.asarray(CROSS.ntk) @ residual, atol=10 * RTOL)


@pytest.mark.slow
def test_under_jit_and_vmap():
    times = jnp.array([0.0, 0.3, 4.0, jnp.inf])
    expected = np.stack([exact(t) @ Y for t in TIMES])
    many = jax.vmap(lambda t: train_prediction(TRAIN.ntk, CROSS.ntk, Y, t))(times)
    assert_allclose(many, expected, atol=RTOL)
    compiled = jax.jit(lambda k, c, y, t: train_prediction(k, c, y, t))
    assert_allclose(compiled(TRAIN.ntk, CROSS.ntk, Y, 0.3), expected[1], atol=RTOL)
    constant = jax.jit(lambda t: train_prediction(TRAIN.ntk, CROSS.ntk, Y, t))
    assert_allclose(constant(0.3), expected[1], atol=RTOL)


def tangent_kernel(apply, params):
    jacobian = jax.jacobian(lambda p: apply(p, X)[:, 0])(params)
    rows = [leaf.reshape(len(X), -1) for leaf in jax.tree.leaves(jacobian)]
    return sum(row @ row.T for row in rows)


@pytest.mark.slow
def test_linearize():
    network = MLP(16, 1, ERF, bias_variance=0.1)
    params = network.init(jax.random.key(0), 3)
    moved = jax.tree.map(lambda p: p + 0.01, params)
    linear = linearize(network.apply, params)
    assert_allclose(linear(params, X), network.apply(params, X), rtol=10 * EPS)
    # The remainder is of second order: halving the step quarters it.
    halfway = jax.tree.map(lambda p: p + 0.005, params)
    remainder = [np.abs(linear(p, X) - network.apply(p, X)).max() for p in (halfway, moved)]
    assert 3 < remainder[1] / remainder[0] < 5
    # Its tangent kernel does not depend on where it is taken.
    kernel = tangent_kernel(network.apply, params)
    assert_allclose(tangent_kernel(linear, moved), kernel, rtol=1e-5)
    assert np.abs(tangent_kernel(network.apply, moved) / kernel - 1).max() > 1e-3


@pytest.mark.slow
def test_linearized_training_is_the_kernel_flow():
    network = MLP(16, 1, ERF, bias_variance=0.1)
    params = network.init(jax.random.key(1), 3)
    linear = linearize(network.apply, params)
    ntk = tangent_kernel(network.apply, params)
    rate, steps = 1e-3, 500
    final, _ = train(squared_loss(linear, X, Y), params, optax.sgd(rate), steps)
    start = network.apply(params, X)[:, 0]
    found = train_prediction(ntk, ntk, Y, rate * steps, (start, start))
    allowed = rate * float(jnp.linalg.eigvalsh(ntk)[-1]) / (2 * np.e)  # as for small steps above
    allowed *= float(jnp.linalg.norm(Y - start))
    assert_allclose(linear(final, X)[:, 0], found, atol=allowed + 1e-4)
    assert allowed < 0.02 * float(jnp.abs(found - start).max())


INDEFINITE = np.diag([1.0, 1.0, 1.0, 1.0, -0.5])


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: train_prediction(np.ones((5, 4)), CROSS.ntk, Y, 1.0), "ntk_train:"),
        (lambda: train_prediction(TRAIN.ntk, CROSS.ntk.T, Y, 1.0), "ntk_cross:"),
        (lambda: train_prediction(TRAIN.ntk, CROSS.ntk, Y[:4], 1.0), "y:"),
        (lambda: train_prediction(TRAIN.ntk, CROSS.ntk, Y * np.nan, 1.0), "y:"),
        (lambda: train_prediction(TRAIN.ntk, CROSS.ntk, Y, -1.0), "t:"),
        (lambda: train_prediction(TRAIN.ntk, CROSS.ntk, Y, np.nan), "t:"),
        (lambda: train_prediction(TRAIN.ntk, CROSS.ntk, Y, "end"), "t:"),
        (lambda: ensemble(TRAIN, CROSS, Kernels(TEST.nngp / 9, TEST.ntk), Y), "test.nngp:"),
        (lambda: train_prediction(TRAIN.ntk, CROSS.ntk, Y, np.ones(3)), "t:"),
        (lambda: train_prediction(TRAIN.ntk, CROSS.ntk, Y, 1.0, (Y[:2], 0)), r"f0\[0\]:"),
        (lambda: train_prediction(TRAIN.ntk, CROSS.ntk, Y, 1.0, (Y, Y)), r"f0\[1\]:"),
        (lambda: train_prediction(INDEFINITE, INDEFINITE, Y, 1.0), "ntk_train:"),
        (lambda: ensemble(TRAIN, TEST, TEST, Y, 1.0), "cross.ntk:"),
        (lambda: ensemble(Kernels(TEST.ntk, TRAIN.ntk), CROSS, TEST, Y), "train.nngp:"),
        (lambda: ensemble(Kernels(TRAIN.nngp, INDEFINITE), CROSS, TEST, Y), "ntk_train:"),
    ],
)
def test_bad_input(call, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        call()
