"""The tangent kernel of a finite network, against its Jacobians and neural-tangents."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from infinite_width.activations import ERF, GELU, LINEAR, RELU, TANH
from infinite_width.networks import MLP
from infinite_width.parametrizations import MEAN_FIELD, MUP, NTK, STANDARD, richness

X64 = jax.config.jax_enable_x64
KEY = jax.random.key(5)
X1, X2 = (np.random.default_rng(seed).normal(size=(n, 3)) for seed, n in ((0, 4), (1, 5)))
# One network for each parametrisation; between them, every other choice twice or more.
NETWORKS = [
    MLP(8, 1, RELU, NTK, dtype=float),
    MLP(8, 2, TANH, MUP, bias_variance=0.3, base_width=4, dtype=float),
    MLP(8, 3, ERF, STANDARD, bias_variance=0.2, orthogonal=True, unit_multiplier=True,
        dtype=float),
    MLP(8, 1, GELU, MEAN_FIELD, weight_variance=1.3, bias_variance=0.1, dtype=float),
    MLP(8, 2, LINEAR, richness(0.25), unit_multiplier=True, base_width=2, dtype=float),
]


def layers_by_jacobians(network, params, x1, x2):
    """[layers, n1, n2, outputs, outputs]"""
    shares = []
    jacobians = [jax.jit(jax.jacobian(network.apply))(params, x) for x in (x1, x2)]
    for one, two in zip(*jacobians):
        flat = [np.concatenate([np.asarray(leaf, float).reshape(*leaf.shape[:2], -1)
                                for leaf in entry.values()], -1) for entry in (one, two)]
        shares.append(np.einsum("iap,jbp->ijab", *flat))
    return np.stack(shares)


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.parametrization.name)
def test_equals_the_product_of_jacobians(network, outputs):
    params = network.init(KEY, 3, outputs)
    expected = layers_by_jacobians(network, params, X1, X2)
    if outputs == 1:
        expected = expected[..., 0, 0]
    limit = (1e-14 if X64 else 3e-6) * np.abs(expected).max()
    by_layer = network.tangent_kernel(params, X1, X2, by_layer=True)
    assert by_layer.shape == expected.shape
    assert_allclose(by_layer, expected, rtol=0, atol=limit)
    whole = network.tangent_kernel(params, X1, X2)
    assert_allclose(whole, expected.sum(0), rtol=0, atol=3 * limit)


@pytest.mark.slow
def test_equals_neural_tangents():
    nt = pytest.importorskip("infinite_width.neural_tangents").nt
    network = NETWORKS[1]
    params = network.init(KEY, 3, 2)
    theirs = nt.empirical_ntk_fn(lambda p, x: network.apply(p, x), trace_axes=())(
        jnp.asarray(X1), jnp.asarray(X2), params)
    ours = network.tangent_kernel(params, X1, X2)
    assert_allclose(ours, theirs, rtol=0, atol=(1e-14 if X64 else 2e-6) * np.abs(theirs).max())


@pytest.mark.slow
def test_one_set_of_inputs_transformations_and_precision():
    network = MLP(8, 2, bias_variance=0.1)
    params = network.init(KEY, 3)
    both = network.tangent_kernel(params, X1, X1)
    alone = jax.jit(network.tangent_kernel)(params, X1)
    assert alone.shape == (4, 4) and alone.dtype == jnp.float32
    assert_allclose(alone, both, rtol=2e-6)
    many = jax.vmap(lambda key: network.tangent_kernel(network.init(key, 3), X1))(
        jax.random.split(KEY, 3))
    assert many.shape == (3, 4, 4)
    last = network.tangent_kernel(network.init(jax.random.split(KEY, 3)[2], 3), X1)
    assert_allclose(many[2], last, rtol=1e-5)


@pytest.mark.parametrize("call, message", [
    (lambda n, p: n.tangent_kernel(p[:2], X1), "params: expected 3 layers; got 2"),
    (lambda n, p: n.tangent_kernel(p, X1[:, :2]), "x: expected inputs"),
    (lambda n, p: n.tangent_kernel(p, X1, X1[:, :2]), "x2: expected 3 features; got 2"),
    (lambda n, p: n.tangent_kernel(p, X1[0]), "x1: expected inputs"),
])
def test_bad_input(call, message):
    network = MLP(4, 2)
    with pytest.raises(ValueError, match=message):
        call(network, network.init(KEY, 3))


@pytest.mark.parametrize("bad", ["relu", jax.nn.relu])
def test_bad_activations(bad):
    with pytest.raises(ValueError, match="activation: expected an Activation such as .*RELU"):
        MLP(4, 2, bad)
