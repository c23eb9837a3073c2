"""neural-tangents on today's JAX, against values that owe nothing to it.

Kernels: recursions written out in numpy. Predictions: matrix exponentials. Empirical kernels:
Jacobians column by column. Monte Carlo: the standard error of the mean.

What nobody's change here can break, new releases of JAX can: those tests are run weekly.
"""

import functools
import importlib.metadata
import itertools
import os
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.special
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose

from infinite_width import neural_tangents
from infinite_width.neural_tangents import nt, stax

X64 = jax.config.jax_enable_x64
EPSILON = float(jnp.finfo(jnp.zeros(()).dtype).eps)
# A few hundred operations of condition about one.
TOLERANCE = 300 * EPSILON
# At coinciding inputs the angle is the root of a difference that cancels.
DIAGONAL_TOLERANCE = 10 * EPSILON**0.5

# Its own advice, which it always gives.
INDEPENDENT_BRANCHES = pytest.mark.filterwarnings("ignore:`FanIn` layers assume independent")
needs_x64 = pytest.mark.skipif(not X64, reason="needs float64: JAX_ENABLE_X64=1")

WEIGHT, BIAS = 1.3, 0.4  # standard deviations


def assert_matches(actual, desired, tolerance=TOLERANCE):
    """Equal up to rounding relative to the largest entry: small entries are differences."""
    assert_allclose(actual, desired, rtol=0, atol=tolerance * np.abs(desired).max())


def inputs(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


X1, X2 = inputs(4, 3, seed=1), inputs(3, 3, seed=2)
TRAIN, TEST = inputs(5, 3, seed=3), inputs(2, 3, seed=4)
LABELS = inputs(5, 2, seed=5)


# ------------------------------------------------------------------ kernels, by hand


def relu_dual(k11, k22, k12):
    """E[relu(u)relu(v)] and E[relu'(u)relu'(v)]: Cho & Saul 2009, degrees 1 and 0."""
    scale = np.sqrt(k11 * k22)
    cosine = np.clip(k12 / scale, -1, 1)
    angle = np.arccos(cosine)
    value = scale * (np.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi)
    return value, (np.pi - angle) / (2 * np.pi)


def abrelu_dual(k11, k22, k12, a, b):
    """phi(u) = b relu(u) - a relu(-u), so (u, v) -> (u, -v) turns the mixed terms into ReLU's."""
    same, same_derivative = relu_dual(k11, k22, k12)
    mixed, mixed_derivative = relu_dual(k11, k22, -k12)
    value = (a**2 + b**2) * same - 2 * a * b * mixed
    return value, (a**2 + b**2) * same_derivative + 2 * a * b * mixed_derivative


def erf_dual(k11, k22, k12):
    """Williams 1997."""
    scale = (1 + 2 * k11) * (1 + 2 * k22)
    value = 2 / np.pi * np.arcsin(2 * k12 / np.sqrt(scale))
    return value, 4 / np.pi / np.sqrt(scale - 4 * k12**2)


def quadrature_dual(phi, derivative, nodes=200):
    """Gauss-Hermite in two dimensions, for smooth functions."""
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    w = np.outer(w, w) / (2 * np.pi)

    @np.vectorize
    def dual(k11, k22, k12):
        u = np.sqrt(k11) * z[:, None]
        v = k12 / np.sqrt(k11) * z[:, None] + np.sqrt(max(k22 - k12**2 / k11, 0.0)) * z[None, :]
        return (w * phi(u) * phi(v)).sum(), (w * derivative(u) * derivative(v)).sum()

    return dual


def normal_cdf(x):
    return (1 + scipy.special.erf(x / 2**0.5)) / 2


gelu_dual = quadrature_dual(
    lambda x: x * normal_cdf(x),
    lambda x: normal_cdf(x) + x * np.exp(-(x**2) / 2) / (2 * np.pi) ** 0.5,
)


def dense_kernels(x1, x2, dual, depth):
    """NNGP and NTK of a fully connected network: the book's recursion."""

    def first(a, b):
        return WEIGHT**2 * a @ b.T / a.shape[1] + BIAS**2

    k12 = first(x1, x2)
    k11 = np.broadcast_to(np.diag(first(x1, x1))[:, None], k12.shape)
    k22 = np.broadcast_to(np.diag(first(x2, x2))[None, :], k12.shape)
    theta = k12
    for _ in range(depth):
        value, derivative = dual(k11, k22, k12)
        k11 = WEIGHT**2 * dual(k11, k11, k11)[0] + BIAS**2
        k22 = WEIGHT**2 * dual(k22, k22, k22)[0] + BIAS**2
        k12 = WEIGHT**2 * value + BIAS**2
        theta = k12 + WEIGHT**2 * theta * derivative
    return k12, theta


def dense(width=512):
    return stax.Dense(width, W_std=WEIGHT, b_std=BIAS)


def dense_network(activation, depth, width=512, outputs=1):
    hidden = [layer for _ in range(depth) for layer in (dense(width), activation())]
    return stax.serial(*hidden, dense(outputs))


ACTIVATIONS = {
    "relu": (stax.Relu, relu_dual),
    "erf": (stax.Erf, erf_dual),
    "gelu": (stax.Gelu, gelu_dual),
    "abrelu": (
        functools.partial(stax.ABRelu, -0.3, 1.2),
        functools.partial(abrelu_dual, a=-0.3, b=1.2),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("depth", [pytest.param(1, marks=pytest.mark.weekly), 3])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_dense_kernels(name, depth):
    activation, dual = ACTIVATIONS[name]
    _, _, kernel_fn = dense_network(activation, depth)
    kernels = kernel_fn(X1, X2, ("nngp", "ntk"))
    nngp, ntk = dense_kernels(X1, X2, dual, depth)
    assert_matches(kernels.nngp, nngp)
    assert_matches(kernels.ntk, ntk)


@pytest.mark.weekly
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_dense_kernels_at_coinciding_inputs(name):
    activation, dual = ACTIVATIONS[name]
    _, _, kernel_fn = dense_network(activation, 2)
    kernels = jax.jit(lambda x: kernel_fn(x, None, ("nngp", "ntk")))(X1)
    nngp, ntk = dense_kernels(X1, X1, dual, 2)
    assert_matches(kernels.nngp, nngp, DIAGONAL_TOLERANCE)
    assert_matches(kernels.ntk, ntk, DIAGONAL_TOLERANCE)


def convolution(k, height, width, padding):
    """sum over the nine offsets of k[.., p + offset, q + offset], for positions p and q."""
    k = k.reshape(k.shape[:2] + (height, width, height, width))
    out = np.zeros_like(k)
    positions = list(itertools.product(range(height), range(width)))
    for (p1, p2), (q1, q2) in itertools.product(positions, positions):
        for o1, o2 in itertools.product((-1, 0, 1), repeat=2):
            a, b, c, d = p1 + o1, p2 + o2, q1 + o1, q2 + o2
            if padding == "CIRCULAR":
                a, b, c, d = a % height, b % width, c % height, d % width
            elif min(a, b, c, d) < 0 or max(a, c) >= height or max(b, d) >= width:
                continue
            out[:, :, p1, p2, q1, q2] += k[:, :, a, b, c, d]
    return out.reshape(k.shape[:2] + (height * width, height * width))


def convolutional_kernels(x1, x2, padding, pooling):
    """Conv 3x3, ReLU, Conv 3x3, ReLU, readout: NNGP and NTK position by position."""
    height, width, channels = x1.shape[1:]

    def first(a, b):
        a, b = (v.reshape(len(v), height * width, channels) for v in (a, b))
        return np.einsum("ipc,jqc->ijpq", a, b) / channels

    def layer(k):
        return WEIGHT**2 / 9 * convolution(k, height, width, padding)

    def variances(k, axis):
        """K(x, x) at each position, broadcast to a pair of inputs and of positions."""
        own = np.einsum("iipp->ip", k)
        return own[:, None, :, None] if axis == 0 else own[None, :, None, :]

    k12, k11, k22 = (layer(k) + BIAS**2 for k in (first(x1, x2), first(x1, x1), first(x2, x2)))
    theta = k12
    for last in (False, True):
        value, derivative = relu_dual(variances(k11, 0), variances(k22, 1), k12)
        k11 = relu_dual(variances(k11, 0), variances(k11, 1), k11)[0]
        k22 = relu_dual(variances(k22, 0), variances(k22, 1), k22)[0]
        theta = theta * derivative
        if last:
            break
        k12, k11, k22 = (layer(k) + BIAS**2 for k in (value, k11, k22))
        theta = k12 + layer(theta)
    if pooling == "flatten":
        value, theta = (np.einsum("ijpp->ij", k) / (height * width) for k in (value, theta))
    else:
        value, theta = (k.mean((2, 3)) for k in (value, theta))
    nngp = WEIGHT**2 * value + BIAS**2
    return nngp, nngp + WEIGHT**2 * theta


def convolutional_network(padding, pooling, channels=16, outputs=1):
    def conv():
        return stax.Conv(channels, (3, 3), padding=padding, W_std=WEIGHT, b_std=BIAS)

    readout = stax.Flatten() if pooling == "flatten" else stax.GlobalAvgPool()
    return stax.serial(conv(), stax.Relu(), conv(), stax.Relu(), readout, dense(outputs))


@pytest.mark.weekly
@pytest.mark.parametrize("padding", ["SAME", "CIRCULAR"])
@pytest.mark.parametrize("pooling", ["flatten", "average"])
def test_convolutional_kernels(padding, pooling):
    x1, x2 = inputs(2, 3, 4, 2, seed=6), inputs(3, 3, 4, 2, seed=7)
    _, _, kernel_fn = convolutional_network(padding, pooling)
    kernels = jax.jit(lambda a, b: kernel_fn(a, b, ("nngp", "ntk")))(x1, x2)
    nngp, ntk = convolutional_kernels(x1, x2, padding, pooling)
    assert_matches(kernels.nngp, nngp)
    assert_matches(kernels.ntk, ntk)


@pytest.mark.weekly
@INDEPENDENT_BRANCHES
def test_sum_of_branches_adds_kernels():
    shallow, deep = stax.serial(dense(7)), dense_network(stax.Relu, 2, outputs=7)
    _, _, kernel_fn = stax.serial(stax.FanOut(2), stax.parallel(shallow, deep), stax.FanInSum())
    kernels = kernel_fn(X1, X2, ("nngp", "ntk"))
    first = dense_kernels(X1, X2, relu_dual, 0)
    second = dense_kernels(X1, X2, relu_dual, 2)
    assert_matches(kernels.nngp, first[0] + second[0])
    assert_matches(kernels.ntk, first[1] + second[1])


@pytest.mark.weekly
def test_layer_norm_divides_by_standard_deviations():
    _, _, kernel_fn = stax.serial(dense(), stax.LayerNorm(), stax.Erf(), dense())
    kernels = kernel_fn(X1, X2, ("nngp", "ntk"))
    k12, k11, k22 = (dense_kernels(*p, erf_dual, 0)[0] for p in ((X1, X2), (X1, X1), (X2, X2)))
    v1, v2 = np.diag(k11)[:, None], np.diag(k22)[None, :]
    e = 1e-12  # the layer adds it to variances
    normalised = v1 / (v1 + e), v2 / (v2 + e), k12 / np.sqrt((v1 + e) * (v2 + e))
    value, derivative = erf_dual(*normalised)
    nngp = WEIGHT**2 * value + BIAS**2
    assert_matches(kernels.nngp, nngp)
    assert_matches(kernels.ntk, nngp + WEIGHT**2 * normalised[2] * derivative)


# ------------------------------------------------------------------ predictions


def kernel_matrices():
    k_train = dense_kernels(TRAIN, TRAIN, erf_dual, 2)[1]
    return k_train, dense_kernels(TEST, TRAIN, erf_dual, 2)[1]


def solved_flow(k_train, k_cross, time, f_train=0.0, f_test=0.0):
    """f' = -K (f - y) / size, the gradient flow of the mean of squares / 2."""
    if time is None:
        remaining = np.zeros_like(k_train)
    else:
        remaining = scipy.linalg.expm(-k_train * time / LABELS.size)
    decayed = (np.eye(len(k_train)) - remaining) @ (LABELS - f_train)
    return f_train + decayed, f_test + k_cross @ np.linalg.solve(k_train, decayed)


# The predictions divide by eigenvalues, so rounding grows with the condition number.
FLOW_TOLERANCE = TOLERANCE * np.linalg.cond(kernel_matrices()[0])


@pytest.mark.parametrize("time", [pytest.param(0.0, marks=pytest.mark.weekly), 7.0, None])
def test_gradient_descent_mse(time):
    """Under jit first and then without: what the predictor keeps must be no tracer."""
    k_train, k_cross = map(jnp.asarray, kernel_matrices())
    f_train, f_test = inputs(5, 2, seed=8), inputs(2, 2, seed=9)
    predict = nt.predict.gradient_descent_mse(k_train, LABELS, learning_rate=0.5)
    call = functools.partial(predict, None if time is None else time / 0.5)
    expected = solved_flow(*kernel_matrices(), time, f_train, f_test)
    for predicted in (jax.jit(call), call):
        train, test = predicted(f_train, f_test, k_cross)
        assert_matches(train, expected[0], FLOW_TOLERANCE)
        assert_matches(test, expected[1], FLOW_TOLERANCE)


@pytest.mark.weekly
def test_gradient_descent_mse_at_many_times_with_regularisation():
    k_train, k_cross = map(jnp.asarray, kernel_matrices())
    predict = nt.predict.gradient_descent_mse(
        k_train, LABELS, diag_reg=0.1, diag_reg_absolute_scale=True
    )
    times = jnp.array([[0.5, 3.0], [10.0, 40.0]])
    train, test = predict(times, 0.0, 0.0, k_cross)
    assert train.shape == (2, 2, 5, 2) and test.shape == (2, 2, 2, 2)
    for index in np.ndindex(2, 2):
        expected = solved_flow(
            kernel_matrices()[0] + 0.1 * np.eye(5), kernel_matrices()[1], float(times[index])
        )
        assert_matches(train[index], expected[0], FLOW_TOLERANCE)
        assert_matches(test[index], expected[1], FLOW_TOLERANCE)


@pytest.mark.weekly
@pytest.mark.parametrize("time", [7.0, None])
def test_gradient_descent_mse_of_a_traced_kernel(time):
    """The kernel itself under vmap, jit and grad: no value of one may reach the other."""
    k_train, k_cross = map(jnp.asarray, kernel_matrices())

    def test_outputs(scale):
        predict = nt.predict.gradient_descent_mse(scale * k_train, LABELS)
        return predict(time, None, 0.0, scale * k_cross)

    def expected(scale):
        return solved_flow(*(scale * k for k in kernel_matrices()), time)[1]

    scales = jnp.array([0.5, 2.0])
    batch = jax.jit(jax.vmap(test_outputs))(scales)
    assert_matches(batch, np.stack([expected(0.5), expected(2.0)]), FLOW_TOLERANCE)
    assert_matches(jax.jit(test_outputs)(2.0), expected(2.0), FLOW_TOLERANCE)
    # d/dscale = time d/dtime of the flow, and nothing at infinite time.
    slope = jax.jit(jax.jacobian(test_outputs))(1.0)
    analytic = np.zeros_like(slope)
    if time is not None:
        residual = scipy.linalg.expm(-kernel_matrices()[0] * time / LABELS.size) @ LABELS
        analytic = kernel_matrices()[1] @ residual * time / LABELS.size
    assert_allclose(slope, analytic, rtol=0, atol=10 * FLOW_TOLERANCE)


def ensemble_kernels():
    """NNGP and NTK between train and train, test and train, test and test."""
    pairs = ((TRAIN, TRAIN), (TEST, TRAIN), (TEST, TEST))
    return [dense_kernels(*pair, erf_dual, 1) for pair in pairs]


def ensemble_moments(mode, time, test=True):
    """f_test(t) = f_test + A (y - f_train), of jointly Gaussian outputs at the start."""
    (nngp, ntk), (nngp_cross, ntk_cross), (nngp_test, _) = ensemble_kernels()
    theta, theta_cross = (nngp, nngp_cross) if mode == "nngp" else (ntk, ntk_cross)
    if not test:
        theta_cross, nngp_cross, nngp_test = theta, nngp, nngp
    flow = np.eye(5)
    if time is not None:
        flow = flow - scipy.linalg.expm(-theta * time / LABELS.size)
    a = theta_cross @ np.linalg.solve(theta, flow)
    covariance = nngp_test - a @ nngp_cross.T - nngp_cross @ a.T + a @ nngp @ a.T
    return a @ LABELS, covariance


ENSEMBLE_TOLERANCE = TOLERANCE * np.linalg.cond(ensemble_kernels()[0][0])


def ensemble_predictor():
    _, _, kernel_fn = dense_network(stax.Erf, 1)
    return nt.predict.gradient_descent_mse_ensemble(kernel_fn, TRAIN, LABELS)


def assert_moments(out, expected):
    mean, covariance = expected
    assert_matches(out.mean, mean, ENSEMBLE_TOLERANCE)
    assert_matches(out.covariance, covariance, ENSEMBLE_TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("time", [5.0, pytest.param(None, marks=pytest.mark.weekly)])
def test_ensemble(time):
    """Under jit first and then without: neural-tangents as it was kept tracers."""
    predict = ensemble_predictor()

    def moments(x):
        return predict(time, x, ("nngp", "ntk"), compute_cov=True)

    for call in (jax.jit(moments), moments, jax.jit(lambda x: moments(x))):
        out = call(jnp.asarray(TEST))
        for mode in ("nngp", "ntk"):
            assert_moments(getattr(out, mode), ensemble_moments(mode, time))


@pytest.mark.weekly
def test_ensemble_on_training_inputs():
    predict = ensemble_predictor()
    for mode in ("nngp", "ntk"):
        out = predict(5.0, None, mode, compute_cov=True)
        assert_moments(out, ensemble_moments(mode, 5.0, test=False))


@pytest.mark.weekly
@pytest.mark.parametrize("time", [5.0, None])
def test_ensemble_made_under_jit(time):
    _, _, kernel_fn = dense_network(stax.Erf, 1)

    @jax.jit
    def moments(x_train, x_test):
        predict = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x_train, LABELS)
        return predict(time, x_test, ("nngp", "ntk"), compute_cov=True)

    out = moments(TRAIN, TEST)
    for mode in ("nngp", "ntk"):
        assert_moments(getattr(out, mode), ensemble_moments(mode, time))


@pytest.mark.weekly
def test_gp_inference():
    """Under jit first and then without, as above."""
    _, _, kernel_fn = dense_network(stax.Erf, 1)
    train, cross, test = (
        kernel_fn(*pair, ("nngp", "ntk")) for pair in ((TRAIN, None), (TEST, TRAIN), (TEST, None))
    )
    predict = nt.predict.gp_inference(train, LABELS, diag_reg=0.2, diag_reg_absolute_scale=True)
    modes = ("nngp", "ntk", "ntkgp")

    noise = 0.2 * np.eye(5)
    (nngp, ntk), (nngp_cross, ntk_cross), (nngp_test, ntk_test) = ensemble_kernels()
    a = np.linalg.solve(nngp + noise, nngp_cross.T).T
    b = np.linalg.solve(ntk + noise, ntk_cross.T).T
    expected = {
        "nngp": (a @ LABELS, nngp_test - a @ nngp_cross.T),
        "ntk": (b @ LABELS, nngp_test - b @ nngp_cross.T - nngp_cross @ b.T + b @ nngp @ b.T),
        "ntkgp": (b @ LABELS, ntk_test - b @ ntk_cross.T),
    }
    call = functools.partial(predict, modes)
    for out in (jax.jit(call)(cross, test), call(cross, test)):
        for mode in modes:
            assert_moments(getattr(out, mode), expected[mode])


# The solver works to 1.4e-8 a step, relative and absolute.
ODE_TOLERANCE = max(1e-6, 1000 * EPSILON)


def mean_square(f, y):
    return jnp.mean((f - y) ** 2) / 2


@pytest.mark.weekly
def test_gradient_descent_of_mean_square_is_the_closed_flow():
    k_train, k_cross = map(jnp.asarray, kernel_matrices())
    predict = nt.predict.gradient_descent(mean_square, k_train, LABELS, learning_rate=0.5)
    train, test = predict(jnp.array([4.0, 20.0]), 0.0, 0.0, k_cross)
    for i, time in enumerate((2.0, 10.0)):
        expected = solved_flow(*kernel_matrices(), time)
        assert_matches(train[i], expected[0], ODE_TOLERANCE)
        assert_matches(test[i], expected[1], ODE_TOLERANCE)


@pytest.mark.weekly
def test_gradient_descent_with_momentum():
    """q' = -K (f - y)/size + (momentum - 1)/sqrt(rate) q, f' = q, in time sqrt(rate) t."""
    k_train, _ = kernel_matrices()
    predict = nt.predict.gradient_descent(
        mean_square, jnp.asarray(k_train), LABELS, learning_rate=0.25, momentum=0.9
    )
    friction = (0.9 - 1) / 0.5
    generator = np.block(
        [[np.zeros((5, 5)), np.eye(5)], [-k_train / LABELS.size, friction * np.eye(5)]]
    )
    start = np.concatenate([-LABELS, np.zeros_like(LABELS)])
    expected = LABELS + (scipy.linalg.expm(generator * 0.5 * 6.0) @ start)[:5]
    assert_matches(predict(6.0, 0.0), expected, ODE_TOLERANCE)


@pytest.mark.weekly
def test_gradient_descent_of_cross_entropy():
    k_train, k_cross = kernel_matrices()
    classes = np.eye(2)[[0, 1, 1, 0, 1]]

    def cross_entropy(f, y):
        return -jnp.mean(jax.nn.log_softmax(f) * y)

    predict = nt.predict.gradient_descent(cross_entropy, jnp.asarray(k_train), jnp.asarray(classes))
    train, test = predict(30.0, 0.0, 0.0, jnp.asarray(k_cross))

    both = np.concatenate([k_train, k_cross])

    def velocity(_, f):
        softmax = scipy.special.softmax(f.reshape(7, 2)[:5], axis=1)
        return (-both @ (softmax - classes) / classes.size).ravel()

    solution = scipy.integrate.solve_ivp(velocity, (0, 30), np.zeros(14), rtol=1e-10, atol=1e-10)
    expected = solution.y[:, -1].reshape(7, 2)
    assert_matches(train, expected[:5], ODE_TOLERANCE)
    assert_matches(test, expected[5:], ODE_TOLERANCE)


@pytest.mark.weekly
def test_max_learning_rate():
    k_train, _ = kernel_matrices()
    largest = np.linalg.eigvalsh(k_train)[-1]
    rate = nt.predict.max_learning_rate(jnp.asarray(k_train), y_train_size=10, momentum=0.5)
    assert_matches(rate, 2 * 1.5 * 10 / (largest + 1e-12))


# ------------------------------------------------------------------ empirical kernels

METHODS = nt.NtkImplementation


def jacobian(apply, params, x):
    """Outputs by flat parameters: [n, outputs, parameters]."""
    flat, unravel = ravel_pytree(params)
    return jax.jacfwd(lambda p: apply(unravel(p), x))(flat)


@functools.partial(jax.jit, static_argnums=0)
def brute_force_ntk(apply, params, x1, x2):
    """[n1, n2, outputs, outputs]"""
    return jnp.einsum("iap,jbp->ijab", jacobian(apply, params, x1), jacobian(apply, params, x2))


def initialised(network, shape, seed=0):
    init, apply, _ = network
    return apply, init(jax.random.key(seed), shape)[1]


def split_apply(params, x):
    """Parameters in one vector and a split of activations: both use `jnp.split`."""
    w, v = jnp.split(params, [12])
    a, b = jnp.split(jnp.tanh(x @ w.reshape(3, 4)), 2, axis=-1)
    return (a * b) @ v.reshape(2, 2)


def shared_apply(params, x):
    """One weight used twice, another as the output itself."""
    return jnp.sin(x @ params["w"]) @ params["w"] + params["offset"] * jnp.ones((len(x), 1))


@functools.cache
def network_case(name):
    """A network, its parameters and two sets of inputs."""
    x1, x2 = jnp.asarray(X1), jnp.asarray(X2)
    if name == "shallow":
        return *initialised(dense_network(stax.Gelu, 1, 4, 2), x1.shape), x1, x2
    if name == "dense":
        return *initialised(dense_network(stax.Erf, 2, 5, 2), x1.shape), x1, x2
    if name == "residual":
        body = stax.serial(stax.Relu(), dense(4))
        block = stax.serial(
            stax.FanOut(2), stax.parallel(stax.Identity(), body), stax.FanInSum(), stax.LayerNorm()
        )
        return *initialised(stax.serial(dense(4), block, stax.Gelu(), dense(2)), x1.shape), x1, x2
    if name == "convolutional":
        x1, x2 = jnp.asarray(inputs(3, 4, 3, 2, seed=6)), jnp.asarray(inputs(2, 4, 3, 2, seed=7))
        conv = stax.Conv(3, (3, 2), padding="SAME", b_std=BIAS)
        network = stax.serial(conv, stax.Relu(), stax.GlobalAvgPool(), dense(2))
        return *initialised(network, x1.shape), x1, x2
    if name == "split":
        return split_apply, jnp.asarray(inputs(16, seed=10)), x1, x2
    assert name == "shared"
    params = {"w": jnp.asarray(inputs(3, 3, seed=11)), "offset": jnp.asarray(inputs(3, seed=12))}
    return shared_apply, params, x1, x2


EXPLICIT = [method for method in METHODS if method is not METHODS.AUTO]
CASES = [  # what depends on the network's operations is the structured implementation
    *itertools.product(["dense", "convolutional"], EXPLICIT, [None, 0]),
    *itertools.product(["residual", "split", "shared"], EXPLICIT[2:], [None, 0]),
]
DAILY = ("dense", METHODS.STRUCTURED_DERIVATIVES, 0), ("split", METHODS.STRUCTURED_DERIVATIVES, 0)
CASES = [case if case in DAILY else pytest.param(*case, marks=pytest.mark.weekly)
         for case in CASES]


@pytest.mark.parametrize(("name", "method", "vmap_axes"), CASES)
# Its own notice: a parameter that goes straight into this operation costs a full Jacobian.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:No Jacobian rule found for slice")
def test_empirical_ntk(name, method, vmap_axes):
    apply, params, x1, x2 = network_case(name)
    expected = brute_force_ntk(apply, params, x1, x2)
    ntk = nt.empirical_ntk_fn(apply, trace_axes=(), implementation=method, vmap_axes=vmap_axes)
    assert_matches(jax.jit(ntk)(x1, x2, params), expected)


@pytest.mark.weekly
@pytest.mark.parametrize("axes", ["trace", "diagonal"])
# AUTO compiles the others, to compare their costs.
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name.lower())
def test_empirical_ntk_of_traced_or_diagonal_outputs(method, axes):
    apply, params, x1, _ = network_case("shallow")
    full = np.asarray(brute_force_ntk(apply, params, x1, x1))
    if axes == "trace":
        options, expected = {}, np.einsum("ijaa->ij", full) / full.shape[-1]
    else:
        options = {"trace_axes": (), "diagonal_axes": (-1,)}
        expected = np.einsum("ijaa->ija", full)
    ntk = nt.empirical_ntk_fn(apply, implementation=method, **options)
    assert_matches(jax.jit(lambda x, p: ntk(x, None, p))(x1, params), expected)


@pytest.mark.weekly
@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("structure_rules", [False, True])
@pytest.mark.parametrize("jacobian_rules", [False, True])
def test_structured_derivatives_with_and_without_rules(jacobian_rules, structure_rules, forward):
    """Without its rules neural-tangents takes Jacobians of single operations both ways."""
    apply, params, x1, x2 = network_case("convolutional")
    ntk = nt.empirical_ntk_fn(
        apply,
        trace_axes=(),
        implementation=METHODS.STRUCTURED_DERIVATIVES,
        _j_rules=jacobian_rules,
        _s_rules=structure_rules,
        _fwd=forward,
    )
    assert_matches(jax.jit(ntk)(x1, x2, params), brute_force_ntk(apply, params, x1, x2))


@pytest.mark.weekly
@pytest.mark.parametrize("method", EXPLICIT[1:], ids=lambda method: method.name.lower())
def test_empirical_ntk_of_two_outputs(method):
    """A network that returns a pair: the kernel is a pair as well."""
    heads = stax.parallel(dense(2), dense(3))
    apply, params = initialised(stax.serial(dense(4), stax.Erf(), stax.FanOut(2), heads), X1.shape)
    x1, x2 = jnp.asarray(X1), jnp.asarray(X2)
    kernels = jax.jit(nt.empirical_ntk_fn(apply, trace_axes=(), implementation=method))
    for i, kernel in enumerate(kernels(x1, x2, params)):
        expected = brute_force_ntk(lambda p, x, i=i: apply(p, x)[i], params, x1, x2)
        assert_matches(kernel, expected)


@pytest.mark.weekly
def test_empirical_ntk_outside_jit():
    apply, params, x1, x2 = network_case("shallow")
    ntk = nt.empirical_ntk_fn(apply, trace_axes=(), implementation=METHODS.STRUCTURED_DERIVATIVES)
    assert_matches(ntk(x1, x2, params), brute_force_ntk(apply, params, x1, x2))


@pytest.mark.weekly
@needs_x64
def test_empirical_ntk_by_finite_differences():
    apply, params, x1, _ = network_case("dense")
    flat, unravel = ravel_pytree(params)
    step = 1e-5  # error step^2 + epsilon / step

    def slope(direction):
        ahead, behind = (apply(unravel(flat + s * direction), x1) for s in (step, -step))
        return (ahead - behind) / (2 * step)

    slopes = np.asarray(jax.jit(jax.vmap(slope))(jnp.eye(flat.size)))
    expected = np.einsum("pia,pjb->ijab", slopes, slopes)
    ntk = jax.jit(lambda x, p: nt.empirical_ntk_fn(apply, trace_axes=())(x, None, p))
    assert_matches(ntk(x1, params), expected, 1e-8)


@pytest.mark.weekly
def test_empirical_ntk_under_transformations():
    """The structured implementation, batched over parameters and differentiated by them."""
    apply, params, x1, x2 = network_case("shallow")
    ntk = nt.empirical_ntk_fn(apply, trace_axes=(), implementation=METHODS.STRUCTURED_DERIVATIVES)

    def scaled(kernel, scale):
        return kernel(jax.tree_util.tree_map(lambda leaf: scale * leaf, params))

    by_rules = functools.partial(scaled, lambda p: ntk(x1, x2, p))
    by_jacobians = functools.partial(scaled, lambda p: brute_force_ntk(apply, p, x1, x2))
    scales = jnp.array([1.0, 2.0])
    batch = jax.jit(jax.vmap(by_rules))(scales)
    for kernel, scale in zip(batch, scales, strict=True):
        assert_matches(kernel, by_jacobians(scale))
    slope, expected = (jax.jit(jax.jacrev(kernel))(1.0) for kernel in (by_rules, by_jacobians))
    assert_matches(slope, expected)


@pytest.mark.weekly
def test_empirical_nngp_and_both():
    apply, params, x1, x2 = network_case("dense")
    f1, f2 = (np.asarray(apply(params, x), dtype=float) for x in (x1, x2))
    nngp = f1 @ f2.T / 2
    ntk = jnp.einsum("ijaa->ij", brute_force_ntk(apply, params, x1, x2)) / 2
    assert_matches(nt.empirical_nngp_fn(apply)(x1, x2, params), nngp)
    kernel_fn = nt.empirical_kernel_fn(apply)
    both = jax.jit(lambda p: kernel_fn(x1, x2, ("nngp", "ntk"), p))(params)
    assert_matches(both.nngp, nngp)
    assert_matches(both.ntk, ntk)


@pytest.mark.weekly
def test_empirical_ntk_vector_product():
    apply, params, x1, x2 = network_case("dense")
    vector = inputs(3, 2, seed=13)
    product = nt.empirical_ntk_vp_fn(apply, x1, x2, params)(jnp.asarray(vector))
    expected = jnp.einsum("ijab,jb->ia", brute_force_ntk(apply, params, x1, x2), vector)
    assert_matches(product, expected)


# ------------------------------------------------------------------ Monte Carlo


@pytest.mark.weekly
def test_monte_carlo_of_a_linear_layer():
    """Outputs are Gaussian, so f f' averaged over m outputs and s draws has variance
    (K11 K22 + K12^2) / (m s), and the kernel's own tangent kernel does not fluctuate."""
    init, apply, _ = stax.serial(dense(64))
    kernel_fn = nt.monte_carlo_kernel_fn(init, apply, jax.random.key(0), n_samples=100)
    kernels = kernel_fn(X1, X2, ("nngp", "ntk"))
    k12 = dense_kernels(X1, X2, relu_dual, 0)[0]
    k11, k22 = (np.diag(dense_kernels(x, x, relu_dual, 0)[0]) for x in (X1, X2))
    deviation = np.sqrt((np.outer(k11, k22) + k12**2) / 6400)
    assert np.all(np.abs(kernels.nngp - k12) < 5 * deviation)
    assert_matches(kernels.ntk, k12)


@pytest.mark.weekly
def test_monte_carlo_of_a_hidden_layer():
    """With one hidden layer both expectations are exact at any width; running means over
    1, 2, ... draws give back the single draws, and those their standard error."""
    init, apply, _ = dense_network(stax.Relu, 1, width=64, outputs=4)
    counts = np.arange(1, 101)
    kernel_fn = nt.monte_carlo_kernel_fn(init, apply, jax.random.key(1), n_samples=counts.tolist())
    means = list(kernel_fn(X1, X2, ("nngp", "ntk")))
    expected = dense_kernels(X1, X2, relu_dual, 1)
    for name, kernel in zip(("nngp", "ntk"), expected, strict=True):
        sums = counts[:, None, None] * np.array([getattr(m, name) for m in means], dtype=float)
        draws = np.diff(sums, axis=0, prepend=0.0)
        error = draws.std(0, ddof=1) / len(draws) ** 0.5
        assert np.all(np.abs(draws.mean(0) - kernel) < 5 * error), name
        assert error.max() < 0.1 * np.abs(kernel).max(), name


# ------------------------------------------------------------------ expansions


@pytest.mark.weekly
def test_linearize_is_the_tangent():
    apply, start, x, _ = network_case("dense")
    end = initialised(dense_network(stax.Erf, 2, 5, 2), x.shape, seed=1)[1]
    change = ravel_pytree(end)[0] - ravel_pytree(start)[0]
    expected = apply(start, x) + jacobian(apply, start, x) @ change
    value = jax.jit(nt.linearize(apply, start))(end, x)
    assert_matches(value, expected)


@pytest.mark.weekly
@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_taylor_expansion_of_a_cubic(degree):
    """(p . x)^3 with p = start + change: the binomial terms up to the degree."""
    start, change, x = (inputs(3, seed=seed) for seed in (14, 15, 16))
    expanded = nt.taylor_expand(lambda p, x: (p @ x) ** 3, jnp.asarray(start), degree)
    a, b = start @ x, change @ x
    terms = [a**3, 3 * a**2 * b, 3 * a * b**2, b**3, 0.0]
    value = expanded(jnp.asarray(start + change), jnp.asarray(x))
    assert_allclose(value, sum(terms[: degree + 1]), atol=TOLERANCE * np.abs(terms).max())


# ------------------------------------------------------------------ batches


@pytest.mark.weekly
@pytest.mark.parametrize("device_count", [-1, 0])
@pytest.mark.parametrize("store_on_device", [False, True])
def test_batched_kernels(device_count, store_on_device):
    _, _, kernel_fn = dense_network(stax.Relu, 2)
    x1, x2 = inputs(6, 3, seed=17), inputs(4, 3, seed=18)
    batched = nt.batch(kernel_fn, 2, device_count, store_on_device)
    kernels = batched(x1, x2, ("nngp", "ntk"))
    nngp, ntk = dense_kernels(x1, x2, relu_dual, 2)
    assert_matches(kernels.nngp, nngp)
    assert_matches(kernels.ntk, ntk)


@pytest.mark.weekly
def test_batched_empirical_kernel():
    apply, params, x1, _ = network_case("dense")
    ntk = nt.batch(nt.empirical_ntk_fn(apply, trace_axes=()), 2)(x1, None, params)
    expected = brute_force_ntk(apply, params, x1, x1)
    assert_matches(ntk, expected)


# ------------------------------------------------------------------ the import itself


def run_python(code, **environment):
    """Run code in a fresh interpreter in which warnings are errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
    )


def assert_clean(result):
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_import_leaves_jax_as_it_was_and_tensorflow_out(tmp_path):
    """No name of any JAX module is added, taken or changed, but for submodules being loaded."""
    for name in ("tensorflow", "tf2jax"):  # installed, as far as anyone can see
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('must not be imported')\n")
    code = """
        import sys
        import jax, jax.core, jax.interpreters.ad
        try:
            import jax.util
        except ImportError:
            pass

        def modules():
            return {n: m for n, m in sys.modules.items() if n.split(".")[0] in ("jax", "jaxlib")}

        before = {name: (module, dict(vars(module))) for name, module in modules().items()}
        from infinite_width.neural_tangents import nt, stax
        after = modules()
        for name, (module, names) in before.items():
            assert after[name] is module, name
            for key in names.keys() | vars(module).keys():
                if key in names and vars(module).get(key) is names[key]:
                    continue
                assert key not in names, (name, key)
                loaded = sys.modules.get(f"{name}.{key}")
                assert loaded is not None and vars(module)[key] is loaded, (name, key)
        for name in after.keys() - before.keys():  # real modules only
            assert after[name].__spec__ is not None, name
        assert not {"tensorflow", "tf2jax"} & sys.modules.keys()
        try:
            nt.experimental.empirical_ntk_fn_tf
        except AttributeError as error:
            assert "TensorFlow" in str(error)
        else:
            raise AssertionError("nt.experimental has content")
    """
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    assert_clean(run_python(code, PYTHONPATH=os.pathsep.join(paths)))


def test_importing_the_package_leaves_neural_tangents_alone():
    code = """
        import sys
        import infinite_width
        assert not any(name.split(".")[0] == "neural_tangents" for name in sys.modules)
    """
    assert_clean(run_python(code))


@pytest.mark.parametrize("found", [None, "0.6.4"])
def test_other_versions_are_refused(monkeypatch, found):
    def version(name):
        if found is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(ImportError, match=r"needs neural-tangents 0\.6\.5.*--no-deps"):
        neural_tangents._require_version()


@pytest.mark.weekly
def test_batches_over_two_devices():
    """`nt.batch` spreads the work by `jax.pmap` when there are several devices."""
    code = """
        import jax
        import jax.numpy as jnp
        import numpy as np
        from infinite_width.neural_tangents import nt, stax

        assert jax.device_count() == 2
        _, _, kernel_fn = stax.serial(stax.Dense(1), stax.Relu(), stax.Dense(1))
        x = np.random.default_rng(0).normal(size=(4, 3))
        ntk = nt.batch(kernel_fn, 2)(x, None, "ntk")
        norms = np.linalg.norm(x, axis=1)
        cosine = np.clip(x @ x.T / np.outer(norms, norms), -1, 1)
        angle = np.arccos(cosine)
        scale = np.outer(norms, norms) / 3
        value = (np.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi)
        expected = scale * (value + cosine * (np.pi - angle) / (2 * np.pi))
        tolerance = 10 * float(jnp.finfo(ntk.dtype).eps) ** 0.5
        np.testing.assert_allclose(ntk, expected, rtol=tolerance)
    """
    flags = "--xla_force_host_platform_device_count=2"
    assert_clean(run_python(code, XLA_FLAGS=flags, JAX_PLATFORMS="cpu"))
