import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from infinite_width.boolean_functions import (
    count_functions,
    hypercube,
    sample_functions,
    sample_network_functions,
    truth_tables,
)
from infinite_width.kernels import mlp_kernels
from infinite_width.networks import MLP
from infinite_width.parametrizations import NTK
from infinite_width.perceptron_gates import perceptron_sphere_volume

KEY = jax.random.key(3)
GATES = truth_tables(2)


def test_hypercube_counts_in_binary():
    assert_array_equal(hypercube(2), [[0, 0], [0, 1], [1, 0], [1, 1]])
    assert_array_equal(hypercube(3, low=-1)[5], [1, -1, 1])
    assert hypercube(3).dtype == jnp.zeros(()).dtype
    assert_array_equal(hypercube(7) @ 2.0 ** jnp.arange(7)[::-1], jnp.arange(128))


def test_truth_tables_are_all_functions_in_order():
    tables = truth_tables(3)
    assert tables.shape == (256, 8) and tables.dtype == bool
    assert_array_equal(tables @ 2 ** np.arange(8)[::-1], np.arange(256))


def test_count_functions():
    tables = np.array([[0, 1, 1], [1, 0, 0], [0, 1, 1], [0, 0, 0], [0, 1, 1], [1, 0, 0]], bool)
    functions, counts = count_functions(tables)
    assert_array_equal(functions, [[0, 1, 1], [1, 0, 0], [0, 0, 0]])
    assert_array_equal(counts, [3, 2, 1])
    many = np.random.default_rng(0).random((500, 20)) < 0.05
    functions, counts = count_functions(many)
    assert counts.sum() == 500 and (np.diff(counts) <= 0).all()
    assert all((many == f).all(1).sum() == c for f, c in zip(functions, counts, strict=True))


def shares(functions):
    return np.bincount(functions @ (8, 4, 2, 1), minlength=16) / len(functions)


@pytest.mark.slow
def test_sampled_perceptrons_have_the_sphere_volumes():
    x = hypercube(2)
    covariance = x @ x.T + 1  # weights and bias N(0, 1)
    count = 100_000
    functions = sample_functions(KEY, covariance, count)
    assert functions.shape == (count, 4) and functions.dtype == bool
    expected = np.array([perceptron_sphere_volume(gate) for gate in GATES])
    # Five binomial standard deviations, for 16 values.
    error = np.sqrt(expected * (1 - expected) / count)
    assert np.all(np.abs(shares(functions) - expected) <= 5 * error)


@pytest.mark.slow
def test_sampling_keeps_what_the_key_says():
    covariance = jnp.eye(3)
    first = sample_functions(KEY, covariance, 100)
    assert_array_equal(first, sample_functions(KEY, covariance, 100))
    other = sample_functions(jax.random.key(4), covariance, 100)
    assert 0 < (first != other).mean() < 1


@pytest.mark.slow
def test_wide_networks_have_the_shares_of_the_limit():
    x = hypercube(2, low=-1)
    network = MLP(128, 1, parametrization=NTK, bias_variance=0.5)
    finite = shares(sample_network_functions(KEY, network, x, 20_000))
    limit = shares(sample_functions(KEY, mlp_kernels(x, depth=1, bias_variance=0.5).nngp, 200_000))
    # Five standard deviations of 20 000 draws, and the distance to the limit, of order 1/128.
    assert np.all(np.abs(finite - limit) <= 5 * np.sqrt(limit / 20_000) + 0.05 * limit)


@pytest.mark.parametrize("call, name", [
    (lambda: hypercube(0), "dimension"),
    (lambda: hypercube(21), "dimension"),
    (lambda: truth_tables(5), "dimension"),
    (lambda: count_functions(np.zeros((0, 4))), "functions"),
    (lambda: sample_functions(KEY, jnp.zeros((2, 3)), 5), "covariance"),
    (lambda: sample_functions(KEY, jnp.diag(jnp.array([1.0, -1.0])), 5), "covariance"),
    (lambda: sample_functions(KEY, jnp.eye(2), 0), "count"),
    (lambda: sample_network_functions(KEY, MLP(4, 1), jnp.zeros(3), 5), "x"),
    (lambda: sample_network_functions(KEY, MLP(4, 1), jnp.zeros((3, 2)), 0), "count"),
])
def test_bad_input_names_the_argument(call, name):
    with pytest.raises(ValueError, match=f"^{name}:"):
        call()
