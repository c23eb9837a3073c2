"""The functions that the exercises ask for, by the names that ``exercises.toml`` gives them."""

import math

import numpy as np


def relu_correlation(theta):
    """Correlation of a wide ReLU layer's outputs for two inputs at an angle."""
    return (math.sin(theta) + (math.pi - theta) * math.cos(theta)) / math.pi


def ntk_on_circle(angle):
    """NTK of one hidden ReLU layer without bias, relative to its value at angle 0."""
    return (relu_correlation(angle) + (1 - angle / math.pi) * math.cos(angle)) / 2


def ensemble_variance(k_train, k_cross, k_test, ntk_train, ntk_cross, t):
    """Variance of a trained ensemble at a test input, from one observation."""
    gain = ntk_cross / ntk_train * -math.expm1(-ntk_train * t)
    return k_test - 2 * gain * k_cross + gain**2 * k_train


def zero_one_share(n, m, p):
    """Share of the experts for features and labels 0 and 1, m of n labels being 1."""
    kernel = (1 - p) / 4 * (np.eye(n) + 1)
    y = np.arange(n) < m
    odds = p * (y @ np.linalg.solve(kernel, y.astype(float)))
    return odds / (1 + odds)


def total_influence(bits):
    """Expected number of input bits whose flip changes a truth table's output."""
    size = len(bits)
    flips = (bits[i] != bits[i ^ (1 << k)]
             for i in range(size) for k in range(size.bit_length() - 1))
    return sum(flips) / size


def tip(b):
    """Squared tip J^2 of one hidden layer along the circle |x|^2 = d = 2."""
    return math.sqrt(2 + b) / math.pi


def first_step_exponents(p, e_in, e_hid, e_out):
    """Exponents of the first step of three hidden layers and the output, under SGD."""
    first = -e_in - p
    hidden = max(first, 1 - e_hid - p)
    return [first, hidden, hidden, max(1 - e_out, 1 - p + hidden)]


def hidden_share(depth, v):
    """Share of hidden matrices in the learning, in the standard parametrisation."""
    return v * (depth - 1) / (2 + v * (depth - 1))


def saving(rates, ratio, repeats):
    """How many times cheaper it is to tune a small network than a large one."""
    runs = rates**repeats
    return runs * ratio / (runs + ratio)


def kernel_growth(kappa, y):
    """Growth of the kernel of a wide linear network that learns y from zero."""
    return math.hypot(1, y / kappa)


def half_time(kappa):
    """When a wide linear network has learned half of the target 1."""
    ratio = 1 / kappa
    omega, tau = math.hypot(1, ratio), math.tanh(math.asinh(ratio) / 2)
    half = math.tanh(math.asinh(ratio / 2) / 2)
    return math.log(tau**2 * (half + 1 / tau) / (tau - half)) / (2 * omega)
