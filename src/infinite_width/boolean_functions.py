"""Boolean functions and how much of a network's parameter space each of them fills.

A function of n bits is its truth table: 2**n outputs, in the order of `hypercube`. A network
computes the function that is 1 where its output is positive. The probability P(f) of a
function, under the network's random initialisation, is the volume of its parameters.
"""

from functools import partial
from itertools import combinations
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, HalfspaceIntersection

from infinite_width import _validate
from infinite_width.networks import MLP


def hypercube(dimension: int, low: float = 0.0) -> Float[Array, "points dimension"]:
    """Return all inputs of `dimension` bits, counting in binary; the first bit counts most.

    Args:
        dimension: Number of bits.
        low: How an input's bit 0 is written, 0 or -1; bit 1 is written 1.

    Raises:
        ValueError: `dimension` is not an integer from 1 to 20.
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
    """
    functions = np.asarray(functions, bool)
    if functions.ndim != 2 or len(functions) == 0:
        raise ValueError(f"functions: expected [count, points]; got shape {functions.shape}")
    packed = np.packbits(functions, axis=1)
    rows = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, counts = np.unique(rows, return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return Counts(functions[first[order]], counts[order])


def lempel_ziv_complexity(bits: Bool[Array, " points"]) -> float:
    """Return the Lempel-Ziv complexity of a sequence of m bits, symmetrised, in bits.

    A sequence is read as phrases, each the shortest stretch that has not occurred before, where
    occurrences may overlap the phrase up to its last bit. With N phrases forwards and N' in the
    reversed sequence,

        K = log2(m) (N + N') / 2,   and K = log2(m) if all bits are equal.

    Raises:
        ValueError: `bits` is not a vector of at least 2 entries, each 0 or 1.

    Source: Lempel & Ziv (1976) for the phrases; Dingle et al. (2018) for K.
    """
    values = np.asarray(bits)
    if values.ndim != 1 or len(values) < 2 or not np.isin(values, (0, 1)).all():
        raise ValueError(f"bits: expected at least 2 zeros and ones; got {bits!r}")
    text = values.astype(np.uint8).tobytes()
    if len(set(text)) == 1:
        return float(np.log2(len(text)))
    return float(np.log2(len(text)) * (_phrases(text) + _phrases(text[::-1])) / 2)


def _phrases(text):
    count = start = 0
    while start < len(text):
        end = start + 1
        while end <= len(text) and text.find(text[start:end], 0, end - 1) >= 0:
            end += 1
        count, start = count + 1, end
    return count


def _half_spaces(gate):
    # The gate is computed where normals @ (weights, bias) > 0.
    gate = np.asarray(gate)
    dimension = int(gate.size).bit_length() - 1
    if gate.ndim != 1 or gate.size != 2**dimension or not np.isin(gate, (0, 1)).all():
        raise ValueError(f"gate: expected a truth table of 2**n zeros and ones; got {gate!r}")
    inputs = np.asarray(hypercube(dimension), float)
    return (2 * gate - 1)[:, None] * np.c_[inputs, np.ones(gate.size)]


def perceptron_cube_volume(gate: Bool[Array, " points"]) -> float:
    """Return the share of the cube of weights and bias in which a perceptron computes `gate`.

    The perceptron computes 1 where w.x + b > 0, x in {0, 1}^n; (w, b) is uniform in [-1, 1]^{n+1}.
    The share is the volume of a polytope, found from its half-spaces.

    Raises:
        ValueError: `gate` is not a truth table.
    """
    normals = _half_spaces(gate)
    size = normals.shape[1]
    faces = np.concatenate([-normals, np.eye(size), -np.eye(size)])
    offsets = np.r_[np.zeros(len(normals)), np.ones(2 * size)]
    # The centre of the largest ball inside; none, and the gate cannot be computed.
    lengths = np.linalg.norm(faces, axis=1)
    ball = linprog(np.r_[np.zeros(size), -1.0], np.c_[faces, lengths], offsets,
                   bounds=[(None, None)] * size + [(0, None)])
    if ball.x[-1] < 1e-9:
        return 0.0
    corners = HalfspaceIntersection(np.c_[faces, -offsets], ball.x[:size]).intersections
    return float(ConvexHull(corners).volume / 2**size)


def perceptron_sphere_volume(gate: Bool[Array, "4"]) -> float:
    """Return the share of the sphere of weights and bias in which a perceptron computes `gate`.

    The perceptron has two inputs and computes 1 where w.x + b > 0, x in {0, 1}^2; (w, b) is
    uniform on the unit sphere, or normal. The share is the area of a spherical polygon with k
    corners, (sum of angles - (k - 2) pi) / (4 pi).

    Raises:
        ValueError: `gate` is not a truth table of two bits.
    """
    normals = _half_spaces(gate)
    if normals.shape != (4, 3):
        raise ValueError(f"gate: expected 4 outputs; got {len(normals)}")
    unit = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    angles = []
    for i, j in combinations(range(4), 2):
        ray = np.cross(unit[i], unit[j])
        # Two sides meet in a corner if the line they share lies in all the half-spaces.
        if any((unit @ (sign * ray) > -1e-12).all() for sign in (1, -1)):
            angles.append(np.pi - np.arccos(unit[i] @ unit[j]))
    area = sum(angles) - (len(angles) - 2) * np.pi if len(angles) > 2 else 0.0
    return float(area / (4 * np.pi))


def sample_functions(
    key: PRNGKeyArray, covariance: Float[Array, "points points"], count: int
) -> Bool[np.ndarray, "count points"]:
    """Draw functions from an infinitely wide network: signs of draws from N(0, covariance).

    Draws are made in float32, after the covariance has been factored in its own precision. So a
    sign is wrong only where |f| is below 1e-6 or so of its scale.

    Args:
        key: Randomness.
        covariance: NNGP kernel at the inputs; it may be singular.
        count: Number of draws.

    Raises:
        ValueError: `covariance` is not square and finite, or `count` is not an integer >= 1.
    """
    covariance = _validate.array("covariance", covariance, 2, "a square kernel matrix")
    _validate.shape("covariance", covariance, (len(covariance),) * 2, "a square kernel matrix")
    _validate.at_least("count", count, 1, integer=True)
    eigenvalues, eigenvectors = jnp.linalg.eigh(covariance)
    factor = (jnp.sqrt(jnp.maximum(eigenvalues, 0.0)) * eigenvectors).T.astype(jnp.float32)
    return _in_batches(partial(_draw_gaussian, factor=factor), key, count, 20_000)


@partial(jax.jit, static_argnames="count")
def _draw_gaussian(key, count, factor):
    return jax.random.normal(key, (count, len(factor)), jnp.float32) @ factor > 0


def sample_network_functions(
    key: PRNGKeyArray, network: MLP, x: Float[Array, "points d"], count: int
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
    return _in_batches(partial(_draw_networks, network=network, x=x), key, count, 2_000)


@partial(jax.jit, static_argnames=("network", "count"))
def _draw_networks(key, count, network, x):
    def one(key):
        return network.apply(network.init(key, x.shape[1]), x)[:, 0] > 0

    return jax.lax.map(one, jax.random.split(key, count), batch_size=100)


def _in_batches(draw, key, count, size):
    # Whole batches, so that one compiled shape serves any count.
    keys = jax.random.split(key, -(-count // size))
    return np.concatenate([np.asarray(draw(k, size)) for k in keys])[:count]
