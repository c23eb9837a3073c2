"""Boolean functions and how much of a network's parameter space each of them fills.

A function of n bits is its truth table: 2**n outputs, in the order of `hypercube`. A network
computes the function that is 1 where its output is positive. The probability P(f) of a
function, under the network's random initialisation, is the volume of its parameters.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Real

from infinite_width import _validate
from infinite_width.networks import MLP


def hypercube(dimension: int, low: float = 0.0) -> Float[Array, "points dimension"]:
    """Return all inputs of `dimension` bits, counting in binary; the first bit counts most.

    Args:
        dimension: Number of bits.
        low: How an input's bit 0 is written, 0 or -1; bit 1 is written 1.

    Raises:
        ValueError: `dimension` is not an integer from 1 to 20.

    Example:
        >>> from infinite_width.boolean_functions import hypercube
        >>> hypercube(2, low=-1).tolist()
        [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    _validate.at_least("dimension", dimension, 1, integer=True)
    if dimension > 20:
        raise ValueError(f"dimension: expected at most 20; got {dimension}")
    bits = (np.arange(2**dimension)[:, None] >> np.arange(dimension)[::-1]) & 1
    return jnp.where(jnp.asarray(bits) == 1, 1.0, float(low))


def truth_tables(dimension: int) -> Bool[np.ndarray, "functions points"]:
    """Return all 2**(2**dimension) functions; row i holds the binary digits of i.

    Raises:
        ValueError: `dimension` is not an integer from 1 to 4.
    """
    _validate.at_least("dimension", dimension, 1, integer=True)
    if dimension > 4:
        raise ValueError(f"dimension: expected at most 4; got {dimension}")
    return np.asarray(hypercube(2**dimension)) > 0


class Counts(NamedTuple):
    """Distinct functions, the most frequent first.

    Attributes:
        functions: Truth tables, one a row.
        counts: How often each occurred.
    """

    functions: Bool[np.ndarray, "distinct points"]
    counts: Int[np.ndarray, " distinct"]


def count_functions(functions: Bool[np.ndarray, "count points"]) -> Counts:
    """Find the distinct functions in a sample and count them.

    Raises:
        ValueError: `functions` is not a matrix with at least one row.

    Example:
        >>> import numpy as np
        >>> from infinite_width.boolean_functions import count_functions
        >>> found = count_functions(np.array([[0, 1], [1, 1], [0, 1]], bool))
        >>> found.functions.tolist(), found.counts.tolist()
        ([[False, True], [True, True]], [2, 1])
    """
    functions = np.asarray(functions, bool)
    if functions.ndim != 2 or len(functions) == 0:
        raise ValueError(f"functions: expected [count, points]; got shape {functions.shape}")
    packed = np.packbits(functions, axis=1)
    rows = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, counts = np.unique(rows, return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return Counts(functions[first[order]], counts[order])


def sample_functions(
    key: PRNGKeyArray, covariance: Real[ArrayLike, "points points"], count: int
) -> Bool[np.ndarray, "count points"]:
    """Draw functions from an infinitely wide network: signs of draws from N(0, covariance).

    Draws are made in float32, after the covariance has been factored in its own precision. So a
    sign is wrong only where |f| is below 1e-6 or so of its scale.

    Args:
        key: Randomness.
        covariance: NNGP kernel at the inputs; it may be singular.
        count: Number of draws.

    Raises:
        ValueError: `covariance` is not square and finite, or has an eigenvalue below zero by
            more than rounding of its largest one; or `count` is not an integer >= 1.
    """
    covariance = _validate.kernel("covariance", covariance)
    _validate.at_least("count", count, 1, integer=True)
    # The symmetric root does not depend on the basis of an eigenspace. Kernels on the cube have
    # large ones, in which every machine finds another basis, so other draws.
    eigenvalues, eigenvectors = jnp.linalg.eigh(covariance)
    _validate.semidefinite("covariance", eigenvalues)
    root = jnp.sqrt(jnp.maximum(eigenvalues, 0.0))
    factor = ((root * eigenvectors) @ eigenvectors.T).astype(jnp.float32)
    return _in_batches(partial(_draw_gaussian, factor=factor), key, count, 20_000)


@partial(jax.jit, static_argnames="count")
def _draw_gaussian(key, count, factor):
    return jax.random.normal(key, (count, len(factor)), jnp.float32) @ factor > 0


def sample_network_functions(
    key: PRNGKeyArray, network: MLP, x: Real[ArrayLike, "points d"], count: int
) -> Bool[np.ndarray, "count points"]:
    """Draw functions from a finite network at initialisation, one fresh network each.

    Args:
        key: Randomness.
        network: With one output.
        x: The inputs.
        count: Number of networks.

    Raises:
        ValueError: `x` is not a finite matrix, or `count` is not an integer >= 1.
    """
    x = _validate.array("x", x, 2, "inputs [points, d]")
    _validate.at_least("count", count, 1, integer=True)
    return _in_batches(partial(_draw_networks, network=network, x=x), key, count, min(count, 2_000))


@partial(jax.jit, static_argnames=("network", "count"))
def _draw_networks(key, count, network, x):
    def one(key):
        return network.apply(network.init(key, x.shape[1]), x)[:, 0] > 0

    return jax.lax.map(one, jax.random.split(key, count), batch_size=100)


def _in_batches(draw, key, count, size):
    # Whole batches, so that one compiled shape serves any count.
    keys = jax.random.split(key, -(-count // size))
    return np.concatenate([np.asarray(draw(k, size)) for k in keys])[:count]
